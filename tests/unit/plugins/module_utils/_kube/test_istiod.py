# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking istiod: the way there, the token, what goes over the wire, and what each way of failing is called."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _grpc
from ansible_collections.baremesh.edge.plugins.module_utils._handshake import ForwardError, RefusedError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.protobuf import text
from ansible_collections.baremesh.edge.plugins.module_utils._kube import istiod
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import LibraryMissingError
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, answer
from ansible_collections.baremesh.edge.tests.unit.plugins.xds_peer import Peer, discovery_response, server_context

pytest.importorskip("h2")

SYSTEM = "istio-system"
NAME = "istiod.istio-system.svc"
POD = GatewayPod("gw-a", "n", "ingress", ready=True, address="10.42.0.7", revision="default", version="1.31.1")
TOKEN = "t0ken-of-the-gateway"


class World:
    def __init__(self, folder, monkeypatch):
        self.api = FakeApi(ScriptedClock())
        self.context, self.roots = server_context(folder, NAME)
        self.peer = None
        self.opened = []
        labels = {"app": "istiod", "istio.io/rev": "default"}
        spec = {"ports": [{"port": 15012, "targetPort": 15012}], "selector": {"app": "istiod"}}
        self.api.apply(kinds.SERVICES, {"metadata": {"name": "istiod", "namespace": SYSTEM, "labels": labels}, "spec": spec})
        self.istiod_pod(True)
        self.api.apply(kinds.CONFIG_MAPS, {"metadata": {"name": istiod.ROOTS, "namespace": make.NS}, "data": {"root-cert.pem": self.roots}})
        plain = self.api.request

        def request(method, path, query, body, *rest):
            if path.endswith("/serviceaccounts/ingress/token"):
                self.api.requests.append((method, path, dict(query), body))
                return answer(201, {"status": {"token": TOKEN}})
            return plain(method, path, query, body, *rest)

        self.api.request = request
        monkeypatch.setattr(istiod, "open_channel", self.open_channel)
        istiod.require_h2()

    def istiod_pod(self, ready):
        status = {"conditions": [make.condition("Ready", str(ready))]}
        self.api.apply(kinds.PODS, {"metadata": {"name": "istiod-1", "namespace": SYSTEM, "labels": {"app": "istiod"}}, "status": status})

    def open_channel(self, _connection, namespace, pod, port, _timeout):
        self.opened.append((namespace, pod, port))
        return self.peer

    def subscribe(self, *answers, end=None):
        self.peer = self.peer or Peer(self.context, answers, end)
        return istiod.Istiod(KubeClient(self.api), None, SYSTEM, make.NS).subscribe(POD, ["kubernetes://app"])


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_a_secret_is_asked_for_and_acknowledged(world):
    stream = world.subscribe(discovery_response("n1", app=make.cert_pem()))
    offers = stream.next(1)
    assert offers["kubernetes://app"].chain == make.cert_pem()
    assert world.opened == [(SYSTEM, "istiod-1", 15012)]
    assert world.peer.headers["authorization"] == f"Bearer {TOKEN}"
    assert world.peer.headers[":path"].endswith("AggregatedDiscoveryService/StreamAggregatedResources")
    first, acknowledged = world.peer.requests
    assert first[3] == [b"kubernetes://app"]
    assert text(acknowledged, 5) == "n1"
    token = world.api.asked("/token")[0][3]
    assert token["spec"] == {"audiences": ["istio-ca"], "expirationSeconds": 600}
    assert stream.next(1) == {}
    stream.close()
    assert world.peer.closed


def test_a_secret_that_comes_later_is_pushed(world):
    stream = world.subscribe()
    assert stream.next(1) == {}
    # Larger than one frame of HTTP/2.
    chain = make.cert_pem() * 40
    world.peer.say(discovery_response("n1", app=chain))
    assert stream.next(1)["kubernetes://app"].chain == chain


def test_the_token_is_in_no_error(world):
    with pytest.raises(KubeError) as caught:
        world.subscribe(end=(7, "no%20way")).next(1)
    assert str(caught.value) == "istiod ended the stream with PermissionDenied: no way"
    assert not caught.value.transient


def test_an_istiod_that_goes_away_can_be_asked_again(world):
    with pytest.raises(KubeError, match="Unavailable: shutting down") as caught:
        world.subscribe(end=(14, "shutting down")).next(1)
    assert caught.value.transient


def test_another_server_is_not_trusted(world, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    context, _roots = server_context(folder, "istiod-canary.istio-system.svc")
    world.peer = Peer(context)
    with pytest.raises(KubeError, match="istiod's certificate is not trusted by ConfigMap istio-ca-root-cert") as caught:
        world.subscribe()
    assert not caught.value.transient
    assert world.peer.headers == {}
    assert world.peer.closed


def test_no_ready_istiod(world):
    world.istiod_pod(False)
    with pytest.raises(KubeError, match="no pod of Service istiod in namespace istio-system is Ready") as caught:
        world.subscribe()
    assert caught.value.transient
    assert world.opened == []


def test_no_roots_yet(world):
    world.api.remove(kinds.CONFIG_MAPS, make.NS, istiod.ROOTS)
    with pytest.raises(KubeError, match="ConfigMap istio-ingress/istio-ca-root-cert, which istiod writes, does not exist") as caught:
        world.subscribe()
    assert caught.value.transient


def test_no_istiod_at_all(world):
    world.api.remove(kinds.SERVICES, SYSTEM, "istiod")
    with pytest.raises(KubeError, match="has no istiod Service of revision default") as caught:
        world.subscribe()
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("error", "words"),
    [(RefusedError("x"), "nothing listens on istiod's xDS port"), (ForwardError("broke"), "the connection to istiod failed: broke")],
)
def test_a_way_that_is_broken(world, error, words):
    class Broken(Peer):
        def recv(self):
            raise error

    world.peer = Broken(world.context)
    with pytest.raises(KubeError, match=words) as caught:
        world.subscribe()
    assert caught.value.transient


def test_without_the_library_its_name_is_said(monkeypatch):
    def missing():
        raise ImportError("h2")

    monkeypatch.setattr(istiod, "import_h2", missing)
    with pytest.raises(LibraryMissingError, match=r"h2.*for method=xds"):
        istiod.require_h2()


def test_frames_that_nobody_asked_for():
    stream = _grpc.GrpcStream.__new__(_grpc.GrpcStream)
    stream._buffer = bytearray(b"\x01\x00\x00\x00\x00")
    with pytest.raises(_grpc.GrpcError, match="compressed"):
        list(stream._messages())
