# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two labs side by side: a cluster of two hosts beside the lab that Molecule raised, and what its removal does to the other."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest
import runs
import visits

COLUMNS = '{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].containerID}{" "}{end}'
PODS = f"k3s kubectl get pods --all-namespaces --output jsonpath='{COLUMNS}'"


@pytest.fixture(scope="module")
def neighbour(request):
    """Name of a lab with a server and an agent, on which site.yml ran."""
    with runs.own_lab(request, "n", "--agents", "1") as name:
        inventory = runs.lab("inventory", "--name", name).strip()
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, "-e", f"@{runs.ROOT}/lab/demo/vars.yml", str(runs.PLAYBOOK)],
            env=os.environ | {"ANSIBLE_LOG_PATH": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=runs.TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr
        yield name


@pytest.mark.parametrize("host_name", ["server1", "agent1"])
def test_every_host_of_a_cluster_serves(neighbour, site, host_name):
    address = runs.lab("address", "--name", neighbour, host_name).strip()
    for route in site["routes"]:
        status, body = visits.status_of(address, site, route["prefix"])
        assert status == 200, (host_name, route, body[:300])
        assert body.split()[0] == route["service"].split(".")[0]


def test_an_agent_holds_no_token_of_servers(neighbour):
    """Who has that token is root of the whole cluster."""

    def on(host_name, *words):
        return runs.lab("shell", "--name", neighbour, host_name, "--", *words)

    server, agent = (on("server1", "sed", "s/.*://", f"/var/lib/rancher/k3s/server/{name}").strip() for name in ("token", "agent-token"))
    assert server != agent
    folders = "/etc /root /run /tmp /var/lib/baremesh /var/lib/rancher/k3s/agent/etc /var/log"

    def files_with(secret):
        # grep ends with 2 where a file went away meanwhile.
        search = f"grep --recursive --files-with-matches --no-messages --fixed-strings {secret} {folders}; true"
        return on("agent1", "sh", "-c", search).split()

    assert files_with(agent) == ["/etc/rancher/k3s/token"]
    assert files_with(server) == []


def test_the_other_lab_goes_on_serving_while_one_is_removed(host, neighbour, address, site):
    before = host.check_output(PODS)
    answers, stop = [], threading.Event()

    def visit():
        while not stop.is_set():
            try:
                answers.append(visits.status_of(address, site)[0])
            except OSError as error:
                answers.append(repr(error))
            stop.wait(0.05)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        runs.lab("down", "--name", neighbour)
    finally:
        stop.set()
        visitor.join()
    assert len(answers) > 10
    assert set(answers) == {200}
    assert host.check_output(PODS) == before
