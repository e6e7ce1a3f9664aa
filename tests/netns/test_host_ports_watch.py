# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of the rules, against real changes of a real rule set."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from topology import Topology, wait_until

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, rules

KEEPER = Path(__file__).parents[2] / "roles/host_ports/files/host_ports_watch.py"
NFT = shutil.which("nft") or "/usr/sbin/nft"


class Kept:
    """A node whose table is watched."""

    def __init__(self, topology: Topology, path: Path) -> None:
        self.topology = topology
        self.path = path
        self.keeper = topology.spawn("node", sys.executable, "-I", "-S", str(KEEPER), "watch", "nftables", NFT, rules.TABLE, str(path))
        self._told = 0

    def nft(self, *arguments: str) -> None:
        self.topology.exec("node", "nft", *arguments)

    def handle(self) -> int:
        """The number that the kernel gave the table, new each time it is made; 0 if there is none."""
        done = self.topology.exec("node", "nft", "-j", "list", "tables", check=False)
        items = json.loads(done.stdout)["nftables"]
        return next((item["table"]["handle"] for item in items if item.get("table", {}).get("name") == rules.TABLE), 0)

    def restored(self) -> None:
        """Wait until the keeper says that it has loaded the rules."""
        assert self.keeper.stdout is not None
        assert "loaded again" in self.keeper.stdout.readline()


@pytest.fixture
def kept(topology: Topology, tmp_path: Path) -> Kept:
    path = tmp_path / "host_ports.nft"
    path.write_text(rules.render(model.parse([{"port": 80, "node_port": 30080}])))
    # The keeper starts without the table, and its first line says that it has loaded it and listens.
    node = Kept(topology, path)
    node.restored()
    wait_until(node.handle, "the table")
    return node


@pytest.mark.parametrize(
    "arguments",
    [["flush", "ruleset"], ["delete", "table", "inet", rules.TABLE], ["flush", "table", "inet", rules.TABLE]],
    ids=["flush-ruleset", "delete-table", "flush-table"],
)
def test_what_others_take_away_comes_back(kept: Kept, arguments: list[str]) -> None:
    for _time in range(3):
        before = kept.handle()
        kept.nft(*arguments)
        kept.restored()
        assert kept.handle() > before


def test_a_replacement_is_not_a_loss(kept: Kept) -> None:
    """The unit's reload and the module's load delete the table too, but in one transaction with the new one."""
    for _time in range(5):
        kept.nft("-f", str(kept.path))
    before = kept.handle()
    kept.nft("flush", "ruleset")
    kept.restored()
    # A load without a table makes it twice, because the file begins by making what it then deletes. Were a replacement taken for a
    # loss, the table would have been made more often.
    assert kept.handle() == before + 2


def test_changes_of_others_are_no_concern(kept: Kept) -> None:
    before = kept.handle()
    kept.topology.kube_proxy("nftables")
    kept.nft("delete", "table", "ip", "kube-proxy")
    kept.nft("add", "table", "ip", rules.TABLE)
    kept.nft("delete", "table", "ip", rules.TABLE)
    assert kept.handle() == before
    kept.nft("flush", "ruleset")
    kept.restored()


def test_a_fight_is_given_up_with_a_reason(topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "host_ports.nft"
    path.write_text(rules.render(model.parse([{"port": 80, "node_port": 30080}])))
    node = Kept(topology, path)
    for _time in range(20):
        node.restored()
        node.nft("flush", "ruleset")
    assert node.keeper.wait(timeout=10) == 1


def test_a_broken_file_ends_the_keeper(topology: Topology, tmp_path: Path) -> None:
    path = tmp_path / "host_ports.nft"
    path.write_text("table inet {\n")
    assert Kept(topology, path).keeper.wait(timeout=10) == 1
