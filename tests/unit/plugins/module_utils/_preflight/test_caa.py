# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAA records, read from the messages of a name server."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import caa, dns


def record(tag, value, flags=0, kind=257):
    data = bytes([flags, len(tag)]) + tag.encode() + value.encode()
    return b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, 60, len(data)) + data


def answer(message, *records, code=0):
    return message[:2] + struct.pack("!5H", 0x8180 | code, 1, len(records), 0, 0) + message[12:] + b"".join(records)


def asked_name(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels)


def zone(**answers):
    """Return what answers by name, with dots written as two underscores, and with nothing to other names."""
    known = {name.replace("__", "."): value for name, value in answers.items()}
    asked = []

    def ask(message):
        name = asked_name(message)
        asked.append(name)
        given = known.get(name, [])
        return answer(message, code=given) if isinstance(given, int) else answer(message, *given)

    ask.asked = asked
    return ask


def test_the_nearest_parent_counts():
    ask = zone(example__com=[record("issue", "ca.example"), record("iodef", "mailto:a@example.com")], com=[record("issue", ";")])
    found = caa.climb("a.b.example.com", ask)
    assert (found["at"], found["error"]) == ("example.com", "")
    assert [(entry["tag"], entry["value"], entry["critical"]) for entry in found["records"]] == [
        ("issue", "ca.example", False),
        ("iodef", "mailto:a@example.com", False),
    ]
    assert ask.asked == ["a.b.example.com", "b.example.com", "example.com"]


def test_a_wildcard_begins_at_the_name_under_it():
    ask = zone()
    assert caa.climb("*.example.com", ask) == {"name": "*.example.com", "at": "", "records": [], "error": ""}
    assert ask.asked == ["example.com", "com"]


def test_a_name_that_is_not_there_has_no_records():
    assert caa.climb("new.example.com", zone(new__example__com=3, example__com=[record("issue", "x")]))["at"] == "example.com"


@pytest.mark.parametrize(
    ("code", "reason"), [(2, "it failed"), (5, "it refused"), (4, "does not know CAA"), (9, "NOTAUTH"), (11, "code 11")]
)
def test_a_server_that_does_not_answer_is_no_permission(code, reason):
    found = caa.climb("app.example.com", zone(example__com=code))
    assert found["at"] == "example.com"
    assert reason in found["error"]


def test_an_alias_before_the_records_is_passed_over():
    found = caa.climb("a.example.com", zone(a__example__com=[record("x", "y", kind=5), record("ISSUE", "ca.example", flags=128)]))
    assert found["records"] == [{"critical": True, "tag": "issue", "value": "ca.example"}]


@pytest.mark.parametrize(("flags", "critical"), [(0, False), (1, False), (0x7F, False), (0x80, True), (0xFF, True)])
def test_only_the_highest_bit_makes_a_record_critical(flags, critical):
    found = caa.climb("example.com", zone(example__com=[record("policy", "x", flags=flags)]))
    assert found["records"] == [{"critical": critical, "tag": "policy", "value": "x"}]


@pytest.mark.parametrize("cut", [3, 11, 30, 45])
def test_an_answer_that_was_cut_is_an_error(cut):
    found = caa.climb("a.example.com", lambda message: answer(message, record("issue", "ca.example"))[:cut])
    assert found["error"] == "its answer cannot be read"


def test_name_servers_of_a_host():
    assert dns.name_servers("# x\nsearch lan\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n") == ["192.0.2.53", "2001:db8::53"]
    assert dns.name_servers("nameserver\n") == ["127.0.0.1"]
