# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_endpoints
short_description: Tell where sites must be served
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Lists, for O(baremesh.edge.served_certificate_info#module:endpoints), every host of every site at every address.
  - A site whose TLS only passes through has none, since its certificate is not known here.
positional: addresses, port
options:
  _input:
    description: The sites, as in the variable C(edge_sites).
    type: list
    elements: dict
    required: true
  addresses:
    description: Addresses of the hosts that serve the sites.
    type: list
    elements: str
    required: true
  port:
    description: Port that clients ask.
    type: int
    default: 443
  proxy_protocol:
    description: Whether connections to these addresses must begin with a PROXY header.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See what is served
  baremesh.edge.served_certificate_info:
    endpoints: "{{ edge_sites | baremesh.edge.site_endpoints(['192.0.2.10']) }}"
"""

RETURN = r"""
_value:
  description: C(address), C(port), C(server_name) of each, and C(proxy_protocol) where it is true.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import endpoints


def site_endpoints(sites: t.Any, addresses: t.Sequence[str], port: int = 443, proxy_protocol: bool = False) -> list[dict[str, t.Any]]:
    """Return every host of every site at every address."""
    return endpoints(sites_of(sites)[0], addresses, int(port), bool(proxy_protocol))


class FilterModule:
    """The filter site_endpoints."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_endpoints": site_endpoints}
