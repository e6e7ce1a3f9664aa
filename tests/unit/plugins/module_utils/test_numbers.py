# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a whole number of all that Python would take for one, and what Python cannot write."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import endless, is_endless, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (443, 443), ("443", 443), ("0", 0), ("0443", 443), ("9" * 18, 10**18 - 1), (10**18 - 1, 10**18 - 1)],
)
def test_numbers(value, number):
    assert whole_number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", " 443", "443\n", "-1", "+1", "-0", "1.0", "1e3", "1e999", "inf", "nan", "8_0", "0x1bb", "0o673", "0b1", "abc"),
        *("\uff14\uff14\uff13", "٣", "²", "1²", "①", "9" * 19, "9" * 5000, "0" * 19),
        *(-1, 10**18, 16**5000, -(16**5000), True, False, 443.0, -0.0, float("inf"), float("nan"), [443], {443: 443}),
    ],
    ids=lambda value: repr(value)[:12] if not is_endless(value) else "endless",
)
def test_what_is_none(value):
    assert whole_number(value) is None


@pytest.mark.parametrize("value", [10**4300, -(10**4300), 16**5000, [1, 16**5000], {"a": [{"b": 16**5000}]}, (16**5000,)], ids=range(6))
def test_a_number_that_cannot_be_written_is_named(value):
    with pytest.raises(ValueError, match="4300 digits"):
        str(value)
    assert endless({"edge_a": 1, "edge_b": value}) == "edge_b has a number of more than 4300 digits."


@pytest.mark.parametrize("value", [10**4300 - 1, 1 - 10**4300, "9" * 5000, [True, None, 1.5], {}, float("inf")], ids=range(6))
def test_what_can_be_written_is_not_named(value):
    assert str(value)
    assert endless({"edge_a": value}) == ""
