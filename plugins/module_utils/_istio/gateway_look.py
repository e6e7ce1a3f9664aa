# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of gateway pods, and in what it differs from the objects of the cluster, seen once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.cluster_objects import read_all
from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import held_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import clusters, listeners, routes
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_api import RESOURCES
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_flags import (
    Entry,
    gateway_selector,
    no_pod,
    pod_flags,
    reference_flags,
    secret_flags,
    secret_name,
    sync_flags,
    unselected,
    untaken_flags,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.own_secrets import read_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, gateway_pod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_explain import ADMIN_PORT, CLUSTERS_PATH
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_look import pod_entry, secret_entry
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import PARALLEL
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS, PODS, VIRTUAL_SERVICES
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

# All kinds at once. Envoy of Istio 1.31 refuses a mask that fits no kind as a whole, and one request for each kind takes longer.
DUMP_PATH = "/config_dump"
SYNC_PORT, SYNC_PATH = 15014, "/debug/syncz"
ISTIOD = "app=istiod"
# A dump of thousands of routes takes a moment.
TIMEOUT = 15.0


class ConfigLook:
    """Asks every pod of a gateway for its configuration, several at a time, and istiod for what it sent them."""

    def __init__(
        self, client: KubeClient, gateway: Prober, istiod: Prober, namespace: str, selector: Mapping[str, str], istio_namespace: str
    ) -> None:
        self._client = client
        self._gateway = gateway
        self._istiod = istiod
        self._namespace = namespace
        self._istio_namespace = istio_namespace
        self._selector = selector
        self._errors: list[str] = []

    def once(self, deadline: Deadline) -> dict[str, Any]:
        """Return pods, flags and errors as module result. Raises KubeError where the pods cannot even be listed."""
        reader = Reader(self._client, self._namespace, self._selector, Patience(deadline))
        pods = reader.pods()
        if not pods:
            self._errors.append(f"no pod in namespace {self._namespace} has the labels {reader.labels}")
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            views = [view for view in pool.map(self._view, pods) if view]
        flags = [*self._object_flags(), *self._sync_flags([pod.name for pod in pods if pod.ready])]
        flags += [flag for view in views for flag in pod_flags(view)] + self._secret_flags(views)
        return {"pods": list(map(_shown, views)), "flags": flags, "errors": self._errors, "elapsed": round(deadline.elapsed, 3)}

    def _view(self, pod: GatewayPod) -> Entry | None:
        try:
            dump = self._gateway.read_json(pod.name, ADMIN_PORT, DUMP_PATH, TIMEOUT)
            answer = self._gateway.read_json(pod.name, ADMIN_PORT, CLUSTERS_PATH, TIMEOUT)
        except KubeError as exc:
            self._errors.append(f"Pod {pod.name}: {exc}")
            return None
        return {
            **pod_entry(pod),
            "pod": pod.name,
            "namespace": self._namespace,
            "listeners": listeners(dump),
            "routes": routes(dump),
            "clusters": clusters(dump, answer),
            "secrets": [secret_entry(pod, secret) for secret in held_secrets(dump)],
        }

    def _object_flags(self) -> list[Entry]:
        unread: list[str] = []
        gateways = read_all(self._client, GATEWAYS, unread)
        services = read_all(self._client, VIRTUAL_SERVICES, unread)
        self._errors += unread
        if unread:
            return []
        made = [
            found for kind in RESOURCES for found in read_all(self._client, kind) if found["metadata"].get("namespace") == self._namespace
        ]
        alone = [each for each in unselected(gateways, self._namespace, [self._selector]) if not self._is_selected(each)]
        return [*map(no_pod, alone), *reference_flags(gateways, services, self._namespace), *untaken_flags(made)]

    def _is_selected(self, gateway: Mapping[str, Any]) -> bool:
        """Return whether a pod of any namespace has the labels; one that may not be asked for counts as there."""
        try:
            return bool(self._client.items(PODS, None, gateway_selector(gateway), metadata_only=True))
        except KubeError as exc:
            self._errors.append(str(exc))
            return True

    def _sync_flags(self, pods: list[str]) -> list[Entry]:
        """Return the pods that are behind. A pod is connected to one of several istiods, so all of them must answer."""
        try:
            found = self._client.list(PODS, self._istio_namespace, ISTIOD).get("items") or []
            istiods = [pod for pod in map(gateway_pod, found) if pod.ready]
            proxies = [each for pod in istiods for each in self._istiod.read_json(pod.name, SYNC_PORT, SYNC_PATH, TIMEOUT) or []]
        except KubeError as exc:
            self._errors.append(f"istiod could not be asked what it sent: {exc}")
            return []
        if not istiods:
            self._errors.append(f"no pod in namespace {self._istio_namespace} with the label {ISTIOD} is Ready to be asked what it sent")
            return []
        return sync_flags(pods, self._namespace, proxies)

    def _secret_flags(self, views: list[Entry]) -> list[Entry]:
        names = sorted({name for view in views for held in view["secrets"] if (name := secret_name(held, self._namespace))})
        try:
            secrets = read_secrets(self._client, self._namespace, names)
        except KubeError as exc:
            self._errors.append(str(exc))
            return []
        return [flag for view in views for flag in secret_flags(view, secrets)]


def _shown(view: Entry) -> Entry:
    """Return a pod without the clusters of Services to which nothing leads; istiod sends those of the whole cluster."""
    used = {name for route in view["routes"] for name in route["clusters"]}
    used |= {name for listener in view["listeners"] for chain in listener["chains"] for name in chain["clusters"]}
    kept = [each for each in view["clusters"] if each["name"] in used or each["detail"] or each["state"] != "active"]
    return {**{key: value for key, value in view.items() if key != "pod"}, "clusters": kept}
