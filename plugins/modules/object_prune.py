#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: object_prune
short_description: Delete objects with certain labels that nobody wants any more
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
    description: Kinds to look at. One that the API server does not know has no objects.
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
    description: Namespace to look at, all when left out.
    type: str
  labels:
    description: Labels that an object must have to be deleted.
    type: dict
    required: true
  keep:
    description: Objects that stay, as definitions. Only C(kind), C(metadata.name) and C(metadata.namespace) are looked at.
    type: list
    elements: dict
    default: []
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Delete Gateways of sites that are gone
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import discover
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._session import open_transport


def _line(found: dict[str, Any]) -> str:
    return "%s %s/%s\n" % (found["kind"], found["namespace"], found["name"])


def prune(transport: Transport, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Delete what is not kept, and tell what was there."""
    client = KubeClient(transport)
    kept = {
        (found.get("kind"), (found.get("metadata") or {}).get("namespace") or "", (found.get("metadata") or {}).get("name"))
        for found in params["keep"]
    }
    selector = ",".join("%s=%s" % item for item in sorted(params["labels"].items()))
    before, pruned = [], []
    for wanted in params["kinds"]:
        try:
            resource = discover(transport, wanted["api_version"], wanted["kind"])
        except ApiError as exc:
            if exc.not_found:
                continue
            raise
        for item in client.list(resource, params["namespace"], selector)["items"]:
            metadata = item["metadata"]
            found = {"kind": resource.kind, "namespace": metadata.get("namespace") or "", "name": metadata["name"]}
            before.append(found)
            if (found["kind"], found["namespace"], found["name"]) in kept or metadata.get("deletionTimestamp"):
                continue
            pruned.append(found)
            if not check_mode:
                _delete(client, resource, found)
    after = [found for found in before if found not in pruned]
    return {
        "changed": bool(pruned),
        "pruned": pruned,
        "diff": {"before": "".join(map(_line, before)), "after": "".join(map(_line, after))},
    }


def _delete(client: KubeClient, resource: Any, found: dict[str, Any]) -> None:
    try:
        client.delete(resource, found["namespace"] or None, found["name"])
    except ApiError as exc:
        if not exc.not_found:
            raise


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
        ),
        supports_check_mode=True,
    )
    if not module.params["labels"]:
        module.fail_json(msg="labels is empty; without labels every object of the kinds would be deleted")
    try:
        found = prune(open_transport(module), module.params, module.check_mode)
    except KubeError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**found)


if __name__ == "__main__":
    main()
