# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""awx/apply.yml with the modules of awx.awx, against a fake of AWX's API; and what a job leaves and asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fake_awx import Awx, serve
from inventories import NOWHERE

ROOT = Path(__file__).resolve().parents[3]
GIVEN = {
    "awx_inventory_url": "https://git.example.com/ops/edge.git",
    "awx_image": "registry.example.com/edge:0.1.0",
    "awx_webhook_url": "https://chat.example.com/hook",
}


@pytest.fixture
def awx():
    return Awx()


@pytest.fixture
def apply(awx):
    """A function that applies the objects, and returns the status, the count of changed tasks and all output."""
    server = serve(awx)

    def run(*arguments, **variables):
        settings = {"CONTROLLER_HOST": f"http://127.0.0.1:{server.server_port}", "CONTROLLER_OAUTH_TOKEN": "token-of-the-test"}
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "-e", json.dumps({**GIVEN, **variables}), *arguments, "awx/apply.yml"],
            cwd=ROOT,
            env={**os.environ, **settings, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert "{" in done.stdout, done.stdout + done.stderr
        (stats,) = json.loads(done.stdout[done.stdout.index("{") :])["stats"].values()
        return done.returncode, stats["changed"], done.stdout + done.stderr

    yield run
    server.shutdown()


def test_apply(apply, awx):
    """In one test, since each object takes the better part of a second, and each step needs what the one before has made."""
    listed = yaml.safe_load((ROOT / "awx/objects.yml").read_text(encoding="utf-8").replace("!unsafe ", ""))["awx_playbooks"]
    # The templates that workflow and schedules start; one run with all of them is enough.
    few = {"awx_playbooks": [entry for entry in listed if entry["playbook"] in ("preflight", "site", "status", "renew")]}

    # A check of an empty AWX shows everything, and makes nothing.
    status, changed, output = apply("--check", **few)
    assert (status, changed, awx.writes) == (0, 12, 0), output

    status, changed, output = apply()
    assert (status, changed) == (0, 12), output
    assert {item["playbook"] for item in awx.all("job_templates")} == {f"playbooks/{entry['playbook']}.yml" for entry in listed}
    assert len(awx.links("job_templates", "edge site", "notification_templates_error")) == 1
    nodes = {item["identifier"]: item["id"] for item in awx.all("workflow_job_template_nodes")}
    following = {first: awx.linked.get(("workflow_job_template_nodes", nodes[first], "success_nodes")) for first in nodes}
    assert following == {"preflight": [nodes["approval"]], "approval": [nodes["site"]], "site": [nodes["status"]], "status": None}

    # A second run changes what someone has changed, and nothing else.
    (item,) = awx.find("job_templates", {"name": "edge status"})
    item["job_type"] = "check"
    status, changed, output = apply(**few)
    assert (status, changed, awx.named("job_templates", item["id"])["job_type"]) == (0, 1, "run"), output


def test_values_of_yours_are_asked_for(apply):
    status, _changed, output = apply(awx_image="")
    assert status != 0
    assert "awx_inventory_url and awx_image need a value" in output


CLUSTER = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": NOWHERE}}, "agent": {"hosts": {}}}}}


@pytest.mark.parametrize("given", ["", "edge2"])
def test_a_reset_that_names_another_host_ends_before_it_begins(play, given):
    found = play("reset.yml", CLUSTER, edge_reset_confirmation=given)
    assert found.messages == [f"edge_reset_confirmation is '{given}': the reset begins only where it is the API host's name, edge1."]
    assert [task for task, _host, _result in found.results()] == ["Validate the inventory, --limit and --tags"]


def test_a_reset_that_names_the_host_begins(play):
    found = play("reset.yml", CLUSTER, edge_reset_confirmation="edge1")
    assert any("Remove the host ports" in task or result.get("unreachable") for task, _host, result in found.results())


def test_the_findings_of_a_preflight_are_an_artifact(play, monkeypatch):
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")
    found = play("preflight.yml", CLUSTER, edge_allow_no_sites="true")
    artifacts = found.document["global_custom_stats"]
    assert artifacts["edge_artifact_findings"]
    assert all(finding in found.messages[-1] for finding in artifacts["edge_artifact_findings"])


def test_a_slice_of_the_inventory_finds_no_server(play):
    """Which is why templates are not sliced."""
    found = play("site.yml", {"k3s_cluster": {"children": {"agent": {"hosts": {"edge2": NOWHERE}}}}})
    assert found.messages[0].startswith("The inventory has no group server")
