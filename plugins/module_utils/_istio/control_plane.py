# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which istiod a gateway pod belongs to, and how it would name itself there. No input or output.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import Node

XDS_PORT = 15012
REVISION, TAG = "istio.io/rev", "istio.io/tag"


@dataclass(frozen=True)
class ControlPlane:
    """The Service of one istiod: its pods' labels and port, and the name in its certificate."""

    namespace: str
    service: str
    labels: Mapping[str, str]
    port: int

    @property
    def server_name(self) -> str:
        """A DNS name of istiod's certificate."""
        return "%s.%s.svc" % (self.service, self.namespace)

    @property
    def selector(self) -> str:
        """The labels as the API takes them."""
        return ",".join("%s=%s" % item for item in sorted(self.labels.items()))


def choose(services: Sequence[Mapping[str, Any]], namespace: str, revision: str) -> ControlPlane:
    """The istiod of that revision, or the only one there is.

    Raises:
        ValueError: there is none, or more than one and none of that revision.
    """
    # Services of revision tags lead to the same pods, under a name that is not in every istiod's certificate.
    plain = [s for s in services if _port(s) and TAG not in (s["metadata"].get("labels") or {})]
    planes = {_revision(s): s for s in plain}
    service = planes.get(revision)
    if service is None and len(planes) == 1:
        (service,) = planes.values()
    if service is None:
        found = ", ".join(sorted(planes)) or "none"
        raise ValueError(
            "namespace %s has no istiod Service of revision %s, which the gateway pods belong to (it has: %s); is istio_namespace right?"
            % (namespace, revision or "default", found)
        )
    return ControlPlane(namespace, str(service["metadata"]["name"]), dict(service["spec"].get("selector") or {}), _port(service))


def node(pod: GatewayPod, namespace: str, asker: str) -> Node:
    """A node as the pod's, under a name of its own, so that istiod does not take it for the pod."""
    metadata = {
        "NAMESPACE": namespace,
        "SERVICE_ACCOUNT": pod.service_account,
        "CLUSTER_ID": pod.cluster,
    }
    if pod.version:
        metadata["ISTIO_VERSION"] = pod.version
    return Node("router~%s~%s.%s~%s.svc.cluster.local" % (pod.address or "127.0.0.1", asker, namespace, namespace), metadata)


def _revision(service: Mapping[str, Any]) -> str:
    return str((service["metadata"].get("labels") or {}).get(REVISION) or "default")


def _port(service: Mapping[str, Any]) -> int:
    for port in (service.get("spec") or {}).get("ports") or []:
        if port.get("port") == XDS_PORT:
            target = port.get("targetPort")
            return target if isinstance(target, int) and target else XDS_PORT
    return 0
