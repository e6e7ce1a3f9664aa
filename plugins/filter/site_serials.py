# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_serials
short_description: Tell which certificate each host must be served with
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Joins sites with what M(baremesh.edge.certificate_info) saw, for O(baremesh.edge.served_certificate_info#module:expected_serials).
positional: certificates
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
"""

EXAMPLES = r"""
- name: Compare what is served with what was issued
  baremesh.edge.served_certificate_info:
    endpoints: "{{ edge_sites | baremesh.edge.site_endpoints(['192.0.2.10']) }}"
    expected_serials: "{{ edge_sites | baremesh.edge.site_serials(issued.certificates) }}"
"""

RETURN = r"""
_value:
  description: The serial number for each name.
  type: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import serials


def site_serials(sites: t.Any, certificates: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """Return the serial number for each name."""
    return serials(sites_of(sites)[0], certificates)


class FilterModule:
    """The filter site_serials."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_serials": site_serials}
