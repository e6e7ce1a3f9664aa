# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for workloads to be rolled out.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import EVENTS, PODS, Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, Verdict, settle
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollout import Cause, cause_of, pods_of

Json = dict[str, Any]

RESOURCES = {
    "Deployment": Resource("apps", "v1", "deployments", "Deployment"),
    "DaemonSet": Resource("apps", "v1", "daemonsets", "DaemonSet"),
}
_LOG_LIMIT = 400


class RolloutWait:
    """One wait for any number of workloads."""

    def __init__(self, client: KubeClient, transport: Transport, workloads: Sequence[Mapping[str, str]], fail_fast: bool = True) -> None:
        self._client = client
        self._transport = transport
        self._wanted = [(found["kind"], found["namespace"], found["name"]) for found in workloads]
        self._fail_fast = fail_fast
        self._causes: dict[tuple[str, str, str], Cause] = {}

    def run(self, deadline: Deadline, once: bool = False, feed: Feed | None = None) -> Json:
        """Wait, or look O(once), and return what was seen; C(cause) is empty when all are rolled out."""
        namespaces = {namespace for _kind, namespace, _name in self._wanted}
        scope = next(iter(namespaces)) if len(namespaces) == 1 else None

        def of_ours(found: Json) -> bool:
            return found["metadata"].get("namespace") in namespaces

        kinds = dict.fromkeys(kind for kind, _namespace, _name in self._wanted)
        followers = [
            Follower(self._client, resource, scope, deadline, keep=of_ours) for resource in (*(RESOURCES[kind] for kind in kinds), PODS)
        ]
        outcome = settle(feed or ThreadFeed(), followers, deadline, self._judge, once)
        return self._result(outcome)

    def _judge(self, objects: dict[str, list[Json]]) -> Verdict:
        self._causes = {}
        for key in self._wanted:
            cause = self._cause(key, objects)
            if cause is not None:
                self._causes[key] = cause
        if not self._causes:
            return Verdict(True)
        _key, deepest = self._deepest()
        return Verdict(False, self._fail_fast and deepest.final, deepest.text)

    def _deepest(self) -> tuple[tuple[str, str, str], Cause]:
        return max(self._causes.items(), key=lambda item: (item[1].final, item[1].depth))

    @staticmethod
    def _cause(key: tuple[str, str, str], objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        kind, namespace, name = key
        for found in objects[kind]:
            metadata = found["metadata"]
            if (metadata.get("namespace"), metadata.get("name")) == (namespace, name):
                workload = dict(found, kind=kind)
                return cause_of(workload, pods_of(workload, objects["Pod"]))
        return Cause("it does not exist")

    def _result(self, outcome: Outcome) -> Json:
        causes = {key: cause.text for key, cause in self._causes.items()}
        text = outcome.cause
        if not outcome.done and self._causes:
            key, deepest = self._deepest()
            causes[key] = deepest.text + self._more(key[1], deepest)
            text = "%s %s/%s: %s" % (*key, causes[key])
        return {
            "workloads": [
                {"kind": kind, "namespace": namespace, "name": name, "ready": not cause, "cause": cause}
                for kind, namespace, name in self._wanted
                for cause in [causes.get((kind, namespace, name), "" if outcome.done or self._causes else outcome.cause)]
            ],
            "cause": "" if outcome.done else text,
            "elapsed": round(outcome.elapsed, 3),
            "observations": outcome.observations,
        }

    def _more(self, namespace: str, cause: Cause) -> str:
        """What events and logs add; the wait is over, so one look at each is all."""
        if not cause.pod:
            return ""
        return self._last_words(namespace, cause) if cause.crashed else self._last_warning(namespace, cause.pod)

    def _last_words(self, namespace: str, cause: Cause) -> str:
        for previous in ("true", "false"):
            query = {"container": cause.crashed, "previous": previous, "tailLines": "1"}
            try:
                answer = self._transport.request("GET", PODS.path(namespace, cause.pod, "log"), query, None, "", 10.0)
            except KubeError:
                return ""
            line = answer.body.decode("utf-8", "replace").strip()
            if answer.status == 200 and line:
                return "; its last line: %s" % line[:_LOG_LIMIT]
        return ""

    def _last_warning(self, namespace: str, pod: str) -> str:
        try:
            found = self._client.list(EVENTS, namespace, field_selector="involvedObject.name=%s,type=Warning" % pod)
        except KubeError:
            return ""
        events = sorted(found["items"], key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        return "; %s" % " ".join(str(events[-1].get("message") or "").split())[:_LOG_LIMIT] if events else ""
