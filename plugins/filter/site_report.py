# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_report
short_description: Join what was seen of each site into a summary
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Compares, for each site, the certificate in the Secret with what every gateway pod and every host port serves.
positional: certificates, pods, endpoints
options:
  _input:
    description: The sites, as in the variable C(edge_sites).
    type: list
    elements: dict
    required: true
  certificates:
    description: What M(baremesh.edge.certificate_info) returned as RV(baremesh.edge.certificate_info#module:certificates).
    type: list
    elements: dict
    required: true
  pods:
    description: What each gateway pod serves, from M(baremesh.edge.sds_secret_info).
    type: list
    elements: dict
    required: true
  endpoints:
    description: What each host port serves, from M(baremesh.edge.served_certificate_info).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is served
  ansible.builtin.debug:
    msg: "{{ (edge_sites | baremesh.edge.site_report(certificates, pods, endpoints)).lines }}"
"""

RETURN = r"""
_value:
  description: The summary.
  type: dict
  contains:
    lines:
      description: The summary as lines to print.
      type: list
      elements: str
    problems:
      description: One sentence for each thing that is not proved; empty when every site is served as it should be.
      type: list
      elements: str
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._report import phase_times, site_report


class FilterModule:
    """Filters for the summary at the end of a run."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"site_report": site_report, "phase_times": phase_times}
