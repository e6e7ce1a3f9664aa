# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of a module that a test starts itself, to see what they say while they last and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

#: Stated, so that the process of a module can be found by its command line.
PYTHON = "/usr/bin/python3"
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"


class Wait:
    """One run of a module on a host of the lab, through Ansible as users have it."""

    def __init__(self, host, *, module="sds_secret_wait", **options):
        inventory = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab"
        arguments = json.dumps({"kubeconfig": KUBECONFIG, **options})
        command = ["ansible", host, "--inventory", str(inventory), "--extra-vars", f"ansible_python_interpreter={PYTHON}"]
        settings = {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [*command, "--module-name", f"baremesh.edge.{module}", "--args", arguments],
            env={k: v for k, v in os.environ.items() if k != "ANSIBLE_LOG_PATH"} | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.progress = []
        self.ended_at = None

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def says(self, text, within=60):
        """Return when a line of progress holds the text."""
        end = time.monotonic() + within
        while True:
            line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            assert line is not None, f"the run ended before it said {text!r}"
            assert not line.startswith("{"), f"the run ended before it said {text!r}; it said {self.progress}"
            self.progress.append(line.strip())
            if text in line:
                return

    def result(self, within=120):
        """What the module returned, in the end."""
        document, end = [], time.monotonic() + within
        while True:
            line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            if line is None:
                break
            if document or line.startswith("{"):
                document.append(line)
            else:
                self.progress.append(line.strip())
        self.ended_at = time.time()
        (task,) = json.loads("".join(document))["plays"][0]["tasks"]
        (found,) = task["hosts"].values()
        return found

    def end(self):
        """End the run, if it has not ended, with all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.stdout.close()
        self._process.wait(30)


def first_line(found):
    """The first line of a failure."""
    assert found["failed"], found
    return found["msg"].splitlines()[0]
