# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped data is what the charts hold, so that a new version of a chart cannot be forgotten."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import authority_data
import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _schemas

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "lab"))
from edge_lab import paths


def test_the_schemas_are_of_the_versions_that_are_installed():
    shipped = json.loads(authority_data.SCHEMAS.read_text())["versions"]
    installed = authority_data.default_versions()
    assert shipped == {component: installed[component] for component in shipped}


def test_the_schemas_are_those_of_the_charts():
    installed = authority_data.default_versions()
    found = sorted((paths.cache() / "parts").glob(f"charts-*/istio/base-{installed['istio']}.tgz"))
    if not found:
        pytest.skip("the lab's bundle, which has the charts, is not built here; run lab/lab build")
    assert authority_data.SCHEMAS.read_text() == authority_data.written(authority_data.schemas(found[-1].parents[1], installed))


def test_a_schema_keeps_what_can_be_judged():
    rule = "(has(self.a) ? 1 : 0) + (has(self.b) ? 1 : 0) <= 1"
    properties = {"a": {"type": "string", "description": "x", "default": "y"}}
    needed, other = rule.replace("<=", "=="), "self.a != ''"
    schema = {"type": "object", "properties": properties, "x-kubernetes-validations": [{"rule": rule}, {"rule": other}, {"rule": needed}]}
    kept = {"exclusive": [["a", "b"], ["a", "b"]], "needed": [["a", "b"]], "cel": [other]}
    assert authority_data.trimmed(schema) == {"type": "object", "properties": {"a": {"type": "string"}}, **kept}


def test_each_rule_of_the_schemas_is_known():
    """A rule of a new version must get its judge in _schemas.py, or a line here that says why it cannot have one."""
    texts = re.findall(r'"cel":(\[.*?"\])', authority_data.SCHEMAS.read_text())
    assert {rule for text in texts for rule in json.loads(text)} == set(_schemas.RULES) - {"byte"}


def test_public_suffixes_are_those_of_registries_in_the_form_of_dns():
    text = "// ===BEGIN ICANN DOMAINS===\n// uk\nuk\nco.uk\n\n公司.cn\n// ===END ICANN DOMAINS===\ngithub.io\n"
    assert authority_data.suffixes(text, "2026-11-01") == {"version": "2026-11-01", "suffixes": "co.uk uk xn--55qx5d.cn"}
