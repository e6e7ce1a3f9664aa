# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import PATH, Cluster, explain
from ansible_collections.baremesh.edge.plugins.module_utils._istio.other_routes import of_gateway_api, of_ingresses

NS, HOST = "istio-ingress", "app.example.com"
LABELS = {"istio": "ingress"}
CLASSES = [
    {"metadata": {"name": "edge"}, "spec": {"controller": "istio.io/ingress-controller"}},
    {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}},
]
TO_HTTPS = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
PARENT = {"name": "public", "namespace": NS}


def made(name, space, **spec):
    return {"metadata": {"name": name, "namespace": space}, "spec": spec}


def public(space=NS, address=f"istio-ingress.{NS}.svc.cluster.local", **listener):
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP", **listener}, {"name": "https", "port": 443, "protocol": "HTTPS"}]
    addresses = {"addresses": [{"type": "Hostname", "value": address}]} if address else {}
    return made("public", space, gatewayClassName="istio", listeners=listeners, **addresses)


def route(*rules, parent=(), hosts=(HOST,), **spec):
    return made("app", "shop", parentRefs=[{**PARENT, **dict(parent)}], hostnames=list(hosts), rules=list(rules), **spec)


def path(value, kind="PathPrefix", **more):
    return {"matches": [{"path": {"type": kind, "value": value}, **more}]}


def known(route, gateway=None, labels=None):
    labels = labels or LABELS
    services = tuple(of_gateway_api([gateway or public()], [route], labels, NS))
    return explain(Cluster(labels, NS, virtual_services=services), HOST)


@pytest.mark.parametrize(
    "given",
    [
        route(TO_HTTPS),
        route({**path("/"), **TO_HTTPS}),
        route(TO_HTTPS, hosts=["*.example.com"]),
        route(TO_HTTPS, hosts=[]),
        route(TO_HTTPS, parent={"sectionName": "http", "port": 80}),
        route({**path("/.well-known"), **TO_HTTPS}, hosts=["*.example.com"]),
    ],
)
def test_a_redirect_of_a_route_that_gives_way_to_the_solver_is_excused(given):
    found = known(given)
    assert (found.obstacles, found.suspects, found.statuses, found.routed) == ([], [], {301}, False)


@pytest.mark.parametrize(
    ("given", "takes"),
    [
        (route({**path("/.well-known"), **TO_HTTPS}), "prefix /.well-known/"),
        (route(path("/.*", "RegularExpression")), "regex /.*"),
        (route({**path("/", method="GET"), **TO_HTTPS}), "prefix / with method"),
    ],
)
def test_a_route_that_takes_challenges_is_named(given, takes):
    assert known(given).obstacles == [f"HTTPRoute shop/app takes {takes} before the solver's route"]


def test_a_route_to_a_service_and_a_redirect_without_a_status():
    assert known(route({"backendRefs": [{"name": "app", "port": 80}]})).routed
    assert known(route({"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]})).statuses == {302}


@pytest.mark.parametrize(
    ("given", "gateway", "labels"),
    [
        (route(TO_HTTPS, parent={"name": "other"}), public(), LABELS),
        (route(TO_HTTPS, parent={"sectionName": "https"}), public(), LABELS),
        (route(TO_HTTPS, parent={"port": 443}), public(), LABELS),
        (route(TO_HTTPS, hosts=["other.example.com"]), public(), LABELS),
        (route(TO_HTTPS, hosts=["*.example.com"]), public(hostname="other.example.com"), LABELS),
        (route(TO_HTTPS), public(address="gateway.elsewhere.svc"), LABELS),
        # A Gateway without addresses has pods of its own.
        (route(TO_HTTPS), public(address=""), LABELS),
        (route(TO_HTTPS), public(port=8080), LABELS),
        (route(path("/api")), public(), LABELS),
        (route(path("/.well", "PathPrefix")), public(), LABELS),
        (route({"matches": [{"headers": [{"name": "X-User", "value": "a"}]}], **TO_HTTPS}), public(), LABELS),
        (route({"matches": [{"queryParams": [{"name": "a", "value": "b"}]}], **TO_HTTPS}), public(), LABELS),
    ],
)
def test_a_route_that_sees_no_challenge_explains_nothing(given, gateway, labels):
    found = known(given, gateway, labels)
    assert (found.obstacles, found.suspects, found.statuses, found.routed) == ([], [], set(), False)


def test_pods_that_a_gateway_made():
    labels = {"gateway.networking.k8s.io/gateway-name": "public"}
    assert known(route(TO_HTTPS), public(address=""), labels).statuses == {301}
    assert known(route(TO_HTTPS), public("elsewhere", address=""), labels).statuses == set()


def ingress(*paths, host=HOST, annotations=None, **spec):
    rule = {**({"host": host} if host else {}), "http": {"paths": list(paths)}}
    return {"metadata": {"name": "app", "namespace": "shop", "annotations": annotations or {}}, "spec": {"rules": [rule], **spec}}


def routed(given):
    found = explain(Cluster(LABELS, NS, virtual_services=tuple(of_ingresses([given], CLASSES, PATH))), HOST)
    assert (found.obstacles, found.suspects, found.statuses) == ([], [], set())
    return found.routed


@pytest.mark.parametrize(
    "given",
    [
        ingress({"path": "/", "pathType": "Prefix"}, ingressClassName="edge"),
        ingress({"path": "/", "pathType": "Prefix"}, host=None, ingressClassName="edge"),
        ingress({"path": "/.well-known", "pathType": "Prefix"}, ingressClassName="edge"),
        ingress({"path": "/*", "pathType": "ImplementationSpecific"}, annotations={"kubernetes.io/ingress.class": "istio"}),
        ingress({}, host="*.example.com", ingressClassName="edge"),
        ingress(ingressClassName="edge", defaultBackend={"service": {"name": "app"}}),
    ],
)
def test_an_ingress_gives_way_to_the_solver(given):
    assert routed(given)


@pytest.mark.parametrize(
    "given",
    [
        ingress({"path": "/", "pathType": "Prefix"}, ingressClassName="nginx"),
        ingress({"path": "/", "pathType": "Prefix"}, ingressClassName="unknown"),
        ingress({"path": "/", "pathType": "Prefix"}),
        ingress({"path": "/", "pathType": "Exact"}, ingressClassName="edge"),
        ingress({"path": "/api", "pathType": "Prefix"}, ingressClassName="edge"),
        ingress({"path": "/.well-known/acme-challenge/other", "pathType": "ImplementationSpecific"}, ingressClassName="edge"),
        ingress({"path": "/", "pathType": "Prefix"}, host="other.example.com", ingressClassName="edge"),
    ],
)
def test_an_ingress_that_sees_no_challenge_explains_nothing(given):
    assert not routed(given)
