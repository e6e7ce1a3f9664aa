# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests over real connections to a small HTTP server on this host's loopback."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import connection as connections
from ansible_collections.baremesh.edge.plugins.module_utils._kube import transport as transport_module
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import connect
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, ConfigError, ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CERTIFICATES, CLUSTER_ISSUERS, PODS, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import HttpTransport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import ScriptedClock


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.clients.append(self.client_address)
        self.server.connections.append(self.connection)
        self.server.seen.append((self.command, self.path, dict(self.headers), self.body()))
        status, headers, chunks = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk is None:
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (their names in http.server)

    def body(self):
        length = int(self.headers.get("content-length") or 0)
        return self.rfile.read(length) if length else b""

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    found.seen, found.answers, found.clients, found.connections = [], [], [], []
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def transport(server, **params):
    return HttpTransport(connect(dict({"host": f"http://127.0.0.1:{server.server_port}"}, **params)))


def body(value):
    return [json.dumps(value).encode()]


def test_a_list_with_token_and_selectors(server):
    server.answers = [(200, {}, body({"items": []}))]
    client = KubeClient(transport(server, api_key="t0ken"), SystemClock())
    assert client.list(CERTIFICATES, "istio-ingress", "a=b", "metadata.name=x") == {"items": []}
    method, path, headers, _body = server.seen[0]
    assert (method, headers["authorization"]) == ("GET", "Bearer t0ken")
    assert path == ("/apis/cert-manager.io/v1/namespaces/istio-ingress/certificates?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx")


def test_writing_verbs(server):
    server.answers = [(201, {}, body({})), (200, {}, body({})), (200, {}, body({}))]
    client = KubeClient(transport(server), SystemClock())
    client.create(PODS, "ns", {"metadata": {"name": "p"}})
    client.replace_status(CERTIFICATES, "ns", {"metadata": {"name": "c"}})
    client.delete(CLUSTER_ISSUERS, None, "i")
    assert [(m, p, b) for m, p, _h, b in server.seen] == [
        ("POST", "/api/v1/namespaces/ns/pods", b'{"metadata": {"name": "p"}}'),
        ("PUT", "/apis/cert-manager.io/v1/namespaces/ns/certificates/c/status", b'{"metadata": {"name": "c"}}'),
        ("DELETE", "/apis/cert-manager.io/v1/clusterissuers/i", b""),
    ]
    assert client.requests == 3


def test_a_status_becomes_one_sentence(server):
    server.answers = [(403, {}, body({"reason": "Forbidden", "message": "pods is forbidden"}))]
    with pytest.raises(ApiError) as caught:
        KubeClient(transport(server)).list(PODS, "ns")
    assert str(caught.value) == "Could not list pods in namespace ns: HTTP 403 Forbidden: pods is forbidden"
    assert caught.value.forbidden
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7.0), ("Sat, 21 Nov 2026 08:00:30 GMT", 30.0), ("soon", None), ("-3", 0.0), (None, None)]
)
def test_retry_after_in_both_forms(server, header, expected):
    server.answers = [(429, {"Retry-After": header} if header else {}, [b"slow down"])]
    with pytest.raises(ApiError) as caught:
        KubeClient(transport(server), ScriptedClock()).list(PODS, "ns")
    assert caught.value.retry_after == expected
    assert caught.value.transient


@pytest.mark.parametrize("answer", [b"not json", b"[]"])
def test_an_answer_that_is_no_object_is_a_lost_connection(server, answer):
    server.answers = [(200, {}, [answer])]
    with pytest.raises(ConnectionLost):
        KubeClient(transport(server)).list(PODS, "ns")


def test_an_answer_without_end_is_a_lost_connection(server, monkeypatch):
    monkeypatch.setattr(transport_module, "LARGEST_ANSWER", 1 << 20)
    server.answers = [(200, {}, [b"x" * (1 << 20)] * 4)]
    with pytest.raises(ConnectionLost, match="its answer has more than 1048576 bytes"):
        KubeClient(transport(server)).list(PODS, "ns")


def test_a_large_answer_is_read_whole(server, monkeypatch):
    monkeypatch.setattr(transport_module, "LARGEST_ANSWER", 4 << 20)
    text = "x" * (1 << 20)
    server.answers = [(200, {}, [b'{"items": ["', *[text.encode()] * 3, b'"]}'])]
    assert KubeClient(transport(server)).list(PODS, "ns") == {"items": [text * 3]}


def test_a_line_without_end_is_a_lost_connection(server, monkeypatch):
    monkeypatch.setattr(transport_module, "LARGEST_LINE", 1 << 20)
    server.answers = [(200, {}, [b"x" * (1 << 20)] * 4)]
    stream = transport(server).stream("/x", {}, 5)
    with pytest.raises(ConnectionLost, match="a line of more than 1048576 bytes"):
        stream.readline()
    stream.close()


def test_metadata_is_asked_for_alone(server):
    server.answers = [(200, {}, body({"items": []})), (200, {}, body({"items": []}))]
    client = KubeClient(transport(server))
    client.items(SECRETS, "ns", metadata_only=True)
    client.items(SECRETS, "ns")
    accepted = [headers["accept"] for _method, _path, headers, _body in server.seen]
    assert accepted == ["application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json", "application/json"]


def test_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionLost) as caught:
        KubeClient(HttpTransport(connect({"host": f"http://127.0.0.1:{port}"}))).list(PODS, "ns")
    assert str(caught.value) == f"The Kubernetes API at http://127.0.0.1:{port} cannot be reached: connection refused"


def test_lines_of_a_watch_come_whole_whatever_the_chunks(server):
    server.answers = [(200, {}, [b'{"a"', b": 1}\n{", b'"b": 2}\n', b"half"])]
    stream = transport(server).stream("/x", {}, 5)
    assert [stream.readline(), stream.readline(), stream.readline()] == [b'{"a": 1}', b'{"b": 2}', None]
    stream.close()


def test_a_watch_that_breaks_is_a_lost_connection(server):
    server.answers = [(200, {}, [b'{"a": 1}\n', None])]
    stream = transport(server).stream("/x", {}, 5)
    assert stream.readline() == b'{"a": 1}'
    with pytest.raises(ConnectionLost):
        stream.readline()


def test_a_watch_that_is_refused(server):
    server.answers = [(410, {}, body({"reason": "Expired", "message": "too old"}))]
    with pytest.raises(ApiError) as caught:
        KubeClient(transport(server)).watch(PODS, "ns", {"resourceVersion": "1"}, 5)
    assert caught.value.gone
    assert "watch=1" in server.seen[0][1]


def test_threads_bring_news_of_a_list_and_a_watch(server):
    pod = {"metadata": {"name": "p", "uid": "1", "resourceVersion": "5", "managedFields": [1]}}
    server.answers = [
        (200, {}, body({"metadata": {"resourceVersion": "4"}, "items": []})),
        (200, {}, body({"type": "ADDED", "object": pod})[:1] + [b"\n"]),
        (403, {}, body({"reason": "Forbidden", "message": "no"})),
    ]
    feed = ThreadFeed()
    follower = Follower(KubeClient(transport(server)), PODS, "ns", Deadline(SystemClock(), 0.2))
    follower._worked = False
    feed.add(follower)
    news = []
    while not news or news[-1].what != "trouble":
        news += feed.get(10)
    feed.close()
    assert [c.what for c in news][:2] == ["snapshot", "set"]
    assert news[1].objects[0]["metadata"] == {"name": "p", "uid": "1", "resourceVersion": "5"}
    assert "resourceVersion=4" in server.seen[1][1]


def test_an_error_in_a_thread_is_not_lost():
    class Broken:
        resource = PODS

        def step(self):
            raise KeyError("surprise")

    feed = ThreadFeed()
    feed.add(Broken())
    change = feed.get(10)[0]
    assert change.what == "fatal"
    assert str(change.error) == "Following pods failed: KeyError: 'surprise'"


def test_get_without_news_returns_nothing():
    assert ThreadFeed().get(0) == []


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
clusters:
  - {name: c, cluster: {server: "https://192.0.2.1:6443", insecure-skip-tls-verify: true}}
contexts:
  - {name: one, context: {cluster: c, user: u}}
users:
  - {name: u, user: {token: abc}}
"""


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG, encoding="utf-8")
    return str(path)


def test_a_kubeconfig_and_options_that_win_over_it(kubeconfig):
    found = connect({"kubeconfig": kubeconfig})
    assert found.host == "https://192.0.2.1:6443"
    assert found.headers() == {"authorization": "Bearer abc"}
    over = connect({"kubeconfig": kubeconfig, "host": "https://192.0.2.9", "api_key": "xyz", "validate_certs": True})
    assert over.host == "https://192.0.2.9"
    assert over.headers() == {"authorization": "Bearer xyz"}
    assert over.configuration.verify_ssl is True


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"kubeconfig": "/dev/null/none"}, "kubeconfig is '/dev/null/none', but there is no such file on this host"),
        ({"host": "https://x", "ca_cert": "/dev/null/none"}, "ca_cert is '/dev/null/none', but there is no such file on this host"),
        ({"host": "https://x", "client_key": "/dev/null/none"}, "client_key is '/dev/null/none'"),
        ({}, "the connection to the Kubernetes API is not known: set kubeconfig or host"),
    ],
)
def test_connections_that_cannot_be(monkeypatch, tmp_path, params, part):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(connections, "_SERVICE_ACCOUNT", str(tmp_path / "none"))
    with pytest.raises(ConfigError) as caught:
        connect(params)
    assert part in str(caught.value)


def test_an_unknown_context_is_named(kubeconfig):
    with pytest.raises(ConfigError, match="with context 'two'"):
        connect({"kubeconfig": kubeconfig, "context": "two"})


def test_a_kubeconfig_that_is_no_kubeconfig(tmp_path):
    path = tmp_path / "k"
    path.write_text("just text", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be used"):
        connect({"kubeconfig": str(path)})


@pytest.mark.parametrize(
    ("content", "part"), [(None, "cannot be read: Is a directory"), ("", "cannot be used: "), ("no certificate", "cannot be used: ")]
)
@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path, option, content, part):
    path = tmp_path / "file"
    path.mkdir() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        HttpTransport(connect({"host": "https://192.0.2.1", option: str(path)}))
    assert str(caught.value).startswith(f"{option} {str(path)!r} {part}")


@pytest.mark.parametrize("host", ["192.0.2.1:6443", "https://", "ftp://192.0.2.1"])
def test_a_host_that_is_not_a_url_is_named(host):
    with pytest.raises(ConfigError, match=r"host is .*: give a URL such as"):
        HttpTransport(connect({"host": host}))


def test_a_connection_is_used_again_until_the_server_closes_it(server):
    """The second client address differs only where a new connection was made."""
    server.answers = [(200, {}, body({}))] * 2 + [(200, {"Connection": "close"}, body({}))] + [(200, {}, body({}))]
    client = KubeClient(transport(server))
    for _unused in range(4):
        client.list(PODS, "ns")
    first, second, third, fourth = server.clients
    assert first == second == third != fourth


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used(server):
    server.answers = [(200, {}, body({}))] * 2
    sender = transport(server)
    client = KubeClient(sender)
    client.list(PODS, "ns")
    # As a server that has waited long enough does.
    server.connections[0].shutdown(socket.SHUT_RDWR)
    assert client.list(PODS, "ns") == {}


def test_threads_share_a_transport(server):
    server.answers = [(200, {}, body({"n": n})) for n in range(40)]
    client = KubeClient(transport(server))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _unused: client.list(PODS, "ns")["n"], range(40)))
    assert sorted(found) == list(range(40))
