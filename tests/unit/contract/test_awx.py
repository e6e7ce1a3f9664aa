# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data in awx/ is in step with playbooks, argument specs and pins."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import ansible_collections
import pytest
from project import ROLES, ROOT, load, specs_of

OBJECTS = load(ROOT / "awx/objects.yml")
IMAGE = load(ROOT / "awx/execution-environment.yml")
JOBS = {entry["playbook"]: entry for entry in OBJECTS["awx_playbooks"]}
SPECS = {name: option for role in ROLES for spec in specs_of(role).values() for name, option in (spec.get("options") or {}).items()}


def templates():
    spec = importlib.util.spec_from_file_location("job_templates", ROOT / "awx/filter_plugins/job_templates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: module.job_template(entry, OBJECTS["awx_template"]) for name, entry in JOBS.items()}


TEMPLATES = templates()
QUESTIONS = [question for template in TEMPLATES.values() for question in template.get("survey_spec", {}).get("spec", ())]


def test_every_playbook_is_a_job_or_says_why_not():
    there = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    excluded = OBJECTS["awx_no_job"]
    assert sorted([*JOBS, *excluded]) == sorted(there)
    assert len(JOBS) == len(OBJECTS["awx_playbooks"])
    assert all(excluded.values())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["variable"])
def test_a_question_is_what_the_argument_specs_say(question):
    option = SPECS[question["variable"]]
    expected = ["true", "false"] if option["type"] == "bool" else option.get("choices")
    assert question["choices"] == (expected or "")
    assert (question["type"] == "multiplechoice") is bool(expected)
    assert question["type"] != "integer" or option["type"] == "int"
    # It would count instead of what the inventory says.
    assert question["default"] == ""
    assert not re.search(r"\b[A-Z]\(", question["question_description"])


def test_what_is_required_is_asked_for():
    assert [name for name, entry in JOBS.items() if not set(entry.get("required", ())) <= set(entry.get("survey", ()))] == []


def test_a_reset_is_confirmed_whatever_becomes_of_the_survey():
    assert TEMPLATES["reset"]["extra_vars"] == {"edge_reset_confirmation": ""}
    assert [question["required"] for question in QUESTIONS if question["variable"] == "edge_reset_confirmation"] == [True]


def test_labels_are_there():
    assert {label for template in TEMPLATES.values() for label in template["labels"]} == {label["name"] for label in OBJECTS["awx_labels"]}


def test_the_image_has_the_versions_that_are_tested():
    listed = {entry["name"]: entry["version"] for entry in IMAGE["dependencies"]["galaxy"]["collections"]}
    (manifest,) = (path for each in ansible_collections.__path__ for path in Path(each).glob("kubernetes/core/MANIFEST.json"))
    installed = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
    galaxy = load(ROOT / "galaxy.yml")
    assert listed == {"baremesh.edge": galaxy["version"], "kubernetes.core": installed}
    assert OBJECTS["awx_project_branch"] == galaxy["version"]


def test_the_image_has_the_python_packages_that_are_pinned():
    assert IMAGE["additional_build_files"] == [{"src": "../requirements/constraints.txt", "dest": "configs"}]
    steps = "\n".join(IMAGE["additional_build_steps"]["prepend_base"])
    (constraints,) = re.findall(r"PIP_CONSTRAINT=(\S+)", steps)
    assert f"COPY _build/configs/constraints.txt {constraints}" in steps
    named = {IMAGE["dependencies"][part]["package_pip"] for part in ("ansible_core", "ansible_runner")}
    pins = (ROOT / "requirements/constraints.txt").read_text(encoding="utf-8").splitlines()
    assert named <= {line.split("==")[0] for line in pins}


def test_no_role_reads_an_artifact():
    """A workflow gives the artifacts of a job to the next one as variables, which come before all others."""
    files = [path for part in ("roles", "playbooks", "plugins") for path in (ROOT / part).rglob("*.yml")]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines() if "edge_artifact_" in line]
    assert [line for line in lines if "data: {" not in line and "C(edge_artifact_" not in line] == []
