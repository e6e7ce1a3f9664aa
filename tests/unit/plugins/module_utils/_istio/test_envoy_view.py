# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admin pages of Envoy 1.40: gateway_dump.json of a gateway on the lab, the others of an Envoy that was given files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import held_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import clusters, endpoints, listeners, routes

RECORDED = Path(__file__).parent / "recorded"
DUMP, REFUSED, CLUSTERS = (
    json.loads((RECORDED / f"{name}.json").read_text("utf-8")) for name in ("gateway_dump", "refused_listeners", "clusters")
)
WEB = "outbound|3000||web.default.svc.cluster.local"


def test_the_listeners_of_a_gateway():
    plain, secure = listeners(DUMP)
    assert (plain["name"], plain["state"], plain["address"], plain["port"], plain["detail"]) == ("0.0.0.0_80", "active", "0.0.0.0", 80, "")
    assert plain["chains"] == [{"server_names": [], "secrets": [], "routes": "http.80", "clusters": []}]
    assert secure["last_updated"] == "2026-11-28T11:08:47.355Z"
    assert secure["chains"] == [
        {
            "server_names": ["app.example.com"],
            "secrets": ["kubernetes://app"],
            "routes": "https.443.https.app.istio-ingress",
            "clusters": [],
        }
    ]


def test_the_routes_of_a_gateway_in_their_order():
    redirect, *served = routes(DUMP)
    assert (redirect["action"], redirect["clusters"], redirect["object"]) == ("redirect", [], "VirtualService istio-ingress/app-redirect")
    assert [each["match"] for each in served] == ["prefix /api/", "prefix /workflow/", "prefix /"]
    assert served[2] == {
        "config": "https.443.https.app.istio-ingress",
        "last_updated": "2026-11-28T11:08:47.367Z",
        "detail": "",
        "hosts": ["app.example.com"],
        "match": "prefix /",
        "action": "route",
        "clusters": [WEB],
        "object": "VirtualService istio-ingress/app",
    }


def test_clusters_with_their_endpoints():
    found = {each["name"]: each for each in clusters(DUMP, CLUSTERS)}
    assert (found[WEB]["state"], found[WEB]["type"]) == ("active", "EDS")
    assert [(each["address"], each["port"], each["healthy"], each["health"]) for each in found[WEB]["endpoints"]] == [
        ("127.0.0.1", 15979, True, "HEALTHY"),
        ("127.0.0.1", 15978, False, "UNHEALTHY"),
        ("127.0.0.1", 15977, False, "DRAINING"),
    ]
    assert found["BlackHoleCluster"]["endpoints"] == []


def test_a_whole_dump_holds_the_secrets_too():
    assert [(each.name, each.state) for each in held_secrets(DUMP)] == [("kubernetes://app", "active")]


def test_what_envoy_refused_and_what_it_waits_for():
    kept, waiting, never = listeners(REFUSED)
    assert (kept["state"], kept["detail"]) == ("active", "Failed to load certificate chain from <inline>")
    assert (waiting["name"], waiting["state"], waiting["detail"]) == ("127.0.0.1_15982", "warming", "")
    assert (never["name"], never["state"], never["port"], never["detail"]) == ("127.0.0.1_15981", "rejected", None, kept["detail"])


@pytest.mark.parametrize(
    ("health", "healthy", "text"),
    [
        ({}, True, "UNKNOWN"),
        ({"eds_health_status": "DEGRADED"}, True, "DEGRADED"),
        ({"eds_health_status": "HEALTHY", "failed_outlier_check": True}, False, "HEALTHY failed_outlier_check"),
        ({"eds_health_status": "HEALTHY", "failed_active_health_check": False}, True, "HEALTHY"),
        ({"eds_health_status": "TIMEOUT"}, False, "TIMEOUT"),
    ],
)
def test_the_health_of_an_endpoint(health, healthy, text):
    (found,) = endpoints({"cluster_statuses": [{"name": "a", "host_statuses": [{"health_status": health}]}]})["a"]
    assert (found["healthy"], found["health"]) == (healthy, text)


def _route(**fields):
    config = {"name": "r", "virtual_hosts": [{"domains": ["a"], "routes": [fields]}]}
    (found,) = routes({"configs": [{"dynamic_route_configs": [{"route_config": config}]}]})
    return found


def test_other_routes():
    weights = [{"name": "a", "weight": 90}, {"name": "b", "weight": 10}, {"name": "c", "weight": 0}]
    found = _route(match={"safe_regex": {"regex": "/v[0-9]+"}}, route={"weighted_clusters": {"clusters": weights}})
    # Nothing goes to a version whose share is 0, so it may have no pods.
    assert (found["match"], found["clusters"]) == ("regex /v[0-9]+", ["a", "b"])
    found = _route(match={"path": "/x", "headers": [{"name": ":method"}], "query_parameters": [{"name": "v"}]}, direct_response={})
    assert (found["match"], found["action"], found["object"]) == ("exact /x with :method with v", "direct_response", "")
    assert _route(match={"path_separated_prefix": "/x"}, route={"cluster": "a"})["match"] == "prefix /x"


def test_a_tcp_listener_leads_to_clusters_itself():
    shares = {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}
    chains = [
        {"filter_chain_match": {"server_names": ["db.example.com"]}, "filters": [{"typed_config": {"cluster": "one"}}]},
        {"filters": [{"typed_config": {"weighted_clusters": shares}}]},
    ]
    entry = {"name": "l", "active_state": {"listener": {"filter_chains": chains[:1], "default_filter_chain": chains[1]}}}
    (found,) = listeners({"configs": [{"dynamic_listeners": [entry]}]})
    assert [each["clusters"] for each in found["chains"]] == [["one"], ["a", "b"]]


def test_client_certificates_have_a_secret_of_their_own():
    tls = {
        "tls_certificate_sds_secret_configs": [{"name": "kubernetes://app"}],
        "combined_validation_context": {"validation_context_sds_secret_config": {"name": "kubernetes://app-cacert"}},
    }
    chain = {"transport_socket": {"typed_config": {"common_tls_context": tls}}}
    (found,) = listeners({"configs": [{"dynamic_listeners": [{"name": "l", "active_state": {"listener": {"filter_chains": [chain]}}}]}]})
    assert found["chains"][0]["secrets"] == ["kubernetes://app", "kubernetes://app-cacert"]


def test_a_route_configuration_that_was_never_taken():
    entry = {"error_state": {"failed_configuration": {"name": "http.80"}, "details": "bad regex"}}
    (found,) = routes({"configs": [{"dynamic_route_configs": [entry]}]})
    assert (found["config"], found["hosts"], found["detail"]) == ("http.80", [], "bad regex")


def _places(found, way=()):
    yield way
    for key, value in found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ():
        yield from _places(value, (*way, key))


PLACES = [(name, way) for name, found in (("dump", DUMP), ("clusters", CLUSTERS)) for way in _places(found) if way]


@settings(deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from([None, 0, "x", [], {}, [None], [[]], True]))
def test_property_no_answer_of_another_form_ends_the_reader(place, value):
    name, way = place
    found = {"dump": json.loads(json.dumps(DUMP)), "clusters": json.loads(json.dumps(CLUSTERS))}
    at = found[name]
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value
    assert all(isinstance(each["name"], str) for each in [*listeners(found["dump"]), *clusters(found["dump"], found["clusters"])])
    assert all(isinstance(each["config"], str) for each in routes(found["dump"]))
