# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of name servers, written as RFC 1035 has them, and how a server is asked."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import dns

NAME = b"\x01a\x07example\x00"


def record(owner, kind, data):
    return owner + struct.pack("!2HIH", kind, 1, 60, len(data)) + data


def message(*records, flags=0x8180, questions=NAME + b"\x00\x01\x00\x01", count=1):
    return struct.pack("!6H", 7, flags, count, len(records), 0, 0) + questions + b"".join(records)


def test_each_kind_of_record_is_found_by_its_number():
    """https://www.iana.org/assignments/dns-parameters"""
    records = [record(b"\xc0\x0c", kind, b"\xc0\x0e" if kind in (2, 5) else b"data") for kind in (1, 2, 5, 6, 257, 16)]
    found = dns.read(message(*records))
    named = {"A": dns.A, "NS": dns.NS, "CNAME": dns.CNAME, "SOA": dns.SOA, "CAA": dns.CAA}
    assert {name: [each.kind for each in found.of(kind)] for name, kind in named.items()} == {
        "A": [1],
        "NS": [2],
        "CNAME": [5],
        "SOA": [6],
        "CAA": [257],
    }
    assert [each.target for each in found.records] == ["", "example", "example", "", "", ""]
    assert found.of(dns.A) == [("a.example", 1, b"data", "")]


def test_a_pointer_may_lead_beyond_the_first_256_bytes():
    filler = record(b"\xc0\x0c", 16, b"x" * 300)
    start = len(message(filler))
    owner = record(b"\x05later\xc0\x0e", 1, b"data")
    far = record(struct.pack("!H", 0xC000 | start), 1, b"data")
    assert [each.name for each in dns.read(message(filler, owner, far)).records] == ["a.example", "later.example", "later.example"]


@pytest.mark.parametrize("flags", [0x8580, 0x8180])
def test_whether_a_server_has_the_zone(flags):
    assert dns.read(message(flags=flags)).authoritative is (flags == 0x8580)


def test_a_pointer_that_leads_to_itself_is_an_error():
    with pytest.raises(dns.DnsError, match="its answer cannot be read"):
        dns.read(message(record(b"\xc0\x1b", 1, b"")))


@pytest.fixture
def server(monkeypatch):
    """A name server on this host, with what it says by UDP, in order, and by TCP."""
    udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    udp.bind(("127.0.0.1", 0))
    port = udp.getsockname()[1]
    tcp.bind(("127.0.0.1", port))
    tcp.listen()
    tcp.settimeout(10)
    udp.settimeout(10)
    monkeypatch.setattr(dns, "PORT", port)

    def serve(by_udp, by_tcp=b""):
        asked = []

        def run():
            question, client = udp.recvfrom(512)
            asked.append(("udp", question))
            for each in by_udp:
                udp.sendto(each, client)
            if by_tcp:
                stream, _client = tcp.accept()
                with stream:
                    size = struct.unpack("!H", stream.recv(2))[0]
                    asked.append(("tcp", stream.recv(size)))
                    stream.sendall(struct.pack("!H", len(by_tcp)) + by_tcp)

        thread = threading.Thread(target=run)
        thread.start()
        found = dns.exchange("127.0.0.1", b"\x00\x07question", 10)
        thread.join()
        return found, asked

    yield serve
    udp.close()
    tcp.close()


def test_an_answer_by_udp_is_taken(server):
    answer = message(record(b"\xc0\x0c", 1, b"data"))
    assert server([answer]) == (answer, [("udp", b"\x00\x07question")])


def test_an_answer_to_another_question_is_passed_over(server):
    answer = message()
    assert server([b"\x00\x08" + answer[2:], answer])[0] == answer


def test_an_answer_that_was_cut_is_asked_for_again_by_tcp(server):
    whole = message(record(b"\xc0\x0c", 16, b"x" * 4000))
    found, asked = server([message(flags=0x8380)], whole)
    assert (found, asked) == (whole, [("udp", b"\x00\x07question"), ("tcp", b"\x00\x07question")])
