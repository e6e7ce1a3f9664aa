# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the host ports, and again when the flush of another program has taken them away.

    host_ports_watch.py {watch|load|unload} nftables NFT TABLE FILE
    host_ports_watch.py {watch|load|unload} iptables TOOL FILE [TOOL FILE]

``nft flush ruleset``, which Debian's nftables.service runs at start, reload and stop, deletes every table, those of iptables among them,
and no unit is notified. The kernel announces changes of the rule set over netlink; this program reads them and looks only at those that
are about its rules. It decodes nothing else, because kube-proxy makes thousands of changes. Changes by the legacy iptables are announced
nowhere. Standard library only; made by baremesh.edge.host_ports.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

_NETLINK_NETFILTER = 12
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NFNLGRP_NFTABLES = 7
_NFNL_SUBSYS_NFTABLES = 10
_NEWTABLE, _DELTABLE, _DELCHAIN, _DELRULE, _NEWGEN = 0, 2, 5, 8, 15
# The name of the table is attribute 1 in messages about tables, chains and rules alike, that of the chain depends on what it is about.
_TABLE_NAME = 1
_CHAIN_NAME = {_DELCHAIN: 3, _DELRULE: 2}
_LENGTH_AND_TYPE = struct.Struct("=IH")
# struct nlmsghdr, struct nfgenmsg
_HEADERS = struct.Struct("=IHHIIBBH")
_ATTRIBUTE = struct.Struct("=HH")
_NFPROTO_INET, _NFPROTO_IPV4, _NFPROTO_IPV6 = 1, 2, 10

# More returns than this in a minute mean that two programs fight over the rules, which a person has to settle.
_MOST_RETURNS = 20


def attributes(message: bytes) -> dict[int, bytes]:
    """Return the first three attributes of a message, where the names are."""
    found: dict[int, bytes] = {}
    offset = _HEADERS.size
    while offset + _ATTRIBUTE.size <= len(message) and len(found) < 3:
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        found[kind & 0x3FFF] = message[offset + _ATTRIBUTE.size : offset + length].rstrip(b"\0")
        offset += (max(length, _ATTRIBUTE.size) + 3) & ~3
    return found


class Nftables:
    """A table of our own."""

    def __init__(self, nft: str, table: str, path: str) -> None:
        self._nft, self._table, self._path = nft, table, path
        self.name = f"table inet {table}"
        self._bytes = table.encode()

    def concerns(self, _what: int, family: int, message: bytes) -> bool:
        """Return whether a message is about this table."""
        return family == _NFPROTO_INET and attributes(message).get(_TABLE_NAME) == self._bytes

    def is_there(self) -> bool:
        """Return whether the table exists."""
        return subprocess.run([self._nft, "list", "table", "inet", self._table], capture_output=True, check=False).returncode == 0

    def is_damaged(self) -> bool:
        """Return whether a removal that the kernel announced is a loss; for this table it always is."""
        return True

    def load(self) -> str:
        """Load the rules, and return what is wrong, empty if nothing is."""
        done = subprocess.run([self._nft, "-f", self._path], capture_output=True, text=True, check=False)
        return f"{self._path} cannot be loaded: {done.stderr.strip()}" if done.returncode else ""

    def unload(self) -> None:
        """Delete the table."""
        subprocess.run([self._nft, "delete", "table", "inet", self._table], check=False)


class Iptables:
    """Chains of our own in the nat tables, and the jumps to them, as the files hold them."""

    def __init__(self, *tools_and_files: str) -> None:
        self._files = dict(zip(tools_and_files[::2], tools_and_files[1::2]))
        self.name = "the redirects in the nat table"
        self._watched = {name.encode() for path in self._files.values() for name in self._chains(path)} | {b"PREROUTING", b"OUTPUT"}

    @staticmethod
    def _lines(path: str) -> list[str]:
        return [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    def _chains(self, path: str) -> list[str]:
        return [line.split()[0][1:] for line in self._lines(path) if line.startswith(":")]

    @staticmethod
    def _saved(tool: str) -> list[str]:
        return subprocess.run([f"{tool}-save", "-t", "nat"], capture_output=True, text=True, check=False).stdout.splitlines()

    @staticmethod
    def _restore(tool: str, lines: list[str]) -> str:
        text = "".join(f"{line}\n" for line in lines)
        done = subprocess.run([f"{tool}-restore", "--wait", "--noflush"], input=text, capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else ""

    def concerns(self, what: int, family: int, message: bytes) -> bool:
        """Return whether a message is about the loss of the nat table as a whole, of our chains, or in those that jump to them."""
        if family not in (_NFPROTO_IPV4, _NFPROTO_IPV6) or what == _NEWTABLE:
            return False
        found = attributes(message)
        return found.get(_TABLE_NAME) == b"nat" and (what not in _CHAIN_NAME or found.get(_CHAIN_NAME[what]) in self._watched)

    def is_there(self) -> bool:
        """Return whether every rule of the files is live."""
        return all(
            {line for line in self._lines(path) if line.startswith("-A ")} <= set(self._saved(tool)) for tool, path in self._files.items()
        )

    def is_damaged(self) -> bool:
        """Return whether a removal that the kernel announced is a loss; iptables-restore removes rules and makes them again."""
        return not self.is_there()

    def load(self) -> str:
        """Load the rules, and return what is wrong, empty if nothing is."""
        for tool, path in self._files.items():
            # A chain that the file declares is emptied first; a jump to it would come twice.
            jumps = {line for line in self._saved(tool) if line.split()[-1:] and line.split()[-1] in self._chains(path)}
            failure = self._restore(tool, [line for line in self._lines(path) if line not in jumps])
            if failure:
                return f"{path} cannot be loaded: {failure}"
        return ""

    def unload(self) -> None:
        """Delete the chains and the jumps to them."""
        for tool, path in self._files.items():
            saved = self._saved(tool)
            there = [name for name in self._chains(path) if any(line.startswith(f":{name} ") for line in saved)]
            jumps = [line.replace("-A ", "-D ", 1) for line in saved if line.startswith("-A ") and line.split()[-1] in there]
            self._restore(tool, ["*nat", *(f":{name} - [0:0]" for name in there), *jumps, *(f"-X {name}" for name in there), "COMMIT"])


class Changes:
    """What one transaction did to the rules, from the kernel's messages."""

    def __init__(self, rules: Nftables | Iptables) -> None:
        self._rules = rules
        self._removed = False

    def feed(self, data: bytes) -> bool:
        """Read the messages of one datagram, and return whether a transaction has ended that took something away."""
        damaged = False
        offset = 0
        while offset + _LENGTH_AND_TYPE.size <= len(data):
            length, kind = _LENGTH_AND_TYPE.unpack_from(data, offset)
            damaged |= self._message(kind, data[offset : offset + length])
            offset += (max(length, _LENGTH_AND_TYPE.size) + 3) & ~3
        return damaged

    def _message(self, kind: int, message: bytes) -> bool:
        subsystem, what = kind >> 8, kind & 0xFF
        if subsystem != _NFNL_SUBSYS_NFTABLES or len(message) < _HEADERS.size:
            return False
        if what == _NEWGEN:
            damaged, self._removed = self._removed, False
            return damaged
        if what in (_NEWTABLE, _DELTABLE, _DELCHAIN, _DELRULE) and self._rules.concerns(what, _HEADERS.unpack_from(message)[5], message):
            # A replacement deletes too, and makes the table again in the same transaction.
            self._removed = what != _NEWTABLE
        return False


def subscribe() -> socket.socket:
    """Open a socket that receives every change of this network namespace's rule set."""
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind((0, 0))
    listener.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
    return listener


def notify_ready() -> None:
    """Notify systemd, if it waits for that, that nothing is missed from now on."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", address.replace("@", "\0", 1) if address.startswith("@") else address)


def restore(rules: Nftables | Iptables, returns: list[float]) -> None:
    """Load the rules; end the program if that does not help."""
    now = time.monotonic()
    returns[:] = [moment for moment in returns if now - moment < 60] + [now]
    if len(returns) > _MOST_RETURNS:
        sys.exit(f"{rules.name} was taken away {len(returns)} times within a minute: another program fights over it; giving up")
    failure = rules.load()
    if failure:
        sys.exit(f"{rules.name} is gone and {failure}")
    print(f"{rules.name} was taken away by another program; loaded again", flush=True)


def watch(rules: Nftables | Iptables) -> None:
    """Watch until the process is ended."""
    changes = Changes(rules)
    returns: list[float] = []
    with subscribe() as listener:
        if not rules.is_there():
            restore(rules, returns)
        notify_ready()
        while True:
            try:
                damaged = changes.feed(listener.recv(1 << 16))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Messages were lost in a flood; what they said can be looked up.
                changes = Changes(rules)
                damaged = not rules.is_there()
            if damaged and rules.is_damaged():
                restore(rules, returns)


def main() -> None:
    """Do what the command line says."""
    command, backend, *arguments = sys.argv[1:]
    rules = {"nftables": Nftables, "iptables": Iptables}[backend](*arguments)
    if command == "watch":
        watch(rules)
    elif command == "load":
        sys.exit(rules.load() or 0)
    else:
        rules.unload()


if __name__ == "__main__":
    main()
