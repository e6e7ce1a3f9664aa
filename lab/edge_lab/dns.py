# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the lab: defaults, names that were set, and names that are made to fail."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import struct
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from . import hosts, podman
from .errors import LabError
from .state import Lab, write

# Reserved for documentation and tests (RFC 2606, RFC 6761), so nothing real is hidden from a host.
ZONES = ("example.com", "example.net", "example.org", "test")
HOST_ZONE = "lab.test"
NAMES_SERVER = "127.0.0.1#8053"
NAMES_PORT = 8055
SERVERS_FILE = "/etc/edge-lab/names.servers"
HOSTS_FILE = "/etc/edge-lab/names.hosts"
NONE, SERVFAIL = "none", "servfail"
A, AAAA = 1, 28
_NXDOMAIN, _SERVFAIL = 3, 2
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")


@dataclass(frozen=True)
class Answer:
    """What the resolver says: response code and addresses."""

    code: int
    addresses: tuple[str, ...]


def check_name(name: str) -> str:
    """The name in lower case without its last dot.

    Raises LabError when it is not a DNS name or outside the lab's zones.
    """
    lowered = name.lower().rstrip(".")
    if len(lowered) > 253 or not all(_LABEL.match(label) for label in lowered.split(".")):
        raise LabError(f"{name!r} is not a DNS name")
    if not any(lowered.endswith("." + zone) or lowered == zone for zone in ZONES):
        raise LabError(f"{name!r} is in none of the lab's zones: {', '.join(ZONES)}")
    if lowered == HOST_ZONE or lowered.endswith("." + HOST_ZONE):
        raise LabError(f"{name!r}: names in {HOST_ZONE} are the lab's hosts and cannot be set")
    return lowered


def check_values(values: Sequence[str]) -> list[str]:
    """Addresses, or the one word `none` or `servfail`.

    Raises LabError for anything else.
    """
    if len(values) == 1 and values[0] in (NONE, SERVFAIL):
        return list(values)
    found = []
    for value in values:
        try:
            found.append(str(ipaddress.ip_address(value)))
        except ValueError as wrong:
            raise LabError(
                f"{value!r} is not an address; allowed: IPv4 and IPv6 addresses, or `{NONE}` (no such name) or `{SERVFAIL}`"
            ) from wrong
    return found


def records(lab: Lab) -> dict[str, list[str]]:
    """Names that were set, with their values."""
    path = lab.folder / "dns.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def servers_file(names: dict[str, list[str]]) -> str:
    """The resolver's list: a name that fails has no server to ask, any other asks the one that knows it.

    A name's entry also covers the names below it, so every name that was set is listed.
    """
    lines = [f"server=/{name}/{'' if values == [NONE] else NAMES_SERVER}\n" for name, values in sorted(names.items())]
    return "".join(lines)


def hosts_file(lab: Lab) -> str:
    """The lab's hosts under names of their own zone."""
    named = [("acme", "infra"), ("infra", "infra"), *((host, host) for host in lab.hosts)]
    return "".join(f"{address} {name}.{HOST_ZONE}\n" for name, host in named for address in lab.subnets.addresses(host))


def calls(name: str, values: Sequence[str]) -> list[tuple[str, dict[str, object]]]:
    """Requests to challtestsrv that make `name` answer with `values`; it adds to what it has, so clear first."""
    made: list[tuple[str, dict[str, object]]] = [(path, {"host": name}) for path in ("clear-a", "clear-aaaa", "clear-servfail")]
    if list(values) == [SERVFAIL]:
        made.append(("set-servfail", {"host": name}))
    addresses = [] if list(values) in ([NONE], [SERVFAIL]) else [ipaddress.ip_address(value) for value in values]
    for version, path in ((4, "add-a"), (6, "add-aaaa")):
        chosen = [str(address) for address in addresses if address.version == version]
        if chosen:
            made.append((path, {"host": name, "addresses": chosen}))
    return made


def change(lab: Lab, name: str, values: Sequence[str] | None) -> None:
    """Set a name, or with None let it have the default again; returns when the resolver answers so."""
    checked = check_name(name)
    names = records(lab)
    if values is None:
        names.pop(checked, None)
    else:
        names[checked] = check_values(values)
    write(lab.folder / "dns.json", json.dumps(names, indent=2, sort_keys=True) + "\n")
    apply(lab, {checked: names.get(checked, [])})


def apply(lab: Lab, changed: dict[str, list[str]]) -> None:
    """Bring the servers in line with what was set; `changed` are the names whose values are new."""
    for name, values in changed.items():
        for path, body in calls(name, values):
            _post(lab, path, body)
    container = lab.container("infra")
    files = {SERVERS_FILE: servers_file(records(lab)).encode(), HOSTS_FILE: hosts_file(lab).encode()}
    podman.podman("cp", "-", f"{container}:/", stdin=hosts.archive(files))
    podman.podman("exec", container, "systemctl", "reload", "edge-lab-dns.service")
    for name, values in changed.items():
        _wait(lab, name, values or [lab.address("server1")])


def _post(lab: Lab, path: str, body: dict[str, object]) -> None:
    request = urllib.request.Request(f"http://{lab.address('infra')}:{NAMES_PORT}/{path}", data=json.dumps(body).encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=10).close()
    except OSError as failed:
        raise LabError(f"the DNS of lab {lab.name} does not answer ({failed}); `lab/lab up --name {lab.name}` starts it again") from failed


def expected(values: Sequence[str]) -> tuple[Answer, Answer]:
    """What the resolver is to say to A and AAAA for these values."""
    if list(values) == [NONE]:
        return Answer(_NXDOMAIN, ()), Answer(_NXDOMAIN, ())
    if list(values) == [SERVFAIL]:
        return Answer(_SERVFAIL, ()), Answer(_SERVFAIL, ())
    four = tuple(sorted(value for value in values if ":" not in value))
    six = tuple(sorted(value for value in values if ":" in value))
    return Answer(0, four), Answer(0, six)


def _wait(lab: Lab, name: str, values: Sequence[str]) -> None:
    """Wait until the resolver, which reads its list at a signal, says what was set."""
    deadline = time.monotonic() + 10
    want = expected(values)
    server = lab.address("infra")
    while True:
        said = (query(server, name, A), query(server, name, AAAA))
        if said == want:
            return
        if time.monotonic() > deadline:
            raise LabError(f"{name}: the lab's DNS still answers {said} instead of {want}")
        time.sleep(0.05)


def query(server: str, name: str, kind: int, timeout: float = 5) -> Answer:
    """Ask one server for A or AAAA records.

    Raises LabError when it does not answer.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(timeout)
        try:
            channel.connect((server, 53))
            channel.send(encode(name, kind))
            return decode(channel.recv(4096), kind)
        except OSError as failed:
            raise LabError(f"DNS server {server} does not answer: {failed}") from failed


def encode(name: str, kind: int) -> bytes:
    """A recursive query of one question."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack(">6H", 0x0ED6, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def _skip_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] & 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def decode(message: bytes, kind: int) -> Answer:
    """Response code and the addresses of one kind."""
    _ident, flags, questions, answers = struct.unpack(">4H", message[:8])
    at = 12
    for _ in range(questions):
        at = _skip_name(message, at) + 4
    found = []
    for _ in range(answers):
        at = _skip_name(message, at)
        this, _klass, _ttl, size = struct.unpack(">HHIH", message[at : at + 10])
        if this == kind:
            found.append(str(ipaddress.ip_address(message[at + 10 : at + 10 + size])))
        at += 10 + size
    return Answer(flags & 0xF, tuple(sorted(found)))
