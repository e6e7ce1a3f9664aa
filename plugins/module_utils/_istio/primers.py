# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, removing and sweeping primer Gateways.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import (
    LABEL,
    choose_ports,
    is_for,
    is_stale,
    kept_until,
    primer_gateway,
    webhook_trouble,
)
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KindAbsent, KubeError, WebhookSilent
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS
from ansible_collections.baremesh.edge.plugins.module_utils._process import has_ended, own_identity
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock, Deadline

# How long a kept primer may stay, for the real Gateway to be applied in.
KEPT_FOR = 900.0
REMOVE_WITHIN = 10.0


class Primers:
    """Primers of one namespace and selector."""

    def __init__(self, client: KubeClient, namespace: str, selector: Mapping[str, str], clock: Clock) -> None:
        self._client = client
        self._namespace = namespace
        self._selector = dict(selector)
        self._clock = clock
        self.made: list[str] = []

    def create(self, credentials: Sequence[Credential], first_port: int | None, taken: set[int], patience: Patience) -> dict[str, int]:
        """Make the primer; returns the port of each credential.

        Raises:
            KubeError: the API or istiod's webhook refuses it.
        """
        if first_port is None:
            ports = choose_ports(len(credentials), taken, random.SystemRandom())
        else:
            ports = list(range(first_port, first_port + len(credentials)))
        name = "baremesh-primer-%s" % uuid.uuid4().hex[:8]
        wall = self._clock.wall()
        end = patience.deadline.wall_end + REMOVE_WITHIN
        body = primer_gateway(name, self._namespace, self._selector, credentials, ports, wall, end, own_identity())
        # Before the request: an answer that got lost may have made it all the same.
        self.made.append(name)
        patience.call(lambda: self._create(body))
        return {c.name: p for c, p in zip(credentials, ports)}

    def keep(self) -> list[str]:
        """Let what was made outlive this process; returns the sentences of what did not work."""
        patience = Patience(Deadline(self._clock, REMOVE_WITHIN))
        change = kept_until(self._clock.wall() + KEPT_FOR)
        problems = []
        for name in self.made:
            try:
                patience.call(lambda n=name: self._client.merge(GATEWAYS, self._namespace, n, change))  # type: ignore[misc]
            except KubeError as exc:
                problems.append("Primer Gateway %s/%s may be swept before its time: %s" % (self._namespace, name, exc))
        return problems

    def remove(self, names: Sequence[str]) -> list[str]:
        """Remove them; returns the sentences of those that could not be removed."""
        patience = Patience(Deadline(self._clock, REMOVE_WITHIN))
        problems = []
        for name in names:
            try:
                patience.call(lambda n=name: self._delete(n))  # type: ignore[misc]
            except KubeError as exc:
                problems.append("Primer Gateway %s/%s is left over, the next run sweeps it: %s" % (self._namespace, name, exc))
        return problems

    def find(self, stale_only: bool) -> list[str]:
        """Names of the primers for these pods, or of all stale ones in the namespace."""
        items = self._client.list(GATEWAYS, self._namespace, "%s=true" % LABEL).get("items") or []
        wall = self._clock.wall()
        chosen = [g for g in items if (is_stale(g, wall, has_ended) if stale_only else is_for(g, self._selector))]
        return sorted(str(g["metadata"]["name"]) for g in chosen)

    def _create(self, body: dict[str, Any]) -> None:
        try:
            self._client.create(GATEWAYS, self._namespace, body)
        except ApiError as exc:
            if exc.status == 409:
                return
            if exc.not_found:
                raise KindAbsent(GATEWAYS.full_name, GATEWAYS.kind, exc) from exc
            silent = webhook_trouble(exc.message)
            if silent:
                raise WebhookSilent(silent, exc) from exc
            raise

    def _delete(self, name: str) -> None:
        try:
            self._client.delete(GATEWAYS, self._namespace, name)
        except ApiError as exc:
            if not exc.not_found:
                raise
