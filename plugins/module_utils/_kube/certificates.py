# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for Certificates: which kinds are followed, when the wait ends, and with what.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import (
    FINAL,
    GRACE,
    Cause,
    Failure,
    failure_of,
    find_cause,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    Inventory,
    Json,
    issuer_ref,
    name_of,
    namespace_of,
    uid_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import (
    Renewal,
    SecretFacts,
    condition_problems,
    secret_problems,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject, failure_text, phrase, view
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.secret import absent_secret, secret_facts
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import walk
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Change, Follower, slim
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CHALLENGES,
    CLUSTER_ISSUERS,
    ISSUERS,
    ORDERS,
    SECRETS,
    Resource,
)
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# How long a state that nobody is expected to heal may last, and how long other watches may add to a final cause.
STUCK_GRACE = 3.0
SETTLE = 0.3
LONGEST_SETTLE = 2.5
# cert-manager places an Order within this time; without one the issuer is worth a look.
ORDER_GRACE = 0.5
TICK = 1.0
REPORT_EVERY = 10.0


@dataclass(frozen=True)
class Selection:
    """Which Certificates are meant: these names, or this selector, or all of the namespace."""

    namespace: str
    names: tuple[str, ...] = ()
    label_selector: str | None = None

    @property
    def description(self) -> str:
        """For messages."""
        if self.label_selector:
            return "Certificate with labels %s in namespace %s" % (self.label_selector, self.namespace)
        return "Certificate in namespace %s" % self.namespace


@dataclass
class Outcome:
    """The end of a wait; the same keys on success and on failure."""

    ready: bool
    message: str
    subjects: list[Subject]
    elapsed: float
    observations: int
    requests: int
    cause: str | None = None
    retry_at: str | None = None
    warnings: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """As module result."""
        views = [view(s) for s in self.subjects]
        telling = next((v for v in views if v["cause"] == self.cause), None) if self.cause else None
        return {
            "certificates": views,
            "ready": sum(1 for s in self.subjects if s.ready),
            "elapsed": round(self.elapsed, 3),
            "observations": self.observations,
            "requests": self.requests,
            "cause": self.cause,
            "chain": telling["chain"] if telling else [],
            "retry_at": self.retry_at,
        }


class CertificateWait:
    """Follows the kinds that matter, from the first Certificate down, and decides after each piece of news.

    A kind is followed only once there is something to learn from it, so that a wait costs at most six requests:
    Certificates (LIST, WATCH), Secrets, CertificateRequests, Orders, Challenges or the issuers (one WATCH each).
    """

    def __init__(
        self,
        client: KubeClient,
        feed: Feed,
        selection: Selection,
        deadline: Deadline,
        fail_fast: bool = True,
        renewals: Mapping[str, Renewal] | None = None,
        crd_grace: float = 0.0,
        progress: Callable[[str], None] = lambda _unused: None,
    ) -> None:
        self._client = client
        self._feed = feed
        self._selection = selection
        self._deadline = deadline
        self._fail_fast = fail_fast
        self._renewals = dict(renewals or {})
        self._crd_grace = crd_grace
        self._progress = progress
        self._inventory = Inventory()
        self._subjects: dict[str, Subject] = {n: Subject(n, selection.namespace, cause=Cause("it does not exist")) for n in selection.names}
        self._known_failures: dict[str, Failure] = {}
        self._secrets: dict[str, SecretFacts] = {}
        self._followed: dict[str, float] = {}
        self._read: dict[str, bool] = {}
        self._trouble: dict[str, KubeError] = {}
        self._refused: set[str] = set()
        self._stuck: dict[str, tuple[str, float]] = {}
        self._final_since: float | None = None
        self._said: dict[str, tuple[str, float]] = {}
        self._observations = 0
        self._evaluated = 0.0
        self._last_news = 0.0
        self._warnings: list[str] = []

    def run(self) -> Outcome:
        """Wait until all are ready, or one cannot become so, or the time is over."""
        try:
            return self._wait()
        except KubeError as exc:
            return self._outcome(False, str(exc), str(exc))

    def look(self) -> Outcome:
        """The same view once, without waiting: one LIST per kind. Raises KubeError."""
        self._list(CERTIFICATES)
        if self._subjects:
            self._list(SECRETS)
        pending = [s for s in self._subjects.values() if s.certificate is not None and not s.ready]
        if pending:
            kinds = {issuer_ref(s.certificate or {})["kind"] for s in pending}
            wanted = [CERTIFICATE_REQUESTS, ORDERS, CHALLENGES]
            for resource in wanted + [r for r in (ISSUERS, CLUSTER_ISSUERS) if r.kind in kinds]:
                try:
                    self._list(resource)
                except ApiError as exc:
                    self._fatal(Change(resource, "fatal", error=exc))
        waiting = [s for s in self._subjects.values() if not s.ready]
        if not waiting and self._subjects:
            return self._outcome(True, "%d of %d Certificates are ready" % (len(self._subjects), len(self._subjects)))
        return self._failed([])

    def nothing(self, reason: str) -> Outcome:
        """The view where the kind itself is not known."""
        return self._outcome(False, reason, reason)

    def _list(self, resource: Resource) -> None:
        namespace = self._selection.namespace if resource.namespaced else None
        selector = self._selection.label_selector if resource is CERTIFICATES else None
        found = self._client.list(resource, namespace, selector, self._field_selector(resource))
        self._evaluate(self._take([Change(resource, "snapshot", [slim(o) for o in found.get("items") or []])]))

    def _wait(self) -> Outcome:
        self._follow(CERTIFICATES, snapshot=True)
        try:
            while True:
                changes = self._feed.get(self._pause())
                self._evaluate(self._take(changes))
                self._follow_more()
                outcome = self._decide()
                if outcome is not None:
                    return outcome
                self._report()
        finally:
            self._feed.close()

    def _pause(self) -> float:
        if self._final_since is not None:
            return min(0.1, SETTLE)
        return self._deadline.cut(TICK / 4 if self._stuck else TICK)

    # What came in -----------------------------------------------------------------------------------------------

    def _take(self, changes: list[Change]) -> set[str]:
        """Store the news; returns the names of the Certificates that they concern."""
        dirty: set[str] = set()
        for change in changes:
            resource = change.resource
            if change.what == "fatal":
                self._fatal(change)
                self._followed.pop(resource.kind, None)
                self._refused.add(resource.kind)
                continue
            if change.what == "trouble":
                if change.error is not None:
                    self._trouble[resource.kind] = change.error
                continue
            self._trouble.pop(resource.kind, None)
            self._read[resource.kind] = True
            self._observations += len(change.objects)
            self._last_news = self._deadline.elapsed
            if resource is SECRETS:
                dirty |= self._take_secrets(change)
            elif change.what == "snapshot":
                self._inventory.replace(resource.kind, change.objects)
                dirty |= set(self._subjects)
                if resource is CERTIFICATES:
                    dirty |= self._select()
            else:
                for found in change.objects:
                    dirty |= self._take_one(resource, change.what, found)
        return dirty

    def _take_one(self, resource: Resource, what: str, found: Json) -> set[str]:
        before = self._inventory.root_uid(found)
        if what == "deleted":
            self._inventory.remove(resource.kind, found)
        else:
            self._inventory.put(resource.kind, found)
        if resource in (ISSUERS, CLUSTER_ISSUERS):
            return {s.name for s in self._subjects.values() if not s.ready}
        if resource is CERTIFICATES:
            self._select_one(found, what == "deleted")
            return {name_of(found)} & set(self._subjects)
        return self._by_uid(before)

    def _by_uid(self, uid: str) -> set[str]:
        found = self._inventory.by_uid(uid)
        return {name_of(found)} & set(self._subjects) if found is not None else set()

    def _take_secrets(self, change: Change) -> set[str]:
        if change.what == "snapshot":
            self._secrets.clear()
        for found in change.objects:
            if change.what == "deleted":
                self._secrets.pop(name_of(found), None)
            else:
                self._secrets[name_of(found)] = secret_facts(found)
        names = {name_of(o) for o in change.objects}
        return {s.name for s in self._subjects.values() if change.what == "snapshot" or _secret_name(s) in names}

    def _select(self) -> set[str]:
        """Bring the subjects in step with a snapshot of the Certificates."""
        present = {name_of(c): c for c in self._inventory.all("Certificate")}
        for name in list(self._subjects):
            if name not in present:
                self._gone(name)
        for found in present.values():
            self._select_one(found, False)
        return set(self._subjects)

    def _select_one(self, found: Json, deleted: bool) -> None:
        name = name_of(found)
        if self._selection.names and name not in self._selection.names:
            return
        if deleted:
            self._gone(name)
            return
        subject = self._subjects.setdefault(name, Subject(name, namespace_of(found)))
        subject.certificate = found
        self._known_failures.setdefault(uid_of(found), failure_of(found))

    def _gone(self, name: str) -> None:
        if name in self._selection.names:
            self._subjects[name] = Subject(name, self._selection.namespace, cause=Cause("it does not exist"))
        else:
            self._subjects.pop(name, None)

    def _fatal(self, change: Change) -> None:
        if change.error is not None and change.resource in (CERTIFICATES, SECRETS):
            raise change.error
        # Without the lower objects the wait still knows ready from not ready; it only knows less of why.
        self._warnings.append("The cause may lie deeper than it is shown: %s" % change.error)

    # What follows from it ---------------------------------------------------------------------------------------

    def _evaluate(self, dirty: set[str]) -> None:
        now = self._deadline.elapsed
        if now - self._evaluated >= (TICK / 4 if self._stuck else TICK):
            # Some causes become final by lasting, and objects can arrive before the one that links them.
            self._evaluated = now
            dirty = dirty | {n for n, s in self._subjects.items() if not s.ready}
        for name in dirty:
            subject = self._subjects.get(name)
            if subject is not None:
                self._evaluate_one(subject)

    def _evaluate_one(self, subject: Subject) -> None:
        certificate = subject.certificate
        if certificate is None:
            return
        renewal = self._renewals.get(subject.name)
        subject.problems = condition_problems(certificate, renewal)
        subject.conditions_hold = not subject.problems
        secret_name = _secret_name(subject)
        subject.secret = self._secrets.get(secret_name)
        if not subject.problems:
            if not self._read.get("Secret"):
                subject.problems = ["its Secret %s has not been read" % secret_name]
            else:
                facts = subject.secret or absent_secret(secret_name)
                subject.problems = secret_problems(certificate, facts, self._deadline.clock.wall(), renewal)
        subject.ready = not subject.problems
        subject.walk = walk(self._inventory, certificate, self._read)
        if subject.ready:
            subject.cause = None
            self._stuck.pop(subject.name, None)
            return
        cause = find_cause(subject.walk, subject.problems, self._deadline.wall_end, self._known_failures.get(uid_of(certificate)))
        subject.cause = self._with_grace(subject.name, cause)

    def _with_grace(self, name: str, cause: Cause) -> Cause:
        """A stuck state becomes final once it has lasted."""
        if cause.outlook != GRACE:
            self._stuck.pop(name, None)
            return cause
        now = self._deadline.elapsed
        text, since = self._stuck.get(name, ("", now))
        if text != cause.text:
            since = now
        self._stuck[name] = (cause.text, since)
        return Cause(cause.text, FINAL, cause.retry_at) if now - since >= STUCK_GRACE else cause

    def _follow_more(self) -> None:
        """Begin to follow the kinds that the present state makes worth it."""
        if not self._read.get("Certificate"):
            return
        known = [s for s in self._subjects.values() if s.certificate is not None]
        if known:
            self._follow(SECRETS)
        # A WATCH of Secrets does not say when it has told all: a Secret is missing only if it is after a moment.
        settled = self._followed_for(SECRETS) >= SETTLE
        pending = [s for s in known if not s.ready and (settled or not s.conditions_hold)]
        if pending:
            self._follow(CERTIFICATE_REQUESTS)
        if any(s.walk is not None and s.walk.request is not None for s in pending):
            self._follow(ORDERS)
        if any(s.walk is not None and s.walk.order is not None for s in pending):
            self._follow(CHALLENGES)
        for subject in pending:
            orderless = subject.walk is None or subject.walk.order is None
            if orderless and self._followed_for(CERTIFICATE_REQUESTS) >= ORDER_GRACE:
                ref = issuer_ref(subject.certificate or {})
                if ref["group"] == CERTIFICATES.group:
                    self._follow(CLUSTER_ISSUERS if ref["kind"] == "ClusterIssuer" else ISSUERS)

    def _followed_for(self, *resources: Resource) -> float:
        times = [self._deadline.elapsed - self._followed[r.kind] for r in resources if r.kind in self._followed]
        return min(times) if times else -1.0

    def _follow(self, resource: Resource, snapshot: bool = False) -> None:
        if resource.kind in self._followed or resource.kind in self._refused:
            return
        self._followed[resource.kind] = self._deadline.elapsed
        selector = self._selection.label_selector if resource is CERTIFICATES else None
        self._feed.add(
            Follower(
                self._client,
                resource,
                self._selection.namespace if resource.namespaced else None,
                self._deadline,
                label_selector=selector,
                field_selector=self._field_selector(resource),
                snapshot=snapshot,
                absent_grace=self._crd_grace,
            )
        )

    def _field_selector(self, resource: Resource) -> str | None:
        if resource is not SECRETS:
            return None
        names = {_secret_name(s) for s in self._subjects.values() if s.certificate is not None}
        if len(self._selection.names) == 1 and len(names) == 1:
            return "metadata.name=%s" % next(iter(names))
        # Helm keeps every release as a Secret of up to a megabyte.
        return "type!=helm.sh/release.v1"

    # The end ----------------------------------------------------------------------------------------------------

    def _decide(self) -> Outcome | None:
        subjects = list(self._subjects.values())
        if subjects and all(s.ready for s in subjects):
            return self._outcome(True, "%d of %d Certificates are ready" % (len(subjects), len(subjects)))
        final = [s for s in subjects if not s.ready and s.cause is not None and s.cause.outlook == FINAL]
        if self._fail_fast and final:
            if self._final_since is None:
                self._final_since = self._deadline.elapsed
            return self._failed(final) if self._has_settled(self._final_since) else None
        self._final_since = None
        if self._deadline.expired:
            return self._failed(final)
        return None

    def _has_settled(self, since: float) -> bool:
        """True once the objects below a final state have had time to arrive: they tell the deepest cause."""
        now = self._deadline.elapsed
        if self._deadline.expired or now - since >= LONGEST_SETTLE:
            return True
        unread = [k for k in self._followed if not self._read.get(k) and k not in self._trouble]
        return not unread and now - max(since, self._last_news) >= SETTLE

    def _failed(self, final: list[Subject]) -> Outcome:
        waiting = [s for s in self._subjects.values() if not s.ready]
        ordered = final + [s for s in waiting if s not in final]
        trouble = self._trouble.get("Certificate") or self._trouble.get("Secret")
        if trouble is not None and not final:
            about = str(trouble)
            first = "%s is not ready: %s" % (ordered[0].title, about) if ordered else about
            return self._outcome(False, first, about)
        about = "There is no %s" % self._selection.description
        outcome = self._outcome(False, failure_text(ordered, about), None)
        cause = ordered[0].cause if ordered else None
        outcome.cause = cause.text if cause is not None else about
        outcome.retry_at = cause.retry_at if cause is not None else None
        if not final and self._deadline.expired:
            outcome.message += "\nWaited %d s." % round(self._deadline.elapsed)
        return outcome

    def _outcome(self, ready: bool, message: str, cause: str | None = None) -> Outcome:
        subjects = sorted(self._subjects.values(), key=lambda s: (s.namespace, s.name))
        return Outcome(
            ready=ready,
            message=message,
            subjects=subjects,
            elapsed=self._deadline.elapsed,
            observations=self._observations,
            requests=self._client.requests,
            cause=cause,
            warnings=list(self._warnings),
        )

    def _report(self) -> None:
        """One line when a state changes and every ten seconds, for at most the five first that are not ready."""
        now = self._deadline.elapsed
        shown = 0
        for subject in self._subjects.values():
            said, when = self._said.get(subject.name, ("", -REPORT_EVERY))
            words = phrase(subject)
            if subject.ready and said in ("", "ready"):
                continue
            if words == said and now - when < REPORT_EVERY:
                continue
            shown += 1
            if shown > 5:
                return
            self._said[subject.name] = (words, now)
            self._progress("%s: %s (%d s)" % (subject.name, words, now))


def _secret_name(subject: Subject) -> str:
    return str(((subject.certificate or {}).get("spec") or {}).get("secretName") or "")
