# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser against what real nft releases said (samples/, made by tests/netns/record_samples.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import live, model, rules

SAMPLES = sorted((Path(__file__).parent / "samples").glob("nft-*.json"))
DESIRED = {
    "plain": model.parse([{"port": 80, "node_port": 30080}, {"port": 443, "node_port": 30443}]),
    "sources": model.parse(
        [
            {"port": 80, "node_port": 30080},
            {"port": 443, "node_port": 30443, "sources": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.0/24", "2001:db8::/32"]},
            {"port": 8080, "node_port": 30080, "sources": ["198.51.100.7"]},
        ],
        True,
        ["10.9.0.0/16", "fd00::/8", "2001:db8::1"],
    ),
}


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request):
    return request.param.read_text(), DESIRED[request.param.stem.rpartition("-")[2]]


def plain():
    return json.loads(next(path for path in SAMPLES if path.stem.endswith("plain")).read_text())


def differences(document):
    return live.differences(live.parse_table(json.dumps(document)), rules.chains(DESIRED["plain"]))


def test_there_are_samples():
    assert {path.stem.rpartition("-")[2] for path in SAMPLES} == set(DESIRED)


def test_rules_as_loaded_are_rules_as_wanted(sample):
    output, desired = sample
    assert live.differences(live.parse_table(output), rules.chains(desired)) == []


def test_host_ports_are_read_back(sample):
    output, desired = sample
    assert live.parse_host_ports(output) == desired


def test_every_rule_counts(sample):
    """Without any one of its rules a table is not as desired, and the rule is named."""
    output, desired = sample
    document = json.loads(output)
    positions = [index for index, item in enumerate(document["nftables"]) if "rule" in item]
    assert positions
    for position in positions:
        rest = {"nftables": [item for index, item in enumerate(document["nftables"]) if index != position]}
        found = live.differences(live.parse_table(json.dumps(rest)), rules.chains(desired))
        assert len(found) == 1
        assert "lacks the rule: " in found[0]


def test_a_foreign_rule_is_named():
    document = plain()
    rule = json.loads(json.dumps(next(item for item in document["nftables"] if "rule" in item)))
    rule["rule"]["expr"] = [{"drop": None}]
    document["nftables"].append(rule)
    assert differences(document) == ["chain from_network has a foreign rule: drop"]


def test_order_of_rules_counts():
    document = plain()
    positions = [index for index, item in enumerate(document["nftables"]) if item.get("rule", {}).get("chain") == "from_network"]
    items = document["nftables"]
    items[positions[0]], items[positions[1]] = items[positions[1]], items[positions[0]]
    assert differences(document)


def test_a_chain_at_another_place_is_named():
    document = plain()
    next(item for item in document["nftables"] if item.get("chain", {}).get("name") == "from_host")["chain"]["prio"] = 0
    assert differences(document) == ["chain from_host hooks in at output 0 instead of output -300"]


def test_foreign_and_missing_chains_are_named():
    document = plain()
    items = [item for item in document["nftables"] if item.get("rule", {}).get("chain") != "replies_to_host"]
    next(item for item in items if item.get("chain", {}).get("name") == "replies_to_host")["chain"]["name"] = "other"
    assert differences({"nftables": items}) == ["chain replies_to_host is missing", "chain other is foreign"]


def test_a_foreign_set_is_named():
    document = plain()
    document["nftables"].append({"set": {"family": "inet", "table": rules.TABLE, "name": "x", "type": "ipv4_addr"}})
    assert differences(document) == ["chain set is foreign"]


def test_counters_do_not_count():
    document = plain()
    next(item for item in document["nftables"] if "rule" in item)["rule"]["expr"].append({"counter": {"packets": 7, "bytes": 420}})
    assert differences(document) == []


def test_a_flag_as_a_word_is_the_flag_as_a_list():
    document = json.loads(json.dumps(plain()).replace('"flags": ["daddr"]', '"flags": "daddr"'))
    assert '"flags": "daddr"' in json.dumps(document)
    assert differences(document) == []


def test_an_unknown_statement_is_shown_as_it_is():
    document = plain()
    next(item for item in document["nftables"] if "rule" in item)["rule"]["expr"].append({"log": {"prefix": "x"}})
    assert any('{"log": {"prefix": "x"}}' in line for line in differences(document))


def test_a_table_without_our_rules_serves_nothing():
    assert live.parse_host_ports(json.dumps({"nftables": [{"metainfo": {}}]})) is None


@pytest.mark.parametrize("output", ["", "Error", "[]", '{"nftables": [{"rule": {}}]}'])
def test_what_is_not_nfts_json_is_an_error(output):
    with pytest.raises(model.HostPortsError, match="JSON could not be read"):
        live.parse_table(output)
