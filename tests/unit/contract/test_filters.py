# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every filter promises."""

from __future__ import annotations

import ast
import importlib

import pytest
from project import ROOT, load

from ansible_collections.baremesh.edge.plugins.filter import edge

FOLDER = ROOT / "plugins/filter"
NAMES = sorted(edge.FilterModule().filters())


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_has_documentation_of_its_own(name):
    """ansible-doc shows what the Python file says for each of its filters, so it is in files beside it."""
    beside = load(FOLDER / f"{name}.yml")
    assert beside["DOCUMENTATION"]["name"] == name
    assert beside["EXAMPLES"]
    assert beside["RETURN"]


@pytest.mark.parametrize("place", edge._FILTERS.values())
def test_every_filter_stands_for_a_function(place):
    file, name = place.split(".")
    assert callable(getattr(importlib.import_module(f"{edge._UTILS}.{file}"), name))


def test_no_documentation_is_of_a_filter_that_is_gone():
    assert sorted(path.stem for path in FOLDER.glob("*.yml")) == NAMES


def test_a_task_with_a_filter_compiles_one_small_file():
    """Ansible loads every file of filters in the process of each task that uses one of them, and what these import."""
    (file,) = FOLDER.glob("*.py")
    imports = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    assert imports
    assert not [node.module for node in imports if "ansible_collections" in node.module]
