# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook preflight on this machine, which it only reads."""

from __future__ import annotations

import sys

import pytest
from inventories import NOWHERE

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
#: Checks whose outcome depends on the machine.
OF_THE_MACHINE = "release, system, resources, time, names, ports"


def cluster(agent=None):
    return {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": HERE}}, "agent": {"hosts": {"edge2": agent} if agent else {}}}}}


@pytest.mark.parametrize("addresses", ["192.0.2.10, edge.example.com", '["192.0.2.10"]', ["192.0.2.10"]])
def test_what_surveys_send_is_read(play, addresses):
    run = play("preflight.yml", cluster(), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", edge_addresses=addresses)
    assert run.status == 0, run.output
    assert run.result("Verify | Judge settings, hosts and network")["ansible_facts"]["preflight_report"]["errors"] == []


def test_a_host_that_cannot_be_reached_is_a_finding_among_others(play):
    run = play("preflight.yml", cluster(NOWHERE), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", k3s_version="latest")
    assert run.status != 0
    (message,) = run.messages
    first, second, third = message.splitlines()
    assert first == "2 finding(s); nothing was changed."
    assert second.startswith("k3s_version is 'latest': ")
    assert third.startswith("edge2: cannot be reached (")


@pytest.mark.parametrize("given", [{}, {"ansible_become_password": "wrong"}])
def test_a_password_that_sudo_does_not_take_is_a_finding_among_others(play, tmp_path, monkeypatch, given):
    sudo = tmp_path / "sudo"
    # As sudo does: -n takes no password, and -p says how it asks for one, again where it is wrong.
    sudo.write_text(
        '#!/bin/sh\ncase "$*" in *" -n "*) echo "sudo: a password is required" >&2; exit 1;; esac\n'
        'while [ "$1" != -p ]; do shift; done\nprintf %s "$2"\nread -r word\necho "Sorry, try again."\nprintf %s "$2"\nread -r word\n'
    )
    sudo.chmod(0o755)
    server = {**HERE, "ansible_become": True, "ansible_become_exe": str(sudo), **given}
    groups = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": server}}}}}
    monkeypatch.setenv("ANSIBLE_BECOME_ALLOW_SAME_USER", "true")
    run = play("preflight.yml", groups, preflight_skip=f"{OF_THE_MACHINE}, dns, acme", k3s_version="latest")
    assert run.status != 0
    first, second, third = run.messages[-1].splitlines()
    assert first == "2 finding(s); nothing was changed."
    assert second.startswith("k3s_version is 'latest': ")
    assert third.endswith("set ansible_become_password of the host, or run with --ask-become-pass.")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"preflight_begins_run": True}, "errors"),
        ({"preflight_begins_run": True, "gateway_gateways": "[]"}, "errors"),
        ({"preflight_begins_run": True, "edge_allow_no_sites": "true"}, None),
        ({"preflight_begins_run": True, "gateway_destination_rules": [{"metadata": {"name": "x"}, "spec": {"host": "web.default"}}]}, None),
        # Hosts may be looked at before there are sites.
        ({}, "warnings"),
    ],
)
def test_a_run_that_would_serve_nothing_is_a_finding(play, given, kind):
    run = play("preflight.yml", cluster(), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", **given)
    found = run.result("Verify | Judge settings, hosts and network")["ansible_facts"]["preflight_report"]
    said = [name for name, texts in found.items() if any(text.startswith("edge_sites is empty, and so are ") for text in texts)]
    assert said == ([kind] if kind else [])
    assert (run.status == 0) is (kind != "errors")


def test_an_api_host_that_cannot_be_reached_is_a_finding(play):
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "own", "routes": [{"prefix": "/", "service": "web.default", "port": 80}]}
    run = play(
        "preflight.yml",
        {**cluster(), "all": {"hosts": {"db1": NOWHERE}}},
        edge_api_host="db1",
        edge_sites=[site],
        cert_manager_issuers=[{"name": "own", "type": "selfsigned"}],
        preflight_skip=OF_THE_MACHINE,
    )
    assert run.status != 0
    assert "db1: cannot look at DNS and ACME servers (" in run.messages[0]
    assert run.messages[0].startswith("1 finding(s)")


def test_a_limit_leaves_out_hosts(play):
    run = play("preflight.yml", cluster(NOWHERE), "--limit", "edge1", preflight_skip=f"{OF_THE_MACHINE}, acme")
    assert run.status == 0, run.output
