# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIST and WATCH of one kind as a machine that takes one step at a time and never sleeps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient, status_error
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import (
    ApiError,
    ConnectionLost,
    KindAbsent,
    KubeError,
)
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Stream
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

Json = dict[str, Any]

# After an API server's restart its RBAC and CRD caches fill while it already answers.
RESTART_GRACE = 15.0


@dataclass
class Change:
    """One thing learnt about a kind.

    what is "snapshot" (these objects and no others), "set", "deleted", "trouble" (goes on by itself) or "fatal".
    A "set" without objects says only that a trouble is over.
    """

    resource: Resource
    what: str
    objects: list[Json] = field(default_factory=list)
    error: KubeError | None = None


class Follower:
    """Keeps a copy of one kind current.

    With snapshot=False the kind is read by a WATCH without a resource version, which begins with all objects
    there are: one request less, at the price of not knowing where that beginning ends.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        namespace: str | None,
        deadline: Deadline,
        label_selector: str | None = None,
        field_selector: str | None = None,
        snapshot: bool = True,
        absent_grace: float = 0.0,
        keep: Callable[[Json], bool] = lambda _unused: True,
    ) -> None:
        self.resource = resource
        self._client = client
        self._namespace = namespace
        self._deadline = deadline
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._snapshot = snapshot
        self._absent_grace = absent_grace
        self._keep = keep
        self._backoff = Backoff()
        self._version: str | None = None
        self._stream: Stream | None = None
        self._worked = False
        self._refused_since: float | None = None
        self._heard = False
        self._troubled = False

    def step(self) -> tuple[list[Change], float]:
        """Do one thing: a LIST, opening a WATCH, or reading one line of it.

        Returns:
            What was learnt, and the seconds to let pass before the next step.
        """
        try:
            if self._stream is not None:
                return self._read(self._stream), 0.0
            if self._version is None and self._snapshot:
                return self._list(), 0.0
            return self._open(), 0.0
        except ConnectionLost as exc:
            return self._failed(exc, None)
        except ApiError as exc:
            return self._failed(exc, exc.retry_after)

    def close(self) -> None:
        """Give up the open connection, if any."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _list(self) -> list[Change]:
        found = self._client.list(
            self.resource,
            self._namespace,
            self._label_selector,
            self._field_selector,
            timeout=max(1.0, min(30.0, self._deadline.remaining)),
        )
        self._version = str((found.get("metadata") or {}).get("resourceVersion") or "")
        self._succeeded()
        return [Change(self.resource, "snapshot", [slim(o) for o in found.get("items") or [] if self._keep(o)])]

    def _open(self) -> list[Change]:
        left = max(1, math.ceil(self._deadline.remaining))
        query = {"allowWatchBookmarks": "true", "timeoutSeconds": str(left + 1)}
        if self._label_selector:
            query["labelSelector"] = self._label_selector
        if self._field_selector:
            query["fieldSelector"] = self._field_selector
        fresh = self._version is None
        if self._version:
            query["resourceVersion"] = self._version
        self._stream = self._client.watch(self.resource, self._namespace, query, timeout=left + 5.0)
        self._heard = False
        self._worked = True
        self._refused_since = None
        if fresh:
            return [Change(self.resource, "snapshot")]
        # Where it goes on from a known version there may be no news for long: what went wrong must not outlive that.
        troubled, self._troubled = self._troubled, False
        return [Change(self.resource, "set")] if troubled else []

    def _read(self, stream: Stream) -> list[Change]:
        line = stream.readline()
        if line is None:
            self.close()
            if self._heard:
                return []
            raise ConnectionLost(f"The watch of {self.resource.full_name} ended without a word")
        if not line.strip():
            return []
        try:
            event = parse_json(line)
            kind, found = event["type"], event["object"]
        except (ValueError, KeyError, TypeError) as exc:
            raise ConnectionLost(f"The watch of {self.resource.full_name} is not readable: {exc}") from exc
        if kind == "ERROR":
            raise status_error(found, f"watch {self.resource.full_name}")
        self._heard = True
        self._succeeded()
        # The objects that a WATCH without a version begins with come in any order: to go on from the version of
        # one of them could skip another, so there only a bookmark counts.
        if kind == "BOOKMARK" or self._snapshot:
            self._version = str(found.get("metadata", {}).get("resourceVersion") or "") or self._version
        if kind == "BOOKMARK" or not self._keep(found):
            return []
        return [Change(self.resource, "deleted" if kind == "DELETED" else "set", [slim(found)])]

    def _succeeded(self) -> None:
        self._worked = True
        self._refused_since = None
        self._backoff.reset()

    def _failed(self, error: KubeError, retry_after: float | None) -> tuple[list[Change], float]:
        self.close()
        if isinstance(error, ApiError):
            if error.not_found:
                error = KindAbsent(self.resource.full_name, self.resource.kind, error)
            if error.gone:
                self._version = None
            elif not error.transient and not self._may_heal(error):
                return [Change(self.resource, "fatal", error=error)], 0.0
        # At the deadline the cut pause is none at all, and the wait's last look must not become a busy loop.
        self._troubled = True
        pause = max(0.05, self._backoff.next(self._deadline, retry_after))
        return [Change(self.resource, "trouble", error=error)], pause

    def _may_heal(self, error: ApiError) -> bool:
        grace = 0.0
        if error.not_found:
            grace = max(self._absent_grace, RESTART_GRACE if self._worked else 0.0)
        elif error.forbidden and self._worked:
            grace = RESTART_GRACE
        now = self._deadline.elapsed
        if self._refused_since is None:
            self._refused_since = now
        return now - self._refused_since < grace


def slim(found: Json) -> Json:
    """The object without what no module looks at: on 500 objects that is most of the memory."""
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict):
            annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return found
