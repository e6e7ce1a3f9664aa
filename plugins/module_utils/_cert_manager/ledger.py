# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is known of the Certificates that are waited for, kept current by news, judged on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import Failure, failure_of, find_causes
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory, Json, name_of, namespace_of, uid_of
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import (
    Renewal,
    SecretFacts,
    absent_secret,
    condition_problems,
    secret_facts,
    secret_problems,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import walk
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import parse_time

# How often everything that is not ready is judged again: some causes become final by lasting.
TICK = 1.0


class Ledger:
    """Subjects by name, and the objects that decide about them."""

    def __init__(self, selection: Selection, renewals: Mapping[str, Renewal], wall_end: float, once: bool = False) -> None:
        """With O(once) there is no second look: how long a state has lasted is known by the age of its objects only."""
        self.selection = selection
        self._once = once
        self.subjects: dict[str, Subject] = {n: self._absent(n) for n in selection.names}
        self.kinds_read: dict[str, bool] = {}
        self.observations = 0
        self._renewals = dict(renewals)
        self._wall_end = wall_end
        self._inventory = Inventory()
        self._known_failures: dict[str, Failure] = {}
        self._secrets: dict[str, SecretFacts] = {}
        self._young: dict[str, tuple[str, float]] = {}
        self._judged = 0.0

    @property
    def tick(self) -> float:
        """Seconds after which to judge again without news."""
        return TICK / 4 if self._young else TICK

    def take(self, kind: str, what: str, objects: list[Json]) -> set[str]:
        """Store news of a kind ("snapshot", "set" or "deleted"); returns the names of the Certificates concerned."""
        self.kinds_read[kind] = True
        self.observations += len(objects)
        if kind == "Secret":
            return self._take_secrets(what, objects)
        if what == "snapshot":
            self._inventory.replace(kind, objects)
            if kind == "Certificate":
                self._select_all()
            return set(self.subjects)
        dirty: set[str] = set()
        for found in objects:
            dirty |= self._take_one(kind, what, found)
        return dirty

    def judge(self, dirty: set[str], now: float, wall: float) -> None:
        """Find readiness and cause anew where there is news of the dirty ones, and from time to time of all that is not ready."""
        if now - self._judged >= self.tick:
            # Objects can also have arrived before the one that links them to their Certificate.
            self._judged = now
            dirty = dirty | {n for n, s in self.subjects.items() if not s.ready}
        for name in dirty:
            subject = self.subjects.get(name)
            if subject is not None and subject.certificate is not None:
                self._judge_one(subject, subject.certificate, now, wall)

    def _judge_one(self, subject: Subject, certificate: Json, now: float, wall: float) -> None:
        renewal = self._renewals.get(subject.name)
        subject.problems = condition_problems(certificate, renewal)
        subject.conditions_hold = not subject.problems
        subject.secret = self._secrets.get(subject.secret_name)
        if not subject.problems and not self.kinds_read.get("Secret"):
            subject.problems = [f"its Secret {subject.secret_name} has not been read"]
        elif not subject.problems:
            facts = subject.secret or absent_secret(subject.secret_name)
            subject.problems = secret_problems(certificate, facts, wall, renewal)
        subject.ready = not subject.problems
        subject.walk = walk(self._inventory, certificate, self.kinds_read)
        if subject.ready:
            subject.cause = subject.suspect = None
            self._young.pop(subject.name, None)
            return
        causes = find_causes(subject.walk, subject.problems, self._wall_end, self._known_failures.get(uid_of(certificate)))
        subject.cause, subject.suspect = self._lasting(subject.name, causes, now, wall), causes[0]

    def _lasting(self, name: str, causes: list[Cause], now: float, wall: float) -> Cause | None:
        """The deepest cause that has had time to be wrong; what nothing heals becomes final with it."""
        first = causes[0]
        if not first.patience:
            self._young.pop(name, None)
            return first
        text, since = self._young.get(name, ("", now))
        if text != first.text:
            since = now
        self._young[name] = (first.text, since)
        if self._once:
            begun = parse_time(first.since)
            lasted = wall - begun.timestamp() if begun is not None else first.patience
        else:
            lasted = now - since
        if lasted >= first.patience:
            return replace(first, outlook=FINAL) if first.outlook == GRACE else first
        return next((cause for cause in causes if not cause.patience), None)

    def _take_one(self, kind: str, what: str, found: Json) -> set[str]:
        root = self._inventory.root_uid(found)
        if what == "deleted":
            self._inventory.remove(kind, found)
        else:
            self._inventory.put(kind, found)
        if kind in ("Issuer", "ClusterIssuer"):
            return {s.name for s in self.subjects.values() if not s.ready}
        if kind == "Certificate":
            self._select(found, what == "deleted")
            return {name_of(found)} & set(self.subjects)
        owner = self._inventory.by_uid(root)
        return {name_of(owner)} & set(self.subjects) if owner is not None else set()

    def _take_secrets(self, what: str, objects: list[Json]) -> set[str]:
        if what == "snapshot":
            self._secrets.clear()
        for found in objects:
            if what == "deleted":
                self._secrets.pop(name_of(found), None)
            else:
                self._secrets[name_of(found)] = secret_facts(found)
        if what == "snapshot":
            return set(self.subjects)
        names = {name_of(o) for o in objects}
        return {s.name for s in self.subjects.values() if s.secret_name in names}

    def _select_all(self) -> None:
        """Bring the subjects in step with a snapshot of the Certificates."""
        present = {name_of(c): c for c in self._inventory.all("Certificate")}
        for name in [n for n in self.subjects if n not in present]:
            self._gone(name)
        for found in present.values():
            self._select(found, False)

    def _select(self, found: Json, deleted: bool) -> None:
        name = name_of(found)
        if self.selection.names and name not in self.selection.names:
            return
        if deleted:
            self._gone(name)
            return
        subject = self.subjects.setdefault(name, Subject(name, namespace_of(found)))
        subject.certificate = found
        self._known_failures.setdefault(uid_of(found), failure_of(found))

    def _gone(self, name: str) -> None:
        if name in self.selection.names:
            self.subjects[name] = self._absent(name)
        else:
            self.subjects.pop(name, None)

    def _absent(self, name: str) -> Subject:
        return Subject(name, self.selection.namespace, cause=Cause("it does not exist"))
