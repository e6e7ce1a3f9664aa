# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: k3s_plan
short_description: Derive what a K3s node needs on its host
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Derives the configuration of a node from the variables of the role P(baremesh.edge.k3s#role), and validates them.
  - Names of configuration keys are checked, since a K3s server ignores an unknown key with a warning and an agent does not start with
    one.
options:
  _input:
    description: Values of the role's variables by their names without the prefix, and what joining the first server takes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong with the variables
  ansible.builtin.debug:
    msg: "{{ (_k3s_settings | baremesh.edge.k3s_plan).findings }}"
"""

RETURN = r"""
_value:
  description: What the node needs.
  type: dict
  contains:
    findings:
      description: A sentence for each variable that is wrong.
      type: list
      elements: str
    join_findings:
      description: A sentence that says why the node cannot join the first server.
      type: list
      elements: str
    joins:
      description: Whether the node joins another one.
      type: bool
    name:
      description: Name of the Node, empty if the host's name is used.
      type: str
    unit:
      description: Name of the systemd unit.
      type: str
    config:
      description: Content of C(config.yaml).
      type: dict
    files_at_start:
      description: Files that K3s reads only when it starts.
      type: list
      elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_files, k3s_plan


class FilterModule:
    """Filters for K3s nodes."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"k3s_plan": k3s_plan, "k3s_files": k3s_files}
