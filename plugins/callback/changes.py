# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: changes
type: aggregate
short_description: Collect what a run changes for the playbook plan
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Gives the plays of a run what the plays before them have changed, or would change in check mode, as the variable C(edge_changes) of
    localhost. It prints nothing.
  - C(edge_changes.changes) has a dictionary for each change, with the texts C(host), C(phase) (the role), C(action) and C(object).
    C(edge_changes.errors) has a text for each task that failed, or host that could not be reached, without those that a playbook expects.
  - Names objects and files, and has no value of them. Of a task with C(no_log) it has the name.
requirements:
  - Set C(callbacks_enabled = baremesh.edge.changes) in the section C(defaults) of C(ansible.cfg), or the same in the environment
    variable E(ANSIBLE_CALLBACKS_ENABLED).
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = baremesh.edge.phase_times, baremesh.edge.changes
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.baremesh.edge.plugins.plugin_utils._changes import Row, changes
from ansible_collections.baremesh.edge.plugins.plugin_utils._phases import failure_lines, is_rescued, phase_of


class CallbackModule(CallbackBase):
    """Remembers changes and failures."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "baremesh.edge.changes"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rows: list[Row] = []
        self._errors: list[str] = []
        self._phases: dict[str, str] = {}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Give the play what there is so far. It may quote what hosts say, which is no template."""
        found = wrap_var({"changes": self._rows, "errors": self._errors})
        play.get_variable_manager().set_nonpersistent_facts("localhost", {"edge_changes": found})

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember what the task has changed."""
        host, task = result._host.get_name(), result._task  # noqa: SLF001 - ansible-core 2.17 has no other name
        phase = self._phases[host] = phase_of(task, self._phases.get(host, "-"))
        name, module = task.get_name().rpartition(" : ")[2].strip(), str(task.resolved_action or task.action)
        for action, what in changes(name, module, result._result):  # noqa: SLF001 - as above
            row = {"host": host, "phase": phase, "action": action, "object": what}
            if row not in self._rows:
                self._rows.append(row)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Remember a failure that ends something."""
        if not ignore_errors and not is_rescued(result._task):  # noqa: SLF001 - as above
            self._errors.append(f"{result._host.get_name()}: {failure_lines(result._result)[0]}")  # noqa: SLF001 - as above

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Remember a host that nothing is known of."""
        if not result._task.ignore_unreachable:  # noqa: SLF001 - as above
            self.v2_runner_on_failed(result)
