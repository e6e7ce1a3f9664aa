# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gRPC stream over a channel: HTTP/2 by the library h2, gRPC's five-byte frames by hand.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import importlib
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import Channel

# Needed by one method of one module: imported where it is used, so that nobody else pays for it.
h2: Any = None

# Cancelled, unknown, deadline exceeded, resource exhausted, aborted, internal, unavailable: another attempt can succeed.
# Unauthenticated too: the server asks the API server about each token, which may be away.
TRANSIENT = frozenset((1, 2, 4, 8, 10, 13, 14, 16))
# Statuses by their number, as gRPC names them.
_NAMES = {3: "InvalidArgument", 5: "NotFound", 7: "PermissionDenied", 12: "Unimplemented", 14: "Unavailable", 16: "Unauthenticated"}


def import_h2() -> None:
    """Import the library. Raises ImportError."""
    global h2  # noqa: PLW0603
    for name in ("config", "connection", "events", "exceptions"):
        importlib.import_module("h2.%s" % name)
    h2 = sys.modules["h2"]


class GrpcError(Exception):
    """The server ended the stream; the text says with what."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__("%s: %s" % (_NAMES.get(status, "gRPC status %d" % status), message or "no reason given"))
        self.status = status

    @property
    def transient(self) -> bool:
        """True where another attempt can succeed."""
        return self.status in TRANSIENT


class GrpcStream:
    """Messages both ways, until the server ends it."""

    def __init__(self, channel: Channel, authority: str, method: str, metadata: Mapping[str, str]) -> None:
        self._channel = channel
        self._buffer = bytearray()
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()
        self._stream = self._http.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "https"), (":path", method), (":authority", authority)]
        headers += [("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "baremesh.edge")]
        self._http.send_headers(self._stream, headers + list(metadata.items()))
        self._flush()

    def send(self, message: bytes) -> None:
        """Send one message."""
        data = struct.pack(">BI", 0, len(message)) + message
        size = self._http.max_outbound_frame_size
        for start in range(0, len(data), size):
            self._http.send_data(self._stream, data[start : start + size])
        self._flush()

    def receive(self) -> list[bytes]:
        """The messages that the next bytes of the server complete. Raises GrpcError at the end of the stream."""
        data = self._channel.recv()
        if not data:
            raise GrpcError(14, "the connection was closed")
        try:
            events = self._http.receive_data(data)
        except h2.exceptions.ProtocolError as exc:
            raise GrpcError(13, "the server does not speak HTTP/2 as it should (%s)" % type(exc).__name__) from exc
        for event in events:
            self._take(event)
        self._flush()
        return list(self._messages())

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.DataReceived):
            self._buffer += event.data
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            _check(dict(event.headers))
        elif isinstance(event, h2.events.StreamReset):
            raise GrpcError(14, "the stream was reset (HTTP/2 error %d)" % event.error_code)
        elif isinstance(event, h2.events.ConnectionTerminated):
            raise GrpcError(14, "the server closes the connection (HTTP/2 error %d)" % event.error_code)

    def _messages(self) -> Iterable[bytes]:
        while len(self._buffer) >= 5:
            compressed, size = struct.unpack(">BI", self._buffer[:5])
            if compressed:
                raise GrpcError(13, "the message is compressed, which was not asked for")
            if len(self._buffer) < 5 + size:
                return
            message = bytes(self._buffer[5 : 5 + size])
            del self._buffer[: 5 + size]
            yield message

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data:
            self._channel.send(data)


def _check(headers: Mapping[str, str]) -> None:
    status = headers.get(":status", "200")
    if status != "200":
        raise GrpcError(14, "HTTP status %s" % status)
    code = headers.get("grpc-status")
    if code is not None:
        raise GrpcError(int(code) if code.isdigit() else 2, unquote(headers.get("grpc-message", "")))
