# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the bundle: each has a key made of its inputs, and is made once per key."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


def digest(*inputs: str | bytes) -> str:
    """A short name for a sequence of inputs; no two sequences share one by mere concatenation."""
    total = hashlib.sha256()
    for item in inputs:
        data = item.encode() if isinstance(item, str) else item
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()[:20]


def tree_digest(root: Path, paths: Iterable[Path]) -> str:
    """The digest of files: their names below `root` and what is in them."""
    items: list[str | bytes] = []
    for path in sorted(paths):
        items += [path.relative_to(root).as_posix(), path.read_bytes()]
    return digest(*items)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as checksum files write it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Part:
    """Something that takes long to make, and how to make it.

    `make` fills an empty folder. What it depends on must be in `key`.
    """

    title: str
    key: str
    make: Callable[[Path], None]

    @property
    def slug(self) -> str:
        """The folder of this part at this key."""
        return f"{re.sub('[^a-z0-9]+', '-', self.title.lower()).strip('-')}-{self.key}"


class Store:
    """Finished parts, one folder each. A folder is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, part: Part) -> Path:
        """Where the part is, or will be."""
        return self.root / part.slug

    def has(self, part: Part) -> bool:
        """Whether the part has been made at this key."""
        return self.path(part).is_dir()

    def make(self, part: Part) -> None:
        """Make the part; on failure nothing of it stays."""
        self.root.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".work-", dir=self.root))
        try:
            out = work / "out"
            out.mkdir()
            part.make(out)
            out.rename(self.path(part))
        finally:
            shutil.rmtree(work)

    def prune(self, keep: Iterable[str]) -> None:
        """Remove every folder that is not named, also what a killed build left behind."""
        used = set(keep)
        for path in self.root.iterdir():
            if path.name not in used:
                shutil.rmtree(path)
