# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of ``make test``, fast ones first: what each consists of, and nothing about how they are run."""

from __future__ import annotations

import dataclasses
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
    "bench/site",
    "bench/waits",
    "bench/waits_module.py",
    "bench/waits_on_host.py",
)
#: Where pytest's reports go.
REPORTS = checkout.cache() / f"reports-{checkout.key()}"
#: Scenarios of the layer molecule. Those of a chain run one after the other on one lab, so that only the first has to install everything.
#: The main path first, and longer chains before shorter ones, so that two at a time end together. default only raises and removes the
#: lab; online needs the internet.
CHAINS = (
    ("site", "renew", "sds_faults", "certificate_faults", "neighbour"),
    ("proxy", "reboot", "bad_input"),
    ("killed",),
    ("host_ports",),
)
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
    """Files that a shell runs, told by their first line."""
    with_shell = []
    for path in checkout.tracked():
        first = (checkout.ROOT / path).open("rb").readline(64)
        if first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh")):
            with_shell.append(str(path))
    return with_shell


def lint(_: Sequence[str]) -> Layer:
    """Read the sources and run none of them."""
    antsibull_docs = ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "dependent", ".")
    return Layer(
        "lint",
        (
            Check("ansible-lint", ("ansible-lint", "--offline", "--strict")),
            Check("galaxy-importer", (PYTHON, "tools/galaxy_import.py")),
            Check("mypy", (PYTHON, "-m", "mypy", "--scripts-are-modules", *TYPED)),
            Check("antsibull-docs", antsibull_docs),
            pytest("contracts", "contract.xml", "tests/unit/contract"),
            Check("yamllint", ("yamllint", "--strict", ".")),
            Check("shellcheck", ("shellcheck", *shell_scripts())),
            Check("ruff check", ("ruff", "check")),
            Check("ruff format", ("ruff", "format", "--check", "--diff")),
            Check("antsibull-changelog", ("antsibull-changelog", "lint")),
            Check("role documentation", (PYTHON, "tools/role_docs.py", "--check")),
            Check("gofmt", (PYTHON, "tools/gofmt.py")),
        ),
        jobs=2,
    )


def unit(_: Sequence[str]) -> Layer:
    """Run what needs neither a lab nor a network."""
    ansible_test = (PYTHON, "tools/ansible_test.py", "units", "--python", VERSION, "--num-workers", "2", "--color", "no")
    return Layer(
        "unit",
        (
            Check("plugins", ansible_test, reports=("*.xml",), reports_in=UNIT_REPORTS),
            pytest("lab and tools", "lab.xml", "-n", "2", "tests/unit/lab", "tests/unit/lab_hosts", "tests/unit/tools"),
            pytest("playbooks", "playbooks.xml", "-n", "2", "tests/unit/playbooks"),
            Check("go test k3s", ("go", "test", "./..."), folder="lab/go/k3s"),
        ),
    )


def sanity(_: Sequence[str]) -> Layer:
    """Run ansible-test's checks of a collection, each in an environment that ansible-test pins."""
    ansible_test = (PYTHON, "tools/ansible_test.py", "sanity", "--python", VERSION, "--color", "no")
    return Layer("sanity", (Check("ansible-test sanity", ansible_test),))


def network(_: Sequence[str]) -> Layer:
    """Try the host ports with real nftables and TCP, in network namespaces that the tests make and remove."""
    return Layer("network", (pytest("network namespaces", "netns.xml", "-o", "pythonpath=.collections", "tests/netns"),))


def lab(_: Sequence[str]) -> Layer:
    """Build the lab's bundle, then test the programs in it that need what the build has compiled."""
    # Vet would read every package of Kubernetes and Istio again.
    go_test = ("go", "test", "-trimpath", "-buildvcs=false", "-vet=off")
    return Layer(
        "lab",
        (
            Check("bundle", ("lab/lab", "build"), live=True),
            Check("go test kubernetes", (*go_test, "-tags", "providerless", "./..."), folder="lab/go/kubernetes"),
            Check("go test stack", (*go_test, "./backend/...", "./certmanager/..."), folder="lab/go/stack"),
        ),
    )


def chain(number: int, names: Sequence[str]) -> Check:
    """Run scenarios on one lab, which has a name of its own beside those of other chains and other clones."""
    return Check(
        names[0],
        ("tools/scenario", "test", *names),
        reports=tuple(f"molecule-{name}-*.xml" for name in names),
        live=True,
        variables=(("LAB_NAME", f"mol-{checkout.key()[:8]}-{number}"),),
    )


def molecule(scenarios: Sequence[str]) -> Layer:
    """Run the collection on lab hosts and look at them. Chains wait more than they work, so two share the machine."""
    chains = [tuple(scenarios)] if scenarios else CHAINS
    return Layer("molecule", tuple(chain(number, names) for number, names in enumerate(chains)), jobs=2)


LAYERS: dict[str, Callable[[Sequence[str]], Layer]] = {
    "lint": lint,
    "unit": unit,
    "sanity": sanity,
    "network": network,
    "lab": lab,
    "molecule": molecule,
}
