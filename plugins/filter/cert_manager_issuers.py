# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cert_manager_issuers
short_description: Make issuers of their short form
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Turns entries of the variable C(cert_manager_issuers) into manifests of C(cert-manager.io/v1) Issuers and ClusterIssuers.
  - Adds Let's Encrypt's V(letsencrypt) and V(letsencrypt-staging) where they are used, since each registers an account there.
positional: used, email, solvers, namespace
options:
  _input:
    description: The issuers, as in the variable C(cert_manager_issuers).
    type: list
    elements: dict
    required: true
  used:
    description: Names of issuers that sites use.
    type: list
    elements: str
    default: []
  email:
    description: Contact for ACME issuers without one of their own.
    type: str
    default: ''
  solvers:
    description: Solvers for ACME issuers without any of their own, in cert-manager's form.
    type: list
    elements: dict
    default: []
  namespace:
    description: Namespace for issuers of kind C(Issuer) without one of their own.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Apply the issuers
  kubernetes.core.k8s:
    definition: >-
      {{ cert_manager_issuers
         | baremesh.edge.cert_manager_issuers(edge_sites | map(attribute='issuer'), 'ops@example.com') }}
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import issuer_objects, read_issuers


def cert_manager_issuers(
    issuers: Any,
    used: Iterable[str] = (),
    email: str = "",
    solvers: Sequence[Mapping[str, Any]] = (),
    namespace: str = "",
) -> list[dict[str, Any]]:
    """Return the issuers to apply."""
    found, findings = read_issuers(issuers, email, solvers, namespace)
    if findings:
        raise AnsibleFilterError("\n".join(findings))
    return issuer_objects(found, [issuer["name"] for issuer in issuers], used)


class FilterModule:
    """The filter cert_manager_issuers."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Map the name of the filter to its function."""
        return {"cert_manager_issuers": cert_manager_issuers}
