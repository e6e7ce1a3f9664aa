# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server behind ufw and an agent behind firewalld, both of Debian 13: a run opens what the cluster needs, and a reset takes it back.

In order, on one lab: a clock that is wrong, the run, what is open after it, a second run, the reset.
"""

from __future__ import annotations

import re

import machines
import pytest
import runs
import visits

pytestmark = pytest.mark.matrix

PYTHON_AHEAD = "/usr/local/bin/python3-ahead"
# What the stand-in does with every backend: hosts reach pods of others under their own addresses.
CONFIG = {"k3s_server_config": {"flannel-backend": "host-gw"}}
PODS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere, namespace: default}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec:
      containers:
        - name: backend
          image: docker.io/baremesh/backend:1
          imagePullPolicy: IfNotPresent
          env: [{name: NAME, value: everywhere}, {name: PORT, value: "8080"}]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
"""


class Pair:
    """The two hosts, and runs on them."""

    def __init__(self, lab):
        self.inventory = runs.lab("inventory", "--name", lab).strip()
        self.server, self.agent = machines.Machine(lab, "server1"), machines.Machine(lab, "agent1")
        self.stranger = machines.Machine(lab, "infra")

    def run(self, variables, *arguments, playbook=runs.PLAYBOOK):
        """Run to the end."""
        return runs.run(variables, *arguments, playbook=playbook, inventory=self.inventory)

    def firewalls(self):
        """What both firewalls let in, now and after their next start."""
        zones = "for zone in public trusted; do firewall-cmd $kept --zone=$zone --list-all; done"
        return (
            self.server.shell("ufw status verbose; ufw show added"),
            self.agent.shell(f"firewall-cmd --state; for kept in '' --permanent; do {zones}; done"),
        )


@pytest.fixture(scope="module")
def pair(request):
    """Two hosts whose firewalls are active, and let in SSH."""
    with runs.own_lab(request, "f", "--agents", "1", "--suite", "trixie") as name:
        made = Pair(name)
        for machine, package in ((made.server, "ufw"), (made.agent, "firewalld")):
            assert machine.shell(". /etc/os-release; echo $VERSION_ID").strip() == "13"
            machine.shell(f"apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends {package}")
        made.server.shell("ufw allow 22/tcp && ufw --force enable")
        made.agent.shell("systemctl enable --now firewalld && firewall-cmd --zone=public --list-services | grep -w ssh")
        made.before = made.firewalls()
        yield made


def test_an_agent_whose_clock_is_an_hour_ahead_is_refused(pair, tmp_path):
    pair.agent.shell("DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends faketime")
    pair.agent.write(PYTHON_AHEAD, '#!/bin/sh\nexec faketime -f +1h /usr/bin/python3 "$@"\n', "755")
    further = tmp_path / "ahead.yml"
    further.write_text(f"all: {{hosts: {{agent1: {{ansible_python_interpreter: {PYTHON_AHEAD}}}}}}}\n", encoding="utf-8")
    result = pair.run({}, "--inventory", str(further))
    assert result.status != 0, "the run succeeded"
    said = "\n".join(failure.message for failure in result.failures)
    assert re.search(r"agent1: its clock is 3[56]\d\d s ahead of that of server1", said), said
    assert result.changed == 0
    for machine in (pair.server, pair.agent):
        assert machine.status("test -e /usr/local/bin/k3s")[0] == 1
    assert pair.firewalls() == pair.before


@pytest.fixture(scope="module")
def cluster(pair):
    """The hosts after a run."""
    result = pair.run(CONFIG)
    assert result.status == 0, result.failures
    return pair


def test_the_agent_joins_and_both_hosts_serve(cluster, site):
    cluster.server.shell("k3s kubectl wait --for=condition=Ready --timeout=30s node/server1 node/agent1")
    for machine in (cluster.server, cluster.agent):
        for route in site["routes"]:
            assert visits.status_of(machine.address, site, route["prefix"])[0] == 200, (machine.name, route)


def test_pods_of_one_host_are_reached_from_the_other(cluster):
    cluster.server.shell("k3s kubectl apply -f - && k3s kubectl rollout status --timeout=120s daemonset/everywhere", PODS)
    columns = '{range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}'
    listed = cluster.server.shell(f"k3s kubectl get pods -l app=everywhere -o jsonpath='{columns}'").split()
    addresses = dict(zip(listed[::2], listed[1::2], strict=True))
    assert sorted(addresses) == ["agent1", "server1"]
    assert cluster.server.shell(f"wget -qO- -T 5 -t 1 http://{addresses['agent1']}:8080/").startswith("everywhere")
    assert cluster.agent.shell(f"wget -qO- -T 5 -t 1 http://{addresses['server1']}:8080/").startswith("everywhere")


def test_ports_of_the_cluster_are_open_to_its_hosts_only(cluster):
    server, agent = cluster.server, cluster.agent
    for source, target, port in ((agent, server, 6443), (agent, server, 10250), (server, agent, 10250)):
        assert source.reaches(target.address, port), (source.name, target.name, port)
        assert not cluster.stranger.reaches(target.address, port), (target.name, port)


def test_a_second_run_changes_nothing(cluster):
    opened = cluster.firewalls()
    result = cluster.run(CONFIG)
    assert (result.status, result.changed) == (0, 0), result.failures
    assert cluster.firewalls() == opened


def test_a_reset_takes_back_what_was_opened_and_no_more(cluster):
    assert cluster.firewalls() != cluster.before
    result = cluster.run({}, playbook=runs.ROOT / "playbooks/reset.yml")
    assert result.status == 0, result.failures
    assert cluster.firewalls() == cluster.before
