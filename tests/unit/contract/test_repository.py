# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are said in two places, and promises of the repository as a whole."""

from __future__ import annotations

import re

import pytest
from project import ROLES, ROOT, load, tracked

VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:[+-][\w.]+)?")


def pins():
    """Direct Python requirements: name to version."""
    lines = (ROOT / "requirements/python.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def constraints():
    """All Python pins: name in pip's normal form to version."""
    lines = (ROOT / "requirements/constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_direct_pins_are_pinned_the_same_in_the_constraints():
    fixed = constraints()
    assert {name: version for name, version in pins().items() if fixed.get(re.sub(r"[-_.]+", "-", name).lower()) != version} == {}


@pytest.mark.parametrize("name", sorted(pins()))
def test_every_direct_pin_is_explained(name):
    assert re.search(rf"\b{re.escape(name)}\b", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"))


def test_every_version_that_a_role_pins_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = []
    for role in ROLES:
        for name, value in (load(role / "defaults/main.yml") or {}).items():
            if name.endswith("_version") and isinstance(value, str) and VERSION.fullmatch(value):
                # The README's table names release lines or full versions, with or without the v.
                line = ".".join(value.lstrip("v").split(".")[:2])
                missing += [] if line in readme else [f"{name}: {value}"]
    assert missing == []


def test_the_collection_says_which_ansible_it_needs():
    requires = load(ROOT / "meta/runtime.yml")["requires_ansible"]
    assert re.fullmatch(r">=2\.\d+\.\d+(,<\d+\.\d+\.\d+)?", requires)
    lowest = requires.removeprefix(">=").split(",")[0].rsplit(".", 1)[0]
    assert lowest in (ROOT / "README.md").read_text(encoding="utf-8")


def test_collections_in_use_are_dependencies():
    """Every foreign FQCN in roles and playbooks must be installed with this collection."""
    known = set(load(ROOT / "galaxy.yml")["dependencies"]) | {"ansible.builtin", "baremesh.edge"}
    fqcn = re.compile(r"^\s*(?:- )?([a-z0-9_]+\.[a-z0-9_]+)\.[a-z0-9_]+:(?:\s|$)", re.MULTILINE)
    used = {
        match
        for folder in ("roles", "playbooks")
        for path in (ROOT / folder).rglob("*.yml")
        for match in fqcn.findall(path.read_text(encoding="utf-8"))
    }
    assert used - known == set()


def test_the_collection_has_no_ignored_sanity_test():
    assert [path.name for path in (ROOT / "tests/sanity").glob("ignore-*.txt") if path.read_text(encoding="utf-8").strip()] == []


def test_no_unfinished_work_is_marked():
    marker = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in {".py", ".yml", ".go", ".j2"} and marker.search(path.read_text(encoding="utf-8"))
    ] == []


def test_no_private_key_is_committed():
    """A key is made where it is needed. The words of its frame alone are no key: what follows them must be one."""
    key = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
    assert [str(path.relative_to(ROOT)) for path in tracked() if key.search(path.read_text(encoding="utf-8", errors="replace"))] == []


def test_the_mutation_run_finds_its_files_tests_and_lines():
    """A file that moved would leave the run unseen, and a line that changed would count as a hole."""
    plan = load(ROOT / "tests/mutation.yml")
    named = [*plan["files"], *(test for tests in plan["files"].values() for test in tests)]
    assert [name for name in named if not (ROOT / name).exists()] == []
    stale = [entry["line"] for entry in plan["equivalent"] if entry["line"] not in (ROOT / entry["file"]).read_text(encoding="utf-8")]
    assert stale == []
    assert all(entry["reason"] and entry["file"] in plan["files"] for entry in plan["equivalent"])
