# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop of all waits: follow some kinds until a judge is content, or until waiting cannot help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Change, Follower
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

Json = dict[str, Any]


class Judge(Protocol):
    """Knows what is waited for, and what that needs to follow."""

    @property
    def pause(self) -> float:
        """Seconds after which to decide again though nothing changed."""

    @property
    def gather(self) -> float:
        """Seconds for which news is gathered before it is judged, for those whose judgement goes over many objects."""

    def followers(self) -> Iterable[Follower]:
        """Kinds to follow from now on, each only once."""

    def take(self, changes: Sequence[Change]) -> None:
        """Store news. Raises KubeError where the wait cannot go on."""

    def has_decided(self) -> bool:
        """True where the wait is over, well or not."""


def follow(feed: Feed, judge: Judge, deadline: Deadline) -> None:
    """Follow what the judge needs until it has decided, or the deadline comes; closes the feed. Raises KubeError as the judge does."""
    try:
        while True:
            for follower in judge.followers():
                feed.add(follower)
            changes = feed.get(deadline.cut(judge.pause))
            if changes and judge.gather:
                # Few decisions a second, so that the reader of the news keeps up with it on a busy host.
                deadline.clock.sleep(deadline.cut(judge.gather))
                changes += feed.get(0)
            judge.take(changes)
            if judge.has_decided() or deadline.expired:
                return
    finally:
        feed.close()


@dataclass
class Outcome:
    """How a wait ended. A module returns the same keys on success and on failure.

    Attributes:
        good: what was waited for has come.
        message: the sentence for the user, on failure with what helps in further lines.
        found: the keys that only this module returns.
        cause: the deepest known reason of a failure.
        chain: the objects that were looked at to find it, outermost first.
        retry_at: when the next attempt is due, where that is known.
    """

    good: bool
    message: str
    found: dict[str, Any]
    elapsed: float
    observations: int
    requests: int
    cause: str | None = None
    chain: list[dict[str, str]] = field(default_factory=list)
    retry_at: str | None = None
    warnings: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """As module result."""
        return {
            **self.found,
            "elapsed": round(self.elapsed, 3),
            "observations": self.observations,
            "requests": self.requests,
            "cause": self.cause,
            "chain": self.chain,
            "retry_at": self.retry_at,
        }


def nothing_seen(cause: str | None, **found: Any) -> dict[str, Any]:
    """The result of a wait that could not begin."""
    return Outcome(False, "", found, 0.0, 0, 0, cause).result()


@dataclass(frozen=True)
class Verdict:
    """What a function says of the objects.

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
class Settled:
    """How a wait for a function's verdict ended."""

    done: bool
    cause: str
    elapsed: float
    observations: int
    objects: dict[str, list[Json]] = field(default_factory=dict)


def settle(
    feed: Feed,
    followers: Sequence[Follower],
    deadline: Deadline,
    judge: Callable[[dict[str, list[Json]]], Verdict],
    once: bool = False,
) -> Settled:
    """Follow kinds, one follower for each, until the function says done or final, or the deadline comes.

    Args:
        feed: brings the changes; closed at the end.
        followers: what to follow, at most one of each kind.
        deadline: the end of the wait.
        judge: called with all objects by kind after each change.
        once: end with the first verdict, whatever it is.
    """
    copies = _Copies(followers, judge, deadline, once)
    try:
        follow(feed, copies, deadline)
    except KubeError as exc:
        copies.trouble = str(exc)
    verdict = copies.verdict
    cause = "" if verdict.done else copies.trouble or verdict.cause
    return Settled(verdict.done, cause, deadline.elapsed, copies.observations, copies.objects())


class _Copies:
    """A judge that keeps a copy of every kind and asks a function."""

    gather = 0.0

    def __init__(
        self, followers: Sequence[Follower], judge: Callable[[dict[str, list[Json]]], Verdict], deadline: Deadline, once: bool
    ) -> None:
        self._new = list(followers)
        self._judge = judge
        self._deadline = deadline
        self._once = once
        self._kinds: dict[str, dict[tuple[str, str], Json]] = {follower.resource.kind: {} for follower in followers}
        self._unread = set(self._kinds)
        self.verdict = Verdict(False, cause="nothing was seen yet")
        self.trouble = ""
        self.observations = 0

    @property
    def pause(self) -> float:
        return self._deadline.remaining if self.verdict.again is None else self.verdict.again

    def followers(self) -> list[Follower]:
        new, self._new = self._new, []
        return new

    def take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.observations += 1
            if change.what == "fatal" and change.error is not None:
                raise change.error
            self.trouble = str(change.error or "")
            self._store(change)
        if not self._unread:
            self.verdict = self._judge(self.objects())

    def has_decided(self) -> bool:
        return not self._unread and (self._once or self.verdict.done or self.verdict.final)

    def objects(self) -> dict[str, list[Json]]:
        return {kind: list(found.values()) for kind, found in self._kinds.items()}

    def _store(self, change: Change) -> None:
        kind = change.resource.kind
        if change.what == "snapshot":
            self._unread.discard(kind)
            self._kinds[kind] = {_key(found): found for found in change.objects}
        elif change.what == "set":
            self._kinds[kind].update((_key(found), found) for found in change.objects)
        elif change.what == "deleted":
            for found in change.objects:
                self._kinds[kind].pop(_key(found), None)


def _key(found: Mapping[str, Any]) -> tuple[str, str]:
    metadata = found.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
