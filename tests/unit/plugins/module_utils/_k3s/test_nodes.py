# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import nodes

VERSION = "v1.34.4+k3s1"
REPORT = "2026-11-21T08:38:57Z"
REPORTED_AT = 1795250337.0


def node(status="True", version=VERSION, labels=None, taints=None, voter=None, **ready):
    conditions = [{"type": "MemoryPressure", "status": "False"}]
    if status:
        conditions.append({"type": "Ready", "status": status, "lastHeartbeatTime": REPORT, **ready})
    if voter:
        conditions.append({"type": "EtcdIsVoter", **voter})
    return {
        "metadata": {"name": "edge1", "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {
            "conditions": conditions,
            "nodeInfo": {"kubeletVersion": version},
            "addresses": [{"type": "Hostname", "address": "edge1"}, {"type": "InternalIP", "address": "192.0.2.10"}],
        },
    }


def test_a_ready_node_of_the_right_version_is_ready():
    assert nodes.why_not_ready(node(), VERSION, "edge1") is None
    assert nodes.why_not_ready(node(version="other"), None, "edge1") is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (None, "has no Node 'edge1'"),
        (node(status=""), "has not reported"),
        (node(status="False", message="cni plugin not initialized"), "not Ready: cni plugin not initialized"),
        (node(status="Unknown", reason="NodeStatusUnknown"), "NodeStatusUnknown"),
        (node(version="v1.33.1+k3s1"), "still reports the kubelet version v1.33.1+k3s1"),
        (node(taints=[{"key": "node.cloudprovider.kubernetes.io/uninitialized"}]), "cloud controller"),
        (node(labels={"node-role.kubernetes.io/etcd": "true"}, voter={"status": "False", "reason": "MemberIsLearner"}), "MemberIsLearner"),
    ],
)
def test_why_a_node_is_not_ready(given, why):
    assert why in nodes.why_not_ready(given, VERSION, "edge1")


def test_an_etcd_member_that_votes_is_ready():
    member = node(labels={"node-role.kubernetes.io/etcd": "true"}, voter={"status": "True", "reason": "MemberNotLearner"})
    assert nodes.why_not_ready(member, VERSION, "edge1") is None


def test_a_report_from_before_the_start_does_not_count():
    assert "has not reported since" in nodes.why_not_ready(node(), VERSION, "edge1", REPORTED_AT + 1)
    assert nodes.why_not_ready(node(), VERSION, "edge1", REPORTED_AT + 0.9) is None, "the API keeps whole seconds"


def test_a_condition_without_a_time_is_old():
    assert nodes.why_not_ready(node(lastHeartbeatTime=None), VERSION, "edge1", 5.0) is not None


def test_the_internal_address():
    assert nodes.internal_address(node()) == "192.0.2.10"
    assert nodes.internal_address({}) is None


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(nodes.platform, "node", lambda: "Edge1")
    (tmp_path / "etc/rancher/k3s/config.yaml.d").mkdir(parents=True)
    (tmp_path / "etc/rancher/node").mkdir()
    (tmp_path / "etc/default").mkdir()
    return tmp_path


def test_a_node_is_named_in_lower_case(root):
    assert nodes.own_node_name(None, str(root)) == "edge1"
    assert nodes.own_node_name("Given", str(root)) == "given"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"etc/rancher/k3s/config.yaml": "node-name: Other\n"}, "other"),
        ({"etc/rancher/k3s/config.yaml": '"node-name": "Other" # why\nnode-label: [a=b]\n'}, "other"),
        ({"etc/rancher/k3s/config.yaml": "kubelet-arg:\n  - node-name: no\n"}, "edge1"),
        ({"etc/rancher/k3s/config.yaml": "with-node-id: true\n", "etc/rancher/node/id": "1a2b3c4d\n"}, "edge1-1a2b3c4d"),
        ({"etc/rancher/k3s/config.yaml": "with-node-id: false\n", "etc/rancher/node/id": "1a2b3c4d"}, "edge1"),
        ({"etc/rancher/k3s/config.yaml": "with-node-id: true\n"}, "edge1"),
        (
            {"etc/rancher/k3s/config.yaml": "node-name: a\n", "etc/rancher/k3s/config.yaml.d/9.yaml": "node-name: b\nwith-node-id: true\n"}
            | {"etc/rancher/node/id": "1a2b3c4d"},
            "b-1a2b3c4d",
        ),
        ({"etc/rancher/k3s/config.yaml.d/9.yaml.old": "node-name: b\n"}, "edge1"),
        ({"etc/default/k3s": 'K3S_NODE_NAME="Env"\n'}, "env"),
        ({"etc/default/k3s": "K3S_NODE_NAME=env\n", "etc/rancher/k3s/config.yaml": "node-name: own\n"}, "own"),
    ],
)
def test_a_name_comes_from_where_k3s_takes_it(root, files, name):
    for path, text in files.items():
        (root / path).write_text(text)
    assert nodes.own_node_name(None, str(root)) == name
