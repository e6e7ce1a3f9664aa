# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the alert rules of the documentation with promtool, by what they raise on recorded metrics."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import checkout

RULES, TESTS = "docs/monitoring/alerts.yml", "tests/alerts.yml"


def promtool() -> str:
    """Return the path of promtool: the one in PATH, else that of Debian's package, which is unpacked and not installed."""
    found = shutil.which("promtool")
    if found:
        return found
    kept = checkout.cache() / "promtool"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            download = ["apt-get", "--quiet", "--quiet", "-o", "APT::Sandbox::User=root", "download", "prometheus"]
            if subprocess.run(download, cwd=folder, check=False).returncode:
                subprocess.run(["apt-get", "--quiet", "--quiet", "update"], check=True)
                subprocess.run(download, cwd=folder, check=True)
            (package,) = Path(folder).glob("prometheus_*.deb")
            subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
            # At once, so that another check that runs at the same time finds all of it or nothing.
            (Path(folder) / "usr/bin/promtool").replace(kept)
    return str(kept)


def main() -> int:
    """Return 0 if the rules are right."""
    program = promtool()
    commands = ([program, "check", "rules", RULES], [program, "test", "rules", TESTS])
    return max(subprocess.run(command, cwd=checkout.ROOT, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
