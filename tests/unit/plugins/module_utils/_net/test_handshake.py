# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handshakes with real TLS servers on this host's loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import (
    FORWARD_FAILED,
    REFUSED,
    RESET,
    SERVED,
    ForwardError,
    RefusedError,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import probe_address, shake_hands
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import HEADER_MISSING, HEADER_UNEXPECTED
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import leaf_of_der
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make


@contextlib.contextmanager
def server(handle, connections=1):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                for _number in range(connections):
                    connected, _address = listening.accept()
                    with connected:
                        handle(connected)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=10)


@pytest.fixture
def context(tmp_path):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = tmp_path / "pem"
    path.write_bytes(make.key_pem() + make.cert_pem(serial=0xBEEF))
    found.load_cert_chain(path)
    return found


def test_the_certificate_of_a_server_that_nobody_trusts(context):
    asked = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with server(lambda s: context.wrap_socket(s, server_side=True)) as port:
        probe = probe_address("127.0.0.1", port, "app.example.com", 5)
    assert probe.state == SERVED
    assert leaf_of_der(probe.certificate).serial == "beef"
    assert asked == ["app.example.com"]


def test_a_server_that_wants_a_certificate_is_seen(context, tmp_path):
    authority = tmp_path / "ca"
    authority.write_bytes(make.cert_pem(serial=1))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)

    def handle(connected):
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connected, server_side=True)

    with server(handle) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5).state == SERVED


@pytest.mark.parametrize("suites", ["ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA"])
def test_cipher_suites_that_do_not_fit_the_key_are_seen_with_the_lowest_version(context, suites):
    """With TLS 1.3 they do not matter, so a proof that speaks nothing else is green."""
    context.set_ciphers(suites + ":@SECLEVEL=0")

    def handle(connected):
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connected, server_side=True)

    with server(handle, connections=5) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5).state == SERVED
        assert probe_address("127.0.0.1", port, "app.example.com", 5, version="1.3").state == SERVED
        probe = probe_address("127.0.0.1", port, "app.example.com", 5, version="1.2")
        assert (probe.state, "HANDSHAKE_FAILURE" in probe.detail) == (RESET, True)
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("suites", ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"])
def test_every_suite_that_fits_is_spoken(context, suites):
    context.set_ciphers(suites + ":@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with server(lambda s: context.wrap_socket(s, server_side=True), connections=2) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5).state == SERVED
        assert probe_address("127.0.0.1", port, "app.example.com", 5, version="1.2").state == SERVED


def expecting_a_header(context):
    """A server as a gateway with proxyProtocol: it closes connections that begin with anything else."""

    def handle(connected):
        if connected.recv(6, socket.MSG_PEEK) == b"PROXY ":
            assert connected.recv(15) == b"PROXY UNKNOWN\r\n"
            context.wrap_socket(connected, server_side=True)

    return handle


def test_a_proxy_header_goes_before_the_handshake(context):
    with server(expecting_a_header(context)) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5, proxy_protocol=True).state == SERVED


def test_a_proxy_header_that_is_missing_is_named(context):
    with server(expecting_a_header(context), connections=2) as port:
        probe = probe_address("127.0.0.1", port, "app.example.com", 5)
    assert (probe.state, probe.detail) == (RESET, HEADER_MISSING)


def test_a_proxy_header_that_is_too_many_is_named(context):
    def handle(connected):
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connected, server_side=True)

    with server(handle, connections=2) as port:
        probe = probe_address("127.0.0.1", port, "app.example.com", 5, proxy_protocol=True)
    assert (probe.state, probe.detail) == (RESET, HEADER_UNEXPECTED)


def test_a_server_that_closes(context):
    with server(lambda s: s.recv(10)) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5).state == RESET


def test_a_server_that_speaks_http():
    with server(lambda s: (s.recv(1000), s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as port:
        assert probe_address("127.0.0.1", port, "app.example.com", 5).state == RESET


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    probe = probe_address("127.0.0.1", port, "app.example.com", 5)
    assert (probe.state, probe.detail) == (REFUSED, "connection refused")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RefusedError("nothing listens"), REFUSED),
        (ForwardError("broke"), FORWARD_FAILED),
        (ConnectionResetError(), RESET),
        (socket.timeout(), FORWARD_FAILED),
        (OSError("cable"), FORWARD_FAILED),
    ],
)
def test_errors_of_the_channel(error, state):
    class Broken:
        def send(self, data):
            assert data

        def recv(self):
            raise error

    assert shake_hands(Broken(), "app.example.com").state == state
