# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has ordered, of objects that cert-manager keeps and of those that it has forgotten."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.orders import MOST, Cluster
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import parse_time
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

HOUR = 3600.0
DAY = make.DAY
SERVER = "https://acme.example.com/dir"


def issuer(server=SERVER, kind="ClusterIssuer", namespace=None):
    found = make.cluster_issuer()
    metadata = {**found["metadata"], **({"namespace": namespace} if namespace else {})}
    return {**found, "kind": kind, "metadata": metadata, "spec": {"acme": {"server": server}}}


def order(name="app", revision=1, state="valid", age=HOUR, url="https://acme.example.com/order/1", names=None, **status):
    found = make.order(f"{name}-{revision}", state=state)
    found["metadata"]["creationTimestamp"] = make.stamp(NOW - age)
    found["metadata"]["annotations"] = {
        "cert-manager.io/certificate-name": name,
        "cert-manager.io/certificate-revision": str(revision),
    }
    found["spec"]["dnsNames"] = names or [f"{name}.example.com"]
    found["status"].update(status, **({"url": url} if url else {}))
    return found


def certificate(revision=1, made=30 * DAY, **more):
    found = make.certificate(revision=revision, **more)
    found["metadata"]["creationTimestamp"] = make.stamp(NOW - made)
    return found


def history(orders=(), challenges=(), certificates=(), issuers=None, noted=()):
    cluster = Cluster(orders, challenges, certificates, [issuer()] if issuers is None else issuers)
    return cluster.history(noted, NOW)


def test_an_order_that_was_issued():
    (found,) = history([order(names=["b.example.com", "A.example.com"])])
    assert found == {
        "uid": "order-app-1-1234",
        "at": make.stamp(NOW - HOUR),
        "server": SERVER,
        "account": "ClusterIssuer/letsencrypt",
        "names": ["a.example.com", "b.example.com"],
        "state": "issued",
        "failed_names": [],
        "certificate": f"{make.NS}/app",
        "revision": 1,
    }


@pytest.mark.parametrize(("state", "expected"), [("pending", "open"), ("", "open"), ("errored", "open"), ("invalid", "failed")])
def test_how_an_order_has_ended(state, expected):
    assert [entry["state"] for entry in history([order(state=state)])] == [expected]


def test_an_order_that_the_server_has_refused_is_none():
    assert history([order(state="errored", url="")]) == []


def test_a_failed_order_counts_when_it_failed_and_for_the_names_that_did():
    failed = order(state="invalid", names=["a.example.com", "b.example.com"], failureTime=make.stamp(NOW - 60))
    (found,) = history([failed], [make.challenge(state="invalid", dns_name="b.example.com"), make.challenge(state="valid")])
    assert (found["at"], found["failed_names"]) == (make.stamp(NOW - 60), ["b.example.com"])
    (found,) = history([failed])
    assert found["failed_names"] == ["a.example.com", "b.example.com"]


def test_a_wildcard_that_failed_has_its_asterisk():
    challenge = make.challenge(state="invalid", dns_name="example.com")
    challenge["spec"]["wildcard"] = True
    (found,) = history([order(state="invalid", names=["*.example.com", "example.com"])], [challenge])
    assert found["failed_names"] == ["*.example.com"]


def test_an_order_stays_with_the_server_that_its_issuer_had():
    noted = history([order(state="pending")])
    (found,) = history([order()], issuers=[issuer(server="https://next.example.com/dir")], noted=noted)
    assert (found["server"], found["state"]) == (SERVER, "issued")


def test_orders_of_issuers_that_are_gone_or_no_acme_servers_are_left_out():
    assert history([order()], issuers=[]) == []
    assert history([order()], issuers=[issuer(server="")]) == []


def test_an_issuer_of_a_namespace_has_an_account_of_its_own():
    found = order()
    found["spec"]["issuerRef"] = {"kind": "Issuer", "name": "letsencrypt"}
    (entry,) = history([found], issuers=[issuer(kind="Issuer", namespace=make.NS)])
    assert entry["account"] == f"Issuer/{make.NS}/letsencrypt"
    assert history([found], issuers=[issuer(kind="Issuer", namespace="other")]) == []


def test_what_was_noted_stays_until_it_is_too_old_and_is_replaced_by_what_is_known_now():
    noted = history([order(state="pending"), order("gone", age=8 * DAY - 1), order("old", age=8 * DAY)])
    assert [entry["certificate"] for entry in noted] == ["istio-ingress/gone", "istio-ingress/app"]
    again = history([order()], noted=noted)
    assert [(entry["certificate"], entry["state"]) for entry in again] == [
        ("istio-ingress/gone", "issued"),
        ("istio-ingress/app", "issued"),
    ]


def test_only_so_many_are_noted_as_fit():
    noted = [{**history([order()])[0], "uid": str(number), "at": make.stamp(NOW - number)} for number in range(2005)]
    found = history(noted=noted)
    assert len(found) == 2000
    assert found[-1]["uid"] == "0"


def ages(found):
    return [(entry["revision"], (NOW - parse_time(entry["at"]).timestamp()) / HOUR) for entry in found]


def test_revisions_without_order_lie_evenly_between_those_that_are_known():
    found = history([order(revision=4, age=2 * HOUR)], certificates=[certificate(4, made=8 * HOUR)])
    assert ages(found) == [(1, 8), (2, 6), (3, 4), (4, 2)]
    assert {entry["names"][0] for entry in found} == {"app.example.com"}
    assert len({entry["uid"] for entry in found}) == 4


def test_a_certificate_that_was_renewed_now_and_then_is_not_taken_for_one_that_was_renewed_often():
    found = history([order(revision=6, age=HOUR)], certificates=[certificate(6, made=300 * DAY)])
    assert ages(found) == [(6, 1)]


def test_what_was_noted_says_when_the_others_were():
    noted = history([order(revision=2, age=9 * HOUR)])
    found = history([order(revision=4, age=HOUR)], certificates=[certificate(4, made=100 * DAY)], noted=noted)
    assert ages(found) == [(2, 9), (3, 5), (4, 1)]


def test_revisions_of_a_certificate_of_the_same_name_that_is_gone_are_not_those_of_the_new_one():
    noted = history([order(revision=2, age=8 * HOUR)])
    new = certificate(2, made=2 * HOUR, notBefore=make.stamp(NOW - HOUR))
    found = history([order(revision=1, age=2 * HOUR)], certificates=[new], noted=noted)
    assert ages(found) == [(2, 8), (1, 2), (2, 1)]


def test_without_any_order_the_last_revision_is_as_old_as_the_certificate_that_is_there():
    found = history(certificates=[certificate(3, made=20 * DAY, notBefore=make.stamp(NOW - 3 * HOUR))])
    assert ages(found) == [(3, 3)]


def test_failed_orders_and_those_of_other_certificates_are_no_revisions():
    failed = order(revision=2, state="invalid", age=5 * HOUR)
    others = [order("aaa", revision=2, age=4 * HOUR), order("zzz", revision=2, age=4 * HOUR)]
    noted = history([failed, *others])
    found = history(certificates=[certificate(2, made=7 * HOUR, notBefore=make.stamp(NOW - 3 * HOUR))], noted=noted)
    own = [entry for entry in found if entry["certificate"] == "istio-ingress/app"]
    assert [(entry["state"], age) for entry, (_revision, age) in zip(own, ages(own))] == [("issued", 7), ("failed", 5), ("issued", 3)]


def test_certificates_of_other_issuers_and_those_never_issued_have_no_orders():
    assert history(certificates=[certificate(3, made=HOUR)], issuers=[issuer(server="")]) == []
    assert history(certificates=[certificate(0, made=HOUR)]) == []


def test_certificates_that_were_issued():
    stale = certificate(generation=2, name="stale")
    new = make.certificate("new", conditions=[make.MISSING])
    spoiled = make.certificate("spoiled", conditions=[make.MISSING], notAfter=make.stamp(NOW + DAY))
    assert Cluster([], [], [certificate(), stale, new, spoiled], [issuer()]).held() == [
        {
            "namespace": make.NS,
            "name": name,
            "account": "ClusterIssuer/letsencrypt",
            "server": SERVER,
            "names": [f"{name}.example.com"],
            "ready": name == "app",
        }
        for name in ("app", "stale", "spoiled")
    ]


@pytest.mark.parametrize("revision", ["next", "-1", "1_0", "\u00b2", "\u0663", "9" * 5000, "1.5", ""])
def test_a_revision_that_is_no_number(revision):
    """Whoever may write Orders of a namespace may write their annotations."""
    (found,) = history([order(revision=revision)])
    assert found["revision"] == 0


def test_issuances_that_are_too_many_to_be_listed():
    found = history(certificates=[certificate(revision=10**15, notBefore=make.stamp(NOW - HOUR))])
    assert sorted(entry["revision"] for entry in found) == list(range(10**15 - MOST + 1, 10**15 + 1))
