# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something that is waited for is not as it should be, and how a failed wait says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Does waiting help? HEALS: it may. GRACE: not once it has lasted for some seconds. FINAL: no.
HEALS, GRACE, FINAL = "heals", "grace", "final"
# How long a state lasts that nothing is expected to heal, or that says only that a controller has not acted yet.
PATIENCE = 3.0
_LINES = 10


@dataclass(frozen=True)
class Cause:
    """The deepest known reason, in one sentence.

    Attributes:
        text: the sentence.
        outlook: whether waiting helps.
        retry_at: when the next attempt is due, where that is known.
        patience: seconds that the state must last before it is called a cause; until then it may be the normal course of things.
        since: when it began, as a time of the Kubernetes API, where an object says so.
        depth: how much is known; the deepest of several causes is the one to show.
        about: name of the object that it is about, where that is not the one that is waited for.
        container: container of the pod O(about) whose last words would say more.
        source: the line of a log that it was read from.
    """

    text: str
    outlook: str = HEALS
    retry_at: str | None = None
    patience: float = 0.0
    since: str | None = None
    depth: int = 0
    about: str = ""
    container: str = ""
    source: str = ""

    @property
    def final(self) -> bool:
        """True where waiting cannot help."""
        return self.outlook == FINAL


def deepest(causes: Sequence[Cause]) -> Cause:
    """The one to show of several: what cannot heal before what may, then what is known best."""
    return max(causes, key=lambda cause: (cause.final, cause.depth))


def failure_text(failed: Sequence[tuple[str, Cause]], state: str, hints: Sequence[str] = (), waited: float | None = None) -> str:
    """The message of a failed wait: what, where and why in its first line, then the others, then what helps.

    Args:
        failed: title and cause of each object, the one to name first before the others.
        state: what they are not, such as "ready".
        hints: what helps, a line each.
        waited: seconds after which the wait was given up, None where it ended because waiting cannot help.
    """
    lines = [f"{title} is not {state}: {cause.text}" for title, cause in failed[:_LINES]]
    if len(failed) > _LINES:
        lines.append(f"{len(failed) - _LINES} more are not {state}.")
    lines += hints
    if waited is not None:
        lines.append(f"Waited {round(waited)} s.")
    return "\n".join(lines)
