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
  - On a server it then waits until the API is ready, and the server's own Node is, with O(version) as its kubelet's version.
attributes:
  check_mode:
    support: full
    details:
      - Tells whether the unit would be started or restarted.
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
    description: On a server, the file through which the API is asked. The API and the Node are not waited for unless set.
    type: path
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

import hashlib
import json
import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import nodes
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.api import Api, ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import (
    STATE_DIR,
    DigestCache,
    make_directory,
    read_text,
    replace_bytes,
)
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.unit import State, Unit, UnitError
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

_SHOWN_LINES = 20


def fingerprint(binary: str, files: t.Sequence[str]) -> str:
    """Return one digest of all that K3s reads when it starts. It tells nothing of the content."""
    digests = DigestCache()
    whole = hashlib.sha256()
    names = [binary]
    for path in files:
        if os.path.isdir(path):
            names.extend(sorted(os.path.join(path, name) for name in os.listdir(path)))
        else:
            names.append(path)
    for name in names:
        if name == binary:
            value = digests.digest(name)
        else:
            text = read_text(name)
            value = None if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        whole.update(f"{name} {value}\n".encode())
    return whole.hexdigest()


class Service:
    """The unit with what it was last started with."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.p = module.params
        self.unit = Unit(f"{self.p['name']}.service", module.run_command)
        self.record_path = os.path.join(STATE_DIR, f"started-{self.p['name']}.json")
        self.fingerprint = fingerprint(self.p["binary"], self.p["files"])

    def started_with(self) -> str | None:
        """Return the fingerprint of the last start that ended well."""
        try:
            record = json.loads(read_text(self.record_path) or "{}")
        except ValueError:
            return None
        return record.get("fingerprint") if isinstance(record, dict) else None

    def save(self) -> None:
        """Note that the unit runs with the present files."""
        if self.started_with() != self.fingerprint:
            make_directory(STATE_DIR, 0o755)
            replace_bytes(self.record_path, json.dumps({"fingerprint": self.fingerprint}).encode(), 0o600)

    def action(self, state: State) -> str:
        """Return what brings the unit to run with the present files."""
        if self.module.check_mode and self.p["inputs_changed"]:
            return "restart" if state.active in ("active", "activating", "reloading") else "start"
        if self.started_with() != self.fingerprint:
            return "restart" if state.active in ("active", "activating", "reloading") else "start"
        if state.running:
            return "none"
        return "wait" if state.active == "activating" else "start"


def _ensure(service: Service, state: State, deadline: Deadline) -> str:
    unit = service.unit
    if state.needs_reload or not state.exists:
        unit.reload_daemon()
        state = unit.state()
        if not state.exists:
            raise UnitError(f"{unit.name} is not known to systemd (load state {state.load}): its file is missing or wrong.")
    if state.enabled != "enabled":
        unit.enable()
    action = service.action(state)
    if action == "none":
        return action
    with unit.follow(unit.cursor()) as journal:
        former = ""
        if action != "wait":
            former = state.invocation
            unit.begin(action)
        unit.wait_running(journal, deadline, former)
    return action


def _ready_node(service: Service, name: str, deadline: Deadline) -> dict[str, t.Any]:
    api = Api(service.p["kubeconfig"])
    version = service.p["version"]
    try:
        api.wait_readyz(deadline)
        return api.wait_node(name, lambda node: nodes.why_not_ready(node, version, name), deadline)
    except ApiError as error:
        raise UnitError(f"{service.unit.name} runs, but {error}.") from error


def run(module: AnsibleModule, result: dict[str, t.Any]) -> None:
    """Do what the module is for and fill its result.

    :raises UnitError: K3s does not run or is not ready.
    """
    deadline = Deadline(SystemClock(), module.params["timeout"])
    service = Service(module)
    state = service.unit.state()
    if module.check_mode:
        result["action"] = service.action(state) if state.exists else "start"
        result["changed"] = result["action"] in ("start", "restart") or state.enabled != "enabled"
        result["diff"] = {"before": f"{state.active}\n", "after": f"{state.active} after {result['action']}\n"}
        return
    result["action"] = _ensure(service, state, deadline)
    result["changed"] = result["action"] in ("start", "restart") or state.enabled != "enabled"
    if module.params["kubeconfig"]:
        node = _ready_node(service, result["node_name"], deadline)
        result["address"] = nodes.internal_address(node)
    service.save()


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
            "inputs_changed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    begin = time.monotonic()
    result: dict[str, t.Any] = {
        "changed": False,
        "action": "none",
        "node_name": nodes.own_node_name(module.params["node_name"]),
        "address": None,
    }
    try:
        run(module, result)
    except UnitError as error:
        result["elapsed"] = round(time.monotonic() - begin, 3)
        module.fail_json(msg=str(error), cause=str(error), journal=error.journal[-_SHOWN_LINES:], **result)
    except OSError as error:
        result["elapsed"] = round(time.monotonic() - begin, 3)
        module.fail_json(msg=f"K3s's unit cannot be managed: {error}.", cause=str(error), journal=[], **result)
    result["elapsed"] = round(time.monotonic() - begin, 3)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
