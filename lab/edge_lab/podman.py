# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Podman, reduced to what the lab asks of it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LabError
from .run import run

# crun cannot set up this machine class's cgroup v1 layout with --cgroupns=private; runc can.
PODMAN = ("podman", "--runtime", "runc")
LABEL = "baremesh.edge.lab"
HOST_LABEL = "baremesh.edge.host"
SPEC_LABEL = "baremesh.edge.spec"
ALIVE_MARK = Path("/run/libpod/alive")
EXITS = Path("/run/libpod/exits")
LEASES = Path("/run/containers/networks/ipam.db")


@dataclass(frozen=True)
class Container:
    """What podman says about one container of a lab."""

    name: str
    lab: str
    host: str
    ident: str
    state: str
    pid: int
    spec: str
    recipe: str

    @property
    def running(self) -> bool:
        """Whether its first process is really there: podman's record may be of another life."""
        return self.state == "running" and is_container_process(self.pid)


def is_container_process(pid: int) -> bool:
    """Whether this process lives and is one that podman started: numbers are given out again."""
    try:
        # A zombie has no environment left.
        return pid > 0 and b"container=" in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def podman(*args: str, stdin: bytes | None = None, timeout: float = 120, check: bool = True) -> str:
    """Run one podman command and return what it printed."""
    return run([*PODMAN, *args], stdin=stdin, timeout=timeout, check=check).stdout


def boot_time(stat: str) -> int:
    """Seconds since the epoch at which the machine booted, from the text of /proc/stat."""
    for line in stat.splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    raise LabError("/proc/stat has no line `btime`")


def forget_other_boot() -> bool:
    """Make podman notice that the machine was booted since its last command.

    Podman recognises a reboot by a mark under /run. Where /run is not a tmpfs the mark survives, and podman
    goes on believing in processes, locks and leases that are gone. Returns whether a mark was removed.
    """
    try:
        marked = ALIVE_MARK.stat().st_mtime
    except FileNotFoundError:
        return False
    if marked >= boot_time(Path("/proc/stat").read_text()):
        return False
    # A clock that was set makes a boot look later than it was; a container that lives is proof.
    entries = json.loads(podman("ps", "--all", "--format", "json") or "[]")
    if any(Path(f"/proc/{entry['Pid']}").exists() for entry in entries if entry.get("Pid")):
        return False
    ALIVE_MARK.unlink(missing_ok=True)
    # Leases are kept beside it and are of the same other boot.
    LEASES.unlink(missing_ok=True)
    return True


def admit_death(container: Container) -> None:
    """Record for podman that a container ended, where its monitor did not.

    A container's monitor writes its exit code into a file. If the monitor was killed as well there is none, and
    podman says `running` for ever: it neither starts nor removes the container.
    """
    if container.state in ("running", "stopping") and not container.running:
        path = EXITS / container.ident
        if not path.exists():
            path.write_text(f"{128 + signal.SIGKILL}")


def containers(lab: str | None = None) -> list[Container]:
    """Containers of one lab, or of all labs, by name."""
    label = LABEL if lab is None else f"{LABEL}={lab}"
    listed: list[dict[str, Any]] = json.loads(podman("ps", "--all", "--filter", f"label={label}", "--format", "json") or "[]")
    found = [
        Container(
            name=entry["Names"][0],
            lab=entry["Labels"][LABEL],
            host=entry["Labels"].get(HOST_LABEL, ""),
            ident=entry["Id"],
            state=entry["State"],
            pid=int(entry.get("Pid") or 0),
            spec=entry["Labels"].get(SPEC_LABEL, ""),
            recipe=entry.get("Image", "").rpartition(":")[2],
        )
        for entry in listed
    ]
    return sorted(found, key=lambda container: container.name)


def remove(names: Iterable[str]) -> None:
    """Remove containers with their volumes, whatever state they are in; none is an error."""
    gone = list(names)
    command = ("rm", "--force", "--volumes", "--ignore", "--time", "5", *gone)
    if not gone:
        return
    try:
        podman(*command, timeout=180)
    except LabError:
        # Podman refuses a container that ends by itself just before it would be killed. Then it has ended.
        podman(*command, timeout=180)


def image_exists(reference: str) -> bool:
    """Whether podman has this image."""
    return run([*PODMAN, "image", "exists", reference], check=False).returncode == 0


def networks() -> list[dict[str, Any]]:
    """Every podman network as podman describes it.

    In one call: another lab may remove its network at any moment.
    """
    return list(json.loads(podman("network", "ls", "--format", "json") or "[]"))


def exec_argv(name: str, command: Sequence[str], *, tty: bool, env: Mapping[str, str]) -> list[str]:
    """The command line that runs `command` in a container, for an exec of this process."""
    argv = [*PODMAN, "exec", "--interactive"]
    if tty:
        argv.append("--tty")
    for key, value in env.items():
        argv += ["--env", f"{key}={value}"]
    return [*argv, name, *command]


def replace_process(argv: Sequence[str]) -> None:
    """Become another program, so that signals, terminal and exit code are its own."""
    os.execvp(argv[0], list(argv))  # noqa: S606
