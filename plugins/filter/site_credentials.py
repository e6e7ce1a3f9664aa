# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_credentials
short_description: Tell which credentials gateway pods must serve
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Lists, for O(baremesh.edge.sds_secret_wait#module:credentials), the Secret, hosts and TLS mode of each site.
options:
  _input:
    description: The sites, as in the variable C(edge_sites).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Wait until every gateway pod serves the certificates
  baremesh.edge.sds_secret_wait:
    credentials: "{{ edge_sites | baremesh.edge.site_credentials }}"
    namespace: istio-ingress
    selector: {istio: ingress}
"""

RETURN = r"""
_value:
  description: C(name), C(hosts) and C(mode) of each credential.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import credentials


def site_credentials(sites: t.Any) -> list[dict[str, t.Any]]:
    """Return the credential of each site that has one."""
    return credentials(sites_of(sites)[0])


class FilterModule:
    """The filter site_credentials."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_credentials": site_credentials}
