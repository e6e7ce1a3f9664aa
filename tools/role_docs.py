# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the variable tables of the roles' READMEs from their argument specs; with ``--check`` only say which are not in step."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkout
import yaml

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
        if entry not in ("main", "edge"):
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


def main(arguments: list[str]) -> int:
    """Bring every README in step, or with ``--check`` return 1 if one is not."""
    stale: list[Path] = []
    roles = sorted((checkout.ROOT / "roles").glob("*/meta/argument_specs.yml"))
    for path in roles:
        readme = path.parent.parent / "README.md"
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        old = readme.read_text(encoding="utf-8")
        new = with_table(old, table(specs))
        if new != old:
            stale.append(readme.relative_to(checkout.ROOT))
            if "--check" not in arguments:
                readme.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name}: " + ("not in step with meta/argument_specs.yml; run make role-docs" if "--check" in arguments else "written"))
    print(f"{len(roles)} roles, {len(stale)} READMEs not in step")
    return 1 if not roles or (stale and "--check" in arguments) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
