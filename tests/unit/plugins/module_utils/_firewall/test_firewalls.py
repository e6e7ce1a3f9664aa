# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._firewall import firewalld, plan, ufw
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.firewall import COMMENT

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


PROFILES = {"Nginx Full": "Ports:\n  80,443/tcp\n", "Mixed": "Ports:\n  53/udp\n  80\n", "OpenSSH": "Port:\n  22/tcp\n"}


def ufw_with(added, log=None, **known):
    """A ufw that has these rules and logs its commands."""

    def run(arguments):
        if arguments[1:3] == ["app", "info"]:
            ports = PROFILES.get(arguments[3])
            title = f"Profile: {arguments[3]}\nTitle: Web Server\nDescription: small\n\n{ports}"
            return (0, title, "") if ports else (1, "", "ERROR: Could not find a profile")
        if log is not None and arguments[1:] not in (["show", "added"], ["status"]):
            log.append(" ".join(arguments[1:]))
        return 0, {"show": added, "status": "Status: active\n"}.get(arguments[1], ""), ""

    return ufw.Ufw("/usr/sbin/ufw", run, COMMENT, **known)


def test_ufw_opens_only_what_is_not_open():
    desired = ufw.rules_for([80, 443], ["10.42.0.0/16", "fd42::/56"], [80])
    others = ADDED.replace(" comment 'baremesh.edge host_ports'", "")
    assert ufw_with(others).missing(desired) == [("allow", "80/tcp"), ("route", "allow", "to", "fd42::/56", "port", "80", "proto", "tcp")]


def test_ufw_forwards_to_the_ports_of_pods_only():
    (first, second) = ufw.rules_for([], ["10.42.0.0/16"], range(1, 17))
    assert " ".join(first) == "route allow to 10.42.0.0/16 port 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 proto tcp"
    assert " ".join(second) == "route allow to 10.42.0.0/16 port 16 proto tcp"
    assert ufw.rules_for([], ["10.42.0.0/16"], []) == []


def test_ufw_knows_its_own_rules_by_their_comment():
    assert ufw_with(ADDED).ours() == [("route", "allow", "to", "10.42.0.0/16")]


@pytest.mark.parametrize("comment", ["web", "baremesh.edge", "baremesh.edge host_ports, by hand", "not baremesh.edge host_ports", ""])
def test_rules_with_another_comment_are_not_its_own(comment):
    assert ufw_with(f"ufw allow 443/tcp comment '{comment}'\n").ours() == []


def test_a_failure_of_ufw_is_one_sentence_with_the_way_out():
    def run(arguments):
        return (0, "", "") if arguments[1] == "show" else (1, "", "ERROR: problem running\niptables: no\n")

    with pytest.raises(firewalld.FirewallError, match=r"^`ufw allow 80/tcp comment .*` fails: ERROR: problem running.*; do this$"):
        ufw.Ufw("/usr/sbin/ufw", run, COMMENT, "; do this").add(("allow", "80/tcp"))


@pytest.mark.parametrize(("says", "active"), [("Status: active\n", True), ("Status: inactive\n", False), ("", False)])
def test_ufw_filters_only_where_it_says_so(says, active):
    assert ufw.Ufw("/usr/sbin/ufw", lambda arguments: (0, says if arguments[1] == "status" else "", ""), COMMENT).is_active() is active
    assert not ufw.Ufw("", lambda _unused: (0, "Status: active", ""), COMMENT).is_active()


@pytest.mark.parametrize("action", ["deny", "reject", "limit"])
def test_a_contrary_rule_of_ufw_is_not_overwritten(action):
    with pytest.raises(firewalld.FirewallError, match=rf"`ufw {action} 80/tcp`.*host_ports_firewall"):
        ufw_with(f"ufw {action} 80/tcp\n").missing([("allow", "80/tcp")])


def refusal(added, port=80, **known):
    """What ufw says against opening a port; empty if it can be opened, or is."""
    try:
        ufw_with(added, **known).missing([("allow", f"{port}/tcp")])
    except firewalld.FirewallError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "rule",
    [
        "deny 80",
        "deny http",
        "deny www",
        "deny 80/tcp",
        "deny 80,443/tcp",
        "deny 22,79:81/tcp",
        "deny 1:1024/tcp",
        "deny in 80",
        "deny log 80/tcp",
        "deny log-all 80/tcp",
        "deny in on eth0",
        "deny in on eth0 to any port 80 proto tcp",
        "reject in on eth0 to any port 80",
        "limit in on eth0 to any port 80,443 proto tcp",
        "deny to any port 80 proto tcp",
        "deny proto tcp from any to any port 80",
        "deny proto tcp to any port 80:90",
        "deny from any to 192.0.2.7 port 80",
        "deny to 192.0.2.0/24 port 80 proto tcp",
        "deny from 0.0.0.0/0 to any port http",
        "deny from ::/0 to any port 80 proto tcp",
        "deny 'Nginx Full'",
        "deny in on eth0 to any app 'Nginx Full'",
        "deny Mixed",
    ],
)
@pytest.mark.parametrize("known", [{}, {"uplinks": ["eth0"], "addresses": ["192.0.2.7"]}])
def test_every_spelling_of_a_contrary_rule_is_seen(rule, known):
    assert f"ufw has `ufw {rule}`, which says the contrary" in refusal(f"ufw {rule}\n", **known)


@pytest.mark.parametrize(
    "rule",
    [
        "deny 8080",
        "deny 81:90/tcp",
        "deny 22,443/tcp",
        "deny https",
        "deny 80/udp",
        "deny proto udp to any port 80",
        "deny in on eth1 to any port 80 proto tcp",
        "deny in on eth1",
        "deny out 80/tcp",
        "deny out on eth0 to any port 80",
        "deny out to any port 80 proto tcp",
        "route deny in on eth0 to any port 80",
        # Lists of clients that are kept out.
        "deny from 203.0.113.5",
        "reject from 203.0.113.0/24 to any port 80 proto tcp",
        "deny from any port 25",
        "deny to 198.51.100.1 port 80",
        "deny OpenSSH",
        "deny 'No Such Profile'",
        "deny nosuchservice",
    ],
)
def test_rules_about_something_else_are_no_contradiction(rule):
    assert refusal(f"ufw {rule}\n", uplinks=["eth0"], addresses=["192.0.2.7"]) == ""


@pytest.mark.parametrize(
    ("added", "missing"),
    [
        ("ufw allow 80/tcp\nufw deny 80\n", False),
        ("ufw allow http\n", False),
        ("ufw allow 80,443/tcp\n", False),
        ("ufw allow 'Nginx Full'\nufw deny 1:1024/tcp\n", False),
        ("ufw allow proto tcp from any to any port 80\n", False),
        ("ufw allow in on eth0 to any port 80 proto tcp\nufw deny 80\n", False),
        ("ufw allow in on eth1 to any port 80 proto tcp\n", True),
        ("ufw allow from 10.0.0.0/8 to any port 80 proto tcp\n", True),
        ("ufw allow to 192.0.2.7 port 80\n", True),
        ("ufw allow 80/udp\n", True),
        ("ufw allow out 80\n", True),
        ("", True),
    ],
)
def test_the_first_rule_that_decides_counts(added, missing):
    tool = ufw_with(added, uplinks=["eth0"], addresses=["192.0.2.7"])
    assert tool.missing([("allow", "80/tcp")]) == [("allow", "80/tcp")] * missing


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ("route deny to 10.42.0.0/16", True),
        ("route reject in on eth0 out on cni0", True),
        ("route deny to 10.0.0.0/8", True),
        ("route deny from any to any", True),
        ("route deny to 10.42.7.0/24", False),
        ("route deny to 192.168.0.0/16", False),
        ("route deny proto tcp to 10.42.0.0/16 port 22", False),
        ("route deny proto tcp to 10.42.0.0/16 port 443", True),
        ("route deny to any port 80:90 proto tcp", True),
        ("route deny proto udp to 10.42.0.0/16", False),
        ("route deny in on wg0 out on eth1", False),
        ("route deny out on eth1", False),
        ("route deny in on eth0 out on eth1", False),
        ("route deny out on flannel.1", True),
        ("route deny from 203.0.113.5 to any", False),
        ("deny from any to 10.42.0.0/16", False),
    ],
)
def test_rules_about_the_way_to_the_pods(rule, refused):
    tool = ufw_with(f"ufw {rule}\n", uplinks=["eth0"], addresses=["192.0.2.7"])
    desired = ufw.rules_for([], ["10.42.0.0/16"], [80, 443])
    if refused:
        with pytest.raises(firewalld.FirewallError, match="`ufw route "):
            tool.missing(desired)
    else:
        assert tool.missing(desired) == desired


@pytest.mark.parametrize(
    ("rule", "open_already"),
    [
        ("route allow to 10.0.0.0/8", True),
        ("route allow to 10.42.0.0/16 port 80,443 proto tcp", True),
        ("route allow to 10.42.0.0/16 port 1:1024 proto tcp", True),
        ("route allow to 10.42.0.0/16 port 80 proto tcp", False),
        ("route allow to 10.42.0.0/16 proto udp", False),
        ("route allow in on eth0 out on eth1", False),
        ("route allow out on cni0", True),
    ],
)
def test_a_way_to_the_pods_that_others_opened_is_enough(rule, open_already):
    desired = ufw.rules_for([], ["10.42.0.0/16"], [80, 443])
    assert ufw_with(f"ufw {rule}\n").missing(desired) == ([] if open_already else desired)


def test_ufw_deletes_rules_in_its_own_syntax():
    log = []
    tool = ufw_with("", log)
    tool.add(("allow", "80/tcp"))
    tool.delete(("allow", "80/tcp"))
    tool.delete(ufw.rules_for([], ["10.42.0.0/16"], [80])[0])
    assert log == [
        "allow 80/tcp comment baremesh.edge host_ports",
        "delete allow 80/tcp",
        "route delete allow to 10.42.0.0/16 port 80 proto tcp",
    ]


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
        return firewalld.Firewalld(lambda name: name, self)


def test_firewalld_zones_are_those_of_the_ways_out_and_of_pods():
    assert FakeFirewalld().tool().zones(["eth0", "eth1"]) == ["public", "external"]


def test_firewalld_counts_services_and_tcp_ports_as_open():
    there = FakeFirewalld().tool().open_ports("public", [80, 81, 82, 443])
    assert there == {firewalld.port_of("public", port, permanent) for port in (81, 443) for permanent in (False, True)}


@pytest.mark.parametrize(
    ("line", "is_open"),
    [
        ("ports: 80/tcp", True),
        ("ports: 1-1024/tcp 53/udp", True),
        ("ports: 22/tcp 79-81/tcp", True),
        ("services: dhcpv6-client http", True),
        ("target: ACCEPT", True),
        ("ports: 80/udp", False),
        ("ports: 81-90/tcp", False),
        ("services: https", False),
        ("target: DROP", False),
        ("source-ports: 80/tcp", False),
        ("ports:", False),
    ],
)
def test_every_way_to_open_a_port_in_firewalld_counts(line, is_open):
    assert firewalld.is_open(f"public\n  {line}\n", 80) is is_open


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ('rule family="ipv4" port port="80" protocol="tcp" reject', True),
        ('rule port port="1-1024" protocol="tcp" drop', True),
        ('rule priority="-10" family="ipv6" service name="http" reject type="icmp6-port-unreachable"', True),
        ('rule family="ipv4" port port="80" protocol="udp" drop', False),
        ('rule port port="81-90" protocol="tcp" drop', False),
        ('rule service name="https" reject', False),
        ('rule service name="ssh" drop', False),
        ('rule family="ipv4" source address="203.0.113.0/24" port port="80" protocol="tcp" reject', False),
        ('rule family="ipv4" source address="203.0.113.5" drop', False),
        ('rule port port="80" protocol="tcp" accept', False),
    ],
)
def test_a_contrary_rule_of_firewalld_is_named(rule, refused):
    assert firewalld.refusals(f"{LISTING}\t{rule}\n", [80]) == [rule] * refused


def test_a_contrary_rule_of_firewalld_ends_the_run_with_the_way_out(monkeypatch):
    rule = 'rule port port="80" protocol="tcp" drop'
    monkeypatch.setattr(f"{__name__}.LISTING", f"{LISTING}\t{rule}\n")
    with pytest.raises(firewalld.FirewallError, match=f"zone public has `{rule}`.*host_ports_firewall to false"):
        FakeFirewalld().tool().open_ports("public", [80])


def test_firewalld_is_closed_again_offline_where_it_does_not_run():
    fake = FakeFirewalld(running=False)
    for permanent in (False, True):
        fake.tool().remove(firewalld.port_of("public", 80, permanent))
    assert fake.log == ["firewall-offline-cmd --zone=public --remove-port=80/tcp"]


def test_firewalld_is_never_reloaded():
    fake = FakeFirewalld()
    opening = firewalld.port_of("public", 80, permanent=True)
    fake.tool().add(opening)
    fake.tool().remove(opening)
    assert fake.log == [
        "firewall-cmd --permanent --zone=public --add-port=80/tcp",
        "firewall-cmd --permanent --zone=public --remove-port=80/tcp",
    ]


def test_a_record_is_read_back(tmp_path):
    opening = firewalld.port_of("public", 80, permanent=True)
    plan.write(tmp_path / "a/record.json", {opening})
    assert plan.read(tmp_path / "a/record.json") == [opening]
    plan.write(tmp_path / "a/record.json", set())
    assert not (tmp_path / "a").exists()


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
    assert listeners.uplinks(tmp_path) == ["eth0", "eth1"]


def test_sources_are_words_and_rich_rules_are_lines():
    """firewall-cmd lists sources on one line, and rules with blanks in them each on its own."""
    listed = {"sources": "10.42.0.0/16 10.43.0.0/16\n", "rich-rules": 'rule family="ipv4" accept\n  rule service name="ssh" accept\n'}
    fake = FakeFirewalld()
    answer = fake.__call__

    def run(arguments):
        kind = arguments[-1].removeprefix("--list-")
        return (0, listed[kind], "") if kind in listed else answer(arguments)

    found = firewalld.Firewalld(lambda name: name, run).sources_and_rules(["trusted"])
    assert {opening.item for opening in found} == {
        "source=10.42.0.0/16",
        "source=10.43.0.0/16",
        'rich-rule=rule family="ipv4" accept',
        'rich-rule=rule service name="ssh" accept',
    }
    assert {opening.permanent for opening in found} == {True, False}
