# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Under which address a K3s server announces itself, chosen as K3s chooses it."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text

_SIOCGIFADDR = 0x8915


def route_address() -> str:
    """Return the local address of the default route, IPv4 before IPv6, without sending anything."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return ""


def interface_address(name: str, inet6: str = "/proc/net/if_inet6") -> str:
    """Return an address of a network interface, IPv4 before IPv6, empty if it has none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            answer = fcntl.ioctl(asker.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            return socket.inet_ntoa(answer[20:24])
    except OSError:
        pass
    for fields in (line.split() for line in (read_text(inet6) or "").splitlines()):
        # The scope 00 is global; others cannot be reached from another network.
        if len(fields) == 6 and fields[5] == name and fields[3] == "00":
            with contextlib.suppress(ValueError):
                return str(ipaddress.ip_address(bytes.fromhex(fields[0])))
    return ""


def announced_address(config: Mapping[str, Any]) -> str:
    """Return under which address a server with this configuration is reached.

    K3s announces C(advertise-address), else the Node's external address, else its internal one, which C(flannel-iface) sets too.
    """
    for key in ("advertise-address", "node-external-ip", "node-ip"):
        value = config.get(key)
        if isinstance(value, list):
            value = value[0] if value else None
        if value:
            return str(value).split(",", maxsplit=1)[0].strip()
    interface = str(config.get("flannel-iface") or "")
    return (interface_address(interface) if interface else "") or route_address()


def join_url(address: str, config: Mapping[str, Any]) -> str:
    """Return the address that other nodes join at, empty without one."""
    if not address:
        return ""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{config.get('supervisor-port') or config.get('https-listen-port') or 6443}"
