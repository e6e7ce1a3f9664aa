# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several followers at once, their changes in one queue."""

from __future__ import annotations

import queue
import threading
from typing import Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Change, Follower


class Feed(Protocol):
    """Where a wait gets its news; tests script one."""

    def add(self, follower: Follower) -> None:
        """Follow one more kind."""

    def get(self, timeout: float) -> list[Change]:
        """All news there is; waits for the first at most that many seconds."""

    def close(self) -> None:
        """Stop following."""


class ThreadFeed:
    """One thread per follower; a watch of the API is a blocking read."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Change] = queue.Queue()
        self._stop = threading.Event()
        self._followers: list[Follower] = []

    def add(self, follower: Follower) -> None:
        """Follow one more kind."""
        self._followers.append(follower)
        name = f"follow-{follower.resource.plural}"
        threading.Thread(target=self._run, args=(follower,), name=name, daemon=True).start()

    def get(self, timeout: float) -> list[Change]:
        """All news there is; waits for the first at most that many seconds."""
        first = self._next(timeout)
        if first is None:
            return []
        found = [first]
        while True:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                return found

    def close(self) -> None:
        """Stop following. The threads end with their next step; those in a read are daemons and end with the process."""
        self._stop.set()

    def _next(self, timeout: float) -> Change | None:
        try:
            return self._queue.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None

    def _run(self, follower: Follower) -> None:
        while not self._stop.is_set():
            try:
                changes, pause = follower.step()
            except Exception as exc:  # noqa: BLE001
                # A thread's exception would vanish with it, and the wait would last until its deadline.
                if self._stop.is_set():
                    return
                error = KubeError(f"Following {follower.resource.full_name} failed: {type(exc).__name__}: {exc}")
                changes, pause = [Change(follower.resource, "fatal", error=error)], 0.0
            for change in changes:
                self._queue.put(change)
                if change.what == "fatal":
                    return
            if pause:
                self._stop.wait(pause)
