# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, rules, text


def desired(**options):
    return model.parse([{"port": 80, "node_port": 30080}], **options)


def chain(name, **options):
    return next(item for item in rules.chains(desired(**options)) if item.name == name)


def test_the_rewrite_is_before_connection_tracking_and_the_way_back_after_it():
    priorities = {item.name: (item.hook, item.priority) for item in rules.chains(desired())}
    assert priorities == {
        "from_network": ("prerouting", -300),
        "from_host": ("output", -300),
        "before_filters": ("input", -150),
        "after_filters": ("input", 290),
        "replies_to_host": ("input", 300),
        "replies_to_network": ("postrouting", 300),
    }


def test_the_port_is_rewritten_and_noted_as_the_zone():
    rule = "tcp dport 80 fib daddr type local tcp dport set 30080 ct original zone set 80"
    assert chain("from_network").rules == (rule,)
    assert chain("from_host").rules == (rule,)


def test_direct_access_is_dropped_before_the_rewrite():
    closed = chain("from_network", close_nodeports=True).rules
    assert closed[0] == 'iifname != "lo" tcp dport 30080 fib daddr type local drop'
    assert closed[1].startswith("tcp dport 80 ")


def test_the_host_itself_is_never_shut_out():
    assert not any("drop" in rule for rule in chain("from_host", close_nodeports=True).rules)


def test_the_file_replaces_the_table_and_touches_no_other():
    lines = [line for line in rules.render(desired()).splitlines() if line and not line.startswith("#")]
    assert lines[:3] == ["table inet baremesh_host_ports", "delete table inet baremesh_host_ports", "table inet baremesh_host_ports {"]
    assert not any("flush" in line for line in lines)
    assert sum(line.startswith("table") for line in lines) == 2


@pytest.mark.parametrize("word", ["KUBE-", "CNI-", "flannel"])
def test_nothing_that_k3s_killall_filters_for(word):
    assert word.lower() not in rules.render(desired(close_nodeports=True)).lower()


def test_the_same_wish_is_the_same_file():
    one = model.parse([{"port": 80, "node_port": 30080, "sources": ["10.0.0.2", "10.0.0.1"]}, {"port": 81, "node_port": 30081}])
    two = model.parse([{"port": 81, "node_port": 30081}, {"port": 80, "node_port": 30080, "sources": ["10.0.0.1", "10.0.0.2"]}])
    assert rules.render(one) == rules.render(two)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"set": [30443, 30080]}, "{ 30080, 30443 }"),
        ({"set": ["10.0.0.2", "10.0.0.10"]}, "{ 10.0.0.2, 10.0.0.10 }"),
        ({"set": [{"range": ["10.0.0.1", "10.0.0.3"]}]}, "{ 10.0.0.1, 10.0.0.2/31 }"),
        ({"range": ["10.0.0.0", "10.0.0.255"]}, "{ 10.0.0.0/24 }"),
        ({"prefix": {"addr": "fd00::", "len": 8}}, "fd00::/8"),
        ({"set": ["lo", "eth0"]}, "{ eth0, lo }"),
    ],
)
def test_values_have_one_spelling(value, expected):
    assert text.value_text(value) == expected
