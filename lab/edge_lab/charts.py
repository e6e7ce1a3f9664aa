# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm charts as their projects publish them: from the sources in the Go modules, with a release's version and image names."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import golang, programs, versions
from .errors import LabError
from .images import EPOCH
from .parts import Part, Store, digest

_TIMESTAMP = re.compile(r'^(\s*(?:- )?(?:created|generated): )"?[^"\n]+"?$', re.MULTILINE)
# As the release tool of External Secrets has it in the CRDs of its chart.
_ANNOTATED = "\nmetadata:\n  annotations:\n"
_ANNOTATIONS = "{{- with .Values.crds.annotations }}\n{{ toYaml . | indent 4 }}\n{{- end }}\n"


@dataclass(frozen=True)
class Chart:
    """A chart in a module's sources, and what its project's release tool writes into `values.yaml`.

    `build` is the module of ours that names the version, `metadata` what changes in `Chart.yaml`, and `crds` a file
    that becomes a template.
    """

    repository: str
    module: str
    folder: str
    version: str
    values: Mapping[str, str] = field(default_factory=dict)
    build: str = "stack"
    app_version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    crds: str = ""


_ISTIO = "manifests/charts"
CHARTS = (
    Chart("istio", "istio.io/istio", f"{_ISTIO}/base", versions.ISTIO),
    Chart(
        "istio",
        "istio.io/istio",
        f"{_ISTIO}/istio-control/istio-discovery",
        versions.ISTIO,
        {"hub: registry.istio.io/testing": f"hub: {versions.ISTIO_HUB}", "tag: latest": f"tag: {versions.ISTIO}"},
    ),
    Chart("istio", "istio.io/istio", f"{_ISTIO}/gateway", versions.ISTIO),
    Chart("jetstack", "github.com/cert-manager/cert-manager", "deploy/charts/cert-manager", versions.CERT_MANAGER),
)


def part(store: Store, helm: Part) -> Part:
    """All chart repositories: a folder each, with an index."""
    key = digest(
        helm.slug,
        repr(CHARTS),
        (golang.MODULES / programs.HELM.module / "go.sum").read_bytes(),
        Path(__file__).read_bytes(),
    )
    return Part("charts", key, lambda out: pack(out, store.path(helm) / "helm", CHARTS))


def pack(out: Path, helm: Path, charts: Sequence[Chart]) -> None:
    """Pack charts into repositories below a folder."""
    work = out.parent / "charts"
    for number, chart in enumerate(charts):
        source, module = work / str(number), golang.module_source(chart.build, chart.module)
        # Dependencies that are left out would still be in its lock.
        shutil.copytree(module / chart.folder, source, ignore=shutil.ignore_patterns(*["Chart.lock"] if chart.metadata else []))
        # Go's module cache is read-only, and so is a copy of it.
        for path in [source, *source.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        for name, replacements in (("values.yaml", chart.values), ("Chart.yaml", chart.metadata)):
            path = source / name
            path.write_text(substitute(path.read_text(), replacements, f"{name} of the chart {chart.folder}"))
        if chart.crds:
            crds = (module / chart.crds).read_text().replace(_ANNOTATED, _ANNOTATED + _ANNOTATIONS)
            (source / "templates" / "crds.yaml").write_text("{{- if .Values.installCRDs }}\n" + crds + "{{- end }}\n")
        target = out / chart.repository
        target.mkdir(exist_ok=True)
        _helm(
            helm,
            work,
            [
                "package",
                str(source),
                "--destination",
                str(target),
                "--version",
                chart.version,
                "--app-version",
                chart.app_version or chart.version,
            ],
        )
    for repository in sorted(out.iterdir()):
        for archive in repository.glob("*.tgz"):
            archive.write_bytes(normalised(archive.read_bytes()))
        _helm(helm, work, ["repo", "index", str(repository)])
        index = repository / "index.yaml"
        index.write_text(_TIMESTAMP.sub(r'\1"1980-01-01T00:00:00Z"', index.read_text()))


def substitute(text: str, replacements: Mapping[str, str], where: str) -> str:
    """Replace each key, which must be there once, by its value.

    Raises LabError when it is not: the sources then differ from what was tried.
    """
    for old, new in replacements.items():
        if text.count(old) != 1:
            raise LabError(f"{where} has {old!r} {text.count(old)} times instead of once: the version and lab/edge_lab/charts.py disagree")
        text = text.replace(old, new)
    return text


def normalised(archive: bytes) -> bytes:
    """A chart archive without its times, in the order of names."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as old,
        gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=EPOCH) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda item: item.name):
            member.mtime = EPOCH
            new.addfile(member, old.extractfile(member))
    return out.getvalue()


def _helm(helm: Path, home: Path, arguments: list[str]) -> None:
    # The user's Helm settings and plugins are none of the lab's business.
    environment = {**os.environ, **{f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}}
    done = subprocess.run([str(helm), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`helm {arguments[0]}` failed: {done.stderr.strip()}")
