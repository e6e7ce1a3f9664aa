#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_service
short_description: Write the files of K3s, run its unit with them, and wait until it is ready
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Writes configuration files that differ, each by rename. What is secret in them never appears in results or differences.
  - Enables and starts the unit, and restarts it if the binary, the unit, or a configuration file is not the one that it was last started
    with. What that was is kept on the host, so a restart that a killed run still owed is made up for by the next run.
  - Starts without blocking, because the start of an agent that cannot join never ends, and follows the unit's journal meanwhile.
    A reason that waiting cannot heal ends the task at once.
  - It then waits until the API is ready (on a server) and this host's Node is, with a report newer than the start and O(version) as
    its kubelet's version.
  - K3s goes on without image archives that it cannot import. If the disk was full the task fails, and the next one starts K3s again;
    another reason is a warning.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
attributes:
  check_mode:
    details: Returns whether the unit would be started or restarted.
  diff_mode:
    support: full
    details:
      - Values under the keys of O(service.configuration[].hide) are hidden on both sides.
      - Of a file with O(service.configuration[].secret) and no such keys only the fact that it differs is shown.
options:
  service:
    description: The unit and what it runs with, as P(baremesh.edge.k3s_service_options#filter) derives it.
    type: dict
    required: true
    suboptions:
      name:
        description: Name of the unit.
        type: str
        choices: [k3s, k3s-agent]
        required: true
      configuration:
        description: Files to write first, with owner root.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path of the file.
            type: path
            required: true
          content:
            description: Text of a file without secrets.
            type: str
          secret:
            description: Text of a file with secrets.
            type: str
          random:
            description:
              - Whether the file holds a random secret of the host's own. It is made once and kept. A file that is empty or missing gets
                a new one.
              - Each file has one of O(service.configuration[].content), O(service.configuration[].secret) and
                O(service.configuration[].random).
            type: bool
          hide:
            description: Keys of a YAML file whose values are hidden in differences.
            type: list
            elements: str
            default: []
          mode:
            description: Mode of the file, as an octal string.
            type: str
            default: "0600"
      absent:
        description: Files to remove first if they are there.
        type: list
        elements: path
        default: []
      firewall:
        description:
          - What to open in firewalld and ufw where they are active. What was opened before and is not listed is closed again, all of it
            unless set. Neither is reloaded.
        type: dict
        suboptions:
          sources:
            description: Hosts, addresses or networks that may reach the ports. A name stands for its addresses at that time.
            type: list
            elements: str
            default: []
          networks:
            description: Networks of pods and Services, which may reach everything on the host.
            type: list
            elements: str
            default: []
          tcp:
            description: TCP ports, or ranges such as V(2379-2380).
            type: list
            elements: str
            default: []
          udp:
            description: UDP ports.
            type: list
            elements: str
            default: []
      files:
        description:
          - Files that K3s reads only when it starts. A folder stands for the files in it. They need not exist.
        type: list
        elements: path
        required: true
      node_name:
        description:
          - Name of this host's Node, as far as the configuration gives one. The host name in lower case unless set.
          - A file of C(config.yaml.d) may give another, and C(with-node-id) appends to it; both are read from the host.
        type: str
      kubeconfig:
        description:
          - File through which the API is asked, C(k3s.yaml) on a server and the kubelet's own on an agent.
          - The API and the Node are not waited for unless set.
        type: path
      node:
        description: Whether there is a Node to wait for. A server with C(disable-agent) has none.
        type: bool
        default: true
  binary:
    description: Path of K3s's binary.
    type: path
    default: /usr/local/bin/k3s
  timeout:
    description: Seconds until it must be ready.
    type: int
    default: 300
  version:
    description: Version that the kubelet must report. Any is accepted unless set.
    type: str
  wait:
    description:
      - Whether to wait until it is ready. With V(false) a start is only asked for, so that other work can go on meanwhile.
      - What runs already is looked at all the same. A later call with V(true) waits for a start that was only asked for.
    type: bool
    default: true
  inputs_changed:
    description: In check mode, whether earlier tasks would change the binary or one of O(service.files).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Configure and run the server
  baremesh.edge.k3s_service:
    service:
      name: k3s
      configuration:
        - path: /etc/rancher/k3s/config.yaml
          content: |
            disable: [traefik]
      files: [/etc/rancher/k3s/config.yaml, /etc/systemd/system/k3s.service]
      kubeconfig: /etc/rancher/k3s/k3s.yaml
    version: v1.34.4+k3s1
"""

RETURN = r"""
action:
  description: What was done, or would be. One of V(none), V(wait), V(start), V(restart).
  type: str
  returned: always
written:
  description: Files of O(service.configuration) and O(service.absent) that were written or removed, or would be.
  type: list
  elements: str
  returned: always
  sample: [/etc/rancher/k3s/config.yaml]
firewall:
  description: What was opened or closed, or would be.
  type: list
  elements: str
  returned: always
  sample: [ufw allow from 192.0.2.11 to any port 10250 proto tcp]
node_name:
  description: Name of this host's Node.
  type: str
  returned: always
address:
  description: The Node's internal address, if O(service.kubeconfig) is set.
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

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.configuration import configure, secrets_of
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.firewall import Firewall, FirewallError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.nodes import own_node_name
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.service import Service, run
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.unit import UnitError
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

_SHOWN_LINES = 20


def main() -> None:
    """Run the module."""
    file = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "random": {"type": "bool"},
        "hide": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "mode": {"type": "str", "default": "0600"},
    }
    service_options = {
        "name": {"type": "str", "choices": ["k3s", "k3s-agent"], "required": True},
        "configuration": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": file,
            "mutually_exclusive": [("content", "secret", "random")],
            "required_one_of": [("content", "secret", "random")],
        },
        "absent": {"type": "list", "elements": "path", "default": []},
        "firewall": {
            "type": "dict",
            "options": {
                "sources": {"type": "list", "elements": "str", "default": []},
                "networks": {"type": "list", "elements": "str", "default": []},
                "tcp": {"type": "list", "elements": "str", "default": []},
                "udp": {"type": "list", "elements": "str", "default": []},
            },
        },
        "files": {"type": "list", "elements": "path", "required": True},
        "node_name": {"type": "str"},
        "kubeconfig": {"type": "path"},
        "node": {"type": "bool", "default": True},
    }
    module = EdgeModule(
        argument_spec={
            # The log of a host shows what is inside an option unless the option as a whole is secret.
            "service": {"type": "dict", "required": True, "no_log": True, "options": service_options},
            "binary": {"type": "path", "default": "/usr/local/bin/k3s"},
            "timeout": {"type": "int", "default": 300},
            "version": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "inputs_changed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = {**module.params, **module.params["service"]}
    try:
        module.hide_only(secrets_of(params["configuration"]))
        # First, as nodes that start together need each other.
        firewall = Firewall(module.get_bin_path, module.run_command).open(params["firewall"], module.check_mode)
        found = configure(params["configuration"], params["absent"], module.check_mode)
    except FirewallError as error:
        module.fail_json(msg=str(error))
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"The configuration of K3s cannot be written: {error}.")
    params["inputs_changed"] = params["inputs_changed"] or found["restart_needed"]
    deadline = Deadline(SystemClock(), params["timeout"])
    result: dict[str, Any] = {
        "changed": bool(found["written"] or firewall),
        "firewall": firewall,
        "written": found["written"],
        "action": "none",
        "node_name": own_node_name(params["node_name"]),
        "address": None,
        "diff": found["diff"] + [{"before": "", "after": "".join(f"{line}\n" for line in firewall)}] * bool(firewall),
    }
    try:
        service = Service(params, module.run_command, module.check_mode)
        run(service, deadline, result)
    except UnitError as error:
        result.update(cause=str(error), journal=error.journal[-_SHOWN_LINES:], elapsed=round(deadline.elapsed, 3))
        module.fail_json(msg=str(error), **result)
    except OSError as error:
        result.update(cause=str(error), journal=[], elapsed=round(deadline.elapsed, 3))
        module.fail_json(msg=f"K3s's unit cannot be managed: {error}.", **result)
    for warning in service.warnings:
        module.warn(warning)
    module.exit_json(elapsed=round(deadline.elapsed, 3), **result)


if __name__ == "__main__":
    main()
