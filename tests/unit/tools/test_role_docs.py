# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import checkout
import role_docs
import yaml

SPECS = {
    "main": {
        "short_description": "Do it",
        "options": {
            "thing_items": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "description": ["What O(thing_mode=a) takes, for B(all).", "See U(https://example.com)."],
                "options": {"name": {"type": "str", "required": True, "description": "A name | an alias."}},
            },
            "thing_mode": {"type": "str", "default": "a", "choices": ["a", "b"], "description": "How."},
            "thing_level": {"type": "int", "default": 3, "description": "Level."},
        },
    },
    "remove": {"short_description": "Undo it", "options": {}},
}


def test_a_table_has_options_their_elements_and_other_entry_points():
    assert role_docs.table(SPECS).splitlines() == [
        "| Variable | Type | Default | Meaning |",
        "|---|---|---|---|",
        "| `thing_items` | list of dict | `[]` | What `thing_mode=a` takes, for *all*. See <https://example.com>. |",
        r"| `thing_items[].name` | str | **required** | A name \| an alias. |",
        "| `thing_mode` | str | `a` | How. One of `a`, `b`. |",
        "| `thing_level` | int | `3` | Level. |",
        "",
        "### `tasks_from: remove`",
        "",
        "Undo it.",
        "",
        "No variables.",
    ]


def test_the_table_replaces_what_stands_between_the_markers_and_nothing_else():
    readme = f"# Role\n\n{role_docs.START}\nold\n{role_docs.END}\n\n## Tags\n"
    once = role_docs.with_table(readme, "new")
    assert once == f"# Role\n\n{role_docs.START}\n\nnew\n\n{role_docs.END}\n\n## Tags\n"
    assert role_docs.with_table(once, "new") == once


def test_a_readme_without_markers_gets_the_section_at_its_end():
    once = role_docs.with_table("# Role\n", "new")
    assert once == f"# Role\n\n## Variables\n\n{role_docs.START}\n\nnew\n\n{role_docs.END}\n"
    assert role_docs.with_table(once, "new") == once


def test_a_variable_reaches_the_roles_that_read_it_directly_or_through_another_one():
    texts = {
        "common": 'edge_a: 1\n\nedge_b: "{{ edge_a }}"\n_edge_plan: >-\n  {{ edge_b\n     | f }}\nedge_a_b: 2\n',
        "one": "when: edge_a",
        "two": "when: edge_b",
        "three": "when: _edge_plan.findings",
        "four": "when: edge_a_b",
    }
    assert role_docs.readers("edge_a", texts) == {"one", "two", "three"}
    assert role_docs.readers("edge_b", texts) == {"two", "three"}
    assert role_docs.readers("edge_a_b", texts) == {"four"}


def test_each_shared_variable_has_a_row():
    pages = role_docs.generated()
    variables = pages[checkout.ROOT / "docs/variables.md"]
    for name in yaml.safe_load((checkout.ROOT / "roles/common/defaults/main.yml").read_text(encoding="utf-8")):
        assert f"\n| `{name}` |" in variables
