# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: everything that the lab's hosts download, made once per state of its inputs.

Layout of a bundle:

    bundle.json     its key, the versions in it, the parts it was made from
    bin/            helm, istioctl, kubectl for the machine itself
    mirror/         what the release mirror serves (see mirror.py)
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from . import catalog, charts, gateway_api, golang, mirror, paths, programs, upstream, versions
from .errors import LabError
from .parts import Part, Store, digest
from .progress import Progress

KEEP = 2
"""Bundles that stay in any case."""
KEEP_SECONDS = 24 * 3600
"""Younger ones stay too: a lab that was raised today still serves the bundle of then. They cost little, as files are shared."""

# Commands that a build runs, and the Debian packages that bring them.
_NEEDS = {
    "gcc": "gcc libc6-dev",
    "zstd": "zstd",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "tar": "tar",
}


@dataclass(frozen=True)
class Bundle:
    """A finished bundle."""

    path: Path

    @property
    def key(self) -> str:
        """The hash of the bundle's inputs."""
        return self.path.name

    @property
    def mirror(self) -> Path:
        """The folder that the release mirror serves."""
        return self.path / "mirror"

    @property
    def bin(self) -> Path:
        """Programs for the machine itself."""
        return self.path / "bin"


class Plan:
    """Which parts there are, in the order in which they can be made."""

    def __init__(self, store: Store) -> None:
        tools = golang.toolchain()
        built = {program: program.part(tools) for program in programs.ALL}
        debian, envoy = upstream.debian(), upstream.envoy()
        images_k3s, *images = catalog.Catalog(
            store,
            catalog.Sources(
                coredns=built[programs.COREDNS],
                pilot_discovery=built[programs.PILOT_DISCOVERY],
                pilot_agent=built[programs.PILOT_AGENT],
                cert_manager=built[programs.CERT_MANAGER],
                small=built[programs.SMALL],
                envoy=envoy,
                debian=debian,
            ),
        ).parts()
        self.helm = built[programs.HELM]
        self.istioctl = built[programs.ISTIOCTL]
        self.kubernetes = built[programs.KUBERNETES]
        self.contents = mirror.Contents(
            k3s=mirror.k3s_part(store, built[programs.K3S], self.kubernetes, built[programs.KINE], built[programs.ETCD]),
            images_k3s=images_k3s,
            images=tuple(images),
            helm=mirror.helm_part(store, self.helm),
            charts=charts.part(store, self.helm),
            gateway_api=gateway_api.part(),
        )
        c = self.contents
        # Downloads first: when they are refused, nobody has waited for compilers.
        self.parts: list[Part] = [debian, envoy, *built.values(), c.charts, c.gateway_api, c.helm, c.images_k3s, *c.images, c.k3s]

    @property
    def key(self) -> str:
        """The hash of all inputs."""
        code = [Path(module.__file__ or "").read_bytes() for module in (mirror, sys.modules[__name__])]
        return digest(*(part.slug for part in self.parts), *code)


def build(stream: TextIO | None = None) -> Bundle:
    """Make the bundle, or find the one that is there. Progress goes to `stream`, by default standard error.

    Raises LabError with what is missing, was refused or failed.
    """
    stream = stream or sys.stderr
    _require()
    store = Store(paths.cache() / "parts")
    plan = Plan(store)
    bundle = Bundle(paths.cache() / "bundle" / plan.key)
    record = bundle.path / "bundle.json"
    if not record.is_file():
        with _lock(stream):
            # Another build may have made it while this one waited.
            if not record.is_file():
                _make_parts(store, plan, Progress(len(plan.parts), stream))
                _publish(store, plan, bundle)
            _prune(store, bundle)
    # The order of use is the order in which bundles are dropped.
    os.utime(record)
    return bundle


def _require() -> None:
    if platform.machine() != "x86_64":
        raise LabError(f"this machine is {platform.machine()}; the lab's bundle is built on and for x86_64")
    missing = [command for command in ("go", *_NEEDS) if not shutil.which(command)]
    if missing:
        packages = " ".join(_NEEDS[command] for command in missing if command in _NEEDS)
        advice = [f"apt-get install {packages}"] if packages else []
        if "go" in missing:
            advice.append(f"Go {'.'.join(map(str, versions.GO))} or later from https://go.dev/dl, in PATH")
        raise LabError(f"missing on this machine: {', '.join(missing)}. Needed: {'; '.join(advice)}")


@contextmanager
def _lock(stream: TextIO) -> Iterator[None]:
    path = paths.cache() / "build.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.write("another build is running; waiting for its end\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make_parts(store: Store, plan: Plan, progress: Progress) -> None:
    for part in plan.parts:
        if store.has(part):
            progress.cached(part.title)
            continue
        with progress.building(part.title):
            store.make(part)


def _publish(store: Store, plan: Plan, bundle: Bundle) -> None:
    bundle.path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=bundle.path.parent))
    try:
        # The mirror's server is another user.
        work.chmod(0o755)
        mirror.assemble(store, plan.contents, work / "mirror")
        for part in (plan.helm, plan.istioctl, plan.kubernetes):
            mirror.link_tree(store.path(part), work / "bin")
        (work / "bin" / "kubectl").symlink_to("kubernetes")
        record = {
            "key": bundle.key,
            "versions": {name.lower(): value for name, value in vars(versions).items() if name.isupper() and isinstance(value, str)},
            "parts": [part.slug for part in plan.parts],
        }
        (work / "bundle.json").write_text(json.dumps(record, indent=2) + "\n")
        work.rename(bundle.path)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _prune(store: Store, newest: Bundle) -> None:
    """Drop all but the bundles used last, and parts that none of them is made from."""
    records = sorted(newest.path.parent.glob("*/bundle.json"), key=lambda record: record.stat().st_mtime, reverse=True)
    others = [record for record in records if record.parent != newest.path]
    recent = time.time() - KEEP_SECONDS
    kept = [newest.path, *(record.parent for place, record in enumerate(others, 2) if place <= KEEP or record.stat().st_mtime > recent)]
    for path in newest.path.parent.iterdir():
        if path not in kept:
            shutil.rmtree(path)
    store.prune(slug for path in kept for slug in json.loads((path / "bundle.json").read_text())["parts"])
