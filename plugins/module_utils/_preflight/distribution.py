# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distribution a host runs, and of which family that is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

# By C(ID) and C(ID_LIKE) of os-release.
_FAMILIES = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "fedora": "RedHat", "suse": "Suse", "opensuse": "Suse"}


def os_release(root: Path) -> dict[str, str]:
    """Return C(id), C(like), C(version) and C(name) of the distribution, as C(os-release) below a folder names it."""
    text = ""
    for folder in ("etc", "usr/lib"):
        with contextlib.suppress(OSError):
            text = text or (root / folder / "os-release").read_text(encoding="utf-8", errors="replace")
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    keys = {"id": "ID", "like": "ID_LIKE", "version": "VERSION_ID", "name": "PRETTY_NAME"}
    return {key: values.get(name, "").strip("\"'") for key, name in keys.items()}


def os_family(release: Mapping[str, str]) -> str:
    """Return the family of a distribution, as Ansible's fact of this name has it; empty for others than these.

    Args:
        release: What os_release returned.
    """
    names = [release["id"], *release["like"].split()]
    return next((_FAMILIES[name] for name in names if name in _FAMILIES), "")
