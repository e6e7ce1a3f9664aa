# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of host_ports do to real TCP, next to rules in kube-proxy's shape."""

from __future__ import annotations

from typing import Any

import pytest
from topology import BRIDGE, CLIENT, LOOPBACK, NODE, NODE_PORT, OTHER_POD, POD, Topology

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import live, model, rules

FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
MODES = pytest.mark.parametrize("mode", ["iptables", "nftables"])


def load(topology: Topology, **options: Any) -> model.HostPorts:
    """Load the rules for port 80 as the unit does."""
    ports = options.pop("ports", [{"port": 80, "node_port": NODE_PORT}])
    desired = model.parse(ports, **options)
    topology.exec("node", "nft", "-f", "-", stdin=rules.render(desired))
    return desired


def client_of(answer: dict[str, Any]) -> str:
    assert answer["result"] == "ok", answer
    return str(answer["client"]).removeprefix("::ffff:")


@FAMILIES
@pytest.mark.parametrize("rule", ["REDIRECT --to-ports 30080", "DNAT --to-destination {node}:30080"], ids=["redirect", "dnat"])
@pytest.mark.parametrize("place", ["-I", "-A"], ids=["before", "after"])
def test_why_not_nat(topology: Topology, family: int, rule: str, place: str) -> None:
    """The reason for all of this: a nat rule to a NodePort is refused, before and after kube-proxy's jump."""
    topology.kube_proxy("iptables")
    node = f"[{NODE[family]}]" if family == 6 else NODE[family]
    arguments = rule.format(node=node).split()
    tool = "ip6tables" if family == 6 else "iptables"
    topology.exec("node", tool, "-t", "nat", place, "PREROUTING", "-p", "tcp", "--dport", "80", "-j", *arguments)
    assert topology.connect("client", NODE[family], NODE_PORT)["result"] == "ok"
    assert topology.connect("client", NODE[family], 80)["result"] == "refused"


@FAMILIES
@MODES
@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_all_clients_reach_the_node_port(topology: Topology, family: int, mode: str, policy: str) -> None:
    """Clients outside, pods, the serving pod itself and the host; each sees what the NodePort itself shows, both ports still work."""
    topology.kube_proxy(mode, policy=policy)
    load(topology)
    for where, address in [
        ("client", NODE[family]),
        ("node", NODE[family]),
        ("pod", NODE[family]),
        ("pod2", NODE[family]),
        ("pod2", BRIDGE[family]),
    ]:
        through = client_of(topology.connect(where, address, 80, size=300_000))
        assert through == client_of(topology.connect(where, address, NODE_PORT)), (where, address)
        if policy == "Local":
            expected = {"client": CLIENT[family], "pod2": OTHER_POD[family]}.get(where)
            assert expected in (None, through), (where, address)


@FAMILIES
@MODES
def test_loopback_is_as_kube_proxy_serves_it(topology: Topology, family: int, mode: str) -> None:
    """127.0.0.1 answers where kube-proxy has NodePorts on it (iptables mode, IPv4), and is refused at once elsewhere."""
    topology.kube_proxy(mode)
    load(topology)
    expected = "ok" if (family, mode) == (4, "iptables") else "refused"
    for port in (NODE_PORT, 80):
        assert topology.connect("node", LOOPBACK[family], port)["result"] == expected


@FAMILIES
def test_a_program_on_the_host_can_be_the_target(topology: Topology, family: int) -> None:
    """A gateway with hostNetwork listens itself, and no NAT takes place."""
    topology.serve("node", NODE_PORT, "host")
    load(topology)
    for where, address in [("client", NODE[family]), ("pod2", NODE[family]), ("node", NODE[family]), ("node", LOOPBACK[family])]:
        assert topology.connect(where, address, 80, size=100_000)["server"] == "host", (where, address)
    assert client_of(topology.connect("client", NODE[family], 80)) == CLIENT[family]


@FAMILIES
def test_without_endpoints_it_is_refused_at_once(topology: Topology, family: int) -> None:
    """kube-proxy's reject names the NodePort, which the client of port 80 would not recognise: it would hang."""
    topology.kube_proxy("iptables", policy="None")
    load(topology)
    for where in ("client", "node", "pod2"):
        assert topology.connect(where, NODE[family], 80)["result"] == "refused", where


@FAMILIES
def test_one_source_port_for_both_ports(topology: Topology, family: int) -> None:
    """The zone keeps apart what would be one connection: same client, same source port, host port and NodePort."""
    topology.kube_proxy("iptables")
    load(topology)
    held = topology.hold("client", NODE[family], 80, source_port=45678)
    assert client_of(topology.connect("client", NODE[family], NODE_PORT, source_port=45678, size=50_000))
    report = topology.release(held)
    assert not report["failure"]
    assert report["pings"] > 0


@FAMILIES
def test_two_host_ports_for_one_node_port(topology: Topology, family: int) -> None:
    topology.kube_proxy("iptables")
    load(topology, ports=[{"port": 80, "node_port": NODE_PORT}, {"port": 8081, "node_port": NODE_PORT}])
    for port in (80, 8081):
        assert topology.connect("client", NODE[family], port, size=50_000)["result"] == "ok"


@FAMILIES
def test_sources(topology: Topology, family: int) -> None:
    """Only those named may; the others find a closed port; the host itself always may."""
    topology.kube_proxy("iptables", policy="Local")
    entry = {"port": 80, "node_port": NODE_PORT}
    load(topology, ports=[entry | {"sources": [OTHER_POD[family]]}])
    assert topology.connect("pod2", NODE[family], 80)["result"] == "ok"
    assert topology.connect("node", NODE[family], 80)["result"] == "ok"
    assert topology.connect("client", NODE[family], 80)["result"] == "refused"
    load(topology, ports=[entry | {"sources": [CLIENT[family]]}])
    assert topology.connect("client", NODE[family], 80)["result"] == "ok"
    assert topology.connect("pod2", NODE[family], 80)["result"] == "refused"


@FAMILIES
@MODES
def test_close_nodeports(topology: Topology, family: int, mode: str) -> None:
    """The NodePort is silent to others, open to the host and to those excepted; the host port stays."""
    topology.kube_proxy(mode, policy="Local")
    load(topology, close_nodeports=True)
    assert topology.connect("client", NODE[family], NODE_PORT, timeout=0.7)["result"] == "timeout"
    assert topology.connect("pod2", NODE[family], NODE_PORT, timeout=0.7)["result"] == "timeout"
    assert topology.connect("node", NODE[family], NODE_PORT)["result"] == "ok"
    for where in ("client", "pod2", "node"):
        assert topology.connect(where, NODE[family], 80, size=50_000)["result"] == "ok", where
    load(topology, close_nodeports=True, nodeport_sources=[CLIENT[family]])
    assert topology.connect("client", NODE[family], NODE_PORT)["result"] == "ok"
    assert topology.connect("pod2", NODE[family], NODE_PORT, timeout=0.7)["result"] == "timeout"


@FAMILIES
@MODES
def test_connections_survive_a_hundred_replacements(topology: Topology, family: int, mode: str) -> None:
    """The rules are replaced as a whole; a connection that never pauses, from outside and from the host, loses nothing."""
    topology.kube_proxy(mode)
    desired = load(topology)
    held = [topology.hold(where, NODE[family], 80) for where in ("client", "node", "pod2")]
    text = rules.render(desired)
    for _round in range(100):
        topology.exec("node", "nft", "-f", "-", stdin=text)
    for report in map(topology.release, held):
        assert not report["failure"]
        assert report["pings"] > 100


@FAMILIES
def test_connections_survive_removal_and_return(topology: Topology, family: int) -> None:
    """A connection at rest while the table is away goes on when it is back: what it needs to know is in the connection itself."""
    topology.kube_proxy("iptables")
    load(topology)
    held = topology.hold("client", NODE[family], 80, pause=True)
    topology.exec("node", "nft", "delete", "table", "inet", rules.TABLE)
    load(topology)
    report = topology.release(held)
    assert not report["failure"]
    assert report["pings"] > 0


@MODES
def test_the_live_rules_read_back_are_the_desired_ones(topology: Topology, mode: str) -> None:
    topology.kube_proxy(mode)
    desired = load(topology, close_nodeports=True, nodeport_sources=["10.0.0.0/8", "fd00::/8"])
    output = topology.exec("node", "nft", "-j", "list", "table", "inet", rules.TABLE).stdout
    assert live.differences(live.parse_table(output), rules.chains(desired)) == []
    assert live.parse_host_ports(output) == desired


@MODES
def test_nothing_of_others_is_touched(topology: Topology, mode: str) -> None:
    """Loading and deleting leaves kube-proxy's rules, byte for byte but for counters."""
    topology.kube_proxy(mode)
    list_others = ("nft", "-s", "list", "ruleset")
    before = topology.exec("node", *list_others).stdout
    load(topology)
    topology.exec("node", "nft", "delete", "table", "inet", rules.TABLE)
    assert topology.exec("node", *list_others).stdout == before


def test_k3s_killall_leaves_the_rules(topology: Topology) -> None:
    """Its filter, save and restore without what contains KUBE-, CNI- or flannel, does not meet the table."""
    topology.kube_proxy("iptables")
    load(topology)
    before = topology.exec("node", "nft", "list", "table", "inet", rules.TABLE).stdout
    for tool in ("iptables", "ip6tables"):
        saved = topology.exec("node", f"{tool}-save").stdout
        kept = "\n".join(
            line for line in saved.splitlines() if "KUBE-" not in line and "CNI-" not in line and "flannel" not in line.lower()
        )
        topology.exec("node", f"{tool}-restore", stdin=kept + "\n")
        assert "KUBE-" not in topology.exec("node", f"{tool}-save").stdout
    assert topology.exec("node", "nft", "list", "table", "inet", rules.TABLE).stdout == before


def test_outgoing_connections_of_the_host_are_left_alone(topology: Topology) -> None:
    """A web server elsewhere is reached on its own port 80."""
    topology.kube_proxy("iptables")
    load(topology)
    topology.serve("client", 80, "elsewhere")
    topology.ip("client", "route", "add", "10.42.0.0/24", "via", NODE[4])
    assert topology.connect("node", CLIENT[4], 80)["server"] == "elsewhere"
    assert topology.connect("pod2", CLIENT[4], 80)["server"] == "elsewhere"
    assert topology.connect("client", NODE[4], 80)["server"] == "pod"


def test_the_zone_is_the_host_port(topology: Topology) -> None:
    """What a reader of the connection table finds: the NodePort's connection, in the zone of the host port."""
    topology.kube_proxy("iptables")
    load(topology)
    held = topology.hold("client", NODE[4], 80)
    flows = topology.exec("node", "cat", "/proc/net/nf_conntrack", check=False).stdout
    topology.release(held)
    if not flows:
        pytest.skip("this kernel has no /proc/net/nf_conntrack")
    line = next(line for line in flows.splitlines() if f"src={CLIENT[4]} dst={NODE[4]}" in line)
    assert f"dport={NODE_PORT} " in line
    assert "zone-orig=80" in line
    assert f"src={POD[4]}" in line


@FAMILIES
def test_a_refusal_leaves_nothing_behind(topology: Topology, family: int) -> None:
    """A client that was refused may come again from the same port as soon as there is an endpoint: connection tracking saw the end."""
    topology.kube_proxy("iptables", policy="None")
    load(topology)
    assert topology.connect("client", NODE[family], 80, source_port=45679)["result"] == "refused"
    for tool in ("iptables", "ip6tables"):
        for table in ("nat", "filter"):
            topology.exec("node", tool, "-t", table, "-F")
            topology.exec("node", tool, "-t", table, "-X")
    topology.kube_proxy("iptables")
    assert topology.connect("client", NODE[family], 80, source_port=45679)["result"] == "ok"


@FAMILIES
def test_a_firewall_of_the_host_sees_the_host_port(topology: Topology, family: int) -> None:
    """For a program on the host: people open port 80 in their firewall, not the port behind it."""
    topology.serve("node", NODE_PORT, "host")
    load(topology)
    tool = "ip6tables" if family == 6 else "iptables"
    topology.exec("node", tool, "-A", "INPUT", "-i", "eth0", "-p", "tcp", "--dport", "80", "-j", "ACCEPT")
    topology.exec("node", tool, "-A", "INPUT", "-i", "eth0", "-p", "tcp", "-j", "DROP")
    assert topology.connect("client", NODE[family], 80, size=50_000)["result"] == "ok"
    assert topology.connect("client", NODE[family], NODE_PORT, timeout=0.7)["result"] == "timeout"
