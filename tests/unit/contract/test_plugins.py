# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every plugin promises, whoever writes it."""

from __future__ import annotations

import ast

import pytest
from project import MODULES, ROOT, load

MODULE = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
LICENCE = "# SPDX-License-Identifier: GPL-3.0-or-later"
PROMISED = {"certificate_wait", "sds_secret_wait", "host_ports"}


def documentation(module):
    """DOCUMENTATION of a module, from the source or from the file beside it."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return load_text(ast.literal_eval(node.value))
    return load(module.with_suffix(".yml"))["DOCUMENTATION"]


def load_text(text):
    import yaml

    return yaml.safe_load(text)


def test_the_promised_modules_are_there():
    assert {module.stem for module in MODULES} >= PROMISED


def test_the_action_group_is_the_modules_that_talk_to_the_api():
    """``module_defaults`` for the group sets the connection once; a module that is missing there falls back to a wrong cluster."""
    listed = load(ROOT / "meta/runtime.yml")["action_groups"]["edge"]
    connected = [
        module.stem
        for module in MODULES
        if any("kube_auth" in fragment for fragment in documentation(module).get("extends_documentation_fragment", []))
    ]
    assert sorted(listed) == connected


@MODULE
def test_a_module_states_check_mode_support(module):
    text = str(documentation(module))
    assert "check_mode" in text or "_attributes" in text


@MODULE
def test_a_module_has_unit_tests(module):
    assert (ROOT / "tests/unit/plugins/modules" / f"test_{module.name}").is_file()


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_nothing_is_returned_but_by_the_exit_that_masks_secrets(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {getattr(node.func, "id", getattr(node.func, "attr", "")) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "print" not in called
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert "AnsibleModule" not in imported or path.name == "_module.py"


@MODULE
def test_a_module_is_thin(module):
    """Argument spec, one call, result: logic belongs to module_utils, where it is tested without a module."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    code = [node for node in tree.body if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))]
    lines = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in code)
    assert lines <= 200


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_a_plugin_carries_its_licence(path):
    text = path.read_text(encoding="utf-8")
    assert not text or LICENCE in text.splitlines()[:8]
