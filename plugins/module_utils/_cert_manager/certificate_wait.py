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

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import FINAL, names_issuer
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.last_look import Sight, explain_answer, explain_silence
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.ledger import Ledger
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import issuer_ref
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.progress import Teller
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import Renewal
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject, failure_text, view
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.silence import is_unplaced
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import is_valid
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

# How long other watches may add to a final cause after their last news, and in all.
SETTLE = 0.3
LONGEST_SETTLE = 2.5
# cert-manager makes an Order within this time, or says that it waits for the issuer; without either the issuer is worth a look.
ORDER_GRACE = 3.0
# With more Certificates than this, news is gathered for so many seconds before it is judged.
MANY, GATHER = 20, 0.03


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
    A wait that fails without a word of cert-manager costs two more.
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
        sight: Sight = lambda _unused: None,
    ) -> None:
        self._client = client
        self._feed = feed
        self._selection = selection
        self._deadline = deadline
        self._fail_fast = fail_fast
        self._crd_grace = crd_grace
        self._sight = sight
        self._ledger = Ledger(selection, renewals or {}, deadline.wall_end)
        self._teller = Teller(progress)
        self._followed: dict[str, float] = {}
        self._refused: set[str] = set()
        self._trouble: dict[str, KubeError] = {}
        self._final_since: float | None = None
        self._last_news = 0.0
        self._warnings: list[str] = []

    def run(self) -> Outcome:
        """Wait until all are ready, or one cannot become so, or the time is over."""
        try:
            return self._wait()
        except KubeError as exc:
            return self._outcome(False, str(exc), str(exc))
        finally:
            self._feed.close()

    def look(self) -> Outcome:
        """The same view once, without waiting: one LIST per kind. Raises KubeError."""
        self._list(CERTIFICATES)
        if self._ledger.subjects:
            self._list(SECRETS)
        pending = [s for s in self._subjects if s.certificate is not None and not s.ready]
        kinds = {issuer_ref(s.certificate or {})["kind"] for s in pending}
        below = [CERTIFICATE_REQUESTS, ORDERS, CHALLENGES, *(r for r in (ISSUERS, CLUSTER_ISSUERS) if r.kind in kinds)]
        for resource in below if pending else []:
            try:
                self._list(resource)
            except ApiError as exc:
                self._fatal(Change(resource, "fatal", error=exc))
        if self._subjects and all(s.ready for s in self._subjects):
            return self._succeeded()
        return self._failed([])

    def nothing(self, reason: str) -> Outcome:
        """The view where the kind itself is not known."""
        return self._outcome(False, reason, reason)

    @property
    def _subjects(self) -> list[Subject]:
        return list(self._ledger.subjects.values())

    def _list(self, resource: Resource) -> None:
        namespace = self._selection.namespace if resource.namespaced else None
        found = self._client.list(resource, namespace, self._label_selector(resource), self._field_selector(resource))
        self._take([Change(resource, "snapshot", [slim(o) for o in found.get("items") or []])])

    def _wait(self) -> Outcome:
        self._follow(CERTIFICATES, snapshot=True)
        while True:
            self._take(self._news())
            self._follow_more()
            outcome = self._decide()
            if outcome is not None:
                return outcome
            self._teller.tell(self._subjects, self._deadline.elapsed)

    def _news(self) -> list[Change]:
        found = self._feed.get(self._pause())
        if found and len(self._ledger.subjects) > MANY:
            # Every decision goes over all of them: so few a second that whoever reads the news keeps up with them on a busy host.
            self._deadline.clock.sleep(self._deadline.cut(GATHER))
            found += self._feed.get(0)
        return found

    def _pause(self) -> float:
        return self._deadline.cut(self._ledger.tick if self._final_since is None else SETTLE / 3)

    def _take(self, changes: list[Change]) -> None:
        dirty: set[str] = set()
        for change in changes:
            kind = change.resource.kind
            if change.what == "fatal":
                self._fatal(change)
            elif change.error is not None:
                self._trouble[kind] = change.error
            else:
                self._trouble.pop(kind, None)
                self._last_news = self._deadline.elapsed
                dirty |= self._ledger.take(kind, change.what, change.objects)
        self._ledger.judge(dirty, self._deadline.elapsed, self._deadline.clock.wall())

    def _fatal(self, change: Change) -> None:
        if change.error is not None and change.resource in (CERTIFICATES, SECRETS):
            raise change.error
        # Without the lower objects the wait still knows ready from not ready; it only knows less of why.
        self._warnings.append("The cause may lie deeper than it is shown: %s" % change.error)
        self._followed.pop(change.resource.kind, None)
        self._refused.add(change.resource.kind)

    def _follow_more(self) -> None:
        """Begin to follow the kinds that the present state makes worth it."""
        known = [s for s in self._subjects if s.certificate is not None]
        if known:
            self._follow(SECRETS)
        # A WATCH of Secrets does not say when it has told all: a Secret is missing only if it is after a moment.
        settled = self._followed_for(SECRETS) >= SETTLE
        pending = [s for s in known if not s.ready and (settled or not s.conditions_hold)]
        if pending:
            self._follow(CERTIFICATE_REQUESTS)
        if any(s.walk is not None and s.walk.request is not None for s in pending):
            self._follow(ORDERS)
        placed = [s for s in pending if s.walk is not None and s.walk.order is not None and not is_unplaced(s)]
        if any(s.walk is not None and s.walk.order is not None and not is_valid(s.walk.order) for s in placed):
            self._follow(CHALLENGES)
        self._follow_issuers([s for s in pending if s.walk is not None and s.walk.order is None])

    def _follow_issuers(self, orderless: list[Subject]) -> None:
        overdue = bool(self._ledger.kinds_read.get(ORDERS.kind)) and self._followed_for(ORDERS) >= ORDER_GRACE
        for subject in orderless:
            request = subject.walk.request if subject.walk is not None else None
            ref = issuer_ref(subject.certificate or {})
            if ref["group"] == CERTIFICATES.group and request is not None and (overdue or names_issuer(request)):
                self._follow(CLUSTER_ISSUERS if ref["kind"] == "ClusterIssuer" else ISSUERS)

    def _followed_for(self, resource: Resource) -> float:
        since = self._followed.get(resource.kind)
        return -1.0 if since is None else self._deadline.elapsed - since

    def _follow(self, resource: Resource, snapshot: bool = False) -> None:
        if resource.kind in self._followed or resource.kind in self._refused:
            return
        self._followed[resource.kind] = self._deadline.elapsed
        self._feed.add(
            Follower(
                self._client,
                resource,
                self._selection.namespace if resource.namespaced else None,
                self._deadline,
                label_selector=self._label_selector(resource),
                field_selector=self._field_selector(resource),
                snapshot=snapshot,
                absent_grace=self._crd_grace,
            )
        )

    def _label_selector(self, resource: Resource) -> str | None:
        return self._selection.label_selector if resource is CERTIFICATES else None

    def _field_selector(self, resource: Resource) -> str | None:
        if resource is not SECRETS:
            return None
        names = {s.secret_name for s in self._subjects if s.certificate is not None}
        if len(self._selection.names) == 1 and len(names) == 1:
            return "metadata.name=%s" % next(iter(names))
        # Helm keeps every release as a Secret of up to a megabyte.
        return "type!=helm.sh/release.v1"

    def _decide(self) -> Outcome | None:
        subjects = self._subjects
        if subjects and all(s.ready for s in subjects):
            return self._succeeded()
        final = [s for s in subjects if not s.ready and s.cause is not None and s.cause.outlook == FINAL]
        if self._fail_fast and final:
            if self._final_since is None:
                self._final_since = self._deadline.elapsed
            return self._failed(final) if self._has_settled(self._final_since) else None
        self._final_since = None
        return self._failed(final) if self._deadline.expired else None

    def _has_settled(self, since: float) -> bool:
        """True once the objects below a final state have had time to arrive: they tell the deepest cause."""
        now = self._deadline.elapsed
        if self._deadline.expired or now - since >= LONGEST_SETTLE:
            return True
        unread = [k for k in self._followed if not self._ledger.kinds_read.get(k) and k not in self._trouble]
        return not unread and now - max(since, self._last_news) >= SETTLE

    def _succeeded(self) -> Outcome:
        count = len(self._subjects)
        return self._outcome(True, "%d of %d Certificates are ready" % (count, count))

    def _failed(self, final: list[Subject]) -> Outcome:
        ordered = final + [s for s in self._subjects if not s.ready and s not in final]
        trouble = self._trouble.get("Certificate") or self._trouble.get("Secret")
        if trouble is not None and not final:
            text = "%s is not ready: %s" % (ordered[0].title, trouble) if ordered else str(trouble)
            return self._outcome(False, text, str(trouble))
        if not final:
            explain_silence(self._client, ordered, self._deadline.elapsed)
        explain_answer(ordered, self._sight)
        about = "There is no %s" % self._selection.description
        cause = ordered[0].cause if ordered else None
        outcome = self._outcome(False, failure_text(ordered, about), cause.text if cause is not None else about)
        outcome.retry_at = cause.retry_at if cause is not None else None
        if not final and self._deadline.expired:
            outcome.message += "\nWaited %d s." % round(self._deadline.elapsed)
        return outcome

    def _outcome(self, ready: bool, message: str, cause: str | None = None) -> Outcome:
        return Outcome(
            ready=ready,
            message=message,
            subjects=sorted(self._subjects, key=lambda s: (s.namespace, s.name)),
            elapsed=self._deadline.elapsed,
            observations=self._ledger.observations,
            requests=self._client.requests,
            cause=cause,
            warnings=list(self._warnings),
        )
