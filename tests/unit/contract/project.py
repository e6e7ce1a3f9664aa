# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the checkout that the contracts are about."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/main.yml"))
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


def tracked() -> list[Path]:
    """Every file that git has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


class TolerantLoader(yaml.SafeLoader):
    """Reads Ansible's YAML: tags such as !vault and !unsafe stand for their value."""


TolerantLoader.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))


def load(path: Path) -> Any:
    """Content of a YAML file; None if it is empty."""
    return yaml.load(path.read_text(encoding="utf-8"), TolerantLoader)


def specs_of(role: Path) -> dict[str, Any]:
    """The entry points that describe the variables of a role. Those of role common are described by role preflight."""
    specs: dict[str, Any] = load((ROOT / "roles/preflight" if role.name == "common" else role) / "meta/argument_specs.yml")[
        "argument_specs"
    ]
    return {name: spec for name, spec in specs.items() if (name == "edge") is (role.name == "common")}


def task_files(role: Path) -> list[Path]:
    """Every file of a role that holds tasks."""
    return sorted(path for folder in ("tasks", "handlers") for path in (role / folder).rglob("*.yml"))


def tasks_in(content: Any) -> list[dict[str, Any]]:
    """Every task of a task file or playbook, those in blocks and plays included."""
    found: list[dict[str, Any]] = []
    for task in content or []:
        found.append(task)
        for section in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers"):
            found += tasks_in(task.get(section))
    return found
