# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: phases
type: stdout
short_description: Show a run as one line for each phase and host
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Prints a line when a host has left a role, with the result and the seconds from the role's first task on that host to its last one.
    V(changed), or V(would change) in check mode, says that a task changed something; V(ok) that none did. V(failed) and V(unreachable)
    come with the first line of the reason, which is shown again at the end. A failure that a C(rescue) handles or that is ignored is none.
  - A role to which a run comes back has a line each time. What changed nothing within a second counts for the role's next line, or for one
    at the end of the run.
  - Tasks outside of roles, and those of the role P(baremesh.edge.common#role), which other roles call, count for the role before them.
  - Shows messages of M(ansible.builtin.debug) and M(ansible.builtin.assert), progress of modules that wait, warnings, and differences
    with C(--diff); all else is in the file of O(log_path).
  - On a terminal one more line, which the next one replaces, shows the task that runs. Elsewhere, as in AWX, there are plain lines only.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
options:
  log_path:
    description:
      - File that gets all that Ansible's own callback would print, and nothing that it would hide. It has mode 0600.
      - Each run replaces the file of the run before. One that this callback did not write stays, with a warning. Empty for no file.
    type: str
    default: ''
    env:
      - name: BAREMESH_EDGE_LOG_PATH
    ini:
      - section: callback_phases
        key: log_path
requirements:
  - Set C(stdout_callback = baremesh.edge.phases) in the section C(defaults) of C(ansible.cfg), or the same in the environment
    variable E(ANSIBLE_STDOUT_CALLBACK).
seealso:
  - plugin: baremesh.edge.phase_times
    plugin_type: callback
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  stdout_callback = baremesh.edge.phases
  [callback_phases]
  log_path = edge-run.log

output: |
  preflight       edge1             ok             2.1 s
  k3s             edge1             changed       21.4 s  2 task(s)
  istio           edge1             failed         3.0 s  Helm release istiod in istio-system: no space left on device
"""

import atexit
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from ansible import constants, context
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.baremesh.edge.plugins.plugin_utils._phases import differences, failure_lines, is_rescued, phase_of, text_lines

_MARK = "# Written by the callback baremesh.edge.phases. The next run replaces this file.\n"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ERASE = "\r\x1b[K"
# Lines of others, such as progress, are longer, so that they cover what is left of it.
_TRANSIENT = 32
# A role that took longer has a line at once.
_NOTABLE = 1.0
_SPOKEN = {f"{prefix}{name}" for prefix in ("", "ansible.builtin.", "ansible.legacy.") for name in ("debug", "assert")}
_SILENT = "All assertions passed"


class _Step:
    """What a host did in one phase."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.seconds = self.since = self.last = 0.0
        self.changed = self.differences = 0
        self.reason = self.word = ""


class _LogDisplay:
    """Takes what Ansible's own callback prints. Warnings still go to the terminal."""

    def __init__(self, display: Any, write: Callable[[str], Any]) -> None:
        self._real, self._write = display, write

    def display(self, msg: str, *_others: Any, screen_only: bool = False, **_more: Any) -> None:
        if not screen_only:
            self._write(_COLOURS.sub("", f"{msg}\n"))

    def banner(self, msg: str, *_others: Any, **_more: Any) -> None:
        self.display(f"\n{msg} {'*' * max(3, 79 - len(msg))}")

    def _error(self, *exception: Any, **more: Any) -> None:
        type(self._real)._error(self, *exception, **more)  # noqa: SLF001 - what ansible-core from 2.19 on calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class CallbackModule(Default):
    """Ansible's own callback, which prints into the log, and beside it lines for phases on the screen."""

    _display: Any
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "baremesh.edge.phases"

    def __init__(self) -> None:
        super().__init__()
        self._screen = self._display
        self._log: TextIO | None = None
        self._begun = time.monotonic()
        self._now: dict[str, _Step] = {}
        self._held: dict[tuple[str, str], _Step] = {}
        self._failures: list[str] = []
        self._hosts: set[str] = set()
        self._any_change = self._transient = False
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._main = os.getpid()

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Read the options, and open the log."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        path = self.get_option("log_path")
        self._log = self._open(Path(path).expanduser()) if path else None
        self._display = _LogDisplay(self._screen, self._log.write if self._log else len)
        atexit.register(self._interrupted)

    def _open(self, path: Path) -> TextIO | None:
        """The file of the log, which is new or of an earlier run, or none with a warning."""
        try:
            log = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+", encoding="utf-8", errors="replace", buffering=1)  # noqa: SIM115 - a descriptor
            # A device, whose mode is none of our business, is no file.
            if not os.path.isfile(log.fileno()) or log.read(len(_MARK)) not in ("", _MARK):
                log.close()
                self._screen.warning(f"The log is not written: {path} (log_path of baremesh.edge.phases) is a file of something else.")
                return None
            os.fchmod(log.fileno(), 0o600)
            log.seek(0)
            log.truncate()
            log.write(_MARK)
        except OSError as exc:
            self._screen.warning(f"The log is not written: log_path of baremesh.edge.phases, {path}: {exc.strerror}.")
            return None
        return log

    # Lines

    def _say(self, text: str, colour: str | None = None) -> None:
        self._erase()
        self._screen.display(text, color=colour)

    def _erase(self) -> None:
        if self._transient:
            sys.stdout.write(_ERASE)
            self._transient = False

    def _show_running(self, text: str) -> None:
        if self._terminal:
            sys.stdout.write(f"{_ERASE}{text[:_TRANSIENT]}\r")
            sys.stdout.flush()
            self._transient = True

    def _show_step(self, host: str, step: _Step) -> None:
        changed = "would change" if context.CLIARGS.get("check") else "changed"
        word = step.word or (changed if step.changed else "ok")
        colour = {"ok": constants.COLOR_OK, changed: constants.COLOR_CHANGED}.get(word, constants.COLOR_ERROR)
        counts = f"{step.changed} task(s)" if step.changed else ""
        counts += f", {step.differences} difference(s)" if step.differences else ""
        self._say(f"{step.phase or '-':<16}{host:<18}{word:<13}{step.seconds:6.1f} s  {step.reason or counts}".rstrip(), colour)

    # Phases

    def _enter(self, host: str, task: Any) -> _Step:
        """The step to which a task of the host belongs; the one before it has ended."""
        step = self._now.get(host)
        phase = phase_of(task, step.phase if step else "")
        if step is None or step.phase != phase:
            self._leave(host)
            step = self._now[host] = self._held.pop((host, phase), _Step(phase))
            step.since = step.last = time.monotonic()
        return step

    def _leave(self, host: str) -> None:
        step = self._now.pop(host, None)
        if step is None:
            return
        step.seconds += step.last - step.since
        if step.changed or step.word or (step.phase and step.seconds >= _NOTABLE):
            self._show_step(host, step)
        elif step.phase:
            self._held[host, step.phase] = step

    def _take(self, result: Any) -> _Step:
        """Note a result that a host has."""
        host = result._host.get_name()  # noqa: SLF001 - ansible-core 2.17 has no other name
        self._hosts.add(host)
        step = self._enter(host, result._task)  # noqa: SLF001 - as above
        step.last = time.monotonic()
        if result._result.get("changed"):  # noqa: SLF001 - as above
            step.changed += 1
            step.differences += len(list(differences(result._result)))  # noqa: SLF001 - as above
            self._any_change = True
        return step

    def _fail(self, result: Any, word: str) -> None:
        host, task, found = result._host.get_name(), result._task, result._result  # noqa: SLF001 - as above
        step = self._take(result)
        lines = failure_lines(found)
        step.word, step.reason = word, lines[0]
        self._failures.append(f"{host}: {task.get_name().strip()}: {lines[0]}")
        self._leave(host)
        for line in lines[1:]:
            self._say(f"  {line}", constants.COLOR_ERROR)

    def _speak(self, result: Any) -> None:
        """Show a message that is meant for the reader."""
        task, found = result._task, result._result  # noqa: SLF001 - as above
        if task.action not in _SPOKEN or found.get("results") or found.get("msg") in (None, "", _SILENT):
            return
        first = f"{result._host.get_name()}: "  # noqa: SLF001 - as above
        for line in text_lines(found["msg"]):
            self._say(f"  {first}{line}")
            first = " " * len(first)

    # What Ansible calls. Its own callback comes last, since it takes results apart.

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """End the steps of the play before."""
        for host in list(self._now):
            self._leave(host)
        super().v2_playbook_on_play_start(play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Show what runs."""
        self._show_running(f"{phase_of(task, '')}: {task.get_name().rpartition(' : ')[2]}".removeprefix(": "))
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Begin the phase of the task."""
        self._enter(host.get_name(), task)
        super().v2_runner_on_start(host, task)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note the result, and show what is meant for the reader."""
        self._take(result)
        self._speak(result)
        super().v2_runner_on_ok(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show what is meant for the reader."""
        self._speak(result)
        super().v2_runner_item_on_ok(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Show the reason, unless the playbook goes on in spite of it."""
        if ignore_errors or is_rescued(result._task):  # noqa: SLF001 - ansible-core 2.17 has no other name
            self._take(result)
        else:
            self._fail(result, "failed")
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Show the reason, unless the playbook goes on in spite of it."""
        if not result._task.ignore_unreachable:  # noqa: SLF001 - as above
            self._fail(result, "unreachable")
        super().v2_runner_on_unreachable(result)

    def v2_on_file_diff(self, result: Any) -> None:
        """Show the differences, which there are only with --diff."""
        for each in differences(result._result):  # noqa: SLF001 - as above
            self._say(self._get_diff(each).rstrip())
        super().v2_on_file_diff(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Show what is left, and the failures once more."""
        super().v2_playbook_on_stats(stats)
        self._finish("failed" if self._failures else "")

    def _interrupted(self) -> None:
        """What is left to say where a run ends without its statistics."""
        if os.getpid() == self._main and (self._now or self._held):
            for step in self._now.values():
                step.word, step.last = "interrupted", time.monotonic()
            self._finish("interrupted")

    def _finish(self, word: str) -> None:
        for host in list(self._now):
            self._leave(host)
        for (host, _phase), step in self._held.items():
            self._show_step(host, step)
        self._held.clear()
        total = _Step("all")
        total.word, total.changed, total.seconds = word, int(self._any_change), time.monotonic() - self._begun
        total.reason = f"{len(self._failures)} failure(s)" if self._failures else " "
        self._show_step(f"{len(self._hosts)} host(s)", total)
        for each in self._failures:
            self._say(f"  {each}", constants.COLOR_ERROR)
        if self._log:
            self._say(f"The full output is in {self.get_option('log_path')}.")
