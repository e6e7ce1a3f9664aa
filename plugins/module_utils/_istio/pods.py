# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateway pods, and what one of them was seen to serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, REFUSED, RESET, SERVED, Probe
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
    namespace: str = ""


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
        known = list(expected)
        if self.serial not in known:
            self.state = OTHER_SERIAL
            self.detail = f"it serves serial {self.serial}, the Secret holds {' or '.join(known) or 'none'}"

    def result(self) -> dict[str, Any]:
        """As module result."""
        return {
            "pod": self.pod.name,
            "namespace": self.pod.namespace,
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
        namespace=str(metadata.get("namespace") or ""),
    )


def selector_text(selector: Mapping[str, str]) -> str:
    """The labels as kubectl writes them."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def absence(
    namespace: str, selector: Mapping[str, str], pods: Iterable[Mapping[str, Any]], makers: Sequence[Mapping[str, Any]] | None
) -> Cause:
    """What to say where no pod has the labels.

    Args:
        namespace: where the pods should be.
        selector: the labels.
        pods: all pods of the namespace.
        makers: its Deployments, DaemonSets and StatefulSets, None if these cannot be read.
    """
    text = f"no pod in namespace {namespace} has the labels {selector_text(selector)}"
    if makers is None:
        return Cause(text)
    for maker in makers:
        spec = maker.get("spec") or {}
        if selector.items() <= _labels(spec.get("template") or {}).items():
            name = f"{maker.get('kind')} {(maker.get('metadata') or {}).get('name')}"
            state = "is scaled to 0" if spec.get("replicas") == 0 else "has none yet"
            return Cause(f"{text}; {name}, which makes them, {state}")
    found = sorted({f"{k}={_labels(p)[k]}" for p in pods for k in selector if k in _labels(p)})
    hint = f" (pods there have {', '.join(found[:5])})" if found else ""
    return Cause(f"{text}, and nothing there makes such pods; set selector to the labels of the gateway pods{hint}", FINAL)


def sentence(seen: Seen, held: str = "") -> str:
    """Why a pod does not serve a credential, with what Envoy itself has said, if it was asked."""
    pod = f"gateway pod {seen.pod.name} on {seen.pod.node or 'no node'}"
    words = {
        REFUSED: f"{pod} does not listen for {seen.sni}",
        RESET: f"{pod} ends TLS connections for {seen.sni} without a certificate",
        OTHER_SERIAL: f"{pod} answers for {seen.sni} with another certificate: {seen.detail}",
        FORWARD_FAILED: f"{pod} cannot be asked: {seen.detail}",
        "": f"{pod} has not been asked",
    }.get(seen.state, f"{pod}: {seen.detail}")
    return f"{words}; {held}" if held else words


def _labels(found: Mapping[str, Any]) -> dict[str, str]:
    return (found.get("metadata") or {}).get("labels") or {}


def _pod_problem(status: Mapping[str, Any]) -> str:
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return f"{waiting['reason']}: {waiting.get('message') or 'container ' + str(container.get('name'))}"
    for condition in status.get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return f"its phase is {status.get('phase') or 'unknown'}"
