# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_lab import dns
from edge_lab.errors import LabError


@pytest.mark.parametrize("name", ["app.example.com", "APP.Example.com.", "_acme-challenge.app.example.org", "x.test", "example.net"])
def test_names_in_the_zones_can_be_set(name):
    assert dns.check_name(name) == name.lower().rstrip(".")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("app.example.de", "in none of the lab's zones"),
        ("notexample.com", "in none of the lab's zones"),
        ("server1.lab.test", "are the lab's hosts"),
        ("-a.example.com", "is not a DNS name"),
        ("a..example.com", "is not a DNS name"),
        ("a b.example.com", "is not a DNS name"),
        ("x" * 64 + ".example.com", "is not a DNS name"),
        ("", "is not a DNS name"),
        ("a/b.example.com", "is not a DNS name"),
    ],
)
def test_other_names_are_refused_with_the_reason(name, reason):
    with pytest.raises(LabError, match=reason):
        dns.check_name(name)


def test_values_are_addresses_or_one_word():
    assert dns.check_values(["192.0.2.1", "FD00::1"]) == ["192.0.2.1", "fd00::1"]
    assert dns.check_values(["none"]) == ["none"]
    assert dns.check_values(["servfail"]) == ["servfail"]
    for wrong in (["192.0.2.256"], ["none", "192.0.2.1"], ["app.example.com"]):
        with pytest.raises(LabError, match="is not an address; allowed"):
            dns.check_values(wrong)


def test_a_name_that_fails_does_not_take_those_below_it_with_it():
    text = dns.servers_file({"example.com": ["none"], "www.example.com": ["192.0.2.1"]})
    assert text.splitlines() == ["server=/example.com/", f"server=/www.example.com/{dns.NAMES_SERVER}"]


def test_setting_a_name_clears_it_first():
    paths = [path for path, _body in dns.calls("a.test", ["192.0.2.1", "fd00::1", "192.0.2.2"])]
    assert paths == ["clear-a", "clear-aaaa", "clear-servfail", "add-a", "add-aaaa"]
    bodies = dict(dns.calls("a.test", ["192.0.2.1", "fd00::1", "192.0.2.2"]))
    assert bodies["add-a"] == {"host": "a.test", "addresses": ["192.0.2.1", "192.0.2.2"]}
    assert bodies["add-aaaa"] == {"host": "a.test", "addresses": ["fd00::1"]}
    assert [path for path, _ in dns.calls("a.test", ["servfail"])][-1] == "set-servfail"
    assert len(dns.calls("a.test", ["none"])) == 3


def test_what_is_waited_for():
    assert dns.expected(["fd00::1", "192.0.2.2", "192.0.2.1"]) == (dns.Answer(0, ("192.0.2.1", "192.0.2.2")), dns.Answer(0, ("fd00::1",)))
    assert dns.expected(["none"]) == (dns.Answer(3, ()), dns.Answer(3, ()))
    assert dns.expected(["servfail"]) == (dns.Answer(2, ()), dns.Answer(2, ()))


def reply(name, records, code=0):
    query = dns.encode(name, dns.A)
    answers = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(packed)) + packed for kind, packed in records)
    return query[:2] + struct.pack(">5H", 0x8180 | code, 1, len(records), 0, 0) + query[12:] + answers


@given(st.lists(st.ip_addresses(v=4)), st.lists(st.ip_addresses(v=6)))
def test_answers_of_the_wanted_kind_are_read(fours, sixes):
    records = [(dns.A, ip.packed) for ip in fours] + [(dns.AAAA, ip.packed) for ip in sixes] + [(5, b"\xc0\x0c")]
    message = reply("www.example.com", records)
    assert dns.decode(message, dns.A) == dns.Answer(0, tuple(sorted(str(ip) for ip in fours)))
    assert dns.decode(message, dns.AAAA) == dns.Answer(0, tuple(sorted(str(ip) for ip in sixes)))


def test_a_name_that_is_not_there():
    assert dns.decode(reply("gone.example.com", [], code=3), dns.A) == dns.Answer(3, ())


def test_a_query_is_what_a_resolver_expects():
    message = dns.encode("a.bc.", dns.AAAA)
    assert message[12:] == b"\x01a\x02bc\x00" + struct.pack(">2H", 28, 1)
    assert struct.unpack(">6H", message[:12])[1:] == (0x0100, 1, 0, 0, 0)


def test_a_server_that_is_not_there_is_named(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(LabError, match=r"DNS server 192\.0\.2\.1 does not answer: refused"):
        dns.query("192.0.2.1", "a.test", dns.A)


def test_hosts_have_names_of_their_own_zone(lab):
    lines = dns.hosts_file(lab).splitlines()
    assert "10.120.7.2 acme.lab.test" in lines
    assert "fd12:3456:789a:bcde::101 agent1.lab.test" in lines
    assert "10.120.7.12 server2.lab.test" in lines
