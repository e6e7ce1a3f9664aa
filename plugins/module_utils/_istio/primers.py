# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, removing and sweeping primer Gateways."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import (
    LABEL,
    choose_ports,
    credential_ports,
    is_for,
    is_stale,
    primer_gateway,
    webhook_trouble,
)
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KindAbsent, KubeError, WebhookSilent
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS
from ansible_collections.baremesh.edge.plugins.module_utils._process import has_ended, own_identity
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock, Deadline

# How long a primer may stay that outlives its process, for the credentials to be served and the real Gateway to be applied in.
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

    def create(
        self, credentials: Sequence[Credential], first_port: int | None, taken: set[int], patience: Patience, kept: bool
    ) -> dict[str, int]:
        """Make the primer; returns the port of each credential. Raises KubeError if the API or istiod's webhook refuses it.

        Args:
            credentials: what it makes the pods serve.
            first_port: the first of its ports, None for free ones.
            taken: ports that it must not use.
            patience: for requests.
            kept: whether it outlives this process.
        """
        if first_port is None:
            ports = choose_ports(len(credentials), taken, random.SystemRandom())
        else:
            ports = list(range(first_port, first_port + len(credentials)))
        name = f"baremesh-primer-{uuid.uuid4().hex[:8]}"
        wall = self._clock.wall()
        end = wall + KEPT_FOR if kept else patience.deadline.wall_end + REMOVE_WITHIN
        owner = None if kept else own_identity()
        body = primer_gateway(name, self._namespace, self._selector, credentials, ports, wall, end, owner)
        # Before the request: an answer that got lost may have made it all the same.
        self.made.append(name)
        patience.call(lambda: self._create(body))
        return {c.name: p for c, p in zip(credentials, ports)}

    def ports(self, names: Sequence[str], patience: Patience) -> dict[str, int]:
        """By credential, the port on which these primers make the pods serve it. Raises KubeError if one of them does not exist."""
        found: dict[str, int] = {}
        for name in names:
            try:
                found.update(credential_ports(patience.call(lambda n=name: self._client.get(GATEWAYS, self._namespace, n))))  # type: ignore[misc]
            except ApiError as exc:
                if not exc.not_found:
                    raise
                raise KubeError(f"primer Gateway {self._namespace}/{name} does not exist; it may have expired") from exc
        return found

    def remove(self, names: Sequence[str]) -> list[str]:
        """Remove them; returns the sentences of those that could not be removed."""
        patience = Patience(Deadline(self._clock, REMOVE_WITHIN))
        problems = []
        for name in names:
            try:
                patience.call(lambda n=name: self._delete(n))  # type: ignore[misc]
            except KubeError as exc:
                problems.append(f"Primer Gateway {self._namespace}/{name} is left over, the next run sweeps it: {exc}")
        return problems

    def stale(self) -> list[str]:
        """Names of those in the namespace that dead runs have left."""
        wall = self._clock.wall()
        return _names(gateway for gateway in self._all() if is_stale(gateway, wall, has_ended))

    def present(self, names: Sequence[str] | None = None) -> list[str]:
        """Which of the names are there; without names, all for these pods."""
        found = self._all()
        if names is None:
            return _names(gateway for gateway in found if is_for(gateway, self._selector))
        return [name for name in names if name in _names(found)]

    def _all(self) -> list[dict[str, Any]]:
        return self._client.list(GATEWAYS, self._namespace, f"{LABEL}=true").get("items") or []

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


def _names(gateways: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(str(gateway["metadata"]["name"]) for gateway in gateways)
