# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs on Kubernetes objects as plain dictionaries, every request counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import (
    ANSWER_TIMEOUT,
    Answer,
    Stream,
    Transport,
)
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock, SystemClock

Json = dict[str, Any]
# KubeClient.list hides the type of that name inside of its class.
Objects = list[Json]

# Of fields that are applied on the server's side.
MANAGER = "baremesh.edge"
# Objects in one answer; the API server's own tools ask for as many.
PAGE = 500
# Objects without spec, data and status. For servers that cannot, whole ones.
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True)
class Request:
    """One request; what it attempts is a verb with its object, for the sentence when it fails. Without a body the type is the answer's."""

    attempt: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None
    content_type: str = "application/json"


class KubeClient:
    """Reads and writes objects; turns every bad answer into one exception with one sentence."""

    def __init__(self, transport: Transport, clock: Clock | None = None) -> None:
        self._transport = transport
        self._clock: Clock = clock or SystemClock()
        self.requests = 0

    def get(self, resource: Resource, namespace: str | None, name: str, timeout: float = ANSWER_TIMEOUT) -> Json:
        """One object. Raises ApiError (404 where it does not exist) or ConnectionLost."""
        attempt = f"read {_where(resource, namespace, name)}"
        return self._call(Request(attempt, "GET", resource.path(namespace, name)), timeout)

    def list(
        self,
        resource: Resource,
        namespace: str | None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        timeout: float = ANSWER_TIMEOUT,
    ) -> Json:
        """The List object of a collection, in one request."""
        query = _selectors(label_selector, field_selector)
        attempt = f"list {_where(resource, namespace)}"
        return self._call(Request(attempt, "GET", resource.path(namespace), query), timeout)

    def items(
        self,
        resource: Resource,
        namespace: str | None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
    ) -> Objects:
        """All objects of a collection, page by page. Raises ApiError with status 410 where a page expires under the reader."""
        media_type = METADATA_ONLY if metadata_only else "application/json"
        query = dict(_selectors(label_selector, field_selector), limit=str(PAGE))
        found: Objects = []
        attempt = f"list {_where(resource, namespace)}"
        while True:
            page = self._call(Request(attempt, "GET", resource.path(namespace), query, content_type=media_type), ANSWER_TIMEOUT)
            metadata = page.get("metadata") or {}
            if not isinstance(metadata, dict):
                raise ConnectionLost(f"Could not {attempt}: the answer is not a list of objects")
            found += page.get("items") or []
            rest = metadata.get("continue")
            if not rest:
                return found
            query = dict(query, **{"continue": rest})

    def text(
        self, resource: Resource, namespace: str, name: str, subresource: str, query: Mapping[str, str], timeout: float = ANSWER_TIMEOUT
    ) -> str:
        """A subresource that is plain text, such as the log of a pod."""
        attempt = f"read the {subresource} of {_where(resource, namespace, name)}"
        answer = self._answer(Request(attempt, "GET", resource.path(namespace, name, subresource), query), timeout)
        return answer.body.decode("utf-8", "replace")

    def create(self, resource: Resource, namespace: str | None, body: Json, timeout: float = ANSWER_TIMEOUT) -> Json:
        """Create an object and return it as stored."""
        name = body.get("metadata", {}).get("name")
        attempt = f"create {_where(resource, namespace, name)}"
        return self._call(Request(attempt, "POST", resource.path(namespace), body=body), timeout)

    def delete(self, resource: Resource, namespace: str | None, name: str, timeout: float = ANSWER_TIMEOUT) -> Json:
        """Delete an object."""
        attempt = f"delete {_where(resource, namespace, name)}"
        return self._call(Request(attempt, "DELETE", resource.path(namespace, name)), timeout)

    def replace_status(self, resource: Resource, namespace: str | None, body: Json, timeout: float = ANSWER_TIMEOUT) -> Json:
        """Write the status subresource; the resourceVersion in it guards against overwriting others."""
        name = body["metadata"]["name"]
        attempt = f"update the status of {_where(resource, namespace, name)}"
        return self._call(Request(attempt, "PUT", resource.path(namespace, name, "status"), body=body), timeout)

    def apply(
        self, resource: Resource, body: Json, manager: str, force: bool = False, dry_run: bool = False, timeout: float = ANSWER_TIMEOUT
    ) -> Json:
        """Apply an object on the server's side and return it as stored.

        Raises ApiError with status 409 where another manager owns a field and force is False.
        """
        metadata = body["metadata"]
        namespace, name = metadata.get("namespace"), metadata["name"]
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        attempt = f"apply {resource.kind} {namespace}/{name}" if namespace else f"apply {resource.kind} {name}"
        # JSON is YAML, and API servers before 1.34 know no other name for it.
        request = Request(attempt, "PATCH", resource.path(namespace, name), query, body, "application/apply-patch+yaml")
        return self._call(request, timeout)

    def watch(self, resource: Resource, namespace: str | None, query: Mapping[str, str], timeout: float) -> Stream:
        """Open a watch; the caller reads its lines and closes it."""
        attempt = f"watch {_where(resource, namespace)}"
        self.requests += 1
        stream = self._transport.stream(resource.path(namespace), dict(query, watch="1"), timeout)
        if stream.answer.status != 200:
            raise self._error(stream.answer, attempt)
        return stream

    def _call(self, request: Request, timeout: float) -> Json:
        answer = self._answer(request, timeout)
        try:
            found = parse_json(answer.body)
        except ValueError as exc:
            raise ConnectionLost(f"Could not {request.attempt}: the answer is not JSON ({exc})") from exc
        if not isinstance(found, dict):
            raise ConnectionLost(f"Could not {request.attempt}: the answer is not an object")
        return found

    def _answer(self, request: Request, timeout: float) -> Answer:
        self.requests += 1
        answer = self._transport.request(request.method, request.path, request.query, request.body, request.content_type, max(1.0, timeout))
        if answer.status >= 300:
            raise self._error(answer, request.attempt)
        return answer

    def _error(self, answer: Answer, attempt: str) -> ApiError:
        return answer_error(answer.status, answer.body, attempt, self._retry_after(answer.headers))

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        value = headers.get("retry-after")
        if not value:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - self._clock.wall())
        except (TypeError, ValueError, OverflowError):
            return None


def answer_error(status: int, body: bytes, attempt: str, retry_after: float | None = None) -> ApiError:
    """The exception for an answer whose body may be a Status object."""
    reason, message = "", body.decode("utf-8", "replace").strip()
    try:
        found = parse_json(body)
        reason, message = str(found.get("reason") or ""), str(found.get("message") or message)
    except (ValueError, AttributeError):
        pass
    return ApiError(status, reason, message[:2000], attempt, retry_after)


def status_error(status: Mapping[str, Any], attempt: str) -> ApiError:
    """The exception for a Status object that arrived inside a watch."""
    try:
        code, retry_after = int(status.get("code") or 500), float((status.get("details") or {}).get("retryAfterSeconds") or 0)
    except (OverflowError, ValueError, TypeError, AttributeError):
        code, retry_after = 500, 0.0
    return ApiError(code, str(status.get("reason") or ""), str(status.get("message") or ""), attempt, retry_after or None)


def _selectors(label_selector: str | None, field_selector: str | None) -> dict[str, str]:
    query = {}
    if label_selector:
        query["labelSelector"] = label_selector
    if field_selector:
        query["fieldSelector"] = field_selector
    return query


def _where(resource: Resource, namespace: str | None, name: str | None = None) -> str:
    place = f" in namespace {namespace}" if namespace and resource.namespaced else ""
    return f"{resource.full_name}{f' {name}' if name else ''}{place}"
