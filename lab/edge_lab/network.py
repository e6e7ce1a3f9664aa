# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: one network per lab, the same at each `up`, off everything the machine has."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import podman
from .errors import LabError
from .run import run

Network4 = ipaddress.IPv4Network
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# K3s's own default ranges for pods and services.
RESERVED = (Network4("10.42.0.0/16"), Network4("10.43.0.0/16"))
CANDIDATES = 16
_INFRA, _SERVERS, _AGENTS = 2, 10, 100
MOST_SERVERS, MOST_AGENTS = 89, 99


@dataclass(frozen=True)
class Subnets:
    """The two address ranges of a lab."""

    v4: str
    v6: str

    def addresses(self, host: str) -> tuple[str, str]:
        """IPv4 and IPv6 address of a lab host: `infra`, `serverN` or `agentN`."""
        offset = _offset(host)
        # The same last digits in both families, read as text, are easier on people than arithmetic.
        v6_base = ipaddress.IPv6Network(self.v6).network_address
        return str(Network4(self.v4)[offset]), str(v6_base + int(str(offset), 16))

    @property
    def gateway(self) -> str:
        """The machine's own address in the lab."""
        return str(Network4(self.v4)[1])


def _offset(host: str) -> int:
    if host == "infra":
        return _INFRA
    for kind, base in (("server", _SERVERS), ("agent", _AGENTS)):
        if host.startswith(kind) and host[len(kind) :].isdigit():
            return base + int(host[len(kind) :])
    raise LabError(f"host {host!r}: a lab has the hosts infra, server1..server{MOST_SERVERS}, agent1..agent{MOST_AGENTS}")


def candidates(name: str) -> list[Subnets]:
    """Subnets for a lab of this name, best first: deterministic, spread by a hash."""
    found = []
    for attempt in range(CANDIDATES):
        digest = hashlib.sha256(f"{name}/{attempt}".encode()).digest()
        # 10.100.0.0 to 10.227.255.0: away from K3s's ranges and from the low numbers that networks like.
        v4 = f"10.{100 + digest[0] % 128}.{digest[1]}.0/24"
        v6 = ipaddress.IPv6Network((int.from_bytes(b"\xfd" + digest[2:9] + bytes(8), "big"), 64))
        found.append(Subnets(v4, str(v6)))
    return found


def choose(name: str, taken: Iterable[Network]) -> Subnets:
    """The first candidate that overlaps nothing in `taken`.

    Raises LabError when all overlap.
    """
    used = [*taken, *RESERVED]
    options = candidates(name)
    for option in options:
        pair = (Network4(option.v4), ipaddress.IPv6Network(option.v6))
        if not any(mine.version == other.version and mine.overlaps(other) for mine in pair for other in used):
            return option
    raise LabError(
        f"no free subnet for lab {name!r}: all of {', '.join(option.v4 for option in options)} "
        "overlap a network of this machine; take another --name"
    )


def mac_address(v4: str) -> str:
    """The MAC address that goes with an IPv4 address, always the same: neighbours remember it for half a minute after a restart."""
    return ":".join(f"{octet:02x}" for octet in (0x02, 0x00, *ipaddress.IPv4Address(v4).packed))


def direct_rules(podman_name: str, bridge: str, fixed: str) -> str:
    """Rules, for `nft -f`, that keep the machine's NAT off what hosts of a lab send to each other.

    Where the machine filters bridged packets, podman would masquerade those to pods of another host, and that host's firewall would
    see a stranger. What is sent to the bridge itself leaves the lab, and keeps its NAT.
    """
    return f"""table inet {podman_name} {{}}
delete table inet {podman_name}
table inet {podman_name} {{
  chain bridged {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{bridge}" ether daddr != {fixed} notrack
  }}
}}
"""


def remove_rules(podman_name: str) -> None:
    """Remove the rules of a network."""
    run(["nft", "-f", "-"], stdin=f"table inet {podman_name} {{}}\ndelete table inet {podman_name}\n".encode())


def pin_bridge(podman_name: str, subnets: Subnets) -> None:
    """Give the machine's end of a network an address that stays.

    A bridge takes the lowest address of its ports: whenever a host comes or goes it may be another one, and the other hosts then
    answer to the old one for up to half a minute. The bridge exists while a host runs.
    """
    bridge = next(net["network_interface"] for net in podman.networks() if net["name"] == podman_name)
    fixed = mac_address(subnets.gateway)
    run(["nft", "-f", "-"], stdin=direct_rules(podman_name, bridge, fixed).encode())
    if (Path("/sys/class/net") / bridge / "address").read_text().strip() == fixed:
        return
    for family, knob in (("ipv4", "arp_notify"), ("ipv6", "ndisc_notify")):
        (Path("/proc/sys/net") / family / "conf" / bridge / knob).write_text("1\n")
    run(["ip", "link", "set", "dev", bridge, "address", fixed])


def machine_networks(routes: str, addresses: str) -> list[Network]:
    """Networks the machine uses, from `ip -json route` and `ip -json addr`; default routes are none."""
    targets = [route.get("dst", "default") for route in json.loads(routes or "[]")]
    infos = [info for link in json.loads(addresses or "[]") for info in link.get("addr_info", [])]
    used = [target for target in targets if target != "default"] + [f"{info['local']}/{info['prefixlen']}" for info in infos]
    return [ipaddress.ip_network(text, strict=False) for text in used]


def taken() -> list[Network]:
    """Every network that a new lab must keep off: the machine's and podman's."""
    found = machine_networks(run(["ip", "-json", "route"]).stdout, run(["ip", "-json", "addr"]).stdout)
    for network in podman.networks():
        found += [ipaddress.ip_network(subnet["subnet"]) for subnet in network.get("subnets") or []]
    return found


def ensure(podman_name: str, lab: str, subnets: Subnets) -> bool:
    """Create the podman network unless it is there with these subnets. Returns whether it was made.

    Raises LabError when a network of that name has other subnets.
    """
    for network in podman.networks():
        if network["name"] == podman_name:
            have = {subnet["subnet"] for subnet in network.get("subnets") or []}
            if have != {subnets.v4, subnets.v6}:
                raise LabError(
                    f"podman network {podman_name} has {', '.join(sorted(have))} instead of {subnets.v4}, {subnets.v6}; "
                    f"run `lab/lab down --name {lab}` first"
                )
            return False
    podman.podman(
        "network", "create", "--label", f"{podman.LABEL}={lab}",
        # The lab has its own DNS; podman's would take port 53 of the gateway and answer in its place.
        "--disable-dns",
        "--ipv6", "--subnet", subnets.v4, "--subnet", subnets.v6,
        podman_name,
    )  # fmt: skip
    return True
