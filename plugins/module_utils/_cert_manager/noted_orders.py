# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a cluster has ordered, and what was noted of it."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Json
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.orders import Cluster
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CERTIFICATES,
    CHALLENGES,
    CLUSTER_ISSUERS,
    CONFIG_MAPS,
    ISSUERS,
    ORDERS,
    Resource,
)
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock


def read_orders(client: KubeClient, namespace: str, config_map: str, clock: Clock) -> dict[str, Any]:
    """C(orders) and C(held) of the cluster, both empty where it does not know cert-manager. Raises KubeError."""
    noted = _noted(client, namespace, config_map)
    issuers = [{**found, "kind": resource.kind} for resource in (CLUSTER_ISSUERS, ISSUERS) for found in _all(client, resource, namespace)]
    orders, challenges, certificates = (_all(client, resource, namespace) for resource in (ORDERS, CHALLENGES, CERTIFICATES))
    cluster = Cluster(orders, challenges, certificates, issuers)
    return {"orders": cluster.history(noted, clock.wall()), "held": cluster.held()}


def _all(client: KubeClient, resource: Resource, namespace: str) -> list[Json]:
    """All objects of a kind, or those of the namespace for users who may see no others."""
    try:
        return client.items(resource, None)
    except ApiError as exc:
        if exc.not_found:
            return []
        if exc.status != 403 or not resource.namespaced:
            raise
    return client.items(resource, namespace)


def _noted(client: KubeClient, namespace: str, name: str) -> list[dict[str, Any]]:
    try:
        text = (client.get(CONFIG_MAPS, namespace, name).get("data") or {}).get("orders") or "[]"
    except ApiError as exc:
        if exc.not_found:
            return []
        raise
    try:
        found = json.loads(text)
        return [{key: entry[key] for key in _KEYS} for entry in found]
    except (ValueError, TypeError, KeyError):
        raise KubeError(
            f"ConfigMap {namespace}/{name} does not hold what this collection noted of orders; delete it, and they are counted anew"
        ) from None


_KEYS = ("uid", "at", "server", "account", "names", "state", "failed_names", "certificate", "revision")
