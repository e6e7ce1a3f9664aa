# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From apiVersion and kind to a resource, by asking the API server."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import ANSWER_TIMEOUT, Transport


class Discovery:
    """Finds resources by kind, with one request for each apiVersion that the API server knows."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, dict[str, Resource]] = {}

    def find(self, api_version: str, kind: str, timeout: float = ANSWER_TIMEOUT) -> Resource:
        """The resource that serves a kind.

        Raises:
            ApiError: with status 404 where the API server does not know the kind, as before its CRD is there.
            KubeError: no answer.
        """
        attempt = f"look up kind {kind} of {api_version}"
        if kind not in self._known.get(api_version, {}):
            self._known[api_version] = self._read(api_version, attempt, timeout)
        found = self._known[api_version].get(kind)
        if found is None:
            raise ApiError(404, "NotFound", "the API server does not know this kind", attempt)
        return found

    def _read(self, api_version: str, attempt: str, timeout: float) -> dict[str, Resource]:
        group, _slash, version = api_version.rpartition("/")
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        answer = self._transport.request("GET", path, {}, None, "application/json", timeout)
        if answer.status == 404:
            return {}
        if answer.status != 200:
            raise ApiError(answer.status, "", answer.body.decode("utf-8", "replace").strip()[:500], attempt)
        try:
            return {
                entry["kind"]: Resource(group, version, entry["name"], entry["kind"], bool(entry.get("namespaced")))
                for entry in parse_json(answer.body)["resources"]
                if "/" not in entry["name"]
            }
        except (ValueError, KeyError, TypeError) as exc:
            raise ApiError(502, "Unreadable", str(exc), attempt) from exc
