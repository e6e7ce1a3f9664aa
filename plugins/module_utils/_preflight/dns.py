# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to name servers and their answers (RFC 1035), as this host reaches them."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

A, NS, CNAME, SOA, CAA = 1, 2, 5, 6, 257
IN = 1
PORT = 53
RECURSE, TRUNCATED, AUTHORITATIVE = 0x0100, 0x0200, 0x0400
NO_SUCH_NAME = 3
#: Names of what servers answer: https://www.iana.org/assignments/dns-parameters
CODES = {0: "", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH", 10: "NOTZONE"}
_NAMED = (NS, CNAME)
_RESOLV_CONF = Path("/etc/resolv.conf")

#: Sends a message to whom it asks, and returns the answer.
Ask = Callable[[bytes], bytes]
#: Sends a message to a server within some seconds, and returns the answer.
Exchange = Callable[[str, bytes, float], bytes]


class DnsError(EdgeError):
    """A question to which there is no answer."""


class Record(NamedTuple):
    """A record of an answer; C(target) is the name that it points to, of NS and CNAME."""

    name: str
    kind: int
    data: bytes
    target: str


class Answer(NamedTuple):
    """What a server says: its code, whether it has the zone, and the records of the answer itself."""

    code: int
    authoritative: bool
    records: list[Record]

    def of(self, kind: int) -> list[Record]:
        """Return the records of a kind."""
        return [record for record in self.records if record.kind == kind]

    @property
    def problem(self) -> str:
        """Name of an answer that is neither records nor that there are none."""
        return "" if self.code in (0, NO_SUCH_NAME) else CODES.get(self.code, f"code {self.code}")


def wire(name: str) -> bytes:
    """Return a name as messages have it."""
    labels = [label.encode("ascii") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(name: str, identifier: int, kind: int, flags: int = RECURSE) -> bytes:
    """Return the message that asks for the records of a name."""
    return struct.pack("!6H", identifier, flags, 1, 0, 0, 0) + wire(name) + struct.pack("!2H", kind, IN)


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends. Its rest may be a pointer to what comes before it."""
    labels: list[str] = []
    end, limit = 0, at
    while message[at]:
        if message[at] >= 0xC0:
            end, at = end or at + 2, struct.unpack_from("!H", message, at)[0] & 0x3FFF
            if at >= limit:
                raise DnsError("its answer cannot be read")
            limit = at
            continue
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "backslashreplace").lower())
        at += 1 + message[at]
    return ".".join(labels), end or at + 1


def read(message: bytes) -> Answer:
    """Return what a message says.

    Raises:
        DnsError: it cannot be read.
    """
    try:
        _identifier, flags, questions, answers, _servers, _others = struct.unpack_from("!6H", message)
        at = 12
        for _number in range(questions):
            at = _name(message, at)[1] + 4
        found = []
        for _number in range(answers):
            name, at = _name(message, at)
            kind, _class, _ttl, length = struct.unpack_from("!2HIH", message, at)
            data = message[at + 10 : at + 10 + length]
            if len(data) < length:
                raise DnsError("its answer cannot be read")
            found.append(Record(name, kind, data, _name(message, at + 10)[0] if kind in _NAMED else ""))
            at += 10 + length
    except (struct.error, IndexError) as error:
        raise DnsError("its answer cannot be read") from error
    return Answer(flags & 0xF, bool(flags & AUTHORITATIVE), found)


def exchange(server: str, message: bytes, timeout: float) -> bytes:
    """Ask a server, by TCP where the answer is too long for UDP."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(timeout)
        datagrams.connect((server, PORT))
        datagrams.send(message)
        answer = datagrams.recv(65535)
        while answer[:2] != message[:2]:
            answer = datagrams.recv(65535)
    if not struct.unpack_from("!H", answer, 2)[0] & TRUNCATED:
        return answer
    with socket.create_connection((server, PORT), timeout) as stream, stream.makefile("rb") as reader:
        stream.sendall(struct.pack("!H", len(message)) + message)
        return reader.read(struct.unpack("!H", reader.read(2))[0])


def name_servers(text: str) -> list[str]:
    """Return the name servers of a resolv.conf; the local one where it names none."""
    found = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver") and len(line.split()) > 1]
    return found or ["127.0.0.1"]


def own_servers() -> list[str]:
    """Return the name servers of this host."""
    try:
        return name_servers(_RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return name_servers("")


def resolver(timeout: float, servers: Sequence[str] = (), send: Exchange = exchange) -> Ask:
    """Return what asks name servers, by default those of this host, one after the other until one answers."""
    chosen = list(servers) or own_servers()

    def ask(message: bytes) -> bytes:
        problem = ""
        for server in chosen:
            try:
                return send(server, message, timeout)
            except (OSError, struct.error) as error:
                problem = f"name server {server}: {error}"
        raise DnsError(problem)

    return ask


def records_of(ask: Ask, name: str, kind: int, flags: int = RECURSE) -> Answer:
    """Ask for the records of a name.

    Raises:
        DnsError: there is no answer, or it cannot be read.
    """
    try:
        message = question(name, secrets.randbelow(1 << 16), kind, flags)
    except (UnicodeError, ValueError) as error:
        raise DnsError(f"'{name}' is not a name that can be asked for") from error
    return read(ask(message))
