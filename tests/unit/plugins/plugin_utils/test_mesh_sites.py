# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites for pods of the mesh, and raw Gateways with the modes of the mesh."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

SITE = {"name": "inner", "hosts": ["inner.example.com"], "tls": {"mode": "ISTIO_MUTUAL"}, "routes": [{"service": "web.shop", "port": 80}]}
SETTINGS = {"edge_email": "ops@example.com", "edge_addresses": ["192.0.2.7"]}


def plan(*sites, **settings):
    return make_plan([{**SITE, **site} for site in sites or ({},)], {**SETTINGS, **settings})


def test_the_gateway_takes_the_mesh_s_certificates_and_sidecars_show_theirs():
    found = plan()
    assert found["findings"] == []
    (gateway,) = found["gateways"]
    assert gateway["spec"]["servers"] == [
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": ["inner.example.com"],
            "tls": {"mode": "ISTIO_MUTUAL"},
        }
    ]
    (rule,) = found["destination_rules"]
    assert rule["spec"] == {"host": "inner.example.com", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": "inner.example.com"}}}
    (entry,) = [each for each in found["gateway_objects"] if each["kind"] == "ServiceEntry"]
    assert entry["spec"] == {
        "hosts": ["inner.example.com"],
        "location": "MESH_INTERNAL",
        "resolution": "DNS",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": "istio-ingress.istio-ingress.svc.cluster.local", "ports": {"http": 443}}],
    }


def test_nothing_is_issued_for_it_or_asked_from_outside():
    found = plan()
    for key in ("certificates", "credentials", "own_secrets", "server_names", "endpoints", "subjects", "names"):
        assert found[key] == [], key
    # Port 80 has nothing of it.
    assert [route["metadata"]["name"] for route in found["virtual_services"]] == ["inner"]


def test_each_name_has_a_rule_but_no_wildcard_has():
    hosts = ["inner.example.com", "*.mesh.example.com", "orders.example.com"]
    found = plan({"hosts": hosts})
    assert [rule["spec"]["host"] for rule in found["destination_rules"]] == ["inner.example.com", "orders.example.com"]
    assert found["gateways"][0]["spec"]["servers"][0]["hosts"] == hosts
    alone = plan({"hosts": ["*.mesh.example.com"]})
    assert (alone["findings"], alone["destination_rules"]) == ([], [])


def test_a_gateway_of_its_own():
    other = {"name": "team-b", "http_node_port": 30180, "https_node_port": 30543, "https_port": 8443, "http_port": 8080}
    found = plan({"gateway": "team-b"}, edge_gateways=[other])
    assert found["findings"] == []
    (entry,) = [each for each in found["gateway_objects"] if each["kind"] == "ServiceEntry"]
    assert entry["spec"]["endpoints"] == [{"address": "team-b.team-b.svc.cluster.local", "ports": {"http": 443}}]


def test_a_site_of_tcp_takes_them_and_sidecars_are_left_alone():
    found = plan({"tcp_port": 5432}, edge_gateway_ports=[{"port": 5432, "node_port": 30432}])
    assert (found["findings"], found["destination_rules"]) == ([], [])
    assert found["gateways"][0]["spec"]["servers"][0]["port"] == {"number": 5432, "name": "tls", "protocol": "TLS"}


def test_a_wildcard_of_another_site_does_not_bring_requests_past_it():
    wide = {"name": "wide", "hosts": ["*.example.com"], "issuer": None, "tls": {"credential": "wild"}}
    found = plan({}, wide)
    assert found["findings"] == []
    (refusal,) = [route for route in found["virtual_services"] if route["metadata"]["name"] == "wide.misdirected"]
    assert refusal["spec"]["hosts"] == ["inner.example.com"]


@pytest.mark.parametrize(
    ("site", "said"),
    [
        ({"issuer": "letsencrypt"}, "has an issuer, but with tls.mode ISTIO_MUTUAL the gateway shows the certificate of the mesh"),
        ({"tls": {**SITE["tls"], "credential": "own"}}, "tls.credential is given, and with tls.mode ISTIO_MUTUAL the gateway shows"),
        ({"tls": {**SITE["tls"], "key_types": ["RSA"]}}, "tls.key_types is given, and with tls.mode ISTIO_MUTUAL"),
        ({"tls": {**SITE["tls"], "ca_secret": "own"}}, "tls.ca_secret is for MUTUAL and OPTIONAL_MUTUAL, tls.mode is ISTIO_MUTUAL"),
        ({"issuer": "letsencrypt", "tls": {"mode": "AUTO_PASSTHROUGH"}}, "mode is 'AUTO_PASSTHROUGH', which is not known"),
    ],
)
def test_what_does_not_go_with_it(site, said):
    (finding,) = plan(site)["findings"]
    assert said in finding


@pytest.mark.parametrize("mode", ["ISTIO_MUTUAL", "AUTO_PASSTHROUGH"])
@pytest.mark.parametrize("labels", [{"istio": "eastwestgateway"}, None])
def test_raw_gateways_between_networks(mode, labels):
    server = {"port": {"number": 15443, "name": "tls", "protocol": "TLS"}, "hosts": ["*.local"], "tls": {"mode": mode}}
    spec = {"servers": [server], **({"selector": labels} if labels else {})}
    found = make_plan([], {**SETTINGS, "gateway_gateways": [{"metadata": {"name": "cross-network"}, "spec": spec}]})
    assert found["findings"] == []
    assert found["gateways"][0]["spec"]["servers"] == [server]
    assert (found["subjects"], found["credentials"]) == ([], [])
