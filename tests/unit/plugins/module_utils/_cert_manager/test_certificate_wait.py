# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait as a whole, against a scripted API: what it returns, when, and with how many requests."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import Renewal
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Answer
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, answer, status
from ansible_collections.baremesh.edge.tests.unit.plugins.worlds import World


@pytest.fixture
def world():
    found = World()
    found.put(kinds.CLUSTER_ISSUERS, make.cluster_issuer())
    return found


def first_line(outcome):
    return outcome.message.splitlines()[0]


def test_ready_at_the_first_look_costs_one_list_and_two_watches(world):
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret())
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == 0.0
    assert [(r[0], r[1].rsplit("/", 1)[1]) for r in world.api.requests] == [
        ("GET", "certificates"),
        ("WATCH", "certificates"),
        ("WATCH", "secrets"),
    ]
    entry = outcome.result()["certificates"][0]
    assert entry["serial"] == "1001"
    assert entry["ready"] is True
    assert entry["cause"] is None


def test_an_issuance_is_followed_and_ends_with_its_last_event(world):
    world.put_at(1.0, kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put_at(1.1, kinds.CERTIFICATE_REQUESTS, make.request())
    world.put_at(1.2, kinds.ORDERS, make.order())
    world.put_at(1.3, kinds.CHALLENGES, make.challenge())
    world.put_at(50.0, kinds.SECRETS, make.secret())
    world.put_at(50.5, kinds.CERTIFICATES, make.certificate())
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == 50.5
    assert len(world.api.requests) == 6


def test_a_wait_of_60_seconds_costs_six_requests_for_500_certificates(world):
    for number in range(500):
        name = f"c{number}"
        world.put(kinds.CERTIFICATES, make.certificate(name, conditions=[make.MISSING, make.ISSUING]))
        world.put(kinds.CERTIFICATE_REQUESTS, make.request(name))
        world.put(kinds.ORDERS, make.order(f"{name}-1"))
    outcome = world.wait(names=())
    assert not outcome.good
    assert outcome.elapsed == 60.0
    assert len(world.api.requests) == 6
    assert first_line(outcome).startswith("Certificate istio-ingress/c0 is not ready: Order c0-1-1234: it is pending")
    assert "490 more are not ready." in outcome.message


def test_news_of_many_is_gathered_before_it_is_judged(world):
    """Each judgement goes over all of them; with a burst of news, as an issuer that was awaited makes, most would be in vain."""
    for number in range(100):
        name = f"c{number}"
        world.put(kinds.CERTIFICATES, make.certificate(name, conditions=[make.MISSING, make.ISSUING]))
        secret = make.secret(name, certificate_name=name, names=(f"{name}.example.com",))
        world.put_at(10 + number / 1000, kinds.SECRETS, secret)
        world.put_at(10 + number / 1000, kinds.CERTIFICATES, make.certificate(name))
    waiter, decisions = world.waiter(names=()), []
    decide = waiter.has_decided
    waiter.has_decided = lambda: decisions.append(None) or decide()
    outcome = waiter.run()
    assert outcome.good
    assert 10.09 < outcome.elapsed < 10.2
    assert len(decisions) < 25


def test_a_certificate_that_never_appears_is_a_failure(world):
    outcome = world.wait(timeout=30)
    assert not outcome.good
    assert outcome.elapsed == 30.0
    assert first_line(outcome) == "Certificate istio-ingress/app is not ready: it does not exist"


def test_nothing_that_fits_the_selector_is_a_failure(world):
    outcome = world.wait(names=(), selector="team=web", timeout=5)
    assert first_line(outcome) == "There is no Certificate with labels team=web in namespace istio-ingress"


def test_ready_of_the_old_generation_does_not_count(world):
    world.put(kinds.CERTIFICATES, make.certificate(generation=2))
    world.put(kinds.SECRETS, make.secret())
    outcome = world.wait(timeout=5)
    assert not outcome.good
    assert first_line(outcome).endswith(
        "its Ready condition is of generation 1, the spec of generation 2; cert-manager's controller does not run: "
        "no pod has the labels app.kubernetes.io/component=controller,app.kubernetes.io/name=cert-manager"
    )


NOT_PLACED = 'E1125 22:33:34.7 1 controller.go:155] "re-queuing item due to error processing" err="error creating new order: %s" logger="x"'
REFUSED = r"Get \"https://acme/dir\": dial tcp 10.0.0.2:443: connect: connection refused"


def pods(*parts, ready="True"):
    names = {"controller": "cert-manager", "webhook": "webhook"}
    return [
        {
            "metadata": {
                "name": f"{part}-1",
                "namespace": "cert-manager",
                "labels": {"app.kubernetes.io/component": part, "app.kubernetes.io/name": names[part]},
            },
            "status": {"conditions": [make.condition("Ready", ready)]},
        }
        for part in parts
    ]


@pytest.fixture
def cert_manager(world):
    """Let cert-manager run, with this in its controller's log."""

    def start(log="", *, parts=("controller", "webhook"), ready="True"):
        world.put(kinds.PODS, *pods(*parts, ready=ready))
        plain = world.api.request

        def request(method, path, query, *rest):
            if path.endswith("/log"):
                world.api.requests.append((method, path, dict(query), None))
                return world.api._fault(path, False) or Answer(200, {}, log.encode())
            if path == "/api/v1/pods":
                world.api.requests.append((method, path, dict(query), None))
                return answer(200, {"items": world.api.select(kinds.PODS.path("cert-manager"), query)})
            return plain(method, path, query, *rest)

        world.api.request = request

    return start


def test_a_controller_that_runs_is_not_blamed(world, cert_manager):
    cert_manager()
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[]))
    outcome = world.wait(timeout=60)
    assert outcome.cause == "cert-manager has not set its Ready condition"
    # Certificates twice, Secrets, requests; at the end pods and a log
    assert len(world.api.requests) == 6


@pytest.mark.parametrize(
    ("parts", "ready", "why"),
    [
        ((), "True", "controller does not run: no pod has the labels "),
        (("webhook",), "True", "controller does not run: no pod has the labels app.kubernetes.io/component=controller,"),
        (("controller",), "True", "webhook does not run: no pod has the labels app.kubernetes.io/component=webhook,"),
        (("controller", "webhook"), "False", "controller does not run: none of its pods is Ready"),
    ],
)
def test_a_part_of_cert_manager_that_does_not_run_is_named(world, cert_manager, parts, ready, why):
    cert_manager(parts=parts, ready=ready)
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    outcome = world.wait(timeout=5)
    assert "Issuing certificate as Secret does not exist; cert-manager's " + why in first_line(outcome)
    assert "Check the pods of cert-manager's namespace" in outcome.message


def test_an_order_that_is_not_placed_is_explained_by_the_log(world, cert_manager):
    other = NOT_PLACED.replace("error creating new order: %s", r"orders \"app-1-12345\" not found")
    cert_manager("\n".join([NOT_PLACED % "old", NOT_PLACED % REFUSED, other, "I1125 nothing"]))
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order(state=""))
    outcome = world.wait(timeout=60)
    assert first_line(outcome) == (
        "Certificate istio-ingress/app is not ready: Order app-1-1234: it is not yet placed; cert-manager's log says: error creating new "
        'order: Get "https://acme/dir": dial tcp 10.0.0.2:443: connect: connection refused'
    )
    assert len(world.api.requests) == 7
    assert world.api.asked("/log")[0][1:3] == (
        "/api/v1/namespaces/cert-manager/pods/controller-1/log",
        {"tailLines": "1000", "sinceSeconds": "120"},
    )


@pytest.mark.parametrize("reply", [status(403, "Forbidden", "no right"), status(503, "ServiceUnavailable", "busy"), "lost"])
def test_a_log_that_cannot_be_read_takes_nothing_away(world, cert_manager, reply):
    cert_manager(NOT_PLACED.replace("error creating new order: %s", "certificates app: boom"))
    world.api.fail("/log", reply)
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[]))
    assert world.wait(timeout=5).cause == "cert-manager has not set its Ready condition"
    assert "certificates app: boom" in world.wait(timeout=5).cause


def test_who_answers_instead_is_told_once_and_only_for_a_wrong_answer(world):
    asked = []

    def sight(host):
        asked.append(host)
        return f"{host} points to 192.0.2.1"

    world.put(kinds.CERTIFICATES, *(make.certificate(n, conditions=[make.MISSING, make.ISSUING]) for n in ("app", "b")))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request(), make.request("b"))
    world.put(kinds.ORDERS, make.order(), make.order("b-1"))
    wrong = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
    world.put(kinds.CHALLENGES, make.challenge(reason=wrong), make.challenge("b-1-1234", reason=wrong, dns_name="b.example.com"))
    outcome = world.wait(names=("app", "b"), timeout=5, sight=sight)
    assert first_line(outcome).endswith("wrong status code '404', expected '200'; seen from here, app.example.com points to 192.0.2.1")
    assert asked == ["app.example.com"]
    assert len(world.api.requests) == 6


def test_a_request_that_waits_for_its_issuer_makes_it_worth_a_look_at_once(world):
    pending = make.condition(
        "Ready", "False", "Pending", 'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "x" not found'
    )
    approved = make.condition("Approved", "True", "cert-manager.io")
    world.api.remove(kinds.CLUSTER_ISSUERS, None, "letsencrypt")
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request(conditions=[approved, pending]))
    outcome = world.wait(timeout=300)
    assert first_line(outcome) == "Certificate istio-ingress/app is not ready: ClusterIssuer letsencrypt does not exist"
    assert outcome.elapsed < 3.6
    assert len(world.api.requests) == 6


def test_an_order_that_comes_late_costs_no_look_at_the_issuer(world):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put_at(2.0, kinds.ORDERS, make.order())
    world.wait(timeout=60)
    assert not world.api.asked("issuers")


def test_the_secret_must_hold_what_the_certificate_says(world):
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret(key="foreign"))
    outcome = world.wait(timeout=5)
    assert first_line(outcome).endswith("Secret app: its private key does not belong to its certificate")
    world.put_at(world.clock.now + 2, kinds.SECRETS, make.secret())
    assert world.wait(timeout=5).good


def test_the_deepest_cause_comes_first_on_timeout(world):
    reason = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order())
    world.put(kinds.CHALLENGES, make.challenge(reason=reason))
    outcome = world.wait(timeout=20)
    assert outcome.elapsed == 20.0
    assert first_line(outcome) == "Certificate istio-ingress/app is not ready: Challenge app.example.com: " + reason
    assert "Something else answers" in outcome.message
    assert [c["kind"] for c in outcome.result()["chain"]] == ["Certificate", "CertificateRequest", "Order", "Challenge"]


def test_live_progress_says_a_change_at_once_and_then_every_ten_seconds(world):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order())
    world.put_at(4.0, kinds.CHALLENGES, make.challenge(reason="wrong status code '404', expected '200'"))
    world.wait(timeout=20)
    assert world.lines[-2:] == [
        "app: Order pending, Challenge app.example.com: self check gets 404 (4 s)",
        "app: Order pending, Challenge app.example.com: self check gets 404 (14 s)",
    ]


def test_of_many_certificates_a_few_are_said_at_a_time(world):
    for number in range(12):
        name = f"site-{number:02}"
        world.put(kinds.CERTIFICATES, make.certificate(name, conditions=[make.MISSING, make.ISSUING]))
    waiter, sizes = world.waiter(names=(), timeout=30), []
    report = waiter._report

    def counted():
        before = len(world.lines)
        report()
        sizes.append(len(world.lines) - before)

    waiter._report = counted
    waiter.run()
    assert max(sizes) == 5
    assert len({line.partition(":")[0] for line in world.lines}) == 12, "each has its turn"


def test_news_without_end_do_not_put_off_a_final_state(world):
    """Objects below may deepen the cause, within some seconds."""
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order(state="invalid"))
    for number in range(1, 400):
        world.put_at(number * 0.1, kinds.CHALLENGES, make.challenge(state="invalid", reason=f"reason {number}"))
    assert world.wait(timeout=60).elapsed < 5.0


def test_a_failed_challenge_ends_the_wait_within_a_second(world):
    text = "Error accepting authorization: acme: authorization error for app.example.com: 400 urn:ietf:params:acme:error:dns: no such host"
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order())
    world.put_at(7.0, kinds.CHALLENGES, make.challenge(state="invalid", reason=text))
    outcome = world.wait(timeout=300)
    assert 7.0 < outcome.elapsed < 8.0
    assert outcome.cause == "Challenge app.example.com: " + text


def test_the_cause_deepens_while_a_final_state_settles(world):
    failed = [make.condition("Ready", "False", "Failed", "Failed to wait for order resource to become ready")]
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order())
    world.put_at(5.0, kinds.CERTIFICATE_REQUESTS, make.request(conditions=failed, failure_time=NOW + 5))
    world.put_at(5.1, kinds.ORDERS, make.order(state="invalid"))
    world.put_at(5.2, kinds.CHALLENGES, make.challenge(state="invalid", reason="deep reason"))
    assert world.wait(timeout=300).cause == "Challenge app.example.com: deep reason"


def test_fail_fast_off_waits_for_the_deadline_and_still_knows(world):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(
        kinds.ORDERS,
        make.order(
            state="errored",
            reason="Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many, retry after 2026-11-22 10:00:00 UTC: see",
        ),
    )
    outcome = world.wait(timeout=40, fail_fast=False)
    assert outcome.elapsed == 40.0
    assert outcome.cause.startswith("Order app-1-1234: Failed to create Order: 429")
    assert outcome.retry_at == "2026-11-22T10:00:00Z"


def test_the_others_are_waited_for_on_wish(world):
    refused = "400 urn:ietf:params:acme:error:rejectedIdentifier: no"
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, make.order(state="errored", reason=f"Failed to create Order: {refused}"))
    world.put(kinds.CERTIFICATES, make.certificate("b", conditions=[make.MISSING, make.ISSUING]))
    first = world.wait(names=("app", "b"), timeout=60)
    assert (first.good, [entry["ready"] for entry in first.found["certificates"]]) == (False, [False, False])
    world.put_at(9.0, kinds.SECRETS, make.secret("b", certificate_name="b", names=("b.example.com",)))
    world.put_at(9.0, kinds.CERTIFICATES, make.certificate("b", dns=["b.example.com"]))
    every = world.wait(names=("app", "b"), timeout=60, settle_all=True)
    assert [entry["ready"] for entry in every.found["certificates"]] == [False, True]
    assert (every.good, every.cause) == (False, first.cause)
    assert every.elapsed < 60


def test_a_missing_issuer_fails_after_a_grace(world):
    world.api.remove(kinds.CLUSTER_ISSUERS, None, "letsencrypt")
    pending = make.condition("Ready", "False", "Pending", 'Referenced "ClusterIssuer" not found')
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request(conditions=[make.condition("Approved", "True"), pending]))
    outcome = world.wait(timeout=300)
    assert first_line(outcome) == "Certificate istio-ingress/app is not ready: ClusterIssuer letsencrypt does not exist"
    assert outcome.elapsed < 6.0
    assert len(world.api.requests) == 6


def test_an_old_failure_in_back_off_fails_at_once_and_says_when_the_next_attempt_is(world):
    failed = make.condition("Issuing", "False", "Failed", "The certificate request has failed to complete and will be retried: boom")
    world.put(
        kinds.CERTIFICATES,
        make.certificate(conditions=[make.MISSING, failed], failedIssuanceAttempts=2, lastFailureTime=make.stamp(NOW - 600)),
    )
    outcome = world.wait(timeout=300)
    assert outcome.elapsed < 2.0
    assert outcome.retry_at == make.stamp(NOW - 600 + 7200)
    assert "will be retried: boom" in first_line(outcome)


def test_a_renewal_that_failed_is_in_the_view_of_what_is_ready(world):
    failed = make.condition("Issuing", "False", "Failed", "boom")
    world.put(kinds.SECRETS, make.secret())
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.READY, failed], failedIssuanceAttempts=2))
    (view,) = world.wait(timeout=300).found["certificates"]
    assert (view["ready"], view["renewal_failure"], view["failed_attempts"]) == (True, "boom", 2)


def test_a_failure_of_the_old_spec_is_waited_out(world):
    failed = make.condition("Issuing", "False", "Failed", "boom", generation=1)
    world.put(
        kinds.CERTIFICATES,
        make.certificate(conditions=[make.MISSING, failed], generation=2, failedIssuanceAttempts=1, lastFailureTime=make.stamp(NOW - 60)),
    )
    world.put_at(10.0, kinds.SECRETS, make.secret())
    world.put_at(10.0, kinds.CERTIFICATES, make.certificate(generation=2, conditions=[dict(make.READY, observedGeneration=2)]))
    outcome = world.wait(timeout=300)
    assert outcome.good
    assert outcome.elapsed == 10.0


def test_a_renewal_is_waited_for_by_revision_and_by_serial(world):
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret())
    world.put_at(5.0, kinds.SECRETS, make.secret(serial=0x2002))
    world.put_at(6.0, kinds.CERTIFICATES, make.certificate(revision=2))
    by_serial = world.waiter(renewals={"app": Renewal(serial="1001")}).run()
    assert (by_serial.good, by_serial.elapsed) == (True, 5.0)
    by_revision = world.waiter(renewals={"app": Renewal(revision=1)}).run()
    assert by_revision.good
    assert world.clock.now == 6.0


@pytest.mark.parametrize("code", [429, 500, 503])
def test_trouble_with_the_api_is_survived(world, code):
    world.api.fail("certificates", status(code, "Trouble", "busy"), times=3)
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret())
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == pytest.approx(0.2 + 0.4 + 0.8)
    assert len(world.api.asked("/certificates")) == 5


def test_retry_after_is_honoured(world):
    world.api.fail("certificates", status(429, "TooManyRequests", "slow down", retry_after="7"), times=1)
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret())
    assert world.wait().elapsed == 7.0


def test_an_api_that_stays_away_is_the_cause(world):
    world.api.fail("/", "lost", times=10**6)
    outcome = world.wait(timeout=30)
    assert outcome.elapsed == 30.0
    assert first_line(outcome) == (
        "Certificate istio-ingress/app is not ready: The Kubernetes API at https://fake cannot be reached: connection refused"
    )
    # the first, then after 0.2 0.4 0.8 1.6 3.2 6.4 10 and what is left
    assert len(world.api.requests) == 9


def test_an_expired_watch_is_listed_again(world):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING]))
    gone = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}'

    def expire():
        world.put(kinds.SECRETS, make.secret())
        world.api.end_watches("certificates", gone)
        world.put(kinds.CERTIFICATES, make.certificate())

    world.clock.at(10.0, expire)
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == pytest.approx(10.2, abs=0.01)
    assert [r[0] for r in world.api.asked("/certificates")] == ["GET", "WATCH", "GET", "WATCH"]


def test_a_watch_that_ends_is_opened_again_where_it_ended(world):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING]))
    world.put(kinds.SECRETS, make.secret())
    world.clock.at(10.0, lambda: world.api.end_watches("certificates"))
    world.put_at(10.1, kinds.CERTIFICATES, make.certificate())
    outcome = world.wait()
    assert outcome.good
    assert [r[0] for r in world.api.asked("/certificates")] == ["GET", "WATCH", "WATCH"]


@pytest.mark.parametrize("kind", ["certificates", "secrets"])
def test_rbac_is_named_at_once(world, kind):
    text = f'{kind} is forbidden: User "ops" cannot list resource'
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING]))
    world.api.fail("/" + kind, status(403, "Forbidden", text), times=100)
    outcome = world.wait(timeout=300)
    assert outcome.elapsed == 0.0
    assert text in first_line(outcome)


def test_a_lower_kind_that_may_not_be_read_is_a_warning(world):
    world.api.fail("/certificaterequests", status(403, "Forbidden", "no right"), times=100)
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING]))
    world.put_at(9.0, kinds.SECRETS, make.secret())
    world.put_at(9.0, kinds.CERTIFICATES, make.certificate())
    outcome = world.wait()
    assert outcome.good
    assert len(outcome.warnings) == 1
    assert "no right" in outcome.warnings[0]


def test_missing_crds_are_named_after_the_grace(world):
    world.api.fail("/certificates", status(404, "NotFound", "the server could not find the requested resource"), times=10**6)
    outcome = world.wait(timeout=300, crd_grace=15)
    assert 15.0 <= outcome.elapsed <= 26.0
    assert first_line(outcome) == (
        "The API server does not know the kind Certificate (certificates.cert-manager.io): its CRD is not installed"
    )


def test_crds_that_are_just_being_installed_are_waited_for(world):
    world.api.fail("/certificates", status(404, "NotFound", "no such kind"), times=4)
    world.put(kinds.CERTIFICATES, make.certificate())
    world.put(kinds.SECRETS, make.secret())
    assert world.wait(crd_grace=15).good


def test_two_certificates_on_one_secret(world):
    wrong = make.condition("Ready", "False", "IncorrectCertificate", "Secret was issued for other")
    world.put(kinds.CERTIFICATES, make.certificate("other", secret_name="app"), make.certificate(conditions=[wrong]))
    world.put(kinds.SECRETS, make.secret(certificate_name="other", names=("other.example.com",)))
    outcome = world.wait(timeout=300)
    assert outcome.cause == ("Secret app is also claimed by Certificate istio-ingress/other; each Certificate needs a Secret of its own")
    assert outcome.elapsed < 5.0


def test_one_look_reads_each_kind_once(world):
    world.put(kinds.CERTIFICATES, make.certificate(), make.certificate("b", conditions=[make.MISSING]))
    world.put(kinds.SECRETS, make.secret())
    outcome = world.waiter(names=(), once=True).look()
    assert [c["ready"] for c in outcome.result()["certificates"]] == [True, False]
    assert [r[0] for r in world.api.requests] == ["GET"] * 6
    assert world.clock.now == 0.0


@pytest.mark.parametrize(
    ("objects", "looks"),
    [
        ((), ["certificates", "secrets"]),
        ((make.certificate(),), ["certificates", "secrets"]),
        (
            (make.certificate(conditions=[make.MISSING]),),
            ["certificates", "secrets", "certificaterequests", "orders", "challenges", "clusterissuers"],
        ),
    ],
)
def test_one_look_reads_what_lies_below_certificates_that_are_not_ready(world, objects, looks):
    world.put(kinds.CERTIFICATES, *objects)
    world.put(kinds.SECRETS, make.secret())
    world.waiter(once=True).look()
    assert [r[1].rsplit("/", 1)[1] for r in world.api.requests] == looks


def test_the_ready_ones_are_counted(world):
    world.put(kinds.CERTIFICATES, make.certificate(), make.certificate("b", conditions=[make.MISSING]), make.certificate("c"))
    world.put(kinds.SECRETS, make.secret(), make.secret("c", certificate_name="c", names=("c.example.com",)))
    assert world.wait(names=(), timeout=1).result()["ready"] == 2


def test_an_api_that_stays_away_is_the_cause_of_the_first_one(world):
    world.api.fail("/", "lost", times=10**6)
    assert first_line(world.wait(names=("b", "a"), timeout=5)).startswith("Certificate istio-ingress/b is not ready: The Kubernetes API")


SECRETS_OF_USERS = "type!=helm.sh/release.v1"


@pytest.mark.parametrize(
    ("names", "objects", "fields"),
    [
        (("app",), ("app",), "metadata.name=app"),
        (("app", "b"), ("app", "b"), SECRETS_OF_USERS),
        (("app", "b"), ("app",), SECRETS_OF_USERS),
        ((), ("app",), SECRETS_OF_USERS),
    ],
)
def test_of_the_secrets_only_those_are_asked_for_that_can_be_named(world, names, objects, fields):
    for name in objects:
        world.put(kinds.CERTIFICATES, make.certificate(name, labels={"team": "web"}))
    world.wait(names=names, selector=None if names else "team=web", timeout=1)
    asked = {r[1].rsplit("/", 1)[1]: r[2] for r in world.api.requests if r[0] == "WATCH"}
    assert asked["secrets"]["fieldSelector"] == fields
    assert [asked[kind].get("labelSelector") for kind in ("certificates", "secrets")] == [None if names else "team=web", None]


AUTHORIZATIONS = [{"identifier": "app.example.com", "challenges": [{"type": "http-01"}], "initialState": "pending"}]
APPROVED = make.condition("Approved", "True", "cert-manager.io")
NO_ISSUER = make.condition("Ready", "False", "Pending", 'Referenced "ClusterIssuer" not found: clusterissuer "letsencrypt" not found')


def put_issuing(world, request=None):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put_at(1.5, kinds.CERTIFICATE_REQUESTS, request or make.request())
    world.put_at(8.0, kinds.SECRETS, make.secret())
    world.put_at(8.0, kinds.CERTIFICATES, make.certificate())


def order_a_second_before_its_challenge(world):
    put_issuing(world)
    world.put_at(1.6, kinds.ORDERS, make.order(authorizations=AUTHORIZATIONS))
    world.put_at(2.9, kinds.CHALLENGES, make.challenge())


def request_a_second_before_its_approval(world):
    put_issuing(world, make.request(conditions=[]))
    world.put_at(2.9, kinds.CERTIFICATE_REQUESTS, make.request())


def issuer_a_second_after_its_request(world):
    world.api.remove(kinds.CLUSTER_ISSUERS, None, "letsencrypt")
    put_issuing(world, make.request(conditions=[APPROVED, NO_ISSUER]))
    world.put_at(2.9, kinds.CLUSTER_ISSUERS, make.cluster_issuer())
    world.put_at(2.9, kinds.CERTIFICATE_REQUESTS, make.request())


def issuer_that_cert_manager_has_not_observed(world):
    world.put(kinds.CLUSTER_ISSUERS, dict(make.cluster_issuer(), status={}))
    put_issuing(world, make.request(conditions=[APPROVED, NO_ISSUER]))
    world.put_at(2.9, kinds.CLUSTER_ISSUERS, make.cluster_issuer())
    world.put_at(2.9, kinds.CERTIFICATE_REQUESTS, make.request())


def certificate_that_cert_manager_has_not_observed(world):
    put_issuing(world)
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[]))
    world.put_at(2.9, kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))


def claims(lines):
    return [line for line in lines if any(words in line for words in ("no solver", "approval", "Issuer", "not found", "has not"))]


@pytest.mark.parametrize(
    "young",
    [
        order_a_second_before_its_challenge,
        request_a_second_before_its_approval,
        issuer_a_second_after_its_request,
        issuer_that_cert_manager_has_not_observed,
        certificate_that_cert_manager_has_not_observed,
    ],
)
def test_nothing_is_called_a_cause_before_it_had_time_to_be_wrong(world, young):
    young(world)
    outcome = world.wait()
    assert outcome.good
    assert world.lines
    assert claims(world.lines) == []


@pytest.mark.parametrize(
    ("conditions", "orders", "text"),
    [
        (None, [make.order(authorizations=AUTHORIZATIONS)], "no solver of ClusterIssuer letsencrypt fits app.example.com"),
        ([], [], "CertificateRequest app-1 waits for approval"),
    ],
)
def test_what_lasts_is_a_cause_in_progress_and_at_the_end(world, conditions, orders, text):
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request(conditions=conditions))
    world.put(kinds.ORDERS, *orders)
    outcome = world.wait(timeout=20, fail_fast=False)
    assert text in first_line(outcome)
    assert any(text in line and "(3 s)" in line for line in world.lines)


@pytest.mark.parametrize(("age", "text"), [(1, "Order app-1-1234: it is pending"), (60, "Order app-1-1234: no solver of")])
def test_one_look_goes_by_the_age_of_what_it_sees(world, age, text):
    order = make.order(authorizations=AUTHORIZATIONS)
    order["metadata"]["creationTimestamp"] = make.stamp(NOW - age)
    world.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    world.put(kinds.CERTIFICATE_REQUESTS, make.request())
    world.put(kinds.ORDERS, order)
    assert world.waiter(once=True).look().cause.startswith(text)
