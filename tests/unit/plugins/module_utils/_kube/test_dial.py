# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to servers on this host's loopback: TLS, and a proxy on the way."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.dial import PROXY_VARIABLES, Dialer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.kubeconfig import Settings
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import describe
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in (*PROXY_VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def files(tmp_path):
    """A certificate for app.example.com, which is its own authority for OpenSSL, and its key."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(make.cert_pem())
    key.write_bytes(make.key_pem())
    return certificate, key


def serve(handle):
    """The port of a server that handles one connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connected, _address = listening.accept()
        with listening, connected:
            handle(connected)

    threading.Thread(target=run, daemon=True).start()
    return listening.getsockname()[1]


def tls_port(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def handle(connected):
        try:
            with context.wrap_socket(connected, server_side=True) as shaken:
                shaken.sendall(b"hello")
        except ssl.SSLError:
            pass

    return serve(handle)


def test_an_untrusted_server(files):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        Dialer(Settings(f"https://127.0.0.1:{tls_port(files)}")).open(5)
    assert describe(caught.value).startswith("its certificate is not trusted (")


def test_a_server_that_need_not_be_trusted(files):
    with Dialer(Settings(f"https://127.0.0.1:{tls_port(files)}", verify_ssl=False)).open(5) as connected:
        assert connected.recv(5) == b"hello"


@pytest.mark.parametrize(
    ("name", "good"), [("app.example.com", True), ("other.example.com", False), (None, False)], ids=["its name", "another", "the address"]
)
def test_the_name_that_the_certificate_must_have(files, name, good):
    settings = Settings(f"https://127.0.0.1:{tls_port(files)}", ssl_ca_cert=str(files[0]), tls_server_name=name)
    if good:
        with Dialer(settings).open(5) as connected:
            assert connected.recv(5) == b"hello"
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            Dialer(settings).open(5)


def proxied(answer, asked):
    def handle(connected):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connected.recv(4096)
        asked.append(head.decode())
        connected.sendall(answer)

    return serve(handle)


def test_a_proxy_is_asked_for_the_way():
    asked = []
    port = proxied(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello", asked)
    with Dialer(Settings("http://192.0.2.7:6443", proxy=f"http://me:p%40ss@127.0.0.1:{port}")).open(5) as connected:
        assert connected.recv(5) == b"hello"
    assert asked == ["CONNECT 192.0.2.7:6443 HTTP/1.1\r\nHost: 192.0.2.7:6443\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy answers HTTP/1.1 403 Forbidden"), (b"", "the proxy closed the connection")],
)
def test_a_proxy_that_refuses(answer, said):
    with pytest.raises(OSError, match="the proxy") as caught:
        Dialer(Settings("https://192.0.2.7", proxy=f"127.0.0.1:{proxied(answer, [])}")).open(5)
    assert describe(caught.value) == said


@pytest.mark.parametrize(
    ("host", "variables", "expected"),
    [
        ("https://192.0.2.7", {"HTTPS_PROXY": "http://proxy.test:3128"}, "http://proxy.test:3128"),
        ("https://192.0.2.7", {"http_proxy": "http://proxy.test:3128"}, None),
        ("https://192.0.2.7", {"https_proxy": "http://proxy.test:3128", "no_proxy": "10.0.0.1,192.0.2.7"}, None),
        # As in kubectl: the API of the same host is never behind a proxy.
        ("https://127.0.0.1:6443", {"https_proxy": "http://proxy.test:3128"}, None),
        ("https://localhost:6443", {"https_proxy": "http://proxy.test:3128"}, None),
        ("https://[::1]:6443", {"https_proxy": "http://proxy.test:3128"}, None),
    ],
)
def test_the_proxy_of_the_environment(monkeypatch, host, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Dialer(Settings(host))._proxy == expected


def test_a_path_before_the_api():
    dialer = Dialer(Settings("https://rancher.example.com/k8s/clusters/c-1/"))
    assert (dialer.host, dialer.port, dialer.prefix) == ("rancher.example.com", 443, "/k8s/clusters/c-1")
