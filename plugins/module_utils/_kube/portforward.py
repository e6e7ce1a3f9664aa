# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to one port of one pod through the API server, as a plain channel.

kubectl's port-forward, and the client library's, end for good at the first refused connection and do not say why.
Here every connection has its own stream, and "refused in the pod" is distinguished from "forwarding broke".
"""

from __future__ import annotations

import re
import socket

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import answer_error
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import describe
from ansible_collections.baremesh.edge.plugins.module_utils._kube.websocket import NotUpgradedError, WebSocket
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import ForwardError, RefusedError

_DATA, _ERROR = 0, 1
# The kubelet's own connection to the port, inside the pod's network: there it is the pod that resets.
_RESET = re.compile(r"(127\.0\.0\.1|\[::1\]):\d+: (read|write): (connection reset by peer|broken pipe)")


class PodChannel:
    """Bytes to and from a port inside a pod."""

    def __init__(self, stream: WebSocket) -> None:
        self._stream = stream
        self._opened: set[int] = set()

    def send(self, data: bytes) -> None:
        """Write all of it. Raises ForwardError."""
        try:
            if data:
                self._stream.send(bytes((_DATA,)) + data)
        except OSError as exc:
            raise ForwardError(f"the forwarded connection broke: {describe(exc)}") from exc

    def recv(self) -> bytes:
        """The next bytes of the pod. Raises RefusedError, ForwardError or ConnectionResetError."""
        while True:
            try:
                frame = self._stream.receive()
            except (socket.timeout, TimeoutError) as exc:
                raise ForwardError("no answer from the pod in time") from exc
            except OSError as exc:
                raise ForwardError(f"the forwarded connection broke: {describe(exc)}") from exc
            if not frame:
                return b""
            channel, payload = frame[0], frame[1:]
            if channel not in self._opened:
                # The first frame of each channel repeats the port number.
                self._opened.add(channel)
            elif channel == _ERROR:
                raise _refusal(payload.decode("utf-8", "replace"))
            elif channel == _DATA and payload:
                return payload

    def close(self) -> None:
        """Give the connection up."""
        self._stream.close()


def open_channel(connection: Connection, namespace: str, pod: str, port: int, timeout: float) -> PodChannel:
    """Connect to the port. Raises ApiError if the API server refuses the stream, ConnectionLost if it cannot be reached."""
    dialer = connection.dialer
    target = f"{dialer.prefix}{PODS.path(namespace, pod, 'portforward')}?ports={port}"
    host = f"[{dialer.host}]" if ":" in dialer.host else dialer.host
    headers = {"Host": f"{host}:{dialer.port}", "Sec-WebSocket-Protocol": "v4.channel.k8s.io", **connection.headers()}
    try:
        connected = dialer.open(timeout)
        try:
            return PodChannel(WebSocket(connected, target, headers))
        except BaseException:
            connected.close()
            raise
    except NotUpgradedError as exc:
        attempt = f"forward port {port} of pod {pod} in namespace {namespace}"
        raise answer_error(exc.status, exc.body or str(exc).encode(), attempt) from exc
    except (socket.timeout, TimeoutError) as exc:
        raise ConnectionLost(
            f"The Kubernetes API opened no connection to port {port} of pod {pod} within {timeout:.0f} s; "
            "does it reach the kubelet of that node?"
        ) from exc
    except OSError as exc:
        raise ConnectionLost(f"The Kubernetes API at {connection.host} cannot be reached: {describe(exc)}") from exc


def _refusal(text: str) -> Exception:
    words = " ".join(text.split())
    if "connection refused" in words:
        return RefusedError("nothing listens on that port in the pod")
    if _RESET.search(words):
        return ConnectionResetError("the pod reset the connection")
    return ForwardError(words or "the forwarded connection broke")
