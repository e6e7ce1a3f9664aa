# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: k3s_config_findings
short_description: Tell what is wrong with a K3s configuration
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Checks the key names of a K3s configuration file, which a K3s server does not (it skips an unknown key with a warning) and an agent
    does by not starting.
positional: kind
options:
  _input:
    description: Contents of the configuration file.
    type: dict
    required: true
  kind:
    description: Kind of node.
    type: str
    choices: [server, agent]
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ {'tls-sans': ['edge.example.com']} | baremesh.edge.k3s_config_findings('server') }}"
"""

RETURN = r"""
_value:
  description: One sentence for each thing that is wrong.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import config_findings


class FilterModule:
    """Filter for K3s configurations."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"k3s_config_findings": config_findings}
