# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority of clients: certificates that are valid, expired or revoked, and its list of the last."""

from __future__ import annotations

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM


def days(number):
    """The time in so many days."""
    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=number)


def named(text):
    """A name with nothing but its common name."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates, and writes each with its key into a folder."""

    def __init__(self, name, folder, above=None):
        """Make one that is its own root, or that another one has signed."""
        self.name, self.folder = name, folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        usages = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, decipher_only=False, **usages)
        self.certificate = (
            (above or self)
            ._builder(name, self.key, -1, 30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign((above or self).key, hashes.SHA256())
        )

    def _builder(self, name, key, begin, end):
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(days(begin))
            .not_valid_after(days(end))
        )

    @property
    def pem(self):
        """Its certificate."""
        return self.certificate.public_bytes(PEM).decode()

    def issue(self, name, begin=-1, end=30, hosts=(), uris=(), addresses=()):
        """Sign a certificate, and return it with the paths of it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key, begin, end)
        names = [*map(x509.DNSName, hosts), *map(x509.UniformResourceIdentifier, uris)]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        paths = self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key"
        paths[0].write_bytes(certificate.public_bytes(PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths[1].write_bytes(key.private_bytes(PEM, *form))
        return certificate, paths

    def revoked(self, *certificates):
        """The list of these certificates, in PEM form."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(named(self.name)).last_update(days(-1)).next_update(days(30))
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(days(-1)).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()
