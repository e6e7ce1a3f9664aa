# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Run:
    """A run of ansible-playbook that came to its end."""

    def __init__(self, done):
        self.status = done.returncode
        self.output = done.stdout + done.stderr
        self.document = json.loads(done.stdout[done.stdout.index("{") :]) if "{" in done.stdout else {"plays": []}

    def results(self):
        """Name of the task, host and result, for each task that ran on a host."""
        return [
            (task["task"]["name"], host, result)
            for play in self.document["plays"]
            for task in play["tasks"]
            for host, result in task["hosts"].items()
        ]

    @property
    def messages(self):
        """What the failed tasks said, each once."""
        failed = (str(result.get("msg", "")) for _task, _host, result in self.results() if result.get("failed"))
        return list(dict.fromkeys(failed))

    def result(self, name):
        """Result of the one task of this name."""
        (found,) = [result for task, _host, result in self.results() if task.endswith(name)]
        return found


@pytest.fixture
def play(tmp_path):
    """A function that runs a playbook, one of the collection's or the content of one, with an inventory."""

    def run(playbook, groups, *arguments, **variables):
        if not isinstance(playbook, str):
            content, playbook = playbook, "playbook.yml"
            (tmp_path / playbook).write_text(json.dumps(content), encoding="utf-8")
        inventory = tmp_path / "hosts.json"
        inventory.write_text(json.dumps(groups), encoding="utf-8")
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", inventory, "-e", json.dumps(variables), *arguments]
        done = subprocess.run(
            [*command, tmp_path / playbook if playbook == "playbook.yml" else ROOT / "playbooks" / playbook],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done)

    return run
