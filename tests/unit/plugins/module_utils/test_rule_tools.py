# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _rule_tools as tools


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with K3s's own tools; `old` says whether the kernel's old interface is in use."""
    in_use = tmp_path / "ip_tables_names"
    in_use.touch()
    monkeypatch.setattr(tools, "_IN_USE", {"iptables": str(in_use)})
    for release, moment in (("aaa", 1), ("bbb", 2)):
        for name in ("xtables-nft-multi", "xtables-legacy-multi"):
            path = tmp_path / "data/data" / release / "bin/aux" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o755)
            os.utime(path, (moment, moment))
    return tmp_path


def found(host, *commands, data="data"):
    (host / "sbin").mkdir(exist_ok=True)
    for command in commands:
        (host / "sbin" / command).touch(0o755)
    names = tools.rule_tools(
        "iptables", lambda name: str(host / "sbin" / name) if (host / "sbin" / name).exists() else "", str(host / data)
    )
    return [tool.name for tool in names]


def test_the_tools_of_k3s_are_used_where_the_host_has_none(host):
    assert found(host) == ["iptables of K3s (nft)"]
    (host / "ip_tables_names").write_text("nat\n")
    assert found(host) == ["iptables of K3s (nft)", "iptables of K3s (legacy)"]
    assert found(host, data="none") == []


def test_the_hosts_own_tools_come_first(host):
    assert found(host, "iptables-save") == ["iptables"]
    (host / "ip_tables_names").write_text("nat\n")
    assert found(host, "iptables-save") == ["iptables", "iptables of K3s (legacy)"]
    assert found(host, "iptables-save", "iptables-legacy-save") == ["iptables", "iptables-legacy"]


def test_a_host_whose_own_tool_is_the_old_one_is_asked_by_the_new_one_too(host):
    (host / "sbin").mkdir()
    (host / "sbin/xtables-legacy-multi").touch(0o755)
    (host / "sbin/iptables-save").symlink_to("xtables-legacy-multi")
    assert found(host) == ["iptables", "iptables of K3s (nft)"]


def test_the_newest_release_counts(host):
    assert "/bbb/" in tools.bundled("xtables-nft-multi", str(host / "data"))


@pytest.mark.parametrize(
    ("text", "folder"), [("data-dir: /srv/k3s\n", "/srv/k3s"), ('data-dir: "/a"\n', "/a"), ("x-data-dir: /b\n", "/var/lib/rancher/k3s")]
)
def test_the_data_folder_is_read_from_the_configuration(tmp_path, text, folder):
    (tmp_path / "etc/rancher/k3s").mkdir(parents=True)
    (tmp_path / "etc/rancher/k3s/config.yaml").write_text(text)
    assert tools.data_dir(str(tmp_path)) == folder
