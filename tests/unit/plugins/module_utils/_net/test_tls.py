# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime as dt
import re
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import (
    TlsError,
    covers,
    iso,
    key_matches,
    leaf_of_der,
    leaf_of_pem,
    normal_serial,
    parse_time,
    pem_chain,
)
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW


def test_the_leaf_is_the_first_certificate_of_the_chain():
    leaf = leaf_of_pem(make.cert_pem(serial=0x0F) + make.cert_pem(serial=2))
    assert leaf.serial == "f"
    assert leaf.dns_names == ["app.example.com"]
    assert leaf.issuer == "Test Root"
    assert iso(leaf.not_after) == make.stamp(NOW + 60 * make.DAY)
    assert leaf.valid_at(NOW)
    assert not leaf.valid_at(NOW + 61 * make.DAY)
    assert len(leaf.fingerprint_sha256) == 64


@pytest.mark.parametrize("data", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_no_certificate(data):
    with pytest.raises(TlsError):
        leaf_of_pem(data)


def test_no_der():
    with pytest.raises(TlsError, match="cannot be parsed"):
        leaf_of_der(b"x")


def test_a_key_belongs_or_does_not():
    assert key_matches(make.cert_pem(), make.key_pem())
    assert not key_matches(make.cert_pem(), make.key_pem("foreign"))


def test_an_unreadable_key_is_named_without_its_content():
    with pytest.raises(TlsError) as caught:
        key_matches(make.cert_pem(), b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    assert "c2VjcmV0" not in str(caught.value)
    assert str(caught.value).startswith("its private key cannot be parsed")


def test_a_chain_of_three_has_three_blocks():
    assert len(pem_chain(make.cert_pem() * 3)) == 3


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (["app.example.com"], "APP.example.com.", True),
        (["*.example.com"], "app.example.com", True),
        (["*.example.com"], "a.b.example.com", False),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "*.example.com", True),
        ([], "app.example.com", False),
    ],
)
def test_cover(names, host, expected):
    assert covers(names, host) is expected


@settings(deadline=None)
@given(st.integers(0, 2**160))
def test_property_serials_have_one_form(number):
    text = f"{number:x}"
    padded = f"{number:040X}"
    colons = ":".join(padded[i : i + 2] for i in range(0, len(padded), 2))
    assert {normal_serial(t) for t in (text, padded, colons, "0x" + text)} == {text}


@pytest.mark.parametrize("value", ["", "xyz", None, "0x"])
def test_no_serial(value):
    with pytest.raises(TlsError):
        normal_serial(value)


@pytest.mark.parametrize("text", ["2026-11-21T08:00:00Z", "2026-11-21T08:00:00.123456Z", "2026-11-21T08:00:00+00:00"])
def test_times(text):
    assert parse_time(text) == dt.datetime(2026, 11, 21, 8, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize("text", [None, "", "soon", 5])
def test_no_times(text):
    assert parse_time(text) is None


@pytest.mark.parametrize("version", [3, 94])
def test_a_certificate_of_a_version_that_does_not_exist_cannot_be_parsed(version):
    der = ssl.PEM_cert_to_DER_cert(make.cert_pem().decode())
    assert leaf_of_der(der).serial == "1001"
    with pytest.raises(TlsError, match=rf"^its certificate cannot be parsed \({version} is not a valid X509 version"):
        leaf_of_der(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes((version,)), 1))


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_a_curve_that_is_not_known_is_named(part):
    curve, other = b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x7f"
    given = {"certificate": make.cert_pem(), "key": make.key_pem()}
    assert key_matches(**given)
    head, body, end = re.fullmatch(r"(-----BEGIN.*?-----\n)(.*)(-----END.*)", given[part].decode(), re.DOTALL).groups()
    der = base64.b64decode(body)
    assert curve in der
    given[part] = f"{head}{base64.encodebytes(der.replace(curve, other)).decode()}{end}".encode()
    with pytest.raises(TlsError, match="key"):
        key_matches(**given)
