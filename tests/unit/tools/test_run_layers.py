# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that decides whether a change is good must not be fooled itself."""

from __future__ import annotations

import dataclasses
import sys

import checkout
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


@pytest.mark.parametrize(("arguments", "matrix"), [([], False), (["--matrix"], True)])
def test_the_layers_get_what_the_command_line_selects(monkeypatch, arguments, matrix):
    seen = []

    def build(selection):
        seen.append(selection)
        return layers.Layer("a", (layers.Check("a", program("")),))

    monkeypatch.setattr(layers, "LAYERS", {"a": build})
    assert run_layers.main(["a", "--scenario", "site", *arguments]) == 0
    assert seen == [layers.Selection(("site",), matrix)]


@pytest.mark.parametrize(("matrix", "options"), [(False, "-m 'not matrix'"), (True, "")])
def test_scenarios_leave_the_matrix_out_unless_it_is_selected(matrix, options):
    for selection in (layers.Selection((), matrix), layers.Selection(("site", "reboot"), matrix)):
        assert {dict(check.variables)["PYTEST_ADDOPTS"] for check in layers.molecule(selection).checks} == {options}


def test_every_scenario_is_in_one_chain():
    scenarios = {path.parent.name for path in (checkout.ROOT / "molecule").glob("*/molecule.yml")}
    assert sorted(name for names in (*layers.CHAINS, *layers.MATRIX_CHAINS) for name in names) == sorted(scenarios - {"default", "online"})


def test_labs_that_stand_side_by_side_have_names_of_their_own():
    """With room for the suffixes of the labs that scenarios raise beside theirs."""
    checks = [*layers.molecule(layers.Selection()).checks, *layers.cores(layers.Selection()).checks]
    names = [variables["LAB_NAME"] for check in checks if "LAB_NAME" in (variables := dict(check.variables))]
    assert len(names) == len(set(names)) == len(layers.CHAINS) + len(layers.CORES)
    assert max(map(len, names)) <= 18


def test_an_interpreter_of_pyenv_is_found_though_it_is_not_active(monkeypatch, tmp_path):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert layers.interpreter("3.13") == "python3.13"
    found = tmp_path / "versions/3.13.0/bin/python"
    found.parent.mkdir(parents=True)
    found.touch()
    assert layers.interpreter("3.13") == str(found)
    assert layers.interpreter("3.1") == "python3.1"


def test_live_checks_side_by_side_show_whose_line_it_is(capsys):
    checks = tuple(
        layers.Check(name, program("import os; print('I am', os.environ['WHO'])"), live=True, variables=(("WHO", name),)) for name in "ab"
    )
    run_layers.run_layer(layers.Layer("both", checks, jobs=2))
    assert {"a | I am a", "b | I am b"} < set(capsys.readouterr().out.splitlines())


def test_the_end_of_the_log_names_what_failed(monkeypatch, capsys, tmp_path):
    """CI and people often keep only the end; a flake that they cannot name cannot be mended."""
    case = '<testcase classname="tests.it" name="test_x[a]"><failure message="AssertionError: 1 != 2&#10;assert">long</failure></testcase>'
    report = f'<testsuites><testsuite tests="2" failures="1"><testcase classname="tests.it" name="good"/>{case}</testsuite></testsuites>'
    writes = layers.Check(
        "writes", program(f"open({str(tmp_path / 'r.xml')!r}, 'w').write({report!r}); exit(1)"), reports=("*.xml",), reports_in=tmp_path
    )
    breaks = layers.Check("breaks", program("print('TASK [x]'); print('fatal: [server1]: no'); print('RECAP'); exit(1)"), live=True)
    monkeypatch.setattr(layers, "LAYERS", {"a": lambda _: layers.Layer("a", (writes, breaks, layers.Check("mute", program("exit(1)"))))})
    assert run_layers.main(["a"]) == 1
    *lines, _, _ = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == ["failed: writes: tests.it::test_x[a]: AssertionError: 1 != 2", "failed: breaks: fatal: [server1]: no"]
    assert lines[-1].startswith("failed: mute: ")
