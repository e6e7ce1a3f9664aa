# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a Deployment or DaemonSet rolled out, and if not, why?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, HEALS, Cause, deepest

Json = dict[str, Any]

KINDS = ("Deployment", "DaemonSet")
# What a registry says when trying again cannot help.
_PULL_REFUSED = re.compile(
    r"not found|manifest unknown|no such (image|host)|unauthorized|denied|does not exist|ErrImageNeverPull", re.IGNORECASE
)
_PULL_REASONS = frozenset(("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull"))
_CONFIG_REASONS = frozenset(("InvalidImageName", "CreateContainerConfigError", "CreateContainerError"))
_TERMINAL_REASONS = frozenset(("InvalidImageName", "ErrImageNeverPull"))


def problem(workload: Mapping[str, Any]) -> str | None:
    """Why the workload is not rolled out, None when it is."""
    metadata, spec, status = workload["metadata"], workload.get("spec") or {}, workload.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(metadata.get("generation") or 0):
        return "its last change is not yet observed by its controller"
    if workload["kind"] == "DaemonSet":
        asked = int(status.get("desiredNumberScheduled") or 0)
        updated, available = int(status.get("updatedNumberScheduled") or 0), int(status.get("numberAvailable") or 0)
        total = updated
        if not asked:
            return "no node may run it: check its nodeSelector and tolerations"
    else:
        asked = int(spec["replicas"]) if spec.get("replicas") is not None else 1
        updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
        total = int(status.get("replicas") or 0)
    if updated < asked:
        return f"{updated} of {asked} pods are of its newest version"
    if total > updated:
        return f"{total - updated} pods of its last version still end"
    if available < asked:
        return f"{available} of {asked} pods are available"
    return None


def pods_of(workload: Mapping[str, Any], pods: Sequence[Json]) -> list[Json]:
    """Pods that the workload's selector matches, in its namespace."""
    asked = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return [
        pod
        for pod in pods
        if pod["metadata"].get("namespace") == workload["metadata"].get("namespace")
        and all((pod["metadata"].get("labels") or {}).get(key) == value for key, value in asked.items())
    ]


def cause_of(workload: Mapping[str, Any], pods: Sequence[Json]) -> Cause | None:
    """The deepest known reason why the workload is not rolled out, None when it is."""
    shallow = problem(workload)
    if shallow is None:
        return None
    found = [Cause(shallow)]
    found += [
        Cause(f"its pods cannot be created: {_sentence(entry)}", depth=2)
        for entry in (workload.get("status") or {}).get("conditions") or []
        if entry.get("type") == "ReplicaFailure" and entry.get("status") == "True"
    ]
    found += [cause for pod in pods if (cause := _pod_cause(pod)) is not None]
    return deepest(found)


def _pod_cause(pod: Mapping[str, Any]) -> Cause | None:
    if pod["metadata"].get("deletionTimestamp"):
        return None
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for entry in status.get("conditions") or []:
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            return Cause(f"pod {name} is not scheduled: {_sentence(entry)}", depth=3, about=name)
    if status.get("phase") == "Failed":
        return Cause(f"pod {name} failed: {_sentence(status)}", depth=3, about=name)
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found = [cause for container in containers if (cause := _container_cause(name, container)) is not None]
    if found:
        return deepest(found)
    if not status.get("conditions"):
        return Cause(f"pod {name} is {status.get('phase') or 'not yet observed'}", depth=1, about=name)
    unready = [container["name"] for container in containers if not container.get("ready")]
    if unready:
        return Cause(f"container {', '.join(unready)} of pod {name} is not ready", depth=2, about=name)
    return None


def _container_cause(pod: str, container: Mapping[str, Any]) -> Cause | None:
    name, state = container["name"], container.get("state") or {}
    waiting, last = state.get("waiting") or {}, (container.get("lastState") or {}).get("terminated") or {}
    reason = waiting.get("reason") or ""
    if reason in _PULL_REASONS or reason in _CONFIG_REASONS:
        text = f"container {name} of pod {pod}: {_sentence(waiting)}"
        refused = reason in _PULL_REASONS and _PULL_REFUSED.search(f"{reason} {waiting.get('message') or ''}")
        return Cause(text, FINAL if refused or reason in _TERMINAL_REASONS else HEALS, depth=4, about=pod)
    ended = last or state.get("terminated") or {}
    if int(ended.get("exitCode") or 0) and not container.get("ready"):
        why = f"exit code {ended['exitCode']} ({ended.get('reason') or 'no reason given'})"
        text = f"container {name} of pod {pod} ended with {why}, {container.get('restartCount') or 0} restarts"
        return Cause(text, depth=4, about=pod, container=name)
    return None


def _sentence(entry: Mapping[str, Any]) -> str:
    """Reason and message in one line."""
    reason, message = str(entry.get("reason") or ""), " ".join(str(entry.get("message") or "").split())
    return ": ".join(part for part in (reason, message) if part) or "no reason given"
