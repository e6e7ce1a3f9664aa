# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From apiVersion and kind to a resource, by asking the API server.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import json

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import ANSWER_TIMEOUT, Transport


def discover(transport: Transport, api_version: str, kind: str, timeout: float = ANSWER_TIMEOUT) -> Resource:
    """The resource that serves a kind.

    Raises:
        ApiError: with status 404 where the API server does not know the kind, as before its CRD is there.
        KubeError: no answer.
    """
    group, _slash, version = api_version.rpartition("/")
    path = "/apis/%s/%s" % (group, version) if group else "/api/%s" % version
    attempt = "look up kind %s of %s" % (kind, api_version)
    answer = transport.request("GET", path, {}, None, "application/json", timeout)
    if answer.status not in (200, 404):
        raise ApiError(answer.status, "", answer.body.decode("utf-8", "replace").strip()[:500], attempt)
    if answer.status == 200:
        try:
            known = json.loads(answer.body)["resources"]
        except (ValueError, KeyError, TypeError) as exc:
            raise ApiError(502, "Unreadable", str(exc), attempt) from exc
        for entry in known:
            if entry.get("kind") == kind and "/" not in entry.get("name", ""):
                return Resource(group, version, entry["name"], kind, bool(entry.get("namespaced")))
    raise ApiError(404, "NotFound", "the API server does not know this kind", attempt)
