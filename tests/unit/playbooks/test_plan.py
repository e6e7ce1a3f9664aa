# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook plan: what it refuses, and what it shows of the runs before its last play."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
LAST = yaml.safe_load((ROOT / "playbooks/plan.yml").read_text(encoding="utf-8"))[2]
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
SITES = [{"name": "app", "hosts": ["app.example.com"], "issuer": "dns", "routes": [{"service": "web.default", "port": 80}]}]
TOKEN = "plan-canary-token"
SERVER = "https://192.0.2.1/dir"
ISSUERS = [
    {"name": "dns", "server": SERVER, "email": "ops@example.com", "solvers": [{"dns01": {"provider": "cloudflare", "token": TOKEN}}]}
]
SKIPPED = ["variables", "versions", "release", "system", "resources", "time", "names", "ports", "dns", "acme", "limits", "dry_run"]
CLUSTER = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": LOCAL}}, "agent": {"hosts": {}}}}}


@pytest.fixture(autouse=True)
def _callback(monkeypatch):
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "baremesh.edge.changes")


@pytest.fixture
def end(play):
    """A function that runs some tasks of a role-less play, and then the last play of plan."""

    def run(tasks, *arguments, **variables):
        groups = {"edge": {"hosts": {"h1": LOCAL, "h2": LOCAL}}}
        first = {"hosts": "edge", "gather_facts": False, "tasks": tasks}
        return play([first, {**LAST, "vars": LAST["vars"]}], groups, "--check", *arguments, **variables)

    return run


def test_what_is_missing_is_said_at_once(play, monkeypatch):
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "baremesh.edge.phase_times")
    run = play("plan.yml", CLUSTER, plan_exit="maybe")
    assert run.status == 2
    assert [line.split(":")[0] for line in run.messages[0].splitlines()] == [
        "The playbook plan reads only, which Ansible guarantees in check mode",
        "The playbook plan needs the callback baremesh.edge.changes",
        "plan_exit is maybe; it must be true or false.",
    ]
    assert {task for task, _host, _result in run.results()} == {"Require check mode, the callback, and valid variables"}


@pytest.mark.parametrize("way", [("--skip-tags", "always"), ("--start-at-task", "Install | Install the binary and image archives")])
def test_nothing_runs_outside_of_check_mode_however_it_is_begun(play, way):
    run = play("plan.yml", CLUSTER, *way)
    assert [task for task, _host, result in run.results() if not result.get("skipped") and "plan" not in task] == []


def test_a_host_without_anything_has_all_objects_in_its_plan(play, tmp_path):
    """As far as this machine, which has no systemd, lets a check come."""
    given = {"edge_sites": SITES, "cert_manager_issuers": ISSUERS, "edge_kubeconfig": "/nonexistent", "preflight_skip": SKIPPED}
    given |= {"edge_email": "ops@example.com", "plan_json": str(tmp_path / "plan.json"), "plan_exit": "yes"}
    run = play("plan.yml", CLUSTER, "--check", "--skip-tags", "k3s,host_ports", **given)
    assert run.status == 2
    found = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert (found["complete"], found["errors"], {each["host"] for each in found["changes"]}) == (True, [], {"edge1"})
    rows = [(each["phase"], each["action"], each["object"]) for each in found["changes"]]
    for row in (
        ("istio", "install", "Helm release istiod"),
        ("istio", "create", "Namespace istio-ingress"),
        ("cert_manager", "install", "Helm release cert-manager"),
        ("cert_manager", "create", "ClusterIssuer dns"),
        ("certificate", "create", "Certificate istio-ingress/app"),
        ("gateway", "create", "VirtualService istio-ingress/app"),
    ):
        assert row in rows
    assert len(rows) == len(set(rows))
    (said,) = run.messages
    assert said.splitlines()[0] == f"{len(rows)} change(s) would be made."
    assert "cert_manager  create   ClusterIssuer dns" in said
    assert TOKEN not in run.output


CHANGE = {"name": "Announce", "ansible.builtin.debug": {"msg": "Would install a {{ '{{' }} 7 * 7 }}: b"}, "changed_when": True}
NO = {**CHANGE, "changed_when": False}
FAIL = {"name": "Break", "ansible.builtin.fail": {"msg": "broken"}, "when": "inventory_hostname == 'h2'"}
RESCUED = {"block": [{"ansible.builtin.fail": {"msg": "rescued"}}], "rescue": [NO]}


@pytest.mark.parametrize(
    ("tasks", "wanted", "status", "changes", "errors"),
    [
        ([NO, RESCUED], True, 0, 0, []),
        ([CHANGE], False, 0, 2, []),
        ([CHANGE], True, 2, 2, []),
        ([CHANGE, FAIL], False, 2, 2, ["h2: broken"]),
    ],
    ids=["nothing", "changes", "changes to exit with", "failure"],
)
def test_the_exit_code_and_the_file_tell_changes_from_errors(end, tmp_path, tasks, wanted, status, changes, errors):
    run = end(tasks, plan_json=str(tmp_path / "plan.json"), plan_exit=wanted)
    found = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert (run.status, len(found["changes"]), found["errors"], found["complete"]) == (status, changes, errors, not errors)
    # What hosts say is no template.
    assert all(each["object"] == "a {{ 7 * 7 }}" for each in found["changes"])
    said = str(run.result("Show the plan")["msg"])
    assert {0: "Nothing would be changed.", 2: "2 change(s) would be made."}[changes] in said or errors
    assert ("The plan is not complete: 1 failure(s)." in said) is bool(errors)
