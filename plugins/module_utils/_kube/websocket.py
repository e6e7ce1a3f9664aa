# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of WebSocket (RFC 6455) that the API server's port-forward needs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import socket
import struct
from collections.abc import Mapping

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_LARGEST = 16 * 1024 * 1024


class NotUpgradedError(EdgeError):
    """The server answered the request for a WebSocket with something else."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"the server answers HTTP {status} instead of a WebSocket")
        self.status = status
        self.body = body


class WebSocket:
    """Binary messages over a connected socket, once the server has agreed to them."""

    def __init__(self, connected: socket.socket, target: str, headers: Mapping[str, str]) -> None:
        """Ask the server for a WebSocket. Raises NotUpgradedError if it refuses or does not speak it, and OSError."""
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {target} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Key: {key.decode()}", *(f"{name}: {value}" for name, value in headers.items())]
        connected.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = http.client.HTTPResponse(connected, method="GET")
        try:
            answer.begin()
            if answer.status != 101:
                raise NotUpgradedError(answer.status, answer.read(65536))
        except http.client.HTTPException as exc:
            raise ConnectionResetError(f"the server's answer is not readable: {exc}") from exc
        if answer.headers.get("Sec-WebSocket-Accept", "").encode() != accept_of(key):
            raise NotUpgradedError(answer.status, b"")
        self._socket = connected
        # What came right behind the head is in the answer's buffer, which is closed with the answer.
        self._answer, self._reader = answer, answer.fp

    def send(self, data: bytes) -> None:
        """Send one message. Raises OSError."""
        self._send(_BINARY, data)

    def receive(self) -> bytes:
        """The next message, empty at the end. Raises OSError, TimeoutError among them where nothing comes in time."""
        message = bytearray()
        while True:
            frame = self._frame()
            if frame is None or frame[1] == _CLOSE:
                return b""
            final, opcode, payload = frame
            if opcode == _PING:
                self._send(_PONG, payload)
            elif opcode != _PONG:
                message += payload
                if len(message) > _LARGEST:
                    raise ConnectionResetError(f"the server sends a message of more than {_LARGEST} bytes")
                if final:
                    return bytes(message)

    def close(self) -> None:
        """Give the connection up."""
        with contextlib.suppress(OSError):
            self._send(_CLOSE, struct.pack(">H", 1000))
        with contextlib.suppress(OSError):
            self._answer.close()
        self._socket.close()

    def _send(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = len(data)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
        self._socket.sendall(head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data)))

    def _frame(self) -> tuple[bool, int, bytes] | None:
        """Final or not, the opcode and the payload of the next frame; None at the end of the connection."""
        head = self._reader.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size > 125:
            length = self._reader.read(2 if size == 126 else 8)
            size = int.from_bytes(length, "big")
        if size > _LARGEST:
            raise ConnectionResetError(f"the server announces a message of {size} bytes")
        payload = self._reader.read(size)
        return None if len(payload) < size else (bool(head[0] & 0x80), head[0] & 0x0F, payload)


def accept_of(key: bytes) -> bytes:
    """The header by which a server shows that it has understood the request."""
    # Not for security: RFC 6455 names the algorithm.
    return base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest())
