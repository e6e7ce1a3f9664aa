# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in the firewalls of a host: what is to be opened and closed in each, before anything is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.firewalld import Firewalld, Opening
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Find, Run
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import own_addresses, uplinks
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPortsError
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.ufw import Ufw, rules_for


@dataclass(frozen=True)
class Openings:
    """What is to be open, or, unless ``present``, closed again as far as it was opened here."""

    present: bool
    ports: Sequence[int]
    ufw_ports: Sequence[int]
    networks: Sequence[str]
    zones: Sequence[str]
    record: Path


@dataclass(frozen=True)
class Plan:
    """What one firewall will open and close, what was opened here before and will be after it, in words; ``apply`` does it."""

    opened: list[str]
    closed: list[str]
    before: list[str]
    held: list[str]
    apply: Callable[[], None]


def plans(openings: Openings, find: Find, run: Run) -> Iterator[Plan]:
    """Return the plan of each firewall that is installed.

    Raises:
        HostPortsError: a firewall fails, or has a rule that says the contrary.
    """
    yield _firewalld(openings, _firewalld_tool(find, run))
    if find("ufw"):
        yield _ufw(openings, Ufw(find("ufw"), run, uplinks(), own_addresses()))


def active(find: Find, run: Run) -> list[str]:
    """Return the names of the firewalls that filter now."""
    activity = {"firewalld": _firewalld_tool(find, run).is_active(), "ufw": Ufw(find("ufw"), run).is_active()}
    return [name for name, is_active in activity.items() if is_active]


def _firewalld_tool(find: Find, run: Run) -> Firewalld:
    return Firewalld({name: find(name) for name in ("firewall-cmd", "firewall-offline-cmd")}, run)


def _firewalld(openings: Openings, tool: Firewalld) -> Plan:
    mine = set(_read(openings.record))
    desired: set[Opening] = set()
    there: set[Opening] = set()
    if openings.present and tool.is_active():
        for zone in openings.zones or tool.zones(uplinks()):
            desired |= {Opening(zone, port, permanent) for port in openings.ports for permanent in (False, True)}
            there |= tool.there(zone, openings.ports)
    elif openings.present:
        desired = there = mine  # it filters nothing now, and may again
    add, remove = sorted(desired - there, key=str), sorted(mine - desired, key=str)
    held = (mine | set(add)) - set(remove)

    def apply() -> None:
        if not (add or remove):
            return
        # The record first: what is in it and not open is closed in vain, what is open and not in it stays for ever.
        _write(openings.record, mine | set(add))
        for opening in add:
            tool.add(opening)
        for opening in remove:
            tool.remove(opening)
        _write(openings.record, held)

    return Plan([*map(str, add)], [*map(str, remove)], sorted(map(str, mine)), sorted(map(str, held)), apply)


def _ufw(openings: Openings, tool: Ufw) -> Plan:
    mine = tool.ours()
    desired = mine
    add: list[tuple[str, ...]] = []
    if not openings.present:
        desired = []
    elif tool.is_active():
        desired = rules_for(sorted({*openings.ports, *openings.ufw_ports}), openings.networks)
        add = tool.missing(desired)
    remove = [rule for rule in mine if rule not in desired]

    def apply() -> None:
        for rule in remove:
            tool.delete(rule)
        for rule in add:
            tool.add(rule)

    opened, closed, before, held = (
        [f"ufw {' '.join(rule)}" for rule in rules] for rules in (add, remove, mine, [rule for rule in mine if rule not in remove] + add)
    )
    return Plan(opened, closed, before, held, apply)


def _read(path: Path) -> list[Opening]:
    try:
        return [Opening.from_record(entry) for entry in json.loads(path.read_text(encoding="utf-8"))["firewalld"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise HostPortsError(
            f"{path} cannot be read ({error}); what it names stays open in firewalld: correct it, or move it away and look at the zones"
        ) from None


def _write(path: Path, openings: set[Opening]) -> None:
    if not openings:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others may keep files there
            path.parent.rmdir()
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    ordered = sorted(openings, key=lambda opening: (opening.zone, opening.port, opening.permanent))
    part.write_text(json.dumps({"firewalld": [opening.as_record() for opening in ordered]}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
