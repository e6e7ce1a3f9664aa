# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External Secrets on the hosts of a lab, which has it only where a test asks for it; and its removal by the role."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import runs
from pods import kubectl

CHARTS = "/opt/charts"
TAGS = ("--tags", "external_secrets")
_REMOVE = [
    {
        "hosts": "server",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.import_role": {"name": "baremesh.edge.external_secrets", "tasks_from": "remove"}}],
    }
]


def put(node, path, script):
    """Give a file to a command on a host."""
    full = [runs.ROOT / "lab/lab", "shell", node, "--", "sh", "-c", script]
    with path.open("rb") as content:
        subprocess.run(full, stdin=content, check=True, stdout=subprocess.DEVNULL)


def bring(host):
    """Put its image on each host and its chart on the first."""
    release = Path(runs.lab("extra", "external-secrets").splitlines()[-1])
    for node in json.loads(kubectl(host, "get nodes --output json"))["items"]:
        put(node["metadata"]["name"], release / "images.tar.zst", "zstd --decompress --stdout | k3s ctr images import -")
    chart = next((release / "external-secrets").glob("*.tgz"))
    put("server1", chart, f"mkdir -p {CHARTS} && cat > {CHARTS}/{chart.name}")


def remove(variables, folder):
    """Run the removal of the role."""
    (folder / "remove.yml").write_text(json.dumps(_REMOVE), encoding="utf-8")
    return runs.run(variables, playbook=folder / "remove.yml")
