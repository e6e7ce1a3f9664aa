# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking istiod, over a forwarded connection, for the secrets that it would send to a gateway pod.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import ssl
import traceback
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.baremesh.edge.plugins.module_utils._grpc import GrpcError, GrpcStream, import_h2
from ansible_collections.baremesh.edge.plugins.module_utils._handshake import ForwardError, RefusedError, SilenceError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.control_plane import ControlPlane, choose, node
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, gateway_pod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.protobuf import ProtobufError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import METHOD, Node, Offer, request, response
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConnectionLost, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import LibraryMissingError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.portforward import PodChannel, open_channel
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CONFIG_MAPS, PODS, SERVICES
from ansible_collections.baremesh.edge.plugins.module_utils._tls_channel import TlsChannel

ROOTS = "istio-ca-root-cert"
AUDIENCE = "istio-ca"
# The least that the API server grants; the token dies with the stream as far as this module is concerned.
TOKEN_SECONDS = 600
CONNECT_TIMEOUT = 5.0


def require_h2() -> None:
    """Raises LibraryMissingError, naming library and interpreter."""
    try:
        import_h2()
    except ImportError as exc:
        text = missing_required_lib("h2", reason="for method=xds")
        raise LibraryMissingError(text, traceback.format_exc()) from exc


class SecretStream:
    """An open subscription to secrets."""

    def __init__(self, forwarded: PodChannel, stream: GrpcStream, asker: Node, names: Sequence[str]) -> None:
        self._forwarded = forwarded
        self._stream = stream
        self._names = list(names)
        self._stream.send(request(asker, self._names))

    def next(self, seconds: float) -> dict[str, Offer]:
        """What istiod sends next, by name; nothing if it is silent for that time. Raises KubeError."""
        self._forwarded.wait_at_most(max(0.05, seconds))
        found: dict[str, Offer] = {}
        try:
            # Not everything that comes is an answer: HTTP/2 has messages of its own.
            while not found:
                for message in self._stream.receive():
                    found.update(self._acknowledge(message))
        except SilenceError:
            return {}
        except (GrpcError, ProtobufError, ForwardError, RefusedError, ssl.SSLError, OSError) as exc:
            raise trouble(exc) from exc
        return found

    def _acknowledge(self, message: bytes) -> Mapping[str, Offer]:
        answer = response(message)
        self._stream.send(request(None, self._names, answer.version, answer.nonce))
        return answer.offers

    def close(self) -> None:
        """End it."""
        self._forwarded.close()


class Istiod:
    """The istiod of some gateway pods."""

    def __init__(self, client: KubeClient, connection: Connection, istio_namespace: str, namespace: str) -> None:
        self._client = client
        self._connection = connection
        self._istio_namespace = istio_namespace
        self._namespace = namespace

    def subscribe(self, pod: GatewayPod, names: Sequence[str]) -> SecretStream:
        """Ask as the pod's ServiceAccount. Raises KubeError, transient where another attempt can succeed."""
        plane = self._plane(pod.revision)
        target = self._ready_pod(plane)
        roots = self._roots()
        token = self._client.issue_token(self._namespace, pod.service_account, AUDIENCE, TOKEN_SECONDS)
        asker = node(pod, self._namespace, "baremesh-probe-%s" % uuid.uuid4().hex[:8])
        forwarded = open_channel(self._connection, plane.namespace, target, plane.port, CONNECT_TIMEOUT)
        try:
            secured = TlsChannel(forwarded, roots, plane.server_name, ["h2"])
            stream = GrpcStream(secured, plane.server_name, METHOD, {"authorization": "Bearer %s" % token, "clusterid": pod.cluster})
            return SecretStream(forwarded, stream, asker, names)
        except (GrpcError, ForwardError, RefusedError, ssl.SSLError, OSError, ValueError) as exc:
            forwarded.close()
            raise trouble(exc) from exc

    def _plane(self, revision: str) -> ControlPlane:
        found = self._client.list(SERVICES, self._istio_namespace, "app=istiod").get("items") or []
        try:
            return choose(found, self._istio_namespace, revision)
        except ValueError as exc:
            raise KubeError(str(exc)) from exc

    def _ready_pod(self, plane: ControlPlane) -> str:
        found: list[Mapping[str, Any]] = self._client.list(PODS, plane.namespace, plane.selector).get("items") or []
        ready = sorted(p.name for p in map(gateway_pod, found) if p.ready)
        if not ready:
            raise ConnectionLost("no pod of Service %s in namespace %s is Ready" % (plane.service, plane.namespace))
        return ready[0]

    def _roots(self) -> str:
        try:
            found = self._client.get(CONFIG_MAPS, self._namespace, ROOTS)
        except ApiError as exc:
            if exc.not_found:
                raise ConnectionLost("ConfigMap %s/%s, which istiod writes, does not exist" % (self._namespace, ROOTS)) from exc
            raise
        return str((found.get("data") or {}).get("root-cert.pem") or "")


def trouble(exc: Exception) -> KubeError:
    """What went wrong between this module and istiod, as an error of this package."""
    if isinstance(exc, GrpcError):
        text = "istiod ended the stream with %s" % exc
        return ConnectionLost(text) if exc.transient else KubeError(text)
    if isinstance(exc, ssl.SSLCertVerificationError):
        return KubeError("istiod's certificate is not trusted by ConfigMap %s (%s)" % (ROOTS, exc.verify_message))
    if isinstance(exc, RefusedError):
        return ConnectionLost("nothing listens on istiod's xDS port")
    if isinstance(exc, ProtobufError):
        return KubeError("istiod's answer cannot be read: %s" % exc)
    return ConnectionLost("the connection to istiod failed: %s" % exc)
