# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges answers to ACME challenges by what the cluster holds: which object gave the answer, and whether it gives way to the solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import PATH, Cluster, explain
from ansible_collections.baremesh.edge.plugins.module_utils._istio.cluster_objects import read_all
from ansible_collections.baremesh.edge.plugins.module_utils._istio.other_routes import of_gateway_api, of_ingresses
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import selector_text
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    AUTHORIZATION_POLICIES,
    ENVOY_FILTERS,
    GATEWAYS,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    KUBE_GATEWAYS,
    PODS,
    VIRTUAL_SERVICES,
    WASM_PLUGINS,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.http01 import ENVOY, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import proxy_config

ADVICE = "let paths that begin with /.well-known/acme-challenge/ pass there, or prove the names by DNS-01"


UNKNOWN = ", and the cluster could not be asked which of its objects does so"
HIDDEN = "; if it is the gateway, proxyHeaders.server of Istio's proxyConfig hides its name, and the cluster could not be asked for that"


def judge_all(probes: Sequence[Probe], read: Callable[[], ChallengeLook]) -> list[Probe]:
    """Return probes with the problems that the cluster makes of their answers, where any is in doubt and the cluster can be read."""
    if not any(map(_in_doubt, probes)):
        return list(probes)
    try:
        return list(map(read().judge, probes))
    except EdgeError:
        notes = {True: UNKNOWN, False: HIDDEN}
        return [replace(p, problem=p.problem + notes[p.server == ENVOY]) if _in_doubt(p) else p for p in probes]


def _in_doubt(found: Probe) -> bool:
    return bool(found.problem and found.status and not found.closed)


class ChallengeLook:
    """What a cluster says about the answers of its gateway. The cluster is read once, when the first answer is judged."""

    def __init__(
        self, client: KubeClient, namespace: str, selector: Mapping[str, str] | None = None, root_namespace: str = "istio-system"
    ) -> None:
        """Without a selector the gateway is the first pod of the namespace into which istiod put a proxy. Raises KubeError."""
        pods = client.list(PODS, namespace, selector_text(selector) if selector else None).get("items") or []
        pod: Mapping[str, Any] = next(filter(proxy_config, pods), {})
        self.name = _server_name(proxy_config(pod))
        labels = (pod.get("metadata") or {}).get("labels") or dict(selector or {})
        self.cluster = Cluster(
            labels=labels,
            namespace=namespace,
            root_namespace=root_namespace,
            gateways=read_all(client, GATEWAYS),
            virtual_services=[
                *read_all(client, VIRTUAL_SERVICES),
                *of_gateway_api(read_all(client, KUBE_GATEWAYS), read_all(client, HTTP_ROUTES), labels, namespace),
                *of_ingresses(read_all(client, INGRESSES), read_all(client, INGRESS_CLASSES), PATH),
            ],
            policies=read_all(client, AUTHORIZATION_POLICIES),
            filters=[*read_all(client, ENVOY_FILTERS), *read_all(client, WASM_PLUGINS)],
        )

    def judge(self, found: Probe) -> Probe:
        """Return a probe with the problem that the cluster makes of its answer."""
        seen = found.seen_as(self.name)
        if not seen.status or seen.closed or seen.server != self.name:
            return found
        known = explain(self.cluster, seen.host)
        if not seen.problem or (not known.obstacles and known.excuses(seen.status, seen.upstream)):
            return replace(seen, problem="")
        reasons = known.obstacles or known.suspects or ["no Gateway, route, policy or filter of the cluster accounts for it"]
        return replace(seen, problem=f"{seen.problem}: {'; '.join(reasons)}; {ADVICE}")


def _server_name(config: Mapping[str, Any]) -> str:
    """Return what the gateway's answers say in the header C(server): Istio's name, one of the user's, or nothing."""
    server = (config.get("proxyHeaders") or {}).get("server") or {}
    return "" if server.get("disabled") else str(server.get("value") or ENVOY)
