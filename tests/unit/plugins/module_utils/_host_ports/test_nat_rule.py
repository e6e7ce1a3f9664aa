# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules see a connection: those behind one that decides about all connections do not."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import nat
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.nat_rule import of_clients

HERE = ["192.0.2.7", "192.0.2.8"]
DNAT = "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1"


@pytest.mark.parametrize(
    ("ranges", "some", "all_of_them"),
    [
        ([(1, 1023)], False, False),
        ([(1024, 1024)], False, False),
        ([(1024, 1025)], True, False),
        ([(1024, 65535)], True, True),
        ([(1, 65535)], True, True),
        ([(1025, 65535)], True, False),
        ([(1024, 65534)], True, False),
        ([(53, 53), (1024, 65535)], True, True),
        ([], False, False),
    ],
)
def test_source_ports_of_clients(ranges, some, all_of_them):
    assert of_clients(ranges) == (some, all_of_them)


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        ("-A PREROUTING -p tcp -m tcp --sport 1024:65535 -j ACCEPT", False),
        ("-A PREROUTING -p tcp -m tcp --sport 1025:65535 -j ACCEPT", True),
        ("-A PREROUTING -d 192.0.2.0/24 -j ACCEPT", False),
        # An address of the network stands for the network.
        ("-A PREROUTING -d 192.0.2.9/24 -j ACCEPT", False),
        ("-A PREROUTING -d 192.0.2.7/32 -j ACCEPT", True),
        ("-A PREROUTING -p tcp -m tcp --dport 443 -j ACCEPT", True),
        ("-A PREROUTING -j RETURN", False),
        ("-A PREROUTING -j OTHER\n-A OTHER -j RETURN", True),
        ("-A PREROUTING -j OTHER\n-A OTHER -j ACCEPT", False),
        ("-A PREROUTING -g OTHER\n-A OTHER -j RETURN", False),
    ],
)
def test_what_goes_before_a_rule(before, seen):
    assert bool(nat.claims(f"*nat\n{before}\n{DNAT}\nCOMMIT\n", [80], HERE)) is seen


def test_who_comes_behind_a_rule_serves_once_it_is_gone():
    text = f"{DNAT}\n{DNAT.replace('10.0.0.1', '10.0.0.2')}\n"
    assert [claim.by for claim in nat.claims(text, [80], HERE)] == [
        "the NAT rule `-A PREROUTING ... -j DNAT 10.0.0.1`",
        "the NAT rule `-A PREROUTING ... -j DNAT 10.0.0.2`",
    ]
