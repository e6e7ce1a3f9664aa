# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders are deleted in one place, which refuses what is not the collection's."""

from __future__ import annotations

import ast

import pytest
import yaml
from project import ROOT

PLACE = ROOT / "plugins/module_utils/_removal.py"
DELETING = {"unlink", "remove", "rmdir", "removedirs", "rmtree", "TemporaryDirectory", "NamedTemporaryFile"}
#: A list has a method of the name of os.remove.
MODULES = {"os", "shutil", "tempfile", "pathlib"}
HELM_RECORD = {"owner": "helm", "name": "{{ _edge_helm_broken.name }}", "version": "{{ _edge_helm_broken.revision }}"}
PROGRAMS = {"rm", "rmdir", "unlink", "shred", "find"}
PYTHON = [path for folder in ("plugins", "roles") for path in sorted((ROOT / folder).rglob("*.py")) if path != PLACE]
TASKS = [path for folder in ("roles", "playbooks") for path in sorted((ROOT / folder).rglob("*.yml")) if "meta" not in path.parts]


def deletions(source: str) -> list[str]:
    """Calls and imports by which Python deletes files."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found += [alias.name for alias in node.names if alias.name in DELETING]
        elif isinstance(node, ast.Attribute) and node.attr in DELETING and (node.attr != "remove" or ast.unparse(node.value) in MODULES):
            found.append(ast.unparse(node))
    return found


def tasks(node):
    """All dictionaries in a YAML document that may be tasks."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from tasks(each)


def deleting(task: dict) -> list[str]:
    """Modules of a task that delete files by themselves."""
    found = []
    for name, value in task.items():
        module = str(name).rpartition(".")[2]
        options = value if isinstance(value, dict) else {"cmd": value}
        if module in ("file", "tempfile") and (options.get("state", module) in ("absent", "tempfile") or "{{" in str(options.get("state"))):
            found.append(module)
        command = options.get("argv") or str(options.get("cmd") or options.get("_raw_params") or "").split()
        if module in ("command", "shell", "raw", "script") and {str(word).rpartition("/")[2] for word in command} & PROGRAMS:
            found.append(module)
        if module in ("synchronize", "copy") and options.get("delete"):
            found.append(module)
    return found


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_deletes_in_one_place(path):
    assert deletions(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TASKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tasks_delete_by_modules_of_ours(path):
    for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert deleting(task) == [], task.get("name")


@pytest.mark.parametrize("path", TASKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_pruning_spares_other_installations(path):
    """Only records of Helm have a name of their own already."""
    for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        options = task.get("baremesh.edge.object_apply") or {}
        if "prune" in options and options["prune"]["labels"] != HELM_RECORD:
            assert options.get("owner") == "{{ _edge_owner }}", task.get("name")


def test_the_place_itself_never_deletes_a_tree_by_its_path():
    assert set(deletions(PLACE.read_text(encoding="utf-8"))) == {"os.unlink", "os.rmdir"}


@pytest.mark.parametrize(
    "source", ["import os\nos.unlink(a)", "from shutil import rmtree", "Path(a).unlink()", "folder.parent.rmdir()", "os.remove(a)"]
)
def test_each_way_of_python_is_seen(source):
    assert len(deletions(source)) == 1


def test_lists_may_be_shortened():
    assert deletions("names.remove(a)") == []


@pytest.mark.parametrize(
    "task",
    [
        {"ansible.builtin.file": {"path": "/a", "state": "absent"}},
        {"file": {"path": "/a", "state": "{{ b }}"}},
        {"ansible.builtin.command": {"argv": ["/bin/rm", "-r", "/a"]}},
        {"ansible.builtin.shell": "cd /a && rm -r b"},
        {"ansible.builtin.tempfile": {}},
    ],
)
def test_each_way_of_tasks_is_seen(task):
    assert len(deleting(task)) == 1
