# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single scenarios need beyond the bundle, and what takes too long to make it for all."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

from . import build, charts, golang, images, paths, programs, upstream, versions
from .parts import Part, Store, digest
from .progress import Progress

_IMAGE = f"oci.external-secrets.io/external-secrets/external-secrets:v{versions.EXTERNAL_SECRETS}"
# The chart as its release tool makes it: with the CRDs, and without a part for one provider, which would come from another registry.
_CHART = charts.Chart(
    "external-secrets",
    "github.com/external-secrets/external-secrets",
    "deploy/charts/external-secrets",
    versions.EXTERNAL_SECRETS,
    build="externalsecrets",
    app_version=f"v{versions.EXTERNAL_SECRETS}",
    metadata={
        """dependencies:
  - name: bitwarden-sdk-server
    version: v0.3.1
    repository: oci://ghcr.io/external-secrets/charts
    condition: bitwarden-sdk-server.enabled
""": "",
    },
    crds="deploy/crds/bundle.yaml",
)
NAMES = ("external-secrets", "openbao")


def folder(name: str) -> Path:
    """Make one of NAMES, or find it; its folder. Progress goes to standard error.

    `external-secrets` is an archive of images, `images.tar.zst`, and a chart; `openbao` is the program `bao`.

    Raises LabError with what is missing, was refused or failed.
    """
    # Not with the bundle's parts, which a build drops where no bundle has them.
    store = Store(paths.cache() / "extras")
    store.root.mkdir(parents=True, exist_ok=True)
    with (store.root.parent / "extras.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        parts = [upstream.openbao()] if name == "openbao" else _external_secrets(store)
        progress = Progress(len(parts), sys.stderr)
        for part in parts:
            if store.has(part):
                progress.cached(part.title)
                continue
            with progress.building(part.title):
                store.make(part)
    return store.path(parts[-1])


def _external_secrets(store: Store) -> list[Part]:
    program = programs.EXTERNAL_SECRETS.part(golang.toolchain())
    code = [Path(module.__file__ or "").read_bytes() for module in (charts, images, sys.modules[__name__])]

    def make(out: Path) -> None:
        # Into a folder that holds repositories alone.
        charts.pack(out, build.build().bin / "helm", [_CHART])
        layer = images.Layer()
        layer.folder("tmp", 0o1777)
        layer.file("bin/external-secrets", store.path(program) / "external-secrets", 0o755)
        images.write_archive([images.Image(_IMAGE, layer, ["/bin/external-secrets"], user="65534")], out / "images.tar.zst")

    return [program, Part("external-secrets release", digest(program.slug, *code), make)]
