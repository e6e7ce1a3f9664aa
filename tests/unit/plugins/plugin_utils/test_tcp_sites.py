# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of TCP: which ports they may have, and what becomes of them in the cluster, on the hosts and in the report."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import gateway_ports
from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import istio_gateway_releases
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import site_proof, site_report
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import gateway, virtual_service

LAB = {"name": "lab", "type": "selfsigned"}
PORTS = [{"port": 5432, "node_port": 31432}, {"port": 6379, "node_port": 31379}]
ROUTE = {"service": "db.shop", "port": 5432}
DESTINATION = {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}
PLAIN = {"name": "db", "tcp_port": 5432, "tls": {"mode": "NONE"}, "routes": [ROUTE]}
ENDED = {"name": "cache", "hosts": ["cache.example.com"], "issuer": "lab", "tcp_port": 6379, "routes": [ROUTE]}
PASSED = {"name": "own", "hosts": ["own.example.com"], "tcp_port": 6379, "tls": {"mode": "PASSTHROUGH"}, "routes": [ROUTE]}
APP = {"name": "app", "hosts": ["app.example.com"], "issuer": "lab", "routes": [{"service": "web.default", "port": 3000}]}
TEAM = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}


def plan(*sites, ports=None, **settings):
    given = {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], "edge_email": "ops@example.com", **settings}
    return _plan.make_plan(list(sites), {**given, "edge_gateway_ports": PORTS if ports is None else ports})


def fine(*sites, **settings):
    found = plan(*sites, **settings)
    assert found["findings"] == []
    for made in found["gateways"]:
        assert list(gateway(made["spec"])) == []
    for made in found["virtual_services"]:
        assert list(virtual_service(made["spec"])) == []
    return found


def only(objects):
    (made,) = objects
    return made["spec"]


def test_plain_tcp_has_a_port_of_its_own_and_no_certificate():
    found = fine(PLAIN)
    assert only(found["gateways"])["servers"] == [{"port": {"number": 5432, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]}]
    assert only(found["virtual_services"]) == {
        "hosts": ["*"],
        "gateways": ["istio-ingress/db"],
        "tcp": [{"match": [{"port": 5432}], "route": [{"destination": DESTINATION}]}],
    }
    assert (found["certificates"], found["credentials"], found["endpoints"], found["subjects"]) == ([], [], [], [])


def test_the_gateway_ends_tls_before_it_forwards():
    found = fine(ENDED)
    tls = {"mode": "SIMPLE", "credentialName": "cache"}
    server = {"port": {"number": 6379, "name": "tls", "protocol": "TLS"}, "hosts": ["cache.example.com"], "tls": tls}
    assert only(found["gateways"])["servers"] == [server]
    assert only(found["virtual_services"]) == {
        "hosts": ["cache.example.com"],
        "gateways": ["istio-ingress/cache"],
        "tcp": [{"match": [{"port": 6379}], "route": [{"destination": DESTINATION}]}],
    }
    assert found["credentials"] == [{"name": "cache", "hosts": ["cache.example.com"], "mode": "SIMPLE", "port": 6379}]
    assert [(entry["port"], entry["server_name"]) for entry in found["endpoints"]] == [(6379, "cache.example.com")]
    # Pods are asked on the port of HTTPS, which has nothing of this site.
    assert found["server_names"] == []


@pytest.mark.parametrize("mode", ["MUTUAL", "OPTIONAL_MUTUAL"])
def test_clients_of_tcp_may_need_a_certificate(mode):
    found = fine({**ENDED, "tls": {"mode": mode, "ca_secret": "clients"}})
    assert only(found["gateways"])["servers"][0]["tls"]["caCertCredentialName"] == "clients-cacert"
    assert found["credentials"][0] == {
        "name": "cache",
        "hosts": ["cache.example.com"],
        "mode": mode,
        "ca_credential_name": "clients-cacert",
        "port": 6379,
    }


def test_tls_passes_to_several_services_by_their_names():
    other = {"service": "other.shop", "port": 5433, "hosts": ["other.example.com"]}
    found = fine({**PASSED, "hosts": ["own.example.com", "other.example.com"], "routes": [ROUTE, other]})
    assert only(found["gateways"])["servers"][0]["port"] == {"number": 6379, "name": "tls", "protocol": "TLS"}
    assert [rule["match"] for rule in only(found["virtual_services"])["tls"]] == [
        [{"port": 6379, "sniHosts": ["own.example.com"]}],
        [{"port": 6379, "sniHosts": ["other.example.com"]}],
    ]


def test_names_share_a_port_and_the_port_of_https():
    found = fine(APP, ENDED, PASSED, {**ENDED, "name": "near", "hosts": ["near.example.com"], "tcp_port": 443})
    servers = {made["metadata"]["name"]: made["spec"]["servers"][0]["port"] for made in found["gateways"]}
    assert {name: (port["number"], port["protocol"]) for name, port in servers.items()} == {
        "app": (443, "HTTPS"),
        "cache": (6379, "TLS"),
        "own": (6379, "TLS"),
        "near": (443, "TLS"),
    }
    # On that port the pods are asked for it, as for any other site.
    assert found["server_names"] == ["app.example.com", "near.example.com"]


def test_connections_are_shared_by_weight():
    routes = [{"destinations": [{**ROUTE, "weight": 90}, {"service": "next.shop", "port": 5432, "weight": 10}]}]
    assert [to["weight"] for to in only(fine({**PLAIN, "routes": routes})["virtual_services"])["tcp"][0]["route"]] == [90, 10]


def test_a_database_beside_the_cluster():
    backends = [{"service": "db.example.org", "external": {"port": 5432, "addresses": ["192.0.2.9"]}}]
    found = fine({**PLAIN, "routes": [{"service": "db.example.org", "port": 5432}], "backends": backends})
    (entry,) = (made["spec"] for made in found["gateway_objects"] if made["kind"] == "ServiceEntry")
    assert entry["ports"] == [{"number": 5432, "name": "tcp-5432", "protocol": "TCP"}]


def test_one_host_on_two_ports():
    """Clients say the port, so a name may be a site of HTTP and of TCP, each with a certificate of its own."""
    found = fine(APP, {**ENDED, "hosts": APP["hosts"]}, {**PLAIN, "hosts": APP["hosts"]})
    assert [(entry["port"], entry["server_name"]) for entry in found["endpoints"]] == [(443, "app.example.com"), (6379, "app.example.com")]
    assert [each["host"] for each in found["names"]] == ["app.example.com"]


def test_a_name_on_ports_of_two_gateways_at_one_address():
    team = {**TEAM, "addresses": ["192.0.2.1"], "http_port": 8080, "https_port": 8443, "ports": [{"port": 5433, "node_port": 31433}]}
    fine(APP, {**ENDED, "hosts": APP["hosts"], "tcp_port": 5433, "gateway": "team-b"}, edge_gateways=[team])


def test_port_80_has_nothing_of_a_site_of_tcp():
    found = fine(PLAIN, ENDED, edge_trusted_proxies=1)
    assert sorted(made["metadata"]["name"] for made in found["virtual_services"]) == ["cache", "db"]


def test_browsers_confuse_no_connection_of_tcp():
    """A certificate for a wildcard that another site has, too, matters to HTTP/2 only, and so does the refusal of requests."""
    wide = {**APP, "hosts": ["*.example.com"], "tls": {"credential": "wide"}}
    del wide["issuer"]
    found = fine(wide, {**ENDED, "tls": {"mode": "MUTUAL", "ca_secret": "clients"}}, {**ENDED, "name": "b", "hosts": ["b.example.com"]})
    assert [text for text in found["warnings"] if "HTTP/2" in text] == []
    assert not any("misdirected" in made["metadata"]["name"] for made in found["virtual_services"])


def test_each_gateway_has_ports_of_its_own():
    team = {**TEAM, "ports": [{"port": 5432, "node_port": 31433}]}
    found = fine(PLAIN, {**PLAIN, "name": "db-b", "gateway": "team-b"}, edge_gateways=[team])
    assert [(made["metadata"]["namespace"], made["spec"]["selector"]) for made in found["gateways"]] == [
        ("istio-ingress", {"istio": "ingress"}),
        ("team-b", {"istio": "team-b"}),
    ]
    assert found["ports"] == [
        {"name": "tcp-5432", "port": 5432, "node_port": 31432},
        {"name": "tcp-6379", "port": 6379, "node_port": 31379},
    ]
    made = istio_gateway_releases(found["releases"], {"namespace": "istio-ingress", "version": "1.31.0"})["releases"]
    service_ports = [(port["name"], port["port"], port["nodePort"]) for port in made[0]["values"]["service"]["ports"]]
    assert service_ports == [("http2", 80, 31080), ("https", 443, 31443), ("tcp-5432", 5432, 31433)]
    # K3s and the preflight compare all of them with the range of NodePorts.
    assert found["tcp_node_ports"] == {
        "edge_gateway_ports (5432).node_port": 31432,
        "edge_gateway_ports (6379).node_port": 31379,
        "edge_gateways (team-b).ports (5432).node_port": 31433,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [(80, None), (443, None), (5432, 31432), (6379, 31379)]),
        # What users write of a port themselves stays.
        ([{"name": "db", "port": "5432", "node_port": 31999}], [(5432, 31999), (6379, 31379)]),
    ],
)
def test_the_service_of_the_ingress_gateway_has_them(given, expected):
    settings = {"namespace": "istio-ingress", "version": "1.31.0", "ingress": "istio-ingress", "ports": fine(PLAIN)["ports"]}
    gateways = [{"name": "istio-ingress", **({"ports": given} if given else {})}, {"name": "other"}]
    ingress, other = istio_gateway_releases(gateways, settings)["releases"]
    assert [(port["port"], port.get("nodePort")) for port in ingress["values"]["service"]["ports"]] == expected
    assert [port["port"] for port in other["values"]["service"]["ports"]] == [80, 443]


HTTP = [{"port": 80, "node_port": "30080"}, {"port": 443, "node_port": "30443"}]
OWN = {"port": 5432, "node_port": 31432, "sources": ["192.0.2.0/24"]}


@pytest.mark.parametrize(
    ("given", "address", "expected"),
    [
        (HTTP, "192.0.2.1", [(80, 30080), (443, 30443), (5432, 31432), (6379, 31379)]),
        # A host whose address nothing names forwards them, as it does port 443.
        (HTTP, "192.0.2.7", [(80, 30080), (443, 30443), (5432, 31432), (6379, 31379)]),
        # On a host that serves another gateway only, the ports of that one come first.
        (HTTP, "192.0.2.2", [(6379, 31379), (80, 31080), (443, 31443), (5432, 31433)]),
        # What users say of a port themselves stays.
        ([OWN], "192.0.2.1", [(5432, 31432), (6379, 31379)]),
    ],
)
def test_hosts_forward_the_ports_of_tcp(given, address, expected):
    team = {**TEAM, "ports": [{"port": 5432, "node_port": 31433}]}
    found = gateway_ports(given, fine(APP, edge_gateways=[team])["host_ports"], [address])
    assert [(int(entry["port"]), int(entry["node_port"])) for entry in found] == expected
    assert OWN not in given or OWN in found


def test_hosts_of_a_single_gateway_forward_them_too():
    assert gateway_ports(HTTP, fine(PLAIN)["host_ports"], ["192.0.2.1"]) == [*HTTP, *PORTS]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("db", "edge_gateway_ports is 'db'; it must be a list of ports"),
        ([5432], "edge_gateway_ports[0] is 5432; a port is a dictionary with port and node_port"),
        ([{"port": 5432}], "edge_gateway_ports[0]: node_port is missing"),
        ([{"port": "pg", "node_port": 31432}], "edge_gateway_ports[0]: port is 'pg'; it must be a number from 1 to 65535"),
        ([{**PORTS[0], "nodeport": 1}], "edge_gateway_ports[0]: key 'nodeport' is not known; did you mean 'node_port'?"),
        ([{"port": 443, "node_port": 31432}], "edge_gateway_ports[0]: port 443 is already that of HTTP or HTTPS"),
        ([{"port": 15021, "node_port": 31432}], "edge_gateway_ports[0]: port 15021 is one of Envoy's own in the gateway pods"),
        ([PORTS[0], {**PORTS[1], "port": 5432}], "edge_gateway_ports[1]: port 5432 is already in the list"),
        ([PORTS[0], {**PORTS[1], "node_port": 31432}], "edge_gateway_ports[1]: node_port 31432 is already that of another port"),
        ([{"port": 5432, "node_port": 30443}], "edge_gateway_ports: node_port 30443 of port 5432 is already edge_http_node_port or"),
    ],
)
def test_a_port_that_cannot_be(ports, expected):
    assert any(text.startswith(expected) for text in plan(APP, ports=ports)["findings"]), plan(APP, ports=ports)["findings"]


@pytest.mark.parametrize("ports", [None, [], "[{port: 5432, node_port: 31432}]", [{"port": "22", "node_port": "31022"}]])
def test_ports_that_can_be(ports):
    fine(APP, ports=ports)


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        ({"ports": [{"port": 9000, "node_port": 31432}]}, "ports: node_port 31432 is already a NodePort of the gateway of edge_gateway"),
        ({"ports": [{"port": 9000, "node_port": 31080}]}, "ports: node_port 31080 of port 9000 is already that of HTTP or HTTPS"),
        ({"http_node_port": 31432}, "http_node_port 31432 is already a NodePort of the gateway of edge_gateway_namespace"),
        (
            {"addresses": ["192.0.2.1"], "http_port": 8080, "https_port": 8443, "ports": [{"port": 5432, "node_port": 31433}]},
            "ports: port 5432 of 192.0.2.1 is already a port of the gateway of edge_gateway_namespace",
        ),
        ({"addresses": ["192.0.2.1"], "http_port": 8080, "https_port": 6379}, "https_port 6379 of 192.0.2.1 is already a port of"),
        ({"https_port": 8443, "ports": [{"port": 8443, "node_port": 31433}]}, "port 8443 is already that of HTTP or HTTPS"),
    ],
)
def test_ports_that_two_gateways_cannot_share(team, expected):
    found = plan(APP, edge_gateways=[{**TEAM, **team}])["findings"]
    assert any(text.startswith("edge_gateways[0]") and expected in text for text in found), found


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ({**PLAIN, "tcp_port": 5433}, "tcp_port is 5433, which is no port of the gateway of edge_gateway_namespace; add {port: 5433"),
        ({**PLAIN, "tcp_port": 70000}, "tcp_port is '70000'; it must be a number from 1 to 65535"),
        ({**PLAIN, "tcp_port": 443}, "tcp_port is 443, the port of HTTPS, and without TLS a port has one site"),
        ({**PLAIN, "tcp_port": 80}, "tcp_port is 80, which is no port of"),
        ({**ENDED, "gateway": "team-b"}, "add {port: 6379, node_port: NUMBER} to ports of gateway 'team-b'. Allowed: 443"),
        ({key: value for key, value in PLAIN.items() if key != "tcp_port"}, "tls.mode is NONE, which is for TCP sites; give tcp_port"),
        ({**PLAIN, "issuer": "lab"}, "has an issuer, but with tls.mode NONE there is no TLS; remove one of them"),
        ({**PLAIN, "tls": {"mode": "NONE", "credential": "mine"}}, "tls.credential is given, and with tls.mode NONE there is no TLS"),
        ({**PLAIN, "tls": {"mode": "NONE", "ca_secret": "mine"}}, "tls.ca_secret is for MUTUAL and OPTIONAL_MUTUAL, tls.mode is NONE"),
        ({**ENDED, "hosts": []}, "hosts is missing or empty"),
        ({**ENDED, "redirect": True}, "redirect is true, and port 80 has nothing of a TCP site to redirect; remove it"),
        ({**ENDED, "tls": {"hsts": {}}}, "tls.hsts is a header of HTTP, and the site has tcp_port"),
        ({**ENDED, "routes": []}, "routes is missing or empty; a TCP site has one route"),
        ({**ENDED, "routes": [ROUTE, ROUTE]}, "routes has 2 entries; a TCP site has one"),
        (
            {**ENDED, "routes": [{**ROUTE, "prefix": "/"}]},
            "key 'prefix' is not known with tcp_port, since the gateway forwards connections",
        ),
        ({**ENDED, "routes": [{**ROUTE, "hosts": ["cache.example.com"]}]}, "key 'hosts' is not known with tcp_port"),
        ({**PASSED, "routes": [{**ROUTE, "hosts": ["x.example.com"]}]}, "hosts has 'x.example.com', which is not among the hosts of the"),
    ],
)
def test_a_site_of_tcp_that_cannot_be(site, expected):
    found = plan(site, edge_gateways=[TEAM])["findings"]
    assert any(text.startswith("edge_sites[0]") and expected in text for text in found), found


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([PLAIN, {**PLAIN, "name": "two"}], "tcp_port 5432 is already that of site 'db', and connections without TLS name no host"),
        ([PLAIN, {**ENDED, "tcp_port": 5432}], "tcp_port 5432 is already that of site 'db', and connections without TLS name no host"),
        ([ENDED, {**PLAIN, "tcp_port": 6379}], "tcp_port 6379 is already that of site 'cache', and connections without TLS"),
        ([ENDED, {**PASSED, "hosts": ENDED["hosts"]}], "host 'cache.example.com' is already served by site 'cache'"),
        ([APP, {**ENDED, "hosts": APP["hosts"], "tcp_port": 443}], "host 'app.example.com' is already served by site 'app'"),
    ],
)
def test_sites_that_cannot_share_a_port(sites, expected):
    found = plan(*sites)["findings"]
    assert any(text.startswith("edge_sites[1]") and expected in text for text in found), found


def raw(protocol, number, **more):
    server = {"port": {"number": number, "name": "raw", "protocol": protocol}, "hosts": ["*"], **more}
    return [{"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": [server]}}]


@pytest.mark.parametrize(
    ("site", "gateways", "expected"),
    [
        (
            PLAIN,
            raw("TCP", 5432),
            "Gateways istio-ingress/db and istio-ingress/raw have protocol TCP on port 5432, and Istio serves it by one",
        ),
        (ENDED, raw("TCP", 6379), "port 6379 has TLS in Gateway istio-ingress/cache and none in Gateway istio-ingress/raw"),
    ],
)
def test_a_raw_gateway_that_takes_the_port_of_a_site(site, gateways, expected):
    found = plan(site, gateway_gateways=gateways)["findings"]
    assert any(text.startswith("gateway_gateways: ") and expected in text for text in found), found


@pytest.mark.parametrize("gateways", [raw("TCP", 5433), raw("TCP", 5432, bind="127.0.0.1"), raw("HTTP", 80)])
def test_a_raw_gateway_on_another_port(gateways):
    fine(PLAIN, gateway_gateways=gateways)


def test_a_policy_keeps_others_off_the_gateway_of_a_site_without_hosts():
    (check, *_others) = (each["spec"]["validations"] for each in fine(PLAIN)["policies"] if "validations" in each["spec"])
    assert any('"istio-ingress/db"' in each["expression"] for each in check)


def seen(serials):
    """What was seen of the plan of two sites with one name, by the ports that serve each serial number."""
    found = fine(APP, {**ENDED, "hosts": APP["hosts"]})
    certificates = [
        {"name": name, "secret_name": name, "ready": True, "serial": serial} for name, serial in (("app", "aa"), ("cache", "bb"))
    ]
    # After a primer for both, which says which credential it was; else the pods are asked on the port of HTTPS.
    pods = [
        {"pod": "pod-1", "sni": "app.example.com", "state": "served", "credential": name, "serial": serial}
        for name, serial in (("app", "aa"), ("cache", "bb"))
    ]
    endpoints = [
        {"address": "192.0.2.1", "port": port, "server_name": "app.example.com", "serial": serial} for port, serial in serials.items()
    ]
    return found, certificates, site_report(found, certificates, (), pods, endpoints)


def test_the_report_judges_a_name_by_its_port():
    found, certificates, report = seen({443: "aa", 6379: "bb"})
    assert report["problems"] == []
    assert "app: served: https://app.example.com/" in report["lines"]
    assert "cache: served: app.example.com:6379" in report["lines"]
    # A wait expects numbers by names, and this name has two.
    proof = site_proof(found, certificates)
    assert (proof["serials"], [entry["port"] for entry in proof["endpoints"]]) == ({}, [443, 6379])
    renewed = site_proof(found, certificates, names=["cache"])
    assert [entry["port"] for entry in renewed["endpoints"]] == [6379]


def test_the_report_says_which_port_serves_another_certificate():
    _found, _certificates, report = seen({443: "bb", 6379: "aa"})
    assert report["problems"] == [
        "app: 192.0.2.1:443 serves serial bb, the Secret holds aa",
        "cache: 192.0.2.1:6379 serves serial aa, the Secret holds bb",
    ]


def test_a_secret_of_ones_own_for_two_ports_is_primed():
    """It is asked for at the port of HTTPS, where the names of the other port are not, so that these get a primer."""
    own = {"tls": {"credential": "mine"}}
    sites = [{key: value for key, value in {**site, **own}.items() if key != "issuer"} for site in (ENDED, APP)]
    assert fine(*sites)["credentials"] == [{"name": "mine", "hosts": ["cache.example.com", "app.example.com"], "mode": "SIMPLE"}]


@pytest.mark.parametrize("others", [[], [{**PLAIN, "name": "far", "gateway": "team-b"}]])
def test_sites_that_cannot_be_asked_are_in_the_report(others):
    team = {**TEAM, "ports": [{"port": 5432, "node_port": 31433}]}
    pods = {"name": "inner", "hosts": ["inner.example.com"], "tls": {"mode": "ISTIO_MUTUAL"}, "routes": [ROUTE]}
    lines = site_report(plan(PLAIN, pods, *others, edge_gateways=[team] if others else []))["lines"]
    no_tls = "not asked: port 5432 has no TLS, and nothing in its answers says whose they are"
    assert lines == [
        f"db: {no_tls}",
        "inner: not asked: it answers pods of the mesh only",
        *(f"{each['name']}: {no_tls}" for each in others),
    ]
