# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample holds rulesets as nft itself printed them, by the rules that were loaded into the chain prerouting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import nat, rules

SAMPLES = Path(__file__).parent / "samples"
FOREIGN = json.loads((SAMPLES / "foreign-nft-1.0.6.json").read_text())
HERE = ["192.0.2.7", "127.0.0.1", "2001:db8::7"]


def ruleset(table, hook, *expressions, kind="nat"):
    place = {"family": "ip", "table": table}
    chain = {"chain": {**place, "name": "first", "type": kind, "hook": hook, "prio": -100}}
    return json.dumps({"nftables": [chain, *({"rule": {**place, "chain": "first", "expr": expr}} for expr in expressions)]})


def match(left, right, operator="=="):
    protocol, _space, field = left.partition(" ")
    key = {"payload": {"protocol": protocol, "field": field}} if field else {"meta": {"key": left}}
    return {"match": {"op": operator, "left": key, "right": right}}


@pytest.mark.parametrize("text", FOREIGN)
def test_every_way_to_write_a_rule_is_seen(text):
    found = nat.claims("", [80, 443], HERE, json.dumps(FOREIGN[text]["ruleset"]))
    assert sorted({claim.port for claim in found}) == FOREIGN[text]["ports"]


def test_the_rule_is_named_with_its_table():
    text = "tcp dport 443 redirect to :8443"
    assert [str(claim) for claim in nat.claims("", [443], HERE, json.dumps(FOREIGN[text]["ruleset"]))] == [
        "port 443 is served by the rule `... redirect to :8443` in chain prerouting of nft's table ip mine"
    ]


@pytest.mark.parametrize(
    ("conditions", "ports"),
    [
        ([match("tcp sport", 443)], []),
        ([match("th sport", {"set": [53, 1194]}), match("tcp dport", 80)], []),
        ([match("tcp sport", {"range": [1, 1023]}), match("tcp dport", 80)], []),
        ([match("tcp sport", 1024, "<"), match("tcp dport", 80)], []),
        ([match("tcp sport", {"range": [1024, 65535]}), match("tcp dport", 80)], [80]),
        ([match("tcp sport", 1023, ">"), match("tcp dport", 80)], [80]),
        ([match("tcp sport", 443, "!="), match("tcp dport", 80)], [80]),
    ],
)
def test_clients_choose_a_source_port_above_1023(conditions, ports):
    text = ruleset("mine", "prerouting", [*conditions, {"redirect": {"port": 8080}}])
    assert [claim.port for claim in nat.claims("", [80, 443], HERE, text)] == ports


@pytest.mark.parametrize(
    ("expression", "ports"),
    [
        ([match("tcp dport", 80), {"redirect": {"port": 8080}}], [80]),
        ([match("oifname", "lo"), match("tcp dport", 80), {"redirect": {"port": 8080}}], [80]),
        ([match("skuid", 13), match("tcp dport", 80), {"redirect": {"port": 3128}}], []),
        ([match("oifname", "eth0"), match("tcp dport", 80), {"redirect": {"port": 3128}}], []),
        ([{"redirect": {"port": 9040}}], []),
    ],
)
def test_proxies_for_what_the_host_sends_elsewhere_serve_no_port_of_it(expression, ports):
    assert [claim.port for claim in nat.claims("", [80, 443], HERE, ruleset("mine", "output", expression))] == ports


@pytest.mark.parametrize(
    "target",
    [
        {"tproxy": {"family": "ip", "port": 50080}},
        {"mangle": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "value": 8080}},
        {"mangle": {"key": {"payload": {"protocol": "ip", "field": "daddr"}}, "value": "10.0.0.1"}},
    ],
)
def test_other_ways_to_rewrite_are_seen_in_every_type_of_chain(target):
    assert len(nat.claims("", [80, 443], HERE, ruleset("mine", "prerouting", [match("tcp dport", 80), target], kind="filter"))) == 1


def test_the_rules_of_host_ports_and_of_iptables_are_left_out():
    expression = [match("tcp dport", 80), {"redirect": {"port": 8080}}]
    assert nat.claims("", [80], HERE, ruleset(rules.TABLE, "prerouting", expression)) == []
    of_iptables = [match("tcp dport", 80), {"xt": {"type": "target", "name": "DNAT"}}]
    assert nat.claims("", [80], HERE, ruleset("nat", "PREROUTING", of_iptables)) == []


def test_a_service_that_kube_proxy_serves_by_nft_counts_as_served_by_the_cluster():
    place = {"family": "ip", "table": "kube-proxy"}
    elements = [
        [{"concat": ["192.0.2.7", "tcp", 80]}, {"goto": {"target": "external-ULMVA6XW-istio-ingress/gateway/tcp/http2"}}],
        [{"concat": ["10.43.0.1", "tcp", 443]}, {"goto": {"target": "service-2QRHZV4L-default/kubernetes/tcp/https"}}],
        [{"concat": ["192.0.2.7", "udp", 443]}, {"goto": {"target": "external-ULMVA6XW-vpn/vpn/udp/quic"}}],
    ]
    text = json.dumps({"nftables": [{"map": {**place, "name": "service-ips", "map": "verdict", "elem": elements}}]})
    assert [(str(claim), claim.cluster) for claim in nat.claims("", [80, 443], HERE, text)] == [
        ("port 80 is served by Service istio-ingress/gateway (address 192.0.2.7)", True)
    ]


def test_a_host_port_of_a_pod_in_nft_counts_as_served_by_the_cluster():
    text = ruleset("cni_hostport", "prerouting", [match("tcp dport", 80), {"dnat": {"addr": "10.42.0.9", "port": 80}}])
    assert [(str(claim), claim.cluster) for claim in nat.claims("", [80], HERE, text)] == [
        ("port 80 is served by the hostPort of a pod (dnat to 10.42.0.9:80; K3s's ServiceLB makes such pods)", True)
    ]


def test_members_with_counters_and_comments_count_like_others():
    members = {"set": [{"elem": {"val": 80, "counter": {"packets": 0, "bytes": 0}}}]}
    addresses = {"set": [{"elem": {"val": {"prefix": {"addr": "192.0.2.0", "len": 24}}, "comment": "ours"}}]}
    expression = [match("ip daddr", addresses), match("tcp dport", members), {"redirect": {"port": 8080}}]
    assert [claim.port for claim in nat.claims("", [80, 443], HERE, ruleset("mine", "prerouting", expression))] == [80]


@pytest.mark.parametrize("text", ["", "\n", "{}", "not JSON", '{"nftables": [{"rule": {}}]}', '{"nftables": 3}'])
def test_what_cannot_be_read_is_no_claim(text):
    assert nat.claims("", [80], HERE, text) == []


REDIRECT = [match("tcp dport", 80), {"redirect": {"port": 8080}}]


def rule_of(chain, *expression, table="mine"):
    return {"rule": {"family": "ip", "table": table, "chain": chain, "expr": list(expression)}}


def claimed(*items, ports=(80,)):
    hook = {"family": "ip", "table": "mine", "name": "first", "type": "nat", "hook": "prerouting", "prio": -100}
    text = json.dumps({"nftables": [{"chain": hook}, *items]})
    return [claim.port for claim in nat.claims("", list(ports), HERE, text)]


@pytest.mark.parametrize(
    ("before", "other", "seen"),
    [
        ({"jump": {"target": "other"}}, None, True),
        ({"jump": {"target": "other"}}, {"return": None}, True),
        ({"jump": {"target": "other"}}, {"accept": None}, False),
        ({"goto": {"target": "other"}}, None, False),
        ({"goto": {"target": "other"}}, {"return": None}, False),
        ({"return": None}, None, False),
        ({"accept": None}, None, False),
        ({"drop": None}, None, False),
        ({"counter": {"packets": 1, "bytes": 1}}, None, True),
        ({"log": None}, None, True),
    ],
)
def test_what_goes_before_a_rule(before, other, seen):
    there = [rule_of("other", other)] if other else []
    assert bool(claimed(rule_of("first", before), rule_of("first", *REDIRECT), *there)) is seen


@pytest.mark.parametrize("table", ["a", "z"])
def test_a_chain_of_that_name_in_another_table_is_another_chain(table):
    assert claimed(rule_of("first", *REDIRECT, table=table)) == []


@pytest.mark.parametrize(
    ("operator", "number", "ports"),
    [
        ("<", 80, []),
        ("<", 81, [80]),
        ("<=", 79, []),
        ("<=", 80, [80]),
        (">", 442, [443]),
        (">", 443, []),
        (">=", 443, [443]),
        (">=", 444, []),
        ("!=", 80, [443]),
    ],
)
def test_ports_are_compared_as_nft_does(operator, number, ports):
    assert claimed(rule_of("first", match("tcp dport", number, operator), {"redirect": {"port": 1}}), ports=(80, 443)) == ports
