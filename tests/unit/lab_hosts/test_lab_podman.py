# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from edge_lab import podman
from edge_lab.errors import LabError

ENTRY = {
    "Names": ["edgelab-edge-server1"],
    "Id": "c0ffee",
    "Labels": {podman.LABEL: "edge", podman.HOST_LABEL: "server1", podman.SPEC_LABEL: "abc"},
    "State": "running",
    "Pid": 4000000,
    "Image": "localhost/baremesh-edge-lab-host-bookworm:1234",
}


@pytest.fixture
def marks(tmp_path, monkeypatch):
    monkeypatch.setattr(podman, "ALIVE_MARK", tmp_path / "alive")
    monkeypatch.setattr(podman, "LEASES", tmp_path / "ipam.db")
    monkeypatch.setattr(podman, "EXITS", tmp_path)
    podman.ALIVE_MARK.touch()
    podman.LEASES.touch()
    return tmp_path


def listing(monkeypatch, *entries):
    monkeypatch.setattr(podman, "podman", lambda *_args, **_kwargs: json.dumps(entries))


def test_containers_are_read(monkeypatch):
    listing(monkeypatch, ENTRY)
    (found,) = podman.containers("edge")
    assert (found.host, found.spec, found.recipe, found.ident) == ("server1", "abc", "1234", "c0ffee")
    assert not found.running, "there is no such process, whatever podman says"


def test_a_process_is_a_containers_only_if_podman_started_it():
    child = subprocess.Popen([sys.executable, "-c", "input()"], env={"container": "podman"}, stdin=subprocess.PIPE)
    other = subprocess.Popen([sys.executable, "-c", "input()"], env={}, stdin=subprocess.PIPE)
    try:
        assert podman.is_container_process(child.pid)
        assert not podman.is_container_process(other.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not podman.is_container_process(child.pid), "a zombie"
    finally:
        for process in (child, other):
            process.kill()
            process.communicate()
    assert not podman.is_container_process(0)


def test_the_time_of_boot_is_read():
    assert podman.boot_time("cpu 1 2\nbtime 1700000000\nprocesses 5\n") == 1700000000
    with pytest.raises(LabError):
        podman.boot_time("cpu 1\n")


def test_a_mark_of_this_boot_stays(marks, monkeypatch):
    listing(monkeypatch)
    assert podman.forget_other_boot() is False
    assert podman.ALIVE_MARK.exists()


def test_a_mark_of_another_boot_goes_with_its_leases(marks, monkeypatch):
    os.utime(podman.ALIVE_MARK, (1000, 1000))
    listing(monkeypatch, ENTRY)
    assert podman.forget_other_boot() is True
    assert not podman.ALIVE_MARK.exists()
    assert not podman.LEASES.exists()


def test_a_living_container_is_proof_against_a_clock_that_was_set(marks, monkeypatch):
    os.utime(podman.ALIVE_MARK, (1000, 1000))
    listing(monkeypatch, {**ENTRY, "Pid": os.getpid()})
    assert podman.forget_other_boot() is False
    assert podman.ALIVE_MARK.exists()


@pytest.mark.parametrize(("state", "recorded"), [("running", True), ("stopping", True), ("exited", False), ("created", False)])
def test_podman_gets_a_record_of_a_death_that_it_missed(marks, monkeypatch, state, recorded):
    listing(monkeypatch, {**ENTRY, "State": state})
    podman.admit_death(podman.containers()[0])
    assert (marks / "c0ffee").exists() is recorded
    if recorded:
        assert (marks / "c0ffee").read_text() == "137"


def test_a_shell_gets_a_terminal_only_if_there_is_one():
    assert "--tty" in podman.exec_argv("c", ["bash"], tty=True, env={"TERM": "x"})
    argv = podman.exec_argv("c", ["ls", "-l"], tty=False, env={})
    assert "--tty" not in argv
    assert argv[-3:] == ["c", "ls", "-l"]


def test_networks_are_read_in_one_call_since_another_lab_may_remove_its_own_between_two(monkeypatch):
    calls = []

    def answer(*arguments):
        calls.append(arguments)
        return json.dumps([{"name": "podman"}, {"name": "edge-x"}])

    monkeypatch.setattr(podman, "podman", answer)
    assert [network["name"] for network in podman.networks()] == ["podman", "edge-x"]
    assert len(calls) == 1
