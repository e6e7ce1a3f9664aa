# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens firewalld and ufw for the cluster, only between its hosts and for its own networks, and takes back exactly that."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._firewall import plan
from ansible_collections.baremesh.edge.plugins.module_utils._firewall.firewalld import Find, Firewalld, FirewallError, Opening, Run
from ansible_collections.baremesh.edge.plugins.module_utils._firewall.ufw import Ufw
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import STATE_DIR

__all__ = ["Firewall", "FirewallError"]

COMMENT = "baremesh.edge k3s"
_ADVICE = "; open the firewall yourself and set k3s_firewall to false"
_TRUSTED = "trusted"


def addresses(sources: Iterable[str]) -> list[str]:
    """Return the addresses and networks that some sources stand for; a name that has no address is left out."""
    found: dict[str, None] = {}
    # No rule takes the zone of a link-local address.
    for source in (given.partition("%")[0] for given in sources):
        try:
            found[str(ipaddress.ip_network(source, strict=False) if "/" in source else ipaddress.ip_address(source))] = None
        except ValueError:
            try:
                answers = socket.getaddrinfo(source, None, type=socket.SOCK_STREAM)
                found.update(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))
            except (OSError, UnicodeError):
                continue
    return [address for address in found if not ipaddress.ip_network(address).is_loopback]


def _ports(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(port), protocol) for protocol in ("tcp", "udp") for port in spec[protocol]]


def rich_rules(spec: Mapping[str, Any]) -> list[str]:
    """Return the rules of firewalld, as it prints them itself."""
    return [
        f'rule family="ipv{ipaddress.ip_network(source).version}" source address="{source}" port port="{port}" protocol="{protocol}" accept'
        for source in addresses(spec["sources"])
        for port, protocol in _ports(spec)
    ]


def ufw_rules(spec: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the rules of ufw, as it prints them itself: the words that follow its name."""
    to_host = [
        f"allow from {source} to any port {port.replace('-', ':')} proto {protocol}"
        for source in addresses(spec["sources"])
        for port, protocol in _ports(spec)
    ]
    return [tuple(rule.split()) for rule in [*to_host, *(f"allow from {network}" for network in addresses(spec["networks"]))]]


class Firewall:
    """The firewalls of this host; what was opened is noted in the folder of the state."""

    def __init__(self, find: Find, run: Run, state_dir: str = STATE_DIR) -> None:
        self._find, self._run = find, run
        self.record = Path(os.path.join(state_dir, "firewall.json"))

    def open(self, spec: Mapping[str, Any] | None, check_mode: bool) -> list[str]:
        """Open what is missing and close what was opened here and is not needed any more; return what that is, in words.

        Args:
            spec: C(sources), C(networks), C(tcp) and C(udp); C(None) closes everything.
            check_mode: Whether to change nothing.

        Raises:
            FirewallError: A firewall refuses.
        """
        given, firewalld, ufw = spec or {}, Firewalld(self._find, self._run, _ADVICE), self._find("ufw")
        plans = [plan.of_firewalld(firewalld, self.record, spec is not None, lambda: _zones(given, firewalld))]
        if ufw:
            tool = Ufw(ufw, self._run, COMMENT, _ADVICE)
            plans.append(plan.of_ufw(tool, spec is not None, lambda: _rules(given, tool)))
        for each in [] if check_mode else plans:
            each.apply()
        return [line for each in plans for line in (*each.opened, *(f"closed: {line}" for line in each.closed))]


def _zones(spec: Mapping[str, Any], tool: Firewalld) -> tuple[set[Opening], set[Opening]]:
    """Return what is to be open in zones of firewalld, and what is open there."""
    items = [(zone, f"rich-rule={rule}") for zone in tool.active_zones() - {_TRUSTED} for rule in rich_rules(spec)]
    items += [(_TRUSTED, f"source={network}") for network in addresses(spec["networks"])]
    desired = {Opening(zone, item, permanent) for zone, item in items for permanent in (False, True)}
    return desired, tool.sources_and_rules(sorted({zone for zone, _item in items}))


def _rules(spec: Mapping[str, Any], tool: Ufw) -> tuple[plan.Rules, plan.Rules]:
    """Return the rules of ufw that are to be there, and those of them that are not."""
    desired = ufw_rules(spec)
    return desired, [rule for rule in desired if rule not in [words for words, _comment in tool.added]]
