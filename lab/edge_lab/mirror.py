# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release mirror: static files, laid out as the projects publish theirs."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import versions
from .images import EPOCH
from .parts import Part, Store, digest, file_sha256

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def k3s_part(store: Store, launcher: Part, *started: Part) -> Part:
    """K3s's one file: the launcher, and behind it a ZIP of what it starts."""

    def make(out: Path) -> None:
        target = out / "k3s"
        target.write_bytes((store.path(launcher) / "k3s").read_bytes())
        append_zip(target, [path for part in started for path in sorted(store.path(part).iterdir())])
        target.chmod(0o755)

    return Part("k3s", digest(launcher.slug, *(part.slug for part in started), Path(__file__).read_bytes()), make)


def append_zip(program: Path, members: Iterable[Path]) -> None:
    """Append executables as a ZIP archive; the program reads itself as one."""
    with zipfile.ZipFile(program, "a", compresslevel=1) as archive:
        for path in members:
            info = zipfile.ZipInfo(path.name, _ZIP_TIME)
            info.external_attr = 0o755 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())


def helm_part(store: Store, helm: Part) -> Part:
    """Helm's archive as its project publishes it."""
    name = f"helm-{versions.HELM}-linux-amd64.tar.gz"

    def make(out: Path) -> None:
        content = (store.path(helm) / "helm").read_bytes()
        with (
            (out / name).open("wb") as stream,
            gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=1, mtime=EPOCH) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            info = tarfile.TarInfo("linux-amd64/helm")
            info.mode, info.mtime, info.size = 0o755, EPOCH, len(content)
            archive.addfile(info, io.BytesIO(content))
        write_sums(out, f"{name}.sha256sum", [name])

    return Part("helm archive", digest(name, helm.slug, Path(__file__).read_bytes()), make)


@dataclass(frozen=True)
class Contents:
    """Parts that the mirror publishes."""

    k3s: Part
    images_k3s: Part
    images: tuple[Part, ...]
    helm: Part
    charts: Part
    gateway_api: Part


def assemble(store: Store, contents: Contents, mirror: Path) -> None:
    """Lay out the mirror below an empty folder. Big files are hard links into the store."""
    release = mirror / "k3s" / versions.K3S
    link_tree(store.path(contents.k3s), release)
    link_tree(store.path(contents.images_k3s), release)
    write_sums(release, "sha256sum-amd64.txt", sorted(path.name for path in release.iterdir()))
    link_tree(store.path(contents.helm), mirror / "helm")
    link_tree(store.path(contents.charts), mirror / "charts")
    link_tree(store.path(contents.gateway_api), mirror / "gateway-api")
    images = mirror / "images"
    for part in contents.images:
        link_tree(store.path(part), images)
    write_sums(images, "sha256sum.txt", sorted(path.name for path in images.iterdir()))


def link_tree(source: Path, target: Path) -> None:
    """Hard-link every file below `source` to the same place below `target`."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)


def write_sums(folder: Path, name: str, files: Iterable[str]) -> None:
    """Write a checksum file as `sha256sum` does."""
    (folder / name).write_text("".join(f"{file_sha256(folder / file)}  {file}\n" for file in files))
