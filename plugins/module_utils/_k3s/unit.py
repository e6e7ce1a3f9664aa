# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A systemd unit: its state, starting it without blocking, and watching its journal while it starts."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import causes
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# Returns exit code, standard output and standard error, as AnsibleModule.run_command does.
Run = Callable[[list[str]], tuple[int, str, str]]

_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,InvocationID,NRestarts,ExecMainStartTimestampMonotonic"

# A unit that fails for a reason unknown to us is given this many restarts before waiting ends.
_MAX_RESTARTS = 3
# K3s logs hundreds of lines while it starts: systemd is not asked again for each of them.
_ASK_AT_MOST_EVERY = 0.2
_ASK_AT_LEAST_EVERY = 2.0


class UnitError(EdgeError):
    """A unit that cannot be managed, or did not start. The message is one sentence for the user."""

    def __init__(self, message: str, journal: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.journal = list(journal)


class State(NamedTuple):
    """What systemd says of a unit. C(started) is the start of its main process by the monotonic clock."""

    load: str
    active: str
    sub: str
    enabled: str
    needs_reload: bool
    invocation: str
    restarts: int
    started: float

    @property
    def exists(self) -> bool:
        return self.load == "loaded"

    @property
    def running(self) -> bool:
        return self.active == "active" and self.sub == "running"


def parse_state(text: str) -> State:
    """Return a unit's state from the output of C(systemctl show)."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return State(
        load=values.get("LoadState", ""),
        active=values.get("ActiveState", ""),
        sub=values.get("SubState", ""),
        enabled=values.get("UnitFileState", ""),
        needs_reload=values.get("NeedDaemonReload") == "yes",
        invocation=values.get("InvocationID", ""),
        restarts=_number(values, "NRestarts"),
        started=_number(values, "ExecMainStartTimestampMonotonic") / 1e6,
    )


def _number(values: Mapping[str, str], key: str) -> int:
    value = values.get(key, "")
    # As many digits as systemd's widest number has.
    return int(value) if value.isdecimal() and len(value) <= 20 else 0


class Unit:
    """One systemd unit of this host."""

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self._run = run

    def _systemctl(self, *arguments: str) -> str:
        code, out, err = self._run(["systemctl", *arguments])
        if code != 0:
            raise UnitError(f"systemctl {' '.join(arguments)} failed: {(err or out).strip()}.")
        return out

    def state(self) -> State:
        """Ask systemd for the unit's state.

        Raises:
            UnitError: systemd does not answer.
        """
        return parse_state(self._systemctl("show", f"--property={_PROPERTIES}", "--", self.name))

    def reload_daemon(self) -> None:
        """Make systemd read its unit files again."""
        self._systemctl("daemon-reload")

    def enable(self) -> None:
        """Make the unit start at boot."""
        self._systemctl("enable", "--", self.name)

    def begin(self, verb: str) -> None:
        """Queue C(start), C(restart) or C(stop) and return at once: an agent's start may never end."""
        if self.state().active == "failed":
            self._systemctl("reset-failed", "--", self.name)
        self._systemctl("--no-block", verb, "--", self.name)

    def cursor(self) -> str | None:
        """Return the journal's present end."""
        code, out, _err = self._run(["journalctl", "--lines=0", "--show-cursor", "--quiet"])
        for line in out.splitlines() if code == 0 else ():
            if line.startswith("-- cursor: "):
                return line[len("-- cursor: ") :].strip()
        return None

    def logged(self, invocation: str) -> list[str]:
        """Return what the unit logged since a start, empty if the journal cannot be read."""
        code, out, _err = self._run(["journalctl", "--quiet", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}"])
        return out.splitlines() if code == 0 else []

    def follow(self, cursor: str | None) -> Journal:
        """Return the unit's journal lines as they come, from a cursor on."""
        return Journal(self.name, cursor)

    def wait_running(self, journal: Journal, deadline: Deadline, former: str, restarts_before: int) -> State:
        """Watch the unit until it runs.

        Args:
            journal: The lines since the start was asked for.
            deadline: The end of the wait.
            former: The unit's last invocation before the start was asked for, or empty to accept a running one.
            restarts_before: How often systemd had restarted it when the start was asked for.

        Raises:
            UnitError: It cannot come up, or the deadline passed; the message says why, as far as the journal does.
        """
        first_seen: dict[str, float] = {}
        while True:
            state = self.state()
            if state.running and state.invocation != former:
                return state
            now = deadline.clock.monotonic()
            cause = causes.explain(journal.recent(causes.RECENT))
            first_seen = {cause.text: first_seen.get(cause.text, now)} if cause is not None else {}
            if cause is not None and now - first_seen[cause.text] >= cause.patience:
                raise UnitError(f"{self.name} does not start: {cause.text}.", journal.lines)
            if state.restarts < restarts_before:
                restarts_before = state.restarts
            if state.active == "failed" or state.restarts - restarts_before >= _MAX_RESTARTS:
                raise UnitError(self._failure("ends again and again", cause, journal), journal.lines)
            if deadline.expired:
                raise UnitError(
                    self._failure(f"is still {state.active} ({state.sub}) at the end of the time allowed", cause, journal), journal.lines
                )
            journal.wait(_ASK_AT_MOST_EVERY, deadline.cut(_ASK_AT_LEAST_EVERY))

    def _failure(self, what: str, cause: Cause | None, journal: Journal) -> str:
        if cause is not None:
            return f"{self.name} {what}: {cause.text}."
        complaint = causes.last_complaint(journal.lines)
        if complaint:
            return f"{self.name} {what}; its last complaint: {complaint}"
        return f"{self.name} {what}, and its journal has no line since then: look at systemctl status {self.name}."


class Journal:
    """The journal of one unit, followed in a child process. A context manager."""

    _KEEP = 4000

    def __init__(self, unit: str, cursor: str | None) -> None:
        self._since = [f"--after-cursor={cursor}"] if cursor else ["--lines=0"]
        self._unit = unit
        self._rest = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._taken: list[tuple[float, str]] = []

    @property
    def lines(self) -> list[str]:
        """The last lines, oldest first."""
        return [line for _moment, line in self._taken]

    def recent(self, seconds: float) -> list[str]:
        """The lines that came within the last seconds, oldest first."""
        begin = time.monotonic() - seconds
        return [line for moment, line in self._taken if moment >= begin]

    def __enter__(self) -> Journal:  # noqa: PYI034 - Self needs Python 3.11
        try:
            self._process = subprocess.Popen(
                ["journalctl", "--follow", "--quiet", "--output=cat", f"--unit={self._unit}", *self._since],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            self._process = None
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def wait(self, settle: float, timeout: float) -> None:
        """Return when lines came, and what comes within C(settle) seconds of them, or after C(timeout) seconds."""
        stream = self._process.stdout if self._process is not None else None
        if stream is None:
            time.sleep(max(0.0, min(timeout, 0.5)))
            return
        if not select.select([stream], [], [], max(0.0, timeout))[0]:
            return
        end = time.monotonic() + settle
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                return
            block = os.read(stream.fileno(), 1 << 16)
            if not block:
                # journalctl ended: without it the state is still asked for, at intervals.
                self.__exit__()
                return
            self._take(block)

    def _take(self, block: bytes) -> None:
        *complete, self._rest = (self._rest + block).split(b"\n")
        now = time.monotonic()
        self._taken.extend((now, line.decode("utf-8", "replace")) for line in complete if line.strip())
        del self._taken[: -self._KEEP]
