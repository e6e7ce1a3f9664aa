# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without packages for packet rules, as a fresh Debian is: K3s's own programs show who holds a port, and clean up."""

from __future__ import annotations

import json

import pytest
import runs

# As the pods of K3s's ServiceLB hold the ports of a host.
HOLDER = """
apiVersion: v1
kind: Pod
metadata: {name: holder, namespace: default}
spec:
  containers:
    - name: backend
      image: docker.io/baremesh/backend:1
      imagePullPolicy: IfNotPresent
      env: [{name: NAME, value: holder}, {name: PORT, value: "8080"}]
      ports: [{containerPort: 8080, hostPort: 80}, {containerPort: 8080, hostPort: 443}]
      readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
"""
# The stand-in's, which are there without K3s; the collection knows nothing of them.
OWN = "XTABLES_LIBDIR=/usr/lib/k3s-stand-in/xtables /usr/lib/k3s-stand-in"
FOREIGN = "-A INPUT -p tcp -m tcp --dport 9999 -j ACCEPT"
MARKS = ("KUBE-", "CNI-", "FLANNEL-", "flanneld", "cbr0")


def rules(machine):
    """All rules of both families."""
    return "".join(machine.shell(f"{OWN}/xtables-nft-multi {tool}-save") for tool in ("iptables", "ip6tables"))


@pytest.fixture(scope="module", params=["/var/lib/rancher/k3s", pytest.param("/var/lib/rancher/elsewhere", marks=pytest.mark.matrix)])
def cluster(machine, variables, request):
    """A host with K3s in a data folder, a pod that holds ports 80 and 443, and a rule that the administrator made."""
    assert machine.status("command -v iptables iptables-save ip6tables ipset")[0] != 0, "this host has packages for packet rules"
    archives = [archive for archive in variables["k3s_image_archives"] if "/backend-" in archive["url"]]
    installed = runs.run({"k3s_data_dir": request.param, "k3s_image_archives": archives}, playbook=runs.ROOT / "playbooks/k3s.yml")
    assert installed.status == 0, installed.failures
    machine.shell("k3s kubectl wait --for=create --timeout=60s serviceaccount/default && k3s kubectl apply -f -", HOLDER)
    machine.shell("k3s kubectl wait --for=condition=Ready --timeout=120s pod/holder")
    machine.shell(f"{OWN}/xtables-nft-multi iptables {FOREIGN}")
    # The first as the network policy controller of K3s makes them, which the stand-in lacks.
    machine.shell(f"for name in KUBE-SRC-LAB allowed; do {OWN}/ipset create -exist $name hash:ip; done")
    machine.data_dir = request.param
    return machine


def test_ports_that_only_packet_rules_show_are_seen(cluster):
    before = rules(cluster)
    assert all(mark in before for mark in MARKS)
    assert ":80 " not in cluster.shell("ss -Hlnt"), "a listener shows the port as well"
    result = runs.run({"k3s_data_dir": cluster.data_dir}, playbook=runs.ROOT / "playbooks/host_ports.yml")
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    for port in (80, 443):
        assert f"port {port} is served by" in result.failures[0].message
    assert "the hostPort of a pod at 10.42." in result.failures[0].message
    assert "baremesh" not in cluster.shell("nft list tables")


def test_a_reset_leaves_no_rule_of_k3s_and_every_other(cluster):
    result = runs.run({"k3s_data_dir": cluster.data_dir}, "--diff", playbook=runs.ROOT / "playbooks/reset.yml")
    assert result.status == 0, result.failures
    left = rules(cluster)
    assert [mark for mark in MARKS if mark in left] == []
    assert FOREIGN in left
    assert cluster.shell(f"{OWN}/ipset list -name").split() == ["allowed"]
    assert not json.loads(cluster.shell("ip -json link show type bridge") or "[]")
    assert cluster.status(f"test -e {cluster.data_dir} -o -e /etc/rancher/k3s -o -e /usr/local/bin/k3s")[0] == 1
    again = runs.run({"k3s_data_dir": cluster.data_dir}, playbook=runs.ROOT / "playbooks/reset.yml")
    assert (again.status, again.changed) == (0, 0), again.failures
