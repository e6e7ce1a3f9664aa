# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections from inside a pod of this host, without an image, an API or a program in the pod.

A child process enters the network namespace of a container's process, connects, and ends. What it finds there is what the pod has:
its address, its routes, the bridge.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Callable, Optional

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import read, read_link

Connect = Callable[[str, int], Optional[str]]

_CLONE_NEWNET = 0x40000000
_LONGEST_ANSWER = 4096


def find(proc: Path = Path("/proc"), most: int = 3) -> list[int]:
    """Return a process of each of a few pods with a network of their own; none if there are none here, or they cannot be seen."""
    own = read_link(proc / "1/ns/net")
    found: dict[str, int] = {}
    for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()):
        process = proc / str(pid)
        namespace = read_link(process / "ns/net")
        if namespace not in ("", own) and "kubepods" in read(process / "cgroup"):
            found.setdefault(namespace, pid)
        if len(found) == most:
            break
    return list(found.values())


def _enter(pid: int) -> None:
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def connect_from_any(pids: list[int], connect: Connect) -> Connect:
    """Return a function that connects from one network after the other until one can: a pod may be kept in by a NetworkPolicy."""

    def inside(address: str, port: int) -> str | None:
        failure: str | None = "no pod"
        for pid in pids:
            failure = connect_from(pid, connect)(address, port)
            if failure is None:
                break
        return failure

    return inside


def connect_from(pid: int, connect: Connect) -> Connect:
    """Return a function that connects as ``connect`` does, but from the network of a process."""

    def inside(address: str, port: int) -> str | None:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            answer = "the network of the pod cannot be entered"
            try:
                _enter(pid)
                answer = connect(address, port) or ""
            except OSError as error:
                answer = f"{answer}: {error.strerror or error}"
            finally:
                os.write(writer, answer.encode()[:_LONGEST_ANSWER])
                # Nothing of the parent may run twice: no exit handlers, no buffers.
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as answers:
            failure = answers.read()
        os.waitpid(child, 0)
        return failure or None

    return inside
