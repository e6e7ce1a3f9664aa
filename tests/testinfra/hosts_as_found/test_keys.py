# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of K3s that change how its start is seen: where it logs, what its Node is called, by which address it is known."""

from __future__ import annotations

import json

import pytest
import runs

pytestmark = pytest.mark.matrix

PLAYBOOK = runs.ROOT / "playbooks/k3s.yml"
LOG = "/var/log/k3s/k3s.log"
CONFIG = {"log": LOG, "cluster-init": True, "flannel-iface": "eth0", "with-node-id": True}


def install(variables, **config):
    """Run the role with these keys, and with one archive of images."""
    archives = [archive for archive in variables["k3s_image_archives"] if "/backend-" in archive["url"]]
    settings = {"k3s_server_config": CONFIG | config, "k3s_image_archives": archives, "k3s_start_timeout": 120}
    return runs.run(settings, playbook=PLAYBOOK)


@pytest.fixture(scope="module")
def cluster(machine, variables):
    """The host after a run."""
    result = install(variables)
    assert result.status == 0, result.failures
    return machine


def test_the_node_is_found_whatever_it_is_called(cluster):
    nodes = json.loads(cluster.shell("k3s kubectl get nodes -o json"))["items"]
    identity = cluster.shell("cat /etc/rancher/node/id").strip()
    assert [node["metadata"]["name"] for node in nodes] == [f"server1-{identity}"]
    assert nodes[0]["metadata"]["labels"]["node-role.kubernetes.io/etcd"] == "true"
    addresses = [entry["address"] for entry in nodes[0]["status"]["addresses"] if entry["type"] == "InternalIP"]
    assert cluster.address in addresses


def test_the_log_is_a_file_and_the_journal(cluster):
    said = "k3s is up and running"
    assert said in cluster.shell(f"cat {LOG}")
    assert said in cluster.shell("journalctl --unit k3s --output cat")


def test_a_second_run_changes_nothing(cluster, variables):
    result = install(variables)
    assert (result.status, result.changed) == (0, 0), result.failures


def test_a_start_that_fails_says_why(cluster, variables):
    """With a log file K3s reports that it is ready at once, whatever comes of it."""
    result = install(variables, **{"kubelet-arg": ["no-such-flag=1"]})
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    assert "no-such-flag" in result.failures[0].message.splitlines()[0]
    assert cluster.status("systemctl is-enabled k3s")[0] == 0
