# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has of the rules: table, files, units. Reads and writes; decides nothing."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, redirects, rules
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file
from ansible_collections.baremesh.edge.plugins.module_utils._rule_tools import data_dir, rule_tools
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line

if TYPE_CHECKING:
    from collections.abc import Sequence

Run = Callable[["list[str]"], "tuple[int, str, str]"]
Move = Callable[[str, str], None]
Find = Callable[[str], str]


@dataclass(frozen=True)
class File:
    """A file as it is meant to be."""

    path: Path
    content: str
    mode: int = 0o644

    def state(self) -> str:
        """Return what is wrong with the file on this host; empty if nothing is."""
        try:
            content = self.path.read_text(encoding="utf-8", errors="surrogateescape")
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            return "absent"
        if content != self.content:
            return "differs"
        return "" if mode == self.mode else f"has mode {mode:04o} instead of {self.mode:04o}"


class Host:
    """The host's table, files and units; ``find`` finds a program, ``run`` runs a command, ``move`` puts a file in place by rename."""

    @classmethod
    def of(cls, module: Any) -> Host:
        """Return the host on which an Ansible module runs."""

        def find(name: str) -> str:
            return module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]) or ""

        def run(arguments: list[str]) -> tuple[int, str, str]:
            code, out, err = module.run_command(arguments, environ_update={"LC_ALL": "C"})
            return int(code), str(out), str(err)

        return cls(find, run, module.atomic_move, module.tmpdir)

    def __init__(self, find: Find, run: Run, move: Move, folder: str) -> None:
        self.find, self.run = find, run
        self.nft = find("nft")
        self._systemctl = find("systemctl")
        self.tables = {family: find(tool) for family, tool in redirects.TOOLS.items()}
        self._saved: dict[int, str | None] = {}
        self._move = move
        self._folder = folder

    def live_table(self) -> str | None:
        """Return nft's JSON of our table; ``None`` if there is no such table, or no nft.

        Raises:
            HostPortsError: nft fails for another reason.
        """
        if not self.nft:
            return None
        code, out, err = self.run([self.nft, "-j", "list", "table", "inet", rules.TABLE])
        if code == 0:
            return out
        if "No such file or directory" in err:
            return None
        raise model.HostPortsError(f"`nft list table inet {rules.TABLE}` fails: {reason_line(err)}")

    @staticmethod
    def files(paths: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the mode and the SHA-256 digest of those of the files that exist."""
        return {
            name: {"mode": f"{stat.S_IMODE(path.stat().st_mode):04o}", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for name, path in ((name, Path(name)) for name in paths)
            if path.exists()
        }

    def idle_units(self, units: Sequence[str]) -> dict[str, str]:
        """Return which units do not run, or will not run at boot, and why."""
        if not units or not self._systemctl:
            return {}
        _code, out, _err = self.run([self._systemctl, "show", "-p", "Id,ActiveState,UnitFileState", *units])
        blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.split("\n\n")]
        found = {block["Id"]: block for block in blocks if "Id" in block}
        idle = {}
        for unit in units:
            shown = found.get(unit, {})
            if shown.get("ActiveState") != "active":
                idle[unit] = shown.get("ActiveState") or "absent"
            elif shown.get("UnitFileState") not in ("enabled", "static"):
                idle[unit] = shown.get("UnitFileState") or "not enabled"
        return idle

    def nat_rules(self) -> str:
        """Return the NAT rules of both families as ``iptables-save`` prints them, whoever's; empty where there is no iptables."""
        texts = [self.saved(family) or "" for family in self.tables]
        folder = data_dir()
        for family, name in redirects.TOOLS.items():
            for tool in rule_tools(name, self.find, folder, "nat"):
                if tool.name != name or not self.tables[family]:
                    code, out, _err = self.run([*tool.save, "-t", "nat"])
                    texts.append(out if code == 0 else "")
        return "\n".join(texts)

    def saved(self, family: int) -> str | None:
        """Return the NAT rules of one family as they were first seen; ``None`` where there is no iptables or no NAT for the family."""
        if family not in self._saved:
            tool = self.tables[family]
            code, out, _err = self.run([f"{tool}-save", "-t", "nat"]) if tool else (1, "", "")
            self._saved[family] = out if code == 0 else None
        return self._saved[family]

    def served_by_kube_proxy(self) -> str:
        """Return NodePorts of a kube-proxy in its nftables mode, as nft lists them; empty if there is none."""
        if not self.nft:
            return ""
        code, out, _err = self.run([self.nft, "list", "map", "ip", "kube-proxy", "service-nodeports"])
        return out if code == 0 else ""

    def ruleset(self) -> str:
        """Return nft's JSON of all tables; empty where there is no nft, or it cannot list them."""
        if not self.nft:
            return ""
        code, out, _err = self.run([self.nft, "-j", "list", "ruleset"])
        return out if code == 0 else ""

    def restore(self, family: int, text: str, check: bool = False) -> None:
        """Have ``iptables-restore`` load a text in one transaction, and leave alone what is not in it.

        Raises:
            HostPortsError: it refuses; nothing was changed then.
        """
        name = self._part(text)
        try:
            code, _out, err = self.run([f"{self.tables[family]}-restore", "--wait", "--noflush", *["--test"] * check, name])
        finally:
            remove_file(name)
        if code:
            raise model.HostPortsError(f"`{redirects.TOOLS[family]}-restore --noflush` fails: {reason_line(err)}")

    def check(self, text: str) -> None:
        """Ask nft whether it would load these rules.

        Raises:
            HostPortsError: it would not.
        """
        name = self._part(text)
        try:
            self._nft("-c", "-f", name)
        finally:
            remove_file(name)

    def store(self, file: File) -> None:
        """Write a file so that at any time the old or the new one is there."""
        file.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        name = self._part(file.content)
        Path(name).chmod(file.mode)
        self._move(name, str(file.path))
        # A rename keeps the mode of a file that was there.
        file.path.chmod(file.mode)

    def load(self, path: Path) -> None:
        """Replace the live table by what a file says, in one transaction.

        Raises:
            HostPortsError: nft refuses it; nothing was changed then.
        """
        self._nft("-f", str(path))

    def delete_table(self) -> None:
        """Delete the live table.

        Raises:
            HostPortsError: nft refuses it.
        """
        self._nft("delete", "table", "inet", rules.TABLE)

    def _part(self, content: str) -> str:
        descriptor, name = tempfile.mkstemp(prefix="host_ports_", dir=self._folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        return name

    def _nft(self, *arguments: str) -> None:
        if not self.nft:
            raise model.HostPortsError("nft is not installed; install the package nftables")
        code, _out, err = self.run([self.nft, *arguments])
        if code:
            raise model.HostPortsError(f"`nft {' '.join(arguments)}` fails: {reason_line(err)}")
