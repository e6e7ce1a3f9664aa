# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model

NO_TARGET = (
    "ports[0] has neither node_port nor target_port; allowed is one of node_port (of a Service) and target_port"
    " (where a program of the host listens)"
)


def ports(*pairs):
    return [{"port": port, "node_port": node_port} for port, node_port in pairs]


def test_ports_are_sorted_and_shown_in_words():
    desired = model.parse(ports((443, 30443), (80, 30080)))
    assert desired.lines() == ["80/tcp -> NodePort 30080 (IPv4, IPv6)", "443/tcp -> NodePort 30443 (IPv4, IPv6)"]


def test_strings_from_a_survey_are_numbers():
    assert model.parse([{"port": "80", "node_port": " 30080 "}]) == model.parse(ports((80, 30080)))


def test_two_ports_may_share_one_node_port():
    assert model.parse(ports((80, 30080), (8080, 30080))).node_ports() == (30080,)


def test_sources_of_one_family_close_the_other():
    entry = model.parse([{"port": 80, "node_port": 30080, "sources": ["2001:db8::/32"]}]).ports[0]
    assert entry.families() == (6,)
    assert str(entry) == "80/tcp -> NodePort 30080 (IPv6) from 2001:db8::/32"


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (["10.0.0.0/9", "10.128.0.0/9"], ("10.0.0.0/8",)),
        (["10.0.0.7/24"], ("10.0.0.0/24",)),
        (["192.0.2.1/32", "192.0.2.1"], ("192.0.2.1",)),
        (["2001:DB8::1", "10.0.0.0/8", "10.1.0.0/16"], ("10.0.0.0/8", "2001:db8::1")),
        (["10.0.0.0/8 192.0.2.1", " 2001:db8::/32,\n192.0.2.2 "], ("10.0.0.0/8", "192.0.2.1", "192.0.2.2", "2001:db8::/32")),
    ],
)
def test_networks_have_one_spelling(given, canonical):
    assert model.networks(given, "sources") == canonical


def test_closed_node_ports_are_shown():
    desired = model.parse(ports((80, 30080)), True, ["10.0.0.0/8"])
    assert desired.lines()[-1] == "direct access to NodePort 30080 from outside: closed, open to 10.0.0.0/8"


def test_sources_of_node_ports_mean_nothing_while_they_are_open():
    assert model.parse(ports((80, 30080)), False, ["10.0.0.0/8"]) == model.parse(ports((80, 30080)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "ports is empty; allowed is a list such as [{port: 80, node_port: 30080}] (to remove all, use state absent)"),
        (ports((0, 30080)), "ports[0].port is 0; allowed is a TCP port, 1 to 65535"),
        (ports((80, 65536)), "ports[0].node_port is 65536; allowed is a TCP port, 1 to 65535"),
        (ports((True, 30080)), "ports[0].port is True; allowed is a TCP port, 1 to 65535"),
        (
            [{"port": 80}],
            NO_TARGET,
        ),
        (ports((80, 30080), (80, 30081)), "ports[1].port is 80, which ports names twice; allowed is one entry a port"),
        (ports((80, 80)), "ports[0].node_port is 80, its own port; allowed is the NodePort of a Service, for example 30080"),
        (ports((80, 443), (443, 30443)), "ports sends port 80 to 443, a port of the list itself; allowed are NodePorts of Services"),
        (
            [{"port": 80, "node_port": 30080, "source": "10.0.0.0/8"}],
            "ports[0] has the key 'source'; allowed are port, node_port, target_port, sources (TCP is all there is)",
        ),
        (
            [{"port": 53, "node_port": 30053, "protocol": "UDP", "name": "dns"}],
            "ports[0] has the key 'protocol', 'name'; allowed are port, node_port, target_port, sources (TCP is all there is)",
        ),
        (
            [{"port": 80, "nodePort": 30080}],
            "ports[0] has the key 'nodePort'; allowed are port, node_port, target_port, sources (TCP is all there is)",
        ),
        # Nothing may become everybody.
        (
            [{"port": 80, "node_port": 30080, "sources": [""]}],
            "ports[0].sources contains ''; allowed are addresses and networks such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            [{"port": 80, "node_port": 30080, "sources": ["fe80::1%eth0"]}],
            "ports[0].sources contains 'fe80::1%eth0'; allowed are addresses and networks such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            [{"port": 80, "node_port": 30080, "sources": ["office.example.com"]}],
            "ports[0].sources contains 'office.example.com'; allowed are addresses and networks such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            [{"port": 80, "node_port": 30080, "sources": ["10.0.0.0/33"]}],
            "ports[0].sources contains '10.0.0.0/33'; allowed are addresses and networks such as 192.0.2.0/24 or 2001:db8::/32",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(given, message):
    with pytest.raises(model.HostPortsError) as caught:
        model.parse(given)
    assert str(caught.value) == message


# --- ways past the sources

FREE, LIMITED = {"port": 443, "node_port": 30443}, {"port": 443, "node_port": 30443, "sources": ["192.0.2.0/24"]}
ON_HOST = {"port": 443, "target_port": 18443}
LIMITED_ON_HOST = {**ON_HOST, "sources": ["192.0.2.0/24"]}
ELSEWHERE = "set filtered_elsewhere to true if a firewall in front of the host keeps such clients away"
DIRECTLY = "ports limits 443 to sources, but every client reaches the {} behind them directly; set close_nodeports, or " + ELSEWHERE


def ways(*given, backend="nftables", close=False, proxied=()):
    return model.bypasses(model.parse(list(given), close), backend, proxied)


@pytest.mark.parametrize(
    ("given", "settings", "found"),
    [
        ([LIMITED], {}, DIRECTLY.format("NodePort 30443")),
        ([LIMITED, {"port": 80, "node_port": 30080}], {}, DIRECTLY.format("NodePort 30443")),
        ([LIMITED_ON_HOST], {}, DIRECTLY.format("host's own port 18443")),
        (
            [LIMITED_ON_HOST],
            {"backend": "iptables", "close": True},
            (
                "ports limits 443 to sources, but with backend iptables every client reaches the host's own port 18443 behind them"
                f" directly; use backend nftables with close_nodeports, or {ELSEWHERE}"
            ),
        ),
        (
            [LIMITED],
            {"backend": "loadbalancer", "close": True},
            f"ports limits 443 to sources, but with backend loadbalancer this role has no rules; use backend nftables, or {ELSEWHERE}",
        ),
        (
            [FREE],
            {"backend": "loadbalancer", "close": True},
            f"close_nodeports is true, but with backend loadbalancer this role has no rules; use backend nftables, or {ELSEWHERE}",
        ),
        (
            [FREE],
            {"proxied": ["30080", "30443"]},
            (
                "ports lets every client use 443, and the gateway believes there what a proxy says of clients (edge_trusted_proxies,"
                f" edge_proxy_protocol); name the proxies and the hosts in sources, or {ELSEWHERE}"
            ),
        ),
        ([ON_HOST], {"proxied": [30080, 30443]}, "ports lets every client use 443, and the gateway believes there"),
        ([FREE], {"backend": "loadbalancer", "proxied": [30443]}, "ports lets every client use 443, and the gateway believes there"),
    ],
)
def test_a_way_past_the_sources_is_named(given, settings, found):
    (way,) = ways(*given, **settings)
    assert way.startswith(found)


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ([FREE], {}),
        ([FREE], {"close": True}),
        ([FREE], {"backend": "loadbalancer"}),
        ([ON_HOST], {"backend": "iptables"}),
        ([LIMITED], {"close": True}),
        ([LIMITED_ON_HOST], {"close": True}),
        ([LIMITED], {"close": True, "proxied": [30080, 30443]}),
        # Of another Service than the gateway's.
        ([{"port": 5432, "node_port": 30432}, LIMITED], {"close": True, "proxied": [30080, 30443]}),
        ([{"port": 5432, "target_port": 15432}], {"proxied": [30080, 30443]}),
    ],
)
def test_where_there_is_no_way_past_them_nothing_is_said(given, settings):
    assert ways(*given, **settings) == []
