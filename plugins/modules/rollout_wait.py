#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_wait
short_description: Wait until Deployments and DaemonSets are rolled out, or say why they are not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Watches any number of workloads and their pods, and returns as soon as all of them run their newest version and are available.
  - Ends at once when waiting cannot help, as with an image that the registry does not have.
  - Names the deepest reason known, such as the scheduler's, the registry's, or the last line that a crashed container wrote.
notes:
  - In check mode it looks once, returns what it sees, and does not fail because something is not ready yet.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._workloads
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 300
  fail_fast:
    description: Whether to give up at once when waiting cannot help.
    type: bool
    default: true
seealso:
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = r"""
- name: Wait until istiod and the gateway run
  baremesh.edge.rollout_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    workloads:
      - {name: istiod, namespace: istio-system}
      - {name: istio-ingress, namespace: istio-ingress}
    timeout: 300
"""

RETURN = r"""
workloads:
  description: Each workload in the order of O(workloads).
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
    ready:
      description: Whether it is rolled out.
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
  description: The deepest known reason of the failure, in one sentence that begins with the workload. Empty on success.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import fail, finish_wait, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollout_wait import RolloutWait, parse_workloads, workloads_spec


def main() -> None:
    """Wait and return."""
    module = AnsibleModule(
        argument_spec=dict(
            auth_argument_spec(),
            workloads=workloads_spec(),
            timeout={"type": "int", "default": 300},
            fail_fast={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    params = module.params
    try:
        wait = RolloutWait(open_client(params)[0], parse_workloads(params["workloads"]), params["fail_fast"])
    except EdgeError as exc:
        fail(module, exc, **nothing_seen(str(exc), workloads=[]))
    finish_wait(module, wait.run(Deadline(SystemClock(), params["timeout"]), once=module.check_mode))


if __name__ == "__main__":
    main()
