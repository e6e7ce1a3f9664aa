# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of a run, judged by those of the playbooks that were started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

# Tags that Ansible itself gives a meaning.
_SPECIAL = {"all", "always", "never", "tagged", "untagged"}
_COLLECTION = "baremesh.edge."
_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


class _UnknownTagsError(AnsibleError):
    """What was started holds more than playbooks of this collection, so its tags are not known here."""


def _written(node: Any) -> Iterator[str]:
    """Yield each tag that is written anywhere in an entry of a playbook."""
    if isinstance(node, list):
        for item in node:
            yield from _written(item)
    elif isinstance(node, dict):
        tags = node.get("tags") or []
        for tag in tags if isinstance(tags, list) else [tags]:
            if "{" in str(tag):
                raise _UnknownTagsError
            yield from (part.strip() for part in str(tag).split(","))
        for key, value in node.items():
            if key not in ("tags", "vars"):
                yield from _written(value)


def _tags_of(name: str, folder: Path) -> set[str]:
    """Return the tags of a playbook that imports playbooks of this collection, or is one of them."""
    path = _PLAYBOOKS / f"{name.removeprefix(_COLLECTION)}.yml" if name.startswith(_COLLECTION) else folder / name
    if not path.is_file():
        raise _UnknownTagsError
    found: set[str] = set()
    for entry in DataLoader().load_from_file(str(path)) or []:
        found.update(_written(entry))
        imported = entry.get("ansible.builtin.import_playbook") or entry.get("import_playbook")
        if imported:
            found |= _tags_of(imported, path.parent)
        elif path.resolve().parent not in (_PLAYBOOKS, _PLAYBOOKS / "parts"):
            raise _UnknownTagsError
    return found


def tags_verdict(tags: Sequence[str], skip_tags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Judge the tags of a run.

    Args:
        tags: The tags of `--tags`.
        skip_tags: The tags of `--skip-tags`.

    Returns:
        Findings, if a run with these tags does nothing; warnings about tags that do not exist. Neither, if the playbooks that were
        started hold anything that is not of this collection.
    """
    started = [str(name) for name in context.CLIARGS.get("args") or ()]
    if not started or not {*tags, *skip_tags} - _SPECIAL:
        return [], []
    try:
        there = set().union(*(_tags_of(name, Path.cwd()) for name in started))
    except AnsibleError:
        return [], []
    named = ", ".join(sorted(there - _SPECIAL)) or "none"
    findings: list[str] = []
    warnings: list[str] = []
    for option, given in (("--tags", tags), ("--skip-tags", skip_tags)):
        unknown = sorted({*given} - there - _SPECIAL)
        if unknown:
            nothing = option == "--tags" and len(unknown) == len({*given})
            sentence = f"{option} {','.join(unknown)} matches nothing in {', '.join(started)}; tags that are there: {named}."
            (findings if nothing else warnings).append(sentence)
    return findings, warnings
