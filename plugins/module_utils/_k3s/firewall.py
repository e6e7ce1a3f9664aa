# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens firewalld and ufw for the cluster, only between its hosts and for its own networks, and takes back exactly that.

Nothing reloads firewalld: with its default FlushAllOnReload that takes kube-proxy's rules away for seconds.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import STATE_DIR, make_directory, read_text, replace_bytes

COMMENT = "baremesh.edge k3s"
_TRUSTED = "trusted"

# Returns exit code, standard output and standard error, as AnsibleModule.run_command does.
Run = Callable[[list[str]], "tuple[int, str, str]"]


class FirewallError(EdgeError):
    """A firewall that cannot be opened. The message is one sentence for the user."""


class Opening(NamedTuple):
    """Something in a zone of firewalld, now or in what it loads: C(item) follows C(--add-), C(--list-) and C(--remove-)."""

    zone: str
    item: str
    permanent: bool

    def argument(self, verb: str) -> list[str]:
        """Return the arguments that do something with it."""
        return [*["--permanent"] * self.permanent, f"--zone={self.zone}", f"--{verb}-{self.item}"]


def addresses(sources: Iterable[str]) -> list[str]:
    """Return the addresses and networks that some sources stand for; a name that has no address is left out."""
    found: dict[str, None] = {}
    for source in sources:
        try:
            found[str(ipaddress.ip_network(source, strict=False) if "/" in source else ipaddress.ip_address(source))] = None
        except ValueError:
            try:
                found.update(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(source, None, type=socket.SOCK_STREAM)))
            except OSError:
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


def ufw_rules(spec: Mapping[str, Any]) -> list[str]:
    """Return the rules of ufw, as it prints them itself."""
    to_host = [
        f"allow from {source} to any port {port.replace('-', ':')} proto {protocol}"
        for source in addresses(spec["sources"])
        for port, protocol in _ports(spec)
    ]
    return to_host + [f"allow from {network}" for network in addresses(spec["networks"])]


class Firewall:
    """The firewalls of this host.

    Args:
        find: Returns the path of a command, or C(None).
        run: Runs a command.
        state_dir: Folder for what is noted between runs.
    """

    def __init__(self, find: Callable[[str], str | None], run: Run, state_dir: str = STATE_DIR) -> None:
        self._find, self._run = find, run
        self.record = os.path.join(state_dir, "firewall.json")

    def _command(self, *argv: str) -> str:
        code, out, err = self._run(list(argv))
        if code != 0:
            reason = (err or out).strip().splitlines() or ["no message"]
            raise FirewallError(f"`{shlex.join(argv)}` fails: {reason[0]}; open the firewall yourself and set k3s_firewall to false.")
        return out

    def open(self, spec: Mapping[str, Any] | None, check_mode: bool) -> list[str]:
        """Open what is missing and close what was opened here and is not needed any more; return what that is, in words.

        Args:
            spec: C(sources), C(networks), C(tcp) and C(udp); C(None) closes everything.
            check_mode: Whether to change nothing.

        Raises:
            FirewallError: A firewall refuses.
        """
        return [*self._firewalld(spec, check_mode), *self._ufw(spec, check_mode)]

    def _mine(self) -> set[Opening]:
        try:
            return {Opening(str(zone), str(item), bool(kept)) for zone, item, kept in json.loads(read_text(self.record) or "[]")}
        except (ValueError, TypeError):
            return set()

    def _note(self, openings: set[Opening]) -> None:
        if openings:
            make_directory(os.path.dirname(self.record), 0o755)
            replace_bytes(self.record, json.dumps(sorted(openings), indent=1).encode(), 0o644)
        elif os.path.lexists(self.record):
            os.unlink(self.record)

    def _there(self, zones: Iterable[str]) -> set[Opening]:
        found = set()
        for zone in zones:
            for permanent in (False, True):
                for kind in ("source", "rich-rule"):
                    out = self._command("firewall-cmd", *["--permanent"] * permanent, f"--zone={zone}", f"--list-{kind}s")
                    lines = out.split() if kind == "source" else [line.strip() for line in out.splitlines()]
                    found |= {Opening(zone, f"{kind}={line}", permanent) for line in lines if line}
        return found

    def _firewalld(self, spec: Mapping[str, Any] | None, check_mode: bool) -> list[str]:
        mine = self._mine()
        active = bool(self._find("firewall-cmd")) and self._run(["firewall-cmd", "--state"])[0] == 0
        if not active:
            # What it loads when it runs again is closed by the tool that works without it.
            return self._forget(mine, check_mode) if spec is None else []
        desired: set[Opening] = set()
        there: set[Opening] = set()
        if spec is not None:
            listed = self._command("firewall-cmd", "--get-active-zones").splitlines()
            zones = {line.split()[0] for line in listed if line and not line[0].isspace()} - {_TRUSTED}
            zones.add(self._command("firewall-cmd", "--get-default-zone").strip())
            items = [(zone, f"rich-rule={rule}") for zone in sorted(zones) for rule in rich_rules(spec)]
            items += [(_TRUSTED, f"source={network}") for network in addresses(spec["networks"])]
            desired = {Opening(zone, item, permanent) for zone, item in items for permanent in (False, True)}
            there = self._there(sorted({zone for zone, _item in items}))
        add, remove = sorted(desired - there), sorted(mine - desired)
        if not check_mode and (add or remove):
            # Noted first: what is noted and not open is closed in vain, what is open and not noted stays for ever.
            self._note(mine | set(add))
            for opening in add:
                self._command("firewall-cmd", *opening.argument("add"))
            for opening in remove:
                self._run(["firewall-cmd", *opening.argument("remove")])
            self._note((mine | set(add)) - set(remove))
        return [f"firewalld {' '.join(opening.argument('add'))}" for opening in add] + [
            f"firewalld {' '.join(opening.argument('remove'))}" for opening in remove
        ]

    def _forget(self, mine: set[Opening], check_mode: bool) -> list[str]:
        kept = sorted(opening for opening in mine if opening.permanent)
        if not check_mode:
            if self._find("firewall-offline-cmd"):
                for opening in kept:
                    self._run(["firewall-offline-cmd", *opening.argument("remove")[1:]])
            self._note(set())
        return [f"firewalld {' '.join(opening.argument('remove'))}" for opening in kept]

    def _ufw(self, spec: Mapping[str, Any] | None, check_mode: bool) -> list[str]:
        if not self._find("ufw"):
            return []
        added: dict[str, str] = {}
        for line in self._command("ufw", "show", "added").splitlines():
            if line.startswith("ufw "):
                rule, _mark, comment = line[4:].partition(" comment ")
                added[rule.strip()] = comment.strip("'\" ")
        mine = [rule for rule, comment in added.items() if comment == COMMENT]
        desired = mine
        if spec is None:
            desired = []
        elif "Status: active" in self._command("ufw", "status"):
            desired = ufw_rules(spec)
        add, remove = [rule for rule in desired if rule not in added], [rule for rule in mine if rule not in desired]
        if not check_mode:
            for rule in remove:
                self._command("ufw", "delete", *rule.split())
            for rule in add:
                self._command("ufw", *rule.split(), "comment", COMMENT)
        return [f"ufw {rule}" for rule in add] + [f"ufw delete {rule}" for rule in remove]
