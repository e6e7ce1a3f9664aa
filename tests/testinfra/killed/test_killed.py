# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at a random task leaves nothing that the next run cannot finish."""

from __future__ import annotations

import pytest
import runs

#: Part of the run in which it is killed, in thirds of its tasks. Helm works in the second.
PARTS = [
    pytest.param(0, id="first third", marks=pytest.mark.matrix),
    pytest.param(1, id="second third"),
    pytest.param(2, id="last third", marks=pytest.mark.matrix),
]


@pytest.fixture(scope="module")
def random():
    return runs.dice()


@pytest.fixture(scope="module")
def known():
    """How many tasks a run has: a guess, until one came to its end."""
    return {"tasks": 60}


@pytest.mark.parametrize("part", PARTS)
def test_the_next_run_completes_and_the_one_after_changes_nothing(part, random, known):
    runs.bare_hosts()
    third = known["tasks"] // 3
    killed = runs.watch(kill_at=random.randint(part * third + 2, (part + 1) * third - 1), delay=random.uniform(0, 1.5))
    print(f"killed in task {killed.tasks}, {killed.last_task}")
    assert killed.status == -9, "the run ended before it could be killed"

    second = runs.watch()
    assert second.status == 0, second.output[-8000:]
    known["tasks"] = second.tasks

    third_run = runs.watch()
    assert third_run.status == 0, third_run.output[-8000:]
    assert third_run.changes == []
