# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/tls-modes.md and docs/access.md as objects of the Gateway API, asked by the clients that ask those of Istio."""

from __future__ import annotations

import json
import sys
import time

import pytest
import runs
from asking import Asking
from pods import apply, namespace

sys.path.insert(0, str(runs.ROOT / "tests/testinfra/patterns"))
# Its tests are collected here, too, with the fixtures below instead of those of the same name there.
from test_patterns import (  # noqa: F401
    bearer,
    copies,
    curl,
    curl_at,
    folder,
    handshake,
    kubectl,
    login,
    members,
    outside,
    own_address,
    partners,
    place,
    revoked,
    shown,
    test_a_right_token_is_served_and_passed_on,
    test_a_site_may_choose_its_suites,
    test_applications_end_tls_for_their_names,
    test_both_versions_of_http_are_served,
    test_each_client_gets_the_certificate_that_it_understands,
    test_no_others_are,
    test_partners_with_a_valid_certificate_are_served,
    test_port_80_is_for_everybody,
    test_requests_without_a_right_token_are_refused,
    test_the_application_sees_who_a_member_is,
    test_visitors_from_elsewhere_are_refused_whatever_they_say,
    test_visitors_from_the_right_network_are_served,
    watch,
)

pytestmark = pytest.mark.matrix
MODES, ACCESS = runs.example("tls-modes"), runs.example("access")
GROUP = "gateway.networking.k8s.io"
NS = "istio-ingress"
ROUTE = {"service": "web.default", "port": 3000}
#: What no example has: copies of requests, and a site for pods of the mesh.
FURTHER = [
    {
        "name": "copied",
        "hosts": ["copied.example.com"],
        "issuer": "own-ca",
        "routes": [{**ROUTE, "mirror": {"service": "workflow.default", "port": 8003}}],
    },
    {"name": "inner", "hosts": ["inner.example.com"], "tls": {"mode": "ISTIO_MUTUAL"}, "routes": [ROUTE]},
]


@pytest.fixture(scope="module")
def variables(host, outside, partners, members, revoked, login, own_address):  # noqa: F811
    """The examples, and what they ask of the reader."""
    place(host, "members.pem", members.pem)
    kubectl(host, "create secret generic member-authority --from-file ca.crt=/root/members.pem")
    at = host.backend.get_variables()["ansible_host"]
    yield {
        **MODES,
        "edge_api": "gateway",
        "edge_sites": [*MODES["edge_sites"], *ACCESS["edge_sites"], *FURTHER],
        "office_networks": [own_address],
        "login_keys": login.keys,
        "nas_address": at,
        "partner_authority": partners.pem,
        "partner_revoked": partners.revoked(revoked[0]),
    }
    kubectl(host, "delete secret member-authority")


class Clients:
    """Clients of each mode, and some whom the site must refuse, who ask by curl."""

    def __init__(self, ask, partners, members, login):  # noqa: F811
        self._ask, self._valid, self._stranger = ask, shown(partners.issue("asking")[1]), shown(members.issue("asking")[1])
        self._login = login

    def asking(self):
        """Return the clients, who have not begun yet."""
        return Asking(
            partner=(lambda: self._ask("partners.example.com", "/", *self._valid)[0], 200),
            stranger=(lambda: self._ask("partners.example.com", "/", *self._stranger)[0], 0),
            member=(lambda: self._ask("members.example.com", "/", *self._stranger)[0], 200),
            visitor=(lambda: self._ask("office.example.com")[0], 200),
            bearer=(lambda: self._ask("orders.example.com", "/", *bearer(self._login.token("orders")))[0], 200),
            tokenless=(lambda: self._ask("orders.example.com")[0], 403),
        )


@pytest.fixture(scope="module")
def clients(host, partners, members, login):  # noqa: F811
    return Clients(curl_at(host.backend.get_variables()["ansible_host"]), partners, members, login)


@pytest.fixture(scope="module", autouse=True)
def run(variables, clients, site):
    """The sites as objects of Istio first; then the run that changes them, and what clients were answered meanwhile."""
    first = runs.run({**variables, "edge_api": "istio"})
    assert (first.status, first.failures) == (0, []), first.output[-4000:]
    with clients.asking() as asking:
        time.sleep(1)
        found = runs.run(variables)
        time.sleep(1)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    yield asking
    last = runs.run({"edge_sites": [site], "certificate_prune_secrets": True})
    assert (last.status, last.failures) == (0, []), last.output[-4000:]


def test_sites_are_up_and_closed_to_strangers_while_they_change(run):
    assert run.unlike == {}


def test_sites_are_objects_of_the_gateway_api(host, run):
    found = kubectl(host, f"get gateways.{GROUP},httproutes.{GROUP},tlsroutes.{GROUP} --output name").split()
    names = {name.replace(f".{GROUP}", "") for name in found}
    assert {f"gateway/{each['name']}" for each in [*MODES["edge_sites"], *ACCESS["edge_sites"]]} <= names
    assert {"httproute/partners", "httproute/orders", "tlsroute/passed", "tlsroute/passed.1"} <= names
    assert kubectl(host, "get gateways.networking.istio.io,virtualservices --output name") == ""


def test_copies_of_requests_are_sent(host, curl):  # noqa: F811
    before = copies(host)
    for _number in range(5):
        assert curl("copied.example.com")[2][0] == "web"
    watch(lambda: copies(host) >= before + 5)


def test_a_site_for_pods_shows_the_certificate_of_the_mesh_and_lets_no_one_else_in(curl, handshake):  # noqa: F811
    assert f"URI:spiffe://cluster.local/ns/{NS}/sa/istio-ingress" in handshake("inner.example.com", "-alpn", "istio")
    assert curl("inner.example.com")[0] == 0


def test_a_second_run_changes_nothing(variables):
    again = runs.run(variables)
    assert (again.status, again.failures, again.changed) == (0, [], 0), again.output[-4000:]


def rival(kind, name, spec, api_version=f"{GROUP}/v1"):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "rival"}, "spec": spec}


TAKEN = "office.example.com"
WEB = {"name": "workflow", "namespace": "default", "port": 8003}
TAKING = {"hostnames": [TAKEN], "rules": [{"matches": [{"path": {"type": "Exact", "value": "/taken"}}], "backendRefs": [WEB]}]}
OFFICE, ON_80 = {"name": "office", "namespace": NS}, {"name": "edge-http", "namespace": NS}
LISTENER = {"name": "http", "port": 80, "protocol": "HTTP", "hostname": TAKEN}
SERVICE = {"type": "Hostname", "value": f"istio-ingress.{NS}.svc.cluster.local"}
MADE = f"{NS}/office~istio-autogenerated-k8s-gateway~https"
#: Routes at the Gateways of the sites, a Gateway of the same pods with a route, and listeners for the Gateway of a site.
TRIES = (
    rival("HTTPRoute", "taking", {"parentRefs": [OFFICE], **TAKING}),
    rival("HTTPRoute", "on-80", {"parentRefs": [ON_80], **TAKING}),
    rival("Gateway", "taking", {"gatewayClassName": "istio", "addresses": [SERVICE], "listeners": [LISTENER]}),
    rival("HTTPRoute", "own", {"parentRefs": [{"name": "taking"}], **TAKING}),
    rival("ListenerSet", "taking", {"parentRef": OFFICE, "listeners": [{**LISTENER, "port": 443}]}),
)
#: What the API server does not take.
REFUSED = {
    "a VirtualService at the Gateway that istiod makes of it": rival(
        "VirtualService",
        "made",
        {"hosts": [TAKEN], "gateways": [MADE], "http": [{"route": [{"destination": {"host": "workflow.default.svc.cluster.local"}}]}]},
        "networking.istio.io/v1",
    ),
    "a Gateway of Istio": rival(
        "Gateway",
        "istio",
        {"selector": {"istio": "ingress"}, "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [TAKEN]}]},
        "networking.istio.io/v1",
    ),
}


@pytest.fixture(scope="module")
def tried(host, run):
    """What another team has made in a namespace of its own, and a route that shows when istiod has seen all of it."""
    apply(host, namespace("rival"))
    apply(host, *TRIES)
    yield
    host.check_output("k3s kubectl delete namespace rival --wait=false")


def test_another_team_cannot_take_a_host(host, tried, curl):  # noqa: F811
    def conditions(name):
        route = json.loads(kubectl(host, f"get httproute {name} --output json", namespace="rival"))
        parents = (route.get("status") or {}).get("parents") or ()
        return [each["reason"] for parent in parents for each in parent["conditions"] if each["type"] == "Accepted"]

    deadline = time.monotonic() + 60
    while not all(conditions(name) for name in ("taking", "on-80", "own")):
        assert time.monotonic() < deadline, "istiod has not seen the routes"
    assert {name: conditions(name) for name in ("taking", "on-80")} == {
        "taking": ["NotAllowedByListeners"],
        "on-80": ["NotAllowedByListeners"],
    }
    for path in ("/", "/taken"):
        status, _headers, lines = curl(TAKEN, path)
        assert (status, lines[0]) == (200, "web")
        assert curl(TAKEN, path, "--plain")[0] == 301


@pytest.mark.parametrize("kept_out", REFUSED)
def test_objects_of_istio_do_not_help_them(host, tried, kept_out):
    answer = host.run("echo %s | k3s kubectl create --filename - 2>&1", json.dumps(REFUSED[kept_out]))
    assert answer.rc != 0, answer.stdout


def test_no_site_closes_when_they_change_back(variables, clients):
    with clients.asking() as asking:
        time.sleep(1)
        found = runs.run({**variables, "edge_api": "istio"})
        time.sleep(1)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    assert asking.unlike == {}
