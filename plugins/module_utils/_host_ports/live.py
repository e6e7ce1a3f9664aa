# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``nft -j list table`` says, as chains, as host ports, and against what is desired. No I/O."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import rules, text
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPort, HostPorts, HostPortsError, networks
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


#: What JSON of another shape than nft's makes of the code below.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


def _unreadable(error: Exception) -> HostPortsError:
    reason = f"{type(error).__name__}: {error}"
    return HostPortsError(f"nft's JSON could not be read ({reason}); nft 1.0 or later with JSON support is needed")


def parse_table(output: str) -> tuple[rules.Chain, ...]:
    """Read the chains of one table in nft's JSON, in the order in which nft lists them.

    Raises:
        HostPortsError: it is not nft's JSON.
    """
    try:
        items: list[Mapping[str, Any]] = parse_json(output)["nftables"]
        found = {item["chain"]["name"]: item["chain"] for item in items if "chain" in item}
        lines: dict[str, list[str]] = {name: [] for name in found}
        for item in items:
            if "rule" in item:
                lines[item["rule"]["chain"]].append(text.rule(item["rule"]["expr"]))
            # We make no sets, maps or objects of our own: one that is there is foreign and has to show.
            foreign = set(item) & {"set", "map", "element", "flowtable", "counter", "limit", "quota"}
            for kind in foreign:
                lines.setdefault(kind, []).append(json.dumps(item[kind], sort_keys=True))
        return tuple(
            rules.Chain(name, str(found.get(name, {}).get("hook", "none")), int(found.get(name, {}).get("prio", 0)), tuple(lines[name]))
            for name in lines
        )
    except _UNREADABLE as error:
        raise _unreadable(error) from None


def _matches(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {text.value_text(item["match"]["left"]): item["match"]["right"] for item in statements if "match" in item}


def _sources(value: Any) -> list[str]:
    return text.value_text(value).strip("{ }").split(", ")


def parse_host_ports(output: str) -> HostPorts | None:
    """Return the host ports that a live table serves, for a reader; ``None`` if there are none. Rules of others are skipped.

    Raises:
        HostPortsError: it is not nft's JSON.
    """
    ports: dict[int, HostPort] = {}
    closed = False
    open_to: list[str] = []
    try:
        expressions = [
            item["rule"]["expr"] for item in parse_json(output)["nftables"] if item.get("rule", {}).get("chain") == rules.PREROUTING
        ]
        for expression in expressions:
            matches = _matches(expression)
            sources = [source for key in ("ip saddr", "ip6 saddr") if key in matches for source in _sources(matches[key])]
            targets = [
                item["mangle"]["value"] for item in expression if "mangle" in item and text.value_text(item["mangle"]["key"]) == "tcp dport"
            ]
            if {"drop": None} in expression:
                closed = True
            elif {"accept": None} in expression:
                open_to += sources
            elif targets and isinstance(matches.get("tcp dport"), int):
                port = matches["tcp dport"]
                known = ports[port].sources if port in ports else ()
                ports[port] = HostPort(port, int(targets[0]), networks([*known, *sources], "sources"))
        return HostPorts(tuple(ports[port] for port in sorted(ports)), closed, networks(open_to, "sources")) if ports else None
    except _UNREADABLE as error:
        raise _unreadable(error) from None


def differences(live: Iterable[rules.Chain], desired: Iterable[rules.Chain]) -> list[str]:
    """Return what the live chains have too little or too much, one sentence each; empty if they are as desired."""
    have = {chain.name: chain for chain in live}
    want = {chain.name: chain for chain in desired}
    found: list[str] = []
    for name, chain in want.items():
        if name not in have:
            found.append(f"chain {name} is missing")
            continue
        if have[name].header() != chain.header():
            found.append(f"chain {name} hooks in at {have[name].hook} {have[name].priority} instead of {chain.hook} {chain.priority}")
        if have[name].rules != chain.rules:
            lines = difflib.ndiff(list(have[name].rules), list(chain.rules))
            verbs = {"-": "has a foreign rule", "+": "lacks the rule"}
            found += [f"chain {name} {verbs[line[0]]}: {line[2:]}" for line in lines if line[0] in verbs]
    found += [f"chain {name} is foreign" for name in have if name not in want]
    return found
