# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and versions of K3s releases, as pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

VERSION_FORM = re.compile(r"v([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(-rc[0-9]+)?\+[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*\Z")
VERSION_HELP = "vX.Y.Z+k3sN or vX.Y.Z-rcN+k3sN, for example v1.34.4+k3s1"


class ReleaseError(EdgeError):
    """A release that cannot be used. The message is one sentence for the user."""


class Arch(NamedTuple):
    """How one architecture is called in the files of a release."""

    binary: str
    sums: str
    images: str


# K3s calls 32-bit ARM "armhf" in the binary's name and "arm" everywhere else.
_ARCHITECTURES: Mapping[str, Arch] = {
    "x86_64": Arch("k3s", "sha256sum-amd64.txt", "k3s-airgap-images-amd64.tar.zst"),
    "aarch64": Arch("k3s-arm64", "sha256sum-arm64.txt", "k3s-airgap-images-arm64.tar.zst"),
    "armv7l": Arch("k3s-armhf", "sha256sum-arm.txt", "k3s-airgap-images-arm.tar.zst"),
}
_ALIASES = {"amd64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l", "armhf": "armv7l"}


def arch(machine: str) -> Arch:
    """Return the file names for a machine as C(uname -m) calls it.

    Raises:
        ReleaseError: K3s has no release for it.
    """
    found = _ARCHITECTURES.get(_ALIASES.get(machine, machine))
    if found is None:
        raise ReleaseError(
            f"K3s has no release for the architecture {machine!r}: use a host with one of {', '.join(sorted(_ARCHITECTURES))}."
        )
    return found


def parse_version(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch of a K3s version.

    Raises:
        ReleaseError: The version is not of K3s's form.
    """
    match = VERSION_FORM.match(version)
    if match is None:
        raise ReleaseError(f"k3s_version is {version!r}: it must have the form {VERSION_HELP}.")
    return int(match.group(1)), int(match.group(2)), int(match.group(3))


def asset_url(base: str, version: str, name: str) -> str:
    """Return where one file of a release lies. In an address the C(+) of a version must be escaped."""
    return f"{base.rstrip('/')}/{version.replace('+', '%2B')}/{name}"


def version_step_error(installed: str | None, version: str) -> str | None:
    """Return why K3s must not go from one version to another, or C(None) if it may.

    Kubernetes supports neither a downgrade of the control plane nor a step over a minor version,
    and nothing in K3s's binary stops either.
    """
    if not installed or VERSION_FORM.match(installed) is None:
        return None
    old, new = parse_version(installed), parse_version(version)
    if new < old:
        return (
            f"k3s_version is {version}, but {installed} is installed: Kubernetes cannot be downgraded; "
            "restore a snapshot on a host that was reset instead."
        )
    if new[:2] > (old[0], old[1] + 1):
        return (
            f"k3s_version is {version}, but {installed} is installed: Kubernetes must not skip a minor version; "
            f"upgrade to a v{old[0]}.{old[1] + 1} release first."
        )
    return None
