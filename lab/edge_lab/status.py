# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of a lab, looked at from outside."""

from __future__ import annotations

import socket

from . import image, infra, inventory, podman
from .state import Lab


def answers(address: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def report(lab: Lab) -> tuple[str, bool]:
    """A table for people, and whether everything that should answer does."""
    have = {container.host: container for container in podman.containers(lab.name)}
    lines = [f"lab {lab.name}: {lab.suite}, {lab.subnets.v4}, {lab.subnets.v6}"]
    well = True
    for host in ("infra", *lab.hosts):
        v4, v6 = lab.subnets.addresses(host)
        container = have.get(host)
        running = container is not None and container.running
        ports = _services(host) if running else {}
        silent = [name for name, port in ports.items() if not answers(v4, port)]
        state = "gone" if container is None else "running" if running else _ended(container)
        if running and container is not None and host != "infra" and not _current(lab, container):
            state += " (made from an older recipe)"
        if silent:
            state += f", no answer from {', '.join(silent)}"
        well = well and running and not silent
        lines.append(f"  {host:9} {v4:15} {v6:24} {state}")
    lines.append(f"  inventory {inventory.folder(lab)}")
    return "\n".join(lines), well


def _services(host: str) -> dict[str, int]:
    if host != "infra":
        return {"sshd": 22}
    return {"ACME": infra.ACME_PORT, "DNS": 53, "names": infra.NAMES_PORT, "mirror": infra.MIRROR_PORT}


def _ended(container: podman.Container) -> str:
    return "dead, though podman says running" if container.state == "running" else container.state


def _current(lab: Lab, container: podman.Container) -> bool:
    return container.recipe == image.host_recipe(lab.suite).key
