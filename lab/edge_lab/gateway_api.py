# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CRDs of the Gateway API as its project publishes them: one file, from the sources in the Go module that Istio is built with."""

from __future__ import annotations

from pathlib import Path

from . import golang, versions
from .errors import LabError
from .parts import Part, digest

MODULE = "sigs.k8s.io/gateway-api"
_RELEASE = f"gateway.networking.k8s.io/bundle-version: {versions.GATEWAY_API}"


def part() -> Part:
    """The file of the standard channel, in a folder of its release."""
    key = digest(versions.GATEWAY_API, (golang.MODULES / "stack" / "go.sum").read_bytes(), Path(__file__).read_bytes())
    return Part("gateway api", key, _make)


def _make(out: Path) -> None:
    sources = sorted((golang.module_source("stack", MODULE) / "config/crd/standard").glob("gateway*.yaml"))
    release = out / versions.GATEWAY_API
    release.mkdir()
    text = joined([path.read_text() for path in sources])
    (release / "standard-install.yaml").write_text(text)


def joined(documents: list[str]) -> str:
    """The documents in one file.

    Raises LabError when one is of another release than the lab says.
    """
    if not documents or not all(_RELEASE in document for document in documents):
        raise LabError(f"the sources of {MODULE} are not those of {versions.GATEWAY_API}: lab/go/stack/go.mod and versions.py disagree")
    return "".join(f"---\n{document}" for document in documents)
