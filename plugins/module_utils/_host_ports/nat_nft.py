# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that rewrite destinations in tables of nft, as its JSON prints them. No I/O.

Rules that iptables keeps in nft have targets that nft does not know; they are left to ``iptables-save``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import rules
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.nat_rule import Conditions, Own, Rule, Table, of_clients
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.text import value_text
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json

_KUBE_PROXY, _CNI_PORTMAP = "kube-proxy", "cni_hostport"
#: What an expression looks at, and whether a rule with it is about this host.
_KINDS = {
    "tcp dport": "port",
    "th dport": "port",
    "tcp sport": "source",
    "th sport": "source",
    "ip daddr": "address",
    "ip6 daddr": "address",
    "ip protocol": "protocol",
    "ip6 nexthdr": "protocol",
    "l4proto": "protocol",
    "fib daddr type": "type",
    "iif": "input",
    "iifname": "input",
    "oif": "output",
    "oifname": "output",
    "ct state": "state",
    "skuid": "user",
    "skgid": "user",
}
_OTHER_PROTOCOLS = ("udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "esp", "ah", "comp")
#: Values of connections to this host. They enter by any interface but the loopback, and leave by it.
_OUR_VALUE = {"protocol": ("tcp", 6), "type": ("local",), "state": ("new",), "output": ("lo",)}
_COMPARISONS = {"<": (0, -1), "<=": (0, 0), ">": (1, 65535), ">=": (0, 65535)}
_TCP_PORT = {"payload": {"protocol": "th", "field": "dport"}}

_Fit = tuple["frozenset[int]", bool]


class _Ruleset:
    """The tables of a host."""

    def __init__(self, text: str, own: Own) -> None:
        items: Sequence[Mapping[str, Any]] = parse_json(text).get("nftables", ())
        self._own = own
        self.rules = [item["rule"] for item in items if "rule" in item]
        self.chains = [item["chain"] for item in items if "chain" in item]
        self.sets = {
            (entry["family"], entry["table"], entry["name"]): entry.get("elem", [])
            for kind in ("set", "map")
            for entry in (item[kind] for item in items if kind in item)
        }

    def members(self, value: Any, place: tuple[str, str]) -> list[Any]:
        """Return the members of a set or map, named or not; a single value stands for itself."""
        if isinstance(value, str) and value.startswith("@"):
            return list(self.sets.get((*place, value[1:]), ()))
        if isinstance(value, Mapping) and "set" in value:
            value = value["set"]
        return [_plain(member) for member in (value if isinstance(value, list) else [value])]

    def fit(self, left: Any, members: Sequence[Any]) -> _Fit:
        """Return for which ports an expression may be one of the members, and whether it is for each connection to them."""
        ports: frozenset[int] = frozenset()
        certain = True
        for member in members:
            fitting, always = self._fit_one(left, member)
            ports |= fitting
            certain &= always or not fitting
        return ports, certain

    def _fit_one(self, left: Any, member: Any) -> _Fit:
        if "concat" in left and isinstance(member, Mapping) and "concat" in member:
            ports, certain = self._own.ports, True
            for part, value in zip(left["concat"], member["concat"]):
                fitting, always = self._fit_one(part, value)
                ports, certain = ports & fitting, certain and always
            return ports, certain
        kind = _kind(left)
        low, high = _ends(member)
        if kind == "port" and isinstance(low, int):
            return frozenset(port for port in self._own.ports if low <= port <= high), True
        fits, always = True, False
        if kind == "address":
            fits, always = bool(self._within(member)[1]), False
        elif kind == "source" and isinstance(low, int):
            fits, always = of_clients([(low, high)])
        elif kind == "input":
            fits = member != "lo"
        elif kind in _OUR_VALUE:
            fits = always = member in _OUR_VALUE[kind]
        elif kind in ("never", "user"):
            fits = False
        return self._own.ports if fits else frozenset(), always

    def _within(self, member: Any) -> tuple[int, frozenset[Any]]:
        low, high = _ends(member)
        return self._own.within(value_text(member)) if low == high else self._own.within(low, high)

    def add_match(self, match: Mapping[str, Any], place: tuple[str, str], conditions: Conditions) -> None:
        """Add the condition of a match."""
        left, operator, members = match["left"], match["op"], self.members(match["right"], place)
        if operator in _COMPARISONS and _kind(left) in ("port", "source") and isinstance(match["right"], int):
            low, high = _COMPARISONS[operator]
            bounds = [low, match["right"] + high] if operator.startswith("<") else [match["right"] + low, high]
            members, operator = [{"range": bounds}], "=="
        if not isinstance(left, Mapping) or operator not in ("==", "in", "!="):
            conditions.unknown()
            return
        if _kind(left) == "address":
            conditions.add_address(map(self._within, members), operator == "!=")
            return
        ports, certain = self.fit(left, members)
        if operator == "!=" and _kind(left) not in ("never", "user"):
            ports, certain = self._own.ports - (ports if certain else frozenset()), certain or not ports
        conditions.ports &= ports
        conditions.certain &= certain
        conditions.named |= operator != "!=" and _names_this_host(left)

    def rules_of(self, rule: Mapping[str, Any], place: tuple[str, str]) -> Iterator[Rule]:
        """Return what a rule does to connections; a map of verdicts is a rule for each of them."""
        name, conditions = rule["chain"], Conditions(self._own)
        for item in rule["expr"]:
            for kind, value in item.items():
                if kind == "match":
                    self.add_match(value, place, conditions)
                elif kind == "vmap":
                    for key, verdict in self.members(value["data"], place):
                        taken, always = self.fit(value["key"], [_plain(key)])
                        one = Conditions(self._own)
                        one.ports, one.certain = conditions.ports & taken, conditions.certain and always
                        one.named = conditions.named or _names_this_host(value["key"])
                        yield from _verdict(name, verdict, one)
                elif kind in ("limit", "xt", "quota"):
                    conditions.unknown()
                elif kind in ("dnat", "redirect", "tproxy", "mangle"):
                    self._add_maps(value, place, conditions)
                    by = _rewrite(kind, value)
                    if by:
                        yield conditions.rule(name, by=_served(place, name, by), cluster=place[1] == _CNI_PORTMAP)
                else:
                    yield from _verdict(name, item, conditions)

    def _add_maps(self, value: Any, place: tuple[str, str], conditions: Conditions) -> None:
        """Add the conditions of maps in a target: what is not in them passes."""
        for part in value.values() if isinstance(value, Mapping) else ():
            if isinstance(part, Mapping) and "map" in part:
                keys = [_plain(key) for key, _value in self.members(part["map"]["data"], place)]
                ports, certain = self.fit(part["map"]["key"], keys)
                conditions.ports &= ports
                conditions.certain &= certain
                conditions.named |= _names_this_host(part["map"]["key"])

    def services(self) -> Iterator[Rule]:
        """Return what kube-proxy serves at addresses of this host in its nftables mode."""
        for (family, table, name), elements in self.sets.items():
            if (table, name) != (_KUBE_PROXY, "service-ips"):
                continue
            key = {"concat": [{"payload": {"protocol": family, "field": "daddr"}}, {"meta": {"key": "l4proto"}}, _TCP_PORT]}
            for element, verdict in elements:
                member = _plain(element)
                ports, _certain = self.fit(key, [member])
                chain = str((verdict.get("goto") or verdict.get("jump") or {}).get("target", ""))
                if ports and chain.startswith(("external-", "service-")):
                    service = "/".join(chain.split("-", 2)[-1].split("/")[:2])
                    yield Rule(_KUBE_PROXY, ports, by=f"Service {service} (address {member['concat'][0]})", cluster=True)


def _plain(member: Any) -> Any:
    """Return a member of a set without its counter, comment or time-out."""
    return member["elem"]["val"] if isinstance(member, Mapping) and "elem" in member else member


def _kind(left: Any) -> str:
    if isinstance(left, Mapping) and left.get("payload", {}).get("protocol") in _OTHER_PROTOCOLS:
        return "never"
    return _KINDS.get(value_text(left), "")


def _names_this_host(left: Any) -> bool:
    parts = left.get("concat", [left]) if isinstance(left, Mapping) else []
    return any(_kind(part) in ("port", "address", "type") for part in parts)


def _ends(member: Any) -> tuple[Any, Any]:
    """Return the first and the last value that a member of a set stands for."""
    if isinstance(member, Mapping) and "range" in member:
        return member["range"][0], member["range"][1]
    return member, member


def _rewrite(kind: str, value: Any) -> str:
    """Return in words to what the destination is rewritten; empty if it is not."""
    if kind == "mangle":
        key = value_text(value["key"])
        return f"{key} set {value_text(value['value'])}" if _KINDS.get(key) in ("port", "address") else ""
    to = value if isinstance(value, Mapping) else {}
    parts = {key: to[key] for key in ("addr", "port") if key in to}
    words = {key: "a map" if isinstance(part, Mapping) and "map" in part else value_text(part) for key, part in parts.items()}
    shown = words.get("addr", "") + (f":{words['port']}" if "port" in words else "")
    return f"{kind} to {shown}" if shown else kind


def _served(place: tuple[str, str], chain: str, by: str) -> str:
    if place[1] == _CNI_PORTMAP:
        return f"the hostPort of a pod ({by}; K3s's ServiceLB makes such pods)"
    return f"the rule `... {by}` in chain {chain} of nft's table {' '.join(place)}"


def _verdict(chain: str, item: Mapping[str, Any], conditions: Conditions) -> Iterator[Rule]:
    for kind in ("jump", "goto"):
        if kind in item:
            yield conditions.rule(chain, target=item[kind]["target"], leaves=kind == "goto")
    if {"accept", "drop", "reject"} & set(item):
        yield conditions.rule(chain, ends=True)
    elif "return" in item:
        yield conditions.rule(chain, leaves=True)


def tables(ruleset: str, own: Own) -> Iterator[Table]:
    """Return the tables in which a new connection to this host may get another destination."""
    if not ruleset.strip():
        return
    try:
        found = _Ruleset(ruleset, own)
        yield Table(list(found.services()), {_KUBE_PROXY: True})
        for place in dict.fromkeys((chain["family"], chain["table"]) for chain in found.chains):
            if place[0] not in ("ip", "ip6", "inet") or place[1] in (rules.TABLE, _KUBE_PROXY):
                continue
            here = [rule for rule in found.rules if (rule["family"], rule["table"]) == place]
            chains = [chain for chain in found.chains if (chain["family"], chain["table"]) == place]
            hooks = {chain["name"]: chain["hook"] == "prerouting" for chain in chains if chain.get("hook") in ("prerouting", "output")}
            if hooks:
                yield Table([one for rule in here for one in found.rules_of(rule, place)], hooks)
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # a release of nft that prints something else: what nothing is known of is no reason to end a run
