# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole numbers that others wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Python neither reads nor writes more decimal digits, https://docs.python.org/3/library/stdtypes.html#int-max-str-digits. Hexadecimal ones
# it does read, so that YAML can hold a number of which no sentence can be made.
_MOST_DIGITS = 4300


def whole_number(value: object) -> int | None:
    """Return the number that a value is, or that its text of ASCII digits stands for; None for all else, and beyond 18 digits.

    C(int) takes digits of other scripts and underscores as well, which other programs refuse.
    """
    if isinstance(value, int):
        return value if not isinstance(value, bool) and 0 <= value < 10**18 else None
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def is_endless(value: Any) -> bool:
    """Return whether a value is a number that Python cannot write, or holds one."""
    if isinstance(value, (Mapping, list, tuple)):
        return any(map(is_endless, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS


def endless(values: Mapping[Any, Any]) -> str:
    """Return a sentence for the first of some variables that is_endless, empty if there is none."""
    return next((f"{name} has a number of more than {_MOST_DIGITS} digits." for name in values if is_endless(values[name])), "")
