# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of the lab that are delegated as in the world, on authoritative servers that take signed updates."""

from __future__ import annotations

import base64
import ipaddress
import secrets
from dataclasses import dataclass
from string import Template

from . import paths
from .state import Lab, write

SOURCE = paths.SOURCE / "infra"
FOLDER = "/etc/edge-lab/zones"
#: Reserved for tests (RFC 2606). Its server delegates the zones below it, and knows nothing else of them.
PARENT = "example"
KEY, OTHER_KEY = "edge-dns01", "edge-without-rights"
#: Last number of the addresses: the parent's server, two servers of the zones, and a resolver that begins at the parent. Far from those of
#: hosts, and of what tests add to infra.
ADDRESSES = {"parent": 241, "first": 242, "second": 243, "resolver": 244}


@dataclass(frozen=True)
class Zone:
    """A zone, by where it is and what its parent says of it."""

    name: str
    #: Servers that its parent names, none where the parent does not delegate it.
    servers: tuple[str, ...] = ("first",)
    #: Whether holders of the key may write TXT records.
    open: bool = False
    #: Whether the second server has a copy of its own, which stays as it is.
    copied: bool = False
    records: str = ""


#: Each has the records `*` and itself, which point to server1.
ZONES = (
    Zone("shop.example", open=True),
    # Of its names only their _acme-challenge is elsewhere, in a zone that holds nothing else.
    Zone("company.example", records="_acme-challenge CNAME company.challenges.example.\n_acme-challenge.eu CNAME eu.challenges.example.\n"),
    Zone("challenges.example", open=True),
    # Each of these has a fault.
    Zone("stale.example", ("first", "second"), open=True, copied=True),
    Zone("lame.example", ("second",), open=True),
    Zone("absent.example", (), open=True),
)


def address(lab: Lab, role: str) -> str:
    """Address of one of the servers."""
    return str(ipaddress.IPv4Network(lab.subnets.v4)[ADDRESSES[role]])


def key(lab: Lab, name: str = KEY) -> str:
    """The secret of a TSIG key in Base64, made once per lab."""
    path = lab.folder / "dns" / f"{name}.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(path, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return path.read_text().strip()


def zone_file(lab: Lab, zone: Zone) -> str:
    """The records of a zone."""
    servers = zone.servers or ("first",)
    names = "".join(f"@ NS {name}\n{name} A {address(lab, name)}\n" for name in servers)
    site = lab.address("server1")
    return f"$TTL 1\n$ORIGIN {zone.name}.\n@ SOA {servers[0]} hostmaster 1 1h 15m 30d 1\n{names}@ A {site}\n* A {site}\n{zone.records}"


def parent_file(lab: Lab) -> str:
    """The records of the parent: which servers each zone has."""
    lines = [f"$TTL 1\n$ORIGIN {PARENT}.\n@ SOA parent hostmaster 1 1h 15m 30d 1\n@ NS parent\nparent A {address(lab, 'parent')}\n"]
    lines += [
        f"{zone.name}. NS {name}.{zone.name}.\n{name}.{zone.name}. A {address(lab, name)}\n" for zone in ZONES for name in zone.servers
    ]
    return "".join(lines)


def _view(zone: Zone, updates: bool) -> str:
    kind = f"update-policy {{ grant {KEY} subdomain {zone.name}. TXT; }};" if updates and zone.open else ""
    folder = "first" if updates else "second"
    return f'  zone "{zone.name}" {{ type primary; file "{FOLDER}/{folder}/{zone.name}"; {kind} }};\n'


def files(lab: Lab) -> dict[str, bytes]:
    """What the servers need."""
    conf = Template((SOURCE / "named.conf.tmpl").read_text()).substitute(
        {role: address(lab, role) for role in ADDRESSES},
        folder=FOLDER,
        keys="".join(f'key {name} {{ algorithm hmac-sha256; secret "{key(lab, name)}"; }};\n' for name in (KEY, OTHER_KEY)),
        first_zones="".join(_view(zone, updates=True) for zone in ZONES),
        second_zones="".join(_view(zone, updates=False) for zone in ZONES if zone.copied),
    )
    addresses = "".join(f"ExecStartPre=/usr/sbin/ip address replace {address(lab, role)}/24 dev eth0\n" for role in ADDRESSES)
    found = {
        "/etc/edge-lab/named.conf": conf,
        "/etc/systemd/system/edge-lab-zones.service.d/addresses.conf": f"[Service]\n{addresses}",
        f"{FOLDER}/parent": parent_file(lab),
        **{f"{FOLDER}/first/{zone.name}": zone_file(lab, zone) for zone in ZONES},
        **{f"{FOLDER}/second/{zone.name}": zone_file(lab, zone) for zone in ZONES if zone.copied},
    }
    return {path: text.encode() for path, text in found.items()}
