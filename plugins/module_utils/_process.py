# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process of an earlier run still lives, on the same host."""

from __future__ import annotations

import os


def own_identity() -> str:
    """A name of this process that no other has, here or elsewhere; empty on systems without /proc."""
    return identity_of(os.getpid())


def has_ended(identity: str) -> bool:
    """True only if that process ran here, where it would be seen, and is gone."""
    return lives(identity) is False


def lives(identity: str) -> bool | None:
    """Whether that process still runs; None if it ran where it cannot be seen from here."""
    place, _space, number = identity.rpartition(" ")[0].rpartition(" ")
    if not number.isdecimal() or not place or place != _place():
        return None
    return identity_of(number) == identity


def identity_of(number: int | str) -> str:
    """A name of the process with this number that no other has, here or elsewhere; empty on systems without /proc."""
    place = _place()
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as stat:
            # Behind the name, which may hold anything: the state is the third field, the start the twenty-second.
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{place} {number} {fields[19]}" if place else ""


def _place() -> str:
    """The boot of the machine and the PID namespace in it: process numbers mean something only there."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            return f"{boot.read().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
