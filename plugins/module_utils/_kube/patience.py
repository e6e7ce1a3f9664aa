# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are worth repeating."""

from __future__ import annotations

from typing import Callable, TypeVar

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConnectionLost, KindAbsent, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import RESTART_GRACE
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

T = TypeVar("T")


class Patience:
    """Repeats requests that fail for reasons that pass, until the deadline."""

    def __init__(self, deadline: Deadline, say: Callable[[str], None] = lambda _unused: None) -> None:
        self.deadline = deadline
        self._say = say
        self._trouble_at: float | None = None

    def call(self, request: Callable[[], T]) -> T:
        """The request's result. Raises its last error at the deadline, a lasting one at once."""
        backoff = Backoff(first=0.2, cap=5.0)
        while True:
            try:
                return request()
            except (ApiError, ConnectionLost) as exc:
                if self.deadline.expired or not self._passes(exc):
                    raise
                pause = backoff.next(self.deadline, getattr(exc, "retry_after", None))
                self._say(str(exc))
            self.deadline.clock.sleep(pause)

    def _passes(self, error: KubeError) -> bool:
        now = self.deadline.elapsed
        if error.transient:
            self._trouble_at = now
            return True
        refused = isinstance(error, KindAbsent) or (isinstance(error, ApiError) and error.status in (401, 403))
        return refused and self._trouble_at is not None and now - self._trouble_at < RESTART_GRACE
