# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for Certificates: when it ends, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cause import failure_text
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import hints
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.following import Following
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.last_look import Sight, explain_answer, explain_silence
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.ledger import Ledger
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import issuer_ref
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import Renewal
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject, phrase, view
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
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
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, follow
from ansible_collections.baremesh.edge.plugins.module_utils._progress import Progress
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# How long other watches may add to a final cause after their last news, and in all.
SETTLE = 0.3
LONGEST_SETTLE = 2.5
# With more Certificates than this, news is gathered for so many seconds before it is judged.
MANY, GATHER = 20, 0.03
# Lines of progress at once: hundreds of Certificates would fill the terminal.
AT_ONCE = 5


class CertificateWait:
    """Decides after each piece of news. A wait that fails without a word of cert-manager costs two requests more."""

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
        once: bool = False,
        settle_all: bool = False,
    ) -> None:
        self._client = client
        self._feed = feed
        self._selection = selection
        self._deadline = deadline
        self._fail_fast, self._settle_all = fail_fast, settle_all
        self._sight = sight
        self._ledger = Ledger(selection, renewals or {}, deadline.wall_end, once)
        self._following = Following(client, self._ledger, deadline, crd_grace)
        self._progress = Progress(progress)
        self._trouble: dict[str, KubeError] = {}
        self._final_since: float | None = None
        self._last_news = 0.0
        self._warnings: list[str] = []

    def run(self) -> Outcome:
        """Wait until all are ready, or one cannot become so, or the time is over."""
        try:
            follow(self._feed, self, self._deadline)
        except KubeError as exc:
            return self._outcome(False, str(exc), str(exc))
        return self._end()

    def look(self) -> Outcome:
        """The same view without waiting: one LIST per kind. Raises KubeError."""
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
        return self._end()

    def nothing(self, reason: str) -> Outcome:
        """The view where the kind itself is not known."""
        return self._outcome(False, reason, reason)

    # for the loop ------------------------------------------------------------------------------

    @property
    def pause(self) -> float:
        """Some causes become final by lasting."""
        return self._ledger.tick if self._final_since is None else SETTLE / 3

    @property
    def gather(self) -> float:
        """Every decision goes over all of them."""
        return GATHER if len(self._ledger.subjects) > MANY else 0.0

    def followers(self) -> list[Follower]:
        """Begin to follow the kinds that the present state makes worth it."""
        return self._following.more()

    def take(self, changes: Sequence[Change]) -> None:
        """Store news."""
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

    def has_decided(self) -> bool:
        """True once all are ready, or a cause is final and the objects below it have had time to arrive."""
        if self._all_ready():
            return True
        if self._fail_fast and self._has_failed():
            if self._final_since is None:
                self._final_since = self._deadline.elapsed
            if self._has_settled(self._final_since):
                return True
        else:
            self._final_since = None
        self._report()
        return False

    # ---------------------------------------------------------------------------------------------

    @property
    def _subjects(self) -> list[Subject]:
        return list(self._ledger.subjects.values())

    def _all_ready(self) -> bool:
        return bool(self._subjects) and all(s.ready for s in self._subjects)

    def _final(self) -> list[Subject]:
        return [s for s in self._subjects if not s.ready and s.cause is not None and s.cause.final]

    def _has_failed(self) -> bool:
        """Whether waiting cannot help the first of them, or any of them if the others are to be waited for."""
        final = self._final()
        return bool(final) and (not self._settle_all or len(final) + sum(s.ready for s in self._subjects) == len(self._subjects))

    def _has_settled(self, since: float) -> bool:
        """True once the objects below a final state have had time to arrive: they know the deepest cause."""
        now = self._deadline.elapsed
        if self._deadline.expired or now - since >= LONGEST_SETTLE:
            return True
        unread = [kind for kind in self._following.unread if kind not in self._trouble]
        return not unread and now - max(since, self._last_news) >= SETTLE

    def _list(self, resource: Resource) -> None:
        namespace = self._selection.namespace if resource.namespaced else None
        selectors = self._following.label_selector(resource), self._following.field_selector(resource)
        found = self._client.list(resource, namespace, *selectors)
        self.take([Change(resource, "snapshot", [slim(o) for o in found.get("items") or []])])

    def _fatal(self, change: Change) -> None:
        if change.error is not None and change.resource in (CERTIFICATES, SECRETS):
            raise change.error
        # Without the lower objects the wait still distinguishes ready from not ready; it only knows less of why.
        self._warnings.append(f"The cause may lie deeper than it is shown: {change.error}")
        self._following.refuse(change.resource)

    def _report(self) -> None:
        """Say what is new, of a few Certificates."""
        now, shown = self._deadline.elapsed, 0
        for subject in self._subjects:
            words = phrase(subject)
            if subject.ready and self._progress.last_words(subject.name) in ("", words):
                continue
            if shown < AT_ONCE and self._progress.is_due(subject.name, words, now):
                self._progress.say(subject.name, words, now)
                shown += 1

    def _end(self) -> Outcome:
        if self._all_ready():
            count = len(self._subjects)
            return self._outcome(True, f"{count} of {count} Certificates are ready")
        final = self._final()
        failed = final + [s for s in self._subjects if not s.ready and s not in final]
        trouble = self._trouble.get(CERTIFICATES.kind) or self._trouble.get(SECRETS.kind)
        if trouble is not None and not final:
            return self._outcome(False, f"{failed[0].title} is not ready: {trouble}" if failed else str(trouble), str(trouble))
        if not failed:
            about = f"There is no {self._selection.description}"
            return self._outcome(False, about, about)
        if not final:
            explain_silence(self._client, failed, self._deadline.elapsed)
        explain_answer(failed, self._sight)
        cause = failed[0].reason
        waited = self._deadline.elapsed if self._deadline.expired and not final else None
        text = failure_text([(s.title, s.reason) for s in failed], "ready", hints(cause.text, cause.retry_at), waited)
        outcome = self._outcome(False, text, cause.text)
        outcome.retry_at = cause.retry_at
        return outcome

    def _outcome(self, ready: bool, message: str, cause: str | None = None) -> Outcome:
        subjects = sorted(self._subjects, key=lambda s: (s.namespace, s.name))
        views = [view(s) for s in subjects]
        shown = next((v for v in views if v["cause"] == cause), None) if cause else None
        return Outcome(
            good=ready,
            message=message,
            found={"certificates": views, "ready": sum(1 for s in subjects if s.ready)},
            elapsed=self._deadline.elapsed,
            observations=self._ledger.observations,
            requests=self._client.requests,
            cause=cause,
            chain=shown["chain"] if shown else [],
            warnings=list(self._warnings),
        )


def ready_certificates(client: KubeClient, namespace: str, names: Sequence[str], deadline: Deadline) -> list[dict[str, Any]] | None:
    """Return what C(certificate_info) says of these Certificates, None unless all are ready. Raises KubeError."""
    if not names:
        return []
    seen = CertificateWait(client, ThreadFeed(), Selection(namespace, tuple(names)), deadline, once=True).look()
    return list(seen.found["certificates"]) if seen.good else None
