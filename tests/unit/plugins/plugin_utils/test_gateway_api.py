# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as objects of the Gateway API: what becomes of them, and what is refused because that API cannot express it."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._gateways import challenge_parents
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites_apart import sites_apart

LAB = {"name": "lab", "type": "selfsigned"}
CA = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
WEB = {"prefix": "/", "service": "web.default", "port": 3000}
APP = {"name": "app", "hosts": ["app.example.com"], "issuer": "lab", "routes": [WEB]}
DB = {"service": "db.data", "port": 5432}
PASSED = {"name": "own", "hosts": ["own.example.com", "two.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [DB]}
PLAIN = {"name": "db", "tcp_port": 5432, "tls": {"mode": "NONE"}, "routes": [DB]}
ENDED = {"name": "cache", "hosts": ["cache.example.com"], "issuer": "lab", "tcp_port": 5432, "routes": [DB]}
PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
SERVICE = "istio-ingress.istio-ingress.svc.cluster.local"


def plan(*sites, **settings):
    given = {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], "edge_api": "gateway", **settings}
    return _plan.make_plan(list(sites), {"edge_gateway_ports": [{"port": 5432, "node_port": 31432}], **given})


def made(*sites, **settings):
    """Return the specs of what becomes of sites, by kind and name."""
    found = plan(*sites, **settings)
    assert found["findings"] == []
    return {(each["kind"], each["metadata"]["name"]): each["spec"] for each in found["gateway_objects"]}


def rules(*routes):
    return made(APP | {"routes": list(routes)})["HTTPRoute", "app"]["rules"]


def backend(name="web", namespace="default", port=3000, weight=1):
    return {"group": "", "kind": "Service", "name": name, "namespace": namespace, "port": port, "weight": weight}


def listener(protocol, port, hostname="", number=0, **tls):
    name = f"{protocol.lower()}-{number}" if number else protocol.lower()
    known = {"name": name, "port": port, "protocol": protocol, "allowedRoutes": {"namespaces": {"from": "Same"}}}
    return {**known, **({"hostname": hostname} if hostname else {}), **({"tls": tls} if tls else {})}


def ends(*names):
    return {"mode": "Terminate", "certificateRefs": [{"group": "", "kind": "Secret", "name": name} for name in names]}


def test_a_site_becomes_a_gateway_of_the_pods_that_are_there():
    found = made(APP)
    assert list(found) == [("ReferenceGrant", "istio-ingress.app"), ("Gateway", "app"), ("HTTPRoute", "app"), ("HTTPRoute", "app-redirect")]
    assert found["Gateway", "app"] == {
        "gatewayClassName": "istio",
        "addresses": [{"type": "Hostname", "value": SERVICE}],
        "listeners": [listener("HTTPS", 443, "app.example.com", **ends("app"))],
    }
    assert found["HTTPRoute", "app"] == {
        "parentRefs": [{**PARENT, "name": "app"}],
        "hostnames": ["app.example.com"],
        "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [backend()]}],
    }
    assert found["ReferenceGrant", "istio-ingress.app"] == {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "istio-ingress"}],
        "to": [{"group": "", "kind": "Service", "name": "web"}],
    }


def test_port_80_redirects_by_a_rule_that_gives_way_to_exact_paths():
    spec = made(APP)["HTTPRoute", "app-redirect"]
    assert spec["parentRefs"] == [{**PARENT, "name": "edge-http"}]
    (rule,) = spec["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["filters"] == [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]
    assert ("HTTPRoute", "app-redirect") not in made(APP | {"redirect": False})
    assert ("HTTPRoute", "app-redirect") not in made(APP, edge_http_gateway="")


def test_nothing_of_istio_is_applied_for_a_site_and_all_of_it_is_proved():
    found, before = plan(APP), plan(APP, edge_api="istio")
    assert {each["apiVersion"].partition("/")[0] for each in found["gateway_objects"]} == {"gateway.networking.k8s.io"}
    for key in ("certificates", "credentials", "endpoints", "subjects", "server_names", "certificate_names"):
        assert found[key] == before[key]


def test_raw_manifests_of_istio_stay():
    raw = {"metadata": {"name": "raw"}, "spec": {"hosts": ["raw.example.com"], "http": [{"route": [{"destination": {"host": "x.y"}}]}]}}
    assert ("VirtualService", "raw") in made(APP, gateway_virtual_services=[raw])


def test_tls_passes_through_by_name():
    split = PASSED | {"routes": [{**DB, "hosts": ["two.example.com"]}, {"service": "other.data", "port": 443}]}
    found = made(split)
    assert found["Gateway", "own"]["listeners"] == [
        listener("TLS", 443, "own.example.com", mode="Passthrough"),
        listener("TLS", 443, "two.example.com", 1, mode="Passthrough"),
    ]
    assert found["TLSRoute", "own"]["hostnames"] == ["two.example.com"]
    assert found["TLSRoute", "own.1"] == {
        "parentRefs": [{**PARENT, "name": "own"}],
        "hostnames": ["own.example.com"],
        "rules": [{"backendRefs": [backend("other", "data", 443)]}],
    }
    assert found["ReferenceGrant", "istio-ingress.own"]["from"][0]["kind"] == "TLSRoute"
    assert [entry["name"] for entry in found["ReferenceGrant", "istio-ingress.own"]["to"]] == ["db", "other"]


def test_tcp_with_and_without_tls():
    assert made(PLAIN)["Gateway", "db"]["listeners"] == [listener("TCP", 5432)]
    found = made(ENDED)
    assert found["Gateway", "cache"]["listeners"] == [listener("TLS", 5432, "cache.example.com", **ends("cache"))]
    assert found["TCPRoute", "cache"] == {
        "parentRefs": [{**PARENT, "name": "cache"}],
        "rules": [{"backendRefs": [backend("db", "data", 5432)]}],
    }
    assert found["ReferenceGrant", "istio-ingress.cache"]["from"][0]["kind"] == "TCPRoute"


def test_certificates_of_two_kinds():
    (entry,) = made(APP | {"tls": {"key_types": ["ECDSA", "RSA"]}})["Gateway", "app"]["listeners"]
    assert entry["tls"] == ends("app", "app-rsa")


def test_a_service_beside_the_gateway_needs_no_grant():
    assert ("ReferenceGrant", "istio-ingress.app") not in made(APP | {"routes": [{**WEB, "service": "web.istio-ingress"}]})


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"prefix": "/api/"}, {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}]}),
        ({"exact": "/a"}, {"matches": [{"path": {"type": "Exact", "value": "/a"}}]}),
        ({"regex": "/a.*"}, {"matches": [{"path": {"type": "RegularExpression", "value": "/a.*"}}]}),
        ({"method": "GET"}, {"matches": [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}]}),
        (
            {"with_headers": {"X-A": "1", "x-b": {"regex": "2+"}}, "query": {"q": "3"}},
            {
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": "/"},
                        "headers": [
                            {"name": "x-a", "type": "Exact", "value": "1"},
                            {"name": "x-b", "type": "RegularExpression", "value": "2+"},
                        ],
                        "queryParams": [{"name": "q", "type": "Exact", "value": "3"}],
                    }
                ]
            },
        ),
        ({"timeout": "1m30s"}, {"timeouts": {"request": "1m30s"}}),
        (
            {"prefix": "/api/", "rewrite": "/"},
            {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}]},
        ),
        (
            {"exact": "/a", "rewrite": {"uri": "/b", "authority": "b.example.com"}},
            {
                "filters": [
                    {
                        "type": "URLRewrite",
                        "urlRewrite": {"hostname": "b.example.com", "path": {"type": "ReplaceFullPath", "replaceFullPath": "/b"}},
                    }
                ]
            },
        ),
        (
            {"headers": {"request": {"add": {"x-a": "1"}, "remove": ["x-b"]}, "response": {"set": {"x-c": "2"}}}},
            {
                "filters": [
                    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-a", "value": "1"}], "remove": ["x-b"]}},
                    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-c", "value": "2"}]}},
                ]
            },
        ),
    ],
)
def test_a_route_does_what_it_does_with_istio(route, expected):
    (rule,) = rules({"service": "web.default", "port": 3000, **route})
    assert rule["backendRefs"] == [backend()]
    assert {key: rule[key] for key in expected} == expected


def test_shares_of_services():
    shares = [{"service": "a.x", "port": 1, "weight": 90}, {"service": "b.x", "port": 2, "weight": 0}]
    (rule,) = rules({"destinations": shares})
    assert rule["backendRefs"] == [backend("a", "x", 1, 90), backend("b", "x", 2, 0)]


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ({"uri": "/new"}, {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"}, "statusCode": 301}),
        (
            {"prefixRewrite": "/v2", "authority": "b.example.com", "redirectCode": 308},
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"}, "hostname": "b.example.com", "statusCode": 308},
        ),
        ({"scheme": "https", "port": 8443, "uri": "/x"}, {"scheme": "https", "port": 8443, "statusCode": 301}),
    ],
)
def test_a_route_may_redirect(redirect, expected):
    first, _rest = rules({"prefix": "/old/", "redirect": redirect}, WEB)
    assert "backendRefs" not in first
    (only,) = first["filters"]
    assert {key: only["requestRedirect"][key] for key in expected} == expected


def test_browsers_learn_to_ask_by_tls_only():
    (rule,) = made(APP | {"tls": {"hsts": {"max_age": 60}}})["HTTPRoute", "app"]["rules"]
    (change,) = rule["filters"]
    assert change["responseHeaderModifier"] == {"set": [{"name": "Strict-Transport-Security", "value": "max-age=60"}]}


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (
            {"tls": {"mode": "OPTIONAL_MUTUAL", "credential": "own"}, "issuer": None},
            "tls.mode is OPTIONAL_MUTUAL, for which the Gateway API needs a named authority; give tls.ca_certificate or",
        ),
        (
            {"tls": {"mode": "MUTUAL", "client_ca": "issuer", "subject_alt_names": ["a.example.com"]}},
            "tls.subject_alt_names is given",
        ),
        (
            {"tls": {"min_version": "1.3"}},
            "tls.min_version is given, and the Gateway API has nothing for it; remove it, or set edge_api to istio",
        ),
        ({"tls": {"max_version": "1.2"}}, "tls.max_version is given"),
        ({"hosts": ["a.example.com", "b.example.com"]}, "hosts has 2 names, each of which is a listener of its own"),
        ({"routes": [{**WEB, "prefix": f"/{n}/"} for n in range(17)]}, "routes has 17 entries, and a route of the Gateway API takes 16"),
        ({"routes": [{**WEB, "prefix": "/app"}]}, "routes[0].prefix is '/app', which the Gateway API takes for whole parts of the path"),
        ({"routes": [{**WEB, "ignore_case": True}]}, "routes[0].ignore_case is given"),
        ({"routes": [{**WEB, "without_headers": {"x": "1"}}]}, "routes[0].without_headers is given"),
        ({"routes": [{**WEB, "with_headers": {"x": {"prefix": "1"}}}]}, "routes[0].with_headers.x is {'prefix': '1'}, and the Gateway API"),
        ({"routes": [{**WEB, "with_headers": {"x": None}}]}, "routes[0].with_headers.x is for any value"),
        (
            {"routes": [{**WEB, "method": {"regex": "GET|PUT"}}]},
            "routes[0].method is {'regex': 'GET|PUT'}, and the Gateway API compares by exact",
        ),
        ({"routes": [{**WEB, "retries": {"attempts": 2}}]}, "routes[0].retries is given"),
        ({"routes": [{**WEB, "cors": {"allowOrigins": [{"exact": "x"}]}}]}, "routes[0].cors is given"),
        ({"routes": [{**WEB, "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 1}}}}]}, "routes[0].fault is given"),
        ({"routes": [{**WEB, "mirror": {"service": "b.c", "port": 1, "subset": "v1"}}]}, "routes[0].mirror.subset is given"),
        ({"routes": [{"direct_response": {"status": 410}}]}, "routes[0].direct_response is given"),
        ({"routes": [{"destinations": [{"service": "a.b", "port": 1, "subset": "v1"}]}]}, "routes[0].destinations.subset is given"),
        ({"routes": [{**WEB, "timeout": "1.5s"}]}, "routes[0].timeout is '1.5s', and the Gateway API takes whole numbers"),
        ({"routes": [{**WEB, "regex": "/.*", "prefix": None, "rewrite": "/"}]}, "routes[0].rewrite would replace the whole path"),
        (
            {"routes": [{**WEB, "rewrite": {"uriRegexRewrite": {"match": "a", "rewrite": "b"}}}]},
            "routes[0].rewrite.uriRegexRewrite is given",
        ),
        ({"routes": [{"redirect": {"derivePort": "FROM_REQUEST_PORT"}}]}, "routes[0].redirect.derivePort is given"),
        ({"routes": [{"exact": "/a", "redirect": {"prefixRewrite": "/b"}}]}, "routes[0].redirect.prefixRewrite replaces a prefix"),
    ],
)
def test_what_the_api_cannot_express_is_named_with_the_way_out(site, said):
    given = {key: value for key, value in {**APP, **site}.items() if value is not None}
    given["routes"] = [{key: value for key, value in route.items() if value is not None} for route in given["routes"]]
    assert plan(given, edge_api="istio")["findings"] == []
    found = plan(given)
    (text,) = found["findings"]
    assert text.startswith(f"edge_sites (app): {said}")
    assert text.endswith("or set edge_api to istio")
    assert found["gateway_objects"] == []


def test_all_findings_come_at_once():
    bad = APP | {"tls": {"min_version": "1.3", "max_version": "1.3"}, "routes": [{**WEB, "retries": {"attempts": 2}}]}
    assert len(plan(bad, bad | {"name": "b", "hosts": ["b.example.com"]})["findings"]) == 6


@pytest.mark.parametrize(
    ("routes", "other_order"),
    [
        ([{"prefix": "/"}, {"prefix": "/api/"}], True),
        ([{"prefix": "/api/"}, {"prefix": "/"}], False),
        ([{"prefix": "/a/"}, {"prefix": "/bcd/"}], False),
        ([{"prefix": "/a/"}, {"exact": "/a/x"}], True),
        ([{"prefix": "/a/"}, {"exact": "/b"}], False),
        ([{"regex": "/.*x"}, {"prefix": "/a/"}], True),
        ([{"exact": "/a"}, {"exact": "/bc"}], False),
        ([{"method": "GET"}, {"prefix": "/a/", "method": "PUT"}], False),
        ([{"method": "GET"}, {"prefix": "/a/", "method": "GET"}], True),
        ([{}, {"method": "GET"}], True),
        ([{"with_headers": {"a": "1"}}, {"with_headers": {"a": "1", "b": "2"}}], True),
        ([{"with_headers": {"a": "1"}, "query": {"a": "1"}}, {"query": {"a": "1"}}], False),
    ],
)
def test_an_order_that_the_api_does_not_keep_is_refused(routes, other_order):
    given = APP | {"routes": [{"service": "web.default", "port": 3000, **route} for route in routes]}
    # Some of these Istio does not reach either, which is said besides.
    found = [text for text in plan(given)["findings"] if "routes[0] is written before routes[1]" in text]
    assert len(found) == other_order


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edge_api": "kong"}, "edge_api is 'kong'"),
        ({"edge_trusted_proxies": 1}, "edge_trusted_proxies is given, and edge_api is gateway"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    assert any(text.startswith(said) for text in plan(APP, **settings)["findings"])


def test_a_wildcard_over_another_site_is_refused():
    wide = {"name": "all", "hosts": ["*.example.com"], "issuer": "lab", "routes": [WEB]}
    (text,) = plan(wide, PASSED)["findings"]
    assert text.startswith("edge_sites (all): its wildcard is for own.example.com, two.example.com, too")
    assert made(wide)["Gateway", "all"]["listeners"][0]["hostname"] == "*.example.com"


def test_sites_fail_alone():
    found = plan(APP, APP | {"name": "b", "hosts": ["b.example.com"]})
    certificates = [{"namespace": "istio-ingress", "name": name, "secret_name": name, "ready": name == "b"} for name in ("app", "b")]
    apart = sites_apart(found, certificates)
    assert [each["metadata"]["name"] for each in apart["objects"] if each["kind"] == "Gateway"] == ["b"]
    assert apart["kept"] == [{"kind": "Gateway", "metadata": {"name": "app", "namespace": "istio-ingress"}}]
    assert apart["left"] == ["app"]
    # Nothing takes the routes of the other until its Gateway is there.
    assert [(each["kind"], each["name"]) for each in apart["waited"]] == [
        ("Gateway", "b"),
        ("HTTPRoute", "app-redirect"),
        ("HTTPRoute", "b"),
        ("HTTPRoute", "b-redirect"),
    ]


@pytest.mark.parametrize(
    ("tls", "options", "authority"),
    [
        ({"mode": "MUTUAL", "ca_certificate": CA}, {"gateway.istio.io/tls-terminate-mode": "MUTUAL"}, None),
        ({"mode": "MUTUAL", "ca_secret": "clients"}, {"gateway.istio.io/tls-terminate-mode": "MUTUAL"}, "clients"),
        ({"mode": "OPTIONAL_MUTUAL", "ca_certificate": CA}, {"gateway.istio.io/tls-terminate-mode": "OPTIONAL_MUTUAL"}, "app-cacert"),
        ({"mode": "OPTIONAL_MUTUAL", "ca_secret": "clients"}, {"gateway.istio.io/tls-terminate-mode": "OPTIONAL_MUTUAL"}, "clients"),
        (
            {"cipher_suites": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]},
            {"gateway.istio.io/tls-cipher-suites": "ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE-RSA-AES128-GCM-SHA256"},
            None,
        ),
    ],
)
def test_what_the_api_lacks_are_options_of_istios(tls, options, authority):
    spec = made(APP | {"tls": tls})["Gateway", "app"]
    assert spec["listeners"] == [listener("HTTPS", 443, "app.example.com", **ends("app"), options=options)]
    validation = {"caCertificateRefs": [{"group": "", "kind": "Secret", "name": authority}], "mode": "AllowValidOnly"}
    assert spec.get("tls") == ({"frontend": {"default": {"validation": validation}}} if authority else None)


@pytest.mark.parametrize(("share", "part"), [({}, {}), ({"percentage": 0.5}, {"fraction": {"numerator": 5000, "denominator": 1000000}})])
def test_copies_of_requests_may_be_sent(share, part):
    found = made(APP | {"routes": [{**WEB, "mirror": {"service": "trial.lab", "port": 80, **share}}]})
    (rule,) = found["HTTPRoute", "app"]["rules"]
    copied = {key: value for key, value in backend("trial", "lab", 80).items() if key != "weight"}
    assert rule["filters"] == [{"type": "RequestMirror", "requestMirror": {"backendRef": copied, **part}}]
    plans = plan(APP | {"routes": [{**WEB, "mirror": {"service": "trial.lab", "port": 80}}]})["gateway_objects"]
    grants = {each["metadata"]["namespace"]: each["spec"]["to"] for each in plans if each["kind"] == "ReferenceGrant"}
    assert grants["lab"] == [{"group": "", "kind": "Service", "name": "trial"}]


def test_a_site_may_be_for_pods_of_the_mesh():
    found = made({"name": "inner", "hosts": ["inner.example.com"], "tls": {"mode": "ISTIO_MUTUAL"}, "routes": [WEB]})
    tls = {"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}}
    assert found["Gateway", "inner"]["listeners"] == [listener("HTTPS", 443, "inner.example.com", **tls)]
    assert ("ServiceEntry", "inner") in found
    assert ("HTTPRoute", "inner-redirect") not in found


def test_access_and_how_services_are_asked_do_not_depend_on_the_api():
    given = APP | {
        "access": {"sources": ["192.0.2.0/24"]},
        "backends": [{"service": "nas.example.org", "external": {"port": 8443}}, {"service": "web.default", "load_balancing": "RANDOM"}],
        "routes": [{"prefix": "/nas/", "service": "nas.example.org", "port": 8443}, WEB],
    }
    found, before = plan(given), plan(given, edge_api="istio")
    assert found["findings"] == []
    assert [found[key] for key in ("policies", "destination_rules")] == [before[key] for key in ("policies", "destination_rules")]
    objects = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in found["gateway_objects"]}
    assert [kind for kind, _name in objects if kind in ("DestinationRule", "ServiceEntry")] == ["ServiceEntry", "DestinationRule"]
    first, _rest = objects["HTTPRoute", "app"]["rules"]
    named = {"group": "networking.istio.io", "kind": "Hostname", "name": "nas.example.org", "port": 8443, "weight": 1}
    assert first["backendRefs"] == [named]
    assert first["filters"] == [{"type": "URLRewrite", "urlRewrite": {"hostname": "nas.example.org"}}]
    assert objects["ReferenceGrant", "istio-ingress.app"]["to"] == [{"group": "", "kind": "Service", "name": "web"}]


TEAM = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}
SHOP = {**APP, "name": "shop", "hosts": ["shop.example.com"], "gateway": "team-b"}


def test_each_gateway_has_the_objects_of_its_sites():
    found = plan(APP, SHOP, edge_gateways=[TEAM])
    assert found["findings"] == []
    places = {(each["kind"], each["metadata"]["name"]): each["metadata"]["namespace"] for each in found["gateway_objects"]}
    assert {name: places["Gateway", name] for name in ("app", "shop")} == {"app": "istio-ingress", "shop": "team-b"}
    (http,) = found["http_gateways"]
    assert (http["apiVersion"], http["metadata"]["namespace"], http["metadata"]["name"]) == (
        "gateway.networking.k8s.io/v1",
        "team-b",
        "edge-http-team-b",
    )
    assert http["spec"] == {
        "gatewayClassName": "istio",
        "addresses": [{"type": "Hostname", "value": "team-b.team-b.svc.cluster.local"}],
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}],
    }
    (redirect,) = (each for each in found["gateway_objects"] if each["metadata"]["name"] == "shop-redirect")
    assert redirect["spec"]["parentRefs"] == [{**PARENT, "name": "edge-http-team-b"}]
    held = [each for each in found["draining"] if each["kind"] == "EnvoyFilter"]
    assert [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in held] == [
        ("istio-ingress", "edge-draining"),
        ("team-b", "edge-draining.team-b"),
    ]


def test_challenges_attach_to_the_gateways_that_are_there():
    gone = {"name": "team-c", "state": "absent"}
    assert challenge_parents([TEAM, gone], "edge-http", "istio-ingress") == [
        {**PARENT, "name": "edge-http", "namespace": "istio-ingress"},
        {**PARENT, "name": "edge-http-team-b", "namespace": "team-b"},
    ]


@pytest.mark.parametrize(
    ("gateway", "settings", "said"),
    [
        ({}, {}, []),
        ({"http_port": 8080, "https_port": 8443}, {}, ["gateway 'team-b' has port 8080 for HTTP, so that challenges of issuer 'acme'"]),
        ({"http_port": 8080, "https_port": 8443, "namespace": "istio-ingress"}, {}, []),
        ({"http_port": 8080, "https_port": 8443}, {"edge_api": "istio"}, []),
        ({}, {"edge_proxy_protocol": True, "edge_proxy_addresses": ["192.0.2.9"]}, []),
    ],
)
def test_a_challenge_must_get_to_a_gateway_that_takes_its_route(gateway, settings, said):
    acme = {"name": "acme", "type": "acme", "server": "https://acme.example.com/directory", "email": "a@example.com"}
    found = plan(SHOP | {"issuer": "acme"}, edge_gateways=[{**TEAM, **gateway}], cert_manager_issuers=[acme], **settings)["findings"]
    assert [text.partition("edge_sites[0] (shop): ")[2][: len(start)] for text, start in zip(found, said)] == said
    assert len(found) == len(said), found


def test_nothing_is_waited_for_with_objects_of_istio():
    assert sites_apart(plan(APP, edge_api="istio"))["waited"] == []


def test_connections_to_the_old_gateway_end_where_they_lead():
    """A site moves to a name that nothing asks for, and its routes still answer for its own."""
    held, routes, gateway = plan(APP, PASSED, ENDED)["draining"]
    (patch,) = held["spec"]["configPatches"]
    assert patch["match"]["routeConfiguration"]["vhost"]["name"] == "app.draining.invalid:443"
    assert patch["patch"] == {"operation": "MERGE", "value": {"domains": ["app.example.com"]}}
    assert (routes["kind"], routes["spec"]["hosts"]) == ("VirtualService", ["app.example.com", "app.draining.invalid"])
    assert [server["hosts"] for server in gateway["spec"]["servers"]] == [["app.draining.invalid"]]
    held, routes, gateway = plan(APP, edge_api="istio")["draining"]
    assert (routes["kind"], routes["spec"]["hostnames"]) == ("HTTPRoute", ["app.example.com", "app.draining.invalid"])
    assert [each["hostname"] for each in gateway["spec"]["listeners"]] == ["app.draining.invalid"]
    assert gateway["spec"]["addresses"] == [{"type": "Hostname", "value": SERVICE}]


def test_what_the_other_api_cannot_express_was_no_object_of_it():
    assert plan(APP | {"tls": {"min_version": "1.3"}}, edge_api="istio")["draining"] == []
    assert plan(PASSED, PLAIN)["draining"] == []
