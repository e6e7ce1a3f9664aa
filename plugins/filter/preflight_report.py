# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_report
short_description: List everything that would make a run fail
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Judges the settings of a run and what M(baremesh.edge.preflight_info) gathered. Reads nothing itself.
positional: gathered, network
options:
  _input:
    description: Settings, in the form in which the role P(baremesh.edge.preflight#role) gathers them.
    type: dict
    required: true
  gathered:
    description: Results of M(baremesh.edge.preflight_info) by host name.
    type: dict
    default: {}
  network:
    description: Result of M(baremesh.edge.preflight_info) with names and documents.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Judge the settings alone
  ansible.builtin.debug:
    msg: "{{ {'sites': edge_sites, 'issuers': [], 'k3s_version': 'v1.34.4+k3s1'} | baremesh.edge.preflight_report }}"
"""

RETURN = r"""
_value:
  description: Lists C(errors) and C(warnings), a sentence for each finding.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight_report import plan, report


class FilterModule:
    """Filters for what is known before a run."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"preflight_report": report, "preflight_plan": plan}
