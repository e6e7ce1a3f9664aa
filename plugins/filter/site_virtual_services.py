# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_virtual_services
short_description: Make VirtualServices of sites
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - "Turns sites into manifests of C(networking.istio.io/v1) VirtualServices: the routes of each site, and its redirect from port 80."
  - The redirect is a VirtualService of its own whose only rule matches everything, so that the path of an ACME challenge stays open.
  - With O(trusted_proxies) it redirects only what was not asked over TLS, and serves the rest by the routes of the site.
positional: namespace, http_gateway
options:
  _input:
    description: The sites, as in the variable C(edge_sites).
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the gateway pods. Istio serves Secrets of that namespace only.
    type: str
    required: true
  http_gateway:
    description: Name of the Gateway of port 80, in O(namespace). Empty for no redirects.
    type: str
    default: edge-http
  port:
    description: Port of the gateway's Service that ends TLS.
    type: int
    default: 443
  cluster_domain:
    description: Domain that completes names of Services.
    type: str
    default: cluster.local
  trusted_proxies:
    description:
      - Number of proxies in front that end TLS and set C(X-Forwarded-Proto), as the gateway pods were told it.
      - Not for a proxy that passes TLS on.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Apply the VirtualServices of the sites
  kubernetes.core.k8s:
    definition: "{{ edge_sites | baremesh.edge.site_virtual_services('istio-ingress') }}"
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import virtual_services


def site_virtual_services(
    sites: t.Any,
    namespace: str,
    http_gateway: str = "edge-http",
    port: int = 443,
    cluster_domain: str = "cluster.local",
    trusted_proxies: int = 0,
) -> list[dict[str, t.Any]]:
    """Return routes and redirect of each site."""
    known = sites_of(sites, None, cluster_domain)[0]
    return virtual_services(known, namespace, http_gateway, int(port), int(trusted_proxies) > 0)


class FilterModule:
    """The filter site_virtual_services."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_virtual_services": site_virtual_services}
