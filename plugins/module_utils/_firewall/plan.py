# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings as a plan: what is to be opened and closed in a firewall, before anything is."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._firewall.firewalld import Firewalld, FirewallError, Opening
from ansible_collections.baremesh.edge.plugins.module_utils._firewall.ufw import Ufw
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal, remove_file

Rules = Collection["tuple[str, ...]"]


@dataclass(frozen=True)
class Plan:
    """What one firewall will open and close, what was opened here before and will be after it, in words; ``apply`` does it."""

    opened: list[str]
    closed: list[str]
    before: list[str]
    held: list[str]
    apply: Callable[[], None]


def of_firewalld(tool: Firewalld, record: Path, present: bool, look: Callable[[], tuple[set[Opening], set[Opening]]]) -> Plan:
    """Return the plan of firewalld.

    Args:
        tool: firewalld.
        record: file that holds what was opened here.
        present: whether anything is to be open; else what was opened here is closed.
        look: returns what is to be open and what is open, by whomever. Called only while firewalld filters.
    """
    mine = set(read(record))
    desired: set[Opening] = set()
    there: set[Opening] = set()
    if present:
        # While it filters nothing, what was opened stays: it may filter again.
        desired, there = look() if tool.is_active() else (mine, mine)
    add, remove = sorted(desired - there, key=str), sorted(mine - desired, key=str)
    held = (mine | set(add)) - set(remove)

    def apply() -> None:
        if not (add or remove):
            return
        # The record first: what is in it and not open is closed in vain, what is open and not in it stays for ever.
        write(record, mine | set(add))
        for opening in add:
            tool.add(opening)
        for opening in remove:
            tool.remove(opening)
        write(record, held)

    return Plan([*map(str, add)], [*map(str, remove)], sorted(map(str, mine)), sorted(map(str, held)), apply)


def of_ufw(tool: Ufw, present: bool, look: Callable[[], tuple[Rules, Rules]]) -> Plan:
    """Return the plan of ufw; what C(look) returns is the rules that are to be there, and those of them that are not."""
    mine = tool.ours()
    desired: Rules = mine if present else []
    add: Rules = []
    if present and tool.is_active():
        desired, add = look()
    remove = [rule for rule in mine if rule not in desired]

    def apply() -> None:
        for rule in remove:
            tool.delete(rule)
        for rule in add:
            tool.add(rule)

    held = [*(rule for rule in mine if rule not in remove), *add]
    opened, closed, before, after = ([f"ufw {' '.join(rule)}" for rule in rules] for rules in (add, remove, mine, held))
    return Plan(opened, closed, before, after, apply)


def read(record: Path) -> list[Opening]:
    """Return what a record holds. Raises FirewallError if it cannot be read."""
    try:
        return [Opening(str(zone), str(item), bool(kept)) for zone, item, kept in parse_json(record.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise FirewallError(
            f"{record} cannot be read ({error}); what it names stays open in firewalld: correct it, or move it away and look at the zones"
        ) from None


def write(record: Path, openings: set[Opening]) -> None:
    """Write a record, or remove it with its folder where nothing is left."""
    if not openings:
        if remove_file(record):
            Removal().empty(str(record.parent))
        return
    record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = record.with_suffix(".part")
    part.write_text(json.dumps(sorted(openings), indent=1) + "\n", encoding="utf-8")
    part.replace(record)
