# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of live progress: each change of state at once, the rest every ten seconds.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject, phrase

REPORT_EVERY = 10.0
# The first second is spent with reading what there is; lines about that would be of no use.
FIRST_AFTER = 1.0
# Hundreds of Certificates would fill the terminal.
AT_ONCE = 5


class Teller:
    """Remembers what was said of whom."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: dict[str, tuple[str, float]] = {}

    def tell(self, subjects: Iterable[Subject], now: float) -> None:
        """Say what is new, of at most five Certificates."""
        if now < FIRST_AFTER:
            return
        shown = 0
        for subject in subjects:
            said, when = self._said.get(subject.name, ("", -REPORT_EVERY))
            words = phrase(subject)
            if subject.ready and said in ("", "ready"):
                continue
            if words == said and now - when < REPORT_EVERY:
                continue
            if shown == AT_ONCE:
                return
            shown += 1
            self._said[subject.name] = (words, now)
            self._say("%s: %s (%d s)" % (subject.name, words, now))
