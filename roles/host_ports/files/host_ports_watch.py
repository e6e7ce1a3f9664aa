# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the host ports again when somebody else's flush has taken them away: ``host_ports_watch.py NFT TABLE FILE``.

``nft flush ruleset``, which Debian's nftables.service runs at start, reload and stop, deletes every table, and no unit hears of it. The
kernel tells changes of the rule set over netlink; this program reads them and looks only at those that are about its table. It
decodes nothing else, because kube-proxy makes thousands of changes. Standard library only; made by baremesh.edge.host_ports.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
import time

_NETLINK_NETFILTER = 12
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NFNLGRP_NFTABLES = 7
_NFNL_SUBSYS_NFTABLES = 10
_NEWTABLE, _DELTABLE, _DELCHAIN, _DELRULE, _NEWGEN = 0, 2, 5, 8, 15
# The name of the table is attribute 1 in messages about tables, chains and rules alike.
_TABLE_NAME = 1
_LENGTH_AND_TYPE = struct.Struct("=IH")
# struct nlmsghdr, struct nfgenmsg, struct nlattr
_HEADERS = struct.Struct("=IHHIIBBHHH")
_NFPROTO_INET = 1

# More returns than this in a minute mean that two programs fight over the rules, which a person has to settle.
_MOST_RETURNS = 20


class Changes:
    """What one transaction did to the table, from the kernel's messages."""

    def __init__(self, table: str) -> None:
        self._name = table.encode() + b"\0"
        self._removed = self._made = False

    def feed(self, data: bytes) -> bool:
        """Read the messages of one datagram; tell whether a transaction has ended that took something away and did not replace it."""
        damaged = False
        offset = 0
        while offset + _LENGTH_AND_TYPE.size <= len(data):
            length, kind = _LENGTH_AND_TYPE.unpack_from(data, offset)
            damaged |= self._message(kind, data[offset : offset + length])
            offset += (max(length, _LENGTH_AND_TYPE.size) + 3) & ~3
        return damaged

    def _message(self, kind: int, message: bytes) -> bool:
        subsystem, what = kind >> 8, kind & 0xFF
        if subsystem != _NFNL_SUBSYS_NFTABLES:
            return False
        if what == _NEWGEN:
            damaged = self._removed and not self._made
            self._removed = self._made = False
            return damaged
        if what in (_NEWTABLE, _DELTABLE, _DELCHAIN, _DELRULE) and self._is_ours(message):
            self._made |= what == _NEWTABLE
            self._removed |= what != _NEWTABLE
        return False

    def _is_ours(self, message: bytes) -> bool:
        if len(message) < _HEADERS.size:
            return False
        fields = _HEADERS.unpack_from(message)
        family, length, attribute = fields[5], fields[8], fields[9]
        start = _HEADERS.size
        return family == _NFPROTO_INET and attribute & 0x3FFF == _TABLE_NAME and message[start : start + length - 4] == self._name


def subscribe() -> socket.socket:
    """Open a socket that receives every change of this network namespace's rule set."""
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind((0, 0))
    listener.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
    return listener


def notify_ready() -> None:
    """Tell systemd, if it asked to be told, that nothing is missed from now on."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", address.replace("@", "\0", 1) if address.startswith("@") else address)


def is_there(nft: str, table: str) -> bool:
    """Tell whether the table exists."""
    return subprocess.run([nft, "list", "table", "inet", table], capture_output=True, check=False).returncode == 0


def restore(nft: str, table: str, rules: str, returns: list[float]) -> None:
    """Load the rules; end the program if that does not help."""
    now = time.monotonic()
    returns[:] = [moment for moment in returns if now - moment < 60] + [now]
    if len(returns) > _MOST_RETURNS:
        sys.exit(f"table inet {table} was taken away {len(returns)} times within a minute: another program fights over it; giving up")
    done = subprocess.run([nft, "-f", rules], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"table inet {table} is gone and {rules} cannot be loaded: {done.stderr.strip()}")
    print(f"table inet {table} was taken away by another program; loaded again", flush=True)


def main() -> None:
    """Watch until the process is ended."""
    nft, table, rules = sys.argv[1:4]
    changes = Changes(table)
    returns: list[float] = []
    with subscribe() as listener:
        if not is_there(nft, table):
            restore(nft, table, rules, returns)
        notify_ready()
        while True:
            try:
                damaged = changes.feed(listener.recv(1 << 16))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Messages were lost in a flood; what they said can be looked up.
                changes = Changes(table)
                damaged = not is_there(nft, table)
            if damaged:
                restore(nft, table, rules, returns)


if __name__ == "__main__":
    main()
