#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host ports survive: each event on a lab host, and how long host port and NodePort were away after it, for IPv4 and IPv6.

Wants a lab (``lab/lab up``) whose host has host_ports on port 80 and something behind its NodePort. A cell is green if the host port
answers again, and not later than the NodePort does: what kube-proxy loses is kube-proxy's to restore.
"""

from __future__ import annotations

import argparse
import dataclasses
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

LAB = str(Path(__file__).parents[2] / "lab/lab")
TABLE = "baremesh_host_ports"
#: Host port and NodePort are tried one after the other, a refused one at once, a silent one for a second.
TOLERANCE = 1.5
KILLALL = "for t in iptables ip6tables; do $t-save | grep -v KUBE- | grep -v CNI- | grep -iv flannel | $t-restore; done"


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happens to a host; it is left out where the host does not have what it needs."""

    name: str
    command: str
    needs: str = "nft"


EVENTS = [
    Event("rules loaded again", "systemctl reload baremesh-host-ports"),
    Event("unit restarted", "systemctl restart baremesh-host-ports"),
    Event("table deleted", f"nft delete table inet {TABLE}"),
    Event("nft flush ruleset", "nft flush ruleset"),
    Event("nftables.service start", "systemctl start nftables"),
    Event("nftables.service restart", "systemctl restart nftables"),
    Event("nftables.service reload", "systemctl reload nftables"),
    Event("nftables.service stop", "systemctl stop nftables"),
    Event("firewalld start", "systemctl start firewalld", "firewall-cmd"),
    Event("firewall-cmd --reload", "firewall-cmd --reload", "firewall-cmd"),
    Event("firewalld stop", "systemctl stop firewalld", "firewall-cmd"),
    Event("ufw enable", "ufw --force enable", "ufw"),
    Event("ufw reload", "ufw reload", "ufw"),
    Event("ufw disable", "ufw disable", "ufw"),
    Event("K3s restart", "systemctl restart k3s || systemctl restart k3s-agent", "k3s"),
    Event("k3s-killall's rule filter", KILLALL, "iptables-save"),
    Event("reboot", "", "nft"),
]


def answers(address: str, port: int) -> bool:
    """Tell whether an HTTP server answers there within a second."""
    try:
        with socket.create_connection((address, port), timeout=1) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b" 200 " in client.recv(64)
    except OSError:
        return False


class Watch(threading.Thread):
    """Tries host port and NodePort at one address until both have answered for a while; when each failed last, after the start."""

    def __init__(self, address: str, ports: tuple[int, int], settle: float, limit: float) -> None:
        super().__init__()
        self.address = address
        self.failed = dict.fromkeys(ports, 0.0)
        self.done = False
        self._settle = settle
        self._limit = limit

    def run(self) -> None:
        """Try, until it has settled or the limit is reached."""
        begin = time.monotonic()
        while (now := time.monotonic() - begin) < self._limit:
            for port in self.failed:
                if not answers(self.address, port):
                    self.failed[port] = time.monotonic() - begin
            if now - max(*self.failed.values(), 0.0) > self._settle:
                self.done = True
                return
            # A pace, so that the host has processor time for its recovery.
            time.sleep(0.05)


def on_host(options: argparse.Namespace, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command on the lab host."""
    return subprocess.run(
        [LAB, "shell", "--name", options.lab, options.host, "--", "sh", "-c", command],
        check=check,
        capture_output=True,
        text=True,
        timeout=180,
    )


def address_of(options: argparse.Namespace, *arguments: str) -> str:
    """Return an address of the lab host."""
    done = subprocess.run([LAB, "address", "--name", options.lab, *arguments, options.host], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def happen(options: argparse.Namespace, event: Event) -> None:
    """Let an event happen."""
    if event.name == "reboot":
        subprocess.run([LAB, "restart", "--name", options.lab, options.host], check=True, capture_output=True, timeout=300)
    else:
        on_host(options, event.command)


def cells(options: argparse.Namespace, event: Event, addresses: dict[str, str]) -> list[str]:
    """Let an event happen and print a line per family; what was not green."""
    ports = (options.port, options.node_port)
    watches = {family: Watch(address, ports, options.settle, options.limit) for family, address in addresses.items()}
    happen(options, event)
    for watch in watches.values():
        watch.start()
    missed = []
    for family, watch in watches.items():
        watch.join()
        host_port, node_port = (watch.failed[port] for port in ports)
        green = watch.done and host_port <= node_port + TOLERANCE
        from_host = on_host(
            options, f"python3 -c 'import socket; socket.create_connection((\"{watch.address}\", {options.port}), 3)'", check=False
        )
        green = green and from_host.returncode == 0
        print(
            f"{event.name:28} {family}  {'green' if green else 'RED':5}  host port away {host_port:5.1f} s, NodePort {node_port:5.1f} s"
            f"{'' if watch.done else ', not back'}{'' if from_host.returncode == 0 else ', not from the host itself'}",
            flush=True,
        )
        missed += [] if green else [f"{event.name} {family}"]
    return missed


def main() -> int:
    """Go through the events; exit 1 if a cell is not green."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", required=True)
    parser.add_argument("--host", default="server1")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--node-port", type=int, default=30080)
    parser.add_argument("--settle", type=float, default=4.0, help="seconds without a failure after which an event is over")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that an event may last")
    parser.add_argument("--only", help="only events whose name contains this")
    options = parser.parse_args()
    addresses = {"IPv4": address_of(options), "IPv6": address_of(options, "-6")}
    for family, address in list(addresses.items()):
        if not answers(address, options.node_port):
            print(f"NodePort {options.node_port} does not answer at {address}: {family} is left out")
            del addresses[family]
    missed = [] if addresses else ["nothing to try"]
    tried = 0
    for event in EVENTS:
        if options.only and options.only not in event.name:
            continue
        if on_host(options, f"command -v {event.needs}", check=False).returncode:
            print(f"{event.name:28} left out: no {event.needs} on {options.host}")
            continue
        missed += cells(options, event, addresses)
        tried += len(addresses)
    print(f"{tried - len(missed)} of {tried} cells green" + (": not " + ", ".join(missed) if missed else ""))
    return 1 if missed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
