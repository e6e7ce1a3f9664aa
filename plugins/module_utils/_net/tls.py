# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as they lie in Secrets and as they come over the wire."""

from __future__ import annotations

import datetime as dt
import re
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError, LibraryMissingError

CRYPTOGRAPHY_IMPORT_ERROR: str | None
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None

_PEM_CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
UTC = dt.timezone.utc


class TlsError(EdgeError):
    """A certificate or key that cannot be used; the text says which part and why."""


def require_cryptography() -> None:
    """Raises LibraryMissingError, naming library and interpreter, where certificates cannot be read."""
    if CRYPTOGRAPHY_IMPORT_ERROR:
        raise LibraryMissingError(missing_required_lib("cryptography"), CRYPTOGRAPHY_IMPORT_ERROR)


@dataclass(frozen=True)
class Leaf:
    """What users ask about the first certificate of a chain. Serial: lower-case hex without leading zeros."""

    serial: str
    fingerprint_sha256: str
    subject: str
    issuer: str
    not_before: dt.datetime
    not_after: dt.datetime
    dns_names: list[str] = field(default_factory=list)
    ip_addresses: list[str] = field(default_factory=list)

    def valid_at(self, wall: float) -> bool:
        """True within the certificate's dates (seconds since 1970)."""
        return self.not_before.timestamp() <= wall <= self.not_after.timestamp()


def pem_chain(data: bytes) -> list[bytes]:
    """The PEM blocks of all certificates in the data, in their order."""
    return _PEM_CERTIFICATE.findall(data)


def leaf_of_pem(data: bytes) -> Leaf:
    """The first certificate of a PEM chain. Raises TlsError."""
    blocks = pem_chain(data)
    if not blocks:
        raise TlsError("it holds no PEM certificate")
    return _read(x509.load_pem_x509_certificate, blocks[0])


def der_of_pem(data: bytes) -> bytes:
    """The first certificate of a PEM chain in DER form. Raises TlsError."""
    blocks = pem_chain(data)
    try:
        return x509.load_pem_x509_certificate(blocks[0]).public_bytes(serialization.Encoding.DER)
    except (IndexError, ValueError) as exc:
        raise TlsError(f"it holds no PEM certificate ({type(exc).__name__})") from exc


def same_key(first: bytes, second: bytes) -> bool:
    """Whether the first certificates of two PEM chains have one key. Raises TlsError."""
    return _spki(_public_key(first)) == _spki(_public_key(second))


def leaf_of_der(data: bytes) -> Leaf:
    """One certificate as it comes out of a handshake. Raises TlsError."""
    return _read(x509.load_der_x509_certificate, data)


def key_matches(certificate: bytes, key: bytes) -> bool:
    """True if the PEM private key belongs to the first certificate. Raises TlsError where the key is not readable."""
    try:
        try:
            # The full check of an RSA key takes 40 ms; which public key it belongs to is all that is asked here.
            private = serialization.load_pem_private_key(key, password=None, unsafe_skip_rsa_key_validation=True)
        except TypeError:  # cryptography before 39
            private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        # The exception's text can carry parts of the key's structure: it stays out of the message.
        raise TlsError(f"its private key cannot be parsed ({type(exc).__name__})") from None
    return _spki(private.public_key()) == _spki(_public_key(certificate))


def _public_key(certificate: bytes) -> Any:
    blocks = pem_chain(certificate)
    if not blocks:
        raise TlsError("it holds no PEM certificate")
    try:
        return x509.load_pem_x509_certificate(blocks[0]).public_key()
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise TlsError(f"the key of its certificate cannot be read ({exc})") from exc


def is_authority(certificate: bytes) -> bool:
    """True if a PEM certificate may sign others. Raises TlsError."""
    leaf_of_pem(certificate)
    try:
        found = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return bool(found.value.ca)


def signed_by(below: bytes, above: bytes) -> bool:
    """Return whether one PEM certificate is signed by the other. Libraries before cryptography 40 compare their names only."""
    certificate, authority = x509.load_pem_x509_certificate(below), x509.load_pem_x509_certificate(above)
    verify = getattr(certificate, "verify_directly_issued_by", None)
    try:
        return bool(certificate.issuer == authority.subject and (verify is None or verify(authority) is None))
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def covers(names: Iterable[str], host: str) -> bool:
    """True if one of the certificate's DNS names covers the host; a wildcard stands for exactly one label."""
    asked = host.lower().rstrip(".")
    for name in names:
        candidate = name.lower().rstrip(".")
        if candidate == asked:
            return True
        if candidate.startswith("*.") and "." in asked and asked.split(".", 1)[1] == candidate[2:]:
            return True
    return False


# A server for all hosts serves its certificate for whatever name has no server of its own; nothing has one under .invalid (RFC 2606).
ANY_NAME = "edge-check.invalid"


def probe_name(host: str) -> str:
    """A name to ask for in a handshake; for a wildcard, one that it covers."""
    if host == "*":
        return ANY_NAME
    return "baremesh-probe" + host[1:] if host.startswith("*.") else host


def normal_serial(value: Any) -> str:
    """A serial as users write it (hex with or without colons, 0x, zeros, any case) in our form. Raises TlsError for other text."""
    text = str(value).strip().lower().replace(":", "").replace(" ", "")
    text = text.removeprefix("0x")
    if not text or re.search("[^0-9a-f]", text):
        raise TlsError(f"{value!r} is not a certificate serial number: give it in hexadecimal")
    return text.lstrip("0") or "0"


def iso(moment: dt.datetime) -> str:
    """A time as the Kubernetes API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_wall(wall: float) -> str:
    """Seconds since 1970 as the Kubernetes API writes it."""
    return iso(dt.datetime.fromtimestamp(wall, UTC))


def parse_time(value: Any) -> dt.datetime | None:
    """A time of the Kubernetes API, or None where there is none."""
    if not isinstance(value, str) or not value:
        return None
    text = re.sub(r"\.\d+", "", value).replace("Z", "+0000").replace("+00:00", "+0000")
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None


def _read(load: Callable[[bytes], Any], data: bytes) -> Leaf:
    try:
        return _leaf(load(data))
    # The library reports a name of an impossible type as TypeError.
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as exc:
        raise TlsError(f"its certificate cannot be parsed ({exc})") from exc


def _leaf(certificate: Any) -> Leaf:
    dns: list[str] = []
    addresses: list[str] = []
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
        addresses = [str(a) for a in names.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        pass
    return Leaf(
        serial=f"{certificate.serial_number:x}",
        fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        subject=certificate.subject.rfc4514_string(),
        issuer=_common_name(certificate.issuer),
        not_before=_moment(certificate, "not_valid_before"),
        not_after=_moment(certificate, "not_valid_after"),
        dns_names=dns,
        ip_addresses=addresses,
    )


def _common_name(name: Any) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else str(name.rfc4514_string())


def _moment(certificate: Any, attribute: str) -> dt.datetime:
    # The _utc forms came with cryptography 42; the others go away in a later release.
    aware = getattr(certificate, attribute + "_utc", None)
    found = aware if aware is not None else getattr(certificate, attribute).replace(tzinfo=UTC)
    return cast("dt.datetime", found)


def _spki(key: Any) -> bytes:
    found = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bytes(found)
