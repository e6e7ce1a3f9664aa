# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as Go's programs write and read them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "\u00b5s": 0.000001, "\u03bcs": 0.000001, "ns": 0.000000001}
_PART = re.compile(rf"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")
# Parts are sought in what is a duration as a whole, since a search in long digits begins anew at each of them.
_WHOLE = re.compile(f"(?:{_PART.pattern})+")


def seconds(duration: str) -> float | None:
    """Return how long a duration such as 1h30m is, None if it is none."""
    if not _WHOLE.fullmatch(duration):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))
