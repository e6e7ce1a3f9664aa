# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers send ends with a value or with an error that callers know, whatever they send: HTTP, WebSocket, watches, TLS.

The real code reads from a connection whose other end has said everything already; see fuzzing.py for FUZZ and EDGE_SEED.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import api
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.dial import Dialer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import Discovery
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import HttpTransport
from ansible_collections.baremesh.edge.plugins.module_utils._kube.websocket import accept_of
from ansible_collections.baremesh.edge.plugins.module_utils._net import channel, http01, tls
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import shake_hands
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import changed_bytes, changed_text, fuzz, survive

DIALER = Dialer(SimpleNamespace(host="http://127.0.0.1:6443", proxy="http://a:b@127.0.0.1:3128"))
#: What a poll calls readable, as a connection that the other end has closed.
ENDED = Path(os.devnull).open("rb")  # noqa: SIM115 (open as long as the tests run)


class Kept(io.BytesIO):
    """The reader of a connection, which an answer that has been read does not close."""

    def close(self):
        """Nothing is closed."""


class Wire:
    """A connection, and what opens one, over which the other end has said everything already.

    A text that says so gets the accepted key of the WebSocket that was asked for.
    """

    host, port, prefix = "127.0.0.1", 6443, ""

    def __init__(self, said):
        self.said = said
        self.reader = Kept(said)

    @property
    def dialer(self):
        return self

    def headers(self):
        return {}

    def open(self, _timeout):
        self.reader = Kept(self.said)
        return self

    def fileno(self):
        return ENDED.fileno()

    def sendall(self, data):
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", data)
        if key:
            self.reader = Kept(self.said.replace(b"@accepted", accept_of(key[1])))

    def makefile(self, *_unused, **_also):
        return self.reader

    def recv(self, size):
        return self.reader.read(size)

    def settimeout(self, _seconds):
        pass

    def setsockopt(self, *_unused):
        pass

    def close(self):
        pass


def document(body, head=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"):
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(*chunks, head=b"HTTP/1.1 200 OK\r\n"):
    return head + b"transfer-encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in [*chunks, b""])


def frames(*messages):
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: @accepted\r\n\r\n"
    return head + b"".join(bytes((0x82, len(m))) + m if len(m) < 126 else b"\x82\x7e" + len(m).to_bytes(2, "big") + m for m in messages)


def encoded(text):
    return text.encode("utf-8", "surrogatepass")


POD = {"metadata": {"name": "a", "resourceVersion": "1", "managedFields": []}, "status": {}}
EVENTS = [json.dumps({"type": kind, "object": POD}) + "\n" for kind in ("ADDED", "BOOKMARK", "DELETED")]
STATUS = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old", "details": {"retryAfterSeconds": 1}}
WATCHES = ["".join(EVENTS), json.dumps({"type": "ERROR", "object": STATUS}) + "\n"]
LISTS = [json.dumps({"metadata": {"resourceVersion": "7"}, "items": [POD]}), json.dumps(STATUS)]
KINDS = json.dumps({"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}, {"name": "pods/log", "kind": "Pod"}]})
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: Fri, 27 Nov 2026 10:00:00 GMT\r\n"
ENVOY = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n'
POD_SAID = (b"\x00\x90\x1f", b"\x01\x90\x1f", b"\x00" + ENVOY)
POD_REFUSED = (b"\x00\x90\x1f", b"\x01\x90\x1f", b"\x01error forwarding port 8080: dial tcp 127.0.0.1:8080: connect: connection refused")


def listed(said):
    return KubeClient(HttpTransport(Wire(said))).items(PODS, "default")


def watched(said, steps=8):
    follower = Follower(KubeClient(HttpTransport(Wire(said))), PODS, "default", Deadline(SystemClock(), 60), snapshot=False)
    for _unused in range(steps):
        changes, _pause = follower.step()
        if any(change.what == "fatal" for change in changes):
            break
    follower.close()


def asked_of_k3s(said):
    asked = api.Api("/nowhere")
    asked._connect = lambda timeout: connection(Wire(said))
    asked.node("edge")
    return list(asked._watch("/api/v1/nodes?a=b", "1", Deadline(SystemClock(), 60)))


def connection(wire):
    found = http01.http.client.HTTPConnection("127.0.0.1", 1)
    found.sock = wire
    return found


def read_envoy(said):
    return PodProber(Wire(said), "istio-ingress").read_json("gateway", 15000, "/config_dump", 1.0)


def tunnelled(said):
    DIALER._tunnel(Wire(said), "a", "b")


#: What the other end says to each reader, as bytes that are changed anywhere.
BYTES = {
    "a list": (listed, document(encoded(LISTS[0]))),
    "a list in chunks": (listed, chunked(encoded(LISTS[0])[:40], encoded(LISTS[0])[40:])),
    "a refusal": (listed, document(encoded(LISTS[1]), REFUSED)),
    "a watch": (watched, chunked(*map(encoded, WATCHES))),
    "a Node": (asked_of_k3s, document(encoded(LISTS[0]))),
    "Envoy by WebSocket": (read_envoy, frames(*POD_SAID)),
    "a pod that refuses": (read_envoy, frames(*POD_REFUSED)),
    "a proxy": (tunnelled, b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n"),
}
#: What the other end says, as text within an answer that keeps its form.
TEXTS = {
    "objects": (lambda text: listed(document(encoded(text))), LISTS),
    "events": (lambda text: watched(chunked(encoded(text))), WATCHES),
    "kinds": (lambda text: Discovery(HttpTransport(Wire(document(encoded(text))))).find("v1", "Pod"), [KINDS]),
    "a status": (lambda text: listed(document(encoded(text), REFUSED)), [LISTS[1]]),
    "moments to come back": (
        lambda text: listed(b"HTTP/1.1 429 x\r\nretry-after: " + encoded(text) + b"\r\n\r\n"),
        ["Fri, 27 Nov 2026 10:00:00 GMT", "120", "Mon, 01 Jan 0001 00:00:00 -0000"],
    ),
    "K3s's Nodes": (lambda text: asked_of_k3s(document(encoded(text))), [LISTS[0], *EVENTS]),
    "Envoy's answers": (lambda text: read_envoy(frames(*POD_SAID[:2], b"\x00" + encoded(text)[:65000])), [ENVOY.decode()]),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes(name):
    reader, said = BYTES[name]
    fuzz(reader, changed_bytes(said), OSError)


@pytest.mark.parametrize("after", ["Fri, 27 Nov 2026 10:00:00 +" + "9" * 30, "Mon, 01 Jan 0001 00:00:00 -0000", "1e999", "\xff"])
def test_a_moment_to_come_back_that_no_clock_knows(after):
    survive(TEXTS["moments to come back"][0], after, ())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("objects", '{"metadata": [{}]}'),
        ("objects", '{"items": [], "metadata": 1e999}'),
        ("events", '{"type": "ERROR", "object": {"kind": "Status", "code": -1e999}}\n'),
        ("events", '{"type": "ERROR", "object": {"kind": "Status", "code": NaN}}\n'),
        ("events", '{"type": "ERROR", "object": {"kind": "Status", "code": " old", "details": [1]}}\n'),
        ("events", '{"type": "ERROR", "object": {"kind": "Status", "details": {"retryAfterSeconds": 1' + "0" * 400 + "}}}\n"),
    ],
)
def test_what_a_long_fuzz_run_has_found(name, said):
    survive(TEXTS[name][0], said, (OSError,))


@pytest.mark.parametrize("name", TEXTS)
def test_text(name):
    reader, samples = TEXTS[name]
    fuzz(reader, changed_text(samples), OSError)


def test_the_answer_to_a_challenge(monkeypatch):
    def reader(said):
        monkeypatch.setattr("socket.create_connection", lambda *_unused, **_also: Wire(said))
        http01.probe("app.example.com", "127.0.0.1", 80, "token", 1.0)

    fuzz(reader, changed_bytes(document(b"x", b"HTTP/1.1 301 Moved\r\nserver: nginx\r\nlocation: https://app.example.com/\r\n")))


class Server:
    """The other end of a TLS handshake, whose records are changed on their way."""

    def __init__(self, context, seed):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.dice = random.Random(seed)

    def send(self, data):
        self.incoming.write(data)

    def recv(self):
        with contextlib.suppress(ssl.SSLError):
            self.tls.do_handshake()
        said = self.outgoing.read()
        return changed_bytes(said)(self.dice) if said and self.dice.random() < 0.9 else said


def test_a_tls_handshake(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "pem").write_bytes(make.key_pem() + make.cert_pem())
    context.load_cert_chain(tmp_path / "pem")
    seen = {channel.RESET, channel.SERVED}

    def reader(seed):
        found = shake_hands(Server(context, seed), "app.example.com")
        assert found.state in seen, found
        if found.certificate:
            tls.leaf_of_der(found.certificate)

    fuzz(reader, lambda dice: dice.randrange(10**9), tls.TlsError)


def test_a_certificate_whose_names_have_another_type():
    # The tag of a UTF-8 string is 12, that of a bit string 3.
    der = ssl.PEM_cert_to_DER_cert(make.cert_pem().decode()).replace(b"\x0c\x09Test Root", b"\x03\x09\x00est Root", 1)
    with pytest.raises(tls.TlsError):
        tls.leaf_of_der(der)


def test_the_certificate_of_a_server():
    der = ssl.PEM_cert_to_DER_cert(make.cert_pem().decode())
    fuzz(tls.leaf_of_der, changed_bytes(der), tls.TlsError)
