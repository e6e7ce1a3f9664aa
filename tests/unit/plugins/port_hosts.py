# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a scripted nft, iptables and systemctl, for the modules about host ports."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, model, rules
from ansible_collections.baremesh.edge.tests.unit.plugins import running


class FakeHost:
    """A host that has a table, units and maybe listeners, and remembers the commands."""

    PORTS = [{"port": 80, "node_port": 30080}, {"port": 443, "node_port": 30443}]
    SAMPLE = next((Path(__file__).parent / "module_utils/_host_ports/samples").glob("nft-*-plain.json")).read_text()
    TEXT = rules.render(model.parse(PORTS))

    def __init__(self, tmp_path, monkeypatch):
        self.path = tmp_path / "baremesh" / "host_ports.nft"
        self.table = None
        self.nft = "/usr/sbin/nft"
        self.units = ""
        self.holders = []
        self.refusal = ""
        self.nat = ""
        self.commands = []
        self._monkeypatch = monkeypatch
        paths = {"nft": lambda: self.nft, "systemctl": lambda: "/usr/bin/systemctl", "iptables": lambda: "/usr/sbin/iptables"}
        monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", lambda _self, name, **_options: paths.get(name, str)())
        monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, arguments, **_options: self.run(arguments))
        monkeypatch.setattr(basic.AnsibleModule, "tmpdir", str(tmp_path))
        monkeypatch.setattr(listeners, "holders", lambda ports: [item for item in self.holders if item.port in set(ports)])

    def module(self, module, check=False, **options):
        """Run a module on this host, and return its result."""
        options.setdefault("ports", self.PORTS)
        return running.run(self._monkeypatch, module, check, path=str(self.path), **options)

    def has_everything(self):
        self.table = self.SAMPLE
        self.path.parent.mkdir()
        self.path.write_text(self.TEXT)
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
                self.table = self.SAMPLE
        return 0, "", ""
