# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH as an administrator has it: one key for the lab, every host's key known before the first connection."""

from __future__ import annotations

from pathlib import Path

from .run import require, run
from .state import Lab, write


def keygen(path: Path, comment: str) -> None:
    """Make an Ed25519 key pair unless it is there."""
    if path.exists() and path.with_suffix(".pub").exists():
        return
    require("ssh-keygen")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def user_key(lab: Lab) -> Path:
    """Private key that opens every host of the lab as root."""
    return lab.folder / "ssh" / "id_ed25519"


def host_key(lab: Lab, host: str) -> Path:
    """Private host key of one host, kept so that a host made again is still the host that is known."""
    return lab.folder / "ssh" / "hosts" / host


def known_hosts(lab: Lab) -> Path:
    """The file by which Ansible and people recognise the hosts."""
    return lab.folder / "ssh" / "known_hosts"


def write_known_hosts(lab: Lab) -> None:
    """List every host under its name and both addresses."""
    lines = []
    for host in lab.hosts:
        public = " ".join(host_key(lab, host).with_suffix(".pub").read_text().split()[:2])
        lines.append(f"{','.join((host, *lab.subnets.addresses(host)))} {public}\n")
    write(known_hosts(lab), "".join(lines))


def host_files(lab: Lab, host: str) -> dict[str, bytes]:
    """What a host needs so that the lab's key opens it and its own key is the known one."""
    key = host_key(lab, host)
    return {
        "/root/.ssh/authorized_keys": user_key(lab).with_suffix(".pub").read_bytes(),
        "/etc/ssh/ssh_host_ed25519_key": key.read_bytes(),
        "/etc/ssh/ssh_host_ed25519_key.pub": key.with_suffix(".pub").read_bytes(),
    }
