#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dry_run_wait
short_description: Wait until the API server would accept objects
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Sends objects to the API server as a dry run, through every admission webhook, until they would be accepted. Nothing is stored.
  - Tells whether an operator can be used. Pods that are ready do not, since a webhook refuses everything until its CA is injected.
  - Goes on while the kind is not served yet or a webhook cannot be asked. Fails at once when an object is refused for what it is.
notes:
  - In check mode it asks once, returns what it sees, and does not fail because something is not ready yet.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  definitions:
    description: The objects. Names are completed to ones that are free.
    type: list
    elements: dict
    required: true
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 120
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Wait until cert-manager answers a real request
  baremesh.edge.dry_run_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    definitions:
      - apiVersion: cert-manager.io/v1
        kind: Issuer
        metadata: {name: probe, namespace: default}
        spec: {selfSigned: {}}
"""

RETURN = r"""
cause:
  description: Why an object is not accepted, empty when all are.
  returned: always
  type: str
  sample: "Could not create Issuer probe: HTTP 500 InternalError: failed calling webhook webhook.cert-manager.io: connection refused"
elapsed:
  description: Seconds that the wait took.
  returned: always
  type: float
observations:
  description: How many times the API server was asked.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import fail, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.dry_run import wait_accepted


def main() -> None:
    """Ask and return."""
    module = AnsibleModule(
        argument_spec=dict(
            auth_argument_spec(),
            definitions={"type": "list", "elements": "dict", "required": True},
            timeout={"type": "int", "default": 120},
        ),
        supports_check_mode=True,
    )
    definitions, deadline = module.params["definitions"], Deadline(SystemClock(), module.params["timeout"])
    for index, definition in enumerate(definitions):
        missing = [key for key in ("apiVersion", "kind") if not definition.get(key)]
        if missing:
            module.fail_json(msg="definitions[%d] has no %s; an object needs both" % (index, " and no ".join(missing)))
    try:
        found = wait_accepted(open_transport(module.params), definitions, deadline, once=module.check_mode)
    except KubeError as exc:
        fail(module, exc, cause=str(exc), elapsed=round(deadline.elapsed, 3), observations=1)
    if found["cause"] and not module.check_mode:
        module.fail_json(msg="%s (after %.0f s)" % (found["cause"], found["elapsed"]), **found)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
