# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT rules as ``iptables-save`` prints them. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import redirects
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.nat_rule import Conditions, Own, Rule, Table, of_clients

_REWRITES = ("DNAT", "REDIRECT", "NETMAP")
#: Matches whose conditions are all read below.
_KNOWN_MATCHES = ("tcp", "multiport", "comment", "addrtype", "iprange")
_TO = ("--to-destination", "--to-ports", "--to")
#: Options whose value may look like an option.
_TEXTS = ("--comment", "--log-prefix", "--string", "--nfacct-name")
#: Chains where connections enter. Those that leave this host, and meet no condition on it, are not for it.
_HOOKS = {"PREROUTING": True, "OUTPUT": False}


class _Option(NamedTuple):
    name: str
    negated: bool
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""


def _options(line: str) -> list[_Option]:
    """Read the options of a line of ``iptables-save``; none unless it is a rule."""
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    if len(words) < 2 or words[0] != "-A":
        return []
    found: list[_Option] = []
    negated = False
    for word in words:
        if found and found[-1].name in _TEXTS and not found[-1].values:
            found[-1] = found[-1]._replace(values=(word,))
        elif word == "!":
            negated = True
        elif re.match(r"--?[a-zA-Z]", word):
            found.append(_Option(word, negated, ()))
            negated = False
        elif found:
            # Old releases write the exclamation mark behind the option.
            found[-1] = found[-1]._replace(values=(*found[-1].values, word), negated=found[-1].negated or negated)
            negated = False
    return found


def _ports(text: str) -> list[tuple[int, int]]:
    ranges = [part.partition(":") for part in text.split(",") if part]
    return [(int(first or 0), int(last or 65535) if colon else int(first)) for first, colon, last in ranges]


def _within(value: str) -> Callable[[int], bool]:
    return lambda port: any(first <= port <= last for first, last in _ports(value))


def _add_type(conditions: Conditions, value: str, negated: bool) -> None:
    conditions.add("LOCAL" in value.split(","), negated=negated)
    conditions.named |= not negated


#: What options ask of a connection, as conditions with their value and whether they are negated.
_CONDITIONS: dict[str, Callable[[Conditions, str, bool], None]] = {
    "-p": lambda conditions, value, negated: conditions.add(value in ("tcp", "6", "all", "0"), negated=negated),
    **dict.fromkeys(("--dport", "--dports", "--ports"), lambda conditions, value, negated: conditions.add_ports(_within(value), negated)),
    "-d": lambda conditions, value, negated: conditions.add_address([conditions.own.within(value)], negated),
    "--dst-range": lambda conditions, value, negated: conditions.add_address([conditions.own.within(*value.split("-", 1))], negated),
    "--dst-type": _add_type,
    # Connections over the loopback have met the rules of OUTPUT, and meet no others.
    "-i": lambda conditions, value, negated: conditions.add(value != "lo", value == "+", negated),
    # So does what this host sends to itself.
    "-o": lambda conditions, value, negated: conditions.add(value == "lo", negated=negated),
    # That is a proxy for what users of this host send elsewhere.
    **dict.fromkeys(("--uid-owner", "--gid-owner"), lambda conditions, _value, _negated: conditions.add(False)),
    **dict.fromkeys(
        ("--ctstate", "--state"), lambda conditions, value, negated: conditions.add("NEW" in value.split(","), negated=negated)
    ),
    **dict.fromkeys(("--sport", "--sports"), lambda conditions, value, negated: conditions.add(*of_clients(_ports(value)), negated)),
    **dict.fromkeys(("-s", "--src-range", "--src-type"), lambda conditions, _value, _negated: conditions.unknown()),
    "-m": lambda conditions, value, _negated: None if value in _KNOWN_MATCHES else conditions.unknown(),
}


def _rule(line: str, own: Own) -> Rule | None:
    options = _options(line)
    if not options:
        return None
    found = {option.name: option.value for option in options}
    chain, target = found["-A"], found.get("-j") or found.get("-g", "")
    conditions = Conditions(own)
    try:
        for option in options:
            if option.name in _CONDITIONS:
                _CONDITIONS[option.name](conditions, option.value, option.negated)
    except ValueError:
        return None
    leaves = "-g" in found
    comment = found.get("--comment", "")
    if chain == "KUBE-SERVICES" and comment.endswith((" external IP", " loadbalancer IP")):
        service, _space, kind = comment.partition(" ")
        by = f"Service {service.rpartition(':')[0] or service} ({kind} {found.get('-d', '').partition('/')[0]})"
        return conditions.rule(chain, by=by, cluster=True)
    if target in _REWRITES:
        argument = next((found[name] for name in _TO if name in found), "")
        if chain.startswith("CNI-DN-"):
            return conditions.rule(chain, by=f"the hostPort of a pod at {argument} (K3s's ServiceLB makes such pods)", cluster=True)
        return conditions.rule(chain, by=f"the NAT rule `-A {chain} ... -j {target} {argument}`")
    if target in ("ACCEPT", "DROP"):
        return conditions.rule(chain, ends=True)
    if target == "RETURN":
        return conditions.rule(chain, leaves=True)
    return conditions.rule(chain, target=target, leaves=leaves)


def _matters(line: str) -> bool:
    """Return whether a line may serve a host port: not those of host_ports, nor those by which kube-proxy balances Services."""
    if line.startswith("-A KUBE-"):
        return line.startswith("-A KUBE-SERVICES ") and (' external IP"' in line or ' loadbalancer IP"' in line)
    return not line.startswith((f"-A {redirects.FROM_NETWORK} ", f"-A {redirects.FROM_HOST} "))


def tables(saved: str, own: Own) -> Iterator[Table]:
    """Return the tables of both families."""
    for text in re.split(r"^\*nat$", saved, flags=re.MULTILINE):
        rules = [rule for rule in (_rule(line, own) for line in text.splitlines() if _matters(line)) if rule]
        # Where chains are declared, one to which no rule jumps is without effect. A fragment may lack the jumps.
        whole = ":PREROUTING " in text
        reached = {rule.target for rule in rules}
        extra = {} if whole else {rule.chain: True for rule in rules if rule.chain not in reached and rule.chain not in _HOOKS}
        yield Table(rules, {**_HOOKS, **extra})
