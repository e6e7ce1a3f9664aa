# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing the progress of a module while it runs.

The module appends lines to a file on its host; a second connection reads them. It begins late enough that a
short wait costs nothing, and whatever goes wrong with it does not concern the module.
"""

from __future__ import annotations

import copy
import shlex
import threading
import uuid
from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.baremesh.edge.plugins.module_utils._masking import printable

display = Display()

# Shorter waits show nothing and open no second connection.
FIRST_LOOK_AFTER = 2.0
# Far longer than a read takes whose file is gone; only a connection that hangs comes so far.
LAST_READ = 15.0
FILE = "progress"
# Bytes that one read brings, and all of them: a line of progress has some hundred.
CHUNK = 1 << 16
LARGEST = 1 << 20
# Waits on the host until the file has grown past what was read, or is gone, or some seconds have passed. From inside of the folder, so that
# another user of the host cannot put another one in its place; a folder or file that is not of the module's user is none.
READ = (
    'cd -P {folder} 2>/dev/null || exit 1; f={file}; n=0; is() {{ [ -n "$(find "$1" -prune -type "$2" -user {owner} 2>/dev/null)" ]; }}; '
    'is . d || exit 1; while is $f f && [ "$(wc -c < $f)" -le {offset} ] && [ $n -lt 20 ]; do sleep 0.25; n=$((n+1)); done; '
    "is $f f && tail -c +{first} $f | head -c {chunk}"
)


class LiveActionBase(ActionBase):
    """Runs the module of the same name, with its progress on the terminal and in the job log."""

    _requires_connection = True
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; show its progress unless that is off, or cannot be."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if self._is_off(variables):
            return self._run_module(arguments, variables)
        folder = f"/tmp/.baremesh-edge-{uuid.uuid4().hex}"  # noqa: S108 (the module makes it, and the reader asks whose it is)
        arguments["progress_file"] = f"{folder}/{FILE}"
        host = str(variables.get("inventory_hostname") or "")
        follower = Follower(self._reader(folder), lambda line: display.display(f"{host}: {line}" if host else line))
        follower.start()
        try:
            return self._run_module(arguments, variables)
        finally:
            follower.stop()

    def _is_off(self, variables: dict[str, Any]) -> bool:
        shown = self._templar.template(variables.get("edge_live_progress", True))
        switched_off = str(shown).lower() in ("false", "no", "off", "0", "")
        return bool(switched_off or self._task.check_mode or self._task.async_val or self._task.args.get("progress_file"))

    def _run_module(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=variables, wrap_async=self._task.async_val)
        return found

    def _reader(self, folder: str) -> Callable[[int], tuple[int, bytes]]:
        """A function that reads the file from a byte on, over a connection of its own."""
        connection = copy.copy(self._connection)
        owner = shlex.quote(str(self.get_become_option("become_user") or "root")) if connection.become else '"$(id -u)"'
        # The file is readable for all, and a become prompt would go to the wrong place.
        connection.become = None

        def read(offset: int) -> tuple[int, bytes]:
            command = READ.format(folder=shlex.quote(folder), file=FILE, owner=owner, offset=offset, first=offset + 1, chunk=CHUNK)
            code, output, _errors = connection.exec_command(f"/bin/sh -c {shlex.quote(command)}", in_data=None, sudoable=False)
            return int(code), bytes(output)

        return read


class Follower:
    """A thread that shows the lines of a file until the file is gone or it is stopped."""

    def __init__(
        self,
        read: Callable[[int], tuple[int, bytes]],
        show: Callable[[str], None],
        first_after: float = FIRST_LOOK_AFTER,
        pause: float = 1.0,
    ) -> None:
        self._read = read
        self._show = show
        self._first_after = first_after
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)

    def start(self) -> None:
        """Begin, after a while, to show lines."""
        self._thread.start()

    def stop(self) -> None:
        """Show nothing more from now on, and end.

        Whatever is displayed, by a connection plug-in with -vvv too, holds a lock that all worker processes share. A worker that ended
        while this thread holds it would leave all others waiting for ever.
        """
        self._stop.set()
        self._thread.join(LAST_READ)

    def _follow(self) -> None:
        offset = 0
        if self._stop.wait(self._first_after):
            return
        try:
            while not self._stop.is_set():
                code, output = self._read(offset)
                whole = output[: output.rfind(b"\n") + 1] or (output if len(output) >= CHUNK else b"")
                offset += len(whole)
                self._show_lines(whole.decode("utf-8", "replace").splitlines())
                if offset > LARGEST:
                    return
                # Without the file the module has ended, or on a slow host not begun.
                if code != 0 and (offset or self._stop.wait(self._pause)):
                    return
        except Exception as exc:  # noqa: BLE001
            # Progress is a courtesy; the module's own result counts.
            self._show_lines([f"no progress can be shown: {exc}"])

    def _show_lines(self, lines: list[str]) -> None:
        for line in lines:
            if self._stop.is_set():
                return
            # Whoever may write to that folder may have written the file.
            self._show(printable(line))
