# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests leave the mesh by the ways of edge_egress and by no other: seen by the server outside, which notes what it gets."""

from __future__ import annotations

import json

import pytest
import runs
from conftest import EGRESS, PLAYBOOK, secret
from pods import apply, kubectl, namespace, watch

SPACE = "istio-egress"
KINDS = (
    "serviceentries,virtualservices,gateways.networking.istio.io,destinationrules,sidecars,networkpolicies,"
    "authorizationpolicies.security.istio.io,secrets"
)
OURS = "--all-namespaces --selector app.kubernetes.io/managed-by=baremesh.edge,app.kubernetes.io/component=egress --output name"


def egress(entries=EGRESS, **variables):
    return runs.run({"edge_egress": entries, "egress_wait_timeout": 90, **variables}, playbook=PLAYBOOK)


@pytest.fixture(scope="module")
def way(host, server, folder, pods, ask):
    """The ways out are open, and the requests of the applications known to be answered."""
    apply(host, namespace(SPACE), *(secret("outside", space, ca_crt=folder / "ca.pem") for space in (SPACE, "office")))
    apply(host, secret("partner", SPACE, tls_crt=folder / "client.pem", tls_key=folder / "client.key", ca_crt=folder / "ca.pem"))
    found = egress()
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    watch(lambda: "outside" in ask("shop", (server.address, 80, "api.example.org", False))[0])
    server.visits.clear()
    return server


def only(name):
    return [each for each in EGRESS if each["name"] == name]


@pytest.mark.parametrize(
    ("files", "place", "cause"),
    [
        ([], SPACE, "Secret partner does not exist in namespace istio-egress, where the pods that begin TLS run"),
        (
            ["tls_crt", "tls_key", "ca_crt"],
            "default",
            "there is one in namespace default, but Istio serves it only from",
        ),
        pytest.param(
            ["tls_crt", "ca_crt"],
            SPACE,
            "Secret istio-egress/partner: it has neither tls.crt and tls.key nor cert and key",
            marks=pytest.mark.matrix,
        ),
        pytest.param(
            ["tls_crt", "tls_key"],
            SPACE,
            "mode MUTUAL needs the authority of the server: Secret partner-cacert does not exist",
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_a_credential_that_cannot_work_is_named_before_anything_is_applied(host, folder, files, place, cause):
    paths = {"tls_crt": folder / "client.pem", "tls_key": folder / "client.key", "ca_crt": folder / "ca.pem"}
    apply(host, namespace(SPACE))
    if files:
        apply(host, secret("partner", place, **{key: paths[key] for key in files}))
    try:
        found = egress(only("partner"))
        (failure,) = found.failures
        assert failure.task.endswith("Wait until pods can be given their credentials")
        assert cause in failure.message.splitlines()[0]
        assert kubectl(host, "get", KINDS, OURS).strip() == ""
    finally:
        kubectl(host, f"delete secret partner --namespace {place} --ignore-not-found")


def test_http_inside_is_tls_outside(way, ask, address):
    (answer,) = ask("shop", (way.address, 80, "api.example.org", False))
    assert answer.startswith("HTTP/1.1 200")
    (visit,) = way.visits
    assert (visit.sni, visit.client, visit.source) == ("api.example.org", None, address)
    assert "host: api.example.org" in visit.request.lower()
    way.visits.clear()


@pytest.mark.parametrize("name", ["partner.example.org", "orders.example.org"])
def test_the_server_gets_the_certificate_that_it_asks_for(way, ask, name):
    (answer,) = ask("shop", (way.address, 80, name, False))
    assert answer.startswith("HTTP/1.1 200"), answer
    assert [(visit.sni, visit.client) for visit in way.visits] == [(name, "shop")]
    way.visits.clear()


@pytest.mark.parametrize("name", ["bank.example.org", "a.library.example.net", "www.library.example.net"])
def test_tls_of_the_application_passes_through(way, ask, name):
    (answer,) = ask("shop", (way.address, 443, name, True))
    assert answer.startswith("HTTP/1.1 200"), answer
    assert [visit.sni for visit in way.visits] == [name]
    way.visits.clear()


def test_the_sidecar_begins_tls_itself(way, ask):
    (answer,) = ask("office", (way.address, 80, "weather.example.org", False))
    assert answer.startswith("HTTP/1.1 200"), answer
    assert [(visit.sni, visit.client) for visit in way.visits] == [("weather.example.org", None)]
    way.visits.clear()


def sent(host, name, port=80):
    """How many requests the egress gateway has sent to a host, or of TLS that passes through how many connections."""
    counted = "::rq_total::" if port == 80 else "::cx_total::"
    (pod,) = kubectl(host, f"get pods --namespace {SPACE} --selector istio=egress --output name").split()
    text = kubectl(host, f"exec {pod} --namespace {SPACE} --container istio-proxy -- pilot-agent request GET clusters")
    lines = [line for line in text.splitlines() if line.startswith(f"outbound|{port}||{name}::") and counted in line]
    return sum(int(line.rpartition("::")[2]) for line in lines)


def test_requests_go_over_the_egress_gateway(host, way, ask):
    before = sent(host, "api.example.org")
    ask("shop", (way.address, 80, "api.example.org", False), times=5)
    assert sent(host, "api.example.org") == before + 5
    way.visits.clear()


def test_nothing_goes_around(way, ask):
    """By another name, by address, by another port, without TLS or with: 1000 tries."""
    tries = [
        (way.address, 80, "unknown.example.org", False),
        (way.address, 80, way.address, False),
        (way.address, 443, "api.example.org", True),
        (way.address, 443, "unknown.example.org", True),
        (way.address, 443, "partner.example.org", True),
        (way.address, 443, "api.example.org", False),
        ("unknown.example.org", 80, "unknown.example.org", False),
        ("api.example.org", 443, "api.example.org", True),
        (way.address, 80, "weather.example.org", False),
        (way.address, 80, "weather.example.org:80", False),
    ]
    answers = ask("shop", *tries, times=100)
    assert [answer for answer in answers if "outside" in answer] == []
    assert way.visits == []


@pytest.mark.parametrize(("name", "port"), [("api.example.org", 80), ("bank.example.org", 443)])
def test_the_way_of_one_namespace_is_not_that_of_another(host, way, ask, name, port):
    """Namespace street is not closed, so it gets out by itself; what it does not get is a way over the egress gateway."""
    before = sent(host, name, port)
    ask("street", (way.address, port, name, port == 443))
    assert sent(host, name, port) == before
    way.visits.clear()


def test_the_egress_gateway_refuses_who_makes_a_way_of_their_own(host, way, ask):
    service = f"{SPACE}.{SPACE}.svc.cluster.local"
    ours = {"name": "stolen", "namespace": "street"}
    api = "networking.istio.io/v1"
    outside = {"resolution": "DNS", "location": "MESH_EXTERNAL", "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}
    made = [
        (
            "ServiceEntry",
            {"hosts": ["api.example.org"], "exportTo": ["."], **outside},
        ),
        (
            "DestinationRule",
            {"host": service, "exportTo": ["."], "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": "api.example.org"}}},
        ),
        (
            "VirtualService",
            {
                "hosts": ["api.example.org"],
                "exportTo": ["."],
                "http": [{"route": [{"destination": {"host": service, "port": {"number": 443}}}]}],
            },
        ),
    ]
    apply(host, *({"apiVersion": api, "kind": kind, "metadata": ours, "spec": spec} for kind, spec in made))
    try:
        watch(lambda: ask("street", (way.address, 80, "api.example.org", False))[0].startswith("HTTP/1.1 403"))
        assert "RBAC: access denied" in ask("street", (way.address, 80, "api.example.org", False))[0]
    finally:
        for kind, _spec in made:
            kubectl(host, f"delete {kind} stolen --namespace street")
    way.visits.clear()


def test_a_second_run_changes_nothing(way):
    found = egress()
    assert (found.status, found.changed, found.failures) == (0, 0, [])


def test_check_mode_is_true(way):
    found = runs.run({"edge_egress": EGRESS[1:]}, "--check", playbook=PLAYBOOK)
    assert (found.status, found.changed) == (0, 1)


@pytest.mark.matrix
def test_an_entry_that_is_gone_is_closed(host, way, ask):
    assert egress(EGRESS[1:]).status == 0
    watch(lambda: "outside" not in ask("shop", (way.address, 80, "api.example.org", False))[0])
    assert "HTTP/1.1 200" in ask("shop", (way.address, 80, "partner.example.org", False))[0]
    assert egress().status == 0
    watch(lambda: "outside" in ask("shop", (way.address, 80, "api.example.org", False))[0])


def test_removal_leaves_nothing(host, way):
    found = egress([])
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    assert kubectl(host, "get", KINDS, OURS).strip() == ""
    assert json.loads(kubectl(host, f"get deployments --namespace {SPACE} --output json"))["items"] == []
    assert egress([]).changed == 0
