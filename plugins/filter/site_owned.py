# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_owned
short_description: Complete raw objects so that they can be found again
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Adds API version, kind, namespace and the labels by which roles of this collection find objects that are no longer wanted.
positional: namespace, api_version, kind
options:
  _input:
    description: Manifests, which may leave out C(apiVersion), C(kind) and C(metadata.namespace).
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace for those that name none.
    type: str
    required: true
  api_version:
    description: API version for those that name none.
    type: str
    required: true
  kind:
    description: Kind that all of them must be of.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Apply Gateways that the short form of sites cannot say
  kubernetes.core.k8s:
    definition: "{{ gateway_gateways | baremesh.edge.site_owned('istio-ingress', 'networking.istio.io/v1', 'Gateway') }}"
"""

RETURN = r"""
_value:
  description: The completed manifests.
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import labelled


def site_owned(objects: t.Sequence[t.Mapping[str, t.Any]], namespace: str, api_version: str, kind: str) -> list[dict[str, t.Any]]:
    """Return the objects, completed and labelled."""
    try:
        return labelled(objects, namespace, api_version, kind)
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter site_owned."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_owned": site_owned}
