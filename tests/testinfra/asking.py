# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that ask again and again while sites change."""

from __future__ import annotations

import collections
import http.client
import threading
import time

LIMIT = 10


class Asking:
    """Calls functions that ask, each in a thread of its own, and counts what came back."""

    def __init__(self, **asked):
        """Take for each name a function, and what it returns where all is well."""
        self._asked = asked
        self._end = threading.Event()
        self.answers = {name: collections.Counter() for name in asked}
        self._threads = [threading.Thread(target=self._go, args=(name,), daemon=True) for name in asked]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_unused):
        self._end.set()
        for thread in self._threads:
            thread.join(LIMIT * 2)

    def _go(self, name):
        while not self._end.is_set():
            try:
                found = self._asked[name][0]()
            except (OSError, http.client.HTTPException) as error:
                found = f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}"
            self.answers[name][found] += 1
            time.sleep(0.02)

    @property
    def unlike(self):
        """What was not answered as it should be."""
        right = {name: well for name, (_ask, well) in self._asked.items()}
        assert all(found[right[name]] > 20 for name, found in self.answers.items()), self.answers
        return {name: extra for name, found in self.answers.items() if (extra := {k: n for k, n in found.items() if k != right[name]})}
