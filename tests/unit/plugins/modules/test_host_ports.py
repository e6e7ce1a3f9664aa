# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with a scripted nft and systemctl: what it decides, runs and writes. Real rules are tried in tests/netns."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, model, proof, rules
from ansible_collections.baremesh.edge.plugins.modules import host_ports

SAMPLE = next((Path(__file__).parents[1] / "module_utils/_host_ports/samples").glob("nft-*-plain.json")).read_text()
PORTS = [{"port": 80, "node_port": 30080}, {"port": 443, "node_port": 30443}]
TEXT = rules.render(model.parse(PORTS))


class ModuleEnded(Exception):  # noqa: N818  an end is no error
    """The module has ended; what it said."""

    def __init__(self, result):
        super().__init__(result.get("msg", ""))
        self.result = result


class FakeHost:
    """A host that has a table, units and maybe listeners, and remembers the commands."""

    def __init__(self, tmp_path):
        self.path = tmp_path / "baremesh" / "host_ports.nft"
        self.table = None
        self.nft = "/usr/sbin/nft"
        self.units = ""
        self.holders = []
        self.refusal = ""
        self.nat = ""
        self.commands = []

    def has_everything(self):
        self.table = SAMPLE
        self.path.parent.mkdir()
        self.path.write_text(TEXT)
        self.path.chmod(0o644)

    def run(self, arguments, **_options):
        self.commands.append(" ".join(arguments[:3]))
        if arguments[0].endswith("systemctl"):
            return 0, self.units, ""
        if arguments[0].endswith("iptables-save"):
            return 0, self.nat, ""
        if "list" in arguments:
            return (0, self.table, "") if self.table else (1, "", "Error: No such file or directory\nlist table ...")
        if "delete" in arguments:
            self.table = None
        elif "-f" in arguments:
            if self.refusal:
                return 1, "", self.refusal
            if "-c" not in arguments:
                assert Path(arguments[-1]).read_text().startswith("#!/usr/sbin/nft -f")
                self.table = SAMPLE
        return 0, "", ""


def end(result, failed):
    raise ModuleEnded({**result, "failed": failed})


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake = FakeHost(tmp_path)
    paths = {"nft": lambda: fake.nft, "systemctl": lambda: "/usr/bin/systemctl", "iptables": lambda: "/usr/sbin/iptables"}
    monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", lambda _self, name, **_options: paths.get(name, str)())
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, arguments, **_options: fake.run(arguments))
    monkeypatch.setattr(basic.AnsibleModule, "exit_json", lambda _self, **result: end(result, False))
    monkeypatch.setattr(basic.AnsibleModule, "fail_json", lambda _self, **result: end(result, True))
    monkeypatch.setattr(basic.AnsibleModule, "tmpdir", str(tmp_path))
    monkeypatch.setattr(listeners, "holders", lambda ports: [item for item in fake.holders if item.port in set(ports)])
    return fake


def run(host, check=False, **options):
    options.setdefault("ports", PORTS)
    with patch_module_args({"path": str(host.path), "_ansible_check_mode": check, **options}), pytest.raises(ModuleEnded) as ended:
        host_ports.main()
    return ended.value.result


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
    assert host.commands == ["/usr/sbin/nft -j list", "/usr/sbin/iptables-save -t nat"]


def test_check_mode_tells_and_does_nothing(host):
    result = run(host, check=True)
    assert result["changed"] is True
    assert result["drift"] == ["live rules: there is no table inet baremesh_host_ports", f"file {host.path}: absent"]
    assert not host.path.exists()
    assert host.commands == ["/usr/sbin/nft -j list", "/usr/sbin/iptables-save -t nat"]


def test_check_mode_works_without_nft(host):
    host.nft = ""
    result = run(host, check=True)
    assert (result["failed"], result["changed"], result["nft"]) == (False, True, "")
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


def test_further_files_are_written_and_named(host, tmp_path):
    host.has_everything()
    script = tmp_path / "new" / "keeper"
    result = run(host, files=[{"path": str(script), "content": "x\n", "mode": "0755"}])
    assert result["files_written"] == [str(script)]
    assert script.stat().st_mode & 0o777 == 0o755
    # Another file is no reason to load the rules again.
    assert host.commands == ["/usr/sbin/nft -j list", "/usr/sbin/iptables-save -t nat"]


def test_units_are_looked_at(host):
    host.has_everything()
    host.units = (
        "Id=a.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=b.service\nActiveState=inactive\nUnitFileState=\n\n"
        "Id=c.service\nActiveState=active\nUnitFileState=disabled\n"
    )
    result = run(host, units=["a.service", "b.service", "c.service"])
    assert result["idle_units"] == ["b.service", "c.service"]
    assert result["drift"] == ["unit b.service: inactive", "unit c.service: disabled"]
    assert result["changed"] is False


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


def test_proof(host):
    host.has_everything()
    with patch.object(proof, "check_all") as check_all:
        check_all.return_value = [proof.Check("192.0.2.1", 80, 30080, "fails", "it does not")]
        result = run(host, verify="auto", verify_addresses=["192.0.2.1"])
    assert (result["failed"], result["msg"]) == (True, "it does not")
    assert result["checks"][0]["state"] == "fails"


def test_no_proof_of_rules_that_are_not_there_yet(host):
    with patch.object(proof, "check_all") as check_all:
        result = run(host, check=True, verify="always")
    check_all.assert_not_called()
    assert result["checks"] == []


def test_absent_removes_table_files_and_empty_folder(host, tmp_path):
    host.has_everything()
    unit = tmp_path / "x.service"
    unit.touch()
    result = run(host, state="absent", ports=[], files=[{"path": str(unit)}])
    assert result["changed"] is True
    assert (host.table, unit.exists(), host.path.parent.exists()) == (None, False, False)
    assert "-80/tcp" not in result["diff"]["after"]
    assert run(host, state="absent", ports=[])["changed"] is False


def test_absent_in_check_mode_removes_nothing(host):
    host.has_everything()
    assert run(host, check=True, state="absent", ports=[])["changed"] is True
    assert host.table == SAMPLE
    assert host.path.exists()


def test_a_contradiction_is_one_sentence(host):
    result = run(host, ports=[{"port": 80, "node_port": 80}])
    assert result["msg"] == "ports[0].node_port is 80, its own port; allowed is the NodePort of a Service, for example 30080"


def test_another_failure_of_nft_is_told(host, monkeypatch):
    refused = (1, "", "netlink: Error: cache initialization failed: Operation not permitted\n")
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, _arguments, **_options: refused)
    assert "Operation not permitted" in run(host)["msg"]
