# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is desired of a host's ports, checked and in words. No I/O."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


#: Options that describe host ports, as every module about them has them.
OPTIONS: dict[str, dict[str, Any]] = {
    "ports": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "port": {"type": "int", "required": True},
            "node_port": {"type": "int"},
            "target_port": {"type": "int"},
            "sources": {"type": "list", "elements": "str", "default": []},
        },
    },
    "prefix": {"type": "str", "default": ""},
    "close_nodeports": {"type": "bool", "default": False},
    "nodeport_sources": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "path", "default": "/etc/baremesh/host_ports.nft"},
}


class HostPortsError(EdgeError):
    """A setting that is not possible; ``str()`` is a sentence for each, with the option, its value and what is allowed."""


@contextlib.contextmanager
def collected(findings: list[str]) -> Iterator[None]:
    """Add the error that the block raises to the findings, so that a user sees all of them at once."""
    try:
        yield
    except EdgeError as error:
        findings.append(str(error))


@dataclass(frozen=True)
class HostPort:
    """One port of the host that is forwarded to a NodePort, or ``on_host`` to a port where a program of the host listens.

    Without sources every client may use it.
    """

    port: int
    node_port: int
    sources: tuple[str, ...] = ()
    on_host: bool = False

    def target(self) -> str:
        """Return where it is forwarded to, in words."""
        return f"host's own port {self.node_port}" if self.on_host else f"NodePort {self.node_port}"

    def sources_of(self, family: int) -> tuple[str, ...]:
        """Return the sources of one address family, 4 or 6."""
        return tuple(source for source in self.sources if ipaddress.ip_network(source).version == family)

    def families(self) -> tuple[int, ...]:
        """Return the address families in which clients may connect."""
        if not self.sources:
            return (4, 6)
        return tuple(family for family in (4, 6) if self.sources_of(family))

    def __str__(self) -> str:
        names = ", ".join(f"IPv{family}" for family in self.families())
        origin = f" from {', '.join(self.sources)}" if self.sources else ""
        return f"{self.port}/tcp -> {self.target()} ({names}){origin}"


@dataclass(frozen=True)
class HostPorts:
    """The host ports of one host, and who may use their NodePorts directly."""

    ports: tuple[HostPort, ...]
    close_nodeports: bool = False
    nodeport_sources: tuple[str, ...] = ()

    def node_ports(self) -> tuple[int, ...]:
        """Return each NodePort once, in order."""
        return tuple(sorted({entry.node_port for entry in self.ports}))

    def lines(self) -> list[str]:
        """Return what a reader of a diff should see, one line a fact."""
        result = [str(entry) for entry in self.ports]
        if self.close_nodeports:
            numbers = ", ".join(str(number) for number in self.node_ports())
            may = f", open to {', '.join(self.nodeport_sources)}" if self.nodeport_sources else ""
            result.append(f"direct access to NodePort {numbers} from outside: closed{may}")
        return result


def port_number(value: Any, name: str) -> int:
    """Read a TCP port from what a user wrote; surveys and templates send strings.

    Raises:
        HostPortsError: it is not a whole number between 1 and 65535.
    """
    number = whole_number(value.strip() if isinstance(value, str) else value)
    if not number or number > 65535:
        raise HostPortsError(f"{name} is {value!r}; allowed is a TCP port, 1 to 65535")
    return number


def networks(values: Iterable[Any], name: str) -> tuple[str, ...]:
    """Return addresses and networks in their canonical spelling: IPv4 first, sorted, none twice, none inside another.

    Raises:
        HostPortsError: an entry is neither an address nor a network.
    """
    found: dict[int, list[Any]] = {4: [], 6: []}
    # A text may hold several, as a survey sends them.
    parts = (part for value in values for part in (isinstance(value, str) and re.split(r"[,\s]+", value.strip(", \n\t"))) or [value])
    for value in parts:
        try:
            # No rule takes the zone of a link-local address.
            network = ipaddress.ip_network(str(value).replace("%", "/"), strict=False)
        except ValueError:
            raise HostPortsError(
                f"{name} contains {value!r}; allowed are addresses and networks such as 192.0.2.0/24 or 2001:db8::/32"
            ) from None
        found[network.version].append(network)
    collapsed = [network for family in (4, 6) for network in ipaddress.collapse_addresses(found[family])]
    return tuple(str(network.network_address) if network.num_addresses == 1 else str(network) for network in collapsed)


_ALLOWED = {
    "node_port": "the NodePort of a Service, for example 30080",
    "target_port": "another port, on which a program of the host listens, for example 18080",
}


def _target_key(raw: Mapping[str, Any], where: str) -> str:
    given = [key for key in ("node_port", "target_port") if raw.get(key) not in (None, "")]
    if len(given) != 1:
        named = " and ".join(given) or "neither node_port nor target_port"
        raise HostPortsError(
            f"{where} has {named}; allowed is one of node_port (of a Service) and target_port (where a program of the host listens)"
        )
    return given[0]


def _entry(raw: Mapping[str, Any], where: str) -> HostPort:
    known = OPTIONS["ports"]["options"]
    unknown = [str(key) for key in raw if key not in known]
    if unknown:
        raise HostPortsError(f"{where} has the key {', '.join(map(repr, unknown))}; allowed are {', '.join(known)} (TCP is all there is)")
    port = port_number(raw.get("port"), f"{where}.port")
    key = _target_key(raw, where)
    target = port_number(raw[key], f"{where}.{key}")
    if port == target:
        raise HostPortsError(f"{where}.{key} is {port}, its own port; allowed is {_ALLOWED[key]}")
    return HostPort(port, target, networks(raw.get("sources") or (), f"{where}.sources"), key == "target_port")


def parse(
    ports: Sequence[Mapping[str, Any]], close_nodeports: bool = False, nodeport_sources: Sequence[Any] = (), prefix: str = ""
) -> HostPorts:
    """Check the options and put them into their canonical order; ``prefix`` stands before their names in messages.

    Raises:
        HostPortsError: entries are wrong by themselves, or contradict each other.
    """
    name = f"{prefix}ports"
    findings: list[str] = []
    entries: dict[int, HostPort] = {}
    for index, raw in enumerate(ports):
        with collected(findings):
            entry = _entry(raw, f"{name}[{index}]")
            if entry.port in entries:
                raise HostPortsError(f"{name}[{index}].port is {entry.port}, which {name} names twice; allowed is one entry a port")
            entries[entry.port] = entry
    if not ports:
        findings.append(f"{name} is empty; allowed is a list such as [{{port: 80, node_port: 30080}}] (to remove all, use state absent)")
    # The rules run one after another, so a chain of ports would be walked to its end.
    findings += [
        f"{name} sends port {entry.port} to {entry.node_port}, a port of the list itself; allowed are NodePorts of Services"
        for entry in entries.values()
        if entry.node_port in entries
    ]
    sources: tuple[str, ...] = ()
    with collected(findings):
        sources = networks(nodeport_sources, f"{prefix}nodeport_sources")
    if findings:
        raise HostPortsError("; ".join(findings))
    return HostPorts(tuple(entries[port] for port in sorted(entries)), close_nodeports, sources if close_nodeports else ())


def bypasses(desired: HostPorts, backend: str, proxied: Sequence[Any] = (), prefix: str = "") -> list[str]:
    """Return a sentence for each way in which clients that sources leave out reach the gateway nevertheless.

    Args:
        desired: The host ports.
        backend: What serves them.
        proxied: NodePorts behind which the gateway believes what a proxy in front says of clients.
        prefix: Stands before the names of options.
    """
    elsewhere = f"set {prefix}filtered_elsewhere to true if a firewall in front of the host keeps such clients away"
    limited = [entry for entry in desired.ports if entry.sources]
    named = f"{prefix}ports limits {', '.join(str(entry.port) for entry in limited)} to sources"
    behind = ", ".join(sorted({entry.target() for entry in limited}))
    found = []
    if backend == "loadbalancer" and (limited or desired.close_nodeports):
        what = named if limited else f"{prefix}close_nodeports is true"
        found.append(f"{what}, but with backend loadbalancer this role has no rules; use backend nftables, or {elsewhere}")
    elif backend == "iptables" and limited:
        how = f"use backend nftables with {prefix}close_nodeports"
        found.append(f"{named}, but with backend iptables every client reaches the {behind} behind them directly; {how}, or {elsewhere}")
    elif limited and not desired.close_nodeports:
        found.append(f"{named}, but every client reaches the {behind} behind them directly; set {prefix}close_nodeports, or {elsewhere}")
    believing = {str(number) for number in proxied}
    free = [entry for entry in desired.ports if not entry.sources and believing]
    free = [entry for entry in free if (entry.port in (80, 443) if entry.on_host else str(entry.node_port) in believing)]
    if free:
        names = ", ".join(str(entry.port) for entry in free)
        found.append(
            f"{prefix}ports lets every client use {names}, and the gateway believes there what a proxy says of clients "
            f"(edge_trusted_proxies, edge_proxy_protocol); name the proxies and the hosts in sources, or {elsewhere}"
        )
    return found
