# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_certificates
short_description: Make Certificates of sites
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Turns sites into manifests of C(cert-manager.io/v1) Certificates. A Certificate and its Secret bear the name of the site.
  - A site that brings its own Secret, or whose TLS only passes through, has none.
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
  issuers:
    description:
      - Issuers that sites may name beside V(letsencrypt) and V(letsencrypt-staging), as in the variable C(cert_manager_issuers).
      - Left out, names of issuers are not checked.
    type: list
    elements: dict
  private_key:
    description: C(algorithm), C(size) and C(rotation_policy) of keys, for sites that say nothing else.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Apply the Certificates of the sites
  kubernetes.core.k8s:
    definition: "{{ edge_sites | baremesh.edge.site_certificates('istio-ingress') }}"
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._filters import sites_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import certificates


def site_certificates(
    sites: t.Any, namespace: str, issuers: t.Any = None, private_key: t.Mapping[str, t.Any] | None = None
) -> list[dict[str, t.Any]]:
    """Return a Certificate for each site that has an issuer."""
    found, known = sites_of(sites, issuers)
    kinds = {name: issuer["kind"] for name, issuer in (known or {}).items()}
    return certificates(found, namespace, kinds, private_key or {})


class FilterModule:
    """The filter site_certificates."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_certificates": site_certificates}
