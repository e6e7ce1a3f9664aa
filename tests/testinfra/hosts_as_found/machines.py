# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of a lab, and how it is asked."""

from __future__ import annotations

import subprocess

import runs

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"


class Machine:
    """A host of a lab."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.address = runs.lab("address", "--name", lab, name).strip()

    def status(self, command, stdin=None):
        """Run a command of the shell, and return its exit status and what it printed."""
        arguments = [runs.ROOT / "lab/lab", "shell", "--name", self.lab, self.name, "--", "bash", "-c", command]
        done = subprocess.run(arguments, input=stdin or "", capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def shell(self, command, stdin=None):
        """Run a command of the shell that must succeed, and return what it printed."""
        status, output = self.status(command, stdin)
        assert status == 0, f"{self.name}: {command}\n{output}"
        return output

    def write(self, path, text, mode="644"):
        """Write a file."""
        self.shell(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", text)

    def reaches(self, address, port):
        """Return whether a connection to a port of an address is accepted."""
        return self.status(f"python3 -c '{CONNECT}' {address} {port}")[0] == 0
