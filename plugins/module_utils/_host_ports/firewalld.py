# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in firewalld: ports in zones, at runtime and permanent, each looked at and changed by itself.

firewalld has no place for a comment, so that whose an opening is has to be recorded elsewhere. Nothing here reloads firewalld: with its
default FlushAllOnReload a reload takes kube-proxy's rules away for seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPortsError
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Run

#: Services of firewalld that open a port which people open by that name.
_SERVICES = {80: "http", 443: "https"}


@dataclass(frozen=True)
class Opening:
    """A port in a zone, in what firewalld does now or in what it loads."""

    zone: str
    port: int
    permanent: bool

    def __str__(self) -> str:
        return f"firewalld zone {self.zone}: {self.port}/tcp{' (permanent)' if self.permanent else ''}"

    def as_record(self) -> dict[str, Any]:
        """Return plain data for the record."""
        return {"zone": self.zone, "port": self.port, "permanent": self.permanent}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Opening:
        """Read what ``as_record`` has written."""
        return cls(str(record["zone"]), int(record["port"]), bool(record["permanent"]))


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
        said = dict(re.findall(r'(\w+)="([^"]*)"', line))
        if not line.startswith("rule ") or "source " in line or not re.search(r"\b(reject|drop)\b", line):
            continue
        numbers = _range(said.get("port", "")) if said.get("protocol") == "tcp" else ()
        if any(port in numbers or said.get("name", "-") == _SERVICES.get(port) for port in ports):
            found.append(line)
    return found


class Firewalld:
    """firewalld of this host."""

    def __init__(self, programs: Mapping[str, str], run: Run) -> None:
        self._online = programs.get("firewall-cmd", "")
        self._offline = programs.get("firewall-offline-cmd", "")
        self._run = run

    def is_active(self) -> bool:
        """Return whether it filters now."""
        return bool(self._online) and self._run([self._online, "--state"])[0] == 0

    def zones(self, interfaces: Iterable[str]) -> list[str]:
        """Return the zones that packets of these interfaces and of pods belong to: an interface without a zone is in the default one."""
        found = {self._cmd("--get-default-zone").strip(): None}
        for interface in interfaces:
            code, out, _err = self._run([self._online, f"--get-zone-of-interface={interface}"])
            if code == 0:
                found[out.strip()] = None
        return list(found)

    def there(self, zone: str, ports: Iterable[int]) -> set[Opening]:
        """Return which of the ports are open in a zone, by whomever.

        Raises:
            HostPortsError: firewalld knows no such zone, or a rule of others says the contrary.
        """
        asked = list(ports)
        found = set()
        for permanent in (False, True):
            listing = self._cmd(*["--permanent"] * permanent, f"--zone={zone}", "--list-all")
            against = refusals(listing, asked)
            if against:
                raise HostPortsError(
                    f"firewalld zone {zone} has `{'` and `'.join(against)}`, which says the contrary of what the host ports need;"
                    " let a rule before it accept their clients, or set host_ports_firewall to false if clients are kept out on purpose"
                )
            found |= {Opening(zone, port, permanent) for port in asked if is_open(listing, port)}
        return found

    def add(self, opening: Opening) -> None:
        """Open a port."""
        self._cmd(*["--permanent"] * opening.permanent, f"--zone={opening.zone}", f"--add-port={opening.port}/tcp")

    def remove(self, opening: Opening) -> None:
        """Close a port; where firewalld does not run there is nothing but what it would load."""
        arguments = [f"--zone={opening.zone}", f"--remove-port={opening.port}/tcp"]
        if self.is_active():
            self._cmd(*["--permanent"] * opening.permanent, *arguments)
        elif opening.permanent and self._offline:
            self._run([self._offline, *arguments])

    def _cmd(self, *arguments: str) -> str:
        code, out, err = self._run([self._online, *arguments])
        if code:
            raise HostPortsError(f"`firewall-cmd {' '.join(arguments)}` fails: {reason_line(err or out)}")
        return out
