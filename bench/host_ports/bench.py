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
    if Path(PROXY).exists():
        ways["proxy"] = PROXY_PORT
        activate = (
            "import os, socket\n"
            f"s = socket.create_server(('::', {PROXY_PORT}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)\n"
            "os.dup2(s.fileno(), 3)\nos.set_inheritable(3, True)\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
            f"os.execv('{PROXY}', ['{PROXY}', '{LOOPBACK[4]}:{NODE_PORT}'])\n"
        )
        topology.spawn("node", sys.executable, "-c", activate)
        wait_until(lambda: topology.connect("client", NODE[4], PROXY_PORT)["result"] != "refused", "the proxy")
    return ways


def compare(topology: Topology, ways: dict[str, int], family: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure all ways in turn, connection by connection; medians over the rounds, also of each round's ratio to the NodePort."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _round in range(rounds):
        ports = [str(port) for port in ways.values()]
        done = topology.exec("client", sys.executable, LOAD, "load", NODE[family], str(seconds), *ports)
        report = json.loads(done.stdout)
        for name, port in ways.items():
            seen[name].append(report[str(port)])
    result = {}
    for name, samples in seen.items():
        row = {key: statistics.median(sample[key] for sample in samples) for key in ("rate", "p50", "p99")}
        for key in ("rate", "p99"):
            row[f"{key} ratio"] = statistics.median(own[key] / base[key] for own, base in zip(samples, seen["NodePort"], strict=True))
        for key in ("connections", "failed"):
            row[key] = sum(sample[key] for sample in samples)
        result[name] = row
    return result


def replace_under_load(topology: Topology, times: int) -> dict[str, int]:
    """Replace the rules under new and established connections; how many of each were lost."""
    text = rules.render(model.parse([{"port": HOST_PORT, "node_port": NODE_PORT}]))
    loads = [
        topology.spawn("client", sys.executable, LOAD, "load", NODE[family], str(max(4.0, times / 20)), str(HOST_PORT)) for family in (4, 6)
    ]
    replaced = 0
    while replaced < times or any(load.poll() is None for load in loads):
        topology.exec("node", "nft", "-f", "-", stdin=text)
        replaced += 1
        time.sleep(0.02)
    reports = [json.loads(load.communicate(timeout=60)[0])[str(HOST_PORT)] for load in loads]
    counts = {key: sum(report[key] for report in reports) for key in ("connections", "failed")}
    return {"replaced": replaced, "connections": counts["connections"], "lost": counts["failed"]}


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
            offered = {name: port for name, port in ways.items() if not (name == "proxy" and family == 6)}
            figures[f"IPv{family}"] = compare(topology, offered, family, options.rounds, options.seconds)
        figures["replacements"] = replace_under_load(topology, 100)
    finally:
        topology.close()
    missed = []
    for family, rows in ((key, value) for key, value in figures.items() if key.startswith("IPv")):
        print(f"{family:10}  new/s   ratio   p50 ms   p99 ms   ratio   failed")
        for name, row in rows.items():
            print(
                f"{name:10} {row['rate']:6.0f}  {row['rate ratio']:6.3f}  {row['p50'] * 1e3:7.3f}  {row['p99'] * 1e3:7.3f}"
                f"  {row['p99 ratio']:6.3f}  {row['failed']:6.0f}"
            )
        ours = rows["host port"]
        missed += [f"{family}: new connections at {ours['rate ratio']:.3f} of the NodePort's"] * (ours["rate ratio"] < BARS["rate"])
        missed += [f"{family}: p99 at {ours['p99 ratio']:.3f} of the NodePort's"] * (ours["p99 ratio"] > BARS["p99"])
    lost = figures["replacements"]
    print(f"rules replaced {lost['replaced']} times under {lost['connections']} new connections: {lost['lost']} lost")
    missed += [f"{lost['lost']} connections lost"] * bool(lost["lost"])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("missed: " + "; ".join(missed) if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
