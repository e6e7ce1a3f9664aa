# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings of host ports in the firewalls of a host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.baremesh.edge.plugins.module_utils._firewall import plan
from ansible_collections.baremesh.edge.plugins.module_utils._firewall.firewalld import Find, Firewalld, Opening, Run, port_of
from ansible_collections.baremesh.edge.plugins.module_utils._firewall.ufw import Ufw, rules_for
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import own_addresses, uplinks

COMMENT = "baremesh.edge host_ports"


@dataclass(frozen=True)
class Openings:
    """What is to be open, or, unless ``present``, closed again as far as it was opened here."""

    present: bool
    ports: Sequence[int]
    ufw_ports: Sequence[int]
    networks: Sequence[str]
    pod_ports: Sequence[int]
    zones: Sequence[str]
    record: Path


def plans(openings: Openings, find: Find, run: Run) -> Iterator[plan.Plan]:
    """Return the plan of each firewall that is installed.

    Raises:
        FirewallError: a firewall fails, or has a rule that says the contrary.
    """
    firewalld = Firewalld(find, run)
    yield plan.of_firewalld(firewalld, openings.record, openings.present, lambda: _zones(openings, firewalld))
    program = find("ufw")
    if program:
        ufw = Ufw(program, run, COMMENT, uplinks=uplinks(), addresses=own_addresses())
        rules = rules_for(sorted({*openings.ports, *openings.ufw_ports}), openings.networks, openings.pod_ports)
        yield plan.of_ufw(ufw, openings.present, lambda: (rules, ufw.missing(rules)))


def active(find: Find, run: Run) -> list[str]:
    """Return the names of the firewalls that filter now."""
    activity = {"firewalld": Firewalld(find, run).is_active(), "ufw": Ufw(find("ufw") or "", run, COMMENT).is_active()}
    return [name for name, is_active in activity.items() if is_active]


def _zones(openings: Openings, tool: Firewalld) -> tuple[set[Opening], set[Opening]]:
    """Return the ports of each zone, and those that are open."""
    zones = openings.zones or tool.zones(uplinks())
    desired = {port_of(zone, port, permanent) for zone in zones for port in openings.ports for permanent in (False, True)}
    return desired, set().union(*(tool.open_ports(zone, openings.ports) for zone in zones))
