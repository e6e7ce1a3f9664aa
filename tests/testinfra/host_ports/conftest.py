# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dual-stack host of this scenario's own, with servers behind a NodePort, behind a load balancer's address, and on the host itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import runs

HERE = runs.ROOT / "molecule/host_ports"
PUBLIC = {"edge_pod_networks": ["10.42.0.0/16", "fd42::/56"], "host_ports_verify": True}


class Edge:
    """The host, what is done to it, and how it is asked."""

    PLAYBOOK = runs.ROOT / "playbooks/host_ports.yml"

    def __init__(self, name):
        self.name = name
        self.addresses = {"IPv4": runs.lab("address", "--name", name, "server1").strip()}
        self.addresses["IPv6"] = runs.lab("address", "--name", name, "-6", "server1").strip()

    def shell(self, command, check=True):
        """Run a command on the host, and return what it printed."""
        arguments = [runs.ROOT / "lab/lab", "shell", "--name", self.name, "server1", "--", "bash", "-c", command]
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def play(self, playbook, variables, *arguments):
        """Run a playbook, and return its exit status and output."""
        inventory = runs.lab("inventory", "--name", self.name).strip()
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, "--diff", "-e", json.dumps(variables), *arguments, str(playbook)],
            env=os.environ | {"ANSIBLE_LOG_PATH": "", "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=runs.TIMEOUT,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def role(self, variables, *arguments):
        """Run the role and return what it printed."""
        status, output = self.play(self.PLAYBOOK, PUBLIC | variables, *arguments)
        assert status == 0, output
        return output

    def remove(self):
        """Remove the host ports from the host."""
        status, output = self.play(HERE / "remove.yml", {})
        assert status == 0, output
        return output


@pytest.fixture(scope="session")
def edge(request):
    """The host of a lab of its own."""
    with runs.own_lab(request, "h") as name:
        made = Edge(name)
        status, output = made.play(HERE / "cluster.yml", {"address6": made.addresses["IPv6"]})
        assert status == 0, output
        made.shell(
            "k3s kubectl wait --for=create --timeout=60s daemonset/behind daemonset/onhost service/balanced &&"
            " k3s kubectl rollout status --timeout=120s daemonset/behind && k3s kubectl rollout status --timeout=120s daemonset/onhost"
        )
        ingress = {"status": {"loadBalancer": {"ingress": [{"ip": address} for address in made.addresses.values()]}}}
        made.shell(f"k3s kubectl patch service balanced --subresource=status --patch '{json.dumps(ingress)}'")
        yield made
