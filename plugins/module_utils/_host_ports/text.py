# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft's JSON to nft's text, for the few expressions that host ports need. No I/O.

Desired and live rules both come here as JSON and leave as text; so they are compared by what they do, and what nft releases print
differently (order in sets, a single flag as word or list, counters) does not count. What is unknown stays visible as JSON.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

Statement = Mapping[str, Any]


def _networks(member: Any) -> list[Any]:
    """Return a set's member as networks; nft joins neighbours to ranges, so the same set has many spellings."""
    if isinstance(member, Mapping) and "range" in member:
        first, last = (ipaddress.ip_address(end) for end in member["range"])
        return list(ipaddress.summarize_address_range(first, last))
    return [ipaddress.ip_network(value_text(member))]


def _set(members: Sequence[Any]) -> list[str]:
    if all(isinstance(member, int) for member in members):
        return [str(member) for member in sorted(members)]
    try:
        return [
            _network(network) for network in ipaddress.collapse_addresses(network for member in members for network in _networks(member))
        ]
    except (ValueError, TypeError):
        # Ranges of anything but addresses stay as they are: value_text would ask here again.
        return sorted(
            _expression(member) if isinstance(member, Mapping) and "range" in member else value_text(member) for member in members
        )


def _network(network: Any) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def value_text(value: Any) -> str:
    """Write a value or an expression as nft does, sets in one canonical order."""
    if not isinstance(value, Mapping):
        return str(value)
    if "prefix" in value:
        return f"{value_text(value['prefix']['addr'])}/{value['prefix']['len']}"
    if "range" in value and all(isinstance(end, str) for end in value["range"]):
        return "{ " + ", ".join(_set([value])) + " }"
    if "set" in value:
        return "{ " + ", ".join(_set(value["set"] if isinstance(value["set"], list) else [value["set"]])) + " }"
    return _expression(value)


def _expression(value: Mapping[str, Any]) -> str:
    if "payload" in value and {"protocol", "field"} <= set(value["payload"]):
        return f"{value['payload']['protocol']} {value['payload']['field']}"
    if "meta" in value:
        return str(value["meta"]["key"])
    if "ct" in value:
        direction = f" {value['ct']['dir']}" if "dir" in value["ct"] else ""
        return f"ct{direction} {value['ct']['key']}"
    if "fib" in value:
        flags = value["fib"]["flags"]
        return f"fib {' . '.join([flags] if isinstance(flags, str) else sorted(flags))} {value['fib']['result']}"
    if "socket" in value:
        return f"socket {value['socket']['key']}"
    return json.dumps(value, sort_keys=True)


def statement(item: Statement) -> str:
    """Write one statement of a rule as nft does; empty for a counter, whose figures are no rule."""
    if "counter" in item:
        return ""
    if "match" in item:
        match = item["match"]
        operator = "" if match["op"] in ("==", "in") else f"{match['op']} "
        right = match["right"]
        quoted = f'"{right}"' if match["left"] in ({"meta": {"key": "iifname"}}, {"meta": {"key": "oifname"}}) else value_text(right)
        return f"{value_text(match['left'])} {operator}{quoted}"
    if "mangle" in item:
        return f"{value_text(item['mangle']['key'])} set {value_text(item['mangle']['value'])}"
    for verdict in ("accept", "drop", "return"):
        if verdict in item:
            return verdict
    return json.dumps(item, sort_keys=True)


def rule(statements: Sequence[Statement]) -> str:
    """Write a whole rule as one line of text."""
    return " ".join(part for part in map(statement, statements) if part)
