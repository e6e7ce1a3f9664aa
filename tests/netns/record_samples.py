# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what nft says of our tables, for the unit tests of the parser: ``record_samples.py FOLDER`` (root, Linux).

Rules come from the collection, JSON from the nft that is installed; nothing is edited by hand.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model, rules

WISHES: dict[str, dict[str, Any]] = {
    "plain": {"ports": [{"port": 80, "node_port": 30080}, {"port": 443, "node_port": 30443}]},
    "sources": {
        "ports": [
            {"port": 80, "node_port": 30080},
            # Neighbours that nft joins to a range, single addresses, and a port for one family only.
            {"port": 443, "node_port": 30443, "sources": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.0/24", "2001:db8::/32"]},
            {"port": 8080, "node_port": 30080, "sources": ["198.51.100.7"]},
        ],
        "close_nodeports": True,
        "nodeport_sources": ["10.9.0.0/16", "fd00::/8", "2001:db8::1"],
    },
}


def record(desired: model.HostPorts) -> tuple[str, str]:
    """Load the rules in a namespace of its own; nft's release and its JSON."""
    namespace = f"bmrecord{os.getpid()}"
    inside = ["ip", "netns", "exec", namespace, "nft"]
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        subprocess.run([*inside, "-f", "-"], input=rules.render(desired), text=True, check=True)
        done = subprocess.run([*inside, "-j", "list", "table", "inet", rules.TABLE], capture_output=True, text=True, check=True)
    finally:
        subprocess.run(["ip", "netns", "del", namespace], check=True)
    release = json.loads(done.stdout)["nftables"][0]["metainfo"]["version"]
    return re.sub(r"[^0-9.]", "", release), done.stdout


def main() -> None:
    """Record every wish."""
    for name, wish in WISHES.items():
        release, output = record(model.parse(wish["ports"], wish.get("close_nodeports", False), wish.get("nodeport_sources", ())))
        path = Path(sys.argv[1]) / f"nft-{release}-{name}.json"
        path.write_text(json.dumps(json.loads(output), indent=1) + "\n", encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
