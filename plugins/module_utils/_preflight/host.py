# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host says of itself, from /proc, /sys and /etc. The root folder is passed in, so that tests bring their own."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import holders, read


def identity(root: Path) -> str:
    """Return what two inventory names of one machine have in common, and two machines or containers have not; empty if unknown."""
    boot = read(root / "proc/sys/kernel/random/boot_id").strip()
    try:
        return f"{boot}/{os.stat(root / 'proc/self/ns/net').st_ino}" if boot else ""
    except OSError:
        return ""


def cgroups(root: Path) -> dict[str, Any]:
    """Return the version of the control groups that the kubelet will find, and which resources can be controlled."""
    unified = read(root / "sys/fs/cgroup/cgroup.controllers").split()
    if (root / "sys/fs/cgroup/cgroup.controllers").exists():
        return {"version": 2, **{name: name in unified for name in ("memory", "cpuset", "cpu")}}
    enabled = {
        fields[0]: fields[3] == "1"
        for fields in (line.split() for line in read(root / "proc/cgroups").splitlines())
        if len(fields) == 4 and not fields[0].startswith("#")
    }
    return {"version": 1, **{name: enabled.get(name, False) for name in ("memory", "cpuset", "cpu")}}


def missing_modules(root: Path, release: str) -> list[str]:
    """Return which kernel modules K3s needs and will not find; none where it cannot be known, as in a container.

    Args:
        root: Folder that stands for the root of the host.
        release: The running kernel as C(uname -r) calls it.
    """
    folder = root / "lib/modules" / release
    listed = read(folder / "modules.dep") + read(folder / "modules.builtin")
    if not listed:
        return []
    names = {line.partition(":")[0].rpartition("/")[2].partition(".")[0].replace("-", "_") for line in listed.splitlines()}
    return [name for name in ("br_netfilter", "overlay", "vxlan") if name not in names and not (root / "sys/module" / name).exists()]


def selinux(root: Path) -> dict[str, bool]:
    """Return whether SELinux enforces, and whether it has the policy for K3s."""
    stores = (root / "var/lib/selinux").glob("*/active/modules/*/k3s") if (root / "var/lib/selinux").is_dir() else ()
    package = root / "usr/share/selinux/packages/k3s.pp"
    return {"enforcing": read(root / "sys/fs/selinux/enforce").strip() == "1", "policy": package.exists() or any(stores)}


def memory_mib(root: Path) -> int:
    """Return the memory of the host in MiB."""
    found = re.search(r"^MemTotal:\s*([0-9]{1,18})\b", read(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def free_mib(path: str) -> int:
    """Return the free space where a folder lies or will lie, in MiB."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    stat = os.statvfs(path)
    return int(stat.f_bavail * stat.f_frsize // (1 << 20))


def addresses(ip_output: str) -> list[str]:
    """Return the addresses under which others may reach the host, from the output of C(ip -o addr).

    Those of container networks are left out: no name may point there.
    """
    found = []
    for line in ip_output.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[2] not in ("inet", "inet6"):
            continue
        if fields[1].startswith(("lo", "cni", "flannel", "veth", "docker", "podman", "kube-", "cali", "cilium")):
            continue
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_interface(fields[3].split("@")[0]).ip
            if not (address.is_loopback or address.is_link_local):
                found.append(str(address))
    return list(dict.fromkeys(found))


def listeners(ports: Sequence[int], root: Path) -> list[dict[str, Any]]:
    """Return who listens on some TCP ports, and whether that is a pod of Kubernetes."""
    found = holders(ports, root / "proc")
    return [{**asdict(each), "pod": each.pid > 0 and "kubepods" in read(root / "proc" / str(each.pid) / "cgroup")} for each in found]


def ufw_enabled(root: Path) -> bool:
    """Tell whether ufw filters; its unit is active even if it does not."""
    return any(line.strip().lower() == "enabled=yes" for line in read(root / "etc/ufw/ufw.conf").splitlines())
