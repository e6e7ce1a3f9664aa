# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import subprocess
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _live


class Script:
    """Answers of the reader in turn; after the last one the file is gone."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.offsets = []
        self.done = threading.Event()

    def __call__(self, offset):
        self.offsets.append(offset)
        if not self.answers:
            self.done.set()
            return 1, b""
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            self.done.set()
            raise answer
        return answer


def shown(script):
    lines = []
    follower = _live.Follower(script, lines.append, first_after=0, pause=0)
    follower.start()
    assert script.done.wait(10)
    for thread in threading.enumerate():
        if thread.name == "progress":
            thread.join(10)
    return lines


def test_whole_lines_are_shown_and_a_half_one_is_read_again():
    script = Script((0, b"one\ntw"), (0, b"two\n"), (0, b""))
    assert shown(script) == ["one", "two"]
    assert script.offsets == [0, 4, 8, 8]


def test_a_module_that_has_not_begun_is_waited_for():
    script = Script((1, b""), (1, b""), (0, b"one\n"))
    assert shown(script) == ["one"]
    assert script.offsets == [0, 0, 0, 4]


def test_a_broken_connection_is_said_once_and_ends_it():
    assert shown(Script((0, b"one\n"), RuntimeError("gone"))) == ["one", "no progress can be shown: gone"]


def test_nothing_is_shown_after_the_end():
    lines = []
    follower = _live.Follower(lambda offset: (0, b"late\n"), lines.append, first_after=0)
    follower._stop.set()
    follower._follow()
    assert lines == []


def test_the_end_waits_for_a_read_that_is_under_way():
    """The connection may be displaying something, under a lock that it would take along."""
    reading, release = threading.Event(), threading.Event()

    def read(offset):
        reading.set()
        assert release.wait(10)
        return 0, b"late\n"

    lines = []
    follower = _live.Follower(read, lines.append, first_after=0)
    follower.start()
    assert reading.wait(10)
    threading.Timer(0.05, release.set).start()
    follower.stop()
    assert release.is_set()
    assert not follower._thread.is_alive()
    assert lines == []


def test_a_short_wait_opens_no_second_connection():
    asked = []
    follower = _live.Follower(lambda offset: asked.append(offset) or (1, b""), print, first_after=60)
    follower.start()
    follower.stop()
    assert asked == []


@pytest.mark.parametrize(("offset", "expected"), [(0, "one\ntwo\n"), (4, "two\n")])
def test_the_command_reads_from_the_offset(tmp_path, offset, expected):
    path = tmp_path / "with space"
    path.write_text("one\ntwo\n", encoding="utf-8")
    name = shlex.quote(str(path))
    found = subprocess.run(
        ["/bin/sh", "-c", _live.READ.format(path=name, offset=offset, first=offset + 1)], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, expected)


def test_the_command_fails_where_the_file_is_gone(tmp_path):
    found = subprocess.run(
        ["/bin/sh", "-c", _live.READ.format(path=tmp_path / "gone", offset=0, first=1)], capture_output=True, check=False
    )
    assert (found.returncode, found.stdout) == (1, b"")
