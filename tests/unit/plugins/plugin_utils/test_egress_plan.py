# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._egress_plan import KINDS, make_plan

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PARTNER = {"name": "partner", "hosts": ["api.partner.example"], "namespaces": ["app"]}
MUTUAL = {**PARTNER, "tls": {"mode": "MUTUAL", "credential": "own", "ca_certificate": PEM, "sni": "sni.example"}}
RAW = {"name": "raw", "hosts": ["raw.example"], "namespaces": ["app", "web"], "tls": {"mode": "NONE"}}
WILD = {**RAW, "name": "wild", "hosts": ["*.wild.example"], "server": "www.wild.example"}
SIDECAR = {**MUTUAL, "name": "direct", "hosts": ["direct.example"], "gateway": False, "workload_selector": {"app": "web"}}
SERVICE = "istio-egress.istio-egress.svc.cluster.local"


def plan(*entries, **settings):
    found = make_plan(list(entries), settings)
    assert found["findings"] == []
    return found


def specs(found, kind):
    return {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": each.get("spec", each.get("stringData"))
        for each in found["objects"]
        if each["kind"] == kind
    }


def test_http_inside_becomes_tls_behind_the_egress_gateway():
    found = plan(PARTNER)
    entry = specs(found, "ServiceEntry")["istio-egress/partner"]
    assert entry == {
        "hosts": ["api.partner.example"],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 443}],
        "exportTo": [".", "app"],
    }
    (server,) = specs(found, "Gateway")["istio-egress/partner"]["servers"]
    assert (server["port"]["number"], server["tls"], server["hosts"]) == (443, {"mode": "ISTIO_MUTUAL"}, ["api.partner.example"])
    inside, outside = specs(found, "VirtualService")["istio-egress/partner.api.partner.example"]["http"]
    assert inside["match"] == [{"gateways": ["mesh"], "port": 80}]
    assert inside["route"] == [{"destination": {"host": SERVICE, "subset": "partner", "port": {"number": 443}}}]
    assert outside["match"] == [{"gateways": ["istio-egress/partner"], "port": 443}]
    assert outside["route"] == [{"destination": {"host": "api.partner.example", "port": {"number": 80}}}]
    rules = specs(found, "DestinationRule")
    assert rules["istio-egress/baremesh-egress"]["subsets"] == [
        {"name": "partner", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": "api.partner.example"}}}
    ]
    assert rules["istio-egress/partner.api.partner.example"] == {
        "host": "api.partner.example",
        "exportTo": ["."],
        "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]},
    }


def test_a_credential_and_the_authority_of_the_server():
    found = plan(MUTUAL)
    assert specs(found, "Secret") == {"istio-egress/own-cacert": {"cacert": PEM}}
    (level,) = specs(found, "DestinationRule")["istio-egress/partner.api.partner.example"]["trafficPolicy"]["portLevelSettings"]
    assert level["tls"] == {"mode": "MUTUAL", "credentialName": "own", "sni": "sni.example"}
    assert [each["metadata"]["name"] for each in found["authorities"]] == ["own-cacert"]
    assert found["waits"] == [
        {
            "namespace": "istio-egress",
            "selector": {"istio": "egress"},
            "optional": False,
            "credentials": [{"name": "own", "mode": "MUTUAL"}],
            "clusters": [{"host": "api.partner.example", "port": 80}],
        }
    ]


def test_an_authority_alone_is_a_credential_of_the_name_of_the_entry():
    found = plan({**PARTNER, "tls": {"ca_certificate": PEM}})
    assert specs(found, "Secret") == {"istio-egress/partner-cacert": {"cacert": PEM}}
    assert found["waits"][0]["credentials"] == [{"name": "partner", "mode": "SIMPLE"}]


def test_a_credential_of_two_modes_is_waited_for_in_the_one_that_needs_more():
    simple = {**PARTNER, "name": "b", "hosts": ["b.example"], "tls": {"credential": "own"}}
    for entries in ((MUTUAL, simple), (simple, MUTUAL)):
        assert plan(*entries)["waits"][0]["credentials"] == [{"name": "own", "mode": "MUTUAL"}]


def test_plain_text_between_sidecar_and_egress_gateway():
    found = plan({**PARTNER, "mtls": False})
    (server,) = specs(found, "Gateway")["istio-egress/partner"]["servers"]
    assert server == {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["api.partner.example"]}
    (subset,) = specs(found, "DestinationRule")["istio-egress/baremesh-egress"]["subsets"]
    assert subset["trafficPolicy"]["tls"] == {"mode": "DISABLE"}


def test_tls_of_the_application_passes_through():
    found = plan(RAW)
    assert specs(found, "ServiceEntry")["istio-egress/raw"]["ports"] == [{"number": 443, "name": "tls", "protocol": "TLS"}]
    (server,) = specs(found, "Gateway")["istio-egress/raw"]["servers"]
    assert server["tls"] == {"mode": "PASSTHROUGH"}
    inside, outside = specs(found, "VirtualService")["istio-egress/raw.raw.example"]["tls"]
    assert [rule["match"][0]["sniHosts"] for rule in (inside, outside)] == [["raw.example"]] * 2
    assert list(specs(found, "DestinationRule")) == ["istio-egress/baremesh-egress"]


def test_a_wildcard_goes_to_the_server_that_answers_for_it():
    found = plan(WILD)
    entries = specs(found, "ServiceEntry")
    assert (entries["istio-egress/wild"]["resolution"], entries["istio-egress/wild"]["exportTo"]) == ("NONE", [".", "app", "web"])
    server = entries["istio-egress/wild.www.wild.example"]
    assert (server["hosts"], server["resolution"], server["exportTo"]) == (["www.wild.example"], "DNS", ["."])
    _inside, outside = specs(found, "VirtualService")["istio-egress/wild.any.wild.example"]["tls"]
    assert outside["route"] == [{"destination": {"host": "www.wild.example", "port": {"number": 443}}}]
    assert found["waits"][0]["clusters"] == [{"host": "www.wild.example", "port": 443}]


def test_a_wildcard_without_a_gateway_is_looked_up_by_each_sidecar():
    found = plan({**WILD, "gateway": False, "server": None})
    assert {key: each["resolution"] for key, each in specs(found, "ServiceEntry").items()} == dict.fromkeys(
        ["app/wild", "web/wild"], "DYNAMIC_DNS"
    )
    assert (found["gateway"], found["waits"]) == (False, [])


def test_the_sidecar_begins_tls_itself():
    found = plan(SIDECAR)
    assert specs(found, "Secret") == {"app/own-cacert": {"cacert": PEM}}
    rule = specs(found, "DestinationRule")["app/direct.direct.example"]
    assert (rule["workloadSelector"], rule["exportTo"]) == ({"matchLabels": {"app": "web"}}, ["."])
    assert specs(found, "ServiceEntry")["app/direct"]["exportTo"] == ["."]
    assert not any(specs(found, kind) for kind in ("Gateway", "VirtualService", "AuthorizationPolicy"))
    (wait,) = found["waits"]
    assert (wait["namespace"], wait["selector"], wait["optional"]) == ("app", {"app": "web"}, True)
    assert found["gateway"] is False


def test_each_host_has_a_route_of_its_own():
    found = plan({**PARTNER, "hosts": ["a.example", "b.example"]})
    routes = specs(found, "VirtualService")
    assert {each["http"][1]["route"][0]["destination"]["host"] for each in routes.values()} == {"a.example", "b.example"}
    assert len(specs(found, "Gateway")) == 1


def test_only_named_namespaces_may_use_the_gateway():
    found = plan(PARTNER, {**PARTNER, "name": "plain", "hosts": ["p.example"], "mtls": False}, RAW)
    rules = specs(found, "AuthorizationPolicy")["istio-egress/baremesh-egress"]["rules"]
    assert rules == [
        {
            "from": [{"source": {"namespaces": ["app"]}}],
            "to": [{"operation": {"hosts": ["api.partner.example", "api.partner.example:*"], "ports": ["443"]}}],
        },
        {"to": [{"operation": {"hosts": ["p.example", "p.example:*"], "ports": ["80"]}}]},
        {"when": [{"key": "connection.sni", "values": ["raw.example"]}]},
    ]


def test_every_namespace_may_go_where_all_are_named():
    found = plan({**PARTNER, "namespaces": ["*"]})
    assert specs(found, "ServiceEntry")["istio-egress/partner"]["exportTo"] == ["*"]
    (rule,) = specs(found, "AuthorizationPolicy")["istio-egress/baremesh-egress"]["rules"]
    assert "from" not in rule
    assert found["closed"] == []


def test_named_namespaces_are_closed():
    found = plan(PARTNER, RAW, egress_allowed_networks=["192.0.2.10/32"])
    assert found["closed"] == ["app", "web"]
    assert specs(found, "Sidecar")["web/baremesh-egress"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    policy = specs(found, "NetworkPolicy")["app/baremesh-egress"]
    assert policy["egress"] == [{"to": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "192.0.2.10/32"}}]}]
    assert policy["policyTypes"] == ["Egress"]


@pytest.mark.parametrize(
    ("settings", "sidecars", "policies"),
    [
        ({}, ["app/baremesh-egress"], ["app/baremesh-egress"]),
        ({"egress_network_policy": False}, ["app/baremesh-egress"], []),
        ({"egress_network_policy": "no"}, ["app/baremesh-egress"], []),
        ({"egress_closed_namespaces": []}, [], []),
        ({"egress_closed_namespaces": "other"}, ["other/baremesh-egress"], ["other/baremesh-egress"]),
    ],
)
def test_what_is_closed_can_be_chosen(settings, sidecars, policies):
    found = plan(PARTNER, **settings)
    assert (list(specs(found, "Sidecar")), list(specs(found, "NetworkPolicy"))) == (sidecars, policies)


def test_a_namespace_whose_sidecars_leave_by_themselves_has_no_network_policy():
    found = plan(SIDECAR, RAW)
    assert list(specs(found, "NetworkPolicy")) == ["web/baremesh-egress"]
    assert list(specs(found, "Sidecar")) == ["app/baremesh-egress", "web/baremesh-egress"]


def test_routes_are_applied_before_names():
    kinds = [each["kind"] for each in plan(MUTUAL, RAW, WILD, SIDECAR)["objects"]]
    assert list(dict.fromkeys(kinds)) == [kind for _version, kind in KINDS]


def test_nothing_is_applied_where_something_is_wrong():
    found = make_plan([PARTNER, "x"], {"egress_name": "Y"})
    assert len(found["findings"]) == 2
    assert (found["objects"], found["waits"], found["gateway"]) == ([], [], False)


def test_nothing_asked_is_nothing_made():
    found = plan()
    assert (found["objects"], found["waits"], found["gateway"], found["closed"]) == ([], [], False, [])
    # All entries are commented out.
    assert make_plan(None, {})["findings"] == []


def test_a_plan_is_plain_data():
    json.dumps(plan(MUTUAL, WILD))
