# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_ports_verdict
short_description: Join what hosts and the controller see of host ports
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
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
    description:
      - Results of M(ansible.builtin.wait_for) on the controller by name of the host.
      - They are registered by a loop over RV(baremesh.edge.host_ports_info#module:answering) with the loop variable C(_host_ports_port).
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

from ansible_collections.baremesh.edge.plugins.plugin_utils._host_ports_verdict import verdict


def host_ports_verdict(
    proof: Mapping[str, Any], host: str, answers: Mapping[str, Any], addresses: Sequence[str], served: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the verdict on the ports of a host."""
    return verdict(proof, host, answers, addresses, served)


class FilterModule:
    """The filter host_ports_verdict."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by name."""
        return {"host_ports_verdict": host_ports_verdict}
