# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirects by iptables on a host that notes what it is asked to load."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, nat, redirects
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.backends import Iptables

DESIRED = model.parse([{"port": 80, "target_port": 18080}])


def live(family):
    """What iptables-save prints once the rules are loaded."""
    return "".join(f"{line}\n" for line in redirects.render(DESIRED, family).splitlines() if not line.startswith("#"))


class Host:
    """A host with these NAT tables by family; None where the kernel has none."""

    def __init__(self, **saved):
        self.tables = {4: "/usr/sbin/iptables-restore", 6: "/usr/sbin/ip6tables-restore"}
        self.asked = []
        self._saved = {4: saved.get("v4"), 6: saved.get("v6")}

    def saved(self, family):
        return self._saved[family]

    def served_by_kube_proxy(self):
        return ""

    def restore(self, family, text, check=False):
        self.asked.append((family, check, text))


def backend(**saved):
    host = Host(**saved)
    return host, Iptables(host, "/etc/baremesh/host_ports.nft")


def test_rules_are_tried_before_they_are_loaded_in_each_family_that_there_is():
    host, found = backend(v4="*nat\nCOMMIT\n", v6="*nat\nCOMMIT\n")
    found.check(DESIRED)
    found.load(DESIRED)
    assert [(family, check) for family, check, _text in host.asked] == [(4, True), (6, True), (4, False), (6, False)]
    assert all(jump in text for _family, _check, text in host.asked for jump in redirects.JUMPS)
    assert [str(file.path) for file in found.files(DESIRED)] == ["/etc/baremesh/host_ports.iptables", "/etc/baremesh/host_ports.ip6tables"]


def test_a_family_without_nat_is_left_alone():
    host, found = backend(v4=live(4))
    found.load(DESIRED)
    assert [family for family, _check, _text in host.asked] == [4]
    assert [str(file.path) for file in found.files(DESIRED)] == ["/etc/baremesh/host_ports.iptables"]
    assert found.tools_and_files() == ["/usr/sbin/iptables-restore", "/etc/baremesh/host_ports.iptables"]
    assert found.drift(DESIRED) == []
    # Its jumps are there, and would come twice.
    assert not any(jump in host.asked[0][2] for jump in redirects.JUMPS)


def test_without_iptables_there_is_nothing_to_load():
    _host, found = backend()
    assert found.drift(DESIRED) == ["live rules: none, iptables is not installed or cannot read the nat table"]
    with pytest.raises(model.HostPortsError, match="install the package iptables"):
        found.load(DESIRED)


def test_only_what_is_there_is_deleted():
    host, found = backend(v4=live(4), v6="*nat\nCOMMIT\n")
    assert found.leftovers() == ["live rules: iptables chains BAREMESH-PORTS-IN and BAREMESH-PORTS-OUT"]
    assert found.drift(DESIRED) == ["live rules: ip6tables has no chain BAREMESH-PORTS-IN"]
    found.delete()
    assert host.asked == [(4, False, redirects.removal(live(4)))]


def test_own_redirects_are_no_claim_of_others():
    others = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\n"
    assert nat.claims(live(4), [80], ["192.0.2.1"]) == []
    assert [claim.port for claim in nat.claims(others, [80], ["192.0.2.1"])] == [80]
