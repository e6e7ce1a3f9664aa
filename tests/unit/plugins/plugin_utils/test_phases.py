# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._phases import differences, failure_lines, is_rescued, text_lines


def task(name, parent=None):
    return SimpleNamespace(_uuid=name, _parent=parent)


def block(name, *, parent=None, inside=(), rescue=()):
    return SimpleNamespace(_uuid=name, _parent=parent, block=[task(each) for each in inside], rescue=[task(each) for each in rescue])


@pytest.mark.parametrize(
    ("found", "rescued"),
    [
        (task("a"), False),
        (task("a", block("b", inside=["a"])), False),
        (task("a", block("b", inside=["a"], rescue=["r"])), True),
        # A rescue handles what comes before it, and nothing of itself.
        (task("r", block("b", inside=["a"], rescue=["r"])), False),
        (task("r", block("b", inside=["a"], rescue=["r"], parent=block("c", inside=["b"], rescue=["s"]))), True),
        # An include between them is a task.
        (task("a", block("b", inside=["a"], parent=task("include", block("c", inside=["include"], rescue=["r"])))), True),
        (task("a", block("b", inside=["a"], parent=task("import", block("c", inside=["b"], rescue=["r"])))), True),
    ],
)
def test_a_failure_is_rescued_by_a_block_around_it(found, rescued):
    assert is_rescued(found) is rescued


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ({"msg": "first\nsecond\n"}, ["first", "second"]),
        ({"msg": ["a", "b"]}, ["a", "b"]),
        ({"msg": "", "module_stderr": "Killed"}, ["Killed"]),
        ({"censored": "hidden"}, ["hidden"]),
        ({}, ["The task does not say why."]),
        (
            {
                "msg": "One or more items failed",
                "results": [{"msg": "x", "failed": True}, {"msg": "fine"}, {"msg": "x", "unreachable": True}],
            },
            ["x"],
        ),
    ],
)
def test_the_lines_of_a_failure(result, lines):
    assert failure_lines(result) == lines


def test_lines_of_what_is_no_text():
    assert (text_lines(None), text_lines(7), text_lines([1, "a\nb"])) == ([], ["7"], ["1", "a", "b"])


def test_differences_are_those_of_what_changed():
    items = [{"changed": True, "diff": "b"}, {"changed": False, "diff": "c"}, {"changed": True}, "text"]
    assert list(differences({"changed": True, "diff": "a", "results": items})) == ["a", "b"]
    assert list(differences({"changed": False, "diff": "a"})) == []
