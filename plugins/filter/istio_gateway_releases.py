# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: istio_gateway_releases
short_description: Make Helm releases of Istio gateways
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Turns entries of the variable C(istio_gateways) into releases of Istio's chart C(gateway) with their values.
positional: namespace, version, values
options:
  _input:
    description: The gateways, as in the variable C(istio_gateways).
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace for those that name none.
    type: str
    required: true
  version:
    description: Version of the chart.
    type: str
    required: true
  values:
    description: Values for all of them; those of a gateway itself win.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Compare the gateways with what is wanted
  baremesh.edge.helm_release_check:
    releases: "{{ (istio_gateways | baremesh.edge.istio_gateway_releases('istio-ingress', '1.31.1')).releases }}"
"""

RETURN = r"""
_value:
  description: What Helm installs and what then runs.
  type: dict
  contains:
    releases:
      description: C(name), C(namespace), C(chart), C(chart_version) and C(values) of each release.
      type: list
      elements: dict
    workloads:
      description: C(kind), C(name) and C(namespace) of what each release runs.
      type: list
      elements: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import gateway_releases


def istio_gateway_releases(
    gateways: t.Any, namespace: str, version: str, values: t.Mapping[str, t.Any] | None = None
) -> dict[str, list[dict[str, t.Any]]]:
    """Return a release and a workload for each gateway."""
    found, findings = gateway_releases(gateways, namespace, version, values or {})
    if findings:
        raise AnsibleFilterError("\n".join(findings))
    workloads = [{"kind": release["values"]["kind"], "name": release["name"], "namespace": release["namespace"]} for release in found]
    return {"releases": found, "workloads": workloads}


class FilterModule:
    """The filter istio_gateway_releases."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"istio_gateway_releases": istio_gateway_releases}
