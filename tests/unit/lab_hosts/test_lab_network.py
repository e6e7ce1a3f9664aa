# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_lab import network
from edge_lab.errors import LabError

names = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)


@given(names)
def test_a_name_always_has_the_same_subnets_off_those_of_k3s(name):
    first, again = network.choose(name, []), network.choose(name, [])
    assert first == again
    v4, v6 = ipaddress.IPv4Network(first.v4), ipaddress.IPv6Network(first.v6)
    assert v4.prefixlen == 24
    assert v6.prefixlen == 64
    assert v4.subnet_of(ipaddress.IPv4Network("10.0.0.0/8"))
    assert v6.subnet_of(ipaddress.IPv6Network("fd00::/8"))
    assert not any(v4.overlaps(reserved) for reserved in network.RESERVED)


@given(names, st.integers(1, network.CANDIDATES - 1))
def test_taken_subnets_are_stepped_over_in_order(name, many):
    options = network.candidates(name)
    taken = [ipaddress.ip_network(option.v4) for option in options[:many]]
    free = [option for option in options if ipaddress.ip_network(option.v4) not in taken]
    assert network.choose(name, taken) == free[0]


def test_a_taken_v6_subnet_counts_as_well():
    first, second = network.candidates("edge")[:2]
    assert network.choose("edge", [ipaddress.ip_network(first.v6)]) == second


def test_nothing_free_is_said_with_the_way_out():
    with pytest.raises(LabError, match=r"no free subnet for lab 'edge'.*take another --name"):
        network.choose("edge", [ipaddress.ip_network("10.0.0.0/8")])


def test_hosts_have_addresses_that_people_can_tell_apart():
    subnets = network.Subnets("10.120.7.0/24", "fd12:3456:789a:bcde::/64")
    assert subnets.addresses("infra") == ("10.120.7.2", "fd12:3456:789a:bcde::2")
    assert subnets.addresses("server1") == ("10.120.7.11", "fd12:3456:789a:bcde::11")
    assert subnets.addresses("agent1") == ("10.120.7.101", "fd12:3456:789a:bcde::101")
    assert subnets.addresses(f"agent{network.MOST_AGENTS}")[0] == "10.120.7.199"
    assert subnets.gateway == "10.120.7.1"


def test_no_two_hosts_share_an_address():
    subnets = network.candidates("edge")[0]
    hosts = ["infra"]
    hosts += [f"server{n + 1}" for n in range(network.MOST_SERVERS)]
    hosts += [f"agent{n + 1}" for n in range(network.MOST_AGENTS)]
    for family in (0, 1):
        assert len({subnets.addresses(host)[family] for host in hosts}) == len(hosts)


@pytest.mark.parametrize("host", ["server", "agent0x", "node1", "serverX", ""])
def test_other_host_names_are_refused(host):
    with pytest.raises(LabError, match="a lab has the hosts infra, server1"):
        network.candidates("edge")[0].addresses(host)


def test_networks_of_the_machine_are_read_from_ip():
    routes = json.dumps([{"dst": "default", "gateway": "192.0.2.1"}, {"dst": "172.16.0.0/12"}, {"dst": "198.51.100.7"}])
    addresses = json.dumps([{"addr_info": [{"local": "192.0.2.2", "prefixlen": 24}, {"local": "fd00::2", "prefixlen": 64}]}, {}])
    found = {str(one) for one in network.machine_networks(routes, addresses)}
    assert found == {"172.16.0.0/12", "198.51.100.7/32", "192.0.2.0/24", "fd00::/64"}


def _fake_podman(monkeypatch, networks):
    calls = []
    monkeypatch.setattr(network.podman, "networks", lambda: networks)
    monkeypatch.setattr(network.podman, "podman", lambda *args, **_: calls.append(args))
    return calls


def test_a_network_that_is_there_is_left_alone(monkeypatch):
    subnets = network.candidates("edge")[0]
    calls = _fake_podman(monkeypatch, [{"name": "edgelab-edge", "subnets": [{"subnet": subnets.v4}, {"subnet": subnets.v6}]}])
    assert network.ensure("edgelab-edge", "edge", subnets) is False
    assert calls == []


def test_a_network_of_other_subnets_is_no_match(monkeypatch):
    subnets = network.candidates("edge")[0]
    _fake_podman(monkeypatch, [{"name": "edgelab-edge", "subnets": [{"subnet": "10.1.0.0/24"}]}])
    with pytest.raises(LabError, match=r"has 10\.1\.0\.0/24 instead of .*lab/lab down --name edge"):
        network.ensure("edgelab-edge", "edge", subnets)


def test_a_new_network_has_both_families_and_no_dns_of_podman(monkeypatch):
    subnets = network.candidates("edge")[0]
    calls = _fake_podman(monkeypatch, [])
    assert network.ensure("edgelab-edge", "edge", subnets) is True
    (call,) = calls
    assert call[:2] == ("network", "create")
    assert {subnets.v4, subnets.v6, "--disable-dns", "--ipv6"} <= set(call)


def test_hosts_reach_each_others_pods_under_their_own_addresses():
    """Only what is sent to another host's card: what goes to the bridge's own leaves the lab, and needs NAT."""
    rules = network.direct_rules("edgelab-a", "podman7", "02:00:0a:64:00:01")
    assert 'iifname "podman7" ether daddr != 02:00:0a:64:00:01 notrack' in rules
    assert rules.index("delete table inet edgelab-a\n") < rules.index("chain bridged")
