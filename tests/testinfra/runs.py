# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of site.yml that a test starts itself, to see how they end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = ROOT / "lab/demo/site.yml"
TIMEOUT = 900


def example(name):
    """Return a file that a page of the documentation shows."""
    return yaml.safe_load((ROOT / "docs/examples" / f"{name}.yml").read_text(encoding="utf-8"))


def lab(*arguments):
    """Run a command of the lab that Molecule raised, and return what it printed."""
    done = subprocess.run([ROOT / "lab/lab", *arguments], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"lab/lab {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def own_lab(request, suffix, *arguments):
    """Raise a lab beside the one that Molecule raised, for a fixture; remove it at the end, after a failure with a diagnosis.

    EDGE_KEEP_LAB keeps it. tools/scenario removes what a killed run leaves, by the same suffixes.
    """
    name = f"{os.environ['LAB_NAME']}-{suffix}"
    failed = request.session.testsfailed
    passed = False
    try:
        lab("up", "--name", name, *arguments)
        yield name
        passed = request.session.testsfailed == failed
    finally:
        if not passed:
            with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                subprocess.run([ROOT / "tools/diagnose", name], check=False, stdin=subprocess.DEVNULL)
        if not os.environ.get("EDGE_KEEP_LAB"):
            lab("down", "--name", name)


def bare_hosts():
    """Replace the hosts by bare ones."""
    lab("down")
    lab("up")


def command(*arguments, playbook=PLAYBOOK, inventory=None):
    """Command line of a run with the example's variables, on the hosts that Molecule raised unless an inventory says others."""
    inventory = inventory or Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab"
    return ["ansible-playbook", "--inventory", str(inventory), "--extra-vars", f"@{ROOT / 'lab/demo/vars.yml'}", *arguments, str(playbook)]


@dataclasses.dataclass(frozen=True)
class Failure:
    """A task that failed on a host."""

    host: str
    task: str
    message: str


@dataclasses.dataclass(frozen=True)
class Run:
    """How a run ended."""

    status: int
    failures: list[Failure]
    changed: int
    output: str


def run(variables, *arguments, playbook=PLAYBOOK, inventory=None):
    """Run to the end with further variables, and return what failed."""
    settings = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOG_PATH": ""}
    result = subprocess.run(
        command("--extra-vars", json.dumps(variables), *arguments, playbook=playbook, inventory=inventory),
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    document = json.loads(result.stdout[result.stdout.index("{") :])
    failures = [
        Failure(host, task["task"]["name"], str(answer.get("msg", "")))
        for play in document["plays"]
        for task in play["tasks"]
        for host, result in task["hosts"].items()
        # Of a loop the items that failed, whose messages say more than that of the loop.
        for answer in ([each for each in result.get("results", ()) if each.get("failed")] or [result])
        if answer.get("failed") or answer.get("unreachable")
    ]
    changed = sum(stats["changed"] for stats in document["stats"].values())
    return Run(result.returncode, failures, changed, result.stdout + result.stderr)


@dataclasses.dataclass(frozen=True)
class Watched:
    """A run whose tasks were counted while it went on."""

    status: int
    tasks: int
    last_task: str
    output: str

    @property
    def changes(self):
        """Tasks that changed something, with the host's line."""
        task, found = "", []
        for line in self.output.splitlines():
            if line.startswith("TASK ["):
                task = line.split("[", 1)[1].rsplit("]", 1)[0]
            elif line.startswith("changed:"):
                found.append(f"{task}: {line}")
        return found


def watch(kill_at=None, delay=0.0, *arguments, playbook=PLAYBOOK):
    """Run a playbook; kill it, forks and all, a moment after the given task began, which is a number or a name."""
    process = subprocess.Popen(
        command(*arguments, playbook=playbook),
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    tasks, last, lines = 0, "", []
    # A run that hangs is a failure, and not the end of all tests.
    limit = threading.Timer(TIMEOUT, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    for line in process.stdout:
        lines.append(line)
        if line.startswith("TASK ["):
            tasks, last = tasks + 1, line.split("[", 1)[1].rsplit("]", 1)[0]
        if kill_at is not None and (last.endswith(kill_at) if isinstance(kill_at, str) else tasks >= kill_at):
            time.sleep(delay)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            break
    limit.cancel()
    process.stdout.close()
    return Watched(process.wait(TIMEOUT), tasks, last, "".join(lines))


def dice():
    """Numbers that differ from run to run, and can be had again: the seed is printed with a failure."""
    seed = int(os.environ.get("EDGE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"EDGE_SEED={seed} repeats this run")
    return random.Random(seed)
