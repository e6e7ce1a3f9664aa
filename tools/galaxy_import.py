# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's artifact and put it through the checks that Galaxy makes at import. Warnings fail as well."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import checkout

#: Sanity and unit tests are a layer of their own. So is ansible-lint a check of its own, with more rules; the importer's has the same files
#: and a fixed limit of three minutes, which a slow machine exceeds.
SETTINGS = {
    "GALAXY_IMPORTER_RUN_ANSIBLE_TEST": "false",
    "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false",
    "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true",
}
#: Lines of the importer that a reader must act on.
FINDINGS = ("WARNING:", "ERROR:", "CRITICAL:")


def build(target: Path) -> Path:
    """Build the artifact as a release does."""
    program = str(Path(sys.executable).parent / "ansible-galaxy")
    command = [program, "collection", "build", "--force", "--output-path", str(target), str(checkout.stage("artifact"))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(target.glob("baremesh-edge-*.tar.gz"))


def main() -> int:
    """Return 0 if Galaxy would take the artifact without a word."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        artifact = build(target)
        environment = os.environ | SETTINGS | {"ANSIBLE_COLLECTIONS_PATH": str(checkout.stage_path("artifact").parents[2])}
        environment.pop("ANSIBLE_CONFIG", None)
        command = [sys.executable, "-m", "galaxy_importer.main", str(artifact)]
        # The importer leaves its result in the working directory.
        result = subprocess.run(
            command, cwd=target, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    findings = [line for line in result.stdout.splitlines() if line.startswith(FINDINGS)]
    print(result.stdout)
    print(f"{artifact.name}: {len(findings)} findings")
    return 1 if findings or result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
