# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration files of K3s: written where they differ, each by rename, and shown without what is secret in them."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import (
    DIFFERS,
    hidden_values,
    make_directory,
    mask_yaml,
    read_text,
    replace_bytes,
)
from ansible_collections.baremesh.edge.plugins.module_utils._masking import secret_variables
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file


def secrets_of(files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is secret in the texts of files, those that they replace included, for the mask of what a module returns."""
    found: list[str] = []
    for file in files:
        for text in filter(None, (file["content"] or file["secret"], read_text(file["path"]))):
            if file["hide"]:
                found += hidden_values(text, file["hide"])
            elif file["content"] is None:
                # Variables of a unit, or the text is one secret as a whole.
                variables = dict(re.findall(r'^(\w+)="(.*)"$', text, re.MULTILINE))
                found += secret_variables(variables) if variables else [text]
    return found


def configure(files: Iterable[Mapping[str, Any]], absent: Iterable[str], check_mode: bool) -> dict[str, Any]:
    """Write what differs.

    Args:
        files: Files to write, with C(path), C(content), C(secret) or C(random), C(hide) and C(mode) as the options of k3s_service.
        absent: Paths of files to remove.
        check_mode: Whether to write nothing.

    Returns:
        C(written), paths that were written or removed or would be; C(restart_needed), whether a text among them differs; C(diff).

    Raises:
        OSError: A file cannot be read or written.
    """
    written: list[str] = []
    differences: list[dict[str, str]] = []
    restart = False
    for file in files:
        path, mode = file["path"], int(file["mode"], 8)
        old_text, old_mode = read_text(path), _mode_of(path)
        secret = file["secret"]
        if file["random"]:
            secret = old_text if (old_text or "").strip() else f"{secrets.token_hex(32)}\n"
        text = file["content"] if secret is None else secret
        if old_text == text and old_mode == mode and not os.path.islink(path):
            continue
        written.append(path)
        restart = restart or old_text != text
        hide, new = file["hide"], "old value" if old_text == text else "new value"
        # One side that cannot be shown would make all of the other a difference.
        opaque = DIFFERS in {mask_yaml(each, hide) for each in (old_text or "", text)} if hide else file["content"] is None
        sides = _shown(old_text, hide, old_mode, "old value" * opaque), _shown(text, hide, mode, new * opaque)
        differences.append(_difference(path, *sides))
        if not check_mode:
            make_directory(os.path.dirname(path), 0o755)
            replace_bytes(path, text.encode("utf-8", "surrogateescape"), mode)
    for path in filter(os.path.lexists, absent):
        written.append(path)
        restart = True
        differences.append(_difference(path, "present\n", ""))
        if not check_mode:
            remove_file(path)
    return {"written": written, "restart_needed": restart, "diff": differences}


def _difference(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _mode_of(path: str) -> int | None:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def _shown(text: str | None, hide: Iterable[str], mode: int | None, secret: str) -> str:
    """Return what a difference may show of a file; O(secret) stands for a text that it may not."""
    if text is None:
        return ""
    head = f"# mode {mode:04o}\n" if mode is not None else ""
    return f"{head}(secret, {secret})\n" if secret else head + mask_yaml(text, hide)
