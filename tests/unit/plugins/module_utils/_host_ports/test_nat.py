# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample is a node with a pod that has hostPort 8088 and a Service with an external IP and port 8090."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import nat

SAMPLE = (Path(__file__).parent / "samples/iptables-save-hostport.txt").read_text()
HERE = ["10.141.61.11", "127.0.0.1"]


def claims(*arguments):
    return [str(claim) for claim in nat.claims(*arguments)]


def test_a_host_port_of_a_pod_is_recognised():
    assert claims(SAMPLE, [8088], HERE) == [
        "port 8088 is served by the hostPort of a pod at 10.42.0.4:8080 (K3s's ServiceLB makes such pods)",
    ]


def test_a_service_with_an_address_of_this_host_is_named():
    assert claims(SAMPLE, [8090], HERE) == ["port 8090 is served by Service default/lb (external IP 10.141.61.11)"]


def test_an_address_of_a_load_balancer_elsewhere_is_no_conflict():
    assert claims(SAMPLE, [8090], ["10.141.61.12"]) == []


@pytest.mark.parametrize("port", [80, 443, 30080, 8080])
def test_cluster_addresses_and_node_ports_are_no_conflict(port):
    assert claims(SAMPLE, [port], HERE) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 30080",
            ["port 80 is served by the NAT rule `-A PREROUTING ... -j REDIRECT 30080`"],
        ),
        (
            "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80",
            ["port 80 is served by the NAT rule `-A DOCKER ... -j DNAT 172.17.0.2:80`"],
        ),
        (
            '-A KUBE-SERVICES -d 10.141.61.11/32 -p tcp -m comment --comment "g/gw:http loadbalancer IP" -m tcp --dport 80 -j KUBE-EXT-X',
            ["port 80 is served by Service g/gw (loadbalancer IP 10.141.61.11)"],
        ),
        ("-A PREROUTING -p tcp -m tcp ! --dport 80 -j REDIRECT --to-ports 1", []),
        ("-A PREROUTING -d 192.0.2.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80", []),
        ("-A KUBE-SVC-X -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ", []),
        ('-A X -m comment --comment "unfinished', []),
        (":PREROUTING ACCEPT [0:0]", []),
        ("", []),
    ],
)
def test_rules(line, expected):
    assert claims(line, [80], HERE) == expected


def test_only_what_kubernetes_serves_counts_as_served_by_the_cluster():
    redirect = "-A PREROUTING -p tcp -m tcp --dport 8088 -j REDIRECT --to-ports 30080\n"
    assert [claim.cluster for claim in nat.claims(SAMPLE + redirect, [8088, 8090], HERE)] == [True, True, False]


DMZ = "-A PREROUTING -i eth0 -j DNAT --to-destination 10.0.0.5"
TWO = [*HERE, "192.0.2.7", "2001:db8::7"]


@pytest.mark.parametrize(
    "line",
    [
        "-A PREROUTING -p udp -m udp --dport 443 -j REDIRECT --to-ports 30443",
        "-A PREROUTING -p sctp -m sctp --dport 443 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p 17 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p icmp -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING ! -p tcp -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p udp -m multiport --dports 80,443 -j REDIRECT --to-ports 1194",
        "-A PREROUTING -p tcp -m tcp --dport 444:65535 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p tcp -m multiport --dports 22,8000:9000 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p tcp -m multiport ! --dports 80,443 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -p tcp -m tcp ! --dport 80:443 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -d 203.0.113.0/24 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING ! -d 0.0.0.0/0 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -m iprange --dst-range 203.0.113.1-203.0.113.9 -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -m addrtype ! --dst-type LOCAL -p tcp --dport 80 -j REDIRECT --to-ports 3128",
        "-A PREROUTING -m addrtype --dst-type BROADCAST -j DNAT --to-destination 10.0.0.1",
        "-A PREROUTING -i lo -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
        "-A PREROUTING -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j DNAT --to-destination 10.0.0.1",
        # Proxies for what the host sends elsewhere.
        "-A OUTPUT -p tcp -m tcp --dport 80 -m owner ! --uid-owner 13 -j REDIRECT --to-ports 3128",
        "-A OUTPUT ! -d 127.0.0.0/8 -p tcp -j REDIRECT --to-ports 9040",
        "-A OUTPUT ! -o lo -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 3129",
        # Balancing of Services by kube-proxy, and what does not rewrite the destination.
        "-A KUBE-SEP-X -p tcp -m tcp -j DNAT --to-destination 10.42.0.4:8080",
        "-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE",
        '-A PREROUTING -p tcp -m tcp --dport 80 -m comment --comment "-j DNAT" -j LOG --log-prefix "-j REDIRECT"',
    ],
)
def test_what_is_not_about_connections_to_this_port_is_none_of_our_business(line):
    assert claims(line, [80, 443], TWO) == []


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("-A PREROUTING -p tcp -m tcp --dport 1:1024 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -p tcp -m tcp --dport 100: -j DNAT --to-destination 10.0.0.1", [443]),
        ("-A PREROUTING -p tcp -m tcp --dport :100 -j DNAT --to-destination 10.0.0.1", [80]),
        ("-A PREROUTING -p tcp -m multiport --dports 80:90,443 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -p tcp -m multiport --ports 443 -j DNAT --to-destination 10.0.0.1", [443]),
        ("-A PREROUTING -p tcp -m multiport ! --dports 22,443 -j DNAT --to-destination 10.0.0.1", [80]),
        ("-A PREROUTING -p tcp -m tcp ! --dport 22 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        (DMZ, [80, 443]),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -d 192.0.2.7/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80", [80]),
        ("-A PREROUTING -d 192.0.2.0/24 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -d 2001:db8::/64 -p tcp -m tcp --dport 443 -j DNAT --to-destination [fd00::1]:443", [443]),
        ("-A PREROUTING ! -d 127.0.0.0/8 -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 8443", [443]),
        ("-A PREROUTING -m iprange --dst-range 192.0.2.1-192.0.2.9 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -d 192.0.2.0/24 -j NETMAP --to 10.0.0.0/24", [80, 443]),
        ("-A PREROUTING -p tcp -m conntrack --ctstate NEW -m tcp --dport 80 -j REDIRECT --to-ports 8080", [80]),
        ("-A OUTPUT -d 127.0.0.1/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080", [80]),
        # Through chains, whose rules need not name the port again.
        ("-A PREROUTING -p tcp -m tcp --dport 443 -j WEB\n-A WEB -j DNAT --to-destination 10.0.0.1", [443]),
        ("-A PREROUTING -i eth0 -g DMZ\n-A DMZ -p tcp -m tcp --dport 22 -j RETURN\n-A DMZ -j DNAT --to-destination 10.0.0.1", [80, 443]),
        # What comes before may keep connections out, if it is about all of them.
        ("-A PREROUTING -p tcp -m tcp --dport 443 -j ACCEPT\n" + DMZ, [80]),
        ("-A PREROUTING -s 10.0.0.0/8 -p tcp -m tcp --dport 443 -j ACCEPT\n" + DMZ, [80, 443]),
        ("-A PREROUTING -j EXCEPT\n-A EXCEPT -p tcp -m tcp --dport 80 -j ACCEPT\n" + DMZ, [443]),
        ("-A PREROUTING -j EXCEPT\n-A EXCEPT -p tcp -m tcp --dport 80 -j RETURN\n" + DMZ, [80, 443]),
        # Clients choose a source port above 1023.
        ("-A PREROUTING -p tcp -m tcp --sport 443 -j REDIRECT --to-ports 8080", []),
        ("-A PREROUTING -p tcp -m tcp --sport 1:1023 --dport 80 -j REDIRECT --to-ports 8080", []),
        ("-A PREROUTING -p tcp -m multiport --sports 53,1194 -j DNAT --to-destination 10.0.0.1", []),
        ("-A PREROUTING -p tcp -m tcp --sport 1024:65535 --dport 80 -j REDIRECT --to-ports 8080", [80]),
        ("-A PREROUTING -p tcp -m tcp ! --sport 443 -j DNAT --to-destination 10.0.0.1", [80, 443]),
        ("-A PREROUTING -p tcp -m multiport --sports 40000:50000 --dport 443 -j DNAT --to-destination 10.0.0.1", [443]),
        ("-A PREROUTING -p tcp -m tcp --sport 1024: --dport 443 -j ACCEPT\n" + DMZ, [80]),
        ("-A PREROUTING -p tcp -m tcp --sport 22 --dport 443 -j ACCEPT\n" + DMZ, [80, 443]),
        (":PREROUTING ACCEPT [0:0]\n-A GONE -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1", []),
    ],
)
def test_every_way_to_write_a_rule_is_seen(line, ports):
    assert [claim.port for claim in nat.claims(line, [80, 443], TWO)] == ports


def test_a_rule_without_a_port_is_named_for_each_port():
    assert claims(DMZ, [80], HERE) == ["port 80 is served by the NAT rule `-A PREROUTING ... -j DNAT 10.0.0.5`"]


def test_chains_that_lead_in_a_circle_end():
    assert claims("-A PREROUTING -j A\n-A A -j B\n-A B -j A\n" + DMZ, [80], HERE) != []


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("-A PREROUTING ! -d 192.0.2.0/24 -p tcp --dport 80 -j EXCEPT\n-A EXCEPT ! -d 127.0.0.0/8 -j REDIRECT --to-ports 1", [80]),
        ("-A PREROUTING ! -d 0.0.0.0/0 -p tcp --dport 80 -j REDIRECT --to-ports 3128", []),
    ],
)
def test_an_excluded_network_leaves_the_other_addresses_of_its_family(line, ports):
    assert [claim.port for claim in nat.claims(line, [80], TWO)] == ports


DOCKER = """*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER_OUTPUT - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.17.0.3:5000
-A DOCKER ! -i docker0 -p udp -m udp --dport 443 -j DNAT --to-destination 172.17.0.4:443
COMMIT
"""
NETAVARK = """*nat
:PREROUTING ACCEPT [0:0]
:NETAVARK-HOSTPORT-DNAT - [0:0]
:NETAVARK-DN-1D8721804F16F - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport {port} -m comment --comment "dnat name: podman id: 4b" -j NETAVARK-DN-1D8721804F16F
-A NETAVARK-DN-1D8721804F16F -s 10.88.0.0/16 -p tcp -m tcp --dport {port} -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-1D8721804F16F -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.88.0.2:80
COMMIT
"""
CALICO = """*nat
:PREROUTING ACCEPT [0:0]
:cali-PREROUTING - [0:0]
:cali-dnat - [0:0]
-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
-A cali-PREROUTING -m comment --comment "cali:r6XmIziWUJsdOK6Z" -j cali-dnat
-A cali-dnat -d 203.0.113.{port}/32 -j DNAT --to-destination 10.42.0.7
COMMIT
"""
ROUTER = """*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 203.0.113.1/32 -i eth1 -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.0.0.5
-A PREROUTING -i wg0 -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353
-A POSTROUTING -o eth1 -j MASQUERADE
COMMIT
"""


@pytest.mark.parametrize("rules", [DOCKER, NETAVARK, CALICO, ROUTER], ids=["docker", "netavark", "calico", "router"])
def test_rule_sets_of_other_software_are_no_conflict(rules):
    assert claims(rules.replace("{port}", "88"), [80, 443], TWO) == []


@pytest.mark.parametrize("rules", [DOCKER, NETAVARK], ids=["docker", "netavark"])
def test_a_container_that_publishes_the_port_is(rules):
    (claim,) = claims(rules.replace("{port}", "443"), [80, 443], TWO)
    assert claim.startswith("port 443 is served by the NAT rule `-A ")


def test_the_tables_of_both_families_are_apart():
    empty = "*nat\n:PREROUTING ACCEPT [0:0]\n:WEB - [0:0]\n-A WEB -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::1]:80\nCOMMIT\n"
    jump = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j WEB\nCOMMIT\n"
    assert claims(jump + empty, [80], TWO) == []
