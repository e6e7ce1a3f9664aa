# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a run in check mode nothing is there that a run would bring."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "path",
    [
        "/usr/local/bin/k3s",
        "/etc/rancher",
        "/var/lib/rancher/k3s",
        "/etc/systemd/system/k3s.service",
        "/etc/systemd/system/k3s-agent.service",
        "/opt/baremesh",
    ],
)
def test_nothing_is_installed(host, path):
    assert not host.file(path).exists


def test_no_unit_is_ours(host):
    units = host.check_output("systemctl list-unit-files --no-legend --no-pager")
    assert [line for line in units.splitlines() if "baremesh" in line or "k3s" in line] == []


def test_no_rule_is_ours(host):
    assert "baremesh" not in host.check_output("nft list ruleset")


@pytest.mark.parametrize("port", [80, 443, 6443])
def test_no_port_is_taken(host, port):
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
