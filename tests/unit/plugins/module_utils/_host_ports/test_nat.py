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
