# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who serves a port of this host by NAT, where no program listens: from ``iptables-save``. No I/O."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import redirects

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Rule:
    """What matters of one NAT rule."""

    chain: str
    destination: str
    ports: tuple[str, ...]
    target: str
    argument: str
    comment: str


def _parse(line: str) -> Rule | None:
    """Read one line of ``iptables-save``; ``None`` unless it is a rule, and for a rule that excludes what it names."""
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    if len(words) < 2 or words[0] != "-A" or ("!" in words and "--dport" in words and words[words.index("--dport") - 1] == "!"):
        return None
    # Options come in pairs in what iptables prints, but for a few flags, which do not matter here.
    found = dict(zip(words, words[1:]))
    return Rule(
        found["-A"],
        found.get("-d", "").partition("/")[0],
        tuple((found.get("--dport") or found.get("--dports") or "").split(",")),
        found.get("-j", ""),
        found.get("--to-destination") or found.get("--to-ports") or "",
        found.get("--comment", ""),
    )


@dataclass(frozen=True)
class Claim:
    """A port that is served by NAT; ``cluster`` if Kubernetes does it, for a Service with this host's address or a hostPort."""

    port: int
    by: str
    cluster: bool

    def __str__(self) -> str:
        return f"port {self.port} is served by {self.by}"


def _claimant(rule: Rule, addresses: Collection[str]) -> tuple[str, bool]:
    if rule.destination and rule.destination not in addresses:
        return "", False
    if rule.chain == "KUBE-SERVICES" and rule.comment.endswith((" external IP", " loadbalancer IP")):
        service, _space, kind = rule.comment.partition(" ")
        return f"Service {service.rpartition(':')[0] or service} ({kind} {rule.destination})", True
    if rule.target not in ("DNAT", "REDIRECT") or rule.chain in (redirects.FROM_NETWORK, redirects.FROM_HOST):
        return "", False
    if rule.chain.startswith("CNI-DN-"):
        return f"the hostPort of a pod at {rule.argument} (K3s's ServiceLB makes such pods)", True
    return f"the NAT rule `-A {rule.chain} ... -j {rule.target} {rule.argument}`", False


def claims(saved: str, ports: Collection[int], addresses: Collection[str]) -> list[Claim]:
    """Return who serves one of the ports by NAT.

    Rules for a destination count only if it is one of the ``addresses``: load balancers have addresses of their own.
    """
    asked = {str(port) for port in ports}
    found: dict[Claim, None] = {}
    for rule in filter(None, map(_parse, saved.splitlines())):
        by, cluster = _claimant(rule, addresses)
        for port in rule.ports:
            if by and port in asked:
                found[Claim(int(port), by, cluster)] = None
    return list(found)
