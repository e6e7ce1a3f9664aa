# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host images: made by mmdebstrap from the recipe in `lab/host/`, kept as archives, imported into podman."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import machine, paths, podman
from .errors import LabError
from .run import require, run

SUITES = ("bookworm", "trixie")
INFRA_SUITE = "bookworm"
RECIPE = paths.SOURCE / "host"
REPOSITORY = "localhost/baremesh-edge-lab"


@dataclass(frozen=True)
class Recipe:
    """What goes into one image."""

    kind: str
    suite: str
    packages: tuple[str, ...]
    hook: Path

    @property
    def key(self) -> str:
        """Changes when anything that decides the image's content changes."""
        digest = hashlib.sha256()
        for part in (self.kind, self.suite, *self.packages, self.hook.read_text()):
            digest.update(part.encode() + b"\0")
        return digest.hexdigest()[:16]

    @property
    def reference(self) -> str:
        """Name of the image in podman."""
        return f"{REPOSITORY}-{self.kind}-{self.suite}:{self.key}"

    @property
    def archive(self) -> Path:
        """Where the image is kept between podman's lives."""
        return paths.cache() / "hosts" / f"{self.kind}-{self.suite}-{self.key}.tar"


def packages(*names: str, folder: Path = RECIPE) -> tuple[str, ...]:
    """Package names in the recipe's lists; blank lines and comments are skipped."""
    found: list[str] = []
    for name in names:
        for line in (folder / f"packages-{name}.txt").read_text().splitlines():
            word = line.split("#", 1)[0].strip()
            if word and word not in found:
                found.append(word)
    return tuple(found)


def host_recipe(suite: str) -> Recipe:
    """The bare host.

    Raises LabError for a suite the lab does not know.
    """
    if suite not in SUITES:
        raise LabError(f"--suite {suite}: the lab makes hosts of {' or '.join(SUITES)}")
    return Recipe("host", suite, packages("debian", "standin"), RECIPE / "finish-host.sh")


def infra_recipe() -> Recipe:
    """The host that carries ACME, DNS and the mirror."""
    return Recipe("infra", INFRA_SUITE, packages("infra"), RECIPE / "finish-infra.sh")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(recipe: Recipe, say: Callable[[str], None]) -> str:
    """Make the image if it is not there: from podman, else from the archive, else from Debian.

    Returns what was done: `present`, `imported` or `built`.
    """
    if podman.image_exists(recipe.reference):
        return "present"
    with _locked(recipe.archive.with_suffix(".lock")):
        if podman.image_exists(recipe.reference):
            return "present"
        done = "imported"
        if not recipe.archive.exists():
            say(f"{recipe.kind} image ({recipe.suite}): building from Debian's archive, about a minute and a half")
            _bootstrap(recipe)
            done = "built"
        podman.podman("import", "--quiet", str(recipe.archive), recipe.reference, timeout=300)
    return done


def _bootstrap(recipe: Recipe) -> None:
    require("mmdebstrap")
    partial = recipe.archive.with_suffix(f".{os.getpid()}.partial.tar")
    try:
        run(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(recipe.packages)}",
                f"--customize-hook={recipe.hook}", recipe.suite, str(partial), *machine.debian_mirror(recipe.suite),
            ],
            timeout=1800,
        )  # fmt: skip
        partial.replace(recipe.archive)
    finally:
        partial.unlink(missing_ok=True)
