# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the API server, with all its admission webhooks, whether it would accept an object.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import Discovery
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

Json = dict[str, Any]


class RefusedError(KubeError):
    """The API server, or a webhook that works, says no: asking again does not help."""


def dry_run(transport: Transport, definition: Mapping[str, Any], timeout: float) -> None:
    """Create the object without storing it.

    Raises:
        RefusedError: it is not valid, or not allowed.
        ApiError: its kind is not served yet, or a webhook cannot be asked.
        KubeError: no answer.
    """
    metadata = dict(definition.get("metadata") or {})
    # A name of its own, so that an object that is there already does not stand in the way.
    metadata["generateName"] = "%s-" % (metadata.pop("name", None) or "dry-run")
    resource = Discovery(transport).find(str(definition["apiVersion"]), str(definition["kind"]), timeout)
    body = dict(definition, metadata=metadata)
    attempt = "create %s %s" % (resource.kind, metadata["generateName"][:-1])
    path = resource.path(metadata.get("namespace"))
    answer = transport.request("POST", path, {"dryRun": "All"}, body, "application/json", timeout)
    if answer.status < 300:
        return
    reason, message = "", answer.body.decode("utf-8", "replace").strip()[:2000]
    try:
        status = json.loads(answer.body)
        reason, message = str(status.get("reason") or ""), str(status.get("message") or message)
    except (ValueError, AttributeError):
        pass
    error = ApiError(answer.status, reason, " ".join(message.split()), attempt)
    if error.transient or error.not_found:
        raise error
    raise RefusedError(str(error))


def wait_accepted(transport: Transport, definitions: Sequence[Mapping[str, Any]], deadline: Deadline, once: bool = False) -> Json:
    """Ask until every object would be accepted.

    Raises:
        RefusedError: one of them never will be.
    """
    backoff, attempts, cause = Backoff(first=0.1, cap=2.0), 0, ""
    left = list(definitions)
    retry_after: float | None = None
    while left:
        attempts += 1
        try:
            dry_run(transport, left[0], max(1.0, min(10.0, deadline.remaining)))
            left.pop(0)
            backoff.reset()
            continue
        except KubeError as exc:
            if not (exc.transient or getattr(exc, "not_found", False)):
                raise
            cause = str(exc)
            retry_after = getattr(exc, "retry_after", None)
        if once or deadline.expired:
            break
        deadline.clock.sleep(backoff.next(deadline, retry_after))
    return {"cause": cause if left else "", "elapsed": round(deadline.elapsed, 3), "observations": attempts}
