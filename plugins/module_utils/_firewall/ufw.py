# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings in ufw: the desired ones, those that exist, and whose they are, which the rule's comment says."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._firewall.firewalld import FirewallError
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ansible_collections.baremesh.edge.plugins.module_utils._firewall.firewalld import Run

_ACTIONS = ("allow", "deny", "reject", "limit")
# Words that a value follows, and what it is; "on" and "port" mean different things behind others.
_FIELDS = {
    "on in": "interface",
    "on out": "way_out",
    "from": "source",
    "port from": "sender",
    "app from": "sender",
    "to": "target",
    "port": "ports",
    "app": "ports",
    "proto": "protocol",
}
_POD_INTERFACES = ("cni", "flannel")
# Known also where the host has no /etc/services.
_SERVICES = {"http": 80, "https": 443}
# Of the match multiport.
_MOST_PORTS = 15


@dataclass(frozen=True)
class Rule:
    """A rule as ufw reads it.

    Attributes:
        words: what follows ``ufw``.
        action: allow, deny, reject or limit.
        routed: whether it is about what the host forwards.
        outgoing: whether it is about what the host sends.
        interface: the interface of incoming packets, if it names one.
        way_out: the interface of forwarded packets, if it names one.
        source: where packets come from, empty for everywhere.
        target: where they go to, empty for everywhere.
        ports: ports in ufw's spelling or the name of a service or profile, empty for all.
        protocol: the protocol, empty for all.
    """

    words: tuple[str, ...]
    action: str = ""
    routed: bool = False
    outgoing: bool = False
    interface: str = ""
    way_out: str = ""
    source: str = ""
    target: str = ""
    ports: str = ""
    protocol: str = ""

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Rule:
        """Read the words of a rule, in ufw's short or full syntax."""
        found = dict.fromkeys(("action", "interface", "way_out", "source", "sender", "target", "ports", "protocol"), "")
        where = "in"
        rest = iter(words)
        for word in rest:
            where = word if word in ("in", "out", "from", "to") else where
            key = _FIELDS.get(f"{word} {where}") or _FIELDS.get(word)
            if key:
                value = next(rest, "")
                found[key] = "" if value == "any" else value
            elif word in _ACTIONS:
                found["action"] = word
            elif word not in ("route", "in", "out", "log", "log-all"):
                found["ports"] = word
        ports, slash, protocol = found["ports"].rpartition("/")
        if slash and protocol in ("tcp", "udp"):
            found.update(ports=ports, protocol=protocol)
        # Who sends from a certain port is as few as who sends from a certain address.
        found["source"] += found.pop("sender")
        routed = words[:1] == ("route",)
        return cls(words, routed=routed, outgoing=not routed and "out" in words, **found)

    def __str__(self) -> str:
        return f"`ufw {shlex.join(self.words)}`"


def rules_for(ports: Iterable[int], networks: Iterable[str] = (), pod_ports: Iterable[int] = ()) -> list[tuple[str, ...]]:
    """Return the rules as the words that follow ``ufw``: ports to the host, and ports of pods to which it forwards."""
    lists = [",".join(map(str, pods)) for pods in _chunks(sorted(set(pod_ports)))]
    routes = [("route", "allow", "to", network, "port", listed, "proto", "tcp") for network in networks for listed in lists]
    return [*(("allow", f"{port}/tcp") for port in ports), *routes]


def _chunks(ports: list[int]) -> list[list[int]]:
    """Return ports in lists as long as a rule may have them."""
    return [ports[start : start + _MOST_PORTS] for start in range(0, len(ports), _MOST_PORTS)]


def parse_added(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Read ``ufw show added``: each rule's words, and its comment."""
    found = []
    for line in text.splitlines():
        # A file of rules that was edited by hand can hold quotes in comments, which ufw prints as they are.
        rule, _mark, comment = line.rstrip().partition(" comment '")
        if not rule.startswith("ufw "):
            continue
        try:
            words = shlex.split(rule)
        except ValueError:
            words = rule.split()
        found.append((tuple(words[1:]), comment.removesuffix("'")))
    return found


def _service(name: str, protocol: str) -> int:
    try:
        return _SERVICES.get(name) or socket.getservbyname(name, protocol)
    except OSError:
        return 0


def _has_port(ports: str, protocol: str, port: int) -> bool:
    """Return whether ports in ufw's spelling have a port: numbers and ranges between commas, or the name of a service."""
    for part in ports.split(","):
        first, _colon, last = part.partition(":")
        least, most = whole_number(first), whole_number(last)
        if least is None:
            least = _service(part, protocol or "tcp")
        if least <= port <= (least if most is None else most):
            return True
    return False


class Ufw:
    """ufw of this host. The comment marks the rules that are made here, and the advice ends the sentence when it fails.

    ``uplinks`` are the interfaces by which clients come, ``addresses`` where they go, as far as that is known.
    """

    def __init__(
        self, program: str, run: Run, comment: str, advice: str = "", uplinks: Collection[str] = (), addresses: Collection[str] = ()
    ) -> None:
        self._program = program
        self._run = run
        self._comment = comment
        self._advice = advice
        self._uplinks = set(uplinks)
        self._addresses = addresses
        self._profiles: dict[str, str] = {}
        self.added = parse_added(self._ufw("show", "added")) if program else []

    def is_active(self) -> bool:
        """Return whether it filters now."""
        return bool(self._program) and "Status: active" in self._ufw("status")

    def ours(self) -> list[tuple[str, ...]]:
        """Return the rules that were made here."""
        return [words for words, comment in self.added if comment == self._comment]

    def missing(self, desired: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return the rules that do not exist yet.

        Raises:
            FirewallError: a rule of others says the contrary, so that ours, behind it, would never be asked.
        """
        # What was made here and goes now decides nothing.
        staying = [Rule.of(words) for words, comment in self.added if comment != self._comment or words in desired]
        deciding = {words: self._deciding(Rule.of(words), staying) for words in desired}
        against = dict.fromkeys(str(rule) for rule in deciding.values() if rule and rule.action != "allow")
        if against:
            raise FirewallError(
                f"ufw has {' and '.join(against)}, which says the contrary of what the host ports need; let a rule"
                " before it accept their clients, or set host_ports_firewall to false if clients are kept out on purpose"
            )
        return [words for words in desired if deciding[words] is None]

    def _deciding(self, desired: Rule, rules: Iterable[Rule]) -> Rule | None:
        """Return the first rule that decides about what a desired rule lets in; none if there is none yet."""
        by_interface: set[str] = set()
        for rule in rules:
            if rule.outgoing or rule.routed != desired.routed or rule.source not in ("", "0.0.0.0/0", "::/0"):
                continue
            if not self._covers(rule, desired):
                continue
            if not rule.interface or (rule.action != "allow" and (not self._uplinks or rule.interface in self._uplinks)):
                return rule
            # Open where clients come in is open, whatever is said of other interfaces.
            by_interface |= {rule.interface} if rule.action == "allow" else set()
            if self._uplinks and self._uplinks <= by_interface:
                return rule
        return None

    def _covers(self, rule: Rule, desired: Rule) -> bool:
        if rule.protocol not in ("", "tcp"):
            return False
        if not desired.routed:
            # A rule for one address refuses clients of this host, but does not let all of them in.
            refuses = rule.action != "allow" and (not self._addresses or any(_contains(rule.target, own) for own in self._addresses))
            return (not rule.target or refuses) and (not rule.ports or self._has(rule, int(desired.ports)))
        # A rule that refuses one of the ports is as contrary as one that refuses all.
        enough = all if rule.action == "allow" else any
        if rule.ports and not enough(self._has(rule, int(port)) for port in desired.ports.split(",")):
            return False
        if rule.way_out and not rule.way_out.startswith(_POD_INTERFACES):
            return False
        return not rule.target or _contains(rule.target, desired.target)

    def _has(self, rule: Rule, port: int) -> bool:
        if _has_port(rule.ports, rule.protocol, port):
            return True
        if rule.ports.replace(",", "").replace(":", "").isdecimal():
            return False
        if rule.ports not in self._profiles:
            code, out, _err = self._run([self._program, "app", "info", rule.ports])
            self._profiles[rule.ports] = out.rpartition("Port")[2].partition(":")[2] if code == 0 else ""
        for entry in self._profiles[rule.ports].split():
            ports, _slash, protocol = entry.partition("/")
            if protocol in ("", "tcp") and _has_port(ports, protocol, port):
                return True
        return False

    def add(self, rule: tuple[str, ...]) -> None:
        """Make a rule, now and for later."""
        self._ufw(*rule, "comment", self._comment)

    def delete(self, rule: tuple[str, ...]) -> None:
        """Delete a rule, now and for later."""
        # The word stands behind `route` where there is one.
        self._ufw(*(("route", "delete", *rule[1:]) if rule[0] == "route" else ("delete", *rule)))

    def _ufw(self, *arguments: str) -> str:
        code, out, err = self._run([self._program, *arguments])
        if code:
            raise FirewallError(f"`ufw {' '.join(arguments)}` fails: {reason_line(err or out)}{self._advice}")
        return out


def _contains(wider: str, network: str) -> bool:
    """Return whether a network contains another; text that is none contains nothing."""
    try:
        outer, inner = ipaddress.ip_network(wider, strict=False), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return outer.version == inner.version and int(outer[0]) <= int(inner[0]) and int(inner[-1]) <= int(outer[-1])
