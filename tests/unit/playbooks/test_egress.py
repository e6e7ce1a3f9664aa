# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways out where there is no cluster yet, and inventories that have none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTNER = {"name": "partner", "hosts": ["api.partner.example"], "namespaces": ["app"]}
GIVEN = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent"}
ROLE = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["baremesh.edge.egress"]}]
GROUPS = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": {"ansible_connection": "local"}}}}}}


def test_check_mode_says_what_it_would_do(play):
    run = play(ROLE, {}, "--check", **GIVEN, edge_egress=[PARTNER])
    assert run.status == 0, run.output
    said = "Would open ways to api.partner.example, and close namespaces app for everything else."
    assert run.result("Show what would be opened")["msg"] == said
    assert [result["msg"] for _task, _host, result in run.results() if "Would install" in str(result.get("msg"))] != []


def test_everything_that_is_wrong_is_said_at_once_and_before_the_cluster_is_asked(play):
    wrong = [{**PARTNER, "tls": {"mode": "MUTUAL"}}, {**PARTNER, "hosts": ["192.0.2.1"]}]
    run = play(ROLE, {}, **GIVEN, edge_egress=wrong, egress_namespace="Out")
    (message,) = run.messages
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "egress_namespace is 'Out'; it must be a DNS label",
        "edge_egress[0].tls (partner)",
        "edge_egress[1] (partner)",
        "edge_egress[1] (partner)",
    ]


@pytest.mark.parametrize("value", [[PARTNER], "[{name: partner, hosts: [api.partner.example], namespaces: [app]}]"])
def test_text_of_a_survey(play, value):
    run = play(ROLE, {}, "--check", **GIVEN, edge_egress=value, egress_replicas="2", egress_network_policy="no")
    assert run.status == 0, run.output


@pytest.mark.parametrize(("variables", "runs"), [({}, False), ({"edge_egress": []}, True), ({"edge_egress": [PARTNER]}, True)])
def test_an_inventory_without_ways_out_runs_no_task_for_them(play, variables, runs):
    content = [{"import_playbook": str(ROOT / "playbooks" / f"{name}.yml")} for name in ("target", "parts/egress")]
    run = play(content, GROUPS, "--check", **GIVEN, **variables)
    assert run.status == 0, run.output
    assert any("Validate the ways out" in task for task, _host, _result in run.results()) == runs
