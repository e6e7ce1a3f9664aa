# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measurements of whole runs share: a lab of their own, runs that are timed, and how they are shown."""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: As the callback baremesh.edge.phase_times writes them at the end of a run.
PHASE_OF_SITE = re.compile(r"^\s*(\w+)\s+([\d.]+) s$", re.MULTILINE)
SHOWN = re.compile(r"^(?:TASK|RUNNING HANDLER) \[", re.MULTILINE)


@dataclass
class Timed:
    """What a run took, in all and by phase, and what it printed."""

    seconds: float
    printed: str
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> int:
        """Number of tasks that the run showed."""
        return len(SHOWN.findall(self.printed))


def timed(command: Sequence[str], phase: re.Pattern[str] = PHASE_OF_SITE, stdin: str | None = None, *, passes: bool = True) -> Timed:
    """Run a command to its end, and exit with its output if it does not end as it should."""
    started = time.monotonic()
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, input=stdin, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    seconds = time.monotonic() - started
    if (done.returncode == 0) != passes:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return Timed(seconds, done.stdout, {name: float(value) for name, value in phase.findall(done.stdout)})


@dataclass(frozen=True)
class Lab:
    """A lab of one host."""

    name: str
    stands: bool = False

    def command(self, verb: str, *rest: str) -> list[str]:
        """The command line of a lab command."""
        return [str(ROOT / "lab" / "lab"), verb, "--name", self.name, *rest]

    def __call__(self, verb: str, *rest: str, stdin: str | None = None) -> str:
        """Return what a lab command printed."""
        return timed(self.command(verb, *rest), stdin=stdin).printed

    @contextlib.contextmanager
    def bare_host(self) -> Iterator[str]:
        """Raise the lab, unless it is one that stands and stays, and give its inventory."""
        if self.stands:
            yield self("inventory").strip()
            return
        self("down")
        self("up")
        try:
            yield self("inventory").strip()
        finally:
            self("down")

    def variables(self) -> dict[str, Any]:
        """Return the variables of its server, as Ansible sees them."""
        command = ["ansible-inventory", "-i", self("inventory").strip(), "--host", "server1"]
        return json.loads(timed(command).printed)  # type: ignore[no-any-return]


def median(runs: Sequence[Timed]) -> float:
    return statistics.median(run.seconds for run in runs)


def table(title: str, runs: Sequence[Timed]) -> None:
    """Print the median of each phase and of the whole, and the spread."""
    seconds = sorted(run.seconds for run in runs)
    print(f"\n{title}: {median(runs):.1f} s (median of {len(runs)}, {seconds[0]:.1f} to {seconds[-1]:.1f})")
    for phase in runs[-1].phases:
        print(f"  {phase:<14}{statistics.median(run.phases.get(phase, 0.0) for run in runs):7.1f} s")
    sys.stdout.flush()
