# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of gateways, from pages of Envoy as recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import clusters, listeners, routes
from ansible_collections.baremesh.edge.plugins.plugin_utils._gateway_table import backends, gateway_table
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

RECORDED = Path(__file__).parent.parent / "module_utils" / "_istio" / "recorded"
DUMP, CLUSTERS = (json.loads((RECORDED / f"{name}.json").read_text("utf-8")) for name in ("gateway_dump", "clusters"))
APP = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt"}
DB = {"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [{"service": "db.data", "port": 5432}]}
SECRET = {"name": "kubernetes://app", "state": "active", "kind": "certificate", "serial": "a1", "not_after": "2027-02-19T08:00:00Z"}
HEAD = "POD   SITE  PORTS   ROUTES  ENDPOINTS  CERTIFICATE"


def gateways(*sites):
    found = make_plan(list(sites), {"edge_addresses": ["192.0.2.1"]})
    assert found["findings"] == []
    return found["by_gateway"]


def pod(name="gw-a", **more):
    known = {"listeners": listeners(DUMP), "routes": routes(DUMP), "clusters": clusters(DUMP, CLUSTERS), "secrets": [SECRET]}
    return {"name": name, "node": "edge1", **known, **more}


def result(*pods, flags=(), errors=()):
    return {"pods": list(pods), "flags": [{"text": text} for text in flags], "errors": list(errors)}


def test_a_line_for_each_pod_and_site():
    assert gateway_table([result(pod(), pod("gw-b", secrets=[]))], gateways(APP)) == [
        HEAD,
        "gw-a  app   80,443  4       1/3        a1 until 2027-02-19",
        "gw-b  app   80,443  4       1/3        none",
    ]


def test_a_site_that_the_pods_do_not_know():
    shop = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "letsencrypt"}
    assert gateway_table([result(pod())], gateways(shop))[1] == "gw-a  shop  none   none    -          none"


def test_tls_that_passes_through_has_no_certificate():
    chain = {"server_names": ["db.example.com"], "secrets": [], "routes": "", "clusters": ["outbound|5432||db.data.svc.cluster.local"]}
    listener = {"name": "0.0.0.0_443", "state": "active", "port": 443, "chains": [chain], "detail": ""}
    cluster = {"name": chain["clusters"][0], "state": "active", "endpoints": [{"healthy": True}, {"healthy": True}], "detail": ""}
    found = gateway_table([result(pod(listeners=[listener], clusters=[cluster], routes=[]))], gateways(DB))
    assert found[1] == "gw-a  db    443    1       2/2        -"


def test_a_tcp_site_has_its_port_alone():
    sites = [{**DB, "tcp_port": port, "name": f"db-{port}"} for port in (5432, 5433)]
    ports = [{"port": port, "node_port": port + 25000} for port in (5432, 5433)]
    found = make_plan(sites, {"edge_addresses": ["192.0.2.1"], "edge_gateway_ports": ports})
    assert found["findings"] == []
    chains = {
        port: {"server_names": DB["hosts"], "secrets": [], "routes": "", "clusters": [f"outbound|{port}||db"]} for port in (5432, 5433)
    }
    opened = [{"name": str(port), "state": "active", "port": port, "chains": [chain], "detail": ""} for port, chain in chains.items()]
    lines = gateway_table([result(pod(listeners=opened, clusters=[], routes=[]))], found["by_gateway"])
    assert [line.split()[1:4] for line in lines[1:]] == [["db-5432", "5432", "1"], ["db-5433", "5433", "1"]]


def test_a_listener_that_is_not_active_takes_nothing():
    waiting = [{**each, "state": "warming"} for each in listeners(DUMP)]
    assert gateway_table([result(pod(listeners=waiting))], gateways(APP))[1].split()[2] == "none"


def test_what_differs_and_what_could_not_be_asked():
    assert gateway_table([result(flags=["x is old"], errors=["no pod"])], gateways(APP)) == ["differs: x is old", "not asked: no pod"]


@pytest.mark.parametrize("results", [[], [{"skipped": True}]])
def test_where_nothing_was_asked(results):
    assert gateway_table(results, gateways(APP)) == []


def test_details():
    found = gateway_table([result(pod())], gateways(APP), True)
    assert found[2] == "gw-a on edge1:"
    web = "web.default.svc.cluster.local:3000"
    assert {
        "  listener 0.0.0.0_443 active",
        "    app.example.com with kubernetes://app -> https.443.https.app.istio-ingress",
        "    * -> http.80",
        f"  route https.443.https.app.istio-ingress app.example.com prefix / -> {web} (VirtualService istio-ingress/app)",
        "  route http.80 app.example.com prefix / -> redirect (VirtualService istio-ingress/app-redirect)",
        f"  cluster {web} active 1/3 healthy",
        "    127.0.0.1:15978 UNHEALTHY",
        "  secret kubernetes://app active a1 until 2027-02-19",
    } <= set(found)


def test_details_say_what_was_refused():
    refused = json.loads((RECORDED / "refused_listeners.json").read_text("utf-8"))
    found = gateway_table([result(pod(listeners=listeners(refused)))], gateways(APP), True)
    assert "  listener 127.0.0.1_15981 active; refused an update: Failed to load certificate chain from <inline>" in found


def test_where_requests_go_as_the_pod_sees_it_that_has_the_fewest_healthy_endpoints():
    (gateway,) = gateways(APP)
    (subject,) = gateway["subjects"]
    worse = [{**each, "endpoints": [{**end, "healthy": False} for end in each["endpoints"]]} for each in clusters(DUMP, CLUSTERS)]
    best, worst = backends([pod()], subject), backends([pod(), pod("gw-b", clusters=worse), pod("gw-c")], subject)
    assert [each["service"] for each in best] == [each["service"] for each in worst]
    assert sum(each["healthy"] for each in best) == 1
    assert [each["healthy"] for each in worst] == [0] * len(worst)
    assert [len(each["endpoints"]) for each in worst] == [len(each["endpoints"]) for each in best]
    assert all(each["matches"] for each in worst)
    assert backends([], subject) == []


def test_where_connections_go_that_pass_through():
    chain = {"server_names": ["db.example.com"], "secrets": [], "routes": "", "clusters": ["outbound|5432||db.data.svc.cluster.local"]}
    listener = {"name": "0.0.0.0_443", "state": "active", "port": 443, "chains": [chain], "detail": ""}
    (gateway,) = gateways(DB)
    found = backends([pod(listeners=[listener], clusters=[], routes=[])], gateway["subjects"][0])
    assert found == [{"service": "db.data.svc.cluster.local:5432", "matches": ["TLS"], "healthy": 0, "endpoints": []}]
