# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which room of the plugins may import from which, and which files only compute."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from project import ROOT

ROOTED = "ansible_collections.baremesh.edge.plugins."
UTILS = "module_utils."
#: What each room may import from, besides itself. Rooms further down stand on those further up.
ROOMS: dict[str, set[str]] = {
    "_errors": set(),
    "_json": set(),
    "_masking": set(),
    "_numbers": set(),
    "_yaml": set(),
    "_module": {"_masking"},
    "_text": set(),
    "_wait": set(),
    "_process": set(),
    "_cause": set(),
    "_progress": set(),
    "_rule_tools": set(),
    "_sha256": set(),
    "_removal": {"_errors"},
    "_net": {"_errors", "_json", "_wait", "_removal", "_sha256", "_yaml"},
    "_kube": {"_errors", "_json", "_masking", "_module", "_cause", "_wait", "_net", "_removal", "_yaml"},
    "_workload": {"_errors", "_json", "_text", "_cause", "_wait", "_kube", "_numbers"},
    "_cert_manager": {"_errors", "_text", "_cause", "_progress", "_wait", "_net", "_kube", "_numbers"},
    "_external_secrets": {"_text", "_cause", "_wait", "_net", "_kube"},
    "_istio": {"_errors", "_json", "_cause", "_progress", "_process", "_wait", "_net", "_kube"},
    "_firewall": {"_errors", "_json", "_text", "_removal", "_numbers"},
    "_host_ports": {"_errors", "_json", "_text", "_wait", "_rule_tools", "_removal", "_firewall", "_numbers"},
    "_k3s": {"_errors", "_json", "_masking", "_text", "_cause", "_wait", "_rule_tools", "_removal", "_sha256", "_firewall", "_net"},
    "_preflight": {"_errors", "_json", "_text", "_wait", "_host_ports"},
    # What runs on the controller knows no client; it shares a few pure functions with the hosts. The process of a run is there.
    "plugin_utils": {
        "_errors",
        "_json",
        "_masking",
        "_removal",
        "_text",
        "_process",
        "_net",
        "_k3s",
        "_istio",
        "_host_ports",
        "_numbers",
        "_yaml",
    },
    "doc_fragments": set(),
    "filter": {"plugin_utils"},
    "action": {"plugin_utils", "_host_ports"},
    "callback": {"plugin_utils"},
    "modules": {
        "_errors",
        "_removal",
        "_masking",
        "_module",
        "_text",
        "_wait",
        "_net",
        "_kube",
        "_workload",
        "_cert_manager",
        "_external_secrets",
        "_istio",
        "_host_ports",
        "_k3s",
        "_preflight",
    },
}
#: Files that only compute: all that they know comes in by arguments, so that their tests need neither a clock nor an API.
PURE = {
    "_errors",
    "_json",
    "_masking",
    "_numbers",
    "_yaml",
    "_text",
    "_cause",
    "_progress",
    *(f"_net.{name}" for name in ("channel", "digests", "proxy_protocol", "tls")),
    *(f"_kube.{name}" for name in ("errors", "resources", "arguments")),
    *(f"_workload.{name}" for name in ("helm_releases", "rollout")),
    *(
        f"_cert_manager.{name}"
        for name in (*("advice", "causes", "ledger", "objects", "readiness", "report", "selection", "silence", "walk"),)
    ),
    "_external_secrets.causes",
    *(
        f"_istio.{name}"
        for name in (
            "challenge_route",
            "config_dump",
            "credentials",
            "envoy_view",
            "foreign_objects",
            "api_conditions",
            "gateway_flags",
            "options",
            "other_routes",
            "pods",
            "primer",
        )
    ),
    *(f"_host_ports.{name}" for name in ("model", "nat", "nat_iptables", "nat_nft", "nat_rule", "redirects", "rules", "text")),
    *(f"_k3s.{name}" for name in ("causes", "leftovers", "release")),
}
#: What does input and output, or asks for the time.
IMPURE = {"socket", "ssl", "select", "subprocess", "http", "urllib.request", "urllib3", "requests", "kubernetes"}
IMPURE |= {"time", "os", "pathlib", "shutil", "tempfile", "signal", "threading", "queue"}


class File:
    """One file of the plugins and what it imports."""

    def __init__(self, path: Path) -> None:
        parts = path.relative_to(ROOT / "plugins").with_suffix("").parts
        self.name = ".".join(parts).removeprefix(UTILS)
        self.room = self.name.split(".")[0]
        self.ours: set[str] = set()
        self.others: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                self.others |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                self._take(node)

    def _take(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, f"{self.name} imports relatively"
        module = node.module or ""
        if not module.startswith(ROOTED):
            self.others.add(module)
            return
        name = module.removeprefix(ROOTED).removeprefix(UTILS)
        # "from a_package import a_file", as modules may be imported
        inner = {f"{name}.{alias.name}".removeprefix("module_utils.") for alias in node.names}
        self.ours |= {each for each in inner if each in NAMES} or {name}


PATHS = [path for path in sorted((ROOT / "plugins").rglob("*.py")) if path.name != "__init__.py"]
NAMES = {".".join(path.relative_to(ROOT / "plugins").with_suffix("").parts).removeprefix(UTILS) for path in PATHS}
FILES = {found.name: found for found in map(File, PATHS)}


@pytest.mark.parametrize("name", FILES)
def test_imports_run_downwards(name):
    found = FILES[name]
    rooms = {each.split(".")[0] for each in found.ours}
    assert rooms - {found.room} <= ROOMS[found.room]


def test_the_table_itself_has_no_circle():
    """Each room stands on rooms that come before it in the table; entries of the plugins' own kind come last."""
    seen: set[str] = set()
    for room, below in ROOMS.items():
        assert below <= seen, f"{room} stands on {sorted(below - seen)}, which come later"
        seen.add(room)


def test_no_file_imports_itself_through_others():
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way, name))}"
        if name not in done:
            for below in FILES[name].ours & FILES.keys():
                visit(below, (*way, name))
            done.add(name)

    for name in FILES:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_file_stands_on_pure_files_only(name):
    found = FILES[name]
    impure = {each for each in found.others if any(each == io or each.startswith(f"{io}.") for io in IMPURE)}
    assert impure == set()
    assert found.ours <= PURE


UNIT = ROOT / "tests" / "unit" / "plugins"


@pytest.mark.parametrize("path", sorted([*UNIT.glob("module*/**/*.py"), *UNIT.glob("*.py")]), ids=lambda path: path.stem)
def test_a_test_of_a_module_imports_what_a_host_has(path):
    """For these tests ansible-test hides the rest of ansible-core, as it does not reach a host either."""
    text = path.read_text(encoding="utf-8")
    rooms = {each.split(".")[0] for each in re.findall(r"^from ansible_collections\.baremesh\.edge\.plugins\.(\S+)", text, re.MULTILINE)}
    assert rooms <= {"module_utils", "modules"}
    assert set(re.findall(r"^(?:from|import) (ansible\.\w+)", text, re.MULTILINE)) <= {"ansible.module_utils"}


@pytest.mark.parametrize("name", FILES)
def test_only_the_client_knows_the_kubernetes_library(name):
    if FILES[name].room != "_kube":
        assert not [each for each in FILES[name].others if each.split(".")[0] == "kubernetes" or "kubernetes.core" in each]


def test_errors_have_one_base():
    """Modules end with the sentence of whatever is raised below them, so they need one thing to catch."""
    strangers = {
        node.name
        for path in PATHS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & {"Exception", "RuntimeError"}
    }
    # The base, one that is caught where it is raised, and the end of the process.
    assert strangers == {"EdgeError", "NotPlainError", "InterruptedRunError"}
