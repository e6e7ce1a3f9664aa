# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cert_manager_objects
short_description: Make issuers and their Secrets from their short form
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Turns entries of the variables C(cert_manager_issuers) and C(cert_manager_secrets) into manifests.
  - Adds Let's Encrypt's V(letsencrypt) and V(letsencrypt-staging) where they are used, since each registers an account there.
  - Fails with a sentence for everything that is wrong with the entries.
positional: settings
options:
  _input:
    description: The issuers, as in the variable C(cert_manager_issuers).
    type: list
    elements: dict
    required: true
  settings:
    description:
      - C(used), names of the issuers that sites use.
      - C(email), contact for ACME issuers without one of their own.
      - C(solvers), solvers for ACME issuers without any of their own, in cert-manager's form.
      - C(issuer_namespace), namespace for issuers of kind C(Issuer) without one of their own.
      - C(secrets), the Secrets, as in the variable C(cert_manager_secrets), and C(secret_namespace) for those that name none.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Apply the issuers and their Secrets
  baremesh.edge.object_apply:
    objects: "{{ (cert_manager_issuers | baremesh.edge.cert_manager_objects(settings)).objects }}"
  vars:
    settings: {used: [letsencrypt], email: ops@example.com, secrets: "{{ cert_manager_secrets }}", secret_namespace: cert-manager}
"""

RETURN = r"""
_value:
  description: What is applied, and what is then waited for.
  type: dict
  contains:
    objects:
      description: Manifests of the Secrets and of the issuers, in this order.
      type: list
      elements: dict
    issuers:
      description: C(kind), C(name) and C(namespace) of each issuer. The namespace of a ClusterIssuer is empty.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import entries_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import issuer_objects, read_issuers, secret_objects


def cert_manager_objects(issuers: Any, settings: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the objects to apply and the issuers among them."""
    given = settings or {}
    solvers = entries_of(given.get("solvers"))
    found, findings = read_issuers(issuers, given.get("email") or "", solvers or (), given.get("issuer_namespace") or "")
    if solvers is None and given.get("solvers"):
        findings.append(f"cert_manager_solvers is {given['solvers']!r}; it must be a list")
    secrets, wrong = secret_objects(given.get("secrets") or [], given.get("secret_namespace") or "")
    if findings or wrong:
        raise AnsibleFilterError("\n".join(findings + wrong))
    made = issuer_objects(found, [issuer["name"] for issuer in entries_of(issuers) or ()], given.get("used") or ())
    names = [{"kind": each["kind"], "name": each["metadata"]["name"], "namespace": each["metadata"].get("namespace", "")} for each in made]
    return {"objects": secrets + made, "issuers": names}


class FilterModule:
    """The filter cert_manager_objects."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Map the name of the filter to its function."""
        return {"cert_manager_objects": cert_manager_objects}
