# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout as the tools of the development process see it: where it lies, its files, and a copy that other tools accept."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

import ansible_collections

ROOT = Path(__file__).resolve().parent.parent
#: Open as long as the process lives, and with them what they lock.
LOCKS: list[IO[str]] = []
#: What the collection consists of, and the tests that ansible-test runs.
STAGED = (
    "CHANGELOG.md",
    "COPYING",
    "README.md",
    "changelogs",
    "docs",
    "galaxy.yml",
    "inventory",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "tests/config.yml",
    "tests/sanity",
    "tests/unit/conftest.py",
    "tests/unit/plugins",
)


def cache() -> Path:
    """Folder outside the checkout that keeps what is costly to make."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baremesh-edge"


def tracked(*patterns: str) -> list[Path]:
    """Files that match git's patterns, new ones included, relative to the checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # A file that is deleted and not yet committed is still listed, and so is the link that .collections/ holds.
    return [Path(name) for name in dict.fromkeys(listed.split("\0")) if name and (ROOT / name).is_file()]


@functools.cache
def key() -> str:
    """Name of this checkout in the cache; clones do not share copies and reports."""
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]


def stage_path(use: str) -> Path:
    """Folder of this checkout's copy for one use."""
    return cache() / f"stage-{key()}" / use / "ansible_collections" / "baremesh" / "edge"


def stage(use: str) -> Path:
    """Copy the collection to a real .../ansible_collections/baremesh/edge with its dependencies beside it.

    ansible-test and ansible-galaxy insist on such a place and take everything that lies there, so only what git knows, or would
    take, is copied. The copy belongs to this process until it ends: a second run for the same use waits.
    """
    target = stage_path(use)
    lock = target.parents[2] / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    LOCKS.append(lock.open("w", encoding="utf-8"))
    fcntl.flock(LOCKS[-1], fcntl.LOCK_EX)
    shutil.rmtree(target, ignore_errors=True)
    for name in tracked(*STAGED):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)

    dependency = target.parent.parent / "kubernetes" / "core"
    dependency.unlink(missing_ok=True)
    dependency.parent.mkdir(exist_ok=True)
    dependency.symlink_to(Path(next(iter(ansible_collections.__path__))) / "kubernetes" / "core")
    return target


if __name__ == "__main__":
    print(stage("artifact"))
