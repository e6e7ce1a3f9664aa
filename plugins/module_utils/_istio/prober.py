# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS handshakes with, and plain requests to, ports of pods."""

from __future__ import annotations

from typing import Any, Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.portforward import open_channel
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, ForwardError, Probe, RefusedError
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import shake_hands
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import opening


class Prober(Protocol):
    """What a wait asks of pods; unit tests script one."""

    def handshake(self, pod: str, port: int, server_name: str, timeout: float, proxy_protocol: bool = False) -> Probe:
        """One handshake. Raises ApiError where the right to forward is missing."""

    def read_json(self, pod: str, port: int, path: str, timeout: float) -> Any:
        """GET of a JSON document. Raises KubeError."""


# A dump of all that a gateway with thousands of routes knows has some MiB.
LARGEST = 64 << 20


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
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            channel.send(request.encode("ascii"))
            answer = bytearray()
            while True:
                data = channel.recv()
                if not data:
                    break
                answer += data
                if len(answer) > LARGEST:
                    raise ForwardError(f"it sends more than {LARGEST} bytes")
        except (RefusedError, ForwardError, OSError) as exc:
            raise KubeError(f"Envoy's admin port {port} in pod {pod} cannot be read: {exc}") from exc
        finally:
            channel.close()
        head, _separator, body = bytes(answer).partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise KubeError(f"Envoy in pod {pod} answers {path} with {(b''.join(status) or b'nothing').decode('ascii', 'replace')}")
        try:
            return parse_json(_unchunk(head, body))
        except ValueError as exc:
            raise KubeError(f"Envoy's answer to {path} in pod {pod} is not JSON") from exc


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
