# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateway pods, and what one of them was seen to serve.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, Finding
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import FORWARD_FAILED, REFUSED, RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import pod_expects_header
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError, leaf_of_der

OTHER_SERIAL = "other_serial"


@dataclass(frozen=True)
class GatewayPod:
    """A pod that the Gateway's selector fits. proxy_protocol: its listeners expect a PROXY header."""

    name: str
    node: str
    service_account: str
    ready: bool
    problem: str = ""
    uid: str = ""
    restarts: int = 0
    proxy_protocol: bool = False


@dataclass
class Seen:
    """One pod, one credential, one server name: what a handshake showed last."""

    pod: GatewayPod
    credential: Credential
    sni: str
    state: str = ""
    serial: str | None = None
    detail: str = ""

    def take(self, probe: Probe, expected: Iterable[str]) -> None:
        """Judge a handshake by the serial numbers that the Secrets hold."""
        self.state, self.detail, self.serial = probe.state, probe.detail, None
        if probe.state != SERVED:
            return
        try:
            self.serial = leaf_of_der(probe.certificate).serial
        except TlsError as exc:
            self.state, self.detail = RESET, str(exc)
            return
        wanted = list(expected)
        if self.serial not in wanted:
            self.state = OTHER_SERIAL
            self.detail = "it serves serial %s, the Secret holds %s" % (self.serial, " or ".join(wanted) or "none")

    def result(self) -> dict[str, Any]:
        """As module result."""
        return {
            "pod": self.pod.name,
            "node": self.pod.node,
            "credential": self.credential.name,
            "sni": self.sni,
            "serial": self.serial,
            "state": self.state or "unknown",
            "detail": self.detail,
        }


def gateway_pod(pod: Mapping[str, Any]) -> GatewayPod:
    """Read a Pod object."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    metadata = pod.get("metadata") or {}
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or [])
    deleted = bool(metadata.get("deletionTimestamp"))
    return GatewayPod(
        name=str(metadata.get("name") or ""),
        node=str(spec.get("nodeName") or ""),
        service_account=str(spec.get("serviceAccountName") or "default"),
        ready=ready and not deleted,
        problem="" if ready and not deleted else "it is being deleted" if deleted else _pod_problem(status),
        uid=str(metadata.get("uid") or ""),
        restarts=sum(int(c.get("restartCount") or 0) for c in status.get("containerStatuses") or []),
        proxy_protocol=pod_expects_header(pod),
    )


def absence(
    namespace: str, selector: Mapping[str, str], pods: Iterable[Mapping[str, Any]], makers: Sequence[Mapping[str, Any]] | None
) -> Finding:
    """What to say where no pod has the labels.

    Args:
        namespace: where the pods should be.
        selector: the labels.
        pods: all pods of the namespace.
        makers: its Deployments, DaemonSets and StatefulSets, None if these cannot be read.
    """
    labels = ",".join("%s=%s" % item for item in sorted(selector.items()))
    text = "no pod in namespace %s has the labels %s" % (namespace, labels)
    if makers is None:
        return Finding("", text, final=False)
    for maker in makers:
        spec = maker.get("spec") or {}
        if selector.items() <= _labels(spec.get("template") or {}).items():
            name = "%s %s" % (maker.get("kind"), (maker.get("metadata") or {}).get("name"))
            state = "is scaled to 0" if spec.get("replicas") == 0 else "has none yet"
            return Finding("", "%s; %s, which makes them, %s" % (text, name, state), final=False)
    found = sorted({"%s=%s" % (k, _labels(p)[k]) for p in pods for k in selector if k in _labels(p)})
    hint = " (pods there have %s)" % ", ".join(found[:5]) if found else ""
    return Finding("", "%s, and nothing there makes such pods; set selector to the labels of the gateway pods%s" % (text, hint))


def sentence(seen: Seen, held: str = "") -> str:
    """Why a pod does not serve a credential.

    Args:
        seen: the last handshake.
        held: what Envoy itself says, if it was asked.
    """
    pod = "gateway pod %s on %s" % (seen.pod.name, seen.pod.node or "no node")
    words = {
        REFUSED: "%s does not listen for %s" % (pod, seen.sni),
        RESET: "%s ends TLS connections for %s without a certificate" % (pod, seen.sni),
        OTHER_SERIAL: "%s answers for %s with another certificate: %s" % (pod, seen.sni, seen.detail),
        FORWARD_FAILED: "%s cannot be asked: %s" % (pod, seen.detail),
        "": "%s has not been asked" % pod,
    }.get(seen.state, "%s: %s" % (pod, seen.detail))
    return "%s; %s" % (words, held) if held else words


def _labels(found: Mapping[str, Any]) -> dict[str, str]:
    return (found.get("metadata") or {}).get("labels") or {}


def _pod_problem(status: Mapping[str, Any]) -> str:
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return "%s: %s" % (waiting["reason"], waiting.get("message") or "container %s" % container.get("name"))
    for condition in status.get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return "its phase is %s" % (status.get("phase") or "unknown")
