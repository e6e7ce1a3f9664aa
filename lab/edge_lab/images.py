# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images as docker-archive files, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from .errors import LabError

# Everything is of this moment: an image must not differ because it was made again.
EPOCH = 315532800
_CREATED = "1980-01-01T00:00:00Z"


@dataclass(frozen=True)
class Entry:
    """One file, link or folder of a layer. `source` is read when the layer is written."""

    mode: int
    source: Path | None = None
    data: bytes | None = None
    link: str | None = None


class Layer:
    """A file tree. Folders on the way to an entry come by themselves."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def _put(self, path: str, entry: Entry) -> None:
        name = path.strip("/")
        for parent in PurePosixPath(name).parents:
            if parent.name:
                self._entries.setdefault(str(parent), Entry(0o755))
        self._entries[name] = entry

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add an empty folder, or set a folder's mode."""
        self._put(path, Entry(mode))

    def file(self, path: str, source: Path, mode: int | None = None) -> None:
        """Add a file; its mode is the source's unless given."""
        self._put(path, Entry(stat.S_IMODE(source.stat().st_mode) if mode is None else mode, source=source))

    def text(self, path: str, text: str, mode: int = 0o644) -> None:
        """Add a file with this content."""
        self._put(path, Entry(mode, data=text.encode()))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, Entry(0o777, link=target))

    def tree(self, root: Path, patterns: Iterable[str]) -> None:
        """Add what matches the patterns below `root`, at the same place.

        Raises LabError for a pattern that matches nothing.
        """
        for pattern in patterns:
            found = sorted(path for path in root.glob(pattern) if path.is_symlink() or path.is_file())
            if not found:
                raise LabError(f"nothing in {root} matches {pattern}: an image would lack it")
            for path in found:
                name = path.relative_to(root).as_posix()
                if path.is_symlink():
                    self.link(name, str(path.readlink()))
                else:
                    self.file(name, path)

    def names(self) -> list[str]:
        """Paths of all entries, sorted."""
        return sorted(self._entries)

    def write(self, stream: IO[bytes]) -> None:
        """Write the layer as a tar."""
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name in self.names():
                self._write_entry(archive, name, self._entries[name])

    @staticmethod
    def _write_entry(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = entry.mode, EPOCH
        if entry.link is not None:
            info.type, info.linkname = tarfile.SYMTYPE, entry.link
            archive.addfile(info)
        elif entry.source is not None:
            info.size = entry.source.stat().st_size
            with entry.source.open("rb") as content:
                archive.addfile(info, content)
        elif entry.data is not None:
            info.size = len(entry.data)
            archive.addfile(info, io.BytesIO(entry.data))
        else:
            info.type = tarfile.DIRTYPE
            archive.addfile(info)


@dataclass(frozen=True)
class Image:
    """A name that Kubernetes asks for, and what it gets. Images may share a layer."""

    reference: str
    layer: Layer
    entrypoint: Sequence[str]
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def config(self, layer_sha256: str) -> bytes:
        """The image configuration, as JSON."""
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **self.env}
        return json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": _CREATED,
                "config": {
                    "Entrypoint": list(self.entrypoint),
                    "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
                    "User": self.user,
                    "WorkingDir": "/",
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_sha256}"]},
                "history": [{"created": _CREATED, "created_by": "lab/lab build"}],
            },
            sort_keys=True,
        ).encode()


def full_name(reference: str) -> str:
    """The reference with its registry, as Kubernetes completes a short one."""
    first, slash, _rest = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def write_archive(images: Sequence[Image], target: Path) -> None:
    """Write images into one docker-archive, compressed by zstd."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".layers-") as folder:
        layers = _write_layers(images, Path(folder))
        with target.open("wb") as output:
            zstd = subprocess.Popen(["zstd", "-q", "-T0", "-3"], stdin=subprocess.PIPE, stdout=output)
            assert zstd.stdin is not None  # noqa: S101 - asked for by PIPE
            with zstd.stdin, tarfile.open(fileobj=zstd.stdin, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                _write_members(archive, images, layers)
        if zstd.wait():
            raise LabError(f"zstd failed with exit code {zstd.returncode} while writing {target.name}")


def _write_layers(images: Sequence[Image], folder: Path) -> dict[int, Path]:
    """Write each layer once, into a file that has its SHA-256 as name."""
    written: dict[int, Path] = {}
    for layer in {id(image.layer): image.layer for image in images}.values():
        draft = folder / "draft"
        with draft.open("wb") as stream:
            layer.write(stream)
        with draft.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        written[id(layer)] = draft.rename(folder / sha256)
    return written


def _write_members(archive: tarfile.TarFile, images: Sequence[Image], layers: Mapping[int, Path]) -> None:
    manifest = []
    for path in sorted(set(layers.values())):
        _add(archive, f"{path.name}/layer.tar", path)
    for image in images:
        layer = layers[id(image.layer)].name
        config = image.config(layer)
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        _add(archive, name, config)
        manifest.append({"Config": name, "RepoTags": [full_name(image.reference)], "Layers": [f"{layer}/layer.tar"]})
    _add(archive, "manifest.json", json.dumps(manifest).encode())


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o644, EPOCH
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        return
    info.size = content.stat().st_size
    with content.open("rb") as stream:
        archive.addfile(info, stream)
