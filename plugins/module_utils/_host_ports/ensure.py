# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare host ports with what the host has, bring them in place, and take them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.backends import Iptables, Nftables
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import File, Host
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal, remove_file

_MARK = b"made by baremesh.edge.host_ports;"
Backend = Union[Nftables, Iptables]
Result = dict[str, Any]


def backends(name: str, host: Host, path: str) -> tuple[Backend, Backend]:
    """Return the backend of this name, and the other one."""
    nftables, iptables = Nftables(host, path), Iptables(host, path)
    return (iptables, nftables) if name == "iptables" else (nftables, iptables)


def leftovers(*unused: Backend) -> list[str]:
    """Return what backends that are not used have on the host, one sentence each."""
    return [
        line
        for backend in unused
        for line in (*backend.leftovers(), *(f"file {path}: present" for path in backend.paths() if _is_ours(path)))
    ]


@dataclass(frozen=True)
class Comparison:
    """What differs on the host, one sentence each: live rules, the files that hold the rules, and what the other backend has left."""

    rules: list[str]
    files: dict[File, str]
    leftovers: list[str]

    def files_drift(self) -> list[str]:
        """Return the files that differ in words."""
        return [f"file {item.path}: {state}" for item, state in self.files.items()]

    def drift(self) -> list[str]:
        """Return all that differs."""
        return [*self.rules, *self.files_drift(), *self.leftovers]


def compare(desired: model.HostPorts, backend: Backend, other: Backend) -> Comparison:
    """Compare the host ports with the host."""
    files = {item: item.state() for item in backend.files(desired)}
    return Comparison(backend.drift(desired), {item: state for item, state in files.items() if state}, leftovers(other))


def present(desired: model.HostPorts, host: Host, backend: Backend, other: Backend, check_mode: bool) -> Result:
    """Bring the host ports in place and return the module's result.

    Raises:
        HostPortsError: the rules are refused.
    """
    found = compare(desired, backend, other)
    before = [*backend.lines(desired), *other.lines(desired)]
    # Where host ports themselves differ, single rules say nothing more.
    details = found.rules if before in ([], desired.lines()) else []
    if not check_mode:
        _store(desired, found, host, backend, other)
    return {
        "changed": bool(found.drift()),
        "host_ports": desired.lines(),
        "drift": found.drift(),
        "files_written": [str(item.path) for item in found.files],
        "leftovers": found.leftovers,
        "diff": {"before": _text([*before, *details, *found.files_drift(), *found.leftovers]), "after": _text(desired.lines())},
    }


def absent(folder: Path, used: Sequence[Backend], check_mode: bool) -> Result:
    """Remove all host ports and return the module's result."""
    found = leftovers(*used)
    before = [line for backend in used for line in backend.lines()]
    if not check_mode:
        for backend in used:
            _remove(backend)
        if found:
            Removal().empty(str(folder))
    return {
        "changed": bool(found),
        "host_ports": [],
        "drift": found,
        "files_written": [],
        "leftovers": found,
        "diff": {"before": _text([*before, *found]), "after": ""},
    }


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _store(desired: model.HostPorts, found: Comparison, host: Host, backend: Backend, other: Backend) -> None:
    """Write files and load rules; what the other backend left goes last, so that the ports are never without."""
    if found.rules or found.files:
        backend.check(desired)
        for item in found.files:
            host.store(item)
        backend.load(desired)
    _remove(other)


def _remove(backend: Backend) -> None:
    for path in filter(_is_ours, backend.paths()):
        remove_file(path)
    backend.delete()


def _is_ours(path: Path) -> bool:
    """Whether a file was made here: the option names any path, and the other backend derives one from it."""
    return path.is_file() and _MARK in path.read_bytes()
