# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of the mesh where there is no cluster yet, and inventories that have none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHOP = {"namespace": "shop", "mtls": "STRICT"}
GIVEN = {"ansible_python_interpreter": sys.executable, "edge_kubeconfig": "/nonexistent"}
ROLE = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["baremesh.edge.mesh"]}]
GROUPS = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": {"ansible_connection": "local"}}}}}}


def test_everything_that_is_wrong_is_said_at_once_and_before_the_cluster_is_asked(play):
    run = play(ROLE, {}, **GIVEN, edge_mesh=[{**SHOP, "mtls": "ON"}, {"namespace": "shop", "allow_from": ["*"]}])
    (message,) = run.messages
    assert [line.split(":")[0] for line in message.splitlines()] == ["edge_mesh[0] (shop)", *["edge_mesh[1] (shop)"] * 2]


def test_a_site_whose_requests_would_be_refused_is_named(play):
    site = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "own", "routes": [{"service": "till.shop", "port": 80}]}
    given = {"edge_sites": [site], "cert_manager_issuers": [{"name": "own", "type": "selfsigned"}], "edge_email": "ops@example.com"}
    run = play(ROLE, {}, "--check", **GIVEN, **given, edge_mesh=[{**SHOP, "allow_from": ["web"]}])
    (said,) = run.result("Show which requests would be refused")["msg"]
    assert "allow_from leaves out istio-ingress" in said


@pytest.mark.parametrize("value", [[SHOP], "[{namespace: shop, mtls: STRICT, injection: 'yes', allow_from: [web/till]}]", []])
def test_check_mode_and_text_of_a_survey(play, value):
    run = play(ROLE, {}, "--check", **GIVEN, edge_mesh=value)
    assert run.status == 0, run.output


@pytest.mark.parametrize(("variables", "runs"), [({}, False), ({"edge_mesh": []}, True), ({"edge_mesh": [SHOP]}, True)])
def test_an_inventory_without_a_mesh_runs_no_task_for_it(play, variables, runs):
    content = [{"import_playbook": str(ROOT / "playbooks" / f"{name}.yml")} for name in ("target", "parts/mesh", "parts/egress")]
    run = play(content, GROUPS, "--check", **GIVEN, **variables)
    assert run.status == 0, run.output
    assert any("Validate the namespaces of the mesh" in task for task, _host, _result in run.results()) == runs
    assert not any("Validate the ways out" in task for task, _host, _result in run.results())
