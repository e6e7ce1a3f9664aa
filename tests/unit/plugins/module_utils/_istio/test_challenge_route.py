# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import Cluster, explain

NS, HOST = "istio-ingress", "app.example.com"
FOREIGN = {"source": {"notIpBlocks": ["10.0.0.0/8"]}}
SIDECAR = {"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_INBOUND"}}
OFFICE = {"source": {"ipBlocks": ["10.0.0.0/8"]}}
PREFIX = "/.well-known/acme-challenge/"
PROXY_RULES = [
    {"match": [{"headers": {"x-forwarded-proto": {"exact": "https"}}, "withoutHeaders": {":path": {"prefix": PREFIX}}}], "route": []},
    {"match": [{"withoutHeaders": {"x-forwarded-proto": {"exact": "https"}, ":path": {"prefix": PREFIX}}}], "redirect": {}},
]


def made(kind, name, space=NS, **spec):
    return {"kind": kind, "metadata": {"name": name, "namespace": space}, "spec": spec}


def gateway(*hosts, name="old", redirect=False, port=80, selector=None):
    tls = {"tls": {"httpsRedirect": True}} if redirect else {}
    servers = [{"port": {"number": port, "protocol": "HTTP"}, "hosts": list(hosts), **tls}]
    return made("Gateway", name, selector=selector or {"istio": "ingress"}, servers=servers)


def routes(*rules, hosts=(HOST,), gateways=(f"{NS}/old",), space="shop"):
    return made("VirtualService", "shop", space, hosts=list(hosts), gateways=list(gateways), http=list(rules))


def policy(name="guard", space=NS, **spec):
    return made("AuthorizationPolicy", name, space, **spec)


def cluster(*objects):
    kinds = {"Gateway": "gateways", "VirtualService": "virtual_services", "AuthorizationPolicy": "policies"}
    fields = {}
    for found in objects:
        fields.setdefault(kinds.get(found["kind"], "filters"), []).append(found)
    return Cluster({"istio": "ingress"}, NS, **fields)


REDIRECT = {"redirect": {"scheme": "https"}}
GUIDE = routes({"match": [{"uri": {"prefix": "/"}}], "route": []})


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        # The Gateway of a guide: all hosts, and a VirtualService of another namespace that brings the host to it.
        (
            [gateway("*", redirect=True), GUIDE],
            "Gateway istio-ingress/old has httpsRedirect on port 80 (VirtualService shop/shop brings the host to it)",
        ),
        ([gateway("*.example.com", redirect=True), GUIDE], "Gateway istio-ingress/old has httpsRedirect on port 80 (VirtualService shop"),
        ([gateway(HOST, redirect=True)], "Gateway istio-ingress/old has httpsRedirect on port 80"),
        ([gateway(f"shop/{HOST}", redirect=True)], "Gateway istio-ingress/old has httpsRedirect on port 80"),
        ([gateway(f"*/{HOST}", "other.example.com", redirect=True), gateway("*", name="b")], "Gateway istio-ingress/old has httpsRedirect"),
        (
            [gateway("*"), routes({"match": [{"uri": {"prefix": "/.well-known"}}]})],
            "VirtualService shop/shop takes prefix /.well-known before the solver's route",
        ),
        ([gateway("*"), routes({"match": [{"uri": {"regex": "/.*"}}], **REDIRECT})], "VirtualService shop/shop takes regex /.* before"),
        (
            [gateway("*"), routes({"match": [{"uri": {"prefix": "/"}, "method": {"exact": "GET"}}]})],
            "VirtualService shop/shop takes prefix / with method before",
        ),
        (
            [gateway("*"), routes({"match": [{"withoutHeaders": {"x-forwarded-proto": {"exact": "https"}}}], **REDIRECT})],
            "VirtualService shop/shop takes withoutHeaders before",
        ),
        ([policy(action="DENY", rules=[{"to": [{"operation": {"ports": ["80"]}}]}])], "AuthorizationPolicy istio-ingress/guard denies it"),
        (
            [policy(action="DENY", rules=[{"from": [FOREIGN]}])],
            "AuthorizationPolicy istio-ingress/guard",
        ),
        ([policy(space="istio-system", rules=[])], "AuthorizationPolicy istio-system/guard allows other requests only"),
        ([policy()], "AuthorizationPolicy istio-ingress/guard allows other requests only"),
        ([policy(rules=[{"from": [{"source": {"requestPrincipals": ["*"]}}]}])], "AuthorizationPolicy istio-ingress/guard allows other"),
        (
            [
                policy(rules=[{"from": [OFFICE]}]),
                policy("two", rules=[{"to": [{"operation": {"paths": ["/x"]}}]}]),
            ],
            "AuthorizationPolicy istio-ingress/guard and AuthorizationPolicy istio-ingress/two allow other requests only",
        ),
        (
            [policy(action="CUSTOM", provider={"name": "oauth2"}, rules=[{}])],
            "AuthorizationPolicy istio-ingress/guard asks the provider oauth2 first, a login for example",
        ),
    ],
)
def test_what_takes_a_challenge_is_named(objects, expected):
    (found,) = explain(cluster(*objects), HOST).obstacles
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("objects", "status"),
    [
        # A redirect of "*" without a route of the host stays with the host name "*".
        ([gateway("*", redirect=True)], 301),
        ([gateway("*.example.com", redirect=True), routes(REDIRECT, hosts=["*.example.com"])], 301),
        ([gateway("*"), routes(REDIRECT)], 301),
        ([gateway("*"), routes({"match": [{"uri": {"prefix": "/"}}], "redirect": {"redirectCode": 308}})], 308),
        ([gateway("*"), routes({"match": [{"uri": {"regex": ".*"}}], "directResponse": {"status": 503}})], 503),
        ([gateway("*"), routes({"match": [{"port": 80}], **REDIRECT})], 301),
        ([gateway("*"), routes({"match": [{"uri": {"prefix": "/.well-known"}}]}, hosts=["*.example.com"])], 503),
        ([gateway("*"), routes({"match": [{"uri": {"prefix": "/api"}}]}, {"route": []})], 200),
    ],
)
def test_a_rule_that_gives_way_to_the_solver_excuses_its_answer(objects, status):
    found = explain(cluster(*objects), HOST)
    assert (found.obstacles, found.suspects) == ([], [])
    assert found.excuses(status, upstream=False)
    assert not found.excuses(401, upstream=False)
    assert not found.excuses(302, upstream=False)


def test_an_answer_of_a_service_behind_is_excused_whatever_it_is():
    found = explain(cluster(gateway("*"), GUIDE), HOST)
    assert found.excuses(403, upstream=True)
    assert not found.excuses(403, upstream=False)


@pytest.mark.parametrize(
    "objects",
    [
        [gateway("*"), routes(*PROXY_RULES)],
        [gateway("*", redirect=True, port=8080), GUIDE],
        [gateway("*", redirect=True, selector={"istio": "internal"}), GUIDE],
        [gateway("other.example.com", redirect=True)],
        [gateway("*"), routes({"match": [{"uri": {"prefix": "/.well-known"}, "port": 443}]})],
        [gateway("*"), routes({"match": [{"uri": {"exact": "/"}}]})],
        [gateway("*"), routes({"match": [{"uri": {"regex": "(["}}]})],
        [gateway("*"), routes({"match": [{"uri": {"prefix": "/.well-known"}, "headers": {"cookie": {"regex": ".*beta.*"}}}]})],
        [gateway("*"), routes({"match": [{"uri": {"prefix": "/"}, "headers": {"x-user": {}}}]})],
        [gateway("*"), routes({"match": [{"uri": {"prefix": "/.well-known"}, "queryParams": {"v": {"exact": "2"}}}]})],
        [gateway("*"), routes(REDIRECT, gateways=["mesh"])],
        [policy(action="DENY", rules=[{"to": [{"operation": {"paths": ["/admin*"]}}]}])],
        [policy(action="DENY", rules=[{"to": [{"operation": {"notPaths": [f"{PREFIX}*"]}}]}])],
        [policy(action="DENY", rules=[{"from": [{"source": {"ipBlocks": ["192.0.2.7"]}}]}])],
        [policy(action="DENY")],
        # A header that an ACME server does not send, whatever it would hold.
        [policy(rules=[{"when": [{"key": "request.headers[x-user]", "notValues": ["*"]}]}])],
        [policy(rules=[{"when": [{"key": "connection.sni", "notValues": ["*"]}]}])],
        [policy(action="DENY", rules=[{"when": [{"key": "request.headers[user-agent]", "values": ["bad*"]}]}])],
        [policy(action="CUSTOM", provider={"name": "oauth2"}, rules=[{"to": [{"operation": {"hosts": ["admin.example.com"]}}]}])],
        [policy(rules=[{"from": [OFFICE]}, {"to": [{"operation": {"paths": [f"{PREFIX}*"]}}]}])],
        [policy(rules=[{}])],
        [policy(rules=[{"from": [{"source": {"ipBlocks": ["0.0.0.0/0"]}}]}])],
        [policy(space="shop")],
        [policy(selector={"matchLabels": {"app": "shop"}})],
        [policy(targetRefs=[{"kind": "Gateway", "name": "other"}])],
        [policy(action="AUDIT", rules=[{}])],
        [
            made(
                "EnvoyFilter",
                "buffers",
                configPatches=[{"applyTo": "CLUSTER"}, SIDECAR],
            )
        ],
        [made("EnvoyFilter", "other", "shop", configPatches=[{"applyTo": "HTTP_FILTER"}])],
    ],
)
def test_what_does_not_concern_a_challenge_explains_nothing(objects):
    found = explain(cluster(*objects), HOST)
    assert (found.obstacles, found.suspects, found.statuses, found.routed) == ([], [], set(), False)


def test_a_policy_that_is_only_tried_denies_nothing():
    tried = policy()
    tried["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    assert explain(cluster(tried), HOST).obstacles == []


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (made("EnvoyFilter", "maintenance", configPatches=[{"applyTo": "HTTP_FILTER", "match": {"context": "GATEWAY"}}]), "EnvoyFilter"),
        (made("EnvoyFilter", "maintenance", "istio-system", configPatches=[{"applyTo": "VIRTUAL_HOST"}]), "EnvoyFilter"),
        (made("WasmPlugin", "maintenance", selector={"matchLabels": {"istio": "ingress"}}, url="oci://x"), "WasmPlugin"),
    ],
)
def test_what_may_change_every_answer_is_suspected(found, name):
    (suspect,) = explain(cluster(found), HOST).suspects
    assert suspect == f"{name} {found['metadata']['namespace']}/maintenance changes how the gateway answers"


@pytest.mark.parametrize("name", ["./old", "shop/old", "old.shop.svc.cluster.local", "old"])
def test_a_gateway_beside_its_routes_is_found_by_each_way_to_name_it(name):
    own = made("Gateway", "old", "shop", selector={"istio": "ingress"}, servers=gateway("*", redirect=True)["spec"]["servers"])
    service = routes({"match": [{"uri": {"prefix": "/"}}], "route": []}, gateways=[name])
    (obstacle,) = explain(cluster(own, service), HOST).obstacles
    assert "VirtualService shop/shop brings the host to it" in obstacle
    nameless = {**service, "metadata": {"name": "shop"}}
    found = explain(cluster(own, nameless), HOST).obstacles
    assert [text for text in found if "brings the host" in text] == ([] if name in ("./old", "old") else found)
