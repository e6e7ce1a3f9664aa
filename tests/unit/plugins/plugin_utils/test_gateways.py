# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several gateways: what they must agree on, and what the plan makes for each."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import Cluster, explain
from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import gateway_ports
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import site_report

ROUTE = {"prefix": "/", "service": "web.default", "port": 3000}
APP = {"name": "app", "hosts": ["app.example.com"], "issuer": "lab", "routes": [ROUTE]}
SHOP = {"name": "shop", "hosts": ["shop.team-b.example.com"], "issuer": "letsencrypt", "gateway": "team-b", "routes": [ROUTE]}
TEAM = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}
SHARING = {**TEAM, "addresses": ["192.0.2.1"], "http_port": 8080, "https_port": 8443}
LAB = {"name": "lab", "type": "selfsigned"}


def plan(*sites, gateways=(TEAM,), **settings):
    given = {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], "edge_email": "ops@example.com", **settings}
    return _plan.make_plan(list(sites), {**given, "edge_gateways": list(gateways)})


def fine(*sites, **settings):
    found = plan(*sites, **settings)
    assert found["findings"] == []
    return found


def spaces(objects):
    return {entry["metadata"]["name"]: entry["metadata"]["namespace"] for entry in objects}


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        (TEAM, "is TEAM"),
        ([{}], "name is missing"),
        ([{**TEAM, "http_node_port": None}], "http_node_port is missing"),
        ([{**TEAM, "https_node_port": 70000}], "https_node_port is '70000'; it must be a number from 1 to 65535"),
        ([{**TEAM, "state": "absent", "http_node_port": 65536}], "http_node_port is '65536'; it must be a number from 1 to 65535"),
        ([{**TEAM, "nodeport": 1}], "key 'nodeport' is not known"),
        ([{**TEAM, "state": "gone"}], "state is 'gone', which is not known"),
        ([{**TEAM, "hosts": ["https://x.example.com"]}], "a host name has no scheme"),
        ([{**TEAM, "http_node_port": 30443}], "http_node_port 30443 is already a NodePort of the gateway of edge_gateway_namespace"),
        ([{**TEAM, "http_node_port": 31443}], "http_node_port and https_node_port are both 31443"),
        ([{**TEAM, "http_port": 443}], "http_port and https_port are both 443"),
        ([{**TEAM, "addresses": []}], "http_port 80 of 192.0.2.1 is already a port of the gateway of edge_gateway_namespace"),
        ([{**SHARING, "http_port": 443, "https_port": 8443}], "http_port 443 of 192.0.2.1 is already a port of the gateway"),
        ([{**TEAM, "selector": {"istio": "ingress"}}], "select the same pods, whatever their namespaces"),
        ([{**TEAM, "selector": {"istio": "ingress", "team": "b"}}], "select the same pods"),
        ([{**TEAM, "selector": {"tier": 1}}], "selector.tier is 1; a label must be text, so put it in quotes"),
        ([{**TEAM, "addresses": "192.0.2.2/24"}], "addresses has '192.0.2.2/24'; each entry must be an IP address or a DNS name"),
        ([{**TEAM, "addresses": ["[2001:db8::2]"]}], "addresses has '[2001:db8::2]'; each entry must be an IP address or a DNS name"),
        ([{**TEAM, "addresses": ["192.0.2.2:443"]}], "addresses has '192.0.2.2:443'; each entry must be an IP address or a DNS name"),
        ([{**TEAM, "name": "istio-ingress"}], "(istio-ingress): name and namespace are those of the gateway of edge_gateway_service"),
        # Its release would be removed.
        ([{"name": "istio-ingress", "state": "absent"}], "name and namespace are those of the gateway of edge_gateway_service; choose"),
        ([TEAM, {**TEAM, "addresses": ["192.0.2.3"], "selector": {"x": "y"}}], "name 'team-b' is already that of another gateway"),
        (
            [TEAM, {**TEAM, "name": "c", "http_node_port": 32080, "https_node_port": 32443}],
            "https_port 443 of 192.0.2.2 is already a port of gateway 'team-b'",
        ),
    ],
)
def test_a_gateway_that_cannot_be(gateways, expected):
    found = _plan.make_plan([], {"edge_gateways": gateways, "edge_addresses": ["192.0.2.1"]})
    expected = "edge_gateways is {" if expected == "is TEAM" else expected
    assert any(text.startswith("edge_gateways") and expected in text for text in found["findings"]), found["findings"]


def test_the_gateway_of_the_sites_may_have_another_name():
    renamed = {"edge_gateway_service": "front", "edge_gateway_namespace": "front"}
    (found,) = plan(gateways=[{**TEAM, "name": "front"}], **renamed)["findings"]
    assert found == "edge_gateways (front): name and namespace are those of the gateway of edge_gateway_service; choose another name"
    assert plan(gateways=[{**TEAM, "name": "istio-ingress"}], **renamed)["findings"] == []


def test_of_a_gateway_with_an_unknown_state_nothing_else_is_said():
    (found,) = plan(gateways=[{"name": "team-b", "state": "gone"}])["findings"]
    assert found.endswith("state is 'gone', which is not known; Allowed: present, absent")


@pytest.mark.parametrize(
    "gateways",
    [
        [],
        "[{name: team-b, http_node_port: '31080', https_node_port: '31443', addresses: '192.0.2.2'}]",
        [SHARING],
        [{**TEAM, "namespace": "istio-ingress"}],
        [TEAM, {**TEAM, "name": "c", "http_node_port": 1080, "https_node_port": 1443, "addresses": ["192.0.2.3"]}],
        [{"name": "team-b", "state": "absent"}],
        [{**TEAM, "hosts": ["*.team-b.example.com"], "replicas": "2", "service_account": "edge-b", "values": {"kind": "DaemonSet"}}],
    ],
)
def test_gateways_that_can_be(gateways):
    assert plan(APP, gateways=[], edge_gateways=gateways)["findings"] == []
    assert _plan.make_plan([], {"edge_gateways": gateways, "edge_addresses": ["192.0.2.1"]})["findings"] == []


@pytest.mark.parametrize(
    ("site", "settings", "expected"),
    [
        ({"gateway": "team-x"}, {}, "gateway is 'team-x', which is not known; did you mean 'team-b'?"),
        ({"gateway": "team_b"}, {}, "gateway is 'team_b'; it must be a DNS label"),
        ({}, {"gateways": [{"name": "team-b", "state": "absent"}]}, "gateway is 'team-b', which is not known"),
        ({}, {"gateways": [{**TEAM, "hosts": ["*.b.example.com"]}]}, "host 'shop.team-b.example.com' is not among the hosts of gateway"),
        ({"hosts": ["app.example.com"]}, {"gateways": [SHARING]}, "already served by site 'app' on the gateway of edge_gateway_namespace"),
        ({"hosts": ["app.example.com"]}, {"gateways": [{**TEAM, "namespace": "istio-ingress"}]}, "both are in namespace istio-ingress"),
        ({"name": "app"}, {}, "name 'app' is already that of edge_sites[0]"),
        (
            {"issuer": "near"},
            {"cert_manager_issuers": [LAB, {**LAB, "name": "near", "kind": "Issuer"}]},
            "use an issuer of kind ClusterIssuer",
        ),
        ({}, {"edge_proxy_protocol": True}, "takes no connection without a PROXY header"),
        ({"name": "edge-http-team-b"}, {}, "name is that of the Gateway of port 80 of gateway 'team-b'"),
    ],
)
def test_a_site_that_its_gateway_cannot_serve(site, settings, expected):
    found = plan(APP, {**SHOP, **site}, **settings)["findings"]
    assert any(text.startswith("edge_sites[1]") and expected in text for text in found), found


@pytest.mark.parametrize(("namespace", "fits"), [("team-b", True), ("a-team", False), ("z-team", False)])
def test_an_issuer_of_a_namespace_is_for_the_gateway_there(namespace, fits):
    near = {**LAB, "name": "near", "kind": "Issuer", "namespace": namespace}
    found = plan(APP, {**SHOP, "issuer": "near"}, cert_manager_issuers=[LAB, near])["findings"]
    assert any("use an issuer of kind ClusterIssuer" in text for text in found) is not fits, found


def test_a_host_may_be_on_two_gateways_with_addresses_of_their_own():
    found = fine(APP, {**APP, "name": "inside", "gateway": "team-b"})
    places = [(entry["address"], entry["server_name"]) for part in found["by_gateway"] for entry in part["endpoints"]]
    assert places == [("192.0.2.1", "app.example.com"), ("192.0.2.2", "app.example.com")]


def test_each_site_is_in_the_namespace_of_its_gateway():
    found = fine(APP, SHOP)
    assert spaces(found["certificates"]) == {"app": "istio-ingress", "shop": "team-b"}
    assert spaces(found["gateways"]) == {"app": "istio-ingress", "shop": "team-b"}
    assert [entry["spec"]["selector"] for entry in found["gateways"]] == [{"istio": "ingress"}, {"istio": "team-b"}]
    routes = {entry["metadata"]["name"]: entry["spec"]["gateways"] for entry in found["virtual_services"]}
    assert routes["shop"] == ["team-b/shop"]
    assert routes["shop-redirect"] == ["team-b/edge-http-team-b"]
    default, team = found["by_gateway"]
    assert (default["name"], default["certificate_names"], default["server_names"]) == ("", ["app"], ["app.example.com"])
    assert (team["namespace"], team["certificate_names"], team["selector"]) == ("team-b", ["shop"], {"istio": "team-b"})
    assert [(entry["address"], entry["port"]) for entry in team["endpoints"]] == [("192.0.2.2", 443)]
    assert found["certificate_names"] == ["app", "shop"]
    assert len({entry["metadata"]["name"] for entry in found["policies"]}) == 2


def test_a_gateway_on_ports_of_its_own_redirects_to_them():
    rules = {entry["metadata"]["name"]: entry["spec"]["http"] for entry in fine(APP, SHOP, gateways=[SHARING])["virtual_services"]}
    assert rules["shop-redirect"][-1] == {"redirect": {"scheme": "https", "redirectCode": 301, "port": 8443}}
    assert rules["app-redirect"] == [{"redirect": {"scheme": "https", "redirectCode": 301}}]


def test_challenges_are_forwarded_to_the_gateway_of_the_solver():
    found = fine(APP, {**SHOP, "redirect": False}, {**SHOP, "name": "lab", "hosts": ["lab.example.com"], "issuer": "lab"})
    rules = {entry["metadata"]["name"]: entry["spec"]["http"] for entry in found["virtual_services"]}
    (forwarding,) = rules["shop-redirect"]
    assert forwarding["route"] == [{"destination": {"host": "istio-ingress.istio-ingress.svc.cluster.local", "port": {"number": 80}}}]
    assert forwarding["match"] == [{"uri": {"prefix": "/.well-known/acme-challenge/"}}]
    assert [list(rule) for rule in rules["lab-redirect"]] == [["redirect"]]
    http = {
        "metadata": {"name": "edge-http-team-b", "namespace": "team-b"},
        "spec": {"servers": [{"port": {"number": 80}, "hosts": ["*"]}]},
    }
    team = Cluster({"istio": "team-b"}, "team-b", gateways=[http], virtual_services=found["virtual_services"])
    answer = explain(team, "shop.team-b.example.com")
    assert answer.obstacles == []
    # The other gateway answers, and a 503 says that it cannot be reached.
    assert (answer.excuses(404, upstream=True), answer.excuses(503, upstream=False)) == (True, False)


def test_challenges_are_forwarded_before_a_site_has_routes():
    gateway, forwarding = fine(APP, SHOP)["http_gateways"]
    assert (gateway["kind"], forwarding["kind"], forwarding["spec"]["gateways"]) == (
        "Gateway",
        "VirtualService",
        ["team-b/edge-http-team-b"],
    )
    assert gateway["spec"] == {
        "selector": {"istio": "team-b"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    }
    (rule,) = forwarding["spec"]["http"]
    assert rule["match"] == [{"uri": {"prefix": "/.well-known/acme-challenge/"}}]
    assert rule["route"] == [{"destination": {"host": "istio-ingress.istio-ingress.svc.cluster.local", "port": {"number": 80}}}]
    answer = explain(Cluster({"istio": "team-b"}, "team-b", gateways=[gateway], virtual_services=[forwarding]), "shop.team-b.example.com")
    assert answer.obstacles == []
    assert (answer.excuses(404, upstream=True), answer.excuses(503, upstream=False)) == (True, False)


def test_raw_manifests_belong_to_the_gateway_of_their_pods_or_namespace():
    server = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["raw.example.com"]}
    raw = {
        "metadata": {"name": "raw"},
        "spec": {"selector": {"istio": "team-b"}, "servers": [{**server, "tls": {"mode": "SIMPLE", "credentialName": "raw"}}]},
    }
    reference = {"kind": "ClusterIssuer", "name": "lab"}
    spec = {"secretName": "raw", "dnsNames": ["raw.example.com"], "issuerRef": reference}
    certificate = {"metadata": {"name": "raw", "namespace": "team-b"}, "spec": spec}
    found = fine(APP, gateway_gateways=[raw], certificate_certificates=[certificate])
    assert [part["certificate_names"] for part in found["by_gateway"]] == [["app"], ["raw"]]
    assert [[entry["name"] for entry in part["subjects"]] for part in found["by_gateway"]] == [["app"], ["raw"]]
    assert sorted(spaces(found["gateways"])) == ["app", "raw"]


def test_what_hosts_and_charts_get():
    found = fine(APP, SHOP, gateways=[{**TEAM, "service_account": "edge-b", "replicas": 2}, {"name": "old", "state": "absent"}])
    (release,) = found["releases"]
    assert (release["name"], release["namespace"], release["replicas"]) == ("team-b", "team-b", 2)
    assert release["values"] == {"serviceAccount": {"name": "edge-b"}}
    assert [port["node_port"] for port in release["ports"]] == [31080, 31443]
    assert found["absent_releases"] == [{"name": "old", "namespace": "old"}]
    assert [entry["node_port"] for entry in found["host_ports"]["192.0.2.2"]] == [31080, 31443]
    assert list(found["node_ports"].values()) == [31080, 31443]


def test_one_gateway_costs_hosts_nothing():
    found = fine(APP, gateways=[])
    assert (found["releases"], found["host_ports"], found["node_ports"]) == ([], {}, {})
    assert [part["namespace"] for part in found["by_gateway"]] == ["istio-ingress"]


def test_many_sites_on_two_gateways():
    sites = [{**APP, "name": f"s{n}", "hosts": [f"s{n}.example.com"], **({"gateway": "team-b"} if n % 2 else {})} for n in range(20)]
    found = fine(*sites)
    assert [len(part["subjects"]) for part in found["by_gateway"]] == [10, 10]
    assert len(found["gateways"]) == len(found["certificates"]) == 20


def test_the_report_shows_each_gateway_with_its_own_answers():
    found = fine(APP, {**APP, "name": "inside", "gateway": "team-b"})
    certificates = [
        {"name": name, "namespace": space, "secret_name": name, "ready": True, "serial": serial}
        for name, space, serial in (("app", "istio-ingress", "aa"), ("inside", "team-b", "bb"))
    ]
    pods = [
        {"pod": f"pod-{serial}", "namespace": space, "sni": "app.example.com", "state": "served", "serial": serial}
        for space, serial in (("istio-ingress", "aa"), ("team-b", "bb"))
    ]
    endpoints = [
        {"address": address, "port": 443, "server_name": "app.example.com", "serial": serial}
        for address, serial in (("192.0.2.1", "aa"), ("192.0.2.2", "bb"))
    ]
    assert site_report(found, certificates, [], pods, endpoints)["problems"] == []
    swapped = [{**entry, "serial": serial} for entry, serial in zip(endpoints, ("bb", "aa"))]
    problems = site_report(found, certificates, [], pods, swapped)["problems"]
    assert problems == [
        "app: 192.0.2.1:443 serves serial bb, the Secret holds aa",
        "inside: 192.0.2.2:443 serves serial aa, the Secret holds bb",
    ]


PORTS = [{"port": 80, "node_port": "30080"}, {"port": "443", "node_port": 30443}]


@pytest.mark.parametrize(
    ("gateways", "addresses", "expected"),
    [
        ([], ["192.0.2.1"], [(80, 30080), (443, 30443)]),
        ([TEAM], ["192.0.2.1"], [(80, 30080), (443, 30443)]),
        ([TEAM], ["192.0.2.2", "192.0.2.2"], [(80, 31080), (443, 31443)]),
        ([TEAM], ["192.0.2.9"], [(80, 30080), (443, 30443)]),
        ([SHARING], ["192.0.2.1"], [(80, 30080), (443, 30443), (8080, 31080), (8443, 31443)]),
        # One port cannot be two gateways' on one host: both stay, and the module refuses them.
        ([TEAM], ["192.0.2.1", "192.0.2.2"], [(80, 30080), (443, 30443), (80, 31080), (443, 31443)]),
    ],
)
def test_a_host_forwards_the_ports_of_the_gateways_whose_addresses_it_has(gateways, addresses, expected):
    found = gateway_ports(PORTS, fine(APP, gateways=gateways)["host_ports"], addresses)
    assert [(int(entry["port"]), int(entry["node_port"])) for entry in found] == expected


def test_a_port_that_users_forward_themselves_keeps_what_they_say_of_it():
    own = [{"port": 443, "node_port": 31443, "sources": ["192.0.2.0/24"]}]
    assert gateway_ports(own, fine(APP)["host_ports"], ["192.0.2.2"]) == [*own, {"port": 80, "node_port": 31080}]


@pytest.mark.parametrize(("instance", "of"), [(None, ""), ("istio-ingress", ""), ("second", ".of.second")])
def test_each_installation_keeps_others_off_its_own_sites(instance, of):
    """They have one gateway, and neither replaces what the other one set."""
    policies = {entry["metadata"]["name"] for entry in fine(APP, SHOP, gateways=[TEAM], edge_instance=instance)["policies"]}
    assert policies == {f"baremesh-edge-routes-istio-ingress{of}", f"baremesh-edge-routes-team-b.team-b{of}"}


def test_each_gateway_keeps_others_off_its_own_sites():
    policies = {
        entry["metadata"]["name"]: entry for entry in fine(APP, SHOP, gateways=[{**TEAM, "route_namespaces": ["team-b-apps"]}])["policies"]
    }
    assert sorted(policies) == ["baremesh-edge-routes-istio-ingress", "baremesh-edge-routes-team-b.team-b"]
