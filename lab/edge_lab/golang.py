# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go programs: built by name from modules, never from sources of others in this repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import paths, versions
from .errors import LabError
from .parts import Part, digest, tree_digest

MODULES = paths.SOURCE / "go"
# What the Go client says when a registry or proxy does not give a module out.
_REFUSED = re.compile(r"(\S+@v\S+): .*?((?:403|404|410) [A-Z][A-Za-z ]+|not found|disabled by GOPROXY\S*)")


@dataclass(frozen=True, eq=False)
class Program:
    """One `go build`: packages of one module, and what is said to the linker."""

    title: str
    module: str
    packages: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cgo: bool = False

    @property
    def module_dir(self) -> Path:
        """Folder of the module's go.mod."""
        return MODULES / self.module

    def sources(self) -> list[Path]:
        """Files of ours that decide the result: the module's, and those of the packages that are in it."""
        found = [self.module_dir / "go.mod", self.module_dir / "go.sum"]
        for package in self.packages.values():
            # A main of ours that has packages of its own beside it is a module of its own: its root.
            if package.startswith("."):
                found += [path for path in (self.module_dir / package).rglob("*.go") if not path.name.endswith("_test.go")]
        return found

    def part(self, toolchain: str) -> Part:
        """This program as a part of the bundle: a folder of executables."""
        inputs = {
            "packages": dict(self.packages),
            "variables": dict(self.variables),
            "tags": self.tags,
            "cgo": self.cgo,
            "toolchain": toolchain,
        }
        key = digest(json.dumps(inputs, sort_keys=True), tree_digest(self.module_dir, self.sources()))
        return Part(self.title, key, self._make)

    def _make(self, out: Path) -> None:
        flags = "-s -w" + "".join(f" -X {name}={value}" for name, value in sorted(self.variables.items()))
        for name, package in self.packages.items():
            go(
                ["build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-tags", ",".join(self.tags), "-o", str(out / name), package],
                self.module_dir,
                cgo=self.cgo,
            )


def go(arguments: Sequence[str], module: Path, *, cgo: bool = False) -> str:
    """Run the Go client in a module's folder and return what it printed.

    Raises LabError with the module that was refused, else with the last lines.
    """
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "1" if cgo else "0"}
    done = subprocess.run(["go", *arguments], cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(explain(done.stderr, module.name))
    return done.stdout


def explain(stderr: str, module: str) -> str:
    """One sentence for what the Go client said."""
    refused = sorted({f"{match[1].lstrip('(')} ({match[2].strip()})" for match in _REFUSED.finditer(stderr)})
    if refused:
        return (
            f"the Go module proxy refused what lab/go/{module} needs: {', '.join(refused)}. "
            "`go env GOPROXY` shows which proxy is asked; the versions are in lab/go/*/go.mod"
        )
    words = [line for line in stderr.strip().splitlines() if not line.startswith("go: downloading")]
    return f"go failed in lab/go/{module}: {' / '.join(words[-5:]) or 'no output'}"


def toolchain() -> str:
    """The version of the Go client, as it calls itself.

    Raises LabError when it is older than the modules need.
    """
    found = go(["env", "GOVERSION", "GOOS", "GOARCH"], MODULES).split()
    match = re.match(r"go(\d+)\.(\d+)", found[0])
    if not match or (int(match[1]), int(match[2])) < versions.GO:
        least = ".".join(str(number) for number in versions.GO)
        raise LabError(f"go is {found[0]}; the lab needs Go {least} or later (https://go.dev/dl)")
    return " ".join(found)


def module_source(module: str, path: str) -> Path:
    """Folder of a dependency's sources in Go's module cache, fetched if need be."""
    found = json.loads(go(["mod", "download", "-json", path], MODULES / module))
    return Path(found["Dir"])
