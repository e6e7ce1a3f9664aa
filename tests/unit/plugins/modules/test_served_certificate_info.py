# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._net import served as _served
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import REFUSED, RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.modules import served_certificate_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import ScriptedClock

ENDPOINTS = [
    {"address": "192.0.2.1", "server_name": "app.example.com"},
    {"address": "[2001:db8::1]", "server_name": "app.example.com", "port": 8443},
]


def served(serial):
    found = x509.load_pem_x509_certificate(make.cert_pem(serial=serial))
    return Probe(SERVED, found.public_bytes(serialization.Encoding.DER))


@pytest.fixture
def wire(monkeypatch):
    """Answers by address; the last one stays."""
    clock = ScriptedClock()
    script = {}
    asked = []
    headers = []

    def probe(address, port, server_name, timeout, proxy_protocol, version=None):
        asked.append((address, port, version) if version else (address, port))
        headers.append(proxy_protocol)
        answers = script[address]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    class Wait(_served.ServedWait):
        def __init__(self, *arguments):
            super().__init__(*arguments, probe=probe)

    monkeypatch.setattr(served_certificate_info, "ServedWait", Wait)
    monkeypatch.setattr(served_certificate_info, "SystemClock", lambda: clock)
    script["asked"], script["headers"], script["clock"] = asked, headers, clock
    return script


def test_it_tells_what_is_served_and_what_is_not(monkeypatch, wire):
    wire["192.0.2.1"] = [served(0xABC)]
    wire["2001:db8::1"] = [Probe(REFUSED, detail="connection refused")]
    found = run(monkeypatch, served_certificate_info, endpoints=ENDPOINTS)
    assert found["failed"] is False
    assert [(e["address"], e["port"], e["serial"], e["error"]) for e in found["endpoints"]] == [
        ("192.0.2.1", 443, "abc", None),
        ("2001:db8::1", 8443, None, "connection refused"),
    ]
    assert found["cause"] == "[2001:db8::1]:8443 for app.example.com serves no certificate: connection refused"
    assert found["observations"] == 2


def test_each_endpoint_says_whether_it_expects_a_proxy_header(monkeypatch, wire):
    wire["192.0.2.1"] = wire["2001:db8::1"] = [served(0xABC)]
    run(monkeypatch, served_certificate_info, endpoints=[dict(ENDPOINTS[0], proxy_protocol=True), ENDPOINTS[1]])
    assert sorted(wire["headers"]) == [False, True]


LOWEST = [dict(ENDPOINTS[0], lowest_tls="1.2")]


def test_the_lowest_version_is_spoken_too(monkeypatch, wire):
    wire["192.0.2.1"] = [served(0xABC)]
    found = run(monkeypatch, served_certificate_info, endpoints=LOWEST, expected_serials={"app.example.com": "abc"})
    assert (found["failed"], found["endpoints"][0]["serial"]) == (False, "abc")
    assert wire["asked"] == [("192.0.2.1", 443), ("192.0.2.1", 443, "1.2")]


def test_an_endpoint_that_clients_of_the_lowest_version_cannot_use_is_not_right(monkeypatch, wire):
    wire["192.0.2.1"] = [served(0xABC), Probe(RESET, detail="TLS: HANDSHAKE_FAILURE")]
    found = run(monkeypatch, served_certificate_info, endpoints=LOWEST, expected_serials={"app.example.com": "abc"}, timeout=0)
    assert found["failed"] is True
    assert "serves no certificate: with TLS 1.2, which is allowed there, TLS: HANDSHAKE_FAILURE; let the cipher suites fit" in found["msg"]


def test_an_endpoint_that_is_closed_is_asked_once(monkeypatch, wire):
    wire["192.0.2.1"] = [Probe(REFUSED, detail="connection refused")]
    run(monkeypatch, served_certificate_info, endpoints=LOWEST)
    assert wire["asked"] == [("192.0.2.1", 443)]


def test_it_waits_for_the_expected_serial_and_asks_again_only_where_it_is_not(monkeypatch, wire):
    wire["192.0.2.1"] = [served(0xABC)]
    wire["2001:db8::1"] = [Probe(REFUSED), served(1), served(0xABC)]
    found = run(monkeypatch, served_certificate_info, endpoints=ENDPOINTS, expected_serials={"app.example.com": "0A:BC"})
    assert found["failed"] is False
    assert found["observations"] == 4
    assert found["elapsed"] == pytest.approx(0.3)


def test_the_failure_names_endpoint_served_and_expected(monkeypatch, wire):
    wire["192.0.2.1"] = [served(1)]
    wire["2001:db8::1"] = [served(0xABC)]
    found = run(monkeypatch, served_certificate_info, endpoints=ENDPOINTS, expected_serials={"app.example.com": "abc"}, timeout=7)
    assert found["failed"] is True
    assert found["msg"] == "192.0.2.1:443 for app.example.com serves serial 1 (issued by Test Root), expected is abc"
    assert found["elapsed"] == 7.0


def test_check_mode_looks_once_and_does_not_fail(monkeypatch, wire):
    wire["192.0.2.1"] = wire["2001:db8::1"] = [Probe(REFUSED, detail="connection refused")]
    found = run(monkeypatch, served_certificate_info, check=True, endpoints=ENDPOINTS, expected_serials={"app.example.com": "a"})
    assert found["failed"] is False
    assert len(wire["asked"]) == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expected_serials": {"app.example.com": "xyz"}}, "expected_serials for app.example.com: 'xyz' is not a certificate serial"),
        ({"expected_serials": {"b.example.com": "1"}}, "expected_serials has b.example.com, but no endpoint has that server_name"),
        ({"endpoints": [dict(ENDPOINTS[0], port=70000)]}, "endpoints has port 70000 for 192.0.2.1"),
    ],
)
def test_bad_input(monkeypatch, wire, options, text):
    found = run(monkeypatch, served_certificate_info, **dict({"endpoints": ENDPOINTS}, **options))
    assert found["failed"] is True
    assert text in found["msg"]
    assert wire["asked"] == []
