# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a run, as people start them on a cluster that is as it should be: each ends green and changes nothing."""

from __future__ import annotations

import pytest
import runs

pytestmark = pytest.mark.matrix

PHASES = (
    "preflight",
    "k3s",
    "api_client",
    "cert_manager",
    "istio",
    "host_ports",
    "external_secrets",
    "mesh",
    "egress",
    "certificate",
    "gateway",
    "report",
)
TASKS = ("Roll out what differs", "baremesh.edge.report : Look at what this run has not seen")


def changes_nothing(*arguments):
    found = runs.run({}, *arguments)
    assert (found.status, found.failures, found.changed) == (0, [], 0), found.output[-4000:]
    return found


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_alone(phase):
    changes_nothing("--tags", phase)


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_that_is_left_out(phase):
    changes_nothing("--skip-tags", phase)


@pytest.mark.parametrize("task", TASKS)
def test_from_a_task_on(task):
    assert "served: https://app.example.com/" in changes_nothing("--start-at-task", task).output


def test_a_run_that_begins_at_the_summary_says_that_it_has_not_asked():
    found = runs.run({}, "--start-at-task", "baremesh.edge.report : Show the summary")
    (failure,) = found.failures
    assert failure.message.startswith("This run began after the tasks that ask what is served"), failure.message


def test_hosts_that_are_named():
    changes_nothing("--limit", "server1")


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_a_strategy_of_the_controller(strategy, monkeypatch):
    monkeypatch.setenv("ANSIBLE_STRATEGY", strategy)
    changes_nothing()
