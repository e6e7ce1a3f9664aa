# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An istiod in memory: TLS, HTTP/2 and gRPC for real, answers as the test says. Scripted: no recording."""

from __future__ import annotations

import ssl
import struct

from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import SilenceError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.protobuf import decode, encode
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import SECRET_TYPE
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make


def server_context(folder, name):
    """A TLS server with a certificate for the name, and the PEM of its root."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(make.self_signed(name))
    key.write_bytes(
        make.new_key("peer").private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return context, certificate.read_text()


def discovery_response(nonce, **secrets):
    """An answer with a chain, and a key that nobody may read, for each name."""
    resources = []
    for name, chain in secrets.items():
        pair = encode([(1, encode([(2, chain)])), (2, encode([(2, b"-----BEGIN PRIVATE KEY-----")]))])
        secret = encode([(1, f"kubernetes://{name}"), (2, pair)])
        resources.append((2, encode([(1, SECRET_TYPE), (2, secret)])))
    return encode([(1, "v" + nonce), *resources, (4, SECRET_TYPE), (5, nonce)])


class Peer:
    """The server's end of a channel: takes bytes, keeps what it would send until it is read."""

    def __init__(self, context, answers=(), end=None):
        import h2.config
        import h2.connection

        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._shaken = False
        self._answers = list(answers)
        self._end = end
        self._buffer = bytearray()
        self.headers = {}
        self.requests = []
        self.closed = False

    # Channel -----------------------------------------------------------------------------------

    def send(self, data):
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
                self._http.initiate_connection()
                self._flush()
            while True:
                self._take(self._tls.read(65536))
        except ssl.SSLWantReadError:
            pass

    def recv(self):
        data = self._outgoing.read()
        if not data:
            raise SilenceError("no answer from the pod in time")
        return data

    def wait_at_most(self, seconds):
        pass

    def close(self):
        self.closed = True

    # Server ------------------------------------------------------------------------------------

    def say(self, message):
        data = struct.pack(">BI", 0, len(message)) + message
        for start in range(0, len(data), self._http.max_outbound_frame_size):
            self._http.send_data(1, data[start : start + self._http.max_outbound_frame_size])
        self._flush()

    def finish(self, status, message):
        self._http.send_headers(1, [("grpc-status", str(status)), ("grpc-message", message)], end_stream=True)
        self._flush()

    def _take(self, data):
        import h2.events

        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.headers = dict(event.headers)
                self._http.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
            elif isinstance(event, h2.events.DataReceived):
                self._buffer += event.data
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self._flush()
        while len(self._buffer) >= 5 and len(self._buffer) >= 5 + struct.unpack(">I", self._buffer[1:5])[0]:
            size = struct.unpack(">I", self._buffer[1:5])[0]
            self.requests.append(decode(bytes(self._buffer[5 : 5 + size])))
            del self._buffer[: 5 + size]
            self._reply()

    def _reply(self):
        if self._answers:
            self.say(self._answers.pop(0))
        elif self._end:
            self.finish(*self._end)
            self._end = None

    def _flush(self):
        data = self._http.data_to_send()
        if data:
            self._tls.write(data)
