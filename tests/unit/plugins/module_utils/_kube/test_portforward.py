# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of port-forward, and what each way of failing is called."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio import prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._kube import portforward
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.dial import Dialer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.portforward import PodChannel
from ansible_collections.baremesh.edge.plugins.module_utils._kube.websocket import NotUpgradedError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, REFUSED, RESET, ForwardError, RefusedError

OPENING = [b"\x00\x50\x00", b"\x01\x50\x00"]
# As containerd says it.
REFUSAL = b"\x01error forwarding port 80 to pod 1, uid : failed to connect: dial tcp4 127.0.0.1:80: connect: connection refused"


# Recorded on the lab, with containerd 1.6: Envoy has no certificate for the name.
RESET_IN_POD = (
    b"\x01error forwarding port 443 to pod 6e80eddca4249ad3a102d876a30964afd0618f38c8903f65603f6812e7653e30, uid : failed to execute "
    b'portforward in network namespace "/var/run/netns/cni-e923c32a-580d-88dc-2ad6-c1f52a1ac119": '
    b"read tcp4 127.0.0.1:33888->127.0.0.1:443: read: connection reset by peer"
)


class Connected:
    closed = False

    def close(self):
        self.closed = True


class Configuration:
    host = "https://203.0.113.1:6443"
    verify_ssl = True
    ssl_ca_cert = cert_file = key_file = tls_server_name = None

    def auth_settings(self):
        return {"BearerToken": {"in": "header", "key": "authorization", "value": "Bearer t0ken"}}


class FakeStream:
    def __init__(self, frames):
        self.frames = list(frames)
        self.sent = []
        self.closed = False

    def receive(self):
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return frame

    def send(self, data):
        self.sent.append(data)

    def close(self):
        self.closed = True


def opened(monkeypatch, *frames):
    stream = FakeStream([*OPENING, *frames])
    calls = []

    def upgraded(connected, target, headers):
        calls.append((target, headers))
        return stream

    monkeypatch.setattr(Dialer, "open", lambda self, timeout: Connected())
    monkeypatch.setattr(portforward, "WebSocket", upgraded)
    return stream, calls


def test_data_both_ways():
    stream = FakeStream([*OPENING, b"\x00abc", b""])
    channel = PodChannel(stream)
    channel.send(b"hello")
    assert stream.sent == [b"\x00hello"]
    assert channel.recv() == b"abc"
    assert channel.recv() == b""


def test_refused_in_the_pod_is_told_from_a_broken_way():
    with pytest.raises(RefusedError):
        PodChannel(FakeStream([*OPENING, REFUSAL])).recv()
    with pytest.raises(ForwardError, match="no such container"):
        PodChannel(FakeStream([*OPENING, b"\x01no such container"])).recv()
    with pytest.raises(ForwardError, match="in time"):
        PodChannel(FakeStream([TimeoutError()])).recv()
    assert PodChannel(FakeStream([b""])).recv() == b""


def test_a_pod_that_resets_is_told_from_a_broken_way(monkeypatch):
    opened(monkeypatch, RESET_IN_POD)
    probe = PodProber(Connection(Configuration()), "ns").handshake("gw", 443, "none.example.com", 5)
    assert (probe.state, probe.detail) == (RESET, "the connection was reset during the handshake")
    # The same between other addresses is between the API server and the node.
    opened(monkeypatch, b"\x01read tcp 10.0.0.1:40000->10.0.0.2:10250: read: connection reset by peer")
    assert PodProber(Connection(Configuration()), "ns").handshake("gw", 443, "a.b", 5).state == FORWARD_FAILED


def test_the_token_goes_in_a_header_and_never_in_the_url(monkeypatch):
    stream, calls = opened(monkeypatch, REFUSAL)
    assert PodProber(Connection(Configuration()), "istio-ingress").handshake("gw", 20001, "a.b", 5).state == REFUSED
    assert calls == [
        (
            "/api/v1/namespaces/istio-ingress/pods/gw/portforward?ports=20001",
            {"Host": "203.0.113.1:6443", "Sec-WebSocket-Protocol": "v4.channel.k8s.io", "authorization": "Bearer t0ken"},
        )
    ]
    assert stream.closed


def test_a_proxy_header_is_the_first_that_a_pod_gets(monkeypatch):
    stream, _calls = opened(monkeypatch, REFUSAL)
    PodProber(Connection(Configuration()), "istio-ingress").handshake("gw", 20001, "a.b", 5, proxy_protocol=True)
    assert stream.sent[0].startswith(b"\x00PROXY UNKNOWN\r\n\x16\x03")


@pytest.mark.parametrize(("code", "raises"), [(403, True), (404, False), (500, False)])
def test_only_a_missing_right_ends_the_wait(monkeypatch, code, raises):
    def refuse(connected, target, headers):
        raise NotUpgradedError(code, b'{"reason":"Forbidden","message":"pods is forbidden"}')

    connected = Connected()
    monkeypatch.setattr(Dialer, "open", lambda self, timeout: connected)
    monkeypatch.setattr(portforward, "WebSocket", refuse)
    prober = PodProber(Connection(Configuration()), "ns")
    if raises:
        with pytest.raises(ApiError, match="pods is forbidden"):
            prober.handshake("gw", 443, "a.b", 5)
    else:
        probe = prober.handshake("gw", 443, "a.b", 5)
        assert probe.state == FORWARD_FAILED
        assert f"Could not forward port 443 of pod gw in namespace ns: HTTP {code}" in probe.detail
    assert connected.closed


def test_an_api_that_is_away(monkeypatch):
    def refuse(self, timeout):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(Dialer, "open", refuse)
    probe = PodProber(Connection(Configuration()), "ns").handshake("gw", 443, "a.b", 5)
    assert probe.state == FORWARD_FAILED
    assert probe.detail == "The Kubernetes API at https://203.0.113.1:6443 cannot be reached: connection refused"


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n',
    ],
)
def test_envoys_admin_port(monkeypatch, answer):
    stream, _calls = opened(monkeypatch, b"\x00" + answer[:9], b"\x00" + answer[9:], b"")
    assert PodProber(Connection(Configuration()), "ns").read_json("gw", 15000, "/x", 5) == {"a": 1}
    assert stream.sent[0].startswith(b"\x00GET /x HTTP/1.1\r\n")


@pytest.mark.parametrize("frame", [b"\x00HTTP/1.1 404 Not Found\r\n\r\n", REFUSAL, b"\x00HTTP/1.1 200 OK\r\n\r\nnot json"])
def test_an_admin_port_that_does_not_answer(monkeypatch, frame):
    opened(monkeypatch, frame, b"")
    with pytest.raises(KubeError):
        PodProber(Connection(Configuration()), "ns").read_json("gw", 15000, "/x", 5)


def test_an_admin_port_that_sends_without_end(monkeypatch):
    monkeypatch.setattr(prober, "LARGEST", 1000)
    opened(monkeypatch, *[b"\x00" + b"x" * 300] * 10)
    with pytest.raises(KubeError, match="it sends more than 1000 bytes"):
        PodProber(Connection(Configuration()), "ns").read_json("gw", 15000, "/x", 5)
