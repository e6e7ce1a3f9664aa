# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the files that decide, one place at a time, and count how many changes the unit tests notice.

    tools/mutation.py                         a sample of each file that tests/mutation.yml lists
    tools/mutation.py --sample 0 FILE...      every mutant of these files

cosmic-ray makes the mutants, in a copy of the collection. The same seed gives the same sample. A mutant that no test notices is
printed with its difference; tests/mutation.yml holds those that change nothing, with the reason.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import multiprocessing
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import checkout
import yaml
from cosmic_ray.commands.init import _all_work_items as all_work_items
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkResult

PLAN = checkout.ROOT / "tests" / "mutation.yml"
#: Mutants that change nothing: annotations are text while `from __future__ import annotations` is in force, and constants that are
#: equal are one object in the tests, however they come into the file.
NO_CHANGE = re.compile(r"core/Replace(BinaryOperator_BitOr_|ComparisonOperator_(Eq_Is|NotEq_IsNot)$)")


@dataclasses.dataclass(frozen=True)
class Target:
    """A file that decides, and the tests that pin it, relative to the collection."""

    file: str
    tests: tuple[str, ...]


@dataclasses.dataclass
class Score:
    """What became of the mutants of one file."""

    file: str
    noticed: int = 0
    equivalent: int = 0
    holes: list[str] = dataclasses.field(default_factory=list)

    @property
    def percent(self) -> float:
        """Share of noticed mutants among those that change something."""
        return 100.0 * self.noticed / max(1, self.noticed + len(self.holes))


def sample(file: Path, size: int, seed: str) -> list[MutationSpec]:
    """Return `size` mutants of a file, all where it is 0, the same for the same seed."""
    found = [item.mutations[0] for item in all_work_items([file], {}) if not NO_CHANGE.match(item.mutations[0].operator_name)]
    found.sort(key=lambda mutant: (mutant.operator_name, mutant.occurrence))
    return found if not size or size >= len(found) else random.Random(seed).sample(found, size)  # noqa: S311


def changed_lines(result: WorkResult) -> tuple[str, str]:
    """Return the first line that a mutant removes and the first that it adds, without indentation."""
    lines = [line for line in (result.diff or "").splitlines() if line[:3] not in ("---", "+++")]
    return tuple(next((line[1:].strip() for line in lines if line.startswith(sign)), "") for sign in "-+")  # type: ignore[return-value]


def judge(target: Target, size: int, seed: str, equivalent: Iterable[tuple[str, str, str]]) -> Score:
    """Run the tests of a file against each of its mutants, in this process's copy of the collection."""
    score = Score(target.file)
    tests = " ".join(target.tests)
    command = f"{sys.executable} -m pytest -x -q --no-header -p no:cacheprovider -o pythonpath={Path.cwd().parents[2]} {tests}"
    if subprocess.run(shlex.split(command), check=False, capture_output=True).returncode:
        score.holes.append(f"  its tests fail without any mutant: {command}")
        return score
    for mutant in sample(Path(target.file), size, f"{seed}{target.file}"):
        result = mutate_and_test([mutant], command, 300)
        before, after = changed_lines(result)
        if result.test_outcome != TestOutcome.SURVIVED:
            score.noticed += 1
        # Whether something could be changed changes nothing.
        elif (target.file, before, after) in equivalent or before.startswith("@dataclass("):
            score.equivalent += 1
        else:
            score.holes.append(f"  line {mutant.start_pos[0]}\n    - {before}\n    + {after}")
    return score


def enter(copies: multiprocessing.SimpleQueue[str]) -> None:
    """Make a copy of the collection this process's working directory."""
    os.chdir(copies.get())


def copies(count: int) -> multiprocessing.SimpleQueue[str]:
    """Return copies of the collection, one for each process."""
    first = checkout.stage("mutation")
    root = first.parents[2]
    found: multiprocessing.SimpleQueue[str] = multiprocessing.SimpleQueue()
    for number in range(count):
        other = root.with_name(f"mutation-{number}")
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(root, other, symlinks=True)
        found.put(str(other / first.relative_to(root)))
    return found


def read_plan(names: Iterable[str]) -> tuple[list[Target], set[tuple[str, str, str]]]:
    """Return what tests/mutation.yml lists, of the named files or of all, and the mutants that change nothing."""
    plan = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    chosen = set(names) or set(plan["files"])
    if unknown := chosen - set(plan["files"]):
        sys.exit(f"{PLAN.name} does not list {', '.join(sorted(unknown))}; it lists {', '.join(plan['files'])}")
    listed = [Target(file, tuple(tests)) for file, tests in plan["files"].items() if file in chosen]
    return listed, {(entry["file"], entry["line"], entry["mutant"]) for entry in plan["equivalent"] or ()}


def main() -> int:
    """Print each file's score as it is known, then the score of all; 1 where it is too low."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("file", nargs="*", help="files that tests/mutation.yml lists; all of them unless named")
    parser.add_argument("--sample", type=int, default=12, metavar="N", help="mutants of each file (%(default)s); 0: all")
    parser.add_argument("--seed", default="1", help="which sample (%(default)s)")
    parser.add_argument("--at-least", type=float, default=90.0, metavar="PERCENT", help="the score that passes (%(default)s)")
    options = parser.parse_args()
    listed, equivalent = read_plan(options.file)
    count = min(len(listed), os.cpu_count() or 1)
    scores = []
    with concurrent.futures.ProcessPoolExecutor(count, initializer=enter, initargs=(copies(count),)) as pool:
        judged = [pool.submit(judge, target, options.sample, options.seed, equivalent) for target in listed]
        for future in concurrent.futures.as_completed(judged):
            score = future.result()
            scores.append(score)
            print(f"{score.percent:4.0f} %  {score.file}", *score.holes, sep="\n", flush=True)
    noticed, holes = sum(score.noticed for score in scores), sum(len(score.holes) for score in scores)
    percent = 100.0 * noticed / max(1, noticed + holes)
    print(f"{noticed} noticed, {holes} not, {sum(score.equivalent for score in scores)} equivalent: {percent:.0f} %")
    return int(percent < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
