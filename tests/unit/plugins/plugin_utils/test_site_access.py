# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a site."""

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

KEYS = {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "one"}]}
JWT = {"issuer": "https://login.example.com", "jwks": KEYS}
ACME = ["/.well-known/acme-challenge/*"]


def plan(*sites, **settings):
    given = [
        {"issuer": "letsencrypt", "hosts": [f"{site['name']}.example.com"], "routes": [{"service": "web.default", "port": 80}], **site}
        for site in sites
    ]
    return make_plan(given, {"edge_email": "ops@example.com", "edge_addresses": ["192.0.2.7"], **settings})


def policies(*sites, **settings):
    found = plan(*sites, **settings)
    assert found["findings"] == []
    return {each["kind"]: each for each in found["policies"] if each["apiVersion"] == "security.istio.io/v1"}


def finding(access, **site):
    (found,) = plan({"name": "app", "access": access, **site})["findings"]
    return found


def test_a_site_without_access_is_open():
    assert policies({"name": "app"}) == {}


def test_other_addresses_are_refused_by_the_name_of_the_handshake():
    access, hosts = {"sources": ["192.0.2.0/24", "2001:db8::7"]}, ["app.example.com", "*.app.example.com"]
    found = policies({"name": "app", "issuer": None, "tls": {"credential": "wild"}, "hosts": hosts, "access": access})
    policy = found["AuthorizationPolicy"]
    assert policy["metadata"]["name"] == "app"
    assert policy["metadata"]["labels"]["app.kubernetes.io/component"] == "site"
    assert policy["spec"] == {
        "selector": {"matchLabels": {"istio": "ingress"}},
        "action": "DENY",
        "rules": [
            {
                "when": [{"key": "connection.sni", "values": ["app.example.com", "*.app.example.com"]}],
                "from": [{"source": {"notRemoteIpBlocks": ["192.0.2.0/24", "2001:db8::7/128"]}}],
            }
        ],
    }


def test_policies_come_before_gateways():
    found = plan({"name": "app", "access": {"sources": ["192.0.2.1"]}})
    assert "AuthorizationPolicy" in [each["kind"] for each in found["policies"]]
    assert "AuthorizationPolicy" not in [each["kind"] for each in found["gateway_objects"]]


def test_behind_a_proxy_port_80_is_guarded_by_the_host_but_for_challenges():
    rules = policies({"name": "app", "access": {"sources": ["192.0.2.1"]}}, edge_trusted_proxies=1)["AuthorizationPolicy"]["spec"]["rules"]
    assert rules[1]["to"] == [{"operation": {"hosts": ["app.example.com", "app.example.com:*"], "ports": ["80"], "notPaths": ACME}}]
    assert rules[1]["from"] == rules[0]["from"]


@pytest.mark.parametrize("keys", [KEYS, json.dumps(KEYS)])
def test_requests_without_the_right_token_are_refused(keys):
    found = policies({"name": "app", "access": {"jwt": {"issuer": "https://login.example.com", "jwks": keys, "audiences": ["shop"]}}})
    rule = {"issuer": "https://login.example.com", "jwks": json.dumps(KEYS, sort_keys=True), "forwardOriginalToken": True}
    assert found["RequestAuthentication"]["spec"]["jwtRules"] == [rule]
    sni = {"key": "connection.sni", "values": ["app.example.com"]}
    assert found["AuthorizationPolicy"]["spec"]["rules"] == [
        {"when": [sni], "from": [{"source": {"notRequestPrincipals": ["https://login.example.com/*"]}}]},
        {"when": [sni, {"key": "request.auth.audiences", "notValues": ["shop"]}]},
    ]


def test_every_condition_must_be_met():
    rules = policies({"name": "app", "access": {"sources": ["10.0.0.0/8"], "jwt": JWT}})["AuthorizationPolicy"]["spec"]["rules"]
    assert [list(rule["from"][0]["source"]) for rule in rules] == [["notRemoteIpBlocks"], ["notRequestPrincipals"]]


@pytest.mark.parametrize(
    ("access", "text"),
    [
        ({}, "has neither sources nor clients nor jwt, and would refuse nothing; set one of them, or remove access"),
        (
            {"sources": ["10.0.0.1/8"]},
            "sources has '10.0.0.1/8'; it must be an address or a network such as 192.0.2.0/24 (10.0.0.1/8 has host bits set)",
        ),
        ({"sources": ["office"]}, "sources has 'office'; it must be an address or a network such as 192.0.2.0/24 ("),
        ({"source": ["10.0.0.1"], "jwt": JWT}, "key 'source' is not known; did you mean 'sources'? "),
        ({"clients": ["till.shop.example"]}, "clients is for tls.mode MUTUAL, OPTIONAL_MUTUAL, ISTIO_MUTUAL, in which clients show a"),
        ({"jwt": {"jwks": KEYS}}, "issuer is missing"),
        ({"jwt": {"issuer": "a"}}, "needs one of jwks and jwks_uri, the public keys of the issuer or where they are"),
        ({"jwt": {**JWT, "jwks_uri": "https://a/b"}}, "needs one of jwks and jwks_uri, "),
        (
            {"jwt": {"issuer": "a", "jwks_uri": "ftp://a"}},
            "jwks_uri is 'ftp://a'; it must be an address that begins with https:// or http://",
        ),
        ({"jwt": {"issuer": "a", "jwks": "{"}}, "jwks is no set of keys; it must be JSON such as "),
        ({"jwt": {"issuer": "a", "jwks": {"keys": []}}}, "jwks has no keys, so that no token could be right; "),
        (
            {"jwt": {"issuer": "a", "jwks": {"keys": [{"kty": "RSA", "d": "secret-exponent"}]}}},
            "jwks has a private key; give the public one only, ",
        ),
    ],
)
def test_what_is_wrong_is_named(access, text):
    found = finding(access)
    assert text in found
    assert found.startswith("edge_sites[0].access")
    assert "secret-exponent" not in found


MUTUAL = {"mode": "MUTUAL", "credential": "own"}


def of_clients(*clients, tls=None, **settings):
    site = {"name": "app", "issuer": None, "tls": tls or MUTUAL, "access": {"clients": list(clients)}}
    return policies(site, **settings)["AuthorizationPolicy"]["spec"]["rules"]


def test_clients_with_another_certificate_are_refused():
    sni = {"key": "connection.sni", "values": ["app.example.com"]}
    till = {"source": {"notPrincipals": ["cluster.local/ns/shop/sa/till", "example.com/*"]}}
    shown = {"key": "request.headers[x-forwarded-client-cert]", "notValues": ["*;DNS=till.example.com", "*;DNS=office"]}
    uris, names = ["spiffe://cluster.local/ns/shop/sa/till", "spiffe://example.com/*"], ["till.example.com", "office"]
    assert of_clients(*uris) == [{"when": [sni], "from": [till]}]
    assert of_clients(*names) == [{"when": [sni, shown]}]
    # One of them is enough.
    assert of_clients(*uris, *names) == [{"when": [sni, shown], "from": [till]}]


@pytest.mark.parametrize("tls", [{"mode": "OPTIONAL_MUTUAL", "credential": "own"}, {"mode": "ISTIO_MUTUAL"}])
def test_clients_of_every_mode_with_certificates(tls):
    assert of_clients("spiffe://cluster.local/ns/shop/sa/till", tls=tls)[0]["from"]


def test_clients_behind_a_proxy_show_no_certificate_on_port_80():
    rules = of_clients("spiffe://a/b", tls={"mode": "OPTIONAL_MUTUAL", "credential": "own"}, edge_trusted_proxies=1)
    assert [("to" in rule, "from" in rule) for rule in rules] == [(False, True), (True, True)]


@pytest.mark.parametrize(
    "client", ["CN=till", "*", "*.example.com", "192.0.2.1", "spiffe://", "spiffe://a b", "spiffe://*/ns/a", "https://a/b"]
)
def test_what_no_certificate_of_a_client_has(client):
    found = finding({"clients": [client]}, issuer=None, tls=MUTUAL)
    assert found.startswith(f"edge_sites[0].access (app): clients has '{client}'; it must be a ")


def test_what_passes_through_cannot_be_judged():
    access = {"sources": ["10.0.0.1"]}
    found = plan({"name": "app", "issuer": None, "tls": {"mode": "PASSTHROUGH"}, "access": access})["findings"]
    assert found == ["edge_sites[0] (app): has access, and TLS passes through; the gateway judges requests only where TLS ends at it"]


def test_connections_of_tcp_cannot_be_judged():
    site = {"name": "db", "issuer": None, "hosts": [], "tcp_port": 5432, "tls": {"mode": "NONE"}, "access": {"sources": ["10.0.0.1"]}}
    found = plan(site, edge_gateway_ports=[{"port": 5432, "node_port": 30432}])["findings"]
    assert found == ["edge_sites[0] (db): has access, and tcp_port; the gateway judges requests of HTTP only, so remove one of them"]


def test_addresses_that_the_gateway_does_not_see_are_refused():
    site = {"name": "app", "access": {"sources": ["10.0.0.1"]}}
    (found,) = plan(site, istio_gateway_external_traffic_policy="Cluster")["findings"]
    assert found == (
        "edge_sites (app): access.sources needs the addresses of visitors, and with istio_gateway_external_traffic_policy 'Cluster' the "
        "gateway sees those of nodes; set it to 'Local', or remove access.sources"
    )
    assert plan(site, istio_gateway_external_traffic_policy="Cluster", edge_trusted_proxies=1)["findings"] == []
    assert plan({"name": "app", "access": {"jwt": JWT}}, istio_gateway_external_traffic_policy="Cluster")["findings"] == []


def test_a_wildcard_behind_a_proxy_is_refused():
    site = {"name": "app", "hosts": ["*.example.com"], "tls": {"credential": "wild"}, "issuer": None, "access": {"sources": ["10.0.0.1"]}}
    (found,) = plan(site, edge_trusted_proxies=1)["findings"]
    assert found.startswith("edge_sites (app): access is set for '*.example.com', and behind edge_trusted_proxies port 80 knows ")
    assert plan(site)["findings"] == []


def test_a_token_on_a_shared_gateway_is_warned_of():
    (warning,) = plan({"name": "app", "access": {"jwt": JWT}}, {"name": "shop"})["warnings"]
    assert warning.startswith(
        "edge_sites (app): with access.jwt the gateway answers 401 to every bearer token that is none of https://login"
    )
    assert "also for shop; " in warning
    assert plan({"name": "app", "access": {"jwt": JWT}})["warnings"] == []
