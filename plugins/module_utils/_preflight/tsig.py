# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a name server takes a TSIG key: a signed update (RFC 2136, RFC 8945) that asks a question and changes nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import dns
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.dns import CODES, IN, SOA, DnsError, Exchange, wire

#: By how cert-manager writes them: names in DNS, and functions.
ALGORITHMS = {
    "HMACMD5": ("hmac-md5.sig-alg.reg.int", "md5"),
    "HMACSHA1": ("hmac-sha1", "sha1"),
    "HMACSHA256": ("hmac-sha256", "sha256"),
    "HMACSHA512": ("hmac-sha512", "sha512"),
}
_TSIG, _ANY, _NONE = 250, 255, 254
_UPDATE = 5 << 11
_NOTAUTH = 9
_TSIG_CODES = {16: "BADSIG", 17: "BADKEY", 18: "BADTIME"}
_FUDGE = 300


def signed(message: bytes, key_name: str, algorithm: str, secret: bytes, now: int) -> bytes:
    """Return a message with a TSIG record at its end."""
    dns_name, function = ALGORITHMS[algorithm]
    # What is signed has the name in lower case (RFC 8945, section 4.3.3).
    name, kind = wire(key_name.lower()), wire(dns_name)
    stamp = struct.pack("!HIH", now >> 32, now & 0xFFFFFFFF, _FUDGE)
    variables = name + struct.pack("!HI", _ANY, 0) + kind + stamp + struct.pack("!2H", 0, 0)
    mac = hmac.new(secret, message + variables, getattr(hashlib, function)).digest()
    data = kind + stamp + struct.pack("!H", len(mac)) + mac + message[:2] + struct.pack("!2H", 0, 0)
    record = name + struct.pack("!2HIH", _TSIG, _ANY, 0, len(data)) + data
    others = struct.unpack_from("!H", message, 10)[0]
    return message[:10] + struct.pack("!H", others + 1) + message[12:] + record


def question(zone: str, identifier: int, label: str) -> bytes:
    """Return an update of a zone with no changes, on the condition that a name is not there."""
    condition = wire(f"{label}.{zone}") + struct.pack("!2HIH", _ANY, _NONE, 0, 0)
    return struct.pack("!6H", identifier, _UPDATE, 1, 1, 0, 0) + wire(zone) + struct.pack("!2H", SOA, IN) + condition


def refusal(answer: bytes) -> str:
    """Return why a server does not take an update, empty where it does. Of an error of TSIG the name of that."""
    code = struct.unpack_from("!H", answer, 2)[0] & 0xF
    if code == _NOTAUTH:
        for number, name in _TSIG_CODES.items():
            # The record of TSIG is the last one, and ends with its error and the other data, 6 bytes for BADTIME.
            for other in (0, 6):
                end = struct.pack("!2H", number, other)
                at = len(answer) - other
                if struct.unpack_from("!H", answer, 10)[0] and answer[at - 4 : at] == end:
                    return name
    return CODES.get(code, f"code {code}")


def _has_zone(server: str, zone: str, timeout: float, exchange: Exchange) -> bool:
    answer = dns.records_of(lambda message: exchange(server, message, timeout), zone, SOA, 0)
    return bool(answer.authoritative and answer.records and not answer.code)


def look(asked: Mapping[str, Any], timeout: float, exchange: Exchange = dns.exchange) -> dict[str, Any]:
    """Ask a name server whether it has a zone and takes a key.

    Args:
        asked: C(server), an address; C(zone), the name of a zone or of something in it; C(key_name), C(algorithm) and C(token).
        timeout: Seconds for each question.
        exchange: Sends a message to a server, and returns its answer.

    Returns:
        C(server), C(zone), C(at), the zone that the server has, C(refusal) and C(error), why it could not be asked.
    """
    result = {"server": asked["server"], "zone": asked["zone"], "at": "", "refusal": "", "error": ""}
    labels = str(asked["zone"]).strip(".").split(".")
    try:
        for depth in range(len(labels)):
            zone = ".".join(labels[depth:])
            if not _has_zone(asked["server"], zone, timeout, exchange):
                continue
            message = question(zone, secrets.randbelow(1 << 16), f"edge-{secrets.token_hex(8)}")
            secret = base64.b64decode(asked["token"])
            answer = exchange(asked["server"], signed(message, asked["key_name"], asked["algorithm"], secret, int(time.time())), timeout)
            return {**result, "at": zone, "refusal": refusal(answer)}
    except (DnsError, OSError, ValueError, struct.error) as error:
        return {**result, "error": str(error)}
    return result
