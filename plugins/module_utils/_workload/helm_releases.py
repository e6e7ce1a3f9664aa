# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Helm release is, and what must be done so that it is as defined."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number

Json = dict[str, Any]

SELECTOR = "owner=helm"
# A Secret has at most a MiB, and what Helm packs is text.
LARGEST = 64 << 20
# Revisions that a killed Helm left: every later one is refused with "another operation is in progress".
STUCK = frozenset(("pending-install", "pending-upgrade", "pending-rollback", "uninstalling"))
# Objects may be half changed. Helm would take a failed revision with the defined values for current.
BROKEN = STUCK | {"failed"}
# Only from such a revision does Helm know what it had applied.
GOOD = frozenset(("deployed", "superseded"))


@dataclass(frozen=True)
class Release:
    """The definition of a release."""

    name: str
    namespace: str
    chart: str
    chart_version: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Revision:
    """The newest revision of a release, as Helm recorded it."""

    name: str
    namespace: str
    number: int
    status: str
    chart: str
    chart_version: str
    values: Mapping[str, Any]
    secret: str


@dataclass(frozen=True)
class Plan:
    """What to do with a release.

    action is none, install or upgrade; or, for a broken one, first rollback (to the last good revision), reinstall (there is
    none, so what was applied is removed) or forget (it was being uninstalled).
    """

    release: Release
    revision: Revision | None
    action: str
    differences: tuple[str, ...] = ()


def decode(secret: Mapping[str, Any]) -> Revision:
    """Read the Secret of a revision. Raises ValueError if it is not as Helm writes it."""
    metadata = secret.get("metadata") or {}
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        # Helm before 3 did not compress; the format still allows it.
        text = _unpack(packed) if packed[:2] == b"\x1f\x8b" else packed
        release = parse_json(text)
        chart = release["chart"]["metadata"]
        return Revision(
            name=str(release["name"]),
            namespace=str(metadata.get("namespace") or release.get("namespace") or ""),
            number=int(release["version"]),
            status=str(release["info"]["status"]),
            chart=str(chart["name"]),
            chart_version=str(chart["version"]),
            values=release.get("config") or {},
            secret=str(metadata.get("name") or ""),
        )
    except (KeyError, TypeError, ValueError, binascii.Error, OSError, EOFError, zlib.error) as exc:
        raise ValueError(
            f"Secret {metadata.get('namespace')}/{metadata.get('name')} is not a Helm release: {type(exc).__name__}: {exc}"
        ) from exc


def _unpack(packed: bytes) -> bytes:
    """What gzip has packed, to a size at which a host has memory left."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = unpacker.decompress(packed, LARGEST)
    if not unpacker.eof:
        raise ValueError(f"it is cut, or has more than {LARGEST} bytes")
    return text


def with_good_revision(secrets: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Releases, by namespace and name, that Helm can roll back."""
    found = set()
    for secret in secrets:
        labels = secret["metadata"].get("labels") or {}
        if labels.get("status") in GOOD:
            found.add((str(secret["metadata"].get("namespace")), str(labels.get("name"))))
    return found


def newest_secrets(secrets: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The Secret of the newest revision of each release, by namespace and name."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for secret in secrets:
        metadata = secret.get("metadata") or {}
        labels = metadata.get("labels") or {}
        key = (str(metadata.get("namespace")), str(labels.get("name")))
        if labels.get("owner") == "helm" and (key not in found or _number(secret) > _number(found[key])):
            found[key] = secret
    return found


def _number(secret: Mapping[str, Any]) -> int:
    return whole_number(((secret.get("metadata") or {}).get("labels") or {}).get("version")) or 0


def value_differences(recorded: Any, defined: Any, path: str = "values") -> list[str]:
    """Paths at which two trees of values differ; never the values, which may be secret."""
    if isinstance(recorded, Mapping) and isinstance(defined, Mapping):
        found = []
        for key in sorted({*recorded, *defined}, key=str):
            if key in recorded and key in defined:
                found += value_differences(recorded[key], defined[key], f"{path}.{key}")
            else:
                found.append(f"{path}.{key} {'is new' if key in defined else 'is gone'}")
        return found
    # Helm goes through YAML, in which true is not 1; Python's == says it is.
    same = recorded == defined and isinstance(recorded, bool) == isinstance(defined, bool)
    return [] if same else [f"{path} changes"]


def plan(release: Release, revision: Revision | None, can_roll_back: bool = False) -> Plan:
    """Compare a release with its definition."""
    if revision is None or revision.status == "uninstalled":
        return Plan(release, revision, "install")
    if revision.status in BROKEN:
        action = "forget" if revision.status == "uninstalling" else "rollback" if can_roll_back else "reinstall"
        return Plan(release, revision, action, (f"revision {revision.number} is {revision.status}",))
    differences = []
    if revision.chart != release.chart:
        differences.append(f"chart changes from {revision.chart} to {release.chart}")
    # Repositories and Chart.yaml disagree on a leading v, Helm takes both.
    if revision.chart_version.lstrip("v") != release.chart_version.lstrip("v"):
        differences.append(f"chart version changes from {revision.chart_version} to {release.chart_version}")
    differences += value_differences(revision.values, json.loads(json.dumps(release.values)))
    return Plan(release, revision, "upgrade" if differences else "none", tuple(differences))
