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
    "certificate": "Would order certificates: app.",
    "gateway": "Would wait until the gateway pods serve app, mine, then apply the Gateways app, own, db and their routes.",
    "renewal": "Would renew app, once there is a cluster.",
    "report": ["There is no Kubernetes API yet on localhost, so there is nothing served to report."],
}


@pytest.fixture
def run_role(play):
    """A function that runs a role on this machine, where no Kubernetes API answers."""

    def run(role, *arguments, **variables):
        content = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"baremesh.edge.{role}"]}]
        given = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent", "edge_addresses": ["192.0.2.1"]}
        return play(content, {}, *arguments, **{**given, "edge_sites": SITES, **variables})

    return run


@pytest.mark.parametrize("role", SAID)
def test_check_mode_says_in_one_line_what_it_would_do(run_role, role):
    run = run_role(role, "--check")
    assert run.status == 0, run.output
    said = [result["msg"] for _task, _host, result in run.results() if result.get("msg") and not result.get("skipped")]
    assert [text for text in said if text not in ("All assertions passed", "The arg spec validation passed")] == [SAID[role]]


@pytest.mark.parametrize("role", ["certificate", "gateway", "renewal"])
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


@pytest.mark.parametrize("role", ["certificate", "gateway", "renewal"])
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
    assert run.result("baremesh.edge.certificate : Show what would be ordered")["msg"] == "Would order certificates: app."
