# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
OTHER = PEM.replace("MA", "MB")
CRL = "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n"


def key(label):
    return f"-----BEGIN {label}-----\naHVudGVyMg==\n-----END {label}-----\n"


def read(value, **options):
    findings = []
    return Fields({"ca_certificate": value}, "edge_sites[0].tls", findings).pem_certificate("ca_certificate", **options), findings


@pytest.mark.parametrize("label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"])
@pytest.mark.parametrize("form", ["{pem}{key}", "{key}{pem}", "{key}", "{pem}-----BEGIN PRIVATE KEY-----\naHVudGVyMg==", "{pem}{key}{pem}"])
def test_a_private_key_is_refused_and_not_shown(label, form):
    found, findings = read(form.format(pem=PEM, key=key(label)))
    assert found is None
    assert findings == [
        (
            "edge_sites[0].tls: ca_certificate holds a private key, which everyone who reads certificates would see; leave only the"
            " CERTIFICATE blocks"
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM + OTHER,
        PEM.replace("\n", "\r\n"),
        f"# Let's Encrypt\n{PEM}",
        f"subject=CN = a - b\n{PEM}issuer=CN = b\n{OTHER}",
        CRL + PEM,
        PEM.strip(),
    ],
)
def test_certificates_are_taken_with_what_stands_around_them(text):
    found, findings = read(text)
    assert not findings
    assert found.count("BEGIN") == text.count("BEGIN")
    assert "CN" not in found
    assert read(found) == (found, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PEM + key("PUBLIC KEY"), "ca_certificate has a block PUBLIC KEY; allowed are blocks CERTIFICATE and X509 CRL"),
        (PEM + key("CERTIFICATE REQUEST"), "ca_certificate has a block CERTIFICATE REQUEST; allowed are blocks CERTIFICATE and X509 CRL"),
        (CRL, "ca_certificate is not a certificate in PEM form"),
        (PEM[:-20], "ca_certificate is not a certificate in PEM form"),
        ("hunter2", "ca_certificate is not a certificate in PEM form"),
        (base64.b64encode(PEM.encode()).decode(), "ca_certificate is not a certificate in PEM form"),
    ],
)
def test_other_text_is_refused_and_not_shown(text, expected):
    assert read(text) == (None, [f"edge_sites[0].tls: {expected}"])


def test_base64_is_read_where_it_is_allowed():
    encoded = base64.encodebytes((PEM + OTHER).encode()).decode()
    assert read(encoded, base64_too=True) == (PEM + OTHER, [])
