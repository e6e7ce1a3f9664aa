# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_addresses
short_description: List the address of each host
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Takes C(edge_address) of a host, else C(ansible_host), else its name in the inventory.
positional: hostvars
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the addresses of the cluster's hosts
  ansible.builtin.debug:
    msg: "{{ groups['k3s_cluster'] | baremesh.edge.host_addresses(hostvars) }}"
"""

RETURN = r"""
_value:
  description: An address or name for each host, in the same order.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._hosts import api_host, host_addresses
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import as_list


class FilterModule:
    """Filters for the inventory and for lists from it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"host_addresses": host_addresses, "api_host": api_host, "as_list": as_list}
