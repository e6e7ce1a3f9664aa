# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring host ports in place, or take them away, and prove it.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, model, nat, pods, proof
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.backends import Iptables, Nftables
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import File, Host

Backend = Union[Nftables, Iptables]
Result = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What the module was asked for, besides the host ports themselves."""

    path: Path
    files: Sequence[File]
    units: Sequence[str]
    refuse_held_ports: bool
    verify: str
    verify_addresses: list[str]
    label: str
    look_only: bool

    @classmethod
    def of(cls, params: Mapping[str, Any], look_only: bool) -> Options:
        """From the module's parameters."""
        return cls(
            path=Path(params["path"]),
            files=[File(Path(entry["path"]), entry["content"], int(entry["mode"], 8)) for entry in params["files"]],
            units=params["units"],
            refuse_held_ports=params["refuse_held_ports"],
            verify=params["verify"],
            verify_addresses=params["verify_addresses"],
            label=params["ports_label"],
            look_only=look_only,
        )


def present(desired: model.HostPorts, options: Options, host: Host, backend: Backend, other: Backend) -> Result:
    """Bring the host ports in place and return the module's result.

    Raises:
        HostPortsError: the options contradict each other, or the rules are refused.
    """
    backend.refuse(desired, options.label)
    own_files = backend.files(desired)
    wrong_rules = backend.drift(desired)
    wrong_files = {item: item.state() for item in (*own_files, *options.files) if item.state()}
    files_drift = [f"file {item.path}: {state}" for item, state in wrong_files.items()]
    leftovers = _leftovers(other)
    idle = host.idle_units(options.units)
    holders, cluster_ports = _holders(host, desired)
    before = [*backend.lines(desired), *other.lines(desired)]
    # Where host ports themselves differ, single rules say nothing more.
    details = wrong_rules if before in ([], desired.lines()) else []
    result: Result = {
        "changed": bool(wrong_rules or wrong_files or leftovers),
        "host_ports": desired.lines(),
        "drift": [*wrong_rules, *files_drift, *leftovers, *(f"unit {unit}: {state}" for unit, state in idle.items())],
        "files_written": [str(item.path) for item in wrong_files],
        "idle_units": list(idle),
        "holders": holders,
        "cluster_ports": cluster_ports,
        "leftovers": leftovers,
        "diff": {"before": _text([*before, *details, *files_drift, *leftovers]), "after": _text(desired.lines())},
    }
    if holders and options.refuse_held_ports:
        return {**result, "changed": False, "files_written": [], "msg": _held(holders), "failed": True}
    if not options.look_only:
        _store(host, backend, other, desired, list(wrong_files), bool(wrong_rules or set(own_files) & set(wrong_files)))
    if options.verify != "never" and not (options.look_only and wrong_rules):
        result |= _prove(desired, options, rewritten=True)
    return result


def absent(gone: model.HostPorts | None, options: Options, *backends: Backend) -> Result:
    """Remove all host ports, connect to those that are named and return the module's result."""
    paths = [item.path for item in options.files if item.path.exists()]
    found = [line for backend in backends for line in _leftovers(backend)] + [f"file {path}: present" for path in paths]
    before = [line for backend in backends for line in backend.lines()]
    if not options.look_only:
        for path in (*paths, *(path for backend in backends for path in backend.paths())):
            path.unlink(missing_ok=True)
        for backend in backends:
            backend.delete()
        with contextlib.suppress(OSError):  # others may keep files there
            options.path.parent.rmdir()
    result: Result = {
        "changed": bool(found),
        "host_ports": [],
        "drift": found,
        "files_written": [],
        "idle_units": [],
        "holders": [],
        "cluster_ports": [],
        "leftovers": [],
        "diff": {"before": _text([*before, *found]), "after": ""},
    }
    if gone:
        result |= _prove(gone, options, rewritten=False)
    return result


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _leftovers(backend: Backend) -> list[str]:
    return [*backend.leftovers(), *(f"file {path}: present" for path in backend.paths() if path.exists())]


def _holders(host: Host, desired: model.HostPorts) -> tuple[list[str], list[int]]:
    """Return who else serves a host port, in words, and the ports that Kubernetes serves by itself."""
    ports = [entry.port for entry in desired.ports]
    claims = nat.claims(host.nat_rules(), ports, [*listeners.own_addresses(), *proof.LOOPBACK])
    named = [*map(str, listeners.holders(ports)), *map(str, claims)]
    return named, sorted({claim.port for claim in claims if claim.cluster})


def _held(holders: list[str]) -> str:
    named = "; ".join(holders)
    return f"{named}: the host ports would take its connections away. Stop it or give it another port (or set refuse_held_ports to false)"


def _prove(desired: model.HostPorts, options: Options, rewritten: bool) -> Result:
    addresses = options.verify_addresses
    checks = proof.check_all(desired.ports, addresses or [*listeners.own_addresses(), "127.0.0.1"], rewritten=rewritten)
    found = pods.find()
    # A port with sources is not for every pod.
    unlimited = {entry.port for entry in desired.ports if not entry.sources}
    from_pod = proof.from_pod(
        [check for check in checks if check.port in unlimited] if found else [], pods.connect_from_any(found, proof.connect)
    )
    result: Result = {
        "checks": [check.as_result() for check in (*checks, *from_pod)],
        "pending": proof.pending(checks, rewritten),
        "untried": [] if found else ["from a pod: no pod with a network of its own runs on this host yet"],
    }
    failures = proof.failures(checks, options.verify == "always", bool(addresses), rewritten)
    failures += [check.text for check in from_pod if check.state == "fails"]
    return {**result, "msg": "; ".join(failures), "failed": True} if failures else result


def _store(host: Host, backend: Backend, other: Backend, desired: model.HostPorts, files: list[File], load: bool) -> None:
    """Write files and load rules; what the other backend left goes last, so that the ports are never without."""
    if load:
        backend.check(desired)
    for item in files:
        host.store(item)
    if load:
        backend.load(desired)
    for path in other.paths():
        path.unlink(missing_ok=True)
    other.delete()
