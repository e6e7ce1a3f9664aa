# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins what hosts and the controller see of host ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def _ports(answers: Mapping[str, bool], answered: bool) -> list[int]:
    """Return the ports that answered the controller, or those that did not."""
    return [int(port) for port, answers_now in answers.items() if answers_now is answered]


def host_ports_verdict(
    proof: Mapping[str, Any], host: str, answers: Mapping[str, Mapping[str, bool]], addresses: Sequence[str], served: Sequence[str] = ()
) -> dict[str, Any]:
    """Join what a host and the controller have tried.

    Args:
        proof: result of host_ports_info.
        host: the host's name in the inventory.
        answers: whether each port answered the controller, by host.
        addresses: addresses of the host; the controller asks the first.
        served: addresses that DNS names; without any it names all hosts.

    Returns:
        ``failure``, empty unless the host is silent on a port that another host answers, and ``notes``, what could not be proved;
        ``says``, whether there is one or the other.
    """
    silent = _ports(answers.get(host, {}), answered=False)
    notes = [proof["reason"]] if proof["reason"] else []
    notes += proof["pending"]
    notes += proof["untried"] if proof["answering"] else []
    if silent:
        notes.append(
            f"from the controller: {addresses[0]} does not answer on port {', '.join(map(str, silent))}; the way there may be closed to"
            " the controller alone"
        )
    others = {name: set(_ports(found, answered=True)) & set(silent) for name, found in answers.items() if name != host}
    # kube-proxy sends connections of the host to itself on to any pod, whatever the policy; so only a client outside sees the silence.
    named = {*addresses, *(check["address"] for check in proof["checks"])}
    failure = ""
    if any(others.values()) and (not served or named & set(served)):
        failure = _black_hole(host, [port for port in silent if any(port in ports for ports in others.values())], others)
    return {"failure": failure, "notes": notes, "says": bool(failure or notes)}


def _black_hole(host: str, ports: Iterable[int], others: Mapping[str, set[int]]) -> str:
    names = ", ".join(name for name, answered in others.items() if answered)
    return (
        f"Port {', '.join(map(str, ports))} of {host} does not answer from outside, and of {names} it does. With externalTrafficPolicy"
        " Local only nodes with a ready gateway pod answer, and packets to the others are dropped silently. Let a gateway pod run on every"
        f" host that DNS names (istio_gateway_replicas), or let DNS name {names} only and say so in edge_addresses."
    )
