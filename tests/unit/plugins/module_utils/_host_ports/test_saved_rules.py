# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT rules are read from every iptables of a host, K3s's own included."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _rule_tools
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import host as hosts


@pytest.fixture(name="asked")
def _asked(tmp_path, monkeypatch):
    """A function that reads the rules of a host with some programs and returns which of them were asked."""
    aux, names = tmp_path / "srv/k3s/data/0a1b/bin/aux", {4: tmp_path / "ip_tables_names", 6: tmp_path / "ip6_tables_names"}
    aux.mkdir(parents=True)
    (tmp_path / "etc/rancher/k3s").mkdir(parents=True)
    (tmp_path / "etc/rancher/k3s/config.yaml").write_text(f"data-dir: {tmp_path}/srv/k3s\n")
    monkeypatch.setattr(hosts, "data_dir", lambda: _rule_tools.data_dir(str(tmp_path)))
    monkeypatch.setattr(hosts, "_LEGACY", names)

    def ask(installed=(), of_k3s=(), legacy=()):
        for name in of_k3s:
            (aux / name).write_text("")
            (aux / name).chmod(0o755)
        for family in legacy:
            names[family].write_text("filter\nnat\n")
        found = {name: str(tmp_path / name) for name in installed}
        asked = []

        def run(arguments):
            asked.append(arguments[0].rpartition("/")[2])
            return 0, f"*nat\n# {asked[-1]}\nCOMMIT\n", ""

        host = hosts.Host(lambda name: found.get(name, ""), run, None, str(tmp_path))
        text = host.nat_rules()
        assert [name for name in asked if f"# {name}\n" not in text] == []
        return asked

    return ask


BOTH = ("iptables", "ip6tables")


@pytest.mark.parametrize(
    ("programs", "asked_for"),
    [
        ({}, []),
        ({"installed": BOTH}, ["iptables-save", "ip6tables-save"]),
        ({"installed": ["iptables"]}, ["iptables-save"]),
        ({"of_k3s": ["iptables-save", "ip6tables-save"]}, ["iptables-save", "ip6tables-save"]),
        ({"installed": BOTH, "of_k3s": ["iptables-save"]}, ["iptables-save", "ip6tables-save"]),
        (
            {"installed": [*BOTH, "iptables-legacy-save"], "legacy": [4]},
            ["iptables-save", "ip6tables-save", "iptables-legacy-save"],
        ),
        (
            {"of_k3s": ["iptables-save", "iptables-legacy-save", "ip6tables-save"], "legacy": [4]},
            ["iptables-save", "iptables-legacy-save", "ip6tables-save"],
        ),
        ({"installed": BOTH, "legacy": [4, 6]}, ["iptables-save", "ip6tables-save"]),
    ],
)
def test_every_iptables_of_the_host_is_asked(asked, programs, asked_for):
    assert asked(**programs) == asked_for


def test_where_the_legacy_one_is_the_default_the_other_is_asked_too(asked, tmp_path):
    (tmp_path / "xtables-legacy-multi").write_text("")
    (tmp_path / "iptables").symlink_to(tmp_path / "xtables-legacy-multi")
    assert asked(installed=["iptables", "iptables-nft-save"]) == ["iptables-save", "iptables-nft-save"]


def test_a_host_without_nft_has_no_ruleset(tmp_path):
    assert hosts.Host(lambda _name: "", None, None, str(tmp_path)).ruleset() == ""
