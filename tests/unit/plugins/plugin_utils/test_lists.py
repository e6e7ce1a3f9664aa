# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils import _lists as lists


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (["192.0.2.10"], ["192.0.2.10"]),
        (("a",), ["a"]),
        ([], []),
        (None, []),
        ("", []),
        ("  ", []),
        ("192.0.2.10", ["192.0.2.10"]),
        ("192.0.2.10, 2001:db8::1", ["192.0.2.10", "2001:db8::1"]),
        ("a,b,", ["a", "b"]),
        ("a\nb\n", ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("[]", []),
        ("- a\n- b", ["a", "b"]),
        ('[{"name": "app"}]', [{"name": "app"}]),
    ],
)
def test_a_list_is_read_from_what_people_and_surveys_write(value, entries):
    assert lists.as_list(value, "edge_addresses") == entries


@pytest.mark.parametrize("value", [5, True, {"a": "b"}, "[a", "- a\nb: c", "[!!timestamp b]", "- 2026-02-30"])
def test_what_is_not_a_list_is_one_sentence(value):
    with pytest.raises(AnsibleFilterError, match=r"edge_addresses is .*: it must be a list, or text with the entries between commas\."):
        lists.as_list(value, "edge_addresses")


@pytest.mark.parametrize("entry", ["192.0.2.10", "2001:db8::1", "edge1", "edge1.example.com", "1and1.example.com"])
def test_addresses_and_names_are_fine(entry):
    findings = []
    assert lists.address_list([entry], "edge_addresses", findings) == [entry]
    assert findings == []


@pytest.mark.parametrize("entry", ["1", "192.0.2", "192.0.2.300", "a_b", "http://a", 5, None, {"a": 1}, "192.0.2.0/24"])
def test_an_entry_that_is_neither_is_one_sentence(entry):
    findings = []
    assert lists.address_list(["edge1", entry], "edge_addresses", findings) == ["edge1"]
    assert findings == [f"edge_addresses has {entry!r}: each entry must be an IP address or a DNS name."]


def test_networks_are_read_the_same_way():
    findings = []
    assert lists.network_list("10.42.0.0/16, fd00::/56", "edge_pod_networks", findings) == ["10.42.0.0/16", "fd00::/56"]
    assert findings == []
    assert lists.network_list(["10.42.0.0/40"], "edge_pod_networks", findings) == []
    assert findings == ["edge_pod_networks has '10.42.0.0/40': each entry must be a network such as 10.42.0.0/16."]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("a: 1\nb: 2", {"a": 1, "b": 2}),
        ("{}", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_dictionaries_as_people_write_them(value, expected):
    assert lists.as_dict(value, "edge_x") == expected


@pytest.mark.parametrize("value", ["many", "[1]", "{", "a=1,b=2", 5, True, [1], ["a: b"]])
def test_what_is_no_dictionary_is_named(value):
    with pytest.raises(AnsibleFilterError, match=re.escape(f"edge_x is {value!r}: it must be a dictionary, or text")):
        lists.as_dict(value, "edge_x")


def test_what_may_hold_passwords_is_not_shown():
    with pytest.raises(AnsibleFilterError) as error:
        lists.as_dict("auth: {password: s3cret", "k3s_registries")
    assert "s3cret" not in str(error.value)
    assert str(error.value).startswith("k3s_registries cannot be read (its value may hold passwords and is not shown): ")


@pytest.mark.parametrize("value", [[{"port": 80}], '[{"port": 80}]', "[{port: 80}]", ['{"port": 80}'], "- port: 80\n"])
def test_lists_of_dictionaries(value):
    assert lists.as_list(value, "x", True) == [{"port": 80}]


@pytest.mark.parametrize(("value", "said"), [([80], "x[0] is 80"), ("80 {}", "x[0] is '80'"), ([{"a": 1}, [2]], "x[1] is [2]")])
def test_entries_that_are_no_dictionaries_are_named(value, said):
    with pytest.raises(AnsibleFilterError, match=re.escape(f"{said}: it must be a dictionary.")):
        lists.as_list(value, "x", True)
