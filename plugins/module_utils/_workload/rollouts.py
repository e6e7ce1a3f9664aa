# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for workloads to be rolled out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DAEMON_SETS, DEPLOYMENTS, EVENTS, PODS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollout import KINDS, cause_of, pods_of

_LOG_LIMIT = 400


def workloads_spec() -> dict[str, Any]:
    """The option C(workloads), as in the fragment C(_workloads)."""
    options = {
        "kind": {"type": "str", "choices": list(KINDS), "default": "Deployment"},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
    }
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def parse_workloads(workloads: Sequence[Mapping[str, str]]) -> list[Name]:
    """The workloads that the option names."""
    return [Name(each["kind"], each["namespace"], each["name"]) for each in workloads]


class Rollouts(Kinds):
    """Deployments and DaemonSets."""

    kinds, together, state = KINDS, "workloads", "rolled out"

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """The workloads and the pods of their namespaces."""
        namespaces = {name.namespace for name in names}
        scope = next(iter(namespaces)) if len(namespaces) == 1 else None
        kinds = {name.kind for name in names}

        def is_ours(found: Json) -> bool:
            return found["metadata"].get("namespace") in namespaces

        followed = [resource for resource in (DEPLOYMENTS, DAEMON_SETS) if resource.kind in kinds]
        return [Follower(client, resource, scope, deadline, keep=is_ours) for resource in (*followed, PODS)]

    def cause(self, name: Name, found: Json, objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """The deepest known reason why it is not rolled out."""
        workload = dict(found, kind=name.kind)
        return cause_of(workload, pods_of(workload, objects["Pod"]))

    def explained(self, client: KubeClient, name: Name, cause: Cause) -> Cause:
        """With what events and logs add."""
        if not cause.about:
            return cause
        more = _last_words(client, name.namespace, cause) if cause.container else _last_warning(client, name.namespace, cause.about)
        return replace(cause, text=f"{cause.text}; {more}") if more else cause


def _last_words(client: KubeClient, namespace: str, cause: Cause) -> str:
    for previous in ("true", "false"):
        query = {"container": cause.container, "previous": previous, "tailLines": "1"}
        try:
            line = client.text(PODS, namespace, cause.about, "log", query, timeout=10.0).strip()
        except KubeError as exc:
            if exc.transient:
                return ""
            continue
        if line:
            return f"its last line: {line[:_LOG_LIMIT]}"
    return ""


def _last_warning(client: KubeClient, namespace: str, pod: str) -> str:
    try:
        found = client.list(EVENTS, namespace, field_selector=f"involvedObject.name={pod},type=Warning")
    except KubeError:
        return ""
    events = sorted(found["items"], key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return " ".join(str(events[-1].get("message") or "").split())[:_LOG_LIMIT] if events else ""
