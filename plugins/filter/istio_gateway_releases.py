# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: istio_gateway_releases
short_description: Make Helm releases of Istio gateways
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Turns entries of the variable C(istio_gateways) into releases of Istio's chart C(gateway) with their values.
  - Fails with a sentence for everything that is wrong with them.
positional: settings
options:
  _input:
    description: The gateways, as in the variable C(istio_gateways).
    type: list
    elements: dict
    required: true
  settings:
    description:
      - C(namespace) for gateways that name none, and C(version) of the chart; both are needed.
      - C(values) for all gateways; those of a gateway itself win.
      - C(ingress), the name of the gateway of the sites, with C(trusted_proxies) and C(proxy_protocol). Where one of the two is set, the
        entry of that gateway must name the proxies in front.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Compare the releases of the gateways with their definitions
  baremesh.edge.helm_release_check:
    releases: "{{ (istio_gateways | baremesh.edge.istio_gateway_releases(settings)).releases }}"
  vars:
    settings: {namespace: istio-ingress, version: 1.31.1}
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

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import gateway_releases


def istio_gateway_releases(gateways: Any, settings: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return a release and a workload for each gateway."""
    found, findings = gateway_releases(gateways, settings)
    if findings:
        raise AnsibleFilterError("\n".join(findings))
    workloads = [{"kind": release["values"]["kind"], "name": release["name"], "namespace": release["namespace"]} for release in found]
    return {"releases": found, "workloads": workloads}


class FilterModule:
    """The filter istio_gateway_releases."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Map the name of the filter to its function."""
        return {"istio_gateway_releases": istio_gateway_releases}
