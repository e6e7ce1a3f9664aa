# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import runs

FIRST = {"identity": "boot/pid:[1] 7 100", "who": "process 7 of ops@control"}
SECOND = {"identity": "boot/pid:[1] 8 200", "who": "process 8 of ops@control"}


def test_the_second_run_sees_the_first(tmp_path):
    record = tmp_path / "baremesh/runs.json"
    assert runs.others(FIRST, 1000.0, True, record) == []
    assert runs.others(SECOND, 1035.4, True, record) == [{**FIRST, "age": 35}]
    assert [entry["who"] for entry in runs.others({"identity": "x", "who": "y"}, 1040.0, False, record)] == [FIRST["who"], SECOND["who"]]


def test_a_run_does_not_see_itself_and_keeps_its_beginning(tmp_path):
    record = tmp_path / "runs.json"
    runs.others(FIRST, 1000.0, True, record)
    assert runs.others(FIRST, 1300.0, True, record) == []
    assert runs.others(SECOND, 1300.0, False, record)[0]["age"] == 300


def test_a_run_that_only_looks_leaves_no_trace(tmp_path):
    record = tmp_path / "baremesh/runs.json"
    assert runs.others(FIRST, 1000.0, False, record) == []
    assert not record.parent.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"identity": "x"}]', "null"])
def test_a_record_that_cannot_be_read_is_written_anew(tmp_path, content):
    record = tmp_path / "runs.json"
    record.write_text(content)
    assert runs.others(FIRST, 1000.0, True, record) == []
    assert json.loads(record.read_text())[0]["identity"] == FIRST["identity"]


def test_old_runs_are_forgotten(tmp_path):
    record = tmp_path / "runs.json"
    for number in range(40):
        runs.others({"identity": f"boot/pid {number} 1", "who": "me"}, float(number), True, record)
    known = json.loads(record.read_text())
    assert [entry["begun"] for entry in known] == [float(number) for number in range(24, 40)]


def test_a_host_that_remembers_nothing_is_no_reason_to_end(tmp_path):
    (tmp_path / "file").write_text("")
    assert runs.others(FIRST, 1000.0, True, tmp_path / "file" / "runs.json") == []


def test_of_runs_that_begin_at_once_all_but_one_see_another(tmp_path):
    record = tmp_path / "runs.json"
    seen = []

    def begin(number):
        seen.append(len(runs.others({"identity": f"boot/pid {number} 1", "who": "me"}, 1.0, True, record)))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(8))
