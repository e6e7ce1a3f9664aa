# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._changes import announce, changes, table

APPLIED = {"kind": "Gateway", "namespace": "istio-ingress", "name": "app", "action": "changed"}
PRUNED = {"kind": "ClusterIssuer", "namespace": "", "name": "old"}


@pytest.mark.parametrize(
    ("module", "result", "found"),
    [
        (
            "baremesh.edge.object_apply",
            {"applied": [APPLIED, {**APPLIED, "action": "created", "name": "new"}], "pruned": [PRUNED]},
            [("change", "Gateway istio-ingress/app"), ("create", "Gateway istio-ingress/new"), ("delete", "ClusterIssuer old")],
        ),
        ("baremesh.edge.k3s_release", {"placed": ["/usr/local/bin/k3s"]}, [("write", "file /usr/local/bin/k3s")]),
        (
            "baremesh.edge.k3s_service",
            {"written": ["/etc/a"], "firewall": ["ufw allow 1"], "action": "restart"},
            [("write", "file /etc/a"), ("set", "firewall: ufw allow 1"), ("restart", "K3s")],
        ),
        ("baremesh.edge.k3s_service", {"written": ["/etc/a"], "action": "none"}, [("write", "file /etc/a")]),
        ("baremesh.edge.host_ports", {"files_written": ["/etc/b"], "drift": ["x"]}, [("write", "file /etc/b")]),
        (
            "baremesh.edge.host_ports_firewall",
            {"opened": ["80/tcp"], "closed": ["81/tcp"]},
            [("open", "firewall: 80/tcp"), ("close", "firewall: 81/tcp")],
        ),
        ("ansible.builtin.copy", {"dest": "/etc/c", "diff": [{"after": "secret"}]}, [("write", "file /etc/c")]),
        ("ansible.builtin.debug", {"msg": "Would upgrade Helm release istiod: values.a changes"}, [("upgrade", "Helm release istiod")]),
        ("ansible.builtin.debug", {"msg": ["Would install a", "Other"]}, [("install", "a")]),
        ("debug", {"msg": []}, []),
        ("baremesh.edge.sds_primer", {"msg": "Would make a primer for app"}, []),
        # What names nothing is not passed over.
        ("kubernetes.core.helm", {"censored": "the output has been hidden"}, [("run", "task Do it")]),
        ("baremesh.edge.object_apply", {"applied": [], "pruned": []}, [("run", "task Do it")]),
    ],
)
def test_a_result_says_what_it_changes(module, result, found):
    assert changes("Do it", module, {**result, "changed": True}) == found
    assert changes("Do it", module, {**result, "changed": False}) == changes("Do it", module, result) == []


def test_each_item_of_a_loop_is_read():
    items = [{"changed": True, "dest": "/a"}, {"changed": False, "dest": "/b"}, {"changed": True, "path": "/c"}]
    assert changes("Do it", "ansible.builtin.template", {"changed": True, "results": items}) == [("write", "file /a"), ("write", "file /c")]


def test_definitions_are_announced_by_name_alone():
    release = {"namespace": "istio-system", "chart": "base", "chart_version": "1.31.1", "values": {"password": "secret"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "stringData": {"a": "secret"}}
    assert announce([{**release, "name": "istio-base"}, {**release, "name": "istiod", "chart": "istiod"}, secret], "/charts") == [
        "Would create Namespace istio-system",
        "Would install Helm release istio-base: chart base 1.31.1 from /charts",
        "Would install Helm release istiod: chart istiod 1.31.1 from /charts",
        "Would create Secret n/s",
    ]


def test_a_table_has_columns_and_none_without_changes():
    rows = [
        {"host": "edge1", "phase": "k3s", "action": "write", "object": "file /a"},
        {"host": "e2", "phase": "host_ports", "action": "run", "object": "b"},
    ]
    assert table(rows) == ["HOST   PHASE       ACTION  OBJECT", "edge1  k3s         write   file /a", "e2     host_ports  run     b"]
    assert table([]) == []
