# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_ports_verdict
short_description: Join what hosts and the controller see of host ports
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Finds a host that is silent to the controller on a port that another host answers, as happens with C(externalTrafficPolicy) C(Local) on
    nodes without a gateway pod.
  - Silence alone is a note, because the way may be closed to the controller alone.
positional: host, answers, addresses, served
options:
  _input:
    description: Result of M(baremesh.edge.host_ports_info) on the host.
    type: dict
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
  answers:
    description: RV(baremesh.edge.host_ports_info#module:from_controller) of each host, by name of the host.
    type: dict
    required: true
  addresses:
    description: Addresses of the host; the first is the one that the controller has asked.
    type: list
    elements: str
    required: true
  served:
    description: Addresses that DNS names. A host without any of them may be silent. If empty, DNS names all hosts.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Fail where this host is silent while others answer
  ansible.builtin.assert:
    that: verdict.failure | length == 0
    fail_msg: "{{ verdict.failure }}"
  vars:
    verdict: "{{ proof | baremesh.edge.host_ports_verdict(inventory_hostname, answers, [ansible_host], edge_addresses) }}"
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    failure:
      description: One sentence if the host is silent on a port that another host answers, else empty.
      type: str
    notes:
      description: The reason of the backend, and what could not be proved, one sentence each.
      type: list
      elements: str
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        ``failure``, empty unless the host is silent on a port that another host answers, and ``notes``, what could not be proved.
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
    return {"failure": failure, "notes": notes}


def _black_hole(host: str, ports: Iterable[int], others: Mapping[str, set[int]]) -> str:
    names = ", ".join(name for name, answered in others.items() if answered)
    return (
        f"Port {', '.join(map(str, ports))} of {host} does not answer from outside, and of {names} it does. With externalTrafficPolicy"
        " Local only nodes with a ready gateway pod answer, and packets to the others are dropped silently. Let a gateway pod run on every"
        f" host that DNS names (istio_gateway_replicas), or let DNS name {names} only and say so in edge_addresses."
    )


class FilterModule:
    """The filter host_ports_verdict."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by name."""
        return {"host_ports_verdict": host_ports_verdict}
