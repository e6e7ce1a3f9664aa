# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired host ports as iptables redirects, as ``iptables-save`` writes them. No I/O.

A redirect reaches a program that listens on the host. It cannot reach a NodePort: the first nat target that matches ends the nat
hook for the connection, so kube-proxy's own DNAT never sees it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPort, HostPorts, HostPortsError, networks

if TYPE_CHECKING:
    from collections.abc import Collection

#: No KUBE-, CNI- or flannel in the names: K3s's kill script removes what has them.
FROM_NETWORK = "BAREMESH-PORTS-IN"
FROM_HOST = "BAREMESH-PORTS-OUT"
_HOOKS = {FROM_NETWORK: "PREROUTING", FROM_HOST: "OUTPUT"}
JUMPS = tuple(f"-A {hook} -p tcp -m addrtype --dst-type LOCAL -j {chain}" for chain, hook in _HOOKS.items())
TOOLS = {4: "iptables", 6: "ip6tables"}


def _line(chain: str, entry: HostPort, source: str = "") -> str:
    origin = f"-s {ipaddress.ip_network(source)} " if source else ""
    return f"-A {chain} {origin}-p tcp -m tcp --dport {entry.port} -j REDIRECT --to-ports {entry.node_port}"


def lines(desired: HostPorts, family: int) -> tuple[str, ...]:
    """Return the rules of one address family; the host itself may use every port."""
    found = []
    for entry in desired.ports:
        sources = entry.sources_of(family)
        if sources or not entry.sources:
            found += [_line(FROM_NETWORK, entry, source) for source in sources or [""]]
        found.append(_line(FROM_HOST, entry))
    return tuple(sorted(found))


def live(saved: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return our rules and the jumps to them out of ``iptables-save -t nat``."""
    rules = [line for line in saved.splitlines() if line.startswith(tuple(f"-A {chain} " for chain in _HOOKS))]
    jumps = [line for line in saved.splitlines() if line.startswith("-A ") and line.endswith(tuple(f"-j {chain}" for chain in _HOOKS))]
    return tuple(sorted(rules)), tuple(jumps)


def is_there(saved: str) -> bool:
    """Return whether there is anything of ours."""
    return any(f":{chain} " in saved for chain in _HOOKS)


def differences(saved: str, desired: HostPorts, family: int) -> list[str]:
    """Return what the live rules lack or have too much, one sentence each; empty if they are as desired."""
    rules, jumps = live(saved)
    asked = lines(desired, family)
    tool = TOOLS[family]
    found = [f"{tool} lacks the rule: {line}" for line in (*asked, *JUMPS) if line not in (*rules, *jumps)]
    found += [f"{tool} has a foreign rule: {line}" for line in rules if line not in asked]
    return found + [f"{tool} has a jump too many: {line}" for line in set(jumps) if jumps.count(line) > 1 or line not in JUMPS]


def parse(saved: dict[int, str]) -> HostPorts | None:
    """Return the host ports that live rules serve; ``None`` if there are none."""
    ports: dict[int, HostPort] = {}
    for family in sorted(saved):
        for line in live(saved[family])[0]:
            match = re.fullmatch(rf"-A {FROM_NETWORK} (?:-s (\S+) )?-p tcp -m tcp --dport (\d+) -j REDIRECT --to-ports (\d+)", line)
            if match:
                port = int(match[2])
                known = ports[port].sources if port in ports else ()
                ports[port] = HostPort(port, int(match[3]), networks([*known, *filter(None, [match[1]])], "sources"), on_host=True)
    return HostPorts(tuple(ports[port] for port in sorted(ports))) if ports else None


def render(desired: HostPorts, family: int) -> str:
    """Return the file that is loaded by ``iptables-restore --noflush``, in one transaction, if its jumps are not there yet."""
    comments = [f"# {line}" for line in desired.lines()]
    chains = [f":{chain} - [0:0]" for chain in _HOOKS]
    return "\n".join(
        [
            "# Host ports to ports of programs on this host, made by baremesh.edge.host_ports; changes here are lost at its next run.",
            *comments,
            "*nat",
            *chains,
            *lines(desired, family),
            *JUMPS,
            "COMMIT",
            "",
        ]
    )


def without(text: str, jumps: Collection[str]) -> str:
    """Return a file's text without jumps that are there; a chain that it declares is emptied first, a jump would come twice."""
    return "".join(f"{line}\n" for line in text.splitlines() if line not in jumps)


def removal(saved: str) -> str:
    """Return what ``iptables-restore --noflush`` takes to delete all of it in one transaction."""
    there = [chain for chain in _HOOKS if f":{chain} " in saved]
    deletions = [line.replace("-A ", "-D ", 1) for line in live(saved)[1]]
    chains = [f"-X {chain}" for chain in there]
    return "\n".join(["*nat", *(f":{chain} - [0:0]" for chain in there), *deletions, *chains, "COMMIT", ""])


def refuse_node_ports(desired: HostPorts, saved: str, prefix: str) -> None:
    """Refuse NodePorts as targets, named as such or known from kube-proxy's rules; ``prefix`` stands before options in messages.

    Raises:
        HostPortsError: an entry has one.
    """
    name = f"{prefix}ports"
    reason = (
        "a redirect cannot reach a NodePort, because the first nat rule that decides ends the nat hook and kube-proxy's own never"
        " sees the packet; use the backend nftables, or target_port with a gateway that listens on the host itself (hostNetwork)"
    )
    for entry in desired.ports:
        if not entry.on_host:
            raise HostPortsError(f"{name}: port {entry.port} has node_port {entry.node_port}, and the backend is iptables: {reason}")
        if re.search(rf"^-A KUBE-NODEPORTS .*--dport {entry.node_port}\b", saved, re.MULTILINE):
            raise HostPortsError(f"{name}: port {entry.port} has target_port {entry.node_port}, which is a NodePort of a Service: {reason}")
    if desired.close_nodeports:
        raise HostPortsError(f"{prefix}close_nodeports is true, and the backend is iptables, which uses no NodePort; allowed is false")
