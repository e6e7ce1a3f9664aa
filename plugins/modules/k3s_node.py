#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_node
short_description: Wait for Nodes of a K3s cluster, or remove them
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Runs on a K3s server and needs nothing there but the kubeconfig that K3s writes.
  - Waits until Nodes are Ready, with a watch, or deletes them so that their hosts can join anew under the same names.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
attributes:
  diff_mode:
    support: none
options:
  name:
    description: Name of the Node.
    type: str
    required: true
  state:
    description: V(ready) waits, V(absent) deletes.
    type: str
    choices: [ready, absent]
    default: ready
  version:
    description: Version that the kubelet must report. Any is accepted unless set.
    type: str
  kubeconfig:
    description: The kubeconfig that K3s wrote.
    type: path
    default: /etc/rancher/k3s/k3s.yaml
  timeout:
    description: Seconds that waiting may last.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Wait until an agent's Node is Ready
  baremesh.edge.k3s_node:
    name: edge2
    version: v1.34.4+k3s1
  delegate_to: edge1
"""

RETURN = r"""
elapsed:
  description: Seconds that it took.
  type: float
  returned: always
cause:
  description: Why the Node is not ready, in one sentence.
  type: str
  returned: failure
reachable:
  description: With O(state=absent), whether there was an API to ask.
  type: bool
  returned: success
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import nodes
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.api import Api, ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def _wait(api: Api, params: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    name, version = params["name"], params["version"]
    api.wait_node(name, lambda node: nodes.why_not_ready(node, version, name), deadline)
    return {"changed": False}


def _remove(api: Api, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    try:
        there = api.node(params["name"]) is not None
        if there and not check_mode:
            there = api.delete_node(params["name"])
    except ApiError as error:
        # Without an API there is no Node either: the cluster itself may be gone already.
        if error.status:
            raise
        return {"changed": False, "reachable": False}
    return {"changed": there, "reachable": True}


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["ready", "absent"], "default": "ready"},
            "version": {"type": "str"},
            "kubeconfig": {"type": "path", "default": "/etc/rancher/k3s/k3s.yaml"},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    deadline = Deadline(SystemClock(), module.params["timeout"])
    api = Api(module.params["kubeconfig"])
    try:
        if module.params["state"] == "absent":
            result = _remove(api, module.params, module.check_mode)
        else:
            result = _wait(api, module.params, deadline)
    except ApiError as error:
        module.fail_json(msg=f"After {deadline.elapsed:.0f} s {error}.", cause=str(error), elapsed=round(deadline.elapsed, 3))
    module.exit_json(elapsed=round(deadline.elapsed, 3), **result)


if __name__ == "__main__":
    main()
