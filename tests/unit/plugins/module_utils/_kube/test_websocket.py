# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WebSocket of port-forward, against the examples of RFC 6455 and a peer on the other end of a socket."""

from __future__ import annotations

import re
import socket
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import websocket
from ansible_collections.baremesh.edge.plugins.module_utils._kube.websocket import NotUpgradedError, WebSocket, accept_of


class Peer(threading.Thread):
    """Answers the request for a WebSocket, sends what is given, and keeps all that it gets."""

    def __init__(self, answer, data=b""):
        super().__init__(daemon=True)
        self.mine, self.yours = socket.socketpair()
        self._answer, self._data = answer, data
        self.request, self.received = b"", b""
        self.start()

    def run(self):
        while not self.request.endswith(b"\r\n\r\n"):
            self.request += self.mine.recv(4096)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", self.request).group(1)
        self.mine.sendall(self._answer.replace(b"ACCEPT", accept_of(key)) + self._data)
        while data := self.mine.recv(65536):
            self.received += data


AGREED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\n" + b'{"code": "403"}'


def opened(data=b""):
    peer = Peer(AGREED, data)
    return peer, WebSocket(peer.yours, "/x?ports=80", {"Host": "api:6443", "authorization": "Bearer t0ken"})


def test_the_key_of_the_rfc():
    assert accept_of(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_what_is_asked():
    peer, _stream = opened()
    lines = peer.request.decode().splitlines()
    assert lines[0] == "GET /x?ports=80 HTTP/1.1"
    assert {"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Host: api:6443"} <= set(lines)
    assert "authorization: Bearer t0ken" in lines


@pytest.mark.parametrize(
    ("frames", "messages"),
    [
        ("8205 48656c6c6f", [b"Hello"]),
        ("0203 48656c 8002 6c6f", [b"Hello"]),
        ("8905 48656c6c6f 8201 41", [b"A"]),
        ("0201 41 8a00 8001 42", [b"AB"]),
        ("827e 0100" + "61" * 256, [b"a" * 256]),
        ("827f 0000000000010000" + "61" * 65536, [b"a" * 65536]),
        ("8201 41 8802 03e8", [b"A", b""]),
        ("8800", [b""]),
    ],
)
def test_frames(frames, messages):
    _peer, stream = opened(bytes.fromhex(frames.replace(" ", "")))
    assert [stream.receive() for _message in messages] == messages


@pytest.mark.parametrize("frames", ["", "82", "8205 4865", "827e 01"])
def test_a_connection_that_ends_is_the_end(frames):
    peer, stream = opened(bytes.fromhex(frames.replace(" ", "")))
    peer.mine.shutdown(socket.SHUT_WR)
    assert stream.receive() == b""


def test_a_ping_is_answered():
    peer, stream = opened(bytes.fromhex("890548656c6c6f820141"))
    stream.receive()
    stream.close()
    peer.join(10)
    assert unmasked(peer.received)[0] == (0x8A, b"Hello")


@pytest.mark.parametrize("size", [1, 125, 126, 65535, 65536])
def test_what_is_sent_is_masked_and_whole(size):
    peer, stream = opened()
    message = bytes(range(256)) * (size // 256) + bytes(size % 256)
    stream.send(message)
    stream.close()
    peer.join(10)
    (opcode, payload), last = unmasked(peer.received)
    assert (opcode, payload) == (0x82, message)
    assert last == (0x88, b"\x03\xe8")


def test_silence():
    _peer, stream = opened()
    stream._socket.settimeout(0.05)
    with pytest.raises((socket.timeout, TimeoutError)):
        stream.receive()


def test_an_absurd_length_is_an_error_and_no_memory():
    _peer, stream = opened(bytes.fromhex("827f00ffffffffffffff"))
    with pytest.raises(ConnectionResetError, match="a message of"):
        stream.receive()


def test_a_message_of_parts_without_end_is_an_error(monkeypatch):
    monkeypatch.setattr(websocket, "_LARGEST", 1000)
    _peer, stream = opened(bytes.fromhex("027d" + "61" * 125 + ("007d" + "61" * 125) * 20))
    with pytest.raises(ConnectionResetError, match="a message of more than 1000 bytes"):
        stream.receive()


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (FORBIDDEN, 403, b'{"code": "403"}'),
        (AGREED.replace(b"ACCEPT", b"other"), 101, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)
def test_a_server_that_does_not_agree(answer, status, said):
    peer = Peer(answer)
    with pytest.raises(NotUpgradedError) as caught:
        WebSocket(peer.yours, "/", {})
    assert (caught.value.status, caught.value.body) == (status, said)


def test_a_server_that_speaks_something_else():
    peer = Peer(b"SSH-2.0-OpenSSH\r\n")
    with pytest.raises(ConnectionResetError, match="not readable"):
        WebSocket(peer.yours, "/", {})


def unmasked(data):
    """Opcode byte and payload of each frame that a client sent."""
    found = []
    while data:
        first, size = data[0], data[1]
        assert size & 0x80, "a client must mask what it sends"
        size, start = size & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        mask, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
        found.append((first, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))))
        data = data[start + 4 + size :]
    return found
