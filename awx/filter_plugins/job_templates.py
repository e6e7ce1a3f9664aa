# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates of AWX from the list of playbooks in objects.yml, with surveys made of the roles' argument specs."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
#: Ansible's semantic markup.
MARKUP = re.compile(r"\b[A-Z]{1,2}\(((?:\\.|[^)\\])*)\)")
#: Kinds of questions by the types of options; others are lines of text. A list may be given as text with commas.
KINDS = {"int": "integer", "float": "float", "raw": "textarea", "dict": "textarea"}


@functools.cache
def options() -> dict[str, Mapping[str, Any]]:
    """Return every variable of the collection with its specification."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= entry.get("options") or {}
    return found


def question(name: str, required: bool) -> dict[str, Any]:
    """Return a question of a survey.

    Args:
        name: The variable.
        required: Whether a job needs an answer.
    """
    option = options()[name]
    described = option["description"]
    choices = ["true", "false"] if option["type"] == "bool" else option.get("choices")
    return {
        "variable": name,
        "question_name": name,
        "question_description": MARKUP.sub(r"\1", " ".join([described] if isinstance(described, str) else described)),
        "required": required,
        "type": "multiplechoice" if choices else "password" if option.get("no_log") else KINDS.get(option["type"], "text"),
        "choices": choices or "",
        # A default would count instead of what the inventory says. What is not answered AWX leaves out.
        "default": "",
    }


def job_template(playbook: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of awx.awx.job_template for one playbook.

    Args:
        playbook: An entry of C(awx_playbooks).
        common: What all templates have.
    """
    name, asked = playbook["playbook"], playbook.get("survey") or []
    questions = [question(variable, variable in (playbook.get("required") or [])) for variable in asked]
    return {
        **common,
        "name": f"edge {name}",
        "description": playbook["description"],
        **({"job_type": playbook["job_type"]} if "job_type" in playbook else {}),
        "playbook": f"playbooks/{name}.yml",
        "labels": [playbook["label"]],
        "extra_vars": playbook.get("extra_vars") or {},
        "survey_enabled": bool(questions),
        **({"survey_spec": {"name": "", "description": "", "spec": questions}} if questions else {}),
    }


class FilterModule:
    """The filters of apply.yml."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"awx_job_template": job_template}
