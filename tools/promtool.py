# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the alert rules of the documentation with promtool, by what they raise on recorded metrics, and the expressions of its dashboard.

With arguments: run promtool with them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import checkout

RULES, TESTS = "docs/monitoring/alerts.yml", "tests/alerts.yml"
DASHBOARD = checkout.ROOT / "docs/monitoring/dashboard.json"


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


def recorded() -> str:
    """Return the expressions of the dashboard as rules, which promtool can check; JSON is YAML. Grafana fills in the interval."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = [re.sub(r"\$__\w+", "5m", target["expr"]) for panel in panels for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    return json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})


def main(arguments: list[str]) -> int:
    """Return 0 if the rules are right."""
    program = promtool()
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        file.write(recorded())
        file.flush()
        commands = [["check", "rules", RULES], ["test", "rules", TESTS], ["check", "rules", file.name]]
        return max(
            subprocess.run([program, *each], cwd=checkout.ROOT, check=False).returncode for each in ([arguments] if arguments else commands)
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
