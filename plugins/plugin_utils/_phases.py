# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callbacks have in common: to which phase a task belongs, and what of its result a reader wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Other roles call it for parts of their work.
_SHARED = "common"


def phase_of(task: Any, before: str) -> str:
    """The name of the task's role; the phase before for a task outside of roles, and for one of the role that others call."""
    role = str(task._role.get_name()).rpartition(".")[2] if task._role else ""  # noqa: SLF001 - no public way to a task's role
    return before if role in ("", _SHARED) else role


def is_rescued(task: Any) -> bool:
    """Whether a failure of the task is handled: it is in the part of a block, at any depth, that a rescue follows."""
    # An imported role is between its blocks and the block that lists them.
    inner, outer = {task._uuid}, task._parent  # noqa: SLF001 - no public way
    while outer is not None:
        if getattr(outer, "rescue", None) and inner & {each._uuid for each in outer.block}:  # noqa: SLF001 - no public way
            return True
        inner.add(outer._uuid)  # noqa: SLF001 - no public way
        outer = outer._parent  # noqa: SLF001 - no public way
    return False


def failure_lines(result: Mapping[str, Any]) -> list[str]:
    """Why a task failed, for a loop why each of its items did, each line once. Never empty."""
    items = [each for each in result.get("results") or () if isinstance(each, Mapping) and (each.get("failed") or each.get("unreachable"))]
    found = [line for each in items for line in failure_lines(each)]
    keys = ("msg", "module_stderr", "stderr", "censored")
    found = found or next(filter(None, (text_lines(result.get(key)) for key in keys)), ["The task does not say why."])
    return list(dict.fromkeys(found))


def text_lines(text: Any) -> list[str]:
    """The lines of a message, which may be a list of them."""
    return [line for each in (text if isinstance(text, list) else [text or ""]) for line in str(each).rstrip().splitlines()]


def differences(result: Mapping[str, Any]) -> Iterator[Any]:
    """The differences of a result and of the items of a loop, for what Ansible makes text of them."""
    for each in [result, *(result.get("results") or ())]:
        if isinstance(each, Mapping) and each.get("changed") and each.get("diff"):
            yield each["diff"]
