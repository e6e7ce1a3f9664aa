# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What name servers say of TSIG keys. The answers are those of BIND 9.18."""

from __future__ import annotations

import base64
import struct

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._preflight.dns import wire
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.tsig import look, signed

ASKED = {"server": "192.0.2.53", "zone": "shop.example", "key_name": "edge-dns01", "algorithm": "HMACSHA256", "token": "c2VjcmV0"}
SOA = (
    "0aGEAAABAAEAAQABBHNob3AHZXhhbXBsZQAABgABwAwABgABAAAAAQApBWZpcnN0wAwKaG9zdG1hc3RlcsAMAAAACAAADhAAAAOEACeNAAAAAAHADAACAAEAAAABAALA"
    "KsAqAAEAAQAAAAEABAqK9AQ="
)
TAKEN = (
    "/iCoAAABAAAAAAABBHNob3AHZXhhbXBsZQAABgABCmVkZ2UtZG5zMDEAAPoA/wAAAAAAPQtobWFjLXNoYTI1NgAAAGsLdkMBLAAgenz7/00VKSiO/q4O+4ALT7dn2gbf"
    "Mp5+J7CC8pI7Zh7+IAAAAAA="
)
BADSIG = "oHKoCQABAAAAAAABBHNob3AHZXhhbXBsZQAABgABCmVkZ2UtZG5zMDEAAPoA/wAAAAAAHQtobWFjLXNoYTI1NgAAAGsLdkMBLAAAoHIAEAAA"
BADKEY = "32+oCQABAAAAAAABBHNob3AHZXhhbXBsZQAABgABBG5vcGUAAPoA/wAAAAAAHQtobWFjLXNoYTI1NgAAAGsLdkMBLAAA328AEQAA"
BADTIME = (
    "68WoCQABAAAAAAABBHNob3AHZXhhbXBsZQAABgABCmVkZ2UtZG5zMDEAAPoA/wAAAAAAQwtobWFjLXNoYTI1NgAAAGsLZqMBLAAgT5knFgVmQOqDuL8TWQOOAuuuCO/P"
    "EsEHKaL+RKEPgfDrxQASAAYAAGsLdkM="
)
REFUSED = (
    "ty+oBQABAAAAAAABB2NvbXBhbnkHZXhhbXBsZQAABgABCmVkZ2UtZG5zMDEAAPoA/wAAAAAAPQtobWFjLXNoYTI1NgAAAGsLdkMBLAAg3ULmbfJmebMHS06bYtQn0Q0v"
    "h76AmY8OHkG/lR1gOQq3LwAAAAA="
)


class Server:
    """Answers questions for the SOA record of one zone, and updates with what it is given."""

    def __init__(self, answer, zone="shop.example"):
        self.answer = base64.b64decode(answer)
        self.zone = zone
        self.asked = []

    def __call__(self, server, message, _timeout):
        self.asked.append(message)
        if struct.unpack_from("!H", message, 2)[0]:
            return self.answer
        return base64.b64decode(SOA) if message[12:].startswith(wire(self.zone)) else message[:2] + b"\x80\x05" + bytes(8)


@pytest.mark.parametrize(
    ("answer", "refusal"), [(TAKEN, ""), (BADSIG, "BADSIG"), (BADKEY, "BADKEY"), (BADTIME, "BADTIME"), (REFUSED, "REFUSED")]
)
def test_what_a_server_says_of_a_key(answer, refusal):
    assert look(ASKED, 1, Server(answer)) == {
        "server": "192.0.2.53",
        "zone": "shop.example",
        "at": "shop.example",
        "refusal": refusal,
        "error": "",
    }


def test_the_question_changes_nothing_and_does_not_hold_the_secret():
    server = Server(TAKEN)
    look({**ASKED, "zone": "eu.apps.shop.example"}, 1, server)
    *_looks, update = server.asked
    assert len(server.asked) == 4
    _identifier, flags, zones, conditions, changes, others = struct.unpack_from("!6H", update)
    assert (flags >> 11, zones, conditions, changes, others) == (5, 1, 1, 0, 1)
    assert base64.b64decode(ASKED["token"]) not in update


def test_a_signature_is_that_of_rfc_8945():
    """Compared with what nsupdate would send: BIND takes it, see the scenario dns01."""
    message = struct.pack("!6H", 1, 0x2800, 1, 0, 0, 0) + wire("example.com") + struct.pack("!2H", 6, 1)
    one = signed(message, "Key.", "HMACSHA256", b"secret", 1_700_000_000)
    assert one.startswith(message[:10] + b"\0\1" + message[12:] + wire("key"))
    assert one != signed(message, "key", "HMACSHA256", b"other", 1_700_000_000)
    assert one[-6:] == message[:2] + bytes(4)


def test_another_program_signs_alike():
    """Made by dnspython 2.9.2, for an update of shop.example without changes."""
    message = struct.pack("!6H", 7, 0x2800, 1, 0, 0, 0) + wire("shop.example") + struct.pack("!2H", 6, 1)
    assert base64.b64encode(signed(message, "edge-dns01", "HMACSHA256", b"secret", 1_700_000_000)).decode() == (
        "AAcoAAABAAAAAAABBHNob3AHZXhhbXBsZQAABgABCmVkZ2UtZG5zMDEAAPoA/wAAAAAAPQtobWFjLXNoYTI1NgAAAGVT8QABLAAgrE4Bb8oS+DmJtytLdqTHAv1haHwM"
        "JETl5qCqiHFURwkABwAAAAA="
    )


def test_a_server_without_the_zone_is_sent_no_update():
    server = Server(TAKEN, zone="other.example")
    found = look(ASKED, 1, server)
    assert (found["at"], found["error"]) == ("", "")
    assert all(not struct.unpack_from("!H", message, 2)[0] for message in server.asked)


def test_a_server_that_is_silent():
    def silent(_server, _message, _timeout):
        raise TimeoutError("timed out")

    assert look(ASKED, 1, silent)["error"] == "timed out"
