# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_ca_secrets
short_description: Make Secrets of the client CAs of sites
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Turns C(tls.ca_certificate) of sites into Secrets by the name that Istio looks for, the credential with V(-cacert) behind it.
positional: namespace
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
"""

EXAMPLES = r"""
- name: Apply the client CAs of sites with mutual TLS
  kubernetes.core.k8s:
    definition: "{{ edge_sites | baremesh.edge.site_ca_secrets('istio-ingress') }}"
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import ca_secrets


def site_ca_secrets(sites: t.Any, namespace: str) -> list[dict[str, t.Any]]:
    """Return a Secret for each site that brings the CA of its clients."""
    return ca_secrets(sites_of(sites)[0], namespace)


class FilterModule:
    """The filter site_ca_secrets."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_ca_secrets": site_ca_secrets}
