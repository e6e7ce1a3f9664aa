#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_info
short_description: Compare namespaces of the mesh and their pods with what they should be
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Returns the namespaces to apply so that Istio gives their pods a sidecar. They keep all other labels.
  - Fails where a label or a policy of others says something else, and names what to do.
  - Warns of pods that run without a sidecar, with the command that restarts them, and of pods that can no longer connect once
    O(namespaces[].mtls) is V(STRICT).
notes:
  - Reads Namespaces, Pods, PeerAuthentications and Services. Applies nothing.
  - In check mode, where the API cannot be asked, it says what it would do.
seealso:
  - module: baremesh.edge.object_apply
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  namespaces:
    description: The namespaces. All others with the mark of O(instance) are returned without the labels of the mesh.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name. It does not have to exist.
        type: str
        required: true
      injection:
        description: Whether pods get a sidecar.
        type: bool
        default: true
      mtls:
        description: Which connections their sidecars take. Without it nothing is compared.
        type: str
        choices: [STRICT, PERMISSIVE, DISABLE]
      callers:
        description: Namespaces whose pods call those of this one. Without any, pods of all namespaces may.
        type: list
        elements: str
        default: []
  instance:
    description: Name of the installation, the value of the label C(baremesh.edge/mesh) of its namespaces.
    type: str
    default: default
  istio_namespace:
    description: Namespace of istiod, whose pods need no sidecar.
    type: str
    default: istio-system
"""

EXAMPLES = r"""
- name: Look at the namespaces of the shop
  baremesh.edge.mesh_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespaces:
      - {name: shop, mtls: STRICT, callers: [istio-ingress]}
  register: mesh

- name: Label them
  baremesh.edge.object_apply:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects: "{{ mesh.namespaces }}"
    force_conflicts: false
"""

RETURN = r"""
namespaces:
  description: Namespaces in the form of definitions, to apply with M(baremesh.edge.object_apply).
  returned: always
  type: list
  elements: dict
pods:
  description: Pods of the O(namespaces).
  returned: always
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
    pod:
      description: Its name.
      type: str
    workload:
      description: What makes the pod, as C(kubectl rollout) names it. Empty for a pod that stands alone.
      type: str
      sample: deployment/till
    sidecar:
      description:
        - V(native) for a sidecar that is ready before the application starts and ends after it, V(container) for one that starts beside it.
        - V(ambient) for a pod whose connections the node takes, V(none) for a pod outside of the mesh.
      type: str
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.mesh_look import Asked, Seen, look
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def compare(params: dict[str, Any]) -> Seen:
    """Do what the options say. Raises KubeError."""
    asked = [Asked(**each) for each in params["namespaces"]]
    return look(KubeClient(open_transport(params)), asked, params["instance"], params["istio_namespace"])


def main() -> None:
    """Run the module."""
    namespace = {
        "name": {"type": "str", "required": True},
        "injection": {"type": "bool", "default": True},
        "mtls": {"type": "str", "choices": ["STRICT", "PERMISSIVE", "DISABLE"]},
        "callers": {"type": "list", "elements": "str", "default": []},
    }
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            namespaces={"type": "list", "elements": "dict", "required": True, "options": namespace},
            instance={"type": "str", "default": "default"},
            istio_namespace={"type": "str", "default": "istio-system"},
        ),
        supports_check_mode=True,
    )
    would = "look at namespaces and pods; the API cannot be asked"
    seen = attempt(module, lambda: compare(module.params), lambda _cause: Seen().result(), would)
    for warning in seen.warnings:
        module.warn(warning)
    if seen.findings:
        module.fail_json(msg="\n".join(seen.findings), **seen.result())
    module.exit_json(changed=False, **seen.result())


if __name__ == "__main__":
    main()
