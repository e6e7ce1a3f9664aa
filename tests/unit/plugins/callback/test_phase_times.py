# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible import constants

from ansible_collections.baremesh.edge.plugins.callback import phase_times


def task(role):
    return SimpleNamespace(_role=role and SimpleNamespace(get_name=lambda: role))


@pytest.fixture
def printed(monkeypatch):
    """A function that lets tasks begin at given moments and returns what was printed."""
    moment = [0.0]
    monkeypatch.setattr(phase_times.time, "monotonic", lambda: moment[0])

    def run(*begun, end):
        lines = []
        callback = phase_times.CallbackModule()
        callback._display = SimpleNamespace(banner=lambda text: None, display=lines.append)
        for second, role in begun:
            moment[0] = second
            callback.v2_playbook_on_task_start(task(role), False)
        moment[0] = end
        callback.v2_playbook_on_stats(None)
        moment[0] = 0.0
        return lines

    return run


def test_each_role_has_its_time(printed):
    lines = printed((1.0, None), (2.0, "baremesh.edge.preflight"), (4.5, "baremesh.edge.k3s"), (5.0, "baremesh.edge.k3s"), end=24.5)
    assert lines == ["preflight            2.5 s", "k3s                 20.0 s", "all                 24.5 s"]


def test_a_role_that_comes_again_has_one_line(printed):
    lines = printed((0.0, "baremesh.edge.istio"), (1.0, "baremesh.edge.cert_manager"), (3.0, "baremesh.edge.istio"), end=6.0)
    assert lines == ["istio                4.0 s", "cert_manager         2.0 s", "all                  6.0 s"]


def test_what_is_shared_counts_for_the_role_before(printed):
    lines = printed((0.0, "baremesh.edge.istio"), (1.0, "baremesh.edge.common"), (2.0, None), (3.0, "mine"), end=4.0)
    assert lines == ["istio                3.0 s", "mine                 1.0 s", "all                  4.0 s"]


def test_a_handler_counts_too(printed, monkeypatch):
    callback = phase_times.CallbackModule()
    callback.v2_playbook_on_handler_task_start(task("baremesh.edge.k3s"))
    assert callback._phase == "k3s"


def test_nothing_is_printed_without_roles(printed):
    assert printed((0.0, None), end=3.0) == []


@pytest.mark.parametrize("name", ["json", "ansible.posix.json", "ansible.posix.jsonl", "baremesh.edge.phases"])
def test_nothing_is_printed_after_json_or_what_shows_times_itself(printed, monkeypatch, name):
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", name, raising=False)
    assert printed((0.0, "baremesh.edge.k3s"), end=3.0) == []
