# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that decides whether a change is good must not be fooled itself."""

from __future__ import annotations

import dataclasses
import sys

import layers
import pytest
import run_layers

SUITE = '<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/></testsuites>'


def program(code):
    return (sys.executable, "-c", code)


def writing(tmp_path, exit_status, **counts):
    """A check that writes a report and exits."""
    report = SUITE.format(**({"tests": 0, "failures": 0, "errors": 0, "skipped": 0} | counts))
    code = f"open({str(tmp_path / 'r.xml')!r}, 'w').write({report!r}); raise SystemExit({exit_status})"
    return layers.Check("writing", program(code), reports=("*.xml",), reports_in=tmp_path)


@pytest.mark.parametrize(("exit_status", "expected"), [(0, (1, 0)), (3, (0, 1))])
def test_a_command_counts_as_one(exit_status, expected):
    outcome = run_layers.run(layers.Check("it", program(f"raise SystemExit({exit_status})")))
    assert (outcome.passed, outcome.failed) == expected


def test_a_report_counts_its_tests_without_the_skipped(tmp_path):
    outcome = run_layers.run(writing(tmp_path, 1, tests=7, failures=2, errors=1, skipped=1))
    assert (outcome.passed, outcome.failed) == (3, 3)


def test_a_missing_report_is_a_failure_even_if_the_command_is_content(tmp_path):
    outcome = run_layers.run(layers.Check("it", program(""), reports=("*.xml",), reports_in=tmp_path))
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_a_report_of_an_earlier_run_does_not_count(tmp_path):
    (tmp_path / "old.xml").write_text(SUITE.format(tests=5, failures=0, errors=0, skipped=0))
    outcome = run_layers.run(layers.Check("it", program(""), reports=("*.xml",), reports_in=tmp_path))
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_each_pattern_must_have_tests(tmp_path):
    """A scenario of a chain that was left out in silence is not a pass."""
    check = dataclasses.replace(writing(tmp_path, 0, tests=4), reports=("r*.xml", "other*.xml"))
    outcome = run_layers.run(check)
    assert (outcome.passed, outcome.failed) == (4, 1)


def test_a_command_that_breaks_off_after_good_tests_is_a_failure(tmp_path):
    outcome = run_layers.run(writing(tmp_path, 2, tests=4))
    assert (outcome.passed, outcome.failed) == (4, 1)


def test_a_failed_layer_stops_the_slower_ones(monkeypatch, capsys):
    started = []

    def layer(name, code):
        def build(_):
            started.append(name)
            return layers.Layer(name, (layers.Check(name, program(code)),))

        return build

    monkeypatch.setattr(layers, "LAYERS", {"a": layer("a", ""), "b": layer("b", "raise SystemExit(1)"), "c": layer("c", "")})
    assert run_layers.main(["a", "b", "c"]) == 1
    assert started == ["a", "b"]
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"


def test_live_checks_side_by_side_tell_whose_line_it_is(capsys):
    checks = tuple(
        layers.Check(name, program("import os; print('I am', os.environ['WHO'])"), live=True, variables=(("WHO", name),)) for name in "ab"
    )
    run_layers.run_layer(layers.Layer("both", checks, jobs=2))
    assert {"a | I am a", "b | I am b"} < set(capsys.readouterr().out.splitlines())
