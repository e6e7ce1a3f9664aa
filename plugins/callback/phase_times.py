# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: phase_times
type: aggregate
short_description: Show the seconds that each role took
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Prints a line for each role at the end of a run, in the order in which the roles began, and one for the whole run.
  - A role's time lasts until a task of another role begins. Tasks outside of roles, and those of the role
    P(baremesh.edge.common#role), which other roles call, count for the role before them.
  - Prints nothing if the stdout callback writes JSON, so that programs can read it, and if it is P(baremesh.edge.phases#callback),
    which shows the times itself.
requirements:
  - Set C(callbacks_enabled = baremesh.edge.phase_times) in the section C(defaults) of C(ansible.cfg), or the same in the environment
    variable E(ANSIBLE_CALLBACKS_ENABLED).
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = baremesh.edge.phase_times

output: |
  preflight        2.1 s
  k3s             21.4 s
  all             24.0 s
"""

import time
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

from ansible_collections.baremesh.edge.plugins.plugin_utils._phases import phase_of

# Callbacks for programs, and one that shows the times itself.
_WITHOUT = ("json", "jsonl", "phases")


class CallbackModule(CallbackBase):
    """Measures how long the tasks of each role last."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "baremesh.edge.phase_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seconds: dict[str, float] = {}
        self._phase = ""
        self._started = self._since = time.monotonic()

    def _begin(self, phase: str) -> None:
        """Add the time since the last call to the phase before, and go on with another one."""
        now = time.monotonic()
        if self._phase:
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's interface
        """Begin the phase of the task's role."""
        phase = phase_of(task, self._phase)
        if phase != self._phase:
            self._begin(phase)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Count a handler for its role as well."""
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 - Ansible's interface
        """Print the lines at the end of the run."""
        self._begin("")
        if not self._seconds or constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in _WITHOUT:
            return
        self._display.banner("PHASE TIMES")
        for phase, seconds in [*self._seconds.items(), ("all", time.monotonic() - self._started)]:
            self._display.display(f"{phase:<18}{seconds:6.1f} s")
