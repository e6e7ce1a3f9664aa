# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who serves a port of this host by NAT, where no program listens: from ``iptables-save`` and from nft's JSON. No I/O.

A new TCP connection to one of the ports is followed from the hooks through the chains, as the kernel would, for all ports at once.
Where a condition depends on more than protocol, port and own address, such as on the interface, both ways are followed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import nat_iptables, nat_nft
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.nat_rule import Own, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Claim:
    """A port that is served by NAT; ``cluster`` if Kubernetes does it, for a Service with this host's address or a hostPort."""

    port: int
    by: str
    cluster: bool

    def __str__(self) -> str:
        return f"port {self.port} is served by {self.by}"


class _Walk:
    """The way of new connections through the chains of one table."""

    def __init__(self, table: Table) -> None:
        self._chains: dict[str, list[Rule]] = defaultdict(list)
        for rule in table.rules:
            self._chains[rule.chain].append(rule)
        self._known: dict[tuple[str, frozenset[int], bool], frozenset[int]] = {}
        self.claims: dict[Claim, None] = {}

    def through(self, chain: str, ports: frozenset[int], named: bool) -> frozenset[int]:
        """Follow the ports through a chain, and return those that come back from it.

        Args:
            chain: its name.
            ports: the ports that may get there.
            named: whether the rules on the way are about this host. What leaves it to anywhere is no port of the host.
        """
        asked = (chain, ports, named)
        if asked in self._known:
            return self._known[asked]
        self._known[asked] = ports  # for chains that lead back here, which the kernel does not allow
        returned: frozenset[int] = frozenset()
        for rule in self._chains[chain]:
            taken = ports & rule.ports
            back = self._decided(rule, taken, named or rule.named) if taken else taken
            if rule.certain:
                ports -= taken
                if rule.leaves:
                    returned |= back
                else:
                    ports |= back
        self._known[asked] = ports | returned
        return self._known[asked]

    def _decided(self, rule: Rule, taken: frozenset[int], named: bool) -> frozenset[int]:
        """Note who serves the ports that a rule takes, and return those about which it does not decide."""
        if rule.by:
            if named:
                self.claims.update(dict.fromkeys(Claim(port, rule.by, rule.cluster) for port in sorted(taken)))
            return taken  # whoever comes later serves them once this one is gone
        if rule.target:
            return self.through(rule.target, taken, named)
        return frozenset() if rule.ends else taken


def claims(saved: str, ports: Collection[int], addresses: Collection[str], ruleset: str = "") -> list[Claim]:
    """Return who serves one of the ports by NAT.

    Args:
        saved: what ``iptables-save -t nat`` prints, of both families one after the other.
        ports: the ports that are asked for.
        addresses: all addresses of this host. Rules for others do not count: load balancers have addresses of their own.
        ruleset: what ``nft -j list ruleset`` prints.
    """
    own = Own(frozenset(ports), addresses)
    found: dict[Claim, None] = {}
    for table in (*nat_iptables.tables(saved, own), *nat_nft.tables(ruleset, own)):
        walk = _Walk(table)
        for chain, named in table.hooks.items():
            walk.through(chain, own.ports, named)
        found.update(walk.claims)
    return list(found)
