# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server in memory that applies as the real one does: fields have owners, and what an owner no longer gives is removed."""

from __future__ import annotations

import copy
import threading

from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, answer, merged, status

NS = "istio-ingress"
MANAGER = "baremesh.edge"
KINDS = {
    "/apis/networking.istio.io/v1": [("gateways", "Gateway", True), ("virtualservices", "VirtualService", True)],
    "/api/v1": [("secrets", "Secret", True), ("namespaces", "Namespace", False)],
}


def fields_of(body):
    return {f"f:{k}": fields_of(v) if isinstance(v, dict) else {} for k, v in body.items() if k not in ("apiVersion", "kind")}


def without(found, fields, body):
    """The object without the owned fields that the body lacks."""
    kept = {}
    for key, value in found.items():
        inner = fields.get(f"f:{key}")
        if inner is None:
            kept[key] = value
        elif key in body:
            kept[key] = without(value, inner, body[key]) if isinstance(value, dict) and isinstance(body[key], dict) else value
        elif inner:
            rest = without(value, inner, {}) if isinstance(value, dict) else None
            if rest:
                kept[key] = rest
    return kept


class Api(FakeApi):
    """Every request that is not a PATCH is FakeApi's."""

    def __init__(self, clock):
        super().__init__(clock)
        self.known = dict(KINDS)
        self.answers = {}
        self.owner_of = {}
        self.namespaces = {NS}
        self._lock = threading.Lock()

    def patches(self):
        return [path.rsplit("/", 1)[1] for method, path, _query, _body in self.requests if method == "PATCH"]

    def lists(self):
        return [r for r in self.requests if r[0] == "GET" and r[1] not in KINDS]

    def request(self, method, path, query, body, content_type, timeout):
        with self._lock:
            if path in KINDS:
                self.requests.append((method, path, dict(query), body))
                listed = [{"name": plural, "kind": kind, "namespaced": spaced} for plural, kind, spaced in self.known.get(path, [])]
                return answer(200, {"resources": listed}) if listed else status(404, "NotFound", "page not found")
            if method != "PATCH":
                return super().request(method, path, query, body, content_type, timeout)
            assert content_type == "application/apply-patch+yaml"
            self.requests.append((method, path, dict(query), body))
            return self._apply(path, query, body)

    def _apply(self, path, query, body):
        name = path.rsplit("/", 1)[1]
        if self.answers.get(name):
            return self.answers[name].pop(0)
        namespace = body["metadata"].get("namespace")
        if namespace and namespace not in self.namespaces:
            return status(404, "NotFound", f'namespaces "{namespace}" not found')
        if name in self.owner_of and query["force"] != "true":
            manager, what = self.owner_of[name]
            return status(409, "Conflict", f'Apply failed with 1 conflict: conflict with "{manager}" using v1: {what}')
        key = (path.rsplit("/", 1)[0], name)
        live = copy.deepcopy(self.objects.get(key, {}))
        managed = (live.get("metadata") or {}).pop("managedFields", [])
        ours = [each for each in managed if each["manager"] == MANAGER]
        if ours:
            live = without(live, ours[0]["fieldsV1"], body)
        found = merged(live, {k: v for k, v in body.items() if k not in ("apiVersion", "kind")})
        found["metadata"]["managedFields"] = [
            {"manager": query["fieldManager"], "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields_of(body)}
        ]
        if query.get("dryRun") != "All":
            found["metadata"]["resourceVersion"] = str(len(self.log))
            self.objects[key] = found
        return answer(200, {"apiVersion": body["apiVersion"], "kind": body["kind"], **found})
