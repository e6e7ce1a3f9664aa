#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: object_apply
short_description: Apply and delete many Kubernetes objects at once
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Lists the objects of each kind in one request, compares them with the definitions, and applies only those that differ, several at a
    time.
  - Applies on the server's side as field manager C(baremesh.edge). The API server then removes fields that a definition had once and has
    no longer.
  - Can delete objects that earlier runs applied and that are no longer defined, see O(prune). With no O(objects) it only deletes.
  - Deletes no CustomResourceDefinition while there are objects of it without the labels of O(owner), which would go with it. It names them
    and changes nothing.
  - Applies the kinds in the order in which O(objects) names each of them first. When an object cannot be applied, the others of its kind
    still are; later kinds are not begun, and nothing is pruned.
notes:
  - In check mode the API server and its admission webhooks judge each object that differs, and store nothing.
  - Definitions of Secrets need no C(no_log). The definitions appear in no log, and the difference never shows a value of a Secret.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._objects
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  objects:
    description:
      - The definitions. Each needs C(apiVersion), C(kind), C(metadata.name), and C(metadata.namespace) if its kind has namespaces.
      - A C(status) is left out. C(stringData) of a Secret becomes C(data).
    type: list
    elements: dict
    required: true
  made:
    description:
      - Secrets that a controller makes of the definitions, and would overwrite where they are there.
      - The module fails, and changes nothing, where one of them is there that the controller has not made.
    type: dict
    suboptions:
      by:
        description: Kind of the object that owns each of them, such as V(ExternalSecret).
        type: str
        required: true
      secrets:
        description: The Secrets. Only C(name) and C(namespace) are read.
        type: list
        elements: dict
        required: true
  force_conflicts:
    description:
      - Whether the definitions win where another field manager owns a field.
      - If V(true), a warning names the object, the field and the manager. If V(false), the object is not applied.
    type: bool
    default: true
  timeout:
    description:
      - Seconds for which an apply is tried again, while an admission webhook cannot be asked or the API server does not answer.
      - A kind that the API server does not know is looked up again for at most 30 seconds.
    type: int
    default: 120
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Apply the Gateways of all sites and delete those of sites that were removed
  baremesh.edge.object_apply:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects:
      - apiVersion: networking.istio.io/v1
        kind: Gateway
        metadata:
          name: app
          namespace: istio-ingress
          labels: {app.kubernetes.io/managed-by: baremesh.edge, app.kubernetes.io/component: site}
        spec:
          selector: {istio: ingress}
          servers:
            - port: {number: 443, name: https, protocol: HTTPS}
              hosts: [app.example.com]
              tls: {mode: SIMPLE, credentialName: app}
    prune:
      kinds:
        - {api_version: networking.istio.io/v1, kind: Gateway}
      labels: {app.kubernetes.io/managed-by: baremesh.edge, app.kubernetes.io/component: site}
      namespace: istio-ingress

- name: Delete all that was applied, and wait until it is gone
  baremesh.edge.object_apply:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects: []
    prune:
      kinds:
        - {api_version: networking.istio.io/v1, kind: Gateway}
      labels: {app.kubernetes.io/managed-by: baremesh.edge, app.kubernetes.io/component: site}
      wait_timeout: 60

- name: Apply a Secret
  baremesh.edge.object_apply:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects:
      - apiVersion: v1
        kind: Secret
        metadata: {name: dns-token, namespace: cert-manager}
        stringData: {token: "{{ vault_dns_token }}"}
"""

RETURN = r"""
applied:
  description: Objects that were made or changed, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for a kind without namespaces.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: V(created) or V(changed).
      type: str
pruned:
  description: Objects that were deleted, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains: &object
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for a kind without namespaces.
      type: str
    name:
      description: Its name.
      type: str
others:
  description: Objects with the labels of O(prune) that stay because they are not of O(owner).
  returned: always
  type: list
  elements: dict
  contains: *object
unchanged:
  description: How many objects already were as defined.
  returned: always
  type: int
ready:
  description:
    - Objects that already were as defined and whose condition C(Ready) is true for that definition.
    - Waiting for them is not necessary. Objects of kinds without the condition are not among them.
  returned: always
  type: list
  elements: dict
  contains: *object
missing_kinds:
  description: Kinds that the API server does not know yet. Their objects count as created. In check mode only.
  returned: always
  type: list
  elements: str
  sample: ["Gateway (networking.istio.io/v1)"]
missing_namespaces:
  description: Namespaces of objects that do not exist yet. Their objects count as created. In check mode only.
  returned: always
  type: list
  elements: str
  sample: ["istio-ingress"]
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._masking import secret_values
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.apply import apply_objects
from ansible_collections.baremesh.edge.plugins.module_utils._workload.prune import prune_spec


def argument_spec() -> dict[str, Any]:
    """The options of the module."""
    made = {"type": "list", "elements": "dict", "required": True, "no_log": False}
    return dict(
        auth_argument_spec(),
        objects={"type": "list", "elements": "dict", "required": True, "no_log": True},
        **prune_spec(),
        made={"type": "dict", "options": {"by": {"type": "str", "required": True}, "secrets": made}},
        force_conflicts={"type": "bool", "default": True},
        timeout={"type": "int", "default": 120},
    )


def main() -> None:
    """Apply and return."""
    module = EdgeModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    # The difference hides the values of Secrets by itself.
    definitions = module.withhold("objects", secret_values)
    deadline = Deadline(SystemClock(), params["timeout"])
    how = deadline, params["prune"], module.check_mode, params["force_conflicts"], params["owner"], params["made"]
    done = attempt(module, lambda: apply_objects(open_transport(params), definitions, *how))
    for conflict in done.conflicts:
        module.warn(f"The definition takes over fields of {conflict}")
    result = done.result(module._diff)  # noqa: SLF001 (the name that Ansible documents)
    if len(done.failures) > 1:
        module.fail_json(msg="\n".join([f"{len(done.failures)} objects failed:", *(f"- {each}" for each in done.failures)]), **result)
    if done.failures:
        module.fail_json(msg=done.failures[0], **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
