# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ACME authorities of the tests' own on the lab's infra host, so that the site's keeps its root and its accounts."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

import runs

FAKE = Path(__file__).parent / "fake_rate_limit.py"
SETTINGS = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


def infra(*command, text=None):
    """Run a command on the host that carries the lab's services."""
    full = [runs.ROOT / "lab/lab", "shell", "infra", "--", *command]
    given = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=60, **given)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def address():
    """Address of that host."""
    return runs.lab("address", "infra").strip()


class Authority:
    """A server in a unit of its own."""

    def __init__(self, name, port):
        self.unit, self.port = f"certificate-faults-{name}", port
        self.address = address()
        self.url = f"https://{self.address}:{port}/dir"

    def start(self, settings, *command):
        """Start it anew, and return when it listens."""
        self.stop()
        variables = [f"--setenv={key}={value}" for key, value in settings.items()]
        infra("systemd-run", "--quiet", f"--unit={self.unit}", "--collect", *variables, *command)
        deadline = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < deadline, f"{self.unit} does not listen: {infra('systemctl', 'status', '--no-pager', self.unit)}"
            time.sleep(0.1)
        return self

    def _listens(self):
        try:
            socket.create_connection((self.address, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self):
        """Stop it; to stop what does not run is fine."""
        infra("sh", "-c", f"systemctl stop {self.unit}.service 2>/dev/null || true")


def pebble(name, port, further=None, **settings):
    """One more Pebble, with the TLS certificate of the lab's, and further entries of its configuration."""
    ours = {"listenAddress": f"[::]:{port}", "managementListenAddress": f"[::]:{port + 1}"}
    config = json.loads(infra("cat", "/etc/pebble/config.json"))
    path = f"/run/certificate-faults-{name}.json"
    infra("tee", path, text=json.dumps({"pebble": config["pebble"] | ours | (further or {})}))
    return Authority(name, port).start(
        SETTINGS | settings, "/usr/bin/pebble", "-strict=false", "-config", path, "-dnsserver", "127.0.0.1:53"
    )


def rate_limited(port, behind):
    """The fake that limits new orders, before a Pebble."""
    return Authority("limit", port).start({}, "/usr/bin/python3", "-c", FAKE.read_text(encoding="utf-8"), str(port), str(behind.port))
