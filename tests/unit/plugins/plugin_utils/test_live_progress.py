# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
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


def test_a_line_steers_no_terminal_and_carries_no_secret():
    forged = "\x1b[2J\u202eweb: https://me:hush@acme.example.com says no\n".encode()
    assert shown(Script((0, forged), RuntimeError("https://me:hush@host"))) == [
        r"\x1b[2J\u202eweb: https://********@acme.example.com says no",
        "no progress can be shown: https://********@host",
    ]


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


def read(folder, owner='"$(id -u)"', offset=0):
    command = _live.READ.format(
        folder=shlex.quote(str(folder)), file=_live.FILE, owner=owner, offset=offset, first=offset + 1, chunk=_live.CHUNK
    )
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=20)


@pytest.fixture
def folder(tmp_path):
    """A folder as the module makes it."""
    path = tmp_path / "with space"
    path.mkdir()
    (path / _live.FILE).write_text("one\ntwo\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("offset", "expected"), [(0, "one\ntwo\n"), (4, "two\n")])
def test_the_command_reads_from_the_offset(folder, offset, expected):
    found = read(folder, offset=offset)
    assert (found.returncode, found.stdout) == (0, expected)


@pytest.mark.parametrize("gone", ["folder", "file"])
def test_the_command_fails_where_the_file_is_gone(folder, gone):
    (folder / _live.FILE).unlink()
    if gone == "folder":
        folder.rmdir()
    found = read(folder)
    assert (found.returncode, found.stdout) == (1, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("given", [".", _live.FILE])
def test_what_another_user_made_is_not_read(folder, given):
    os.chown(folder / given, 65534, 65534)
    assert (read(folder).returncode, read(folder).stdout) == (1, "")
    assert read(folder, owner="root").stdout == ""


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_is_not_a_file_is_not_read(folder, kind):
    path = folder / _live.FILE
    secret = path.rename(folder / "secret")
    {"link": lambda: path.symlink_to(secret), "fifo": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    assert (read(folder).returncode, read(folder).stdout) == (1, "")


def test_one_read_brings_a_part_only(folder):
    (folder / _live.FILE).write_text("x" * (_live.CHUNK + 1), encoding="utf-8")
    assert len(read(folder).stdout) == _live.CHUNK


def test_a_file_without_end_is_read_no_further():
    lines, offsets = [], []

    def endless(offset):
        offsets.append(offset)
        return 0, b"x" * _live.CHUNK

    _live.Follower(endless, lines.append, first_after=0, pause=0)._follow()
    assert max(offsets) <= _live.LARGEST
    assert sum(map(len, lines)) <= _live.LARGEST + _live.CHUNK
