# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import firewalld, model, ufw

ADDED = """Added user rules (see 'ufw status' for running firewall):
ufw allow 22/tcp
ufw route allow to 10.42.0.0/16 comment 'baremesh.edge host_ports'
ufw allow 443
ufw limit 8080/tcp
ufw allow from 10.0.0.0/8 to any port 90 proto tcp
"""
LISTING = """public (active)
  target: default
  interfaces: eth0
  services: dhcpv6-client https ssh
  ports: 81/tcp 82/udp
  rich rules:
"""


def ufw_with(added, log=None):
    """A ufw that has these rules and logs its commands."""

    def run(arguments):
        if log is not None and arguments[1:] not in (["show", "added"], ["status"]):
            log.append(" ".join(arguments[1:]))
        return 0, {"show": added, "status": "Status: active\n"}.get(arguments[1], ""), ""

    return ufw.Ufw("/usr/sbin/ufw", run)


def test_ufw_opens_only_what_is_not_open():
    desired = ufw.rules_for([80, 443], ["10.42.0.0/16", "fd42::/56"])
    assert ufw_with(ADDED).missing(desired) == [("allow", "80/tcp"), ("route", "allow", "to", "fd42::/56")]


def test_ufw_knows_its_own_rules_by_their_comment():
    assert ufw_with(ADDED).ours() == [("route", "allow", "to", "10.42.0.0/16")]


@pytest.mark.parametrize("action", ["deny", "reject", "limit"])
def test_a_contrary_rule_of_ufw_is_not_overwritten(action):
    with pytest.raises(model.HostPortsError, match=rf"`ufw {action} 80/tcp`.*host_ports_firewall"):
        ufw_with(f"ufw {action} 80/tcp\n").missing([("allow", "80/tcp")])


def test_ufw_deletes_rules_in_its_own_syntax():
    log = []
    tool = ufw_with("", log)
    tool.add(("allow", "80/tcp"))
    tool.delete(("allow", "80/tcp"))
    tool.delete(("route", "allow", "to", "10.42.0.0/16"))
    assert log == ["allow 80/tcp comment baremesh.edge host_ports", "delete allow 80/tcp", "route delete allow to 10.42.0.0/16"]


class FakeFirewalld:
    """A firewall-cmd that runs or not, and logs its commands."""

    def __init__(self, running=True):
        self.running = running
        self.log = []

    def __call__(self, arguments):
        words = arguments[1:]
        if words == ["--state"]:
            return (0, "running", "") if self.running else (252, "", "not running")
        if words == ["--get-default-zone"]:
            return 0, "public\n", ""
        if words[0].startswith("--get-zone-of-interface"):
            return (0, "external\n", "") if words[0].endswith("eth0") else (2, "no zone\n", "")
        if "--list-all" in words:
            return 0, LISTING, ""
        self.log.append(" ".join(arguments))
        return 0, "success\n", ""

    def tool(self):
        return firewalld.Firewalld({"firewall-cmd": "firewall-cmd", "firewall-offline-cmd": "firewall-offline-cmd"}, self)


def test_firewalld_zones_are_those_of_the_ways_out_and_of_pods():
    assert FakeFirewalld().tool().zones(["eth0", "eth1"]) == ["public", "external"]


def test_firewalld_counts_services_and_tcp_ports_as_open():
    there = FakeFirewalld().tool().there("public", [80, 81, 82, 443])
    assert {(opening.port, opening.permanent) for opening in there} == {(81, False), (81, True), (443, False), (443, True)}


def test_firewalld_is_closed_again_offline_where_it_does_not_run():
    fake = FakeFirewalld(running=False)
    for permanent in (False, True):
        fake.tool().remove(firewalld.Opening("public", 80, permanent))
    assert fake.log == ["firewall-offline-cmd --zone=public --remove-port=80/tcp"]


def test_firewalld_is_never_reloaded():
    fake = FakeFirewalld()
    opening = firewalld.Opening("public", 80, permanent=True)
    fake.tool().add(opening)
    fake.tool().remove(opening)
    assert fake.log == [
        "firewall-cmd --permanent --zone=public --add-port=80/tcp",
        "firewall-cmd --permanent --zone=public --remove-port=80/tcp",
    ]


def test_a_record_is_read_back():
    opening = firewalld.Opening("public", 80, permanent=True)
    assert firewalld.Opening.from_record(opening.as_record()) == opening


def test_uplinks_are_the_interfaces_with_a_default_route(tmp_path):
    net = tmp_path / "net"
    net.mkdir()
    (net / "route").write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
        "cni0 00002A0A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )
    zeros = "0" * 32
    (net / "ipv6_route").write_text(
        f"{zeros} 00 {zeros} 00 {zeros} 00000400 00000001 00000000 00000003     eth1\n"
        f"{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n"
    )
    assert firewalld.uplinks(tmp_path) == ["eth0", "eth1"]
