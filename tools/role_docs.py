# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the variable tables of docs/variables.md and the roles' READMEs from the argument specs; ``--check`` only says which are stale."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkout
import yaml

#: The role that holds what the others share, and the role and the entry point that describe it.
COMMON, DESCRIBED_BY, SHARED = "common", "preflight", "edge"
#: How a file of that role defines a variable: its name, and the lines of its value.
DEFINITION = re.compile(r"^(_?edge_[a-z0-9_]+):((?:.*\n)(?:[ \t]+.*\n|\n(?=[ \t]))*)", re.MULTILINE)
START, END = "<!-- variables -->", "<!-- /variables -->"
VERSION = re.compile(r"\{\{ _edge_versions\.(\w+) \}\}")
#: Ansible's semantic markup with one argument that is code, and with one that is emphasis.
CODE = re.compile(r"\b[COVEPM]\(((?:\\.|[^)\\])*)\)")
EMPHASIS = re.compile(r"\b[IB]\(([^)]*)\)")
LINK = re.compile(r"\bL\(([^,]*),\s*([^)]*)\)")
ADDRESS = re.compile(r"\bU\(([^)]*)\)")


def markdown(text: str) -> str:
    """Turn a description with Ansible markup into one table cell."""
    text = CODE.sub(lambda match: f"`{match[1]}`", text)
    text = EMPHASIS.sub(r"*\1*", text)
    text = LINK.sub(r"[\1](\2)", text)
    text = ADDRESS.sub(r"<\1>", text)
    return " ".join(text.split()).replace("|", r"\|")


def description(option: dict[str, Any]) -> str:
    """One cell: what the option means and what it may be."""
    parts = option.get("description", [])
    sentences = [markdown(part) for part in ([parts] if isinstance(parts, str) else parts)]
    if option.get("choices"):
        sentences.append("One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + ".")
    return " ".join(sentences)


@functools.cache
def versions() -> dict[str, str]:
    """Versions that the roles install."""
    path = checkout.ROOT / "roles/common/vars/main/versions.yml"
    found: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))["_edge_versions"]
    return found


def default(option: dict[str, Any]) -> str:
    """One cell: the default as YAML would be typed, or that there must be a value."""
    if option.get("required"):
        return "**required**"
    if "default" not in option:
        return ""
    value = option["default"]
    if isinstance(value, str) and value:
        text = VERSION.sub(lambda match: versions()[match[1]], value)
    else:
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()
    return "`" + text.replace("|", r"\|") + "`"


def kind(option: dict[str, Any]) -> str:
    """One cell: the type, with that of the elements."""
    name = option.get("type", "str")
    return f"{name} of {option['elements']}" if "elements" in option else name


def rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a line per option and per option of its elements."""
    for name, option in options.items():
        path = f"{prefix}{name}"
        yield f"| `{path}` | {kind(option)} | {default(option)} | {description(option)} |"
        if "options" in option:
            yield from rows(option["options"], f"{path}[]." if option.get("type") == "list" else f"{path}.")


def table(specs: dict[str, Any]) -> str:
    """Return the tables of all entry points of a role."""
    blocks = []
    for entry, spec in specs.items():
        lines = []
        if entry not in ("main", SHARED):
            lines += [f"### `tasks_from: {entry}`", "", f"{markdown(spec['short_description'])}.", ""]
        options = spec.get("options") or {}
        if options:
            lines += ["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows(options)]
        else:
            lines.append("No variables.")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def with_table(readme: str, generated: str) -> str:
    """Return the README with the generated text between the markers, which are appended where they are missing."""
    section = f"{START}\n\n{generated}\n\n{END}"
    if START in readme and END in readme:
        head, rest = readme.split(START, 1)
        return head + section + rest.split(END, 1)[1]
    return f"{readme.rstrip()}\n\n## Variables\n\n{section}\n"


def readers(name: str, texts: dict[str, str]) -> set[str]:
    """Return the roles that read a variable, also through another variable of role common.

    Args:
        name: The variable.
        texts: Defaults, vars, tasks and templates of each role, as one text.
    """
    word = re.compile(rf"(?<![a-z_]){name}(?![a-z_])")
    found = {role for role, text in texts.items() if role != COMMON and word.search(text)}
    for other, value in DEFINITION.findall(texts[COMMON]):
        if other != name and word.search(value):
            found |= readers(other, texts)
    return found


def texts_of_roles() -> dict[str, str]:
    """Return what each role executes, as one text."""
    folders = ("defaults", "vars", "tasks", "templates", "handlers")
    return {
        role.name: "\n".join(
            file.read_text(encoding="utf-8") for folder in folders for file in sorted((role / folder).rglob("*")) if file.is_file()
        )
        for role in sorted((checkout.ROOT / "roles").iterdir())
        if role.is_dir()
    }


def shared_table(specs: dict[str, Any], texts: dict[str, str]) -> str:
    """Return the table of the variables that roles share, with the roles that read each."""
    lines = ["| Variable | Type | Default | Meaning | Read by |", "|---|---|---|---|---|"]
    for name, option in specs[SHARED]["options"].items():
        roles = ", ".join(sorted(readers(name, texts))) or "the playbooks"
        lines.append(f"| `{name}` | {kind(option)} | {default(option)} | {description(option)} | {roles} |")
    fields = specs[SHARED]["options"]["edge_sites"]["options"]
    lines += ["", "## Fields of a site", "", "| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows(fields)]
    return "\n".join(lines)


def generated() -> dict[Path, str]:
    """Return the table of each page that has one."""
    roles = checkout.ROOT / "roles"
    specs = {
        path.parent.parent: yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for path in sorted(roles.glob("*/meta/argument_specs.yml"))
    }
    specs[roles / COMMON] = {SHARED: specs[roles / DESCRIBED_BY].pop(SHARED)}
    pages = {role / "README.md": table(found) for role, found in specs.items()}
    return {**pages, checkout.ROOT / "docs/variables.md": shared_table(specs[roles / COMMON], texts_of_roles())}


def main(arguments: list[str]) -> int:
    """Bring every page in step, or with ``--check`` return 1 if one is not."""
    stale: list[Path] = []
    pages = generated()
    for page, text in pages.items():
        old = page.read_text(encoding="utf-8")
        new = with_table(old, text)
        if new != old:
            stale.append(page.relative_to(checkout.ROOT))
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name}: " + ("not in step with meta/argument_specs.yml; run make role-docs" if "--check" in arguments else "written"))
    print(f"{len(pages)} pages, {len(stale)} not in step")
    return 1 if len(pages) < 2 or (stale and "--check" in arguments) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
