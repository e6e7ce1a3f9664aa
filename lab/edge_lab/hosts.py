# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts: systemd containers that behave as bare Debian servers."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import network, podman
from .errors import LabError
from .run import run

START_TIMEOUT = 60.0

# Files that only root may read; everything else is world readable, as on an installed server.
_PRIVATE = ("/root/.ssh/", "/etc/ssh/ssh_host_ed25519_key", "/etc/pebble/key.pem")


@dataclass(frozen=True)
class Spec:
    """Everything that decides what a container is. A container of another spec is made again."""

    lab: str
    host: str
    container: str
    image: str
    network: str
    addresses: tuple[str, str]
    dns: tuple[str, ...]
    systemd_cmdline: str = ""
    mounts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, hash=False)
    volumes: tuple[str, ...] = ()
    keyed_files: bool = False

    @property
    def key(self) -> str:
        """Changes when the container would have to be made again."""
        parts = [self.network, self.addresses, self.dns, sorted(self.mounts.items()), self.systemd_cmdline]
        if self.keyed_files:
            parts.append([(path, hashlib.sha256(content).hexdigest()) for path, content in sorted(self.files.items())])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def create_argv(spec: Spec) -> list[str]:
    """Arguments of `podman create`. `lab/README.md` says what fails without each."""
    argv = [
        "create", "--name", spec.container, "--hostname", spec.host,
        "--label", f"{podman.LABEL}={spec.lab}",
        "--label", f"{podman.HOST_LABEL}={spec.host}",
        "--label", f"{podman.SPEC_LABEL}={spec.key}",
        "--privileged", "--systemd=false", "--cgroupns=private",
        "--tmpfs", "/run:rw,mode=755,exec", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec",
        "--stop-signal", "SIGRTMIN+3", "--env", "container=podman",
        "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=30000:30000", "--pids-limit", "-1",
        "--volume", "/dev/kmsg:/dev/kmsg",
        # A reboot from inside ends the first process by a signal; the machine starts it again.
        "--restart", "on-failure",
        "--network", spec.network, "--ip", spec.addresses[0], "--ip6", spec.addresses[1],
        "--mac-address", network.mac_address(spec.addresses[0]),
        "--no-hosts",
    ]  # fmt: skip
    for server in spec.dns:
        argv += ["--dns", server]
    if spec.systemd_cmdline:
        argv += ["--env", f"SYSTEMD_PROC_CMDLINE={spec.systemd_cmdline}"]
    for volume in spec.volumes:
        argv += ["--volume", volume]
    for source, target in spec.mounts.items():
        argv += ["--volume", f"{source}:{target}:ro"]
    return [*argv, spec.image, "/sbin/init"]


def systemd_cmdline(suite: str) -> str:
    """Options that systemd needs on a machine with cgroup v1: from version 257 on it refuses to start there."""
    if suite == "bookworm" or Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return ""
    return "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"


def etc_hosts(host: str) -> bytes:
    """/etc/hosts as Debian's installer writes it."""
    return (
        f"127.0.0.1\tlocalhost\n127.0.1.1\t{host}\n\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    ).encode()


def archive(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A tar of files (absolute path to content) and symbolic links (path to target), owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        if any(path.startswith("/root/.ssh/") for path in files):
            folder = tarfile.TarInfo("root/.ssh")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o700
            tar.addfile(folder)
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mtime = len(content), int(time.time())
            entry.mode = 0o600 if path.startswith(_PRIVATE) and not path.endswith(".pub") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        for path, target in sorted((links or {}).items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        end = tar.offset + 2 * tarfile.BLOCKSIZE
    # Nothing behind the two blocks that end a tar: who unpacks it in podman may be gone before it has got what Python fills up with,
    # and then `podman cp` fails with "broken pipe".
    return buffer.getvalue()[:end]


def ensure(spec: Spec, have: podman.Container | None, links: Mapping[str, str] | None = None) -> str:
    """Bring one host up. Returns what was done: `kept`, `started` or `made`, with a reason where it matters."""
    if have is not None and have.spec == spec.key:
        if have.running:
            return "kept"
        podman.admit_death(have)
        begun = run([*podman.PODMAN, "start", spec.container], check=False)
        if begun.returncode == 0:
            return "started"
        reason = f"made again, as it did not start ({' '.join(begun.stderr.strip().splitlines()[-1:])})"
    else:
        reason = "made" if have is None else "made again, as its settings changed"
        if have is not None:
            podman.admit_death(have)
    # A container of this name that is no lab's would be in the way as well.
    podman.remove([spec.container])
    podman.podman(*create_argv(spec))
    podman.podman("cp", "-", f"{spec.container}:/", stdin=archive(spec.files, links))
    podman.podman("start", spec.container)
    return reason


def wait_booted(container: str) -> str:
    """Wait until systemd has finished starting; returns its word, `running` or `degraded`.

    Raises LabError when it does not within START_TIMEOUT, or ends elsewhere.
    """
    deadline = time.monotonic() + START_TIMEOUT
    said = ""
    while time.monotonic() < deadline:
        # Before the bus is up `--wait` cannot wait; only then is this a poll.
        done = run([*podman.PODMAN, "exec", container, "systemctl", "is-system-running", "--wait"], check=False, timeout=START_TIMEOUT)
        said = done.stdout.strip() or done.stderr.strip()
        if said in ("running", "degraded"):
            return said
        time.sleep(0.1)
    raise LabError(f"{container}: systemd is not up after {START_TIMEOUT:.0f} s ({said}); see `podman logs {container}`")


def wait_port(address: str, port: int, what: str, timeout: float = START_TIMEOUT) -> None:
    """Wait until something accepts connections.

    Raises LabError when nothing does within `timeout`.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((address, port), timeout=2).close()
            return
        except OSError as refused:
            if time.monotonic() > deadline:
                raise LabError(f"{what} does not answer on {address}:{port}: {refused}") from refused
            time.sleep(0.05)


def failed_units(container: str) -> Sequence[str]:
    """Units that systemd calls failed."""
    text = podman.podman("exec", container, "systemctl", "list-units", "--failed", "--no-legend", "--plain", check=False)
    return [line.split()[0] for line in text.splitlines() if line.strip()]
