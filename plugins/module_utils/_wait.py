# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deadlines and back-off with the clock passed in. Knows nothing of Kubernetes."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a wait needs to know of time; tests pass a scripted one."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def wall(self) -> float:
        """Seconds since 1970, UTC."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        time.sleep(seconds)


class Deadline:
    """The end of one wait, and how far away it is."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = float(seconds)
        self._start = clock.monotonic()
        self._wall_start = clock.wall()

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self.clock.monotonic() - self._start

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.seconds - self.elapsed)

    @property
    def expired(self) -> bool:
        """True once no time is left."""
        return self.remaining <= 0.0

    @property
    def wall_end(self) -> float:
        """The deadline as seconds since 1970."""
        return self._wall_start + self.seconds

    def cut(self, seconds: float) -> float:
        """The given span, or what is left where that is less."""
        return min(max(0.0, seconds), self.remaining)


class Backoff:
    """Pauses that grow by a factor up to a cap.

    A server's Retry-After replaces the computed pause where it is longer, up to ten times the cap:
    a server that asks for an hour would otherwise end the wait without another look.
    """

    def __init__(self, first: float = 0.2, cap: float = 10.0, factor: float = 2.0) -> None:
        if first <= 0 or cap < first or factor < 1:
            raise ValueError(f"a back-off needs 0 < first <= cap and factor >= 1, not {first!r}, {cap!r}, {factor!r}")
        self._first = first
        self._cap = cap
        self._factor = factor
        self._next = first

    def next(self, deadline: Deadline, retry_after: float | None = None) -> float:
        """The next pause in seconds, cut to the deadline."""
        pause = self._next
        self._next = min(self._cap, self._next * self._factor)
        if retry_after is not None:
            pause = min(max(pause, retry_after), self._cap * 10)
        return deadline.cut(pause)

    def reset(self) -> None:
        """Begin again with the first pause, after something worked."""
        self._next = self._first
