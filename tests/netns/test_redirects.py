# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend iptables with a real iptables and TCP, loaded and kept by the program that the unit runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from topology import CLIENT, LOOPBACK, NODE, NODE_PORT, Topology

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, redirects

KEEPER = Path(__file__).parents[2] / "roles/host_ports/files/host_ports_watch.py"
FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
TARGET = 18080


class Redirected:
    """A node whose port 80 is redirected to a program on it."""

    def __init__(self, topology: Topology, folder: Path) -> None:
        self.topology = topology
        self._folder = folder
        self.arguments: list[str] = []
        topology.serve("node", TARGET, "host")

    def load(self, **entry: object) -> model.HostPorts:
        """Write the files and load them."""
        desired = model.parse([{"port": 80, "target_port": TARGET, **entry}])
        self.arguments = ["iptables"]
        for family, tool in redirects.TOOLS.items():
            path = self._folder / f"host_ports.{tool}"
            path.write_text(redirects.render(desired, family))
            self.arguments += [shutil.which(tool) or tool, str(path)]
        self.command("load")
        return desired

    def command(self, name: str) -> None:
        self.topology.exec("node", sys.executable, "-I", "-S", str(KEEPER), name, *self.arguments)

    def saved(self, family: int) -> str:
        return self.topology.exec("node", f"{redirects.TOOLS[family]}-save", "-t", "nat").stdout

    def result(self, where: str, family: int, address: str = "") -> str:
        return str(self.topology.connect(where, address or NODE[family], 80, timeout=0.7)["result"])


@pytest.fixture
def node(topology: Topology, tmp_path: Path) -> Redirected:
    return Redirected(topology, tmp_path)


@FAMILIES
def test_all_clients_reach_the_program(node: Redirected, family: int) -> None:
    """Clients outside, who keep their address, pods, and the host itself, on loopback too; beside kube-proxy's rules."""
    node.topology.kube_proxy("iptables")
    node.load()
    for where, address in [("client", NODE[family]), ("pod2", NODE[family]), ("node", NODE[family]), ("node", LOOPBACK[family])]:
        answer = node.topology.connect(where, address, 80, size=100_000)
        assert (answer["result"], answer.get("server")) == ("ok", "host"), (where, address, answer)
    assert node.topology.connect("client", NODE[family], 80)["client"].removeprefix("::ffff:") == CLIENT[family]
    assert node.topology.connect("client", NODE[family], NODE_PORT)["server"] == "pod"


@FAMILIES
def test_sources(node: Redirected, family: int) -> None:
    node.load(sources=[CLIENT[family]])
    assert node.result("client", family) == "ok"
    assert node.result("pod2", family) == "refused"
    assert node.result("node", family) == "ok"


@FAMILIES
def test_loading_again_is_no_change(node: Redirected, family: int) -> None:
    """The unit's reload and its start after the module has loaded: no jump twice, nothing lost."""
    desired = node.load()
    before = node.saved(family)
    node.command("load")
    assert redirects.live(node.saved(family)) == redirects.live(before)
    assert redirects.differences(node.saved(family), desired, family) == []


@FAMILIES
def test_connections_survive_replacements(node: Redirected, family: int) -> None:
    node.load()
    held = [node.topology.hold(where, NODE[family], 80) for where in ("client", "node")]
    for _round in range(20):
        node.command("load")
    for report in map(node.topology.release, held):
        assert not report["failure"]
        assert report["pings"] > 100


@FAMILIES
def test_unloading_leaves_the_rules_of_others_alone(node: Redirected, family: int) -> None:
    node.topology.kube_proxy("iptables")
    before = [line for line in node.saved(family).splitlines() if line.startswith(("-A", ":KUBE"))]
    node.load()
    node.command("unload")
    after = node.saved(family)
    assert [line for line in after.splitlines() if line.startswith(("-A", ":KUBE"))] == before
    assert "BAREMESH" not in after


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("loss", ["nft flush ruleset", "flush of nat", "jump deleted", "chain emptied"])
def test_what_others_take_away_comes_back(node: Redirected, family: int, loss: str) -> None:
    tool = redirects.TOOLS[family]
    commands = {
        "nft flush ruleset": ["nft", "flush", "ruleset"],
        "flush of nat": [tool, "-t", "nat", "-F"],
        "jump deleted": [tool, "-t", "nat", *redirects.JUMPS[0].replace("-A ", "-D ", 1).split()],
        "chain emptied": [tool, "-t", "nat", "-F", redirects.FROM_NETWORK],
    }
    desired = node.load()
    keeper = node.topology.spawn("node", sys.executable, "-I", "-S", str(KEEPER), "watch", *node.arguments)
    assert keeper.stdout is not None
    # The first loss shows that it listens: it is seen either at its start or as an event.
    for _time in range(2):
        node.topology.exec("node", *commands[loss])
        assert "loaded again" in keeper.stdout.readline()
        assert redirects.differences(node.saved(family), desired, family) == []


def test_k3s_killall_leaves_the_rules(node: Redirected) -> None:
    """Its filter, save and restore without what contains KUBE-, CNI- or flannel, is not a loss to the keeper either."""
    node.topology.kube_proxy("iptables")
    desired = node.load()
    for family, tool in redirects.TOOLS.items():
        kept = [
            line for line in node.topology.exec("node", f"{tool}-save").stdout.splitlines() if "KUBE-" not in line and "CNI-" not in line
        ]
        node.topology.exec("node", f"{tool}-restore", stdin="\n".join(kept) + "\n")
        assert redirects.differences(node.saved(family), desired, family) == []
