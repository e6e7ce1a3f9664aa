# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import site_report
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites_apart import certificates_apart, sites_apart

NS = "istio-ingress"
LAB = {"name": "lab", "type": "acme", "server": "https://acme.example.com/dir", "email": "ops@example.com"}
WEB = [{"service": "web.default", "port": 3000}]


def site(name, **more):
    return {"name": name, "hosts": [f"{name}.example.com"], "issuer": "lab", "routes": WEB, **more}


def plan_of(*sites, **settings):
    found = make_plan(list(sites), {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], **settings})
    assert found["findings"] == []
    return found


def read(name, ready=True, namespace=NS, cause="the authority refused"):
    secret = {"secret_name": name, "serial": "1001"} if ready else {"secret_name": name}
    return {"name": name, "namespace": namespace, "ready": ready, "state": "Ready" if ready else "Failed", "cause": cause, **secret}


def names(objects, kind):
    return [each["metadata"]["name"] for each in objects if each["kind"] == kind]


def test_where_all_are_ready_all_is_applied():
    plan = plan_of(site("a"), site("b"))
    apart = sites_apart(plan, [read("a"), read("b")])
    assert apart["objects"] == plan["policies"] + plan["gateway_objects"]
    assert (apart["kept"], apart["left"], apart["by_gateway"]) == ([], [], plan["by_gateway"])


def test_the_gateway_of_a_site_without_certificate_stays_as_it_is():
    plan = plan_of(site("a"), site("b"), site("c"))
    apart = sites_apart(plan, [read("a"), read("b", False), read("c")])
    gateways = names(plan["gateway_objects"], "Gateway")
    assert [name for name in gateways if name not in names(apart["objects"], "Gateway")] == ["b"]
    assert names(apart["objects"], "VirtualService") == names(plan["gateway_objects"], "VirtualService")
    assert apart["kept"] == [{"kind": "Gateway", "metadata": {"name": "b", "namespace": NS}}]
    assert apart["left"] == ["b"]
    (part,) = apart["by_gateway"]
    assert [credential["name"] for credential in part["credentials"]] == ["a", "c"]
    assert [endpoint["server_name"] for endpoint in part["endpoints"]] == ["a.example.com", "c.example.com"]
    assert [subject["name"] for subject in part["subjects"]] == ["a", "c"]


def test_a_secret_of_users_that_is_missing_counts_too():
    plan = plan_of(site("a"), {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "mine"}, "routes": WEB})
    secret = {"name": "mine", "namespace": NS, "problem": "it does not exist in namespace istio-ingress"}
    assert sites_apart(plan, [read("a")], [secret])["left"] == ["own"]
    assert sites_apart(plan, [read("a")], [{**secret, "problem": None}])["left"] == []


def test_sites_that_pass_tls_through_go_on():
    through = {"name": "t", "hosts": ["t.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": WEB}
    apart = sites_apart(plan_of(through, site("b")), [read("b", False)])
    assert apart["left"] == ["b"]
    assert [endpoint["server_name"] for endpoint in apart["by_gateway"][0]["endpoints"]] == ["t.example.com"]


def test_a_certificate_of_the_same_name_at_another_gateway_is_another():
    gateways = [{"name": "team-b", "namespace": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}]
    plan = plan_of(site("a"), site("b", gateway="team-b"), edge_gateways=gateways)
    assert sites_apart(plan, [read("a"), read("b", False)])["left"] == []
    apart = sites_apart(plan, [read("a"), read("b", False, namespace="team-b")])
    assert apart["left"] == ["b"]
    assert [[c["name"] for c in part["credentials"]] for part in apart["by_gateway"]] == [["a"], []]


def test_a_raw_gateway_stays_whole():
    servers = [
        {
            "port": {"number": 443, "name": f"https-{n}", "protocol": "HTTPS"},
            "hosts": [f"{n}.example.com"],
            "tls": {"mode": "SIMPLE", "credentialName": n},
        }
        for n in ("x", "y")
    ]
    raw = {"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": servers}}
    certificates = [
        {
            "metadata": {"name": n},
            "spec": {"secretName": n, "dnsNames": [f"{n}.example.com"], "issuerRef": {"kind": "ClusterIssuer", "name": "lab"}},
        }
        for n in ("x", "y")
    ]
    plan = plan_of(site("a"), gateway_gateways=[raw], certificate_certificates=certificates)
    apart = sites_apart(plan, [read("a"), read("x"), read("y", False)])
    assert [kept["metadata"]["name"] for kept in apart["kept"]] == ["raw"]
    assert [credential["name"] for credential in apart["by_gateway"][0]["credentials"]] == ["a"]


def probe(host, problem=""):
    return {"host": host, "address": "192.0.2.1", "problem": problem}


def test_challenges_that_do_not_arrive_hold_back_their_certificate():
    plan = plan_of(site("a"), site("b"))
    apart = certificates_apart(plan, [probe("a.example.com"), probe("b.example.com", "HTTP status 403")], [read("b", False)])
    assert names(apart["objects"], "Certificate") == ["a"]
    assert apart["kept"] == [{"kind": "Certificate", "metadata": {"name": "b", "namespace": NS}}]
    (entry,) = apart["blocked"]
    assert (entry["name"], entry["ready"], entry["state"]) == ("b", False, "Blocked")
    assert entry["cause"] == "b.example.com at 192.0.2.1: HTTP status 403"
    assert sites_apart(plan, [read("a"), entry])["left"] == ["b"]


@pytest.mark.parametrize("probes", [[], [probe("a.example.com"), probe("b.example.com")]])
def test_where_challenges_arrive_all_is_ordered(probes):
    plan = plan_of(site("a"), site("b"))
    apart = certificates_apart(plan, probes)
    assert (apart["objects"], apart["kept"], apart["blocked"]) == (plan["certificate_objects"], [], [])


def test_the_report_names_the_cause_of_the_site_that_is_left():
    plan = plan_of(site("a"), site("b"))
    (entry,) = certificates_apart(plan, [probe("b.example.com", "HTTP status 403")])["blocked"]
    served = {"state": "served", "serial": "1001", "namespace": NS}
    pods = [{**served, "pod": "gw", "sni": "a.example.com", "credential": "a"}]
    ports = [{**served, **endpoint} for endpoint in plan["endpoints"] if endpoint["server_name"] == "a.example.com"]
    report = site_report(plan, [read("a"), entry], [], pods, ports)
    assert report["problems"] == ["b: b.example.com at 192.0.2.1: HTTP status 403"]
    assert report["lines"][0] == "a: served: https://a.example.com/"


# --- orders that are tried at a staging authority first

STAGED = {**LAB, "staging": "https://acme.example.com/staging"}


def staged(*sites, **settings):
    return plan_of(*sites, **{"cert_manager_issuers": [STAGED], **settings})


def test_what_has_to_be_ordered_is_tried_first():
    plan = staged(site("a"), site("b"))
    apart = certificates_apart(plan, read=[read("a"), {**read("b", False), "state": "Absent"}])
    assert (apart["due"], names(apart["staging"], "Certificate")) == (["b"], ["b.staging"])
    (tried,) = apart["staging"]
    assert tried["spec"]["issuerRef"]["name"] == "lab-staging"
    assert tried["spec"]["dnsNames"] == ["b.example.com"]
    assert tried["spec"]["secretName"] == tried["metadata"]["name"] == "b.staging"
    assert tried["spec"]["secretTemplate"]["labels"]["app.kubernetes.io/component"] == "staging"


@pytest.mark.parametrize("change", [{"dns_names": ["a.example.com"]}, {"issuer": "ClusterIssuer/other"}])
def test_a_certificate_for_other_names_or_of_another_issuer_has_to_be_ordered(change):
    plan = staged(site("a", hosts=["a.example.com", "b.example.com"]))
    same = {**read("a"), "dns_names": ["b.example.com", "a.example.com"], "issuer": "ClusterIssuer/lab"}
    assert certificates_apart(plan, read=[same])["due"] == []
    assert certificates_apart(plan, read=[{**same, **change}])["due"] == ["a"]


def test_what_the_staging_authority_refuses_is_not_ordered():
    plan = staged(site("a"), site("b"))
    tried = [{**read("a.staging", False), "advice": ["Correct the record."]}, read("b.staging")]
    apart = certificates_apart(plan, tried=tried)
    assert names(apart["objects"], "Certificate") == ["b"]
    (blocked,) = apart["blocked"]
    assert (blocked["name"], blocked["secret_name"], blocked["cause"]) == ("a", "a", "Staging: the authority refused")
    assert blocked["advice"] == ["Correct the record."]
    assert apart["kept"] == [{"kind": "Certificate", "metadata": {"name": "a", "namespace": NS}}]


@pytest.mark.parametrize(
    ("issuer", "settings"),
    [
        (STAGED, {"certificate_staging_first": "no"}),
        (LAB, {}),
        ({**LAB, "server": "https://acme-v02.api.letsencrypt.org/directory", "staging": False}, {}),
        ({"name": "lab", "type": "selfsigned"}, {}),
    ],
)
def test_nothing_is_tried(issuer, settings):
    plan = plan_of(site("a"), cert_manager_issuers=[issuer], **settings)
    assert (certificates_apart(plan)["staging"], plan["issuers"]) == ([], ["lab"])


def test_what_is_blocked_is_not_tried():
    plan = staged(site("a"), site("b"))
    probes = [{"host": "a.example.com", "address": "192.0.2.1", "problem": "answered by another server"}]
    assert names(certificates_apart(plan, probes)["staging"], "Certificate") == ["b.staging"]


def test_a_site_may_have_the_name_of_what_is_tried():
    assert names(certificates_apart(staged(site("a"), site("a-staging")))["staging"], "Certificate") == ["a.staging", "a-staging.staging"]


def test_what_would_meet_a_limit_is_neither_ordered_nor_tried():
    plan = plan_of(site("a"), site("b"), cert_manager_issuers=[{**LAB, "staging": "https://staging.example.com/dir"}])
    limited = [{"namespace": NS, "name": "b", "cause": "issuer 'lab' limits ...", "advice": ["Wait."], "line": "b: ..."}]
    apart = certificates_apart(plan, limited=limited)
    assert apart["due"] == ["a", "b"]
    assert names(apart["objects"], "Certificate") == ["a"]
    assert [each["metadata"]["name"] for each in apart["staging"]] == ["a.staging"]
    (blocked,) = apart["blocked"]
    assert (blocked["name"], blocked["cause"], blocked["advice"]) == ("b", "issuer 'lab' limits ...", ["Wait."])
