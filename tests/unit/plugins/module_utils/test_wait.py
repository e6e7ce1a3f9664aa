# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, ScriptedClock


def test_a_deadline_runs_down_to_zero_and_no_further():
    clock = ScriptedClock()
    deadline = Deadline(clock, 10)
    clock.sleep(4)
    assert (deadline.elapsed, deadline.remaining, deadline.expired) == (4.0, 6.0, False)
    clock.sleep(7)
    assert (deadline.elapsed, deadline.remaining, deadline.expired) == (11.0, 0.0, True)
    assert deadline.wall_end == NOW + 10


def test_pauses_grow_to_the_cap_and_begin_anew_after_a_reset():
    deadline = Deadline(ScriptedClock(), 1000)
    backoff = Backoff(first=1, cap=5)
    assert [backoff.next(deadline) for _unused in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next(deadline) == 1


def test_retry_after_replaces_a_shorter_pause_within_bounds():
    deadline = Deadline(ScriptedClock(), 1000)
    assert Backoff(first=1, cap=5).next(deadline, retry_after=7) == 7
    assert Backoff(first=3, cap=5).next(deadline, retry_after=1) == 3
    assert Backoff(first=1, cap=5).next(deadline, retry_after=900) == 50


@pytest.mark.parametrize("arguments", [(0, 1, 2), (2, 1, 2), (1, 2, 0.5)])
def test_impossible_back_offs_are_refused(arguments):
    with pytest.raises(ValueError, match="back-off needs"):
        Backoff(*arguments)


@settings(deadline=None)
@given(seconds=st.floats(0.1, 50), first=st.floats(0.01, 5), retry_after=st.none() | st.floats(0, 100))
def test_property_pauses_never_go_past_the_deadline(seconds, first, retry_after):
    clock = ScriptedClock()
    deadline = Deadline(clock, seconds)
    backoff = Backoff(first=first, cap=10)
    for _unused in range(40):
        clock.sleep(backoff.next(deadline, retry_after))
    assert deadline.elapsed <= seconds + 1e-6
