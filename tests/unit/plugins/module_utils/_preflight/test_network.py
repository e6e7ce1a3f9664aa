# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import network


class Directory(http.server.BaseHTTPRequestHandler):
    """Answers every path with an empty document."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


def signed(name, public_key, issuer, key, *extensions):
    """A certificate without key identifiers."""
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path):
    """URL of a server, and the PEM of the authority that signed its certificate. Both lack what strict checks ask for."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = signed("ca", ca_key.public_key(), "ca", ca_key, x509.BasicConstraints(ca=True, path_length=None))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = signed("acme", key.public_key(), "ca", ca_key, address)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "pair.pem").write_bytes(private + leaf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Directory)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/dir", pem.decode()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_authority_that_a_newer_python_refuses_by_default_is_accepted(monkeypatch, authority):
    """From Python 3.13 on the default context is strict, and cert-manager is not."""
    default = ssl.create_default_context

    def strict(**options):
        context = default(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    url, pem = authority
    assert network.fetch(url, pem, 3) == {"url": url, "status": 200, "error": "", "body": "{}"}


def test_an_authority_that_is_not_given_is_not_trusted(authority):
    url, _pem = authority
    assert "its certificate is not trusted" in network.fetch(url, None, 3)["error"]
