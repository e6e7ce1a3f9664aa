# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds a wait for Certificates follows, and from when on."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import names_issuer
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.ledger import Ledger
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import issuer_ref
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.silence import is_unplaced
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import is_valid
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CHALLENGES,
    CLUSTER_ISSUERS,
    ISSUERS,
    ORDERS,
    SECRETS,
    SECRETS_OF_USERS,
    Resource,
)
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# A WATCH of Secrets does not say when it has sent all: a Secret is missing only if it is after a moment.
SECRETS_SETTLE = 0.3
# cert-manager makes an Order within this time, or says that it waits for the issuer; without either the issuer is worth a look.
ORDER_GRACE = 3.0


class Following:
    """The kinds that matter, from the first Certificate down.

    A kind is followed only once there is something to learn from it, so that a wait costs at most six requests:
    Certificates (LIST, WATCH), Secrets, CertificateRequests, Orders, Challenges or the issuers (one WATCH each).
    """

    def __init__(self, client: KubeClient, ledger: Ledger, deadline: Deadline, crd_grace: float) -> None:
        self._client = client
        self._ledger = ledger
        self._deadline = deadline
        self._crd_grace = crd_grace
        self._since: dict[str, float] = {}
        self._refused: set[str] = set()

    @property
    def unread(self) -> list[str]:
        """Kinds that are followed and of which nothing has come."""
        return [kind for kind in self._since if not self._ledger.kinds_read.get(kind)]

    def refuse(self, resource: Resource) -> None:
        """This kind cannot be followed."""
        self._since.pop(resource.kind, None)
        self._refused.add(resource.kind)

    def more(self) -> list[Follower]:
        """Followers of the kinds that the present state makes worth it, and that are not followed."""
        found = []
        for resource in self._worth():
            if resource.kind not in self._since and resource.kind not in self._refused:
                self._since[resource.kind] = self._deadline.elapsed
                found.append(self._follower(resource))
        return found

    def label_selector(self, resource: Resource) -> str | None:
        """The labels that the user gave, where they concern the kind."""
        return self._ledger.selection.label_selector if resource is CERTIFICATES else None

    def field_selector(self, resource: Resource) -> str | None:
        """What keeps the answer small."""
        if resource is not SECRETS:
            return None
        names = {subject.secret_name for subject in self._known()}
        if len(self._ledger.selection.names) == 1 and len(names) == 1:
            return f"metadata.name={next(iter(names))}"
        return SECRETS_OF_USERS

    def _worth(self) -> Iterator[Resource]:
        yield CERTIFICATES
        known = self._known()
        if known:
            yield SECRETS
        settled = self._followed_for(SECRETS) >= SECRETS_SETTLE
        pending = [s for s in known if not s.ready and (settled or not s.conditions_hold)]
        if pending:
            yield CERTIFICATE_REQUESTS
        walks = [s.walk for s in pending if s.walk is not None]
        if any(walk.request is not None for walk in walks):
            yield ORDERS
        placed = [s.walk for s in pending if s.walk is not None and not is_unplaced(s)]
        if any(walk.order is not None and not is_valid(walk.order) for walk in placed):
            yield CHALLENGES
        overdue = bool(self._ledger.kinds_read.get(ORDERS.kind)) and self._followed_for(ORDERS) >= ORDER_GRACE
        orderless = [w for w in walks if w.order is None and w.request is not None and (overdue or names_issuer(w.request))]
        for ref in (issuer_ref(walk.certificate) for walk in orderless):
            if ref["group"] == CERTIFICATES.group:
                yield CLUSTER_ISSUERS if ref["kind"] == CLUSTER_ISSUERS.kind else ISSUERS

    def _known(self) -> list[Subject]:
        return [s for s in self._ledger.subjects.values() if s.certificate is not None]

    def _followed_for(self, resource: Resource) -> float:
        since = self._since.get(resource.kind)
        return -1.0 if since is None else self._deadline.elapsed - since

    def _follower(self, resource: Resource) -> Follower:
        return Follower(
            self._client,
            resource,
            self._ledger.selection.namespace if resource.namespaced else None,
            self._deadline,
            label_selector=self.label_selector(resource),
            field_selector=self.field_selector(resource),
            snapshot=resource is CERTIFICATES,
            absent_grace=self._crd_grace,
        )
