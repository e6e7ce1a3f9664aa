# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything is installed, a check and a preflight ask what is there instead of guessing."""

from __future__ import annotations

import json

import pytest
import runs
import yaml


@pytest.mark.parametrize(
    ("role", "guess"),
    [("istio", "Would install"), ("cert_manager", "Would install"), ("certificate", "Would create"), ("gateway", "Would create")],
)
def test_a_check_foretells_nothing_where_all_is_done(role, guess):
    found = runs.run({}, "--check", playbook=runs.ROOT / "playbooks" / f"{role}.yml")
    assert found.status == 0, found.failures
    assert found.changed == 0
    assert guess not in found.output


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["run", "check"])
def test_a_preflight_asks_the_webhooks(arguments):
    """cert-manager's CRD takes any text for a mail address."""
    issuer = {"name": "lab", "kind": "ClusterIssuer"}
    spec = {"secretName": "refused", "dnsNames": ["app.example.com"], "emailAddresses": ["a b"], "issuerRef": issuer}
    given = {"certificate_certificates": [{"metadata": {"name": "refused"}, "spec": spec}]}
    found = runs.run(given, *arguments, playbook=runs.ROOT / "playbooks/preflight.yml")
    (failure,) = found.failures
    lines = failure.message.splitlines()
    assert lines[0] == "1 finding(s); nothing was changed."
    assert lines[1].startswith(
        "certificate_certificates (refused): the Kubernetes API refuses Certificate istio-ingress/refused: admission webhook"
    )
    assert "spec.emailAddresses[0]" in lines[1]


@pytest.mark.parametrize(
    ("prefix", "rows"),
    [("/", []), ("/other/", [{"host": "server1", "phase": "gateway", "action": "change", "object": "VirtualService istio-ingress/app"}])],
    ids=["nothing", "a route"],
)
def test_a_plan_lists_what_a_run_would_change(tmp_path, monkeypatch, prefix, rows):
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "baremesh.edge.changes")
    (site,) = yaml.safe_load((runs.ROOT / "lab/demo/vars.yml").read_text(encoding="utf-8"))["edge_sites"]
    sites = [{**site, "routes": [*site["routes"][:-1], {**site["routes"][-1], "prefix": prefix}]}]
    given = {"edge_sites": sites, "plan_json": str(tmp_path / "plan.json"), "plan_exit": True}
    found = runs.run(given, "--check", playbook=runs.ROOT / "playbooks/plan.yml")
    assert found.status == (2 if rows else 0), found.failures
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")) == {"complete": True, "changes": rows, "errors": []}
