# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code with firewalls that remember."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import firewall

SPEC = {"sources": ["192.0.2.10", "2001:db8::10"], "networks": ["10.42.0.0/16"], "tcp": [10250, "2379-2380"], "udp": [8472]}
OF_USER = 'rule family="ipv4" source address="192.0.2.10" port port="10250" protocol="tcp" accept'


class Host:
    """firewalld with the zones public and trusted, and ufw."""

    def __init__(self, tmp_path):
        self.programs = set()
        self.running = True
        self.open = set()
        self.added = []
        self.refuses = ""
        self.fire = firewall.Firewall(lambda name: name if name in self.programs else None, self.run, str(tmp_path / "state"))
        self.record = tmp_path / "state/firewall.json"

    def run(self, argv):
        if self.refuses and self.refuses in " ".join(argv):
            return 1, "", "Error: ZONE_CONFLICT\n"
        return getattr(self, argv[0].replace("-", "_"))(argv[1:])

    def firewall_cmd(self, words):
        if words == ["--state"]:
            return (0 if self.running else 252), "", ""
        if words in (["--get-active-zones"], ["--get-default-zone"]):
            return 0, "public\n  interfaces: eth0\n" if "active" in words[0] else "public\n", ""
        permanent = words[0] == "--permanent"
        zone, action = words[-2].removeprefix("--zone="), words[-1]
        if action.startswith("--list-"):
            kind = action.removeprefix("--list-").removesuffix("s")
            items = sorted(
                item.partition("=")[2] for at, item, kept in self.open if (at, kept) == (zone, permanent) and item.startswith(kind)
            )
            return 0, (" " if kind == "source" else "\n").join(items) + "\n", ""
        verb, _dash, item = action.removeprefix("--").partition("-")
        (self.open.add if verb == "add" else self.open.discard)((zone, item, permanent))
        return 0, "success\n", ""

    def firewall_offline_cmd(self, words):
        self.open.discard((words[0].removeprefix("--zone="), words[1].removeprefix("--remove-"), True))
        return 0, "success\n", ""

    def ufw(self, words):
        if words == ["status"]:
            return 0, f"Status: {'active' if self.running else 'inactive'}\n", ""
        if words == ["show", "added"]:
            return 0, "Added user rules (see 'ufw status' for running firewall):\n" + "".join(f"ufw {line}\n" for line in self.added), ""
        if words[0] == "delete":
            self.added = [line for line in self.added if line.partition(" comment ")[0] != " ".join(words[1:])]
        else:
            self.added.append(f"{' '.join(words[:-2])} comment '{words[-1]}'")
        return 0, "", ""


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_nothing_happens_without_a_firewall(host):
    assert host.fire.open(SPEC, False) == []
    host.programs, host.running = {"firewall-cmd", "ufw"}, False
    assert host.fire.open(SPEC, False) == []
    assert not host.record.exists()


def test_firewalld_opens_between_the_hosts_only_and_gives_back_just_that(host):
    host.programs = {"firewall-cmd"}
    host.open = {("public", f"rich-rule={OF_USER}", True), ("public", "rich-rule=rule service name=ssh accept", True)}
    before = set(host.open)
    foretold = host.fire.open(SPEC, True)
    assert host.open == before
    assert host.fire.open(SPEC, False) == foretold
    items = {item for _zone, item, _kept in host.open}
    assert 'rich-rule=rule family="ipv6" source address="2001:db8::10" port port="8472" protocol="udp" accept' in items
    assert {zone for zone, item, _kept in host.open if item == "source=10.42.0.0/16"} == {"trusted"}
    assert not any(item.startswith("port=") for item in items), "nothing is open to the world"
    assert host.fire.open(SPEC, False) == []
    assert len(host.fire.open({**SPEC, "sources": ["192.0.2.10"]}, False)) == 6
    host.fire.open(None, False)
    assert host.open == before
    assert not host.record.exists()


def test_what_a_stopped_firewalld_would_load_is_taken_back_too(host):
    host.programs = {"firewall-cmd", "firewall-offline-cmd"}
    host.fire.open(SPEC, False)
    host.running, host.open = False, {entry for entry in host.open if entry[2]}
    assert host.fire.open(SPEC, False) == []
    assert host.record.exists()
    host.fire.open(None, False)
    assert host.open == set()
    assert not host.record.exists()


def test_ufw_opens_between_the_hosts_only_and_gives_back_just_that(host):
    host.programs = {"ufw"}
    before = ["allow 22/tcp", "allow from 10.42.0.0/16 comment 'mine'"]
    host.added = list(before)
    foretold = host.fire.open(SPEC, True)
    assert host.added == before
    assert host.fire.open(SPEC, False) == foretold
    assert "allow from 192.0.2.10 to any port 2379:2380 proto tcp comment 'baremesh.edge k3s'" in host.added
    assert host.fire.open(SPEC, False) == []
    host.fire.open(None, False)
    assert host.added == before


def test_a_firewall_that_refuses_is_quoted_with_the_way_out(host):
    host.programs, host.refuses = {"firewall-cmd"}, "--add-source"
    with pytest.raises(firewall.FirewallError, match=r"--add-source=10.42.0.0/16` fails: Error: ZONE_CONFLICT; .*k3s_firewall to false"):
        host.fire.open(SPEC, False)


def test_names_become_addresses_and_loopback_is_no_peer(monkeypatch):
    known = {"edge1": "192.0.2.10", "self": "127.0.1.1"}

    def look_up(name, *_arguments, **_options):
        if name not in known:
            raise OSError
        return [(0, 0, 0, "", (known[name], 0))]

    monkeypatch.setattr(firewall.socket, "getaddrinfo", look_up)
    assert firewall.addresses(["edge1", "self", "none", "192.0.2.10", "10.0.0.7/24"]) == ["192.0.2.10", "10.0.0.0/24"]


@pytest.mark.parametrize(
    ("source", "found"),
    [("fe80::1%eth0", ["fe80::1"]), ("neighbour", ["fe80::2"]), ("a" * 70 + ".example.com", []), ("..", [])],
)
def test_a_link_local_address_has_no_zone_in_a_rule(monkeypatch, source, found):
    look_up = firewall.socket.getaddrinfo
    answer = [(0, 0, 0, "", ("fe80::2%3", 0, 0, 3))]
    monkeypatch.setattr(
        firewall.socket, "getaddrinfo", lambda name, *args, **kw: answer if name == "neighbour" else look_up(name, *args, **kw)
    )
    assert firewall.addresses([source]) == found
