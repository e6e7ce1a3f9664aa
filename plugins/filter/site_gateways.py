# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_gateways
short_description: Make Gateways of sites
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Turns sites into manifests of C(networking.istio.io/v1) Gateways, one for each site, that end TLS with the credential of the site.
positional: namespace, selector
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
  selector:
    description: Labels of the gateway pods.
    type: dict
    required: true
  port:
    description: Port of the gateway's Service that ends TLS.
    type: int
    default: 443
"""

EXAMPLES = r"""
- name: Apply the Gateways of the sites
  kubernetes.core.k8s:
    definition: "{{ edge_sites | baremesh.edge.site_gateways('istio-ingress', {'istio': 'ingress'}) }}"
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import gateways


def site_gateways(sites: t.Any, namespace: str, selector: t.Mapping[str, str], port: int = 443) -> list[dict[str, t.Any]]:
    """Return a Gateway for each site."""
    return gateways(sites_of(sites)[0], namespace, selector, int(port))


class FilterModule:
    """The filter site_gateways."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_gateways": site_gateways}
