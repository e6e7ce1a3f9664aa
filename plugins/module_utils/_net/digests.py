# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests and addresses of files that a host will run, as pure functions."""

from __future__ import annotations

import re
import urllib.parse

_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256(text: str) -> str | None:
    """Return a SHA-256 as people write it, with or without C(sha256:), in lower case; C(None) if it is none."""
    digest = text.strip().lower().removeprefix("sha256:")
    return digest if _SHA256.fullmatch(digest) else None


def checksum_of(sums: str, name: str) -> str | None:
    """Return the SHA-256 of a file from the text of a checksum file, or C(None) if it is not listed.

    The name must match as a whole: C(k3s) is also the beginning of the image archives' names.
    """
    for line in sums.splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[1].lstrip("*") == name and sha256(parts[0]):
            return sha256(parts[0])
    return None


def is_secure(url: str) -> bool:
    """Return whether what comes from an address is what its server sent."""
    return urllib.parse.urlsplit(url).scheme.lower() in ("https", "file", "oci")


def without_password(url: str) -> str:
    """Return an address without the user and the password in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "", url)
