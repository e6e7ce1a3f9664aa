#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ready_wait
short_description: Wait until workloads, issuers, and Gateways of the Gateway API are ready, or say why they are not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Watches any number of Deployments and DaemonSets with their pods, and of cert-manager's Issuers and ClusterIssuers.
  - Returns as soon as all workloads run their newest version and are available, and cert-manager has found each issuer ready as it is
    specified now. With Gateways and routes of the Gateway API it waits until istiod has taken them.
  - Ends at once when waiting cannot help, as with an image that the registry does not have, wrong configuration of an issuer, or an
    account that the ACME server refuses.
  - Names the deepest reason known, such as the scheduler's, the registry's, or the last line that a crashed container wrote.
notes:
  - Gateway, HTTPRoute, TLSRoute and TCPRoute are those of C(gateway.networking.k8s.io/v1). A Gateway is ready when C(Accepted) and
    C(Programmed) are true of it, and of each listener C(ResolvedRefs) as well; a route when C(Accepted) and C(ResolvedRefs) are true at
    each parent. A route to a Service that does not exist yet is ready, too; it answers 500 until then.
  - In check mode it looks once, returns what it sees, and does not fail because something is not ready yet.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  objects:
    description: What to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Its kind.
        type: str
        choices: [Deployment, DaemonSet, ClusterIssuer, Issuer, Gateway, HTTPRoute, TLSRoute, TCPRoute]
        default: Deployment
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace. Required unless O(objects[].kind=ClusterIssuer).
        type: str
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 300
  fail_fast:
    description: Whether to give up at once when waiting cannot help.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.certificate_wait
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = r"""
- name: Wait until istiod and the gateway run and the ACME account is registered
  baremesh.edge.ready_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects:
      - {name: istiod, namespace: istio-system}
      - {name: istio-ingress, namespace: istio-ingress}
      - {kind: ClusterIssuer, name: letsencrypt-staging}
    timeout: 300
"""

RETURN = r"""
objects:
  description: Each object in the order of O(objects).
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for a ClusterIssuer.
      type: str
    name:
      description: Its name.
      type: str
    ready:
      description: Whether it is ready.
      type: bool
    cause:
      description: Why not, empty when it is.
      type: str
elapsed:
  description: Seconds that the wait lasted.
  returned: always
  type: float
observations:
  description: Changes that were seen.
  returned: always
  type: int
requests:
  description: Requests made to the API.
  returned: always
  type: int
cause:
  description: The deepest known reason of the failure, in one sentence that begins with the object. Empty on success.
  returned: always
  type: str
  sample: "Deployment istio-system/istiod: pod istiod-5c4f is not scheduled: Unschedulable: 0/1 nodes are available: 1 Insufficient memory."
chain:
  description: The objects that were looked at to find RV(cause), as RV(baremesh.edge.certificate_wait#module:chain).
  returned: always
  type: list
  elements: dict
retry_at:
  description: When the next attempt is due, where a rate limit says so.
  returned: always
  type: str
"""

from functools import partial

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.issuers import Issuers
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_api import GatewayApi
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, finish_wait, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name, NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollouts import Rollouts


def main() -> None:
    """Wait and return."""
    kinds = ["Deployment", "DaemonSet", "ClusterIssuer", "Issuer", *GatewayApi.kinds]
    each = {
        "kind": {"type": "str", "choices": kinds, "default": "Deployment"},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
    }
    namespaced = [("kind", kind, ["namespace"]) for kind in kinds if kind != "ClusterIssuer"]
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            objects={"type": "list", "elements": "dict", "required": True, "options": each, "required_if": namespaced},
            timeout={"type": "int", "default": 300},
            fail_fast={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    params = module.params
    names = [Name(entry["kind"], entry["namespace"] or "", entry["name"]) for entry in params["objects"]]
    client = attempt(module, lambda: open_client(params)[0], partial(nothing_seen, objects=[]))
    wait = NamedWait(client, names, [Rollouts(), Issuers(), GatewayApi()], params["fail_fast"])
    finish_wait(module, wait.run(Deadline(SystemClock(), params["timeout"]), once=module.check_mode))


if __name__ == "__main__":
    main()
