# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following some kinds until a judge is content, or until waiting cannot help.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Change, Follower
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

Json = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a judge says of the objects.

    Attributes:
        done: everything is as it should be.
        final: nothing will change by waiting.
        cause: one sentence, the deepest known reason why it is not done.
        again: seconds after which to judge again though nothing changed, None for never.
    """

    done: bool
    final: bool = False
    cause: str = ""
    again: float | None = None


@dataclass
class Outcome:
    """How a wait ended."""

    done: bool
    cause: str
    elapsed: float
    observations: int
    objects: dict[str, list[Json]] = field(default_factory=dict)


Judge = Callable[[dict[str, list[Json]]], Verdict]


class _Store:
    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds: dict[str, dict[tuple[str, str], Json]] = {kind: {} for kind in kinds}
        self._missing = set(kinds)

    @property
    def complete(self) -> bool:
        """True once every kind was listed."""
        return not self._missing

    def apply(self, change: Change) -> None:
        kind = change.resource.kind
        if change.what == "snapshot":
            self._missing.discard(kind)
            self._kinds[kind] = {_key(found): found for found in change.objects}
        elif change.what == "set":
            self._kinds[kind].update((_key(found), found) for found in change.objects)
        elif change.what == "deleted":
            for found in change.objects:
                self._kinds[kind].pop(_key(found), None)

    def objects(self) -> dict[str, list[Json]]:
        return {kind: list(found.values()) for kind, found in self._kinds.items()}


def _key(found: Json) -> tuple[str, str]:
    metadata = found.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def settle(feed: Feed, followers: Sequence[Follower], deadline: Deadline, judge: Judge, once: bool = False) -> Outcome:
    """Follow kinds, one follower for each, until the judge says done or final, or the deadline comes.

    Args:
        feed: brings the changes; closed at the end.
        followers: what to follow, at most one of each kind.
        deadline: the end of the wait.
        judge: called with all objects by kind after each change.
        once: end with the first verdict, whatever it is.
    """
    store = _Store([follower.resource.kind for follower in followers])
    verdict, trouble, observations = Verdict(False, cause="nothing was seen yet"), "", 0
    try:
        for follower in followers:
            feed.add(follower)
        while not (verdict.done or verdict.final or deadline.expired):
            pause = deadline.remaining if verdict.again is None else deadline.cut(verdict.again)
            for change in feed.get(pause):
                observations += 1
                if change.error is not None:
                    trouble = str(change.error)
                    if change.what == "fatal":
                        return Outcome(False, trouble, deadline.elapsed, observations, store.objects())
                else:
                    trouble = ""
                    store.apply(change)
            if store.complete:
                verdict = judge(store.objects())
                if once:
                    break
    finally:
        feed.close()
    cause = "" if verdict.done else (trouble or verdict.cause)
    return Outcome(verdict.done, cause, deadline.elapsed, observations, store.objects())
