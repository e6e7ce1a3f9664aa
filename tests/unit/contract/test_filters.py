# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every filter promises."""

from __future__ import annotations

import importlib
import re

import pytest
import yaml
from project import ROOT, load

FILES = sorted(path for path in (ROOT / "plugins/filter").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_filter_has_documentation_of_its_own(path):
    """ansible-doc shows what the Python file says for each of its filters, so a file with several leaves it to files beside it."""
    module = importlib.import_module(f"ansible_collections.baremesh.edge.plugins.filter.{path.stem}")
    names = sorted(module.FilterModule().filters())
    inside = getattr(module, "DOCUMENTATION", None)
    if inside is not None:
        assert names == [yaml.safe_load(inside)["name"]] == [path.stem]
        return
    for name in names:
        beside = load(path.with_name(f"{name}.yml"))
        assert beside["DOCUMENTATION"]["name"] == name
        assert beside["EXAMPLES"]
        assert beside["RETURN"]


def test_filters_of_a_usual_run_are_found_without_a_search():
    """Ansible tries the file of that name first. Else it loads one after the other, in each worker, until one has the name."""
    playbooks = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").rglob("*.yml")]
    used = {name for path in playbooks for name in re.findall(r"\| *baremesh\.edge\.(\w+)", path.read_text(encoding="utf-8"))}
    assert len(used) > 10
    assert {name for name in used if not name.startswith("renewal") and name != "gateway_restarts"} <= {path.stem for path in FILES}


def test_no_documentation_is_of_a_filter_that_is_gone():
    modules = [importlib.import_module(f"ansible_collections.baremesh.edge.plugins.filter.{path.stem}") for path in FILES]
    filters = {name for module in modules for name in module.FilterModule().filters()}
    assert {path.stem for path in (ROOT / "plugins/filter").glob("*.yml")} <= filters
