# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with firewalls that remember; real ones are tried by molecule/host_ports."""

from __future__ import annotations

import shlex

import pytest
from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import firewall
from ansible_collections.baremesh.edge.plugins.modules import host_ports_firewall
from ansible_collections.baremesh.edge.tests.unit.plugins import running

PODS = "10.42.0.0/16"


class FakeFirewalls:
    """firewalld with one zone, and ufw, each there or not, running or not."""

    def __init__(self):
        self.firewalld = self.ufw = False
        #: What firewalld has open, (permanent, port); rules of ufw.
        self.open = set()
        self.added = []

    def run(self, arguments):
        program, words = arguments[0], arguments[1:]
        return (self._ufw if program == "ufw" else self._firewalld)(words)

    def _firewalld(self, words):
        permanent = "--permanent" in words
        if words == ["--state"]:
            return (0, "running", "") if self.firewalld else (252, "", "not running")
        if words == ["--get-default-zone"]:
            return 0, "public\n", ""
        if "--list-all" in words:
            return 0, "  ports: " + " ".join(f"{port}/tcp" for kind, port in self.open if kind is permanent), ""
        action, _equals, port = words[-1].partition("=")
        entry = (permanent, int(port.removesuffix("/tcp") or 0)) if action in ("--add-port", "--remove-port") else None
        if entry:
            (self.open.add if action == "--add-port" else self.open.discard)(entry)
        return (0, "success", "") if entry else (2, "no zone", "")

    def _ufw(self, words):
        if words == ["status"]:
            return 0, f"Status: {'active' if self.ufw else 'inactive'}\n", ""
        if words == ["show", "added"]:
            return 0, "".join(f"ufw {line}\n" for line in self.added), ""
        if "delete" in words:
            rule = " ".join(word for word in words if word != "delete")
            self.added = [line for line in self.added if line.partition(" comment ")[0] != rule]
        else:
            self.added.append(shlex.join(words))
        return 0, "", ""


@pytest.fixture
def firewalls(tmp_path, monkeypatch):
    fake = FakeFirewalls()
    fake.record = tmp_path / "baremesh" / "firewall.json"
    monkeypatch.setattr(firewall, "uplinks", lambda: ["eth0"])
    monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", lambda _self, name, **_options: name)
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, arguments, **_options: fake.run(arguments))
    fake.module = lambda check, **options: running.run(monkeypatch, host_ports_firewall, check, record=str(fake.record), **options)
    return fake


def run(firewalls, check=False, **options):
    return firewalls.module(check, **options)


def test_nothing_is_done_where_no_firewall_is_active(firewalls):
    result = run(firewalls, ports=[80], networks=[PODS])
    assert (result["changed"], result["firewalls"]) == (False, [])
    assert not firewalls.record.exists()


def test_firewalld_gets_what_it_lacks_and_gives_back_just_that(firewalls):
    firewalls.firewalld = True
    firewalls.open = {(True, 443), (False, 443), (False, 80)}
    before = set(firewalls.open)
    result = run(firewalls, ports=[80, 443])
    assert result["opened"] == ["firewalld zone public: 80/tcp (permanent)"]
    assert run(firewalls, ports=[80, 443])["changed"] is False
    assert run(firewalls, state="absent")["closed"] == ["firewalld zone public: 80/tcp (permanent)"]
    assert firewalls.open == before
    assert not firewalls.record.parent.exists()


def test_a_port_that_leaves_the_list_is_closed(firewalls):
    firewalls.firewalld = firewalls.ufw = True
    run(firewalls, ports=[80, 443])
    result = run(firewalls, ports=[443])
    assert result["closed"] == ["firewalld zone public: 80/tcp", "firewalld zone public: 80/tcp (permanent)", "ufw allow 80/tcp"]
    assert firewalls.open == {(True, 443), (False, 443)}


def test_what_was_opened_stays_while_the_firewall_is_off(firewalls):
    """It may be on again tomorrow, and a removal would be a surprise then."""
    firewalls.firewalld = firewalls.ufw = True
    run(firewalls, ports=[80], networks=[PODS])
    firewalls.firewalld = firewalls.ufw = False
    assert run(firewalls, ports=[80], networks=[PODS])["changed"] is False
    assert firewalls.record.exists()


def test_ufw_opens_the_way_to_pods_and_the_port_behind_a_redirect(firewalls):
    firewalls.ufw = True
    firewalls.added = ["allow 22/tcp"]
    result = run(firewalls, ports=[80], ufw_ports=[18080], networks=[PODS], pod_ports=[443, 80])
    assert result["opened"] == ["ufw allow 80/tcp", "ufw allow 18080/tcp", f"ufw route allow to {PODS} port 80,443 proto tcp"]
    assert run(firewalls, ports=[80], ufw_ports=[18080], networks=[PODS], pod_ports=[80, 443])["changed"] is False
    run(firewalls, state="absent")
    assert firewalls.added == ["allow 22/tcp"]


def test_a_way_to_all_ports_of_the_pods_that_was_opened_before_is_narrowed_in_one_run(firewalls):
    firewalls.ufw = True
    firewalls.added = [f"route allow to {PODS} comment 'baremesh.edge host_ports'"]
    result = run(firewalls, networks=[PODS], pod_ports=[80])
    assert result["closed"] == [f"ufw route allow to {PODS}"]
    assert firewalls.added == [f"route allow to {PODS} port 80 proto tcp comment 'baremesh.edge host_ports'"]


def test_nothing_is_forwarded_where_no_pod_serves(firewalls):
    firewalls.ufw = True
    assert run(firewalls, ports=[80], networks=[PODS])["opened"] == ["ufw allow 80/tcp"]


def test_check_mode_shows_openings_and_does_nothing(firewalls):
    firewalls.firewalld = firewalls.ufw = True
    result = run(firewalls, ports=[80], networks=[PODS], pod_ports=[80], check=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == ""
    assert result["diff"]["after"].splitlines() == [
        "firewalld zone public: 80/tcp", "firewalld zone public: 80/tcp (permanent)", "ufw allow 80/tcp",
        f"ufw route allow to {PODS} port 80 proto tcp",
    ]  # fmt: skip
    assert (firewalls.open, firewalls.added, firewalls.record.exists()) == (set(), [], False)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"ports": [80]}, "`ufw deny 80/tcp`"), ({"networks": ["pods"]}, "networks contains 'pods'")],
    ids=["a-contrary-rule", "no-network"],
)
def test_what_is_wrong_is_one_sentence(firewalls, options, said):
    firewalls.ufw = True
    firewalls.added = ["deny 80/tcp"]
    result = run(firewalls, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert firewalls.added == ["deny 80/tcp"]


def test_a_broken_record_is_named(firewalls):
    firewalls.record.parent.mkdir()
    firewalls.record.write_text("{")
    assert str(firewalls.record) in run(firewalls, ports=[80])["msg"]


def test_a_contrary_rule_of_ufw_stops_before_firewalld_is_changed(firewalls):
    firewalls.firewalld = firewalls.ufw = True
    firewalls.added = ["deny 80/tcp"]
    assert run(firewalls, ports=[80])["failed"]
    assert (firewalls.open, firewalls.record.exists()) == (set(), False)
