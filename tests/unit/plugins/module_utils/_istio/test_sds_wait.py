# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for served credentials and the making of primers, against a scripted API and scripted handshakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.options import parse_credentials
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import DEADLINE, LABEL, OWNER
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_primer import SdsPrimer
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_wait import SdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import Asked
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import InterruptedRunError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, REFUSED, RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._process import own_identity
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, ScriptedFeed, answer, status

NS = make.NS
RECORDED = Path(__file__).parent.parent / "_istio" / "recorded"
APP = Credential("app", ("app.example.com",))

# As the API server of the lab says it while istiod is scaled to 0.
WEBHOOK_DOWN = status(
    500,
    "InternalError",
    'Internal error occurred: failed calling webhook "rev.validation.istio.io": failed to call webhook: '
    'Post "https://istiod.istio-system.svc:443/validate?timeout=10s": no endpoints available for service "istiod"',
)
SILENT = (
    "istiod does not answer: its webhook rev.validation.istio.io, without which no Gateway can be made, fails "
    '(no endpoints available for service "istiod"); does istiod run in namespace istio-system?'
)


def served(**changes):
    certificate = x509.load_pem_x509_certificate(make.cert_pem(**changes))
    return Probe(SERVED, certificate.public_bytes(serialization.Encoding.DER))


class ScriptedProber:
    """Answers by pod and port class ("listener" for 443, else "primer"); the last answer stays."""

    def __init__(self, clock):
        self.clock = clock
        self.script = {}
        self.dumps = {}
        self.asked = []
        self.headers = {}

    def answer(self, where, *probes, pod="gw-a"):
        self.script[(pod, where)] = list(probes)

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        where = "listener" if port == 443 else "primer"
        self.asked.append((pod, where, server_name))
        self.headers[pod, where] = proxy_protocol
        probes = self.script.get((pod, where)) or [Probe(REFUSED, detail="nothing listens on that port in the pod")]
        probe = probes.pop(0) if len(probes) > 1 else probes[0]
        if isinstance(probe, BaseException):
            raise probe
        return probe

    def read_json(self, pod, port, path, timeout):
        for part, body in self.dumps.items():
            if part in path:
                return body
        raise KubeError("no admin port")


class World:
    def __init__(self):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        self.prober = ScriptedProber(self.clock)
        self.allowed = True
        plain = self.api.request

        def request(method, path, query, body, content_type, timeout):
            if path.endswith("subjectaccessreviews"):
                self.api.requests.append((method, path, dict(query), body))
                fault = self.api._fault(path, False)
                return fault or answer(201, {"status": {"allowed": self.allowed}})
            return plain(method, path, query, body, content_type, timeout)

        self.api.request = request
        self.pod("gw-a")
        self.api.apply(kinds.SECRETS, make.secret())

    def pod(self, name, ready=True, account="ingress", proxy_config="{}"):
        proxy = {"name": "istio-proxy", "env": [{"name": "PROXY_CONFIG", "value": proxy_config}]}
        found = {
            "metadata": {"name": name, "namespace": NS, "labels": {"istio": "ingress"}},
            "spec": {"nodeName": "node-of-" + name, "serviceAccountName": account, "containers": [proxy]},
            "status": {"phase": "Running", "conditions": [make.condition("Ready", str(ready), message="containers not ready")]},
        }
        self.api.apply(kinds.PODS, found)

    def primers(self):
        return [o for (p, _n), o in self.api.objects.items() if p.endswith("gateways")]

    def asked(self, *credentials, timeout=60, **options):
        self.feed = ScriptedFeed(self.clock)
        return Asked(credentials or (APP,), NS, {"istio": "ingress"}, Deadline(self.clock, timeout), **options)

    def waiter(self, *credentials, primers=None, **options):
        return SdsWait(KubeClient(self.api, self.clock), self.prober, self.asked(*credentials, **options), primers, self.feed)

    def primer(self, *credentials, **options):
        return SdsPrimer(KubeClient(self.api, self.clock), self.prober, self.asked(*credentials, **options), self.feed)

    def wait(self, *credentials, **options):
        return self.waiter(*credentials, **options).run()


@pytest.fixture
def world():
    return World()


def first_line(outcome):
    return outcome.message.splitlines()[0]


def test_pods_that_serve_already_need_no_primer(world):
    world.prober.answer("listener", served())
    outcome = world.wait()
    assert outcome.good
    assert outcome.found["method"] == "listener"
    assert not [r for r in world.api.requests if r[0] == "POST" and r[1].endswith("gateways")]
    assert outcome.requests == len(world.api.requests) + 1


def test_each_pod_gets_the_proxy_header_that_it_expects(world):
    """Listener and primer alike, and pods that differ while a rollout goes on."""
    world.pod("gw-b", proxy_config='{"gatewayTopology":{"proxyProtocol":{}}}')
    for pod in ("gw-a", "gw-b"):
        world.prober.answer("primer", served(), pod=pod)
    assert world.wait().good
    assert world.prober.headers == {("gw-a", "listener"): False, ("gw-a", "primer"): False, ("gw-b", "primer"): True}


def test_a_primer_is_made_asked_and_removed(world):
    made = []
    plain = world.prober.handshake

    def handshake(pod, port, server_name, timeout, proxy_protocol=False):
        if port != 443:
            made.append((port, world.primers()[0]))
        return plain(pod, port, server_name, timeout)

    world.prober.handshake = handshake
    world.prober.answer("primer", Probe(REFUSED), Probe(REFUSED), served())
    outcome = world.wait()
    assert outcome.good
    assert outcome.found["method"] == "primer"
    assert outcome.elapsed == pytest.approx(0.3)
    assert world.primers() == []
    port, gateway = made[0]
    assert gateway["metadata"]["labels"] == {LABEL: "true"}
    assert gateway["spec"] == {
        "selector": {"istio": "ingress"},
        "servers": [
            {
                "port": {"number": port, "name": f"https-primer-{port}", "protocol": "HTTPS"},
                "bind": "127.0.0.1",
                "hosts": ["app.example.com"],
                "tls": {"mode": "SIMPLE", "credentialName": "app"},
            }
        ],
    }
    assert 20000 <= port <= 29999
    assert [(p["pod"], p["serial"], p["state"]) for p in outcome.result()["pods"]] == [("gw-a", "1001", "served")]


def test_every_ready_pod_is_asked_and_no_other(world):
    world.pod("gw-b")
    world.pod("gw-c", ready=False)
    world.prober.answer("primer", served())
    world.prober.answer("primer", Probe(RESET), served(), pod="gw-b")
    outcome = world.wait()
    assert outcome.good
    assert {p["pod"] for p in outcome.result()["pods"]} == {"gw-a", "gw-b"}


def test_a_pod_that_becomes_ready_meanwhile_is_asked_too(world):
    world.prober.answer("primer", Probe(REFUSED), served())
    world.prober.answer("primer", served(), pod="gw-b")
    world.clock.at(0.05, lambda: world.pod("gw-b"))
    outcome = world.wait()
    assert {(p["pod"], p["state"]) for p in outcome.result()["pods"]} == {("gw-a", "served"), ("gw-b", "served")}


def test_the_other_pod_of_two_is_named_at_the_deadline(world):
    world.pod("gw-b")
    world.prober.answer("primer", served())
    world.prober.answer("primer", Probe(FORWARD_FAILED, detail="no answer from the pod in time"), pod="gw-b")
    outcome = world.wait(timeout=20)
    assert not outcome.good
    assert outcome.elapsed == 20.0
    assert first_line(outcome) == (
        "Credential app is not served: gateway pod gw-b on node-of-gw-b cannot be asked: no answer from the pod in time"
    )
    assert outcome.message.splitlines()[-1] == "1 of 2 handshakes succeeded in 20 s."
    assert world.primers() == []


def test_of_several_that_are_not_served_the_first_is_asked_about_and_all_are_named(world):
    world.prober.answer("primer", Probe(FORWARD_FAILED, detail="no answer"))
    world.pod("gw-b")
    outcome = world.wait(timeout=20)
    lines = outcome.message.splitlines()
    assert "gateway pod gw-a" in lines[0]
    assert [("gw-a" in line, "gw-b" in line) for line in lines[1:-1]] == [(False, True)]


def test_an_old_certificate_on_the_wire_is_not_success(world):
    world.prober.answer("listener", served(serial=0x77))
    world.prober.answer("primer", served(serial=0x77))
    outcome = world.wait(timeout=5)
    assert not outcome.good
    assert "it serves serial 77, the Secret holds 1001" in first_line(outcome)


def test_a_secret_that_is_renewed_during_the_wait_is_read_again(world):
    world.prober.answer("primer", served(serial=0x2002))
    world.clock.at(0.05, lambda: world.api.apply(kinds.SECRETS, make.secret(serial=0x2002)))
    outcome = world.wait()
    assert outcome.good
    assert outcome.result()["pods"][0]["serial"] == "2002"


def test_what_envoy_waits_for_is_part_of_the_cause(world):
    dump = json.loads((RECORDED / "secrets.json").read_text(encoding="utf-8"))
    world.prober.dumps = {"dynamic_listeners": {"configs": []}, "mask=": dump}
    world.api.apply(kinds.SECRETS, make.secret("nowhere"))
    outcome = world.wait(Credential("nowhere", ("app.example.com",)), timeout=5)
    assert "its Envoy waits for kubernetes://nowhere, which istiod has not sent" in first_line(outcome)


def test_a_listener_that_envoy_refused_is_the_cause(world):
    def read_json(pod, port, path, timeout):
        port = world.primers()[0]["spec"]["servers"][0]["port"]["number"]
        name = f"127.0.0.1_{port}"
        return {"configs": [{"name": name, "error_state": {"details": "KEY_VALUES_MISMATCH"}}]}

    world.prober.read_json = read_json
    assert first_line(world.wait(timeout=5)).endswith("Envoy refused the listener: KEY_VALUES_MISMATCH")


@pytest.mark.parametrize(
    ("prepare", "credential", "text"),
    [
        (
            lambda w: w.api.remove(kinds.SECRETS, NS, "app"),
            APP,
            "Secret app does not exist in namespace istio-ingress, where the gateway pods run",
        ),
        (
            lambda w: w.api.apply(kinds.SECRETS, make.secret(key="foreign")),
            APP,
            (
                "Secret istio-ingress/app: the private key in tls.key does not belong to the certificate in tls.crt; "
                "replace both together (cert-manager does so if the Secret of a Certificate is deleted)"
            ),
        ),
        (
            lambda w: w.api.apply(kinds.SECRETS, make.secret(end=NOW - 1)),
            APP,
            "Secret istio-ingress/app: its certificate expired at " + make.stamp(NOW - 1) + "; have it renewed",
        ),
        (
            lambda w: None,
            Credential("app", ("www.example.com",)),
            "Secret istio-ingress/app: its certificate is for app.example.com, not for www.example.com",
        ),
        (
            lambda w: None,
            Credential("app", ("app.example.com",), "MUTUAL"),
            (
                "mode MUTUAL needs the authority of client certificates: Secret app-cacert does not exist in namespace "
                "istio-ingress, and Secret app has no ca.crt"
            ),
        ),
        (
            lambda w: w.api.apply(kinds.SECRETS, make.secret(drop=("tls.crt", "tls.key"), extra={"other": b"x"})),
            APP,
            "Secret istio-ingress/app: it has neither tls.crt and tls.key nor cert and key (it holds other)",
        ),
    ],
)
def test_what_cannot_heal_fails_at_once_and_makes_nothing(world, prepare, credential, text):
    prepare(world)
    outcome = world.wait(credential)
    assert first_line(outcome) == "Credential app cannot be served: " + text
    assert outcome.elapsed == 0.0
    assert world.prober.asked == []
    assert not [r for r in world.api.requests if r[0] == "POST" and r[1].endswith("gateways")]


def test_a_secret_in_the_wrong_namespace_is_named(world):
    world.api.remove(kinds.SECRETS, NS, "app")
    plain = world.api.request

    def request(method, path, query, *rest):
        if path == "/api/v1/secrets":
            return answer(200, {"items": [make.secret(namespace="default")]})
        return plain(method, path, query, *rest)

    world.api.request = request
    assert "there is one in namespace default, but Istio serves it only from the namespace of the pods" in world.wait().cause


def test_a_service_account_without_the_right_fails_at_once(world):
    world.allowed = False
    outcome = world.wait()
    assert first_line(outcome).startswith(
        "Credential app cannot be served: ServiceAccount ingress of the gateway pods may not list Secrets in namespace istio-ingress"
    )
    body = world.api.asked("subjectaccessreviews")[0][3]
    assert body["spec"]["user"] == "system:serviceaccount:istio-ingress:ingress"
    assert body["spec"]["resourceAttributes"] == {"namespace": NS, "verb": "list", "resource": "secrets"}


def test_without_the_right_to_ask_for_rights_there_is_a_warning(world):
    world.api.fail("subjectaccessreviews", status(403, "Forbidden", "no"), times=9)
    world.prober.answer("listener", served())
    outcome = world.wait()
    assert outcome.good
    assert len(outcome.warnings) == 1


def test_fail_fast_off_waits_for_the_secret(world):
    world.api.remove(kinds.SECRETS, NS, "app")
    world.clock.at(9.0, lambda: world.api.apply(kinds.SECRETS, make.secret()))
    world.prober.answer("primer", served())
    outcome = world.wait(fail_fast=False)
    assert outcome.good
    # Seen when it came, and not at the next look.
    assert outcome.elapsed == 9.0
    assert world.feed.closed


def test_a_pod_that_gets_ready_is_seen_when_it_does(world):
    world.pod("gw-a", ready=False)
    world.clock.at(7.0, lambda: world.pod("gw-a"))
    world.prober.answer("listener", served())
    assert world.wait().elapsed == 7.0


def test_without_the_right_to_watch_secrets_they_are_looked_at(world):
    world.api.remove(kinds.SECRETS, NS, "app")
    world.api.fail("/secrets", status(403, "Forbidden", "no"), times=99, watch=True)
    world.clock.at(9.0, lambda: world.api.apply(kinds.SECRETS, make.secret()))
    world.prober.answer("primer", served())
    outcome = world.wait(fail_fast=False)
    assert outcome.good
    assert 9.0 < outcome.elapsed <= 14.0


def test_a_wait_of_a_minute_asks_little(world):
    world.api.remove(kinds.SECRETS, NS, "app")
    outcome = world.wait(fail_fast=False, timeout=60)
    assert outcome.elapsed == 60.0
    assert outcome.requests <= 100


def maker(name, replicas, **labels):
    spec = {"replicas": replicas, "template": {"metadata": {"labels": labels}}}
    return {"metadata": {"name": name, "namespace": NS}, "spec": spec}


NO_POD = "Credential app cannot be served: no pod in namespace istio-ingress has the labels istio=ingress"


def test_a_selector_that_fits_nothing_fails_at_once(world):
    world.api.remove(kinds.PODS, NS, "gw-a")
    other = {"metadata": {"name": "other", "namespace": NS, "labels": {"istio": "egress"}}, "spec": {}}
    world.api.apply(kinds.PODS, other)
    world.api.apply(kinds.DEPLOYMENTS, maker("istio-egress", 1, istio="egress"))
    outcome = world.wait(timeout=10)
    assert outcome.elapsed == 0.0
    assert first_line(outcome) == (
        NO_POD + ", and nothing there makes such pods; set selector to the labels of the gateway pods (pods there have istio=egress)"
    )


@pytest.mark.parametrize(("replicas", "words"), [(0, "is scaled to 0"), (1, "has none yet"), (None, "has none yet")])
def test_pods_that_something_makes_are_waited_for(world, replicas, words):
    world.api.remove(kinds.PODS, NS, "gw-a")
    world.api.apply(kinds.DEPLOYMENTS, maker("istio-ingress", replicas, istio="ingress", app="istio-ingress"))
    outcome = world.wait(timeout=10)
    assert outcome.elapsed == 10.0
    assert first_line(outcome) == NO_POD + "; Deployment istio-ingress, which makes them, " + words


def test_without_the_right_to_see_what_makes_pods_they_are_waited_for(world):
    world.api.remove(kinds.PODS, NS, "gw-a")
    world.api.fail("/deployments", status(403, "Forbidden", "no"), times=99)
    outcome = world.wait(timeout=10)
    assert outcome.elapsed == 10.0
    assert first_line(outcome) == NO_POD


def test_pods_that_are_not_ready_are_named_with_their_reason(world):
    world.pod("gw-a", ready=False)
    outcome = world.wait(timeout=10)
    assert first_line(outcome).endswith("no gateway pod with the labels istio=ingress is Ready: gw-a: containers not ready")


def test_istiods_webhook_down_is_waited_out(world):
    world.api.fail("/gateways", answer(200, {"items": []}), times=1)
    world.api.fail("/gateways", WEBHOOK_DOWN, times=4)
    world.prober.answer("primer", served())
    lines = []
    outcome = world.wait(progress=lines.append)
    assert outcome.good
    assert outcome.elapsed == pytest.approx(0.2 + 0.4 + 0.8 + 1.6)
    assert lines == ["app: " + SILENT + " (1 s)"]


def test_istiods_webhook_that_stays_down_is_the_cause(world):
    world.api.fail("/gateways", answer(200, {"items": []}), times=1)
    world.api.fail("/gateways", WEBHOOK_DOWN, times=99)
    outcome = world.wait(timeout=10)
    assert outcome.elapsed == 10.0
    assert first_line(outcome) == "Credential app is not served: " + SILENT


def test_refusals_after_an_api_server_came_back_are_waited_out(world):
    world.api.fail("/pods", "lost", times=1)
    world.api.fail("/pods", status(403, "Forbidden", "no"), times=1)
    world.prober.answer("listener", served())
    assert world.wait().good
    world.api.fail("/pods", status(403, "Forbidden", "no"), times=1)
    assert not world.wait().good


def test_without_istios_kinds_the_kind_is_named(world):
    world.api.fail("/gateways", status(404, "NotFound", "the server could not find the requested resource"), times=99)
    outcome = world.wait()
    assert first_line(outcome) == (
        "Credential app is not served: "
        "The API server does not know the kind Gateway (gateways.networking.istio.io): its CRD is not installed"
    )


def test_the_right_to_forward_is_asked_for_once(world):
    world.pod("gw-b")
    refusal = ApiError(403, "Forbidden", 'pods "gw-a" is forbidden', "forward port 443 of pod gw-a in namespace istio-ingress")
    world.prober.answer("listener", refusal)
    outcome = world.wait()
    assert not outcome.good
    assert len(world.prober.asked) == 1
    assert "forward port 443 of pod gw-a" in first_line(outcome)


def test_an_interrupted_run_leaves_no_primer(world):
    world.prober.answer("primer", InterruptedRunError("interrupted by SIGTERM"))
    with pytest.raises(InterruptedRunError):
        world.wait()
    assert world.primers() == []
    assert [r[0] for r in world.api.asked("/gateways")] == ["GET", "POST", "DELETE"]


def test_a_primer_whose_creation_was_not_answered_is_removed_too(world):
    world.api.fail("/gateways", answer(200, {"items": []}), times=1)
    world.api.fail("/gateways", status(403, "Forbidden", "no"), times=1)
    assert not world.wait().good
    assert [r[0] for r in world.api.asked("/gateways")] == ["GET", "POST", "DELETE"]


def test_a_primer_for_others_stays_after_a_success_only(world):
    outcome = world.primer().run()
    assert (outcome.good, outcome.found["changed"], outcome.found["served"]) == (True, True, False)
    assert outcome.found["primers"] == [g["metadata"]["name"] for g in world.primers()]
    (kept,) = world.primers()
    # It belongs to no process, and has a quarter of an hour.
    assert OWNER not in kept["metadata"]["annotations"]
    assert kept["metadata"]["annotations"][DEADLINE] == make.stamp(NOW + 900)
    world.api.fail("/gateways", answer(200, {"items": []}), times=1)
    world.api.fail("/gateways", status(403, "Forbidden", "no"), times=1)
    refused = world.primer(timeout=3).run()
    assert first_line(refused).startswith("Credential app is not served: Could not create gateways.networking.istio.io")
    assert [g["metadata"]["name"] for g in world.primers()] == outcome.found["primers"]


def test_an_interrupted_making_leaves_no_primer(world):
    plain = world.api.request

    def request(method, path, *rest):
        found = plain(method, path, *rest)
        if (method, path.rsplit("/", 1)[1]) == ("POST", "gateways"):
            raise InterruptedRunError("interrupted by SIGTERM")
        return found

    world.api.request = request
    with pytest.raises(InterruptedRunError):
        world.primer().run()
    assert world.primers() == []


def test_what_the_pods_serve_already_gets_no_primer(world):
    world.prober.answer("listener", served())
    outcome = world.primer().run()
    assert (outcome.good, outcome.found["changed"], outcome.found["served"], outcome.found["primers"]) == (True, False, True, [])
    assert world.primers() == []


def test_a_credential_with_a_port_of_its_own_is_asked_for_there(world):
    listener_serves(world, "app.example.com")
    database = parse_credentials([{"name": "b", "hosts": ["b.example.com"], "port": 5432}])
    outcome = world.primer(APP, *database).run()
    assert (outcome.found["served"], outcome.found["primers"], world.primers()) == (True, [], [])
    assert {(port, name) for _pod, port, name in world.prober.asked} == {(443, "app.example.com"), (5432, "b.example.com")}


def test_beside_a_primer_of_another_it_is_asked_for_there_too(world):
    listener_serves(world)
    database = parse_credentials([{"name": "b", "hosts": ["b.example.com"], "port": 5432}])
    primers = world.primer(APP, *database).run().found["primers"]
    assert len(primers) == 1
    assert world.wait(APP, *database, primers=primers).good


def listener_serves(world, *names):
    """All pods serve these credentials on the real listener, and what they have a primer for there."""

    def handshake(pod, port, name, timeout, proxy_protocol):
        world.prober.asked.append((pod, port, name))
        return served(**BY_NAME[name]) if port != 443 or name in names else Probe(RESET)

    world.prober.handshake = handshake
    world.api.apply(kinds.SECRETS, make.secret("b", names=("b.example.com",), serial=5))


@pytest.mark.parametrize("other", ["a pod that does not", "another serial"])
def test_only_what_a_pod_does_not_serve_gets_a_primer(world, other):
    listener_serves(world, "app.example.com", "b.example.com")
    plain = world.prober.handshake
    world.pod("gw-b")

    def handshake(pod, port, name, *rest):
        if (pod, port, name) == ("gw-b", 443, "b.example.com"):
            return Probe(RESET) if other == "a pod that does not" else served(names=("b.example.com",), serial=4)
        return plain(pod, port, name, *rest)

    world.prober.handshake = handshake
    outcome = world.primer(APP, B).run()
    (gateway,) = world.primers()
    assert [server["tls"]["credentialName"] for server in gateway["spec"]["servers"]] == ["b"]
    assert outcome.message == "A primer was made for b"
    assert {(p["pod"], p["credential"]) for p in outcome.found["pods"]} == {("gw-a", "app"), ("gw-b", "app")}


def test_given_primers_are_asked_and_stay(world):
    listener_serves(world, "app.example.com")
    names = world.primer(APP, B).run().found["primers"]
    port = world.primers()[0]["spec"]["servers"][0]["port"]["number"]
    world.prober.asked = []
    outcome = world.wait(APP, B, primers=names)
    assert (outcome.good, outcome.found["served"], outcome.found["method"]) == (True, True, "primer")
    assert world.prober.asked == [("gw-a", 443, "app.example.com"), ("gw-a", port, "b.example.com")]
    assert [g["metadata"]["name"] for g in world.primers()] == names
    assert [r[0] for r in world.api.asked("/gateways")].count("POST") == 1


def test_a_given_primer_that_is_gone_is_named(world):
    outcome = world.wait(primers=["baremesh-primer-1"])
    assert first_line(outcome) == (
        "Credential app is not served: primer Gateway istio-ingress/baremesh-primer-1 does not exist; it may have expired"
    )


def test_without_a_listener_every_credential_needs_a_primer(world):
    listener_serves(world)
    names = world.primer(APP, port=0).run().found["primers"]
    outcome = world.wait(APP, B, primers=names, port=0)
    assert first_line(outcome) == "Credential app, b is not served: port is 0, and no primer is for b"
    assert world.wait(APP, primers=names, port=0).good


def test_without_primers_the_listener_is_waited_for_and_nothing_made(world):
    world.prober.answer("listener", Probe(REFUSED), Probe(RESET), served())
    outcome = world.wait(primers=[])
    assert (outcome.good, outcome.found["method"]) == (True, "listener")
    assert outcome.elapsed == pytest.approx(0.3)
    assert {r[0] for r in world.api.asked("/gateways")} == {"GET"}


@pytest.mark.parametrize(("listener", "changed"), [(served(), False), (Probe(REFUSED), True)])
def test_looking_says_whether_a_primer_is_needed_and_makes_none(world, listener, changed):
    world.prober.answer("listener", listener)
    outcome = world.primer().look()
    assert (outcome.good, outcome.found["changed"]) == (True, changed)
    assert world.primers() == []
    world.api.remove(kinds.SECRETS, NS, "app")
    assert "Secret app does not exist" in world.primer().look().message


def test_many_secrets_are_read_and_followed_at_once(world):
    for number in range(200):
        world.api.apply(kinds.SECRETS, make.secret(f"s{number}"))
    many = [Credential(f"s{number}", ("app.example.com",)) for number in range(200)]
    world.prober.answer("listener", served())
    assert world.wait(*many).good
    assert len(world.api.asked("/secrets")) == 1
    world.api.remove(kinds.SECRETS, NS, "s7")
    world.clock.at(world.clock.now + 9.0, lambda: world.api.apply(kinds.SECRETS, make.secret("s7")))
    outcome = world.wait(*many, fail_fast=False)
    assert (outcome.good, outcome.elapsed) == (True, 9.0)
    assert len([r for r in world.api.asked("/secrets") if r[0] == "WATCH"]) == 1


def test_many_secrets_without_the_right_to_list_them(world):
    many = [Credential("app", ("app.example.com",)), *(Credential(f"s{number}", ("app.example.com",)) for number in range(9))]
    for number in range(9):
        world.api.apply(kinds.SECRETS, make.secret(f"s{number}"))
    world.api.fail("/secrets", status(403, "Forbidden", "no"), times=1)
    world.prober.answer("listener", served())
    assert world.wait(*many).good


def primer_left_by(name, wall, owner=""):
    return {
        "metadata": {
            "name": name,
            "namespace": NS,
            "labels": {LABEL: "true"},
            "annotations": {DEADLINE: make.stamp(wall), OWNER: owner},
        },
        "spec": {"selector": {"istio": "ingress"}},
    }


def test_primers_of_killed_runs_are_swept_and_those_of_living_ones_left(world):
    world.api.apply(kinds.GATEWAYS, primer_left_by("dead", NOW - 3600))
    world.api.apply(kinds.GATEWAYS, primer_left_by("alive", NOW + 60))
    world.api.apply(kinds.GATEWAYS, primer_left_by("mine", NOW + 60, own_identity()))
    # The number of a process that there can be only once, with the start of another.
    gone = own_identity().rpartition(" ")[0] + " 1"
    world.api.apply(kinds.GATEWAYS, primer_left_by("killed", NOW + 60, gone))
    world.api.apply(kinds.GATEWAYS, primer_left_by("elsewhere", NOW + 60, "boot/pid:[1] 1 1"))
    world.prober.answer("listener", served())
    outcome = world.wait()
    assert outcome.found["swept"] == ["dead", "killed"]
    assert {g["metadata"]["name"] for g in world.primers()} == {"alive", "elsewhere", "mine"}


def test_each_credential_has_a_port_of_its_own_and_none_that_a_service_names(world):
    used = [{"port": p, "targetPort": p} for p in range(20000, 29998)]
    world.api.apply(kinds.SERVICES, {"metadata": {"name": "busy", "namespace": NS}, "spec": {"ports": used}})
    world.api.apply(kinds.SECRETS, make.secret("b", names=("b.example.com",), serial=5))
    seen = []
    world.prober.handshake = lambda pod, port, name, timeout, proxy_protocol: (
        seen.append(port) or Probe(REFUSED) if port == 443 else (seen.append(port) or served(**BY_NAME[name]))
    )
    assert world.wait(APP, Credential("b", ("b.example.com",))).good
    assert sorted(set(seen) - {443}) == [29998, 29999]


def test_only_looking_makes_nothing(world):
    outcome = world.waiter().preflight()
    assert outcome.good
    # Nothing was seen to be served.
    assert outcome.result()["served"] is False
    assert {r[0] for r in world.api.requests} == {"GET", "POST"}
    assert world.prober.asked == []
    world.api.remove(kinds.SECRETS, NS, "app")
    assert not world.waiter().preflight().good


def test_a_wildcard_is_asked_for_by_a_name_that_it_covers(world):
    world.api.apply(kinds.SECRETS, make.secret(names=("*.example.com",)))
    world.prober.answer("listener", served(names=("*.example.com",)))
    assert world.wait(Credential("app", ("*.example.com",))).good
    assert world.prober.asked == [("gw-a", "listener", "baremesh-probe.example.com")]


B = Credential("b", ("b.example.com",))
BY_NAME = {"app.example.com": {}, "b.example.com": {"names": ("b.example.com",), "serial": 5}}


def test_gateways_of_users_are_never_swept(world):
    """They have no deadline, as a primer of a dead run may."""
    users = {"metadata": {"name": "site", "namespace": NS, "labels": {"app": "site"}}, "spec": {"selector": {"istio": "ingress"}}}
    world.api.apply(kinds.GATEWAYS, users)
    world.api.apply(kinds.GATEWAYS, primer_left_by("dead", NOW - 3600))
    world.prober.answer("listener", served())
    assert world.wait().found["swept"] == ["dead"]
    assert [g["metadata"]["name"] for g in world.primers()] == ["site"]


def test_a_primer_lives_as_long_as_its_wait_and_the_time_to_remove_it(world):
    """Until then no other run may sweep it."""
    made = []
    world.prober.handshake = lambda pod, port, *rest: made.extend(world.primers()) or (Probe(REFUSED) if port == 443 else served())
    assert world.wait(timeout=60).good
    annotations = made[-1]["metadata"]["annotations"]
    assert annotations[DEADLINE] == make.stamp(NOW + 60 + 10)
    assert annotations[OWNER] == own_identity()


def test_a_creation_whose_answer_was_lost_is_found_done(world):
    plain, lost = world.api.request, []

    def request(method, path, *rest):
        found = plain(method, path, *rest)
        if method == "POST" and path.endswith("/gateways"):
            lost.append(path)
            return status(503, "ServiceUnavailable", "lost") if len(lost) == 1 else status(409, "AlreadyExists", "it exists")
        return found

    world.api.request = request
    world.prober.answer("primer", served())
    assert world.wait().good
    assert len(lost) == 2
    assert world.primers() == []


def test_a_removal_is_tried_again_and_what_stays_is_a_warning(world):
    plain, answers = world.api.request, [status(503, "ServiceUnavailable", "busy")]
    world.api.request = lambda method, *rest: answers.pop() if method == "DELETE" and answers else plain(method, *rest)
    world.prober.answer("primer", served())
    outcome = world.wait()
    assert (outcome.good, outcome.warnings, world.primers()) == (True, [], [])
    answers.extend([status(403, "Forbidden", "no right to delete")])
    world.prober.script.clear()
    world.prober.answer("primer", served())
    outcome = world.wait()
    (left,) = world.primers()
    assert outcome.good
    assert outcome.warnings[0].startswith(f"Primer Gateway {NS}/{left['metadata']['name']} is left over, the next run sweeps it: ")


def test_a_pod_that_is_replaced_meanwhile_is_asked_no_more(world):
    def replace():
        world.api.remove(kinds.PODS, NS, "gw-a")
        world.pod("gw-b")

    world.prober.answer("primer", Probe(FORWARD_FAILED, detail="pod gw-a not found"))
    world.prober.answer("primer", served(), pod="gw-b")
    world.clock.at(0.05, replace)
    outcome = world.wait()
    assert outcome.good
    assert [p["pod"] for p in outcome.result()["pods"]] == ["gw-b"]


def test_what_the_listener_served_before_is_no_answer_of_the_primer(world):
    """The listener's certificate is another one, and so is its answer: only the primer's counts."""
    world.prober.answer("listener", served(serial=0x77))
    world.prober.answer("primer", Probe(REFUSED))
    outcome = world.wait(timeout=5)
    assert "does not listen for app.example.com" in first_line(outcome)
    assert {where for _pod, where, _name in world.prober.asked} == {"listener", "primer"}
