# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet rule as far as it matters for TCP connections to some ports of this host. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """A rule of a chain.

    Attributes:
        chain: where it is.
        ports: the ports of which it may take connections.
        certain: whether it takes every connection to them.
        named: whether it is about this host: by a port, or an address.
        by: who serves the ports, if it rewrites the destination; else empty.
        cluster: whether that is Kubernetes.
        target: chain in which connections go on.
        ends: whether no further rule of this hook sees them.
        leaves: whether they leave the chain.
    """

    chain: str
    ports: frozenset[int]
    certain: bool = True
    named: bool = True
    by: str = ""
    cluster: bool = False
    target: str = ""
    ends: bool = False
    leaves: bool = False


@dataclass(frozen=True)
class Table:
    """Rules in their order, and the chains where connections enter; each with whether all that gets there is for this host."""

    rules: list[Rule]
    hooks: dict[str, bool]


def of_clients(ranges: Iterable[tuple[int, int]]) -> tuple[bool, bool]:
    """Return whether clients connect from source ports in these ranges, and whether all do.

    They choose a port above 1023 anew each time, so a single one stands for no client.
    """
    pairs = list(ranges)
    return any(last > max(first, 1023) for first, last in pairs), any(first <= 1024 and last == 65535 for first, last in pairs)


class Own:
    """The ports that are asked for, and the addresses of this host."""

    def __init__(self, ports: frozenset[int], addresses: Collection[str]) -> None:
        self.ports = ports
        self.addresses = frozenset(ipaddress.ip_address(address.partition("%")[0]) for address in addresses)

    def within(self, first: str, last: str = "") -> tuple[int, frozenset[Any]]:
        """Return the version of a network, or of a range of addresses, and those of this host's addresses that are in it."""
        if not last:
            network = ipaddress.ip_network(first, strict=False)
            return network.version, frozenset(address for address in self.addresses if address in network)
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        same = (address for address in self.addresses if address.version == low.version)
        return low.version, frozenset(address for address in same if int(low) <= int(address) <= int(high))


@dataclass
class Conditions:
    """What the conditions of one rule leave of the ports, one after the other."""

    own: Own
    ports: frozenset[int] = field(init=False)
    addresses: frozenset[Any] = field(init=False)
    certain: bool = True
    named: bool = False

    def __post_init__(self) -> None:
        self.ports, self.addresses = self.own.ports, self.own.addresses

    def add(self, fits: bool, always: bool = True, negated: bool = False) -> None:
        """Add a condition that connections may fit, and, if ``always``, fit all of them."""
        if negated:
            fits, always = not (fits and always), not fits
        if not fits:
            self.ports = frozenset()
        self.certain &= always

    def add_ports(self, chosen: Callable[[int], bool], negated: bool = False) -> None:
        """Add a condition on the port."""
        self.ports = frozenset(port for port in self.ports if chosen(port) is not negated)
        self.named |= not negated

    def add_address(self, networks: Iterable[tuple[int, frozenset[Any]]], negated: bool = False) -> None:
        """Add a condition on the destination: what ``Own.within`` says of each network."""
        found = list(networks)
        inside = frozenset().union(*(addresses for _version, addresses in found))
        family = frozenset(address for address in self.addresses if address.version in {version for version, _addresses in found})
        left = family - inside if negated else family & inside
        self.add(bool(left), left == self.addresses)
        self.addresses = left
        self.named |= not negated

    def unknown(self) -> None:
        """Add a condition of which nothing is known."""
        self.certain = False

    def rule(self, chain: str, **verdict: Any) -> Rule:
        """Return the rule of these conditions."""
        return Rule(chain, self.ports, self.certain, self.named, **verdict)
