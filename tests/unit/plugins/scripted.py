# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps, an API server in memory, and a feed that steps followers without threads.

Scripted: nothing here is a recording of a real server. Time passes only in ScriptedFeed.get and ScriptedClock.sleep.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import json
import re

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Answer

#: ``key=value``, ``key!=value`` or ``key in (value,value)``.
SELECTOR = re.compile(r"([^\s,=!]+)(?:(!?)=([^,]+)| in \(([^)]*)\))")
#: 2026-11-21T08:00:00Z
NOW = 1795248000.0


class ScriptedClock:
    """Time that passes only when somebody waits; what was planned for a moment happens when it is reached."""

    def __init__(self, wall=NOW):
        self.now = 0.0
        self._wall = wall
        self._plan = []
        self._order = itertools.count()

    def monotonic(self):
        return self.now

    def wall(self):
        return self._wall + self.now

    def at(self, moment, action):
        heapq.heappush(self._plan, (moment, next(self._order), action))

    def next_moment(self):
        return self._plan[0][0] if self._plan else None

    def sleep(self, seconds):
        self.advance_to(self.now + seconds)

    def advance_to(self, moment):
        while self._plan and self._plan[0][0] <= moment:
            when, _order, action = heapq.heappop(self._plan)
            self.now = max(self.now, when)
            action()
        self.now = max(self.now, moment)


class FakeStream:
    def __init__(self, api, resource_path, query, since):
        self.answer = Answer(200, {})
        self._api = api
        self._path = resource_path
        self._query = query
        self._lines = []
        self._position = len(api.log) if since is None else since
        self._ended = False
        if since is None:
            for found in api.select(resource_path, query):
                self._lines.append(event("ADDED", found))

    def available(self):
        self._collect()
        return bool(self._lines) or self._ended

    def readline(self):
        self._collect()
        if self._lines:
            return self._lines.pop(0)
        assert self._ended, "a scripted stream was read where a real one would block"
        return None

    def end(self, line=None):
        if line is not None:
            self._lines.append(line)
        self._ended = True

    def close(self):
        self._api.streams.discard(self)

    def _collect(self):
        log = self._api.log
        while self._position < len(log):
            path, kind, found = log[self._position]
            self._position += 1
            if path == collection(self._path, found) and self._api.fits(found, self._query):
                self._lines.append(event(kind, found))


class FakeApi:
    """Holds objects by collection path; every change is one resource version."""

    def __init__(self, clock):
        self.clock = clock
        self.objects = {}
        self.log = []
        self.streams = set()
        self.requests = []
        self._faults = []

    # for tests ---------------------------------------------------------------------------------

    def apply(self, resource, found):
        found = copy.deepcopy(found)
        path = resource.path(found["metadata"].get("namespace"))
        key = (path, found["metadata"]["name"])
        kind = "MODIFIED" if key in self.objects else "ADDED"
        found["metadata"]["resourceVersion"] = str(len(self.log) + 1)
        self.objects[key] = found
        self.log.append((path, kind, found))

    def remove(self, resource, namespace, name):
        path = resource.path(namespace)
        found = copy.deepcopy(self.objects.pop((path, name)))
        found["metadata"]["resourceVersion"] = str(len(self.log) + 1)
        self.log.append((path, "DELETED", found))

    def fail(self, fragment, answer, times=1, watch=None):
        """The next requests whose path contains the fragment get this Answer, or "lost"."""
        self._faults.append([fragment, answer, times, watch])

    def end_watches(self, fragment, line=None):
        for stream in list(self.streams):
            if fragment in stream._path:
                stream.end(line)

    def asked(self, fragment):
        return [r for r in self.requests if fragment in r[1]]

    # Transport ---------------------------------------------------------------------------------

    def request(self, method, path, query, body, content_type, timeout):
        self.requests.append((method, path, dict(query), body))
        fault = self._fault(path, False)
        if fault is not None:
            return fault
        if method == "GET":
            return self._get(path, query, metadata_only=content_type.startswith("application/json;as=PartialObjectMetadataList;"))
        if method == "POST":
            found = copy.deepcopy(body)
            found["metadata"].setdefault("name", found["metadata"].get("generateName", "") + "x")
            self.log.append((path, "ADDED", found))
            found["metadata"]["resourceVersion"] = str(len(self.log))
            self.objects[(path, found["metadata"]["name"])] = found
            return answer(201, found)
        path, name = path.rsplit("/", 1)
        if method == "PATCH":
            self.objects[(path, name)] = merged(self.objects.get((path, name), {}), body)
            self.log.append((path, "MODIFIED", self.objects[(path, name)]))
            return answer(200, self.objects[(path, name)])
        if method == "PUT":
            path, name = path.rsplit("/", 1)
            self.objects[(path, name)] = copy.deepcopy(body)
            self.log.append((path, "MODIFIED", body))
            return answer(200, body)
        found = self.objects.pop((path, name), None)
        if found is None:
            return status(404, "NotFound", f"{name} not found")
        self.log.append((path, "DELETED", found))
        return answer(200, found)

    def stream(self, path, query, timeout):
        self.requests.append(("WATCH", path, dict(query), None))
        fault = self._fault(path, True)
        if fault is not None:
            stream = FakeStream(self, path, query, 0)
            stream.answer = fault
            return stream
        version = query.get("resourceVersion")
        stream = FakeStream(self, path, query, int(version) if version else None)
        self.streams.add(stream)
        return stream

    def _get(self, path, query, metadata_only=False):
        parent, name = path.rsplit("/", 1)
        if (parent, name) in self.objects:
            return answer(200, self.objects[(parent, name)])
        if name[-1:] != "s" or "/" not in parent or (parent.endswith("s") and "namespaces" not in parent.rsplit("/", 2)[-2:]):
            return status(404, "NotFound", '{} "{}" not found'.format(parent.rsplit("/", 1)[-1], name))
        items = self.select(path, query)
        if metadata_only:
            items = [{"metadata": item["metadata"]} for item in items]
        return answer(200, {"metadata": {"resourceVersion": str(len(self.log))}, "items": copy.deepcopy(items)})

    def select(self, path, query):
        return [o for (p, _n), o in sorted(self.objects.items()) if p == collection(path, o) and self.fits(o, query)]

    @staticmethod
    def fits(found, query):
        labels = found["metadata"].get("labels") or {}
        for key, negated, value, values in SELECTOR.findall(query.get("labelSelector", "")):
            if (labels.get(key) in (values.split(",") if values else [value])) is bool(negated):
                return False
        for part in filter(None, query.get("fieldSelector", "").split(",")):
            if part.startswith("metadata.name="):
                if found["metadata"]["name"] != part.split("=", 1)[1]:
                    return False
            elif part.startswith("type!=") and found.get("type") == part.split("!=", 1)[1]:
                return False
        return True

    def _fault(self, path, watch):
        for fault in self._faults:
            fragment, reply, times, only = fault
            if times and fragment in path and only in (None, watch):
                fault[2] -= 1
                if reply == "lost":
                    raise ConnectionLost("The Kubernetes API at https://fake cannot be reached: connection refused")
                return reply
        return None


class AllNamespaces(FakeApi):
    """Answers for all namespaces at once, as the API server does for a path without one."""

    def select(self, path, query):
        if "/namespaces/" in path:
            return super().select(path, query)
        plural = path.rsplit("/", 1)[1]
        return [found for (p, _name), found in sorted(self.objects.items()) if p.endswith("/" + plural)]


class ScriptedFeed:
    """Steps followers in turn; lets time pass only when none of them can do anything."""

    def __init__(self, clock):
        self._clock = clock
        self._followers = []
        self.closed = False

    def add(self, follower):
        self._followers.append([follower, 0.0])

    def close(self):
        self.closed = True

    def get(self, timeout):
        end = self._clock.now + timeout
        while True:
            changes = self._step_all()
            if changes:
                return changes
            if self._clock.now >= end:
                return []
            moments = [end, self._clock.next_moment()] + [resume for _f, resume in self._followers if resume > self._clock.now]
            self._clock.advance_to(min(m for m in moments if m is not None))

    def _step_all(self):
        found = []
        for entry in list(self._followers):
            follower, resume = entry
            while resume <= self._clock.now and (follower._stream is None or follower._stream.available()):
                changes, pause = follower.step()
                found += changes
                if any(c.what == "fatal" for c in changes):
                    self._followers.remove(entry)
                    break
                resume = entry[1] = self._clock.now + pause if pause else 0.0
        return found


def collection(path, found):
    """The path that the object's own collection has, for a path that may be without namespace."""
    space = found["metadata"].get("namespace")
    if not space or "/namespaces/" in path:
        return path
    group, _slash, plural = path.rpartition("/")
    return f"{group}/namespaces/{space}/{plural}"


def merged(found, change):
    """The object after a JSON merge patch."""
    if not isinstance(change, dict):
        return change
    kept = dict(found) if isinstance(found, dict) else {}
    for key, value in change.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def event(kind, found):
    return json.dumps({"type": kind, "object": found}).encode()


def answer(code, body, **headers):
    return Answer(code, headers, json.dumps(body).encode())


def status(code, reason, message, **headers):
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return answer(code, body, **{k.replace("_", "-"): v for k, v in headers.items()})
