# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for objects that users name, each judged alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, Cause, failure_text
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, Settled, Verdict, settle
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

Json = dict[str, Any]
ABSENT = Cause("it does not exist")
# How often a state is judged again that ends the wait once it has lasted.
_TICK = 1.0


@dataclass(frozen=True)
class Name:
    """One object that is waited for; the namespace is empty where its kind has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def is_of(self, found: Mapping[str, Any]) -> bool:
        """True for the object of that name; its kind is for the caller to know."""
        metadata = found.get("metadata") or {}
        return (metadata.get("namespace") or "", metadata.get("name")) == (self.namespace, self.name)


def is_owned(found: Mapping[str, Any], kind: str) -> bool:
    """Whether an object of that kind owns this one, as a controller notes of what it makes."""
    return any(each.get("kind") == kind for each in found["metadata"].get("ownerReferences") or ())


class Kinds:
    """Kinds of which objects can be waited for: what to follow for them, and how to judge one."""

    #: Their names, what objects of them are called together, and what they are to become.
    kinds: tuple[str, ...] = ()
    together, state = "", "ready"

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """What to follow for objects of these names."""
        raise NotImplementedError

    def cause(self, name: Name, found: Json, objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """Why the object is not as it should be, None when it is."""
        raise NotImplementedError

    def explained(self, _client: KubeClient, _name: Name, cause: Cause) -> Cause:
        """The first cause with what one more look adds, once the wait is over."""
        return cause

    def hints(self, _text: str) -> list[str]:
        """What helps, by the first line of the message."""
        return []


class NamedWait:
    """One wait for any number of named objects of some kinds."""

    def __init__(self, client: KubeClient, names: Sequence[Name], kinds: Sequence[Kinds], fail_fast: bool = True) -> None:
        self._client = client
        self._names = list(names)
        self._kinds = {kind: each for each in kinds for kind in each.kinds}
        self._fail_fast = fail_fast
        self._causes: dict[Name, Cause] = {}
        self._began: dict[Name, tuple[str, float]] = {}

    def run(self, deadline: Deadline, once: bool = False, feed: Feed | None = None) -> Outcome:
        """Wait, or look once."""
        asked: dict[Kinds, list[Name]] = {}
        for name in self._names:
            asked.setdefault(self._kinds[name.kind], []).append(name)
        followers = [each for kinds, names in asked.items() for each in kinds.followers(self._client, names, deadline)]
        nothing = Settled(True, "", 0.0, 0)

        def judge(objects: dict[str, list[Json]]) -> Verdict:
            return self._judge(objects, deadline.elapsed)

        return self._outcome(settle(feed or ThreadFeed(), followers, deadline, judge, once) if followers else nothing, deadline)

    def _judge(self, objects: dict[str, list[Json]], now: float) -> Verdict:
        self._causes = {}
        for name in self._names:
            found = next((each for each in objects[name.kind] if name.is_of(each)), None)
            cause = ABSENT if found is None else self._kinds[name.kind].cause(name, found, objects)
            if cause is not None:
                self._causes[name] = self._lasting(name, cause, now)
        final = self._fail_fast and any(cause.final for cause in self._causes.values())
        return Verdict(not self._causes, final, again=_TICK if any(cause.outlook == GRACE for cause in self._causes.values()) else None)

    def _lasting(self, name: Name, cause: Cause, now: float) -> Cause:
        """The cause, which is final where nothing heals it and it has lasted."""
        text, since = self._began.get(name, ("", now))
        self._began[name] = cause.text, since if text == cause.text else now
        lasted = now - self._began[name][1]
        return replace(cause, outlook=FINAL) if cause.outlook == GRACE and lasted >= cause.patience else cause

    def _outcome(self, settled: Settled, deadline: Deadline) -> Outcome:
        failed = sorted(self._causes.items(), key=lambda item: (item[1].final, item[1].depth), reverse=True)
        if settled.cause and not any(cause.final for cause in self._causes.values()):
            # Without the API nothing else is known for sure.
            failed = [(name, Cause(settled.cause)) for name in self._causes or self._names]
        elif failed:
            first = failed[0][0]
            failed[0] = first, self._kinds[first.kind].explained(self._client, *failed[0])
        causes = dict(failed)
        named = {self._kinds[name.kind] for name in self._names}
        together, state = (next(iter(named)).together, next(iter(named)).state) if len(named) == 1 else ("objects", "ready")
        outcome = Outcome(
            good=settled.done,
            message=f"{len(self._names)} of {len(self._names)} {together} are {state}",
            found={"objects": [self._view(name, causes.get(name)) for name in self._names]},
            elapsed=deadline.elapsed,
            observations=settled.observations,
            requests=self._client.requests,
        )
        if failed:
            name, cause = failed[0]
            titled = [(str(each), why) for each, why in failed]
            waited = deadline.elapsed if deadline.expired and not cause.final else None
            hints = self._kinds[name.kind].hints(f"{name} is not {state}: {cause.text}")
            outcome.message = failure_text(titled, state, hints, waited)
            outcome.cause = settled.cause or f"{name}: {cause.text}"
            outcome.retry_at, outcome.chain = cause.retry_at, self._chain(name, cause)
        return outcome

    def _view(self, name: Name, cause: Cause | None) -> dict[str, Any]:
        return {
            "kind": name.kind,
            "namespace": name.namespace,
            "name": name.name,
            "ready": cause is None,
            "cause": None if cause is None else cause.text,
        }

    def _chain(self, name: Name, cause: Cause) -> list[dict[str, str]]:
        state = "Absent" if cause is ABSENT else "NotReady"
        chain = [{"kind": name.kind, "name": name.name, "state": state, "reason": "", "message": cause.text}]
        if cause.about:
            chain.append({"kind": "Pod", "name": cause.about, "state": state, "reason": "", "message": cause.text})
        return chain
