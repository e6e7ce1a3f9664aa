# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of ``make test`` and ``make test-all``, fast ones first: what each consists of, and nothing about how they are run."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import checkout

PYTHON = sys.executable
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
#: The checkout under the name that its imports use.
LINKED = ".collections/ansible_collections/baremesh/edge"
#: What has types throughout.
TYPED = (
    "tools",
    "lab/edge_lab",
    f"{LINKED}/plugins",
    "tests/netns",
    "bench/host_ports",
    "bench/dns01",
    "bench/measured.py",
    "bench/site",
    "bench/sites_apart",
    "bench/waits",
    "bench/waits_module.py",
    "bench/waits_on_host.py",
)
#: Where pytest's reports go.
REPORTS = checkout.cache() / f"reports-{checkout.key()}"
#: Scenarios of the layer molecule. Those of a chain run one after the other on one lab, so that only the first has to install everything.
#: The main path first, and longer chains before shorter ones, so that all end at about the same time. default only raises and removes
#: the lab; online needs the internet.
CHAINS = (
    ("site", "renew", "sds_faults", "certificate_faults"),
    ("killed", "egress", "tcp", "dns01", "networks", "gateway_api"),
    ("host_ports", "hosts_as_found", "gateways"),
    ("proxy", "reboot", "neighbour", "bad_input", "servers"),
)
#: Those of which `make test` has no time for anything: the execution environment takes minutes to build.
MATRIX_CHAINS = (("awx",),)
#: Versions of ansible-core that are tested beside the pinned one, each with a Python that it supports: the oldest that meta/runtime.yml
#: allows, and the newest.
CORES = (("2.17.14", "3.12"), ("2.21.5", "3.13"))
#: Where ansible-test leaves its own.
UNIT_REPORTS = checkout.stage_path("units") / "tests" / "output" / "junit"


@dataclasses.dataclass(frozen=True)
class Check:
    """One command that passes with exit status 0.

    A check with ``reports``, patterns of JUnit files, counts as the tests in them, and each pattern must have some; another counts as one.
    """

    name: str
    command: tuple[str, ...]
    #: Working directory, from the root of the checkout.
    folder: str = "."
    reports: tuple[str, ...] = ()
    reports_in: Path = REPORTS
    #: Shown as it comes instead of at its end: for what takes minutes.
    live: bool = False
    #: Variables beyond those of all checks.
    variables: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Selection:
    """What of the layers runs: scenarios by name, else all chains; and with ``matrix`` also the tests with that mark."""

    scenarios: tuple[str, ...] = ()
    matrix: bool = False


@dataclasses.dataclass(frozen=True)
class Layer:
    """Checks that belong together, ``jobs`` of them at a time. What live ones print then begins with the check's name."""

    name: str
    checks: tuple[Check, ...]
    jobs: int = 1


def pytest(name: str, report: str, *arguments: str) -> Check:
    """Tests that plain pytest runs."""
    command = (PYTHON, "-m", "pytest", "-q", f"--junit-xml={REPORTS / report}", *arguments)
    return Check(name, command, reports=(report,))


def shell_scripts() -> list[str]:
    """Files that a shell runs, recognised by their first line."""
    with_shell = []
    for path in checkout.tracked():
        first = (checkout.ROOT / path).open("rb").readline(64)
        if first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh")):
            with_shell.append(str(path))
    return with_shell


def lint(_: Selection) -> Layer:
    """Read the sources and run none of them."""
    antsibull_docs = ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "dependent", ".")
    return Layer(
        "lint",
        (
            Check("ansible-lint", ("ansible-lint", "--offline", "--strict")),
            Check("galaxy-importer", (PYTHON, "tools/galaxy_import.py")),
            Check("mypy", (PYTHON, "-m", "mypy", "--scripts-are-modules", *TYPED)),
            Check("antsibull-docs", antsibull_docs),
            pytest("contracts", "contract.xml", "-o", "pythonpath=.collections", "tests/unit/contract"),
            Check("docs site", (PYTHON, "tools/docs_site.py")),
            Check("yamllint", ("yamllint", "--strict", ".")),
            Check("shellcheck", ("shellcheck", *shell_scripts())),
            Check("ruff check", ("ruff", "check")),
            Check("ruff format", ("ruff", "format", "--check", "--diff")),
            Check("antsibull-changelog", ("antsibull-changelog", "lint")),
            Check("role documentation", (PYTHON, "tools/role_docs.py", "--check")),
            Check("gofmt", (PYTHON, "tools/gofmt.py")),
            Check("alert rules", (PYTHON, "tools/promtool.py")),
        ),
        jobs=2,
    )


def plugin_tests(name: str, python: str, *launcher: str, variables: tuple[tuple[str, str], ...] = ()) -> Check:
    """Plugins' unit tests, with the ansible-test that the launcher's Python has."""
    options = ("--python", python, "--num-workers", "2", "--color", "no")
    command = (*launcher, "tools/ansible_test.py", "units", *options)
    return Check(name, command, reports=("*.xml",), reports_in=UNIT_REPORTS, variables=variables)


def playbook_tests(name: str, report: str, *launcher: str, variables: tuple[tuple[str, str], ...] = ()) -> Check:
    """Runs of playbooks, with the ansible-core that the launcher's Python has: how templates become values differs between versions."""
    options = ("-q", "-n", "2", f"--junit-xml={REPORTS / report}")
    return Check(name, (*launcher, "-m", "pytest", *options, "tests/unit/playbooks"), reports=(report,), variables=variables)


def unit(_: Selection) -> Layer:
    """Run what needs neither a lab nor a network."""
    return Layer(
        "unit",
        (
            plugin_tests("plugins", VERSION, PYTHON),
            pytest(
                "lab and tools",
                "lab.xml",
                "-n",
                "2",
                "-o",
                "pythonpath=.collections",
                "tests/unit/lab",
                "tests/unit/lab_hosts",
                "tests/unit/tools",
            ),
            playbook_tests("playbooks", "playbooks.xml", PYTHON),
            Check("go test k3s", ("go", "test", "./..."), folder="lab/go/k3s"),
        ),
    )


def browser(_: Selection) -> Layer:
    """Open the page of the report in Chromium."""
    return Layer("browser", (pytest("page of the report", "browser.xml", "-o", "pythonpath=.collections", "tests/browser"),))


def fuzz(_: Selection) -> Layer:
    """Give many more inputs to the parsers of what others wrote than the unit tests do."""
    parsers = [str(path) for path in checkout.tracked("tests/unit/plugins/*/test_foreign_*.py")]
    check = pytest("parsers", "fuzz.xml", "-n", "2", "-o", "pythonpath=.collections", *parsers)
    return Layer("fuzz", (dataclasses.replace(check, variables=(("FUZZ", "100000"),)),))


def sanity(_: Selection) -> Layer:
    """Run ansible-test's checks of a collection, each in an environment that ansible-test pins."""
    ansible_test = (PYTHON, "tools/ansible_test.py", "sanity", "--python", VERSION, "--color", "no")
    return Layer("sanity", (Check("ansible-test sanity", ansible_test),))


def network(_: Selection) -> Layer:
    """Try the host ports with real nftables and TCP, in network namespaces that the tests make and remove."""
    return Layer("network", (pytest("network namespaces", "netns.xml", "-o", "pythonpath=.collections", "tests/netns"),))


def lab(_: Selection) -> Layer:
    """Build the lab's bundle, then test the programs in it that need what the build has compiled."""
    # Vet would read every package of Kubernetes and Istio again.
    go_test = ("go", "test", "-trimpath", "-buildvcs=false", "-vet=off")
    on_etcd = "ip link set lo up && exec " + shlex.join((*go_test, "-tags", "etcd", "-run", "RealEtcd", "./internal/server"))
    return Layer(
        "lab",
        (
            Check("bundle", ("lab/lab", "build"), live=True),
            Check("go test kubernetes", (*go_test, "-tags", "providerless", "./..."), folder="lab/go/kubernetes"),
            Check("go test stack", (*go_test, "./backend/...", "./certmanager/..."), folder="lab/go/stack"),
            # In a network of its own: the ports of etcd are fixed, and those of the machine are others'.
            Check("go test etcd", ("unshare", "--net", "sh", "-c", on_etcd), folder="lab/go/k3s"),
        ),
    )


def chain(name: str, scenarios: Sequence[str], lab_suffix: str, matrix: bool, *variables: tuple[str, str]) -> Check:
    """Run scenarios on one lab, which has a name of its own beside those of other chains and other clones."""
    return Check(
        name,
        ("tools/scenario", "test", *scenarios),
        reports=tuple(f"molecule-{scenario}-*.xml" for scenario in scenarios),
        live=True,
        variables=(
            ("LAB_NAME", f"mol-{checkout.key()[:8]}-{lab_suffix}"),
            ("PYTEST_ADDOPTS", "" if matrix else "-m 'not matrix'"),
            *variables,
        ),
    )


def molecule(selection: Selection) -> Layer:
    """Run the collection on lab hosts and look at them. Chains wait more than they work, so two share the machine."""
    chains = [selection.scenarios] if selection.scenarios else [*CHAINS, *(MATRIX_CHAINS if selection.matrix else ())]
    checks = tuple(chain(names[0], names, str(number), selection.matrix) for number, names in enumerate(chains))
    return Layer("molecule", checks, jobs=2)


def interpreter(version: str) -> str:
    """Return a Python of this version: pyenv's, whether it is active or not, else the one in PATH."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return str(max(root.glob(f"versions/{version}.*/bin/python"), default=f"python{version}"))


def cores(_: Selection) -> Layer:
    """Run the unit tests of plugins and playbooks, and the main path, with other versions of ansible-core."""
    checks: list[Check] = []
    for number, (core, python) in enumerate(CORES):
        variables = (("EDGE_CORE", core), ("PYTHON", interpreter(python)))
        checks += [
            plugin_tests(f"plugins, {core}", python, "tools/venv", "--exec", "python", variables=variables),
            playbook_tests(f"playbooks, {core}", f"playbooks-{core}.xml", "tools/venv", "--exec", "python", variables=variables),
            chain(f"site, {core}", ["site", "bad_input"], f"c{number}", True, *variables),
        ]
    return Layer("cores", tuple(checks))


LAYERS: dict[str, Callable[[Selection], Layer]] = {
    "lint": lint,
    "unit": unit,
    "sanity": sanity,
    "network": network,
    "lab": lab,
    "molecule": molecule,
    "browser": browser,
    "fuzz": fuzz,
    "cores": cores,
}
