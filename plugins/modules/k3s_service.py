#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_service
short_description: Run K3s's unit with its present files, and wait until it is ready
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Enables and starts the unit, and restarts it if the binary, the unit, or a configuration file is not the one that it was last started
    with. What that was is kept on the host, so a restart that a killed run still owed is made up for by the next run.
  - Starts without blocking, because the start of an agent that cannot join never ends, and follows the unit's journal meanwhile.
    A reason that waiting cannot heal ends the task at once.
  - It then waits until the API is ready (on a server) and this host's Node is, with a report newer than the start and O(version) as
    its kubelet's version.
extends_documentation_fragment:
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reports whether the unit would be started or restarted.
  diff_mode:
    support: full
  platform:
    support: full
    platforms: linux
options:
  name:
    description: Name of the unit.
    type: str
    choices: [k3s, k3s-agent]
    required: true
  binary:
    description: Path of K3s's binary.
    type: path
    default: /usr/local/bin/k3s
  files:
    description:
      - Files that K3s reads only when it starts. A folder stands for the files in it. They need not exist.
    type: list
    elements: path
    required: true
  timeout:
    description: Seconds until it must be ready.
    type: int
    default: 300
  version:
    description: Version that the kubelet must report. Any is accepted unless set.
    type: str
  node_name:
    description: Name of this host's Node. The host name in lower case unless set.
    type: str
  kubeconfig:
    description:
      - File through which the API is asked, C(k3s.yaml) on a server and the kubelet's own on an agent.
      - The API and the Node are not waited for unless set.
    type: path
  wait:
    description:
      - Whether to wait until it is ready. With V(false) a start is only asked for, so that other work can go on meanwhile.
      - What runs already is looked at all the same. A later call with V(true) waits for a start that was only asked for.
    type: bool
    default: true
  inputs_changed:
    description: In check mode, whether earlier tasks would change one of the files.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Run the server
  baremesh.edge.k3s_service:
    name: k3s
    files: [/etc/rancher/k3s/config.yaml, /etc/systemd/system/k3s.service]
    version: v1.34.4+k3s1
    kubeconfig: /etc/rancher/k3s/k3s.yaml
"""

RETURN = r"""
action:
  description: What was done, or would be. One of V(none), V(wait), V(start), V(restart).
  type: str
  returned: always
node_name:
  description: Name of this host's Node.
  type: str
  returned: always
address:
  description: The Node's internal address, if O(kubeconfig) is set.
  type: str
  returned: success
elapsed:
  description: Seconds that it took.
  type: float
  returned: always
cause:
  description: Why it is not ready, in one sentence.
  type: str
  returned: failure
journal:
  description: The unit's last journal lines since the start was asked for.
  type: list
  elements: str
  returned: failure
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.nodes import own_node_name
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.service import Service, run
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.unit import UnitError
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

_SHOWN_LINES = 20


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "choices": ["k3s", "k3s-agent"], "required": True},
            "binary": {"type": "path", "default": "/usr/local/bin/k3s"},
            "files": {"type": "list", "elements": "path", "required": True},
            "timeout": {"type": "int", "default": 300},
            "version": {"type": "str"},
            "node_name": {"type": "str"},
            "kubeconfig": {"type": "path"},
            "wait": {"type": "bool", "default": True},
            "inputs_changed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    deadline = Deadline(SystemClock(), module.params["timeout"])
    node_name = own_node_name(module.params["node_name"])
    result: dict[str, Any] = {"changed": False, "action": "none", "node_name": node_name, "address": None}
    try:
        run(Service(module.params, module.run_command, module.check_mode), node_name, deadline, result)
    except UnitError as error:
        result.update(cause=str(error), journal=error.journal[-_SHOWN_LINES:], elapsed=round(deadline.elapsed, 3))
        module.fail_json(msg=str(error), **result)
    except OSError as error:
        result.update(cause=str(error), journal=[], elapsed=round(deadline.elapsed, 3))
        module.fail_json(msg=f"K3s's unit cannot be managed: {error}.", **result)
    module.exit_json(elapsed=round(deadline.elapsed, 3), **result)


if __name__ == "__main__":
    main()
