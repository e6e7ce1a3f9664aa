#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host ports cost: new connections through them against the NodePort itself, a hostPort and a user-space proxy.

Runs as root in network namespaces, needs nothing but ip, nft, iptables and systemd-socket-proxyd. One client opens connections to
all of them in turn, so that what else the machine does hits all alike; figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/netns"), str(ROOT / ".collections")]

from topology import LOOPBACK, NODE, NODE_PORT, POD, TARGET_PORT, Topology, wait_until  # noqa: E402

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, rules  # noqa: E402

LOAD = str(HERE / "load.py")
PROXY = "/lib/systemd/systemd-socket-proxyd"
HOST_PORT, POD_HOST_PORT, PROXY_PORT = 80, 8081, 8082
HELD = 200
BARS = {"rate": 0.97, "p99": 1.1}


def prepare(topology: Topology) -> dict[str, int]:
    """Set all ways up side by side; the port of each."""
    topology.kube_proxy("iptables")
    server = topology.spawn("pod", sys.executable, LOAD, "serve", str(TARGET_PORT))
    assert server.stdout is not None
    server.stdout.readline()
    topology.exec("node", "nft", "-f", "-", stdin=rules.render(model.parse([{"port": HOST_PORT, "node_port": NODE_PORT}])))
    ways = {"NodePort": NODE_PORT, "host port": HOST_PORT, "hostPort": POD_HOST_PORT}
    for family, tool in ((4, "iptables"), (6, "ip6tables")):
        target = f"[{POD[family]}]:{TARGET_PORT}" if family == 6 else f"{POD[family]}:{TARGET_PORT}"
        rule = [
            "-p",
            "tcp",
            "-m",
            "addrtype",
            "--dst-type",
            "LOCAL",
            "--dport",
            str(POD_HOST_PORT),
            "-j",
            "DNAT",
            "--to-destination",
            target,
        ]
        topology.exec("node", tool, "-t", "nat", "-I", "PREROUTING", *rule)
        # The pod answers to the client directly.
        topology.ip("client", "route", "add", {4: "10.42.0.0/24", 6: "fd42::/64"}[family], "via", NODE[family])
    return ways


def load(topology: Topology, family: int, seconds: float, *ports: int) -> dict[int, dict[str, Any]]:
    """Open connections to the ports in turn; return what the client measured of each."""
    done = topology.exec("client", sys.executable, LOAD, "load", NODE[family], str(seconds), *map(str, ports))
    return {int(port): measured for port, measured in json.loads(done.stdout).items()}


def compare(topology: Topology, ways: dict[str, int], family: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure all ways in turn, connection by connection; medians over the rounds, also of each round's ratio to the NodePort."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _round in range(rounds):
        report = load(topology, family, seconds, *ways.values())
        for name, port in ways.items():
            seen[name].append(report[port])
    result = {}
    for name, samples in seen.items():
        row = {key: statistics.median(sample[key] for sample in samples) for key in ("rate", "p50", "p99")}
        for key in ("rate", "p99"):
            row[f"{key} ratio"] = statistics.median(own[key] / base[key] for own, base in zip(samples, seen["NodePort"], strict=True))
        for key in ("connections", "failed"):
            row[key] = sum(sample[key] for sample in samples)
        result[name] = row
    return result


def through_proxy(topology: Topology) -> dict[str, float]:
    """Measure a user-space proxy on the node, once, after everything else.

    Its connections to the NodePort are masqueraded and stay tracked for two minutes after their end. Some 10,000 of them make every new
    masqueraded connection wait some 10 ms for a free source port, those to the NodePort itself as well (Linux 6.18).
    """
    activate = (
        "import os, socket\n"
        f"s = socket.create_server(('::', {PROXY_PORT}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)\n"
        "os.dup2(s.fileno(), 3)\nos.set_inheritable(3, True)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
        f"os.execv('{PROXY}', ['{PROXY}', '{LOOPBACK[4]}:{NODE_PORT}'])\n"
    )
    topology.spawn("node", sys.executable, "-c", activate)
    wait_until(lambda: topology.connect("client", NODE[4], PROXY_PORT)["result"] != "refused", "the proxy")
    base, row = (load(topology, 4, 2.0, port)[port] for port in (NODE_PORT, PROXY_PORT))
    return row | {f"{key} ratio": row[key] / base[key] for key in ("rate", "p99")}


def replace_under_load(topology: Topology, times: int) -> dict[str, int]:
    """Replace the rules while connections are opened and others stand; how many of each there were and how many were lost."""
    text = rules.render(model.parse([{"port": HOST_PORT, "node_port": NODE_PORT}]))

    def client(verb: str, family: int, *arguments: object) -> subprocess.Popen[str]:
        return topology.spawn("client", sys.executable, LOAD, verb, NODE[family], *(str(argument) for argument in arguments))

    held = [client("hold", family, HOST_PORT, HELD) for family in (4, 6)]
    for child in held:
        assert child.stdout is not None
        if "open" not in child.stdout.readline():
            raise RuntimeError("connections through the host port could not be opened")
    loads = [client("load", family, max(4.0, times / 20), HOST_PORT) for family in (4, 6)]
    replaced = 0
    while replaced < times or any(load.poll() is None for load in loads):
        topology.exec("node", "nft", "-f", "-", stdin=text)
        replaced += 1
        time.sleep(0.02)
    opened = [json.loads(load.communicate(timeout=60)[0])[str(HOST_PORT)] for load in loads]
    stood = [json.loads(child.communicate("use\n", timeout=60)[0]) for child in held]
    return {
        "replaced": replaced,
        "opened": sum(report["connections"] for report in opened),
        "stood": sum(report["connections"] for report in stood),
        "lost": sum(report["failed"] for report in (*opened, *stood)),
    }


def main() -> int:
    """Print the tables; exit 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    topology = Topology("b")
    figures: dict[str, Any] = {}
    try:
        topology.open()
        ways = prepare(topology)
        for family in (4, 6):
            figures[f"IPv{family}"] = compare(topology, ways, family, options.rounds, options.seconds)
        figures["replacements"] = replace_under_load(topology, 100)
        if Path(PROXY).exists():
            figures["IPv4"]["proxy"] = through_proxy(topology)
    finally:
        topology.close()
    missed = []
    for name, rows in ((key, value) for key, value in figures.items() if key.startswith("IPv")):
        print(f"{name:10}  new/s   ratio   p50 ms   p99 ms   ratio   failed")
        for way, row in rows.items():
            print(
                f"{way:10} {row['rate']:6.0f}  {row['rate ratio']:6.3f}  {row['p50'] * 1e3:7.3f}  {row['p99'] * 1e3:7.3f}"
                f"  {row['p99 ratio']:6.3f}  {row['failed']:6.0f}"
            )
        ours = rows["host port"]
        missed += [f"{name}: new connections at {ours['rate ratio']:.3f} of the NodePort's"] * (ours["rate ratio"] < BARS["rate"])
        missed += [f"{name}: p99 at {ours['p99 ratio']:.3f} of the NodePort's"] * (ours["p99 ratio"] > BARS["p99"])
    lost = figures["replacements"]
    print("rules replaced {replaced} times while {opened} connections were opened and {stood} stood: {lost} lost".format(**lost))
    missed += [f"{lost['lost']} connections lost"] * bool(lost["lost"])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("missed: " + "; ".join(missed) if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
