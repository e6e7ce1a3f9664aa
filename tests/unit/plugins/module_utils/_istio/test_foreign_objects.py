# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Gateways and VirtualServices of others take from ours, and what they may have beside ours."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.foreign_objects import Foreign

OWNER = {"baremesh.edge/instance": "one"}
OURS = {"app.kubernetes.io/managed-by": "baremesh.edge", **OWNER}
LABELS = {"gw/app": {"istio": "ingress", "app": "istio-ingress"}}
EARLY, LATE = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"


def made(kind, place, spec, at=LATE, labels=None, **metadata):
    namespace, name = place.split("/")
    known = {"name": name, "namespace": namespace, "creationTimestamp": at, "labels": labels or {}}
    return {"kind": kind, "metadata": {**known, **metadata}, "spec": spec}


def gateway(*hosts, place="team/x", port=443, protocol="HTTPS", selector=None, bind=None, **more):
    server = {"port": {"number": port, "protocol": protocol}, "hosts": list(hosts), **({"bind": bind} if bind else {})}
    return made("Gateway", place, {"selector": {"istio": "ingress"} if selector is None else selector, "servers": [server]}, **more)


def routes(*rules, hosts=("app.example.com",), gateways=("gw/app",), place="team/x", kind="http", **more):
    return made("VirtualService", place, {"hosts": list(hosts), "gateways": list(gateways), kind: list(rules)}, **more)


def uri(**match):
    return {"match": [{"uri": match}]}


def found(ours, *live):
    return [(each["object"], each["host"], each["effect"]) for each in Foreign(ours, live, OWNER, LABELS).found()]


SITE = gateway("app.example.com", place="gw/app")
NAME = "app.example.com"


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (gateway(NAME), [(NAME, "host")]),
        (gateway("other.example.com", f"team/{NAME.upper()}"), [(NAME, "host")]),
        (gateway(NAME, selector={"app": "istio-ingress"}), [(NAME, "host")]),
        (gateway(NAME, selector={}), [(NAME, "host")]),
        (gateway(NAME, protocol="TLS"), [(NAME, "host")]),
        (gateway("*", protocol="HTTP"), [(NAME, "port")]),
        (gateway("*", protocol="TCP"), [(NAME, "port")]),
        # Other pods, another port, another address, another installation's pods.
        (gateway(NAME, selector={"istio": "other"}), []),
        (gateway(NAME, selector={"istio": "edge"}), []),
        (gateway(NAME, selector={"team": "b"}), []),
        (gateway(NAME, port=8443), []),
        (gateway(NAME, bind="10.0.0.1"), []),
        (gateway("*", port=80, protocol="HTTP"), []),
        # A name wins over a wildcard.
        (gateway("*.example.com"), []),
        (gateway("*"), []),
        (gateway("other.example.com"), []),
        (gateway(NAME, deletionTimestamp=LATE), []),
        # Ours, which the plan replaces or removes; those of another installation are not.
        (gateway(NAME, labels=OURS), []),
        (gateway(NAME, labels={"app.kubernetes.io/managed-by": "baremesh.edge"}), []),
        (gateway(NAME, labels={**OURS, "baremesh.edge/instance": "two"}), [(NAME, "host")]),
        (gateway(NAME, place="gw/app"), []),
    ],
)
def test_gateways_for_the_name_of_a_site(theirs, expected):
    title = f"Gateway {theirs['metadata']['namespace']}/{theirs['metadata']['name']}"
    assert found([SITE], theirs) == [(title, host, effect) for host, effect in expected]


@pytest.mark.parametrize(
    ("theirs", "effects"),
    [
        (gateway("*", port=5432, protocol="TCP"), ["port"]),
        (gateway("*", port=5432, protocol="MONGO"), ["port"]),
        (gateway("*", port=5432, protocol="HTTP"), ["port"]),
        (gateway("*", port=5432, protocol="TLS"), ["port"]),
        (gateway("*", port=5433, protocol="TCP"), []),
        (gateway("*", port=5432, protocol="TCP", selector={"istio": "other"}), []),
    ],
)
def test_connections_without_tls_share_no_port(theirs, effects):
    ours = gateway("*", place="gw/orders", port=5432, protocol="TCP")
    found_ones = Foreign([ours], [theirs], OWNER, {"gw/orders": {"istio": "ingress"}}).found()
    assert [each["effect"] for each in found_ones] == effects


@pytest.mark.parametrize(("ours", "theirs", "effects"), [(EARLY, LATE, []), (LATE, EARLY, ["host"])])
def test_the_older_of_two_has_the_name(ours, theirs, effects):
    live = gateway(NAME, place="gw/app", at=ours, labels=OURS)
    assert [effect for _name, _host, effect in found([SITE], live, gateway(NAME, at=theirs))] == effects


def test_a_name_out_of_a_wildcard():
    ours = gateway("*.example.com", place="gw/app")
    assert found([ours], gateway(NAME)) == [("Gateway team/x", NAME, "part")]
    assert found([ours], gateway("a.example.org")) == []
    # Whoever serves every name knows that others have some.
    assert found([gateway("*", place="gw/app")], gateway(NAME)) == []


ALL = {"route": []}


@pytest.mark.parametrize(
    ("rules", "theirs", "taken"),
    [
        ([ALL], [ALL], True),
        ([ALL], [uri(prefix="/")], True),
        ([uri(prefix="/api/"), ALL], [uri(prefix="/api/")], True),
        ([uri(prefix="/api/v1/")], [uri(prefix="/api/")], True),
        ([uri(exact="/api/x")], [uri(prefix="/api/")], True),
        # A path of a team beside the site, and what takes everything behind conditions of ours.
        ([ALL], [uri(prefix="/team/")], False),
        ([uri(prefix="/api/")], [ALL], False),
        ([uri(prefix="/api/")], [uri(prefix="/api/v1/")], False),
        ([uri(prefix="/api/")], [{"match": [{"uri": {"prefix": "/api/"}, "headers": {"x": {"exact": "1"}}}]}], False),
        ([uri(prefix="/api/")], [{"match": [{"name": "n", "uri": {"prefix": "/api/"}}]}], True),
    ],
)
def test_routes_that_go_before_those_of_a_site(rules, theirs, taken):
    ours = [SITE, routes(*rules, place="gw/app")]
    assert found(ours, routes(*theirs)) == ([("VirtualService team/x", NAME, "routes")] if taken else [])
    # Made later, they come behind.
    assert found(ours, routes(*theirs), routes(*rules, place="gw/app", at=EARLY, labels=OURS)) == []


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"gateways": ("gw/other",)}, False),
        ({"gateways": ("mesh",)}, False),
        ({"hosts": ("other.example.com",)}, False),
        ({"hosts": ("*.example.com", "*")}, False),
        ({"gateways": ("app.gw.svc.cluster.local",)}, True),
    ],
)
def test_routes_elsewhere(given, taken):
    assert bool(found([SITE, routes(ALL, place="gw/app")], routes(ALL, **given))) is taken


def test_gateways_of_plain_http_share_their_routes():
    plain, their_plain = (gateway("*", place=place, port=80, protocol="HTTP") for place in ("gw/edge-http", "team/plain"))
    ours = routes({"redirect": {}}, place="gw/app-redirect", gateways=("gw/edge-http",))
    theirs = routes(ALL, gateways=("team/plain",))
    assert found([ours], plain, their_plain, theirs) == [("VirtualService team/x", NAME, "routes")]
    # So has another port.
    assert found([ours], plain, gateway("*", place="team/plain", port=8080, protocol="HTTP"), theirs) == []
    # A server of TLS has routes of its own.
    secure = gateway(NAME, place="team/plain", port=443)
    assert found([ours], plain, secure, theirs) == []


def test_tls_that_passes_through():
    rule = {"match": [{"sniHosts": [NAME]}], "route": []}
    assert found([routes(rule, place="gw/app", kind="tls")], routes(rule, kind="tls")) == [("VirtualService team/x", NAME, "routes")]
