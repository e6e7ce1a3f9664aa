# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run layers of checks in the given order, print what failed and how long each took, and count.

The last line is ``N passed, N failed``. After a layer with failures the slower ones do not start.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import checkout
import layers

#: One check's output is printed at once, whole.
PRINTING = threading.Lock()
#: Lines of a live check by which Ansible and Molecule say what went wrong.
ERROR = re.compile(r"fatal: |ERROR|CRITICAL|\[ERROR\]")
#: Characters of a failure in the list at the end.
LONGEST = 300


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a check came to."""

    check: layers.Check
    passed: int
    failed: int
    seconds: float
    #: What failed: tests with the first line of each failure, or what the command printed of its end.
    failures: tuple[str, ...] = ()


def environment() -> dict[str, str]:
    """Environment of every check: our tools first, our Ansible configuration, no terminal tricks."""
    tools = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(checkout.ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        # As the lab builds its programs, so that the tests find what that compiled.
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "EDGE_REPORTS": str(layers.REPORTS),
    }


def tests_in(reports: Iterable[Path]) -> tuple[int, int]:
    """Return how many tests of the reports passed and failed."""
    passed = failed = 0
    for report in reports:
        for suite in ET.parse(report).getroot().iter("testsuite"):
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failed += bad
            passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed


def failures_in(reports: Iterable[Path]) -> list[str]:
    """Return the failed tests of the reports by name, each with the first line of its failure."""
    found = []
    for report in reports:
        for case in ET.parse(report).getroot().iter("testcase"):
            for problem in [*case.findall("failure"), *case.findall("error")]:
                first = (problem.get("message") or problem.text or "").strip().split("\n", 1)[0]
                found.append(f"{case.get('classname')}::{case.get('name')}: {first[:LONGEST]}")
    return found


def count(check: layers.Check, succeeded: bool) -> tuple[int, int]:
    """Return how many tests of the check passed and failed; one for a check without reports."""
    if not check.reports:
        return int(succeeded), int(not succeeded)
    counts = [tests_in(sorted(check.reports_in.glob(pattern))) for pattern in check.reports]
    passed, failed = (sum(numbers) for numbers in zip(*counts, strict=True))
    # Pytest can fail without a failed test, by a collection that broke off or a plugin that does not load; and no report is no pass.
    complete = succeeded and all(sum(numbers) for numbers in counts)
    return passed, failed if complete or failed else 1


def execute(check: layers.Check, tag: str) -> tuple[bool, list[str]]:
    """Run the command; return whether it succeeded, and its lines: of a live check, printed as they come after the tag, those of errors."""
    with subprocess.Popen(
        check.command,
        cwd=checkout.ROOT / check.folder,
        env=environment() | dict(check.variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        kept = []
        for line in process.stdout or ():
            if check.live:
                with PRINTING:
                    print(tag + line, end="", flush=True)
            if not check.live or ERROR.match(line):
                kept.append(line)
    return process.returncode == 0, kept


def run(check: layers.Check, tag: str = "") -> Outcome:
    """Run one check and print its output: live checks as they go, the others at their end, silent when they pass."""
    for pattern in check.reports:
        for stale in check.reports_in.glob(pattern):
            stale.unlink()
    started = time.monotonic()
    succeeded, lines = execute(check, tag)
    seconds = time.monotonic() - started
    passed, failed = count(check, succeeded)
    failures: list[str] = []
    if failed:
        failures = failures_in(report for pattern in check.reports for report in sorted(check.reports_in.glob(pattern)))
        # What broke off outside the tests is named by the last lines that the command printed.
        failures = failures or [line.strip()[:LONGEST] for line in lines if line.strip()][-3:] or [f"{' '.join(check.command)} failed"]
    with PRINTING:
        if failed and lines and not check.live:
            print(f"--- {check.name} ---\n{''.join(lines).rstrip()}\n---")
        print(f"{'FAIL' if failed else 'ok':4}  {check.name:24}  {passed:5} passed  {failed:5} failed  {seconds:7.1f} s", flush=True)
    return Outcome(check, passed, failed, seconds, tuple(failures))


def run_layer(layer: layers.Layer) -> list[Outcome]:
    """Run all checks of a layer, also after a failed one."""
    print(f"== {layer.name}", flush=True)
    several = layer.jobs > 1 and len(layer.checks) > 1
    with concurrent.futures.ThreadPoolExecutor(max_workers=layer.jobs) as pool:
        return list(pool.map(lambda check: run(check, f"{check.name} | " if several else ""), layer.checks))


def main(arguments: list[str]) -> int:
    """Run the layers that are named and return 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", nargs="+", choices=sorted(layers.LAYERS), help="layers to run, in this order")
    parser.add_argument("--scenario", action="append", default=[], help="scenario of the layer molecule; all of them if not given")
    parser.add_argument("--matrix", action="store_true", help="run also the tests of scenarios that have the mark matrix")
    options = parser.parse_args(arguments)

    layers.REPORTS.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    started = time.monotonic()
    selection = layers.Selection(tuple(options.scenario), options.matrix)
    remaining = list(options.layer)
    while remaining and not any(outcome.failed for outcome in outcomes):
        outcomes += run_layer(layers.LAYERS[remaining.pop(0)](selection))
    for name in remaining:
        print(f"== {name}: not run")
    # At the end, since what is kept of a long log is often its end.
    for outcome in outcomes:
        for failure in outcome.failures:
            print(f"failed: {outcome.check.name}: {failure}")
    print(f"{time.monotonic() - started:.0f} s")
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
