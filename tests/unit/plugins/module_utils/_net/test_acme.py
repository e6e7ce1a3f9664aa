# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revocation at an ACME server: one of the tests' own over TLS, which checks nonces and signatures as RFC 8555 has it."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import ssl
import threading

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from ansible_collections.baremesh.edge.plugins.module_utils._net.acme import Account, AcmeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError, der_of_pem
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make

KID = "https://acme.example.com/account/1"
KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(key, algorithm, text, signature):
    public = key.public_key()
    if algorithm == "RS256":
        public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        return
    half = len(signature) // 2
    assert half == {"ES256": 32, "ES384": 48, "ES512": 66}[algorithm]
    pair = utils.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
    public.verify(pair, text, ec.ECDSA({"ES256": hashes.SHA256, "ES384": hashes.SHA384, "ES512": hashes.SHA512}[algorithm]()))


class Server:
    """What the requests of a test find, and what they said."""

    def __init__(self, key):
        self.key, self.nonces, self.given, self.revoked, self.asked = key, set(), 0, {}, []
        self.bad_nonces, self.refusal, self.directory = 0, None, None
        self.url = ""

    def new_nonce(self):
        self.given += 1
        self.nonces.add(f"n{self.given}")
        return f"n{self.given}"

    def answer(self, method, path, body):
        self.asked.append((method, path))
        if path == "/dir":
            return self.directory or (200, {"newNonce": f"{self.url}/nonce", "revokeCert": f"{self.url}/revoke"})
        if path != "/revoke":
            return 200, {}
        found = json.loads(body)
        header, payload = (json.loads(decoded(found[part])) for part in ("protected", "payload"))
        if self.bad_nonces or header["nonce"] not in self.nonces:
            self.bad_nonces = max(0, self.bad_nonces - 1)
            return 400, {"type": "urn:ietf:params:acme:error:badNonce", "detail": "used"}
        self.nonces.discard(header["nonce"])
        try:
            verify(self.key, header["alg"], f"{found['protected']}.{found['payload']}".encode(), decoded(found["signature"]))
        except InvalidSignature:
            return 400, {"type": "urn:ietf:params:acme:error:malformed", "detail": "signature"}
        assert (header["kid"], header["url"], set(header)) == (KID, f"{self.url}/revoke", {"alg", "kid", "nonce", "url"})
        if self.refusal:
            return self.refusal
        if payload["certificate"] in self.revoked:
            return 400, {"type": "urn:ietf:params:acme:error:alreadyRevoked", "detail": "already"}
        self.revoked[payload["certificate"]] = payload["reason"]
        return 200, {}


@contextlib.contextmanager
def served(server, tmp_path):
    """The server on a port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, found = server.answer(self.command, self.path, body)
            text = json.dumps(found).encode() if isinstance(found, dict) else found
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://elsewhere.invalid/dir")
            self.send_header("replay-nonce", server.new_nonce())
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_HEAD = handle_any  # noqa: N815 (the library's names)

        def log_message(self, *_args):
            pass

    pem = make.self_signed("localhost").decode()
    (tmp_path / "cert.pem").write_text(pem)
    (tmp_path / "key.pem").write_bytes(make.key_pem("peer"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.url = f"https://localhost:{listener.server_address[1]}"
    try:
        yield pem
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.fixture(params=["ES256"])
def server(request):
    return Server(KEYS[request.param])


@pytest.fixture
def account(server, tmp_path):
    with served(server, tmp_path) as pem:
        yield Account(f"{server.url}/dir", KID, pem_of(server.key), pem, 5)


@pytest.mark.parametrize("server", KEYS, indirect=True)
def test_a_certificate_is_revoked_once_and_the_authority_says_so(server, account):
    chain = make.cert_pem() + make.cert_pem(serial=7)
    assert account.revoke(chain, "keyCompromise") is True
    assert account.revoke(chain, "keyCompromise") is False
    assert {decoded(text): reason for text, reason in server.revoked.items()} == {der_of_pem(make.cert_pem()): 1}
    assert [path for _method, path in server.asked].count("/dir") == 1


@pytest.mark.parametrize(
    ("reason", "number"), [("unspecified", 0), ("affiliationChanged", 3), ("superseded", 4), ("cessationOfOperation", 5)]
)
def test_reasons_have_the_numbers_of_rfc_5280(server, account, reason, number):
    account.revoke(make.cert_pem(), reason)
    assert list(server.revoked.values()) == [number]


def test_a_nonce_that_is_refused_is_replaced(server, account):
    server.bad_nonces = 3
    assert account.revoke(make.cert_pem(), "unspecified") is True
    server.bad_nonces = 100
    with pytest.raises(AcmeError, match="refuses 10 nonces that it gave"):
        account.revoke(make.cert_pem(), "unspecified")


def test_a_refusal_is_said_with_its_reason(server, account):
    server.refusal = 403, {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "not your certificate"}
    with pytest.raises(AcmeError, match=r"/dir refuses: 403 unauthorized: not your certificate$"):
        account.revoke(make.cert_pem(), "superseded")
    server.refusal = 500, b"<html>"
    with pytest.raises(AcmeError, match="/dir refuses: 500 without a reason"):
        account.revoke(make.cert_pem(), "superseded")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"newNonce": "https://localhost/n"}), "answers 200 and names no revokeCert"),
        ((500, b"[]"), "answers 500 and names no newNonce and no revokeCert"),
        ((302, {}), "answers 302 and names no newNonce"),
        ((200, {"newNonce": "https://localhost/n", "revokeCert": "http://localhost/r"}), "http://localhost/r does not speak HTTPS"),
        ((200, {"newNonce": 5, "revokeCert": ["https://localhost/r"]}), "does not speak HTTPS"),
        ((200, {"newNonce": "https://localhost/n", "revokeCert": "https://[::"}), r"https://\[:: cannot be asked"),
        ((200, {"newNonce": "https://localhost/n", "revokeCert": "https://localhost/\ud800"}), "cannot be asked"),
        ((200, {"newNonce": "https://localhost/n", "revokeCert": "https://local host/\r\nX: y"}), "cannot be asked"),
    ],
)
def test_a_directory_that_is_none_is_named(server, account, answer, said):
    server.directory = answer
    with pytest.raises(AcmeError, match=said):
        account.revoke(make.cert_pem(), "superseded")
    assert [path for _method, path in server.asked] == ["/dir"]


def test_a_server_that_is_not_trusted_is_not_asked(server, tmp_path):
    with served(server, tmp_path), pytest.raises(AcmeError, match=r"cannot be asked: .*certificate verify failed"):
        Account(f"{server.url}/dir", KID, pem_of(server.key), make.cert_pem().decode(), 5).revoke(make.cert_pem(), "superseded")
    assert server.asked == []


def test_a_server_that_does_not_listen_is_named():
    with pytest.raises(AcmeError, match=r"https://localhost:1/dir cannot be asked: .*refused"):
        Account("https://localhost:1/dir", KID, pem_of(KEYS["ES256"]), None, 5).revoke(make.cert_pem(), "superseded")


def test_keys_and_certificates_that_are_none_are_named_without_their_text():
    with pytest.raises(AcmeError, match=r"the key of the account .* cannot be read") as found:
        Account("https://localhost:1/dir", KID, b"-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----", None, 5)
    assert "aHVudGVyMg" not in str(found.value)
    with pytest.raises(AcmeError, match="neither RSA nor ECDSA"):
        _with_other_key()
    with pytest.raises(TlsError, match="no PEM certificate"):
        der_of_pem(b"nothing")


def _with_other_key():
    account = Account("https://localhost:1/dir", KID, pem_of(ed25519.Ed25519PrivateKey.generate()), None, 5)
    account._signed("https://localhost:1/revoke", {})
