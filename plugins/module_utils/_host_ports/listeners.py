# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a TCP port of this host, read from /proc: address, process and systemd unit."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A program that holds a port; the name is empty if its process could not be seen."""

    port: int
    address: str
    pid: int = 0
    process: str = ""
    unit: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return f"port {self.port} on {self.address} is held by a process that is not visible from here"
        unit = f", unit {self.unit}" if self.unit else ", no systemd unit"
        return f"port {self.port} on {self.address} is held by {self.process} (pid {self.pid}{unit})"


def address_of(text: str) -> str:
    """Read an address as /proc/net/tcp writes it: hexadecimal 32-bit words in the byte order of the machine."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return str(ipaddress.ip_address(packed))


def listening(table: str, ports: Iterable[int]) -> dict[int, Listener]:
    """Find the sockets that listen on some of the ports, by inode, from the text of /proc/net/tcp or tcp6."""
    asked = set(ports)
    found: dict[int, Listener] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _colon, port = fields[1].rpartition(":")
        with contextlib.suppress(ValueError, struct.error):
            if int(port, 16) in asked:
                found[int(fields[9])] = Listener(int(port, 16), address_of(address))
    return found


def unit_of(cgroup: str) -> str:
    """Return the systemd unit of a process from its /proc/PID/cgroup, of version 1 or 2; empty if there is none."""
    paths = {fields[1]: fields[2] for fields in (line.split(":", 2) for line in cgroup.splitlines()) if len(fields) == 3}
    path = paths.get("name=systemd", paths.get("", ""))
    units = re.findall(r"[^/]+\.(?:service|socket)(?=/|$)", path)
    return units[-1] if units else ""


def read(path: Path) -> str:
    """Return the text of a file, empty where it cannot be read, as when its process has ended in between."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_link(path: Path) -> str:
    """Return what a link points to, empty where it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _open_sockets(proc: Path) -> Iterator[tuple[int, int]]:
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            links = [read_link(entry) for entry in (process / "fd").iterdir()]
        except OSError:
            continue  # the process has ended in between
        for link in links:
            if link.startswith("socket:["):
                yield int(link[8:-1]), int(process.name)


def holders(ports: Iterable[int], proc: Path = Path("/proc")) -> list[Listener]:
    """Return the programs that listen on one of the ports, in order; a systemd socket shows as process ``systemd``."""
    asked = set(ports)
    sockets = {**listening(read(proc / "net/tcp"), asked), **listening(read(proc / "net/tcp6"), asked)}
    if not sockets:
        return []
    owners: dict[int, int] = {}
    for inode, pid in _open_sockets(proc):
        # Several processes share one socket; the one with the lowest number is the parent of the workers, or else systemd itself,
        # which keeps a socket it has handed over.
        if inode in sockets and (inode not in owners or owners[inode] == 1 or 1 < pid < owners[inode]):
            owners[inode] = pid
    result = []
    for inode, entry in sockets.items():
        pid = owners.get(inode, 0)
        process = read(proc / str(pid) / "comm").strip() if pid else ""
        unit = unit_of(read(proc / str(pid) / "cgroup")) if pid else ""
        result.append(Listener(entry.port, entry.address, pid, process, unit))
    return sorted(result, key=lambda item: (item.port, item.address))


def uplinks(proc: Path = Path("/proc")) -> list[str]:
    """Return the interfaces with a default route, of either family."""
    found: dict[str, None] = {}
    for name, column, nothing in (("route", 1, "00000000"), ("ipv6_route", 0, "0" * 32)):
        for line in read(proc / "net" / name).splitlines():
            fields = line.split()
            device = fields[0] if name == "route" else fields[-1]
            # The route of IPv6 that refuses everything is on lo; a mask or prefix length of zero makes it the default.
            mask = fields[7] if name == "route" else fields[1]
            if fields[column] == nothing and int(mask, 16) == 0 and device != "lo":
                found[device] = None
    return list(found)


def own_addresses() -> list[str]:
    """Return the address of each family that this host uses towards the internet; connecting a UDP socket sends nothing."""
    found = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                address = str(probe.getsockname()[0])
        except OSError:
            continue
        if not ipaddress.ip_address(address).is_link_local:
            found.append(address)
    return found


def all_addresses(proc: Path = Path("/proc")) -> list[str]:
    """Return every address of this host, those of its bridges and of networks of pods included."""
    found: dict[str, None] = {}
    address = ""
    for line in read(proc / "net/fib_trie").splitlines():
        before, leaf, name = line.partition("|-- ")
        if leaf:
            address = name.strip()
        elif "/32 host LOCAL" in before:
            found[address] = None
    for line in read(proc / "net/if_inet6").splitlines():
        found[str(ipaddress.IPv6Address(int(line.split()[0], 16)))] = None
    return list(found)
