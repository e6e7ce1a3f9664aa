# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in ufw: the desired ones, those that exist, and whose they are, which the rule's comment says."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPortsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Run

COMMENT = "baremesh.edge host_ports"
_ACTIONS = ("allow", "deny", "reject", "limit")


def rules_for(ports: Iterable[int], networks: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the rules as the words that follow ``ufw``: ports to the host, and networks to which it forwards."""
    return [("allow", f"{port}/tcp") for port in ports] + [("route", "allow", "to", network) for network in networks]


def parse_added(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Read ``ufw show added``: each rule's words, and its comment."""
    found = []
    for line in text.splitlines():
        words = shlex.split(line) if line.startswith("ufw ") else []
        if not words:
            continue
        comment = ""
        if len(words) > 2 and words[-2] == "comment":
            comment = words[-1]
            words = words[:-2]
        found.append((tuple(words[1:]), comment))
    return found


def _is_open(rule: tuple[str, ...], added: Iterable[tuple[str, ...]]) -> bool:
    # `ufw allow 80` is for TCP and UDP.
    wider = (*rule[:-1], rule[-1].removesuffix("/tcp"))
    return rule in added or wider in added


def obstacles(desired: Iterable[tuple[str, ...]], added: Iterable[tuple[tuple[str, ...], str]]) -> list[str]:
    """Name the rules of others that say the contrary; ``ufw allow`` would overwrite them."""
    there = {words for words, _comment in added}
    found = []
    for rule in desired:
        for action in _ACTIONS[1:]:
            opposite = tuple(action if word == "allow" else word for word in rule)
            if opposite in there:
                found.append(f"`ufw {' '.join(opposite)}`")
    return found


class Ufw:
    """ufw of this host."""

    def __init__(self, program: str, run: Run) -> None:
        self._program = program
        self._run = run
        self._added = parse_added(self._ufw("show", "added")) if program else []

    def is_active(self) -> bool:
        """Return whether it filters now."""
        return bool(self._program) and "Status: active" in self._ufw("status")

    def ours(self) -> list[tuple[str, ...]]:
        """Return the rules that were made here."""
        return [words for words, comment in self._added if comment == COMMENT]

    def missing(self, desired: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the rules that do not exist yet.

        Raises:
            HostPortsError: a rule of others says the contrary.
        """
        against = obstacles(desired, self._added)
        if against:
            raise HostPortsError(
                f"ufw has {' and '.join(against)}, which says the contrary of what the host ports need; delete it, or set"
                " host_ports_firewall to false and open the ports yourself"
            )
        there = {words for words, _comment in self._added}
        return [rule for rule in desired if not _is_open(rule, there)]

    def add(self, rule: tuple[str, ...]) -> None:
        """Make a rule, now and for later."""
        self._ufw(*rule, "comment", COMMENT)

    def delete(self, rule: tuple[str, ...]) -> None:
        """Delete a rule, now and for later."""
        # The word stands behind `route` where there is one.
        self._ufw(*(("route", "delete", *rule[1:]) if rule[0] == "route" else ("delete", *rule)))

    def _ufw(self, *arguments: str) -> str:
        code, out, err = self._run([self._program, *arguments])
        if code:
            lines = (err or out).strip().splitlines() or ["no message"]
            raise HostPortsError(f"`ufw {' '.join(arguments)}` fails: {lines[0]}")
        return out
