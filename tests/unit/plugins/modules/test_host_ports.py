# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with a scripted nft and systemctl: what it decides, runs and writes. Real rules are tried in tests/netns."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners
from ansible_collections.baremesh.edge.plugins.modules import host_ports
from ansible_collections.baremesh.edge.tests.unit.plugins.port_hosts import FakeHost

SAMPLE, TEXT = FakeHost.SAMPLE, FakeHost.TEXT


@pytest.fixture
def host(tmp_path, monkeypatch):
    return FakeHost(tmp_path, monkeypatch)


def run(host, check=False, **options):
    return host.module(host_ports, check, **options)


def test_a_virgin_host_gets_file_and_table(host):
    result = run(host)
    assert (result["failed"], result["changed"]) == (False, True)
    assert host.path.read_text() == TEXT
    assert host.path.stat().st_mode & 0o777 == 0o644
    assert host.table == SAMPLE
    assert result["diff"]["after"] == "80/tcp -> NodePort 30080 (IPv4, IPv6)\n443/tcp -> NodePort 30443 (IPv4, IPv6)\n"


def test_the_rules_are_tried_before_the_file_is_replaced(host):
    host.refusal = "/tmp/x:9:1-2: Error: Could not process rule: Operation not supported\n  more"
    result = run(host)
    assert result["failed"]
    assert result["msg"].endswith("fails: /tmp/x:9:1-2: Error: Could not process rule: Operation not supported")
    assert not host.path.exists()


def test_a_second_run_changes_nothing(host):
    run(host)
    host.commands.clear()
    result = run(host)
    assert result["changed"] is False
    assert result["drift"] == []
    assert result["diff"]["before"] == result["diff"]["after"]
    assert host.commands == ["/usr/sbin/nft -j list", "/usr/sbin/iptables-save -t nat", "/usr/sbin/nft -j list"]


def test_check_mode_shows_the_drift_and_does_nothing(host):
    result = run(host, check=True)
    assert result["changed"] is True
    assert result["drift"] == ["live rules: there is no table inet baremesh_host_ports", f"file {host.path}: absent"]
    assert not host.path.exists()
    assert host.commands == ["/usr/sbin/nft -j list", "/usr/sbin/iptables-save -t nat", "/usr/sbin/nft -j list"]


def test_check_mode_works_without_nft(host):
    host.nft = ""
    result = run(host, check=True)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["drift"][0] == "live rules: none, nft is not installed"


def test_without_nft_the_package_is_named(host):
    host.nft = ""
    assert run(host)["msg"] == "nft is not installed; install the package nftables"


def test_live_drift_is_named_and_repaired_without_writing(host):
    host.has_everything()
    document = json.loads(SAMPLE)
    document["nftables"] = [item for item in document["nftables"] if item.get("rule", {}).get("chain") != "from_host"]
    host.table = json.dumps(document)
    result = run(host)
    assert result["changed"] is True
    assert result["files_written"] == []
    assert all(line.startswith("live rules: chain from_host lacks the rule: tcp dport") for line in result["drift"])
    assert host.table == SAMPLE


def test_a_changed_wish_is_shown_in_host_ports_and_not_in_rules(host):
    host.has_everything()
    result = run(host, close_nodeports=True)
    assert result["diff"]["before"] == (
        f"80/tcp -> NodePort 30080 (IPv4, IPv6)\n443/tcp -> NodePort 30443 (IPv4, IPv6)\nfile {host.path}: differs\n"
    )
    assert result["diff"]["after"].endswith("direct access to NodePort 30080, 30443 from outside: closed\n")


@pytest.mark.parametrize(("spoil", "said"), [("text", "differs"), ("mode", "has mode 0600 instead of 0644"), ("gone", "absent")])
def test_file_drift_is_named_and_repaired(host, spoil, said):
    host.has_everything()
    {"text": lambda: host.path.write_text("x"), "mode": lambda: host.path.chmod(0o600), "gone": host.path.unlink}[spoil]()
    result = run(host)
    assert result["drift"] == [f"file {host.path}: {said}"]
    assert host.path.read_text() == TEXT
    assert host.path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("check", [True, False])
def test_who_holds_a_port_is_named_and_nothing_is_changed(host, check):
    host.holders = [listeners.Listener(80, "0.0.0.0", 812, "nginx", "nginx.service")]
    result = run(host, check=check)
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"].startswith("port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service): the host ports would take")
    assert host.table is None
    assert not host.path.exists()


def test_who_serves_a_port_by_nat_is_named(host):
    host.nat = "-A CNI-DN-1 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.42.0.4:80\n"
    result = run(host)
    assert result["msg"].startswith("port 80 is served by the hostPort of a pod at 10.42.0.4:80 (K3s's ServiceLB makes such pods): ")


def test_a_held_port_can_be_taken_on_purpose(host):
    host.holders = [listeners.Listener(80, "0.0.0.0", 812, "nginx", "nginx.service")]
    result = run(host, refuse_held_ports=False)
    assert (result["failed"], result["changed"], len(result["holders"])) == (False, True, 1)


def test_absent_removes_table_files_and_empty_folder(host):
    host.has_everything()
    result = run(host, state="absent", ports=[])
    assert result["changed"] is True
    assert (host.table, host.path.parent.exists()) == (None, False)
    assert "-80/tcp" not in result["diff"]["after"]
    assert run(host, state="absent", ports=[])["changed"] is False


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_absent_leaves_a_file_that_others_made(host, check, backend):
    path = host.path if backend == "nftables" else host.path.with_suffix(".iptables")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("table inet mine {}\n")
    result = run(host, check=check, state="absent", ports=[])
    assert (result["changed"], path.read_text()) == (False, "table inet mine {}\n")


def test_absent_leaves_a_folder_in_which_it_had_nothing(host):
    host.path.parent.mkdir(parents=True, exist_ok=True)
    run(host, state="absent", ports=[])
    assert host.path.parent.exists()


def test_absent_in_check_mode_removes_nothing(host):
    host.has_everything()
    assert run(host, check=True, state="absent", ports=[])["changed"] is True
    assert host.table == SAMPLE
    assert host.path.exists()


def test_a_contradiction_is_one_sentence(host):
    result = run(host, ports=[{"port": 80, "node_port": 80}])
    assert result["msg"] == "ports[0].node_port is 80, its own port; allowed is the NodePort of a Service, for example 30080"


def test_another_failure_of_nft_is_shown(host, monkeypatch):
    refused = (1, "", "netlink: Error: cache initialization failed: Operation not permitted\n")
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, _arguments, **_options: refused)
    assert "Operation not permitted" in run(host)["msg"]


def test_all_contradictions_are_named_at_once(host):
    result = run(host, ports=[{"port": 80, "node_port": 80}, {"port": 0, "node_port": 1}], nodeport_sources=["x"], prefix="host_ports_")
    assert [line.partition(" ")[0] for line in result["msg"].split("; ") if line.startswith("host_ports_")] == [
        "host_ports_ports[0].node_port",
        "host_ports_ports[1].port",
        "host_ports_nodeport_sources",
    ]
