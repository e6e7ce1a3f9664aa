# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways to have rules on a host, nftables and iptables, with one interface."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import live, model, redirects, rules
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import File

if TYPE_CHECKING:
    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host


def _named_alike(found: model.HostPorts | None, desired: model.HostPorts | None) -> list[str]:
    """Return live host ports in words; ``desired`` says which of them are ports of the host, as rules do not."""
    if not found:
        return []
    on_host = {entry.node_port for entry in desired.ports if entry.on_host} if desired else set()
    return replace(found, ports=tuple(replace(entry, on_host=entry.node_port in on_host) for entry in found.ports)).lines()


class Nftables:
    """A table of our own, which rewrites ports before connection tracking."""

    name = "nftables"

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self._path = Path(path)
        self._output = host.live_table()

    def refuse(self, _desired: model.HostPorts, _prefix: str) -> None:
        """Refuse what this backend cannot do: nothing."""

    def lines(self, desired: model.HostPorts | None = None) -> list[str]:
        """Return the host ports that the live rules serve."""
        return _named_alike(live.parse_host_ports(self._output) if self._output else None, desired)

    def drift(self, desired: model.HostPorts) -> list[str]:
        """Return what differs in the live rules."""
        if not self._host.nft:
            return ["live rules: none, nft is not installed"]
        if self._output is None:
            return [f"live rules: there is no table inet {rules.TABLE}"]
        return [f"live rules: {line}" for line in live.differences(live.parse_table(self._output), rules.chains(desired))]

    def files(self, desired: model.HostPorts) -> list[File]:
        """Return the files that hold the rules."""
        return [File(self._path, rules.render(desired))]

    def paths(self) -> list[Path]:
        """Return where its files are."""
        return [self._path]

    def check(self, desired: model.HostPorts) -> None:
        """Ask nft whether it would load the rules."""
        self._host.check(rules.render(desired))

    def load(self, _wanted: model.HostPorts) -> None:
        """Replace the live rules by what the file says."""
        self._host.load(self._path)

    def leftovers(self) -> list[str]:
        """Return what there is of live rules, one sentence each."""
        return [f"live rules: table inet {rules.TABLE}"] * (self._output is not None)

    def delete(self) -> None:
        """Delete the live rules, if there are any."""
        if self._output is not None:
            self._host.delete_table()


class Iptables:
    """Redirects in chains of our own, for a program that listens on the host."""

    name = "iptables"

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self._files = {family: Path(path).with_suffix(f".{tool}") for family, tool in redirects.TOOLS.items()}
        found = {family: host.saved(family) for family in self._files}
        self._saved = {family: text for family, text in found.items() if text is not None}

    def refuse(self, desired: model.HostPorts, prefix: str) -> None:
        """Refuse NodePorts as targets.

        Raises:
            HostPortsError: there is one.
        """
        of_kube_proxy = [
            f"-A KUBE-NODEPORTS -p tcp --dport {port}" for port in re.findall(r"tcp \. (\d+)", self._host.served_by_kube_proxy())
        ]
        redirects.refuse_node_ports(desired, "\n".join([*self._saved.values(), *of_kube_proxy]), prefix)

    def lines(self, _wanted: model.HostPorts | None = None) -> list[str]:
        """Return the host ports that the live rules serve."""
        found = redirects.parse(self._saved)
        return found.lines() if found else []

    def drift(self, desired: model.HostPorts) -> list[str]:
        """Return what differs in the live rules."""
        if 4 not in self._saved:
            return ["live rules: none, iptables is not installed or cannot read the nat table"]
        found = []
        for family, saved in self._saved.items():
            lacking = redirects.differences(saved, desired, family)
            if not redirects.is_there(saved):
                lacking = [f"{redirects.TOOLS[family]} has no chain {redirects.FROM_NETWORK}"]
            found += [f"live rules: {line}" for line in lacking]
        return found

    def files(self, desired: model.HostPorts) -> list[File]:
        """Return the files that hold the rules, one for each family; empty where the kernel has no NAT for it."""
        return [File(path, redirects.render(desired, family)) for family, path in self._files.items() if family in self._saved]

    def paths(self) -> list[Path]:
        """Return where its files are."""
        return list(self._files.values())

    def check(self, desired: model.HostPorts) -> None:
        """Ask iptables-restore whether it would load the rules."""
        for family in self._saved:
            self._host.restore(family, self._pending(desired, family), check=True)

    def load(self, desired: model.HostPorts) -> None:
        """Replace the live rules, each family in one transaction.

        Raises:
            HostPortsError: iptables-restore refuses, or is not there.
        """
        if 4 not in self._saved:
            raise model.HostPortsError("iptables is not installed or cannot read the nat table; install the package iptables")
        for family in self._saved:
            self._host.restore(family, self._pending(desired, family))

    def tools_and_files(self) -> list[str]:
        """Return for each family with a NAT table the program and the file, for what loads them at boot."""
        return [text for family in self._saved for text in (self._host.tables[family], str(self._files[family]))]

    def leftovers(self) -> list[str]:
        """Return what there is of live rules, one sentence each."""
        return [
            f"live rules: {redirects.TOOLS[family]} chains {redirects.FROM_NETWORK} and {redirects.FROM_HOST}"
            for family, saved in self._saved.items()
            if redirects.is_there(saved)
        ]

    def delete(self) -> None:
        """Delete the live rules, if there are any."""
        for family, saved in self._saved.items():
            if redirects.is_there(saved):
                self._host.restore(family, redirects.removal(saved))

    def _pending(self, desired: model.HostPorts, family: int) -> str:
        return redirects.without(redirects.render(desired, family), redirects.live(self._saved[family])[1])
