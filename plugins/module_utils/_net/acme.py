# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking an ACME server (RFC 8555) to revoke a certificate. The key of the account is in the memory of this process and nowhere else."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import der_of_pem

try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
except ImportError:  # said by require_cryptography
    pass

#: Reasons of RFC 5280, 5.3.1, that Let's Encrypt takes of those who have a certificate, with their numbers.
REASONS = {"unspecified": 0, "keyCompromise": 1, "affiliationChanged": 3, "superseded": 4, "cessationOfOperation": 5}
_PROBLEM = "urn:ietf:params:acme:error:"
#: How often a request is sent whose nonce is refused: RFC 8555, 6.5, has clients try again.
_TRIES = 10
# An answer is a directory or a problem.
_LARGEST = 1 << 20
# By size of the curve: name, hash and bytes of a coordinate (RFC 7518, 3.4).
_CURVES = {256: ("ES256", "SHA256", 32), 384: ("ES384", "SHA384", 48), 521: ("ES512", "SHA512", 66)}


class AcmeError(EdgeError):
    """An ACME server that cannot be asked, or refuses. The message is one sentence for the user."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the answer to one would come from a server that the issuer does not name."""

    def redirect_request(self, *_given: Any) -> None:
        """Make the redirect an answer."""


class Account:
    """An account of an ACME server.

    Args:
        directory: URL of its directory.
        url: URL of the account, which the server gave when it was made.
        key: Its private key as PEM.
        ca_bundle: Certificates as PEM to trust instead of those of the host; C(None) for the host's.
        timeout: Seconds that one answer may take.
    """

    def __init__(self, directory: str, url: str, key: bytes, ca_bundle: str | None, timeout: float) -> None:
        self._directory, self._url, self._timeout, self._nonce = directory, url, timeout, ""
        try:
            self._key: Any = serialization.load_pem_private_key(key, password=None)
            context = ssl.create_default_context(cadata=ca_bundle or None)
        except (ValueError, TypeError) as exc:
            # What the library says can carry parts of the key.
            raise AcmeError(f"the key of the account {url} or the caBundle of its issuer cannot be read ({type(exc).__name__})") from None
        # Proxies come from the environment, as for other requests of a host.
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Stay())
        self._places: Mapping[str, Any] = {}

    def revoke(self, certificate: bytes, reason: str) -> bool:
        """Revoke the first certificate of a PEM chain; return whether the server had not revoked it before. Raises AcmeError."""
        if not self._places:
            self._places = self._read_directory()
        url = str(self._places["revokeCert"])
        payload = {"certificate": _base64(der_of_pem(certificate)), "reason": REASONS[reason]}
        for _try in range(_TRIES):
            if not self._nonce:
                self._send(str(self._places["newNonce"]), None, "HEAD")
            status, answer = self._send(url, self._signed(url, payload))
            kind = str(answer.get("type") or "").removeprefix(_PROBLEM)
            if status == 200:
                return True
            if kind == "alreadyRevoked":
                return False
            if kind != "badNonce":
                why = f"{kind or 'without a reason'}: {answer.get('detail') or ''}"
                raise AcmeError(f"the authority {self._directory} refuses: {status} {why}")
        raise AcmeError(f"the authority {self._directory} refuses {_TRIES} nonces that it gave")

    def _read_directory(self) -> Mapping[str, Any]:
        status, found = self._send(self._directory, None)
        missing = [key for key in ("newNonce", "revokeCert") if not found.get(key)]
        if missing:
            raise AcmeError(f"the ACME directory {self._directory} answers {status} and names no {' and no '.join(missing)}")
        return found

    def _send(self, url: str, body: bytes | None, method: str | None = None) -> tuple[int, Mapping[str, Any]]:
        """Return status and JSON of an answer, and remember its nonce."""
        if not url.startswith("https://"):
            raise AcmeError(f"the ACME server {url} does not speak HTTPS")
        headers = {"Content-Type": "application/jose+json", "User-Agent": "baremesh.edge"}
        try:
            try:
                request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 (HTTPS, see above)
                answer = self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                status, text = int(answer.status), answer.read(_LARGEST)
        except (OSError, ValueError, http.client.HTTPException) as exc:
            raise AcmeError(f"the ACME server {url} cannot be asked: {getattr(exc, 'reason', None) or exc}") from exc
        # Each can be used once.
        self._nonce = answer.headers.get("replay-nonce") or ""
        try:
            found = parse_json(text)
        except ValueError:
            found = None
        return status, found if isinstance(found, dict) else {}

    def _signed(self, url: str, payload: Mapping[str, Any]) -> bytes:
        algorithm, sign = _signer(self._key)
        header = {"alg": algorithm, "kid": self._url, "nonce": self._nonce, "url": url}
        parts = {"protected": _base64(json.dumps(header).encode()), "payload": _base64(json.dumps(payload).encode())}
        signature = sign(f"{parts['protected']}.{parts['payload']}".encode())
        return json.dumps({**parts, "signature": _base64(signature)}).encode()


def _signer(key: Any) -> tuple[str, Any]:
    """Return the name of the algorithm of a key, and what signs with it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size in _CURVES:
        name, digest, size = _CURVES[key.curve.key_size]

        def sign(text: bytes) -> bytes:
            numbers = utils.decode_dss_signature(key.sign(text, ec.ECDSA(getattr(hashes, digest)())))
            return b"".join(number.to_bytes(size, "big") for number in numbers)

        return name, sign
    raise AcmeError("the key of the account is neither RSA nor ECDSA on a curve of NIST")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
