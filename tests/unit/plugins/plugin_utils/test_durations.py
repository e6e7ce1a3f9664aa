# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import time

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[("1h30m", 5400), ("0.5h", 1800), (".5h", 1800), ("1.h", 3600), ("90s", 90), ("2m3s", 123), ("100ms", 0.1), ("0s", 0), ("08s", 8)],
        *[("1us", 1e-6), ("1\u00b5s", 1e-6), ("1\u03bcs", 1e-6), ("1ns", 1e-9), ("1h1m1s1ms", 3661.001)],
    ],
)
def test_durations_are_read_as_go_reads_them(text, expected):
    assert seconds(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "5", "90d", "h", ".h", "1..5h", "1.5.5h", "1h 30m", " 1h", "1h\n", "-1h", "+1h", "1H", "1e3s", "1_0s", "\u0663s", "infs"]
)
def test_what_is_none(text):
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("text", "expected"), [(f"{'9' * 5000}s", math.inf), ("9" * 50000, None), (f"1.{'9' * 50000}", None), ("1s" * 50000 + "x", None)]
)
def test_many_digits_take_no_time(text, expected):
    begun = time.process_time()
    assert seconds(text) == expected
    assert time.process_time() - begun < 1
