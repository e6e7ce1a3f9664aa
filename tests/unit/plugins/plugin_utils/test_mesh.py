# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading edge_mesh, and the policies that follow from it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._mesh_plan import make_plan

SHOP = {"namespace": "shop"}
GIVEN = {"gateways": ["istio-ingress"]}


def objects(*entries):
    plan = make_plan(list(entries), GIVEN)
    assert plan["findings"] == []
    return {each["kind"]: each for each in plan["objects"]}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("shop", "edge_mesh[0] is 'shop'; an entry is a dictionary with namespace"),
        ({}, "edge_mesh[0]: namespace is missing"),
        ({"namespace": "Shop"}, "edge_mesh[0] (Shop): namespace is 'Shop'; it must be a DNS label"),
        ({**SHOP, "mtls": "strict"}, "edge_mesh[0] (shop): mtls is 'strict', which is not known; did you mean 'STRICT'?"),
        ({**SHOP, "mtls": "MUTUAL"}, "edge_mesh[0] (shop): mtls is 'MUTUAL', which is not known"),
        ({**SHOP, "injection": "maybe"}, "edge_mesh[0] (shop): injection is 'maybe'; it must be true or false"),
        ({**SHOP, "inject": True}, "edge_mesh[0] (shop): key 'inject' is not known; did you mean 'injection'?"),
        ({**SHOP, "allow_from": ["web/till/3"]}, "allow_from has 'web/till/3'; each must be NAMESPACE, or NAMESPACE/SERVICEACCOUNT"),
        ({**SHOP, "allow_from": ["web/"]}, "allow_from has 'web/'"),
        ({**SHOP, "allow_from": ["*"]}, "allow_from has '*'"),
        ({**SHOP, "allow_from": ["spiffe://cluster.local/ns/web/sa/till"]}, "allow_from has 'spiffe://"),
        ({**SHOP, "allow_from": ["web"], "mtls": "DISABLE"}, "allow_from needs mtls, since a caller shows who it is"),
        ({"namespace": "kube-system"}, "injection is true, and pods of kube-system never get a sidecar"),
        ({"namespace": "istio-system", "mtls": "STRICT"}, "injection is true, and pods of istio-system never get"),
        ({"namespace": "istio-system", "injection": False, "allow_from": ["web"]}, "would be the rule of every namespace"),
        ({"namespace": "istio-ingress", "allow_from": ["web"]}, "the gateway in istio-ingress has visitors from outside"),
    ],
)
def test_findings(entry, said):
    plan = make_plan([entry], GIVEN)
    (finding,) = plan["findings"]
    assert said in finding
    assert (plan["objects"], plan["namespaces"], plan["warnings"]) == ([], [], [])


def test_a_namespace_is_there_once_and_everything_is_said_at_once():
    plan = make_plan([SHOP, {**SHOP, "mtls": "no"}], {})
    assert [finding.partition(":")[0] for finding in plan["findings"]] == ["edge_mesh[1] (shop)"] * 2
    assert make_plan(None, {})["findings"] == make_plan("[]", {})["findings"] == []
    assert make_plan("shop", {})["findings"] == ["edge_mesh is 'shop'; it must be a list of namespaces"]


@pytest.mark.parametrize(
    "entry",
    [
        SHOP,
        {**SHOP, "injection": "no", "mtls": "DISABLE"},
        {**SHOP, "mtls": None, "allow_from": None},
        {**SHOP, "mtls": "DISABLE", "allow_from": []},
        {**SHOP, "allow_from": "[web, 'web/till.v2']"},
        {"namespace": "istio-system", "injection": False, "mtls": "STRICT"},
        {"namespace": "istio-ingress", "mtls": "STRICT"},
        {"namespace": "kube-system", "injection": False},
    ],
)
def test_what_people_may_write(entry):
    assert make_plan([entry], GIVEN)["findings"] == []
    assert make_plan(json.dumps([entry]), GIVEN)["findings"] == []


def test_policies():
    found = objects({**SHOP, "mtls": "STRICT", "allow_from": ["istio-ingress", "web/till", "shop", "web/till"]})
    assert found["PeerAuthentication"]["spec"] == {"mtls": {"mode": "STRICT"}}
    sources = [rule["source"] for rule in found["AuthorizationPolicy"]["spec"]["rules"][0]["from"]]
    assert sources == [{"namespaces": ["istio-ingress", "shop"]}, {"principals": ["cluster.local/ns/web/sa/till"]}]
    assert {each["metadata"]["namespace"] for each in found.values()} == {"shop"}


def test_no_list_makes_no_policy_and_an_empty_one_lets_in_no_one():
    assert objects(SHOP) == {}
    assert objects({**SHOP, "allow_from": []})["AuthorizationPolicy"]["spec"] == {"action": "ALLOW"}
    assert objects({**SHOP, "allow_from": ["web/till"]})["AuthorizationPolicy"]["spec"]["rules"] == [
        {"from": [{"source": {"principals": ["cluster.local/ns/web/sa/till"]}}]}
    ]


def warnings(entry, **backend):
    site = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "own", "routes": [{"service": "till.shop", "port": 80}]}
    site |= {"backends": [{"service": "till.shop", **backend}]} if backend else {}
    plan = site_plan([site], {"edge_email": "ops@example.com", "cert_manager_issuers": [{"name": "own", "type": "selfsigned"}]})
    assert plan["findings"] == []
    given = {**GIVEN, "virtual_services": plan["virtual_services"], "destination_rules": plan["destination_rules"]}
    return make_plan([entry], given)["warnings"]


def test_a_gateway_that_may_not_call_is_named():
    (said,) = warnings({**SHOP, "allow_from": ["web"]})
    assert said == (
        "edge_mesh (shop): allow_from leaves out istio-ingress, whose gateway brings the requests for VirtualService shop to "
        "till.shop.svc.cluster.local; visitors would get 403"
    )


@pytest.mark.parametrize("callers", [None, ["istio-ingress"], ["istio-ingress/istio-ingress"]])
def test_a_gateway_that_may_call_is_not(callers):
    assert warnings({**SHOP, "allow_from": callers}) == []
    assert warnings({"namespace": "other", "allow_from": []}) == []


def test_a_gateway_that_does_not_speak_the_mesh_s_tls_is_named():
    (said,) = warnings({**SHOP, "mtls": "STRICT"}, tls={"mode": "DISABLE"})
    assert "mtls is STRICT, and DestinationRule shop.till.shop.svc.cluster.local has the gateway connect to" in said
    assert warnings({**SHOP, "mtls": "PERMISSIVE"}, tls={"mode": "DISABLE"}) == []
    assert warnings({**SHOP, "mtls": "STRICT"}, tls={"mode": "ISTIO_MUTUAL"}) == []
    assert warnings({**SHOP, "mtls": "STRICT"}, load_balancing="ROUND_ROBIN") == []
