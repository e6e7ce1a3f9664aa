# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client, a node and two pods as network namespaces, with NAT rules in the shape that kube-proxy gives them.

Nothing here needs Kubernetes: what matters is which hooks and priorities the rules sit in. Names carry the process id, so runs
side by side do not meet, and ``close`` removes all of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PEER = Path(__file__).with_name("peer.py")
NODE = {4: "198.51.100.10", 6: "2001:db8:51::10"}
CLIENT = {4: "198.51.100.20", 6: "2001:db8:51::20"}
POD = {4: "10.42.0.10", 6: "fd42::10"}
OTHER_POD = {4: "10.42.0.11", 6: "fd42::11"}
BRIDGE = {4: "10.42.0.1", 6: "fd42::1"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
TARGET_PORT = 8080
NODE_PORT = 30080

# kube-proxy, proxy mode iptables: PREROUTING and OUTPUT jump to KUBE-SERVICES, whose last rule sends what is addressed to this host
# to KUBE-NODEPORTS; a Service's external chain marks for masquerade and ends in DNAT.
_IPTABLES_NAT = """*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-EXT-TEST - [0:0]
:KUBE-SVC-TEST - [0:0]
:KUBE-SEP-TEST - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES{not_loopback} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
{nodeport}-A KUBE-SVC-TEST -j KUBE-SEP-TEST
-A KUBE-SEP-TEST -s {pod} -j KUBE-MARK-MASQ
-A KUBE-SEP-TEST -p tcp -m tcp -j DNAT --to-destination {target}
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
"""
_IPTABLES_CLUSTER = (
    "-A KUBE-NODEPORTS -p tcp -m tcp --dport {port} -j KUBE-EXT-TEST\n"
    "-A KUBE-EXT-TEST -j KUBE-MARK-MASQ\n"
    "-A KUBE-EXT-TEST -j KUBE-SVC-TEST\n"
)
_IPTABLES_LOCAL = (
    "-A KUBE-NODEPORTS -p tcp -m tcp --dport {port} -j KUBE-EXT-TEST\n"
    "-A KUBE-EXT-TEST -s {pods} -j KUBE-SVC-TEST\n"
    "-A KUBE-EXT-TEST -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ\n"
    "-A KUBE-EXT-TEST -m addrtype --src-type LOCAL -j KUBE-SVC-TEST\n"
    "-A KUBE-EXT-TEST -j KUBE-SVC-TEST\n"
)
# No endpoints: nothing in nat, a reject in filter.
_IPTABLES_REJECT = """*filter
:KUBE-EXTERNAL-SERVICES - [0:0]
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL -m tcp --dport {port} -j REJECT --reject-with {icmp}
COMMIT
"""
# kube-proxy, proxy mode nftables: one table per family, a verdict map from port to chain, node addresses instead of loopback.
_NFTABLES = """table {family} kube-proxy {{
  set nodeport-ips {{ type {addr_type}; elements = {{ {node}, {bridge} }} }}
  chain mark-for-masquerade {{ meta mark set meta mark or 0x4000; }}
  chain masquerading {{ meta mark & 0x4000 == 0 return; meta mark set meta mark and 0xffffbfff; masquerade fully-random; }}
  chain endpoint {{ {family} saddr {pod} jump mark-for-masquerade; meta l4proto tcp dnat to {target}; }}
  chain external {{ {masquerade} goto endpoint; }}
  map service-nodeports {{ type inet_proto . inet_service : verdict; elements = {{ tcp . {port} : goto external }} }}
  chain nodeports {{ {family} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports; }}
  chain services {{ fib daddr type local jump nodeports; }}
  chain nat-prerouting {{ type nat hook prerouting priority dstnat; jump services; }}
  chain nat-output {{ type nat hook output priority -100; jump services; }}
  chain nat-postrouting {{ type nat hook postrouting priority srcnat; jump masquerading; }}
}}
"""


def run(*command: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, at most 60 s; its output is text."""
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=60, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done


class Topology:
    """The namespaces, and what tests do in them."""

    def __init__(self, tag: str) -> None:
        self.tag = f"{tag}{os.getpid()}"
        self._children: list[subprocess.Popen[str]] = []
        self.namespaces = {name: f"bm{self.tag}-{name}" for name in ("client", "node", "pod", "pod2")}

    def open(self) -> None:
        """Make the namespaces, links, addresses and routes."""
        for namespace in self.namespaces.values():
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            # Duplicate address detection makes link-local addresses useless for a second, and neighbours are asked from them.
            quiet = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.dad_transmits=0"]
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", *quiet)
        self._link("client", "eth0", "node", "eth0")
        self.ip("node", "link", "add", "cni0", "type", "bridge")
        self.ip("node", "link", "set", "cni0", "up")
        for pod, port in (("pod", "veth1"), ("pod2", "veth2")):
            self._link(pod, "eth0", "node", port)
            self.ip("node", "link", "set", port, "master", "cni0")
            self.ip("node", "link", "set", port, "type", "bridge_slave", "hairpin", "on")
        for family, prefix, pod_prefix in ((4, "/24", "/24"), (6, "/64", "/64")):
            self._address("client", "eth0", CLIENT[family] + prefix)
            self._address("node", "eth0", NODE[family] + prefix)
            self._address("node", "cni0", BRIDGE[family] + pod_prefix)
            self._address("pod", "eth0", POD[family] + pod_prefix)
            self._address("pod2", "eth0", OTHER_POD[family] + pod_prefix)
            for pod in ("pod", "pod2"):
                self.ip(pod, f"-{family}", "route", "add", "default", "via", BRIDGE[family])
        settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.route_localnet=1"]
        self.exec("node", "sysctl", "-qw", *settings)

    def close(self) -> None:
        """End the processes and remove the namespaces, whatever of it there is."""
        for child in self._children:
            child.kill()
            child.wait(timeout=10)
        for namespace in self.namespaces.values():
            run("ip", "netns", "del", namespace, check=False)

    def ip(self, where: str, *arguments: str) -> None:
        """Run ``ip`` for one namespace."""
        run("ip", "-n", self.namespaces[where], *arguments)

    def exec(self, where: str, *command: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside one namespace."""
        return run("ip", "netns", "exec", self.namespaces[where], *command, stdin=stdin, check=check)

    def spawn(self, where: str, *command: str) -> subprocess.Popen[str]:
        """Start a process inside one namespace; ``close`` ends it."""
        child = subprocess.Popen(
            ["ip", "netns", "exec", self.namespaces[where], *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._children.append(child)
        return child

    def serve(self, where: str, port: int, name: str) -> subprocess.Popen[str]:
        """Start an echo server and return when it listens."""
        child = self.spawn(where, sys.executable, str(PEER), "serve", "--port", str(port), "--name", name)
        assert child.stdout is not None
        if "listening" not in child.stdout.readline():
            raise RuntimeError(f"no server on port {port} in {where}")
        return child

    def stop(self, child: subprocess.Popen[str]) -> None:
        """End one process started here."""
        child.kill()
        child.wait(timeout=10)

    def connect(self, where: str, address: str, port: int, *, timeout: float = 2.0, size: int = 0, source_port: int = 0) -> dict[str, Any]:
        """One connection from a namespace; what came of it."""
        done = self.exec(
            where, sys.executable, str(PEER), "connect", "--address", address, "--port", str(port),
            "--timeout", str(timeout), "--size", str(size), "--source-port", str(source_port),
        )  # fmt: skip
        return dict(json.loads(done.stdout))

    def hold(self, where: str, address: str, port: int, *, source_port: int = 0, pause: bool = False) -> subprocess.Popen[str]:
        """Start an established connection that pings without pause until ``release``; with ``pause`` only then, once."""
        child = self.spawn(
            where, sys.executable, str(PEER), "hold", "--address", address, "--port", str(port), "--timeout", "10",
            "--source-port", str(source_port), *(["--pause"] if pause else []),
        )  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        return child

    def release(self, child: subprocess.Popen[str]) -> dict[str, Any]:
        """End a held connection; how it went."""
        out, _err = child.communicate(input="\n", timeout=30)
        return dict(json.loads(out))

    def kube_proxy(self, mode: str, *, policy: str = "Cluster", port: int = NODE_PORT) -> None:
        """Load NodePort rules as kube-proxy would: ``iptables`` or ``nftables``; policy Cluster, Local or ``None`` (no endpoints)."""
        for family, save in ((4, "iptables"), (6, "ip6tables")):
            bracket = f"[{POD[family]}]" if family == 6 else POD[family]
            values: dict[str, Any] = {
                "pod": POD[family],
                "target": f"{bracket}:{TARGET_PORT}",
                "port": port,
                "node": NODE[family],
                "bridge": BRIDGE[family],
            }
            values["not_loopback"] = " ! -d ::1/128" if family == 6 else ""
            if mode == "nftables":
                values |= {"family": "ip6" if family == 6 else "ip", "addr_type": f"ipv{family}_addr"}
                values["masquerade"] = (
                    "jump mark-for-masquerade;" if policy == "Cluster" else "fib saddr type local jump mark-for-masquerade;"
                )
                self.exec("node", "nft", "-f", "-", stdin=_NFTABLES.format(**values))
                continue
            pods = "fd42::/64" if family == 6 else "10.42.0.0/24"
            external = {"Cluster": _IPTABLES_CLUSTER, "Local": _IPTABLES_LOCAL, "None": ""}[policy].format(port=port, pods=pods)
            self.exec("node", f"{save}-restore", "--noflush", stdin=_IPTABLES_NAT.format(nodeport=external, **values))
            if policy == "None":
                icmp = "icmp6-port-unreachable" if family == 6 else "icmp-port-unreachable"
                self.exec("node", f"{save}-restore", "--noflush", stdin=_IPTABLES_REJECT.format(port=port, icmp=icmp))

    def _link(self, left: str, left_name: str, right: str, right_name: str) -> None:
        peer = ["peer", "name", right_name, "netns", self.namespaces[right]]
        run("ip", "-n", self.namespaces[left], "link", "add", left_name, "type", "veth", *peer)
        self.ip(left, "link", "set", left_name, "up")
        self.ip(right, "link", "set", right_name, "up")

    def _address(self, where: str, device: str, address: str) -> None:
        nodad = ["nodad"] if ":" in address else []
        self.ip(where, "address", "add", address, "dev", device, *nodad)


def wait_until(condition: Any, what: str, seconds: float = 10.0) -> None:
    """Wait for something that has no event to wait on; the message says what did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        with contextlib.suppress(InterruptedError):
            time.sleep(0.05)
