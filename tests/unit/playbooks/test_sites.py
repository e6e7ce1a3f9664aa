# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles for sites where there is no cluster yet."""

from __future__ import annotations

import sys

import pytest

ROUTES = [{"service": "web.default", "port": 80}]
SITES = [
    {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": ROUTES},
    {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "mine"}, "routes": ROUTES},
    {"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": ROUTES},
]
SAID = {
    "certificate": ["Would create Certificate istio-ingress/app"],
    "gateway": [
        "Would create ValidatingAdmissionPolicy baremesh-edge-routes-istio-ingress",
        "Would create ValidatingAdmissionPolicyBinding baremesh-edge-routes-istio-ingress",
        *(f"Would create Gateway istio-ingress/{name}" for name in ("app", "own", "db")),
        *(f"Would create VirtualService istio-ingress/{name}{kind}" for name in ("app", "own", "db") for kind in ("", "-redirect")),
    ],
    "renewal": "Would renew app, once there is a cluster.",
    "revoke": "Would revoke the certificates of app, once there is a cluster.",
    "report": ["There is no Kubernetes API yet on localhost, so there is nothing served to report."],
}


@pytest.fixture
def run_role(play):
    """A function that runs a role on this machine, where no Kubernetes API answers."""

    def run(role, *arguments, **variables):
        content = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"baremesh.edge.{role}"]}]
        given = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent", "edge_addresses": ["192.0.2.1"]}
        given |= {"revoke_sites": "app"} if role == "revoke" else {}
        return play(content, {}, *arguments, **{**given, "edge_sites": SITES, **variables})

    return run


@pytest.mark.parametrize("role", SAID)
def test_check_mode_says_in_one_task_what_it_would_do(run_role, role):
    run = run_role(role, "--check")
    assert run.status == 0, run.output
    said = [result["msg"] for _task, _host, result in run.results() if result.get("msg") and not result.get("skipped")]
    assert [text for text in said if text not in ("All assertions passed", "The arg spec validation passed")] == [SAID[role]]


@pytest.mark.parametrize("role", ["certificate", "gateway", "renewal", "revoke"])
def test_everything_that_is_wrong_is_said_at_once_and_before_the_cluster_is_asked(run_role, role):
    run = run_role(role, edge_sites=[{"name": "App", "issuer": "letsencrypt"}, "text"], edge_gateway_port="many")
    assert run.status != 0
    (message,) = run.messages
    assert message == (
        "edge_gateway_port is 'many'; it must be a number from 1 to 65535\n"
        "edge_sites[0] (App): name is 'App'; it must be a DNS label: lower case letters, digits and '-', at most 63 characters\n"
        "edge_sites[0] (App): hosts is missing or empty\n"
        "edge_sites[1] is 'text'; a site is a dictionary with name, hosts, issuer and routes"
    )


EMPTY = (
    "edge_sites is empty, and so are certificate_certificates, gateway_gateways, gateway_virtual_services, gateway_destination_rules, "
    "so nothing would be served; add sites, or set edge_allow_no_sites to true to go on without any"
)


@pytest.mark.parametrize("role", ["certificate", "gateway", "renewal", "revoke"])
@pytest.mark.parametrize("sites", [[], "[]"])
def test_a_run_that_would_serve_nothing_says_so(run_role, role, sites):
    run = run_role(role, edge_sites=sites)
    assert run.status != 0
    assert run.messages == [EMPTY]


@pytest.mark.parametrize("role", ["certificate", "gateway"])
def test_a_run_that_serves_nothing_may_be_asked_for(run_role, role):
    """It goes on to the API, which does not answer here."""
    run = run_role(role, edge_sites=[], edge_allow_no_sites="yes")
    assert EMPTY not in run.output


def test_a_check_of_no_sites_ends_well(run_role):
    assert run_role("gateway", "--check", edge_sites=[]).status == 0


def test_text_of_a_survey(run_role):
    run = run_role(
        "certificate",
        "--check",
        edge_sites="[{name: app, hosts: [app.example.com], issuer: letsencrypt}]",
        edge_addresses="192.0.2.1 192.0.2.2",
        edge_gateway_port="443",
        edge_proxy_protocol="false",
        edge_trusted_proxies="0",
        certificate_private_key={"algorithm": "ECDSA", "size": "384"},
    )
    assert run.status == 0, run.output
    assert run.result("baremesh.edge.certificate : Show what would be ordered")["msg"] == SAID["certificate"]


@pytest.mark.parametrize("api", ["istio", "gateway"])
def test_what_edge_api_changes(play, api):
    """Values that roles derive, in which a mistake would show in a cluster only."""
    names = [
        "istio_objects",
        "_istio_api_gateways",
        "_istio_api_kinds",
        "cert_manager_solvers",
        "cert_manager_releases",
        "_gateway_other_kinds",
    ]
    task = {"name": "Show", "ansible.builtin.debug": {"msg": {name: f"{{{{ {name} }}}}" for name in names}}}
    content = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
    content[0]["roles"] = [f"baremesh.edge.{role}" for role in ("istio", "cert_manager", "gateway")]
    given = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent", "edge_addresses": ["192.0.2.1"]}
    run = play(content, {}, "--check", **given, edge_api=api, edge_email="ops@example.com", edge_sites=SITES)
    assert run.status == 0, run.output
    found = run.result("Show")["msg"]
    group = "gateway.networking.k8s.io" if api == "gateway" else "networking.istio.io"
    (opened,) = [each for each in found["istio_objects"] if each["kind"] == "Gateway"]
    assert opened["apiVersion"] == f"{group}/v1"
    (solver,) = found["cert_manager_solvers"]
    (release,) = found["cert_manager_releases"]
    others = {each["api_version"].partition("/")[0] for each in found["_gateway_other_kinds"] if each["kind"] != "EnvoyFilter"}
    if api == "gateway":
        assert opened["spec"]["addresses"] == [{"type": "Hostname", "value": "istio-ingress.istio-ingress.svc.cluster.local"}]
        assert found["_istio_api_gateways"] == [{"kind": "Gateway", "name": "edge-http", "namespace": "istio-ingress"}]
        assert found["_istio_api_kinds"] == ["GatewayClass", "Gateway", "HTTPRoute", "TLSRoute"]
        (parent,) = solver["http01"]["gatewayHTTPRoute"]["parentRefs"]
        assert (parent["name"], parent["namespace"], others) == ("edge-http", "istio-ingress", {"networking.istio.io"})
        assert "--enable-gateway-api" in release["values"]["extraArgs"]
    else:
        assert opened["spec"]["selector"] == {"istio": "ingress"}
        assert (found["_istio_api_gateways"], found["_istio_api_kinds"]) == ([], ["GatewayClass", "Gateway", "HTTPRoute"])
        assert solver == {"http01": {"ingress": {"ingressClassName": "istio", "serviceType": "ClusterIP"}}}
        assert others == {"gateway.networking.k8s.io"}
        assert release["values"]["extraArgs"] == ["--dns01-check-retry-period=2s"]


def test_a_pass_says_nothing_of_what_an_earlier_one_in_the_play_found(play):
    """What tasks of an earlier pass have registered, and this one skips."""
    entry = {"name": "app", "ready": False, "cause": "the limit of the first pass", "line": "the limit of the first pass"}
    earlier = {
        "_certificate_applied": {"changed": True},
        "_certificate_brought": {"changed": True},
        "_certificate_read_again": {"results": [{"secrets": [{"name": "mine"}]}]},
        "_certificate_limited": [entry],
        "_certificate_orders": {"orders": []},
        **{f"_certificate_{name}": {"results": [{"certificates": [entry]}]} for name in ("staging", "waited")},
        "_certificate_way": {"results": [{"probes": [{"host": "app.example.com", "ok": False, "cause": "the limit of the first pass"}]}]},
    }
    show = {"certificate_result": "{{ certificate_result }}", "counted": "{{ _certificate_orders.orders is defined }}"}
    content = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "pre_tasks": [{"ansible.builtin.set_fact": earlier}],
        "roles": ["baremesh.edge.certificate"],
        "tasks": [{"name": "Show", "ansible.builtin.debug": {"msg": show}}],
    }
    given = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent", "edge_addresses": ["192.0.2.1"]}
    run = play([content], {}, "--check", **given, edge_sites=SITES)
    assert run.status == 0, run.output
    assert run.result("Show")["msg"] == {"certificate_result": {"certificates": [], "secrets": []}, "counted": False}
