# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired host ports as nft chains, and as the file that loads them. No I/O.

A redirect in a nat chain cannot reach a NodePort: the first nat target that matches ends the nat hook for the connection, so
kube-proxy's own DNAT behind it never sees the packet. Therefore the port is rewritten without state *before* connection tracking, which
then sees an ordinary NodePort connection, and rewritten back after it. Which of two connections with the same addresses and
ports came through the host port is known from the connection tracking zone of the original direction, whose number is the host
port: it needs no packet mark, which network plugins and policy routing use too, and it keeps a client apart that uses one source
port for the host port and for the NodePort at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPort, HostPorts

TABLE = "baremesh_host_ports"
PREROUTING = "from_network"
OUTPUT = "from_host"

_DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
_SPORT = {"payload": {"protocol": "tcp", "field": "sport"}}
_ZONE = {"ct": {"key": "zone", "dir": "original"}}


@dataclass(frozen=True)
class Chain:
    """A base chain: where it hooks in, and its rules as text."""

    name: str
    hook: str
    priority: int
    rules: tuple[str, ...]

    def header(self) -> str:
        """Return the line that says where the chain hooks in."""
        return f"type filter hook {self.hook} priority {self.priority}; policy accept;"


def _match(left: Any, right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _set(key: Any, value: Any) -> dict[str, Any]:
    return {"mangle": {"key": key, "value": value}}


_TO_THIS_HOST = _match({"fib": {"result": "type", "flags": ["daddr"]}}, "local")


def _members(values: Sequence[Any]) -> Any:
    """Return one value alone, several as a set: what nft itself makes of a set of one."""
    parsed = [_address(value) if isinstance(value, str) else value for value in values]
    return parsed[0] if len(parsed) == 1 else {"set": parsed}


def _address(network: str) -> Any:
    address, _slash, length = network.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}} if length else address


def _from(sources: Sequence[str], family: int) -> list[dict[str, Any]]:
    protocol = "ip6" if family == 6 else "ip"
    return [_match({"payload": {"protocol": protocol, "field": "saddr"}}, _members(sources))]


def _rewrite(entry: HostPort, conditions: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    return [_match(_DPORT, entry.port), *conditions, _TO_THIS_HOST, _set(_DPORT, entry.node_port), _set(_ZONE, entry.port)]


def _through(entry: HostPort, direction: str) -> list[dict[str, Any]]:
    return [_match({"ct": {"key": "direction"}}, direction), _match(_ZONE, entry.port)]


def _rewrites_from_network(desired: HostPorts) -> list[list[dict[str, Any]]]:
    rules: list[list[dict[str, Any]]] = []
    if desired.close_nodeports:
        direct = _match(_DPORT, _members(desired.node_ports()))
        for family in (4, 6):
            sources = [source for source in desired.nodeport_sources if (":" in source) == (family == 6)]
            if sources:
                rules.append([direct, *_from(sources, family), {"accept": None}])
        # Before the rewrite, so that what comes through a host port never meets it; the host itself comes over lo.
        rules.append([_match({"meta": {"key": "iifname"}}, "lo", "!="), direct, _TO_THIS_HOST, {"drop": None}])
    for entry in desired.ports:
        if not entry.sources:
            rules.append(_rewrite(entry))
            continue
        rules.extend(_rewrite(entry, _from(entry.sources_of(family), family)) for family in entry.families())
    return rules


def _rewrites_back(desired: HostPorts) -> list[list[dict[str, Any]]]:
    return [[*_through(entry, "reply"), _match(_SPORT, entry.node_port), _set(_SPORT, entry.port)] for entry in desired.ports]


def _in_disguise(desired: HostPorts, begin: bool) -> list[list[dict[str, Any]]]:
    """Give what has not been sent on to a pod its host port back while the filters of the host look at it.

    kube-proxy rejects NodePorts without endpoints by an ICMP error that names the NodePort, which a client of the host port does not
    recognise: it would wait for its time-out. Past the filters it is the NodePort again, and the kernel itself refuses it, or a program
    of the host takes it. So firewalls of the host see the port that people open in them.
    """
    rules: list[list[dict[str, Any]]] = []
    for entry in desired.ports:
        shown, real = (entry.node_port, entry.port) if begin else (entry.port, entry.node_port)
        rules.append([*_through(entry, "original"), _match(_DPORT, shown), _set(_DPORT, real)])
    return rules


def chains(desired: HostPorts) -> tuple[Chain, ...]:
    """Return the chains that do what is desired.

    Priorities: connection tracking is at -200 (the rewrite must be before it), kube-proxy's checks for Services without endpoints
    at -110 and 0 in input, source NAT at 100 (the way back must be after it).
    """
    as_text = [
        (PREROUTING, "prerouting", -300, _rewrites_from_network(desired)),
        (OUTPUT, "output", -300, [_rewrite(entry) for entry in desired.ports]),
        ("before_filters", "input", -150, _in_disguise(desired, begin=True)),
        ("after_filters", "input", 290, _in_disguise(desired, begin=False)),
        ("replies_to_host", "input", 300, _rewrites_back(desired)),
        ("replies_to_network", "postrouting", 300, _rewrites_back(desired)),
    ]
    return tuple(Chain(name, hook, priority, tuple(text.rule(rule) for rule in rules)) for name, hook, priority, rules in as_text)


def render(desired: HostPorts, table: str = TABLE) -> str:
    """Return the file that ``nft -f`` loads: one transaction, which replaces the table and touches no other."""
    lines = [
        "#!/usr/sbin/nft -f",
        "# Host ports to NodePorts, made by baremesh.edge.host_ports; changes here are lost at its next run.",
        *(f"#   {line}" for line in desired.lines()),
        "# The first two lines make the load a replacement: nft applies a file as a whole or not at all.",
        f"table inet {table}",
        f"delete table inet {table}",
        f"table inet {table} {{",
    ]
    for chain in chains(desired):
        lines += [f"\tchain {chain.name} {{", f"\t\t{chain.header()}", *(f"\t\t{rule}" for rule in chain.rules), "\t}"]
    return "\n".join([*lines, "}", ""])
