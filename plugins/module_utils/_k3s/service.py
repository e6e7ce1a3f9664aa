# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""K3s's unit together with what it was last started with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import causes, nodes, unit
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.api import Api, ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import STATE_DIR, DigestCache, read_record, read_text, write_record
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

_HOW = {"none": "", "wait": "", "start": ", started", "restart": ", restarted"}


def fingerprint(binary: str, files: Sequence[str]) -> str:
    """Return one digest of all that K3s reads when it starts. The content cannot be derived from it."""
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

    def __init__(self, params: Mapping[str, Any], run_command: unit.Run, check_mode: bool, state_dir: str = STATE_DIR) -> None:
        self.p = params
        self.check_mode = check_mode
        self.unit = unit.Unit(f"{self.p['name']}.service", run_command)
        self.record_path = os.path.join(state_dir, f"started-{self.p['name']}.json")
        self.fingerprint = fingerprint(self.p["binary"], self.p["files"])
        self.warnings: list[str] = []

    def _note(self, ready: bool) -> None:
        record = {"fingerprint": self.fingerprint, "ready": ready}
        if read_record(self.record_path) != record:
            write_record(self.record_path, record, 0o600)

    def was_ready(self) -> bool:
        """Tell whether the last start with the present files ended well."""
        return read_record(self.record_path) == {"fingerprint": self.fingerprint, "ready": True}

    def action(self, state: unit.State) -> str:
        """Return what brings the unit to run with the present files."""
        changed = read_record(self.record_path).get("fingerprint") != self.fingerprint or (self.check_mode and self.p["inputs_changed"])
        if changed:
            return "restart" if state.active in ("active", "activating", "reloading") else "start"
        if state.running:
            return "none"
        return "wait" if state.active == "activating" else "start"

    def start(self, state: unit.State) -> tuple[str, unit.State]:
        """Ask for what brings the unit to run with the present files; return what that is, and the unit's state before.

        Raises:
            UnitError: systemd does not know the unit.
        """
        if state.needs_reload or not state.exists:
            self.unit.reload_daemon()
            state = self.unit.state()
            if not state.exists:
                raise unit.UnitError(f"{self.unit.name} is not known to systemd (load state {state.load}): its file is missing or wrong.")
        if state.enabled != "enabled":
            self.unit.enable()
        action = self.action(state)
        if action in ("start", "restart"):
            # Noted first: a run that dies now must not leave the unit with other files than the note names.
            self._note(ready=False)
            self.unit.begin(action)
        return action, state

    def wait(self, action: str, before: unit.State, journal: unit.Journal, deadline: Deadline) -> dict[str, Any]:
        """Wait until the unit runs, its API answers and its Node is ready; return the Node, empty if none is asked for.

        Raises:
            UnitError: It does not come up; the message says why, as far as the journal does.
        """
        former = before.invocation if action in ("start", "restart") else ""
        state = self.unit.wait_running(journal, deadline, former, before.restarts)
        if not self.p["kubeconfig"]:
            self._note(ready=True)
            return {}
        # A Node that was not touched may have reported long ago.
        since = 0.0 if action == "none" and self.was_ready() else deadline.clock.wall() - deadline.clock.monotonic() + state.started

        def alive() -> None:
            self.unit.wait_running(journal, deadline, "", before.restarts)

        api, version = Api(self.p["kubeconfig"]), self.p["version"]
        try:
            api.wait_readyz(deadline, alive)
            if not self.p["node"]:
                self._note(ready=True)
                return {}
            # K3s chooses the id that it appends to a name when it first starts, which with a log file is after its unit has started.
            node_name = nodes.own_node_name(self.p["node_name"])
            node = api.wait_node(node_name, lambda node: nodes.why_not_ready(node, version, node_name, since), deadline, alive)
        except ApiError as error:
            self._judge_images(state.invocation)
            raise unit.UnitError(f"{self.unit.name} runs, but after {deadline.elapsed:.0f} s {error}.", journal.lines) from error
        if not self.was_ready():
            self._judge_images(state.invocation)
        self._note(ready=True)
        return node

    def _judge_images(self, invocation: str) -> None:
        lost = causes.lost_images(self.unit.logged(invocation))
        outside = [path for path, reason in lost.items() if causes.DISK_FULL.search(reason)]
        if outside:
            # K3s imports when it starts: without the note the next run starts it again.
            remove_file(self.record_path)
            raise unit.UnitError(
                f"{self.unit.name} runs, but the disk is full: {', '.join(outside)} was not imported ({lost[outside[0]]}): enlarge the "
                "disk of the data directory, or remove from it what is not K3s's, and run again."
            )
        self.warnings = [f"K3s could not import {path}: {reason.rstrip('.')}." for path, reason in lost.items()]


def run(service: Service, deadline: Deadline, result: dict[str, Any]) -> None:
    """Bring K3s to run, wait until it is ready if that is asked for, and fill the module's result.

    Raises:
        UnitError: K3s does not run or is not ready.
    """
    state = service.unit.state()
    if service.check_mode:
        result["action"] = service.action(state) if state.exists else "start"
        _fill_in(result, state)
        return
    with service.unit.follow(service.unit.cursor()) as journal:
        result["action"], before = service.start(state)
        # What runs already is ready in a moment, or has a reason that is worth reporting now.
        if not service.p["wait"] and result["action"] != "none":
            _fill_in(result, state)
            return
        node = service.wait(result["action"], before, journal, deadline)
    result["node_name"] = (node.get("metadata") or {}).get("name") or result["node_name"]
    _fill_in(result, state)
    result["address"] = nodes.internal_address(node)


def _fill_in(result: dict[str, Any], state: unit.State) -> None:
    """Fill in what changed."""
    if result["action"] in ("start", "restart") or state.enabled != "enabled":
        result["changed"] = True
        result["diff"].append({"before": f"{state.active}\n", "after": f"active{_HOW[result['action']]}\n"})
