# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user sees while the bundle is being made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """One line a step: `[ 3/14] istio pilot-discovery ... built in 92 s`."""

    def __init__(self, steps: int, stream: TextIO) -> None:
        self._steps = steps
        self._stream = stream
        self._step = 0

    def _start(self, title: str) -> None:
        self._step += 1
        width = len(str(self._steps))
        self._write(f"[{self._step:{width}}/{self._steps}] {title} ... ")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        # The line is worth most while it is unfinished.
        self._stream.flush()

    def cached(self, title: str) -> None:
        """Show a step that has nothing to do."""
        self._start(title)
        self._write("cached\n")

    @contextmanager
    def building(self, title: str) -> Iterator[None]:
        """Show a step, then how long it took or that it failed."""
        self._start(title)
        begun = time.monotonic()
        try:
            yield
        except BaseException:
            self._write("failed\n")
            raise
        self._write(f"built in {time.monotonic() - begun:.0f} s\n")
