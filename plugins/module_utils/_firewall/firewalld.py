# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in firewalld, at runtime and permanent, each looked at and changed by itself.

firewalld has no place for a comment, so that whose an opening is has to be recorded elsewhere. Nothing here reloads firewalld: with its
default FlushAllOnReload a reload takes kube-proxy's rules away for seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Callable, NamedTuple, Optional

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line

#: Services of firewalld that open a port which people open by that name.
_SERVICES = {80: "http", 443: "https"}

# Returns the path of a command of the host, empty or C(None) if there is none.
Find = Callable[[str], Optional[str]]
# Returns exit code, standard output and standard error, as AnsibleModule.run_command does.
Run = Callable[["list[str]"], "tuple[int, str, str]"]


class FirewallError(EdgeError):
    """A firewall that fails, or says the contrary of what is needed. The message is one sentence for the user."""


class Opening(NamedTuple):
    """Something in a zone, in what firewalld does now or in what it loads; the item follows ``--add-``, ``--list-`` and ``--remove-``."""

    zone: str
    item: str
    permanent: bool

    def __str__(self) -> str:
        return f"firewalld zone {self.zone}: {self.item.partition('=')[2]}{' (permanent)' if self.permanent else ''}"

    def arguments(self, verb: str) -> list[str]:
        """Return the arguments that do something with it."""
        return [*["--permanent"] * self.permanent, f"--zone={self.zone}", f"--{verb}-{self.item}"]


def port_of(zone: str, port: int, permanent: bool) -> Opening:
    """Return the opening of a TCP port."""
    return Opening(zone, f"port={port}/tcp", permanent)


def is_open(listing: str, port: int) -> bool:
    """Read from ``--list-all`` whether a TCP port is open, by its number, in a range or by a service, or because everything is."""
    fields: dict[str, str] = {}
    for line in listing.splitlines():
        name, _colon, value = line.strip().partition(":")
        fields.setdefault(name, value.strip())
    entries = (entry.partition("/") for entry in fields.get("ports", "").split())
    return (
        fields.get("target") == "ACCEPT"
        or _SERVICES.get(port) in fields.get("services", "").split()
        or any(port in _range(numbers) for numbers, _slash, protocol in entries if protocol == "tcp")
    )


def _range(text: str) -> range:
    """Return the ports of a number or of a range with a dash; none of any other text."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    return range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)


def refusals(listing: str, ports: Iterable[int]) -> list[str]:
    """Read from ``--list-all`` the rich rules that keep every client from one of the ports: they go before openings."""
    found = []
    for line in map(str.strip, listing.splitlines()):
        said = dict(re.findall(r'\b(\w+)="([^"]*)"', line))
        if not line.startswith("rule ") or "source " in line or not re.search(r"\b(reject|drop)\b", line):
            continue
        numbers = _range(said.get("port", "")) if said.get("protocol") == "tcp" else ()
        if any(port in numbers or said.get("name", "-") == _SERVICES.get(port) for port in ports):
            found.append(line)
    return found


class Firewalld:
    """firewalld of this host; ``advice`` ends the sentence when it fails."""

    def __init__(self, find: Find, run: Run, advice: str = "") -> None:
        self._online = find("firewall-cmd") or ""
        self._offline = find("firewall-offline-cmd") or ""
        self._run = run
        self._advice = advice

    def is_active(self) -> bool:
        """Return whether it filters now."""
        return bool(self._online) and self._run([self._online, "--state"])[0] == 0

    def zones(self, interfaces: Iterable[str]) -> list[str]:
        """Return the zones that packets of these interfaces and of pods belong to: an interface without a zone is in the default one."""
        found = {self._default_zone(): None}
        for interface in interfaces:
            code, out, _err = self._run([self._online, f"--get-zone-of-interface={interface}"])
            if code == 0:
                found[out.strip()] = None
        return list(found)

    def active_zones(self) -> set[str]:
        """Return the zones with interfaces or sources, and the default one."""
        listed = self._cmd("--get-active-zones").splitlines()
        return {line.split()[0] for line in listed if line and not line[0].isspace()} | {self._default_zone()}

    def open_ports(self, zone: str, ports: Iterable[int]) -> set[Opening]:
        """Return which of the ports are open in a zone, by whomever.

        Raises:
            FirewallError: firewalld knows no such zone, or a rule of others says the contrary.
        """
        asked = list(ports)
        found = set()
        for permanent in (False, True):
            listing = self._cmd(*["--permanent"] * permanent, f"--zone={zone}", "--list-all")
            against = refusals(listing, asked)
            if against:
                raise FirewallError(
                    f"firewalld zone {zone} has `{'` and `'.join(against)}`, which says the contrary of what the host ports need;"
                    " let a rule before it accept their clients, or set host_ports_firewall to false if clients are kept out on purpose"
                )
            found |= {port_of(zone, port, permanent) for port in asked if is_open(listing, port)}
        return found

    def sources_and_rules(self, zones: Iterable[str]) -> set[Opening]:
        """Return the sources and rich rules of zones."""
        found = set()
        for zone, permanent, kind in ((zone, kept, kind) for zone in zones for kept in (False, True) for kind in ("source", "rich-rule")):
            out = self._cmd(*["--permanent"] * permanent, f"--zone={zone}", f"--list-{kind}s")
            lines = out.split() if kind == "source" else map(str.strip, out.splitlines())
            found |= {Opening(zone, f"{kind}={line}", permanent) for line in lines if line}
        return found

    def add(self, opening: Opening) -> None:
        """Open something."""
        self._cmd(*opening.arguments("add"))

    def remove(self, opening: Opening) -> None:
        """Close something; where firewalld does not run there is nothing but what it would load."""
        if self.is_active():
            self._cmd(*opening.arguments("remove"))
        elif opening.permanent and self._offline:
            self._run([self._offline, *opening.arguments("remove")[1:]])

    def _default_zone(self) -> str:
        return self._cmd("--get-default-zone").strip()

    def _cmd(self, *arguments: str) -> str:
        code, out, err = self._run([self._online, *arguments])
        if code:
            raise FirewallError(f"`firewall-cmd {' '.join(arguments)}` fails: {reason_line(err or out)}{self._advice}")
        return out
