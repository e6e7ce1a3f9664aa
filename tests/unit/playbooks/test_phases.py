# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stdout callback phases, in runs of playbooks with roles of their own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECRET = "not-for-logs"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
AWAY = {"ansible_host": "127.0.0.1", "ansible_port": 1}
WRITE = {
    "name": "Write",
    "ansible.builtin.copy": {"content": "new\n", "dest": "{{ folder }}/{{ inventory_hostname }}-{{ item }}", "mode": "0600"},
}
FIRST = [
    {
        "block": [{"name": "Try", "ansible.builtin.fail": {"msg": "rescued"}}],
        "rescue": [{"name": "Say", "ansible.builtin.debug": {"msg": ["one", "two"]}}],
    },
    {"name": "Try more", "ansible.builtin.fail": {"msg": "ignored"}, "ignore_errors": True},
    {"name": "Hide", "ansible.builtin.command": f"echo {SECRET}", "no_log": True, "changed_when": False, "check_mode": False},
    {**WRITE, "loop": ["a", "b"]},
]
LITTLE = [{"name": "Say", "ansible.builtin.debug": {"msg": "hello"}, "changed_when": True}]
SECOND = [
    {
        "name": "Break",
        "ansible.builtin.fail": {"msg": "{{ item }} is broken\nmend {{ item }}"},
        "loop": ["x", "y"],
        "when": "inventory_hostname == 'h2'",
    }
]


class Ended:
    """What a run has printed and written."""

    def __init__(self, status, output, log):
        self.status, self.output, self.log = status, output, log

    def line(self, phase, host):
        """Result and details of the one line of a phase and host."""
        found = re.findall(rf"^{phase} +{re.escape(host)} +(\w[\w ]*?) +\d+\.\d s *(.*)$", self.output, re.MULTILINE)
        assert len(found) == 1, self.output
        return found[0]


@pytest.fixture
def site(tmp_path):
    """A function that writes two roles and a playbook with both, and returns the command that runs it, and its environment."""

    def write(*arguments, hosts=None, first=FIRST, second=SECOND, strategy="linear", **environment):
        for role, tasks in (("first", first), ("second", second)):
            (tmp_path / "roles" / role / "tasks").mkdir(parents=True, exist_ok=True)
            (tmp_path / "roles" / role / "tasks" / "main.yml").write_text(json.dumps(tasks), encoding="utf-8")
        roles = ["first", "second"]
        playbook = [{"hosts": "edge", "gather_facts": False, "strategy": strategy, "vars": {"folder": str(tmp_path)}, "roles": roles}]
        (tmp_path / "site.yml").write_text(json.dumps(playbook), encoding="utf-8")
        groups = {"edge": {"hosts": {"h1": LOCAL, "h2": LOCAL} if hosts is None else hosts}}
        (tmp_path / "hosts.json").write_text(json.dumps(groups), encoding="utf-8")
        given = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "ANSIBLE_NOCOLOR", "ANSIBLE_FORCE_COLOR")}
        given |= {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "baremesh.edge.phases", "TERM": "xterm"}
        given |= {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "BAREMESH_EDGE_LOG_PATH": str(tmp_path / "run.log")}
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts.json", tmp_path / "site.yml", *arguments]
        return [str(each) for each in command], {**given, **environment}

    return write


@pytest.fixture
def run(site, tmp_path):
    """A function that runs the playbook without a terminal."""

    def start(*arguments, **options):
        command, environment = site(*arguments, **options)
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
        )
        log = tmp_path / "run.log"
        return Ended(done.returncode, done.stdout + done.stderr, log.read_text(encoding="utf-8") if log.is_file() else "")

    return start


def in_terminal(command, environment, folder):
    """What the command prints on a terminal of its own."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 4096)
        except OSError:  # so Linux reports that the other end is closed
            break
    os.close(ours)
    return running.wait(60), output.decode()


@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_a_phase_has_a_line_for_each_host(run, strategy):
    done = run(hosts={"h1": LOCAL, "h2": LOCAL, "h3": AWAY}, strategy=strategy)
    assert done.status != 0
    assert done.line("first", "h1") == done.line("first", "h2") == ("changed", "1 task(s)")
    assert done.line("second", "h2") == ("failed", "x is broken")
    assert done.line("first", "h3")[0] == "unreachable"
    assert "\n  mend x\n  y is broken\n  mend y\n" in done.output
    assert done.line("all", "3 host(s)") == ("failed", "2 failure(s)")
    assert "\n  h2: second : Break: x is broken\n" in done.output[done.output.index("\nall ") :]
    assert "  h1: one\n      two\n" in done.output
    assert "rescued" not in done.output
    assert "ignored" not in done.output
    # Without a terminal there is nothing that only a terminal understands.
    assert not re.search(r"[\x1b\r]", done.output)


def test_the_log_has_what_the_default_callback_prints(run, tmp_path):
    done = run("--diff", second=[])
    assert (tmp_path / "run.log").stat().st_mode & 0o777 == 0o600
    for each in ("TASK [first : Write]", "changed: [h1] => (item=a)", "+new", "msg: rescued", "PLAY RECAP"):
        assert each in done.log
    assert f"The full output is in {tmp_path}/run.log." in done.output
    assert SECRET not in done.log + done.output
    assert "\x1b" not in done.log
    # Differences are shown and counted where they are asked for.
    assert done.output.count("\n+new\n") == 4
    assert done.line("first", "h1") == ("changed", "1 task(s), 2 difference(s)")


def test_a_check_says_that_it_is_one(run, tmp_path):
    done = run("--check", second=[])
    assert done.line("first", "h1") == ("would change", "1 task(s)")
    assert done.line("all", "2 host(s)")[0] == "would change"
    assert not (tmp_path / "h1-a").exists()


def test_a_second_run_replaces_the_log_and_says_that_nothing_changed(run):
    run(second=[])
    done = run(second=[])
    assert done.line("first", "h1") == done.line("first", "h2") == ("ok", "")
    assert done.line("all", "2 host(s)") == ("ok", "")
    assert done.log.count("PLAY RECAP") == 1


def test_a_file_of_something_else_is_not_overwritten(run, tmp_path):
    (tmp_path / "run.log").write_text("mine\n", encoding="utf-8")
    (tmp_path / "run.log").chmod(0o644)
    done = run(first=LITTLE, second=[])
    assert (done.status, done.log, (tmp_path / "run.log").stat().st_mode & 0o777) == (0, "mine\n", 0o644)
    assert "is a file of something else" in " ".join(done.output.split())
    assert "The full output" not in done.output


def test_a_folder_that_cannot_be_written_to_keeps_no_run_from_its_work(run):
    done = run(first=LITTLE, second=[], BAREMESH_EDGE_LOG_PATH="none/run.log")
    assert (done.status, done.line("first", "h1")[0]) == (0, "changed")
    assert "none/run.log: No such file or directory." in " ".join(done.output.split())


def test_without_a_path_there_is_no_log(run):
    done = run(first=LITTLE, second=[], BAREMESH_EDGE_LOG_PATH="")
    assert (done.status, done.log) == (0, "")
    assert "The full output" not in done.output


def test_a_terminal_shows_what_runs(site, tmp_path):
    status, output = in_terminal(*site(first=LITTLE, second=[]), tmp_path)
    assert status == 0
    assert "\r\x1b[Kfirst: Say\r" in output
    assert re.search(r"\x1b\[0;33mfirst +h1 +changed", output)


def test_a_terminal_without_colours(site, tmp_path):
    _status, output = in_terminal(*site(first=LITTLE, second=[], NO_COLOR="1"), tmp_path)
    assert "\r\x1b[Kfirst: Say\r" in output
    assert not re.search(r"\x1b\[[0-9;]+m", output)


def test_a_terminal_that_understands_nothing_gets_plain_lines(site, tmp_path):
    _status, output = in_terminal(*site(first=LITTLE, second=[], TERM="dumb", NO_COLOR="1"), tmp_path)
    assert not re.search(r"\x1b|\r(?!\n)", output)


def test_a_run_without_hosts(run):
    done = run(hosts={})
    assert (done.status, done.line("all", "0 host(s)")) == (0, ("ok", ""))


def test_a_playbook_that_cannot_be_read(run):
    done = run(first="no tasks")
    assert done.status != 0
    assert "\nall " not in done.output


def test_an_interrupted_run_says_how_far_it_came(site, tmp_path):
    begun = "{{ folder }}/{{ inventory_hostname }}.begun"
    waits = [{"name": "Wait", "ansible.builtin.shell": f"touch {begun} && sleep 300"}]
    command, environment = site(first=LITTLE, second=waits)
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    late = time.monotonic() + 110
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert time.monotonic() < late
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    output, _none = running.communicate(timeout=60)
    assert re.search(r"^second +h1 +interrupted +", output, re.MULTILINE)
    assert re.search(r"^all +2 host\(s\) +interrupted +", output, re.MULTILINE)
