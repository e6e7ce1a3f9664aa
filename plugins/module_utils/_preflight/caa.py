# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAA records, by which the owner of a domain says which authorities may issue for it (RFC 8659)."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

_TYPE, _CLASS = 257, 1
_RECURSE = 0x0100
_TRUNCATED = 0x0200
_NO_SUCH_NAME = 3
_RESOLV_CONF = Path("/etc/resolv.conf")
# A server may answer that it cannot: https://www.iana.org/assignments/dns-parameters
_REASONS = {1: "it does not understand the question", 2: "it failed", 4: "it does not know CAA records", 5: "it refused"}

Ask = Callable[[bytes], bytes]


class DnsError(EdgeError):
    """A question to which there is no answer."""


def name_servers(text: str) -> list[str]:
    """Return the name servers of a resolv.conf; the local one where it names none."""
    found = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver") and len(line.split()) > 1]
    return found or ["127.0.0.1"]


def wire(name: str) -> bytes:
    """Return a name as messages have it."""
    labels = [label.encode("ascii") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(name: str, identifier: int, kind: int = _TYPE, flags: int = _RECURSE) -> bytes:
    """Return the message that asks for the records of a name, by default for those of CAA."""
    return struct.pack("!6H", identifier, flags, 1, 0, 0, 0) + wire(name) + struct.pack("!2H", kind, _CLASS)


def _skip_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def records(message: bytes) -> list[dict[str, Any]]:
    """Return the CAA records of an answer; none where the name has none, or is not there.

    Raises:
        DnsError: the server did not answer the question.
    """
    try:
        _identifier, flags, questions, answers, _servers, _others = struct.unpack_from("!6H", message)
        code = flags & 0xF
        if code not in (0, _NO_SUCH_NAME):
            raise DnsError(_REASONS.get(code, f"it answered with code {code}"))
        at = 12
        for _number in range(questions):
            at = _skip_name(message, at) + 4
        found = []
        for _number in range(answers):
            at = _skip_name(message, at)
            kind, _class, _ttl, length = struct.unpack_from("!2HIH", message, at)
            data = message[at + 10 : at + 10 + length]
            if len(data) < length:
                raise DnsError("its answer cannot be read")
            at += 10 + length
            if kind == _TYPE:
                tag_end = 2 + data[1]
                tag, value = data[2:tag_end].decode("ascii").lower(), data[tag_end:].decode("utf-8", "replace")
                found.append({"critical": bool(data[0] & 0x80), "tag": tag, "value": value})
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DnsError("its answer cannot be read") from error
    return found


def exchange(server: str, message: bytes, timeout: float) -> bytes:
    """Ask a server, by TCP where the answer is too long for UDP."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(timeout)
        datagrams.connect((server, 53))
        datagrams.send(message)
        answer = datagrams.recv(65535)
        while answer[:2] != message[:2]:
            answer = datagrams.recv(65535)
    if not struct.unpack_from("!H", answer, 2)[0] & _TRUNCATED:
        return answer
    with socket.create_connection((server, 53), timeout) as stream, stream.makefile("rb") as reader:
        stream.sendall(struct.pack("!H", len(message)) + message)
        return reader.read(struct.unpack("!H", reader.read(2))[0])


def resolver(timeout: float) -> Ask:
    """Return what asks the name servers of this host, one after the other."""
    try:
        servers = name_servers(_RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        servers = name_servers("")

    def ask(message: bytes) -> bytes:
        problem = ""
        for server in servers:
            try:
                return exchange(server, message, timeout)
            except (OSError, struct.error) as error:
                problem = f"name server {server}: {error}"
        raise DnsError(problem)

    return ask


def climb(name: str, ask: Ask) -> dict[str, Any]:
    """Return the CAA records that hold for a name: its own, or those of the nearest parent that has any.

    Returns:
        C(name), C(at) where the records are, C(records), and C(error) where that could not be found out.
    """
    labels: Sequence[str] = name.removeprefix("*.").rstrip(".").split(".")
    result: dict[str, Any] = {"name": name, "at": "", "records": [], "error": ""}
    for depth in range(len(labels)):
        domain = ".".join(labels[depth:])
        try:
            found = records(ask(question(domain, secrets.randbelow(1 << 16))))
        except (DnsError, UnicodeError) as error:
            return {**result, "at": domain, "error": str(error)}
        if found:
            return {**result, "at": domain, "records": found}
    return result
