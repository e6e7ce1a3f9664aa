# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to one port of one pod through the API server, as a plain channel.

kubectl's port-forward, and the client library's, end for good at the first refused connection and do not say why.
Here every connection has its own stream, and "refused in the pod" is told from "forwarding broke".

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
from typing import Any
from urllib.parse import urlparse

from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConnectionLost, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import describe
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import (
    FORWARD_FAILED,
    ForwardError,
    Probe,
    RefusedError,
    shake_hands,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import opening

# Comes with kubernetes, whose absence the modules report.
with contextlib.suppress(ImportError):
    import websocket

_DATA, _ERROR = 0, 1
# The kubelet's own connection to the port, inside the pod's network: there it is the pod that resets.
_RESET = re.compile(r"(127\.0\.0\.1|\[::1\]):\d+: (read|write): (connection reset by peer|broken pipe)")


class PodChannel:
    """Bytes to and from a port inside a pod."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._opened: set[int] = set()

    def send(self, data: bytes) -> None:
        """Write all of it."""
        try:
            if data:
                self._stream.send_binary(bytes((_DATA,)) + data)
        except (websocket.WebSocketException, OSError) as exc:
            raise ForwardError("the forwarded connection broke: %s" % describe(exc)) from exc

    def recv(self) -> bytes:
        """The next bytes of the pod. Raises RefusedError, ForwardError or ConnectionResetError."""
        while True:
            try:
                opcode, frame = self._stream.recv_data(control_frame=False)
            except websocket.WebSocketTimeoutException as exc:
                raise ForwardError("no answer from the pod in time") from exc
            except websocket.WebSocketConnectionClosedException:
                return b""
            except (websocket.WebSocketException, OSError) as exc:
                raise ForwardError("the forwarded connection broke: %s" % describe(exc)) from exc
            if opcode == websocket.ABNF.OPCODE_CLOSE or not frame:
                return b""
            channel, payload = frame[0], bytes(frame[1:])
            if channel not in self._opened:
                # The first frame of each channel repeats the port number.
                self._opened.add(channel)
                continue
            if channel == _ERROR:
                raise _refusal(payload.decode("utf-8", "replace"))
            if channel == _DATA and payload:
                return payload

    def close(self) -> None:
        """Give the connection up."""
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self._stream.close(timeout=1)


def open_channel(connection: Connection, namespace: str, pod: str, port: int, timeout: float) -> PodChannel:
    """Connect. Raises ApiError where the API server refuses the stream, ConnectionLost where it cannot be reached."""
    configuration = connection.configuration
    address = urlparse(connection.host)
    scheme = "wss" if address.scheme == "https" else "ws"
    url = "%s://%s%s%s?ports=%d" % (scheme, address.netloc, address.path, PODS.path(namespace, pod, "portforward"), port)
    options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE}
    if not configuration.verify_ssl:
        options["check_hostname"] = False
    files = {
        "ca_certs": configuration.ssl_ca_cert,
        "certfile": configuration.cert_file,
        "keyfile": configuration.key_file,
        "server_hostname": getattr(configuration, "tls_server_name", None),
    }
    options.update({option: value for option, value in files.items() if value})
    try:
        stream = websocket.create_connection(
            url,
            timeout=timeout,
            sslopt=options,
            header=["%s: %s" % item for item in connection.headers().items()],
            subprotocols=["v4.channel.k8s.io"],
            enable_multithread=False,
            skip_utf8_validation=True,
        )
    except websocket.WebSocketBadStatusException as exc:
        raise _status_error(exc, "forward port %d of pod %s in namespace %s" % (port, pod, namespace)) from exc
    except (websocket.WebSocketTimeoutException, TimeoutError, socket.timeout) as exc:
        text = "The Kubernetes API opened no connection to port %d of pod %s within %.0f s; does it reach the kubelet of that node?"
        raise ConnectionLost(text % (port, pod, timeout)) from exc
    except (websocket.WebSocketException, OSError) as exc:
        raise ConnectionLost("The Kubernetes API at %s cannot be reached: %s" % (connection.host, describe(exc))) from exc
    return PodChannel(stream)


class PodProber:
    """Handshakes with, and plain requests to, ports of pods in one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    def handshake(self, pod: str, port: int, server_name: str, timeout: float, proxy_protocol: bool = False) -> Probe:
        """One handshake. Raises ApiError where the right to forward is missing."""
        try:
            channel = open_channel(self._connection, self._namespace, pod, port, timeout)
        except ApiError as exc:
            if exc.forbidden:
                raise
            return Probe(FORWARD_FAILED, detail=str(exc))
        except KubeError as exc:
            return Probe(FORWARD_FAILED, detail=str(exc))
        try:
            return shake_hands(channel, server_name, opening(proxy_protocol))
        finally:
            channel.close()

    def read_json(self, pod: str, port: int, path: str, timeout: float) -> Any:
        """GET of a JSON document over plain HTTP. Raises KubeError."""
        channel = open_channel(self._connection, self._namespace, pod, port, timeout)
        try:
            request = "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path
            channel.send(request.encode("ascii"))
            answer = bytearray()
            while True:
                data = channel.recv()
                if not data:
                    break
                answer += data
        except (RefusedError, ForwardError, OSError) as exc:
            raise KubeError("Envoy's admin port %d in pod %s cannot be read: %s" % (port, pod, exc)) from exc
        finally:
            channel.close()
        head, _separator, body = bytes(answer).partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise KubeError("Envoy in pod %s answers %s with %s" % (pod, path, (b"".join(status) or b"nothing").decode()))
        try:
            return json.loads(_unchunk(head, body))
        except ValueError as exc:
            raise KubeError("Envoy's answer to %s in pod %s is not JSON" % (path, pod)) from exc


def _unchunk(head: bytes, body: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    found = bytearray()
    while body:
        size, _separator, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        found += rest[:length]
        body = rest[length + 2 :]
    return bytes(found)


def _refusal(text: str) -> Exception:
    words = " ".join(text.split())
    if "connection refused" in words:
        return RefusedError("nothing listens on that port in the pod")
    if _RESET.search(words):
        return ConnectionResetError("the pod reset the connection")
    return ForwardError(words or "the forwarded connection broke")


def _status_error(exc: Any, attempt: str) -> ApiError:
    reason, message = "", str(exc)
    body = getattr(exc, "resp_body", None)
    if body:
        message = bytes(body).decode("utf-8", "replace").strip()
        try:
            status = json.loads(body)
            reason, message = str(status.get("reason") or ""), str(status.get("message") or message)
        except (ValueError, AttributeError):
            pass
    return ApiError(int(exc.status_code), reason, message[:500], attempt)
