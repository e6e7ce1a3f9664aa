#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: object_prune
short_description: Delete Kubernetes objects by their labels
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Lists objects of some kinds by their labels and deletes those that are not in O(keep).
  - Needs one request for each kind when there is nothing to delete.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  kinds:
    description: Their kinds. One that the API server does not know has no objects.
    type: list
    elements: dict
    required: true
    suboptions:
      api_version:
        description: Its API version.
        type: str
        required: true
      kind:
        description: Its name.
        type: str
        required: true
  namespace:
    description: Namespace to delete from. All namespaces when left out.
    type: str
  labels:
    description:
      - Labels that an object must have to be deleted, at least one, and all of them.
      - The value of a label may be a list, of which an object needs one.
    type: dict
    required: true
  keep:
    description: Objects that stay, as definitions. Only C(kind), C(metadata.name) and C(metadata.namespace) count.
    type: list
    elements: dict
    default: []
  wait_timeout:
    description: Seconds to wait until the objects are gone, for those that take their time, such as namespaces. V(0) does not wait.
    type: int
    default: 0
seealso:
  - module: baremesh.edge.object_apply
"""

EXAMPLES = r"""
- name: Delete Gateways of sites that were removed
  baremesh.edge.object_prune:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    kinds:
      - {api_version: networking.istio.io/v1, kind: Gateway}
    labels: {app.kubernetes.io/managed-by: baremesh.edge, app.kubernetes.io/component: site}
    keep: "{{ gateways }}"
"""

RETURN = r"""
pruned:
  description: Objects that were deleted, or would be.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import fail, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.prune import Prune


def main() -> None:
    """Delete and return."""
    kind = {"api_version": {"type": "str", "required": True}, "kind": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec=dict(
            auth_argument_spec(),
            kinds={"type": "list", "elements": "dict", "required": True, "options": kind},
            namespace={"type": "str"},
            labels={"type": "dict", "required": True},
            keep={"type": "list", "elements": "dict", "default": []},
            wait_timeout={"type": "int", "default": 0},
        ),
        supports_check_mode=True,
    )
    params, cause = module.params, ""
    if not params["labels"]:
        module.fail_json(msg="labels is empty; without labels every object of the kinds would be deleted")
    try:
        prune = Prune(open_transport(module.params), params["kinds"], params["namespace"], params["labels"], params["keep"])
        before = prune.look()
        superfluous = prune.superfluous(before)
        if superfluous and not module.check_mode:
            prune.delete(superfluous)
            cause = prune.wait_gone(superfluous, params["wait_timeout"], SystemClock()) if params["wait_timeout"] else ""
    except KubeError as exc:
        fail(module, exc)
    pruned = [found for found in superfluous if not found.deleting]
    result = {
        "changed": bool(pruned),
        "pruned": [{"kind": found.resource.kind, "namespace": found.namespace, "name": found.name} for found in pruned],
        "diff": {
            "before": "".join(f"{found}\n" for found in before),
            "after": "".join(f"{found}\n" for found in before if found not in superfluous),
        },
    }
    if cause:
        module.fail_json(msg=f"{cause} (after {params['wait_timeout']} s)", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
