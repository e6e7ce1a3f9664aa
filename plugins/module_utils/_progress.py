# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of live progress: each change at once, what lasts every ten seconds."""

from __future__ import annotations

from typing import Callable

REPORT_EVERY = 10.0
# The first second is spent with reading what exists; lines about that would be of no use.
FIRST_AFTER = 1.0


class Progress:
    """Remembers what was said of what."""

    def __init__(self, write: Callable[[str], None] = lambda _unused: None) -> None:
        self._write = write
        self._said: dict[str, tuple[str, float]] = {}

    def is_due(self, name: str, words: str, now: float) -> bool:
        """True where the words are new, or were said long ago."""
        said, when = self._said.get(name, ("", 0.0))
        return now >= FIRST_AFTER and (words != said or now - when >= REPORT_EVERY)

    def last_words(self, name: str) -> str:
        """What was said last, empty where nothing was."""
        return self._said.get(name, ("", 0.0))[0]

    def say(self, name: str, words: str, now: float) -> None:
        """Write one line, if it is due."""
        words = " ".join(words.split())
        if self.is_due(name, words, now):
            self._said[name] = (words, now)
            self._write(f"{name}: {words} ({int(now)} s)")
