# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of certificate_wait, all at once from one playbook, as users start it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import time
from pathlib import Path

import runs

PLAYBOOK = Path(__file__).parent / "waits.yml"
#: Far more than any fault that is reported at once may take.
LONG = 120


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one call returned, and when it did."""

    ready: bool
    result: dict
    ended: float

    @property
    def first_line(self):
        """What a user reads first."""
        return self.result["msg"].splitlines()[0]

    @property
    def more(self):
        """What follows the first line."""
        return "\n".join(self.result["msg"].splitlines()[1:])

    @property
    def certificate(self):
        """The entry of the one Certificate that was waited for."""
        (entry,) = self.result["certificates"]
        return entry


class Calls:
    """Several calls under way. Each is a host of the play, so that none waits for another."""

    def __init__(self, host, folder, calls, namespace):
        connection = {k: v for k, v in host.backend.get_variables().items() if k.startswith("ansible_") and k in REACH}
        hosts = {call: connection | {"wait": {"namespace": namespace, "timeout": LONG} | options} for call, options in calls.items()}
        inventory = folder / "waits.json"
        inventory.write_text(json.dumps({"all": {"children": {"waits": {"hosts": hosts}}}}), encoding="utf-8")
        command = ["ansible-playbook", "--inventory", str(inventory), "--forks", str(len(calls)), str(PLAYBOOK)]
        self._process = subprocess.Popen(
            command,
            env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl", "ANSIBLE_LOG_PATH": "", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=runs.ROOT,
        )
        self._calls = set(calls)

    def answers(self):
        """By name of the call, in the order in which they ended."""
        found, rest = {}, []
        for line in self._process.stdout:
            now = time.time()
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("_event") not in ("v2_runner_on_ok", "v2_runner_on_failed", "v2_runner_on_unreachable"):
                rest.append(line)
                continue
            for call, result in event["hosts"].items():
                found[call] = Answer(not result.get("failed") and not result.get("unreachable"), result, now)
        self._process.stdout.close()
        self._process.wait(60)
        assert set(found) == self._calls, "".join(rest)
        return found


REACH = ("ansible_host", "ansible_user", "ansible_ssh_private_key_file", "ansible_ssh_common_args", "ansible_control_path_dir")


#: Parts of a first line that differ from run to run.
VARYING = {"<token>": r"[\w-]{43}", "<hash>": r"\d+", "<address>": r"\d+(\.\d+){3}", "<port>": r"\d+", "<version>": r"\d+(\.\d+)*"}


def assert_first_line(answer, expected):
    """The call failed, and its first line is this one to the letter but for what stands in angle brackets."""
    pattern = re.escape(expected)
    for word, part in VARYING.items():
        pattern = pattern.replace(re.escape(word), part)
    assert not answer.ready
    assert re.fullmatch(pattern, answer.first_line), f"{answer.first_line}\nis not\n{expected}"


def assert_at_once(call, answer, since):
    """The call did not wait for its timeout. Prints how soon it returned after the state that decides was in the API."""
    since = max(since, answer.ended - answer.result["elapsed"])
    took = answer.ended - since
    print(f"{call}: returned {took:.1f} s after the state was in the API (resolution 1 s), {answer.result['requests']} requests")
    assert took < LONG / 4
