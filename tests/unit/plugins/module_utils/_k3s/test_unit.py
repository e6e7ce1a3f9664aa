# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unit's state as systemd prints it, and its journal as a real child process."""

from __future__ import annotations

import os

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import unit


def test_a_state_is_read_from_what_systemctl_shows():
    found = unit.parse_state(
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=yes\n"
        "InvocationID=abc\nNRestarts=2\nExecMainStartTimestampMonotonic=1500000\n"
    )
    assert found == unit.State("loaded", "active", "running", "enabled", True, "abc", 2, 1.5)
    assert (found.exists, found.running) == (True, True)


@pytest.mark.parametrize(
    ("load", "active", "sub", "exists", "running"),
    [
        ("not-found", "inactive", "dead", False, False),
        ("loaded", "active", "exited", True, False),
        ("loaded", "activating", "running", True, False),
    ],
)
def test_only_an_active_process_runs(load, active, sub, exists, running):
    found = unit.parse_state(f"LoadState={load}\nActiveState={active}\nSubState={sub}\nNRestarts=[not set]\n")
    assert (found.exists, found.running, found.needs_reload, found.restarts, found.started) == (exists, running, False, 0, 0.0)


@pytest.fixture
def journalctl(tmp_path, monkeypatch):
    """A journalctl that prints what is written into a pipe, and notes how it was called."""
    program, pipe, asked = tmp_path / "journalctl", tmp_path / "pipe", tmp_path / "asked"
    os.mkfifo(pipe)
    program.write_text(f'#!/bin/sh\necho "$@" > {asked}\nexec cat {pipe}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return pipe, asked


@pytest.mark.parametrize(("cursor", "since"), [("s=1;i=2", "--after-cursor=s=1;i=2"), (None, "--lines=0")])
def test_lines_of_a_journal_come_whole_and_its_process_ends_with_it(journalctl, cursor, since):
    pipe, asked = journalctl
    with unit.Journal("k3s.service", cursor) as journal:
        with pipe.open("wb", buffering=0) as writer:
            writer.write(b"one\n\n  \ntw")
            journal.wait(0.1, 20)
            assert journal.lines == ["one"]
            writer.write(b"o\nthr\xff\n")
            journal.wait(0.1, 20)
            assert journal.lines == ["one", "two", "thr\N{REPLACEMENT CHARACTER}"]
            assert journal.recent(60) == journal.lines
            assert journal.recent(-1) == []
            process = journal._process
            journal.wait(0.1, 0)
            assert process.poll() is None
        journal.wait(20, 20)
        assert (journal._process, process.returncode is None) == (None, False)
        journal.wait(20, 0)
    assert asked.read_text().split() == ["--follow", "--quiet", "--output=cat", "--unit=k3s.service", since]


def test_a_journal_that_is_left_ends_its_process(journalctl):
    pipe, _asked = journalctl
    with unit.Journal("k3s.service", None) as journal, pipe.open("wb"):
        process = journal._process
        assert process.poll() is None
    assert process.returncode is not None


def test_the_last_lines_of_a_long_journal_are_kept():
    journal = unit.Journal("k3s.service", None)
    journal._take(b"".join(b"%d\n" % number for number in range(4001)))
    assert (len(journal.lines), journal.lines[0], journal.lines[-1]) == (4000, "1", "4000")


def test_without_journalctl_there_is_no_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with unit.Journal("k3s.service", None) as journal:
        journal.wait(0.2, 0)
        assert journal.lines == []


@pytest.mark.parametrize(
    ("code", "out", "cursor"),
    [(0, "-- cursor: s=1;i=2\n", "s=1;i=2"), (0, "-- No entries --\n", None), (1, "-- cursor: s=1\n", None)],
)
def test_the_end_of_the_journal_is_known_by_its_cursor(code, out, cursor):
    assert unit.Unit("k3s.service", lambda _arguments: (code, out, "")).cursor() == cursor


@pytest.mark.parametrize("code", [1, 4, -15])
def test_a_systemctl_that_fails_or_is_killed_is_an_error_and_no_journal_is_read_then(code):
    failing = unit.Unit("k3s.service", lambda _arguments: (code, "-- cursor: s=1\n", "Failed to connect to bus\n"))
    with pytest.raises(unit.UnitError, match=r"^systemctl daemon-reload failed: Failed to connect to bus\.$"):
        failing.reload_daemon()
    assert (failing.cursor(), failing.logged("1")) == (None, [])
