# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field sets as the API server writes them: a Deployment's lists have keys, a CRD's are owned as a whole."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._workload.compare import Display, is_current, normalized

MANAGER = "baremesh.edge"


def live(spec, fields, **metadata):
    managed = [{"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": fields}}]
    return {"metadata": {"name": "x", "managedFields": managed, **metadata}, "spec": spec}


def definition(spec):
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "fields", "given", "expected"),
    [
        ({"a": 1, "default": 2}, {"f:a": {}}, {"a": 1}, True),
        ({"a": 1}, {"f:a": {}}, {"a": 2}, False),
        ({"a": 1, "b": 2}, {"f:a": {}, "f:b": {}}, {"a": 1}, False),
        ({"a": {"b": 1}}, {"f:a": {".": {}, "f:b": {}}}, {"a": {"b": 1}}, True),
        ({"a": {"b": 1}}, {"f:a": {".": {}, "f:b": {}}}, {"a": {}}, False),
        ({"a": {"b": 1}}, {"f:a": {}}, {"a": {"b": 1, "c": 1}}, False),
        ({"l": [1, 2]}, {"f:l": {}}, {"l": [1, 2]}, True),
        ({"l": [1, 2]}, {"f:l": {}}, {"l": [1]}, False),
        ({"l": [{"n": 1, "default": 0}]}, {"f:l": {}}, {"l": [{"n": 1}]}, True),
        ({"l": ["a"]}, {"f:l": {'v:"a"': {}}}, {"l": ["a"]}, True),
        ({"l": ["a"]}, {"f:l": {'v:"a"': {}, 'v:"b"': {}}}, {"l": ["a"]}, False),
        (
            {"ports": [{"port": 80, "protocol": "TCP"}]},
            {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}},
            {"ports": [{"port": 80}]},
            True,
        ),
        (
            {"ports": [{"port": 80, "protocol": "TCP", "name": "x"}]},
            {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}}},
            {"ports": [{"port": 80}]},
            False,
        ),
        ({"ports": [{"port": 80}]}, {"f:ports": {'k:{"port":81}': {".": {}}}}, {"ports": [{"port": 80}]}, False),
        ({"cpu": "1"}, {"f:cpu": {}}, {"cpu": "1000m"}, False),
        ({}, {}, {"a": {}}, False),
        ({"a": None}, {"f:a": {}}, {"a": None}, True),
        ({"a": 1}, {"i:0": {}}, {"a": 1}, False),
    ],
)
def test_whether_an_object_is_current(spec, fields, given, expected):
    assert is_current(definition(given), live(spec, fields), MANAGER) is expected


@pytest.mark.parametrize(
    "entry",
    [
        {"manager": "kubectl", "operation": "Apply", "fieldsV1": {}},
        {"manager": MANAGER, "operation": "Update", "fieldsV1": {}},
        {"manager": MANAGER, "operation": "Apply", "subresource": "status", "fieldsV1": {}},
    ],
)
def test_what_others_applied_is_not_ours(entry):
    found = {"metadata": {"name": "x", "managedFields": [entry]}, "spec": {"a": 1}}
    assert is_current(definition({"a": 1}), found, MANAGER) is False


def test_a_status_is_left_out_and_text_of_a_secret_becomes_data():
    found = normalized({"kind": "Secret", "data": {"a": "eA=="}, "stringData": {"b": "y"}, "status": {}})
    assert found == {"kind": "Secret", "data": {"a": "eA==", "b": "eQ=="}}


def test_the_copy_of_a_secret_in_its_annotation_is_hidden_too():
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"aHVudGVy"}}', "mine": "shown"}
    shown = Display()({"kind": "Secret", "metadata": {"name": "x", "annotations": annotations}, "data": {"a": "aHVudGVy"}})
    assert "aHVudGVy" not in shown
    assert "mine: shown" in shown


def test_markers_say_nothing_outside_of_their_run():
    found = {"kind": "Secret", "metadata": {}, "data": {"a": "x", "b": "x"}}
    one, other = Display()(found), Display()(found)
    assert one != other
    first, second = (line.split(": ", 1)[1] for line in one.splitlines()[1:3])
    assert first == second
