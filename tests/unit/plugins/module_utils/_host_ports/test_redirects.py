# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, redirects

PORTS = [{"port": 80, "target_port": 18080}, {"port": 443, "target_port": "18443", "sources": ["192.0.2.0/24", "2001:db8::1"]}]
DESIRED = model.parse(PORTS)


def saved(family):
    """What iptables-save prints when the rules are live, among kube-proxy's."""
    text = redirects.render(DESIRED, family)
    kept = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join([*kept[:3], ":KUBE-SERVICES - [0:0]", "-A PREROUTING -j KUBE-SERVICES", *kept[3:], ""])


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_rendered_is_read_back_without_difference(family):
    assert redirects.differences(saved(family), DESIRED, family) == []


def test_host_ports_are_read_back_from_both_families():
    assert redirects.parse({4: saved(4), 6: saved(6)}) == DESIRED


def test_sources_limit_the_network_and_not_the_host():
    rules = redirects.lines(DESIRED, 6)
    assert "-A BAREMESH-PORTS-IN -s 2001:db8::1/128 -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 18443" in rules
    assert "-A BAREMESH-PORTS-OUT -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 18443" in rules


def test_a_family_without_sources_of_its_own_is_closed():
    desired = model.parse([{"port": 80, "target_port": 18080, "sources": ["192.0.2.0/24"]}])
    assert [line for line in redirects.lines(desired, 6) if redirects.FROM_NETWORK in line] == []


def test_missing_foreign_and_double_rules_are_told():
    text = saved(4).replace("--to-ports 18080", "--to-ports 1", 1) + redirects.JUMPS[0] + "\n"
    found = "\n".join(redirects.differences(text, DESIRED, 4))
    assert "lacks the rule: -A BAREMESH-PORTS-IN -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 18080" in found
    assert "foreign rule: -A BAREMESH-PORTS-IN -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 1" in found
    assert "a jump too many" in found


def test_a_jump_that_is_there_is_not_loaded_again():
    text = redirects.without(redirects.render(DESIRED, 4), redirects.live(saved(4))[1])
    assert not [line for line in text.splitlines() if line in redirects.JUMPS]


def test_removal_names_our_chains_and_jumps_only():
    lines = redirects.removal(saved(4)).splitlines()
    assert [line for line in lines if line.startswith("-")] == [
        "-D PREROUTING -p tcp -m addrtype --dst-type LOCAL -j BAREMESH-PORTS-IN",
        "-D OUTPUT -p tcp -m addrtype --dst-type LOCAL -j BAREMESH-PORTS-OUT",
        "-X BAREMESH-PORTS-IN",
        "-X BAREMESH-PORTS-OUT",
    ]


def test_no_name_that_the_kill_script_of_k3s_removes():
    text = redirects.render(DESIRED, 4)
    assert [word for word in ("kube-", "cni-", "flannel") if word in text.lower()] == []


@pytest.mark.parametrize(
    ("ports", "nat", "words"),
    [
        ([{"port": 80, "node_port": 30080}], "", ["port 80", "node_port 30080", "nftables", "target_port"]),
        (
            [{"port": 80, "target_port": 30080}],
            '-A KUBE-NODEPORTS -p tcp -m comment --comment "a/b:http" -m tcp --dport 30080 -j KUBE-EXT-X',
            ["target_port 30080", "is a NodePort", "kube-proxy"],
        ),
    ],
    ids=["by-its-word", "by-the-rules-of-kube-proxy"],
)
def test_a_node_port_is_refused_with_the_reason(ports, nat, words):
    with pytest.raises(model.HostPortsError) as refusal:
        redirects.refuse_node_ports(model.parse(ports), nat, "host_ports_")
    assert all(word in str(refusal.value) for word in words)
    redirects.refuse_node_ports(DESIRED, nat, "host_ports_")


@pytest.mark.parametrize("entry", [{"port": 80}, {"port": 80, "node_port": 30080, "target_port": 18080}])
def test_an_entry_has_one_target(entry):
    with pytest.raises(model.HostPortsError, match=r"ports\[0\] has .*allowed is one of node_port"):
        model.parse([entry])
