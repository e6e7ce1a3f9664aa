# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DAEMON_SETS, DEPLOYMENTS
from ansible_collections.baremesh.edge.plugins.modules import rollout_wait
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed

WORKLOADS = [{"name": "web", "namespace": "default"}, {"kind": "DaemonSet", "name": "agent", "namespace": "kube-system"}]
READY = {
    "Deployment": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    "DaemonSet": {"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1},
}


class AllNamespaces(FakeApi):
    """Answers for all namespaces at once, as the API server does for a path without one."""

    def select(self, path, query):
        if "/namespaces/" in path:
            return super().select(path, query)
        plural = path.rsplit("/", 1)[1]
        return [found for (p, _name), found in sorted(self.objects.items()) if p.endswith("/" + plural)]


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = AllNamespaces(clock)
    monkeypatch.setattr(rollout_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(rollout_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    return found


def put(api, kind, namespace, name):
    metadata = {"name": name, "namespace": namespace, "generation": 1}
    api.apply({each.kind: each for each in (DEPLOYMENTS, DAEMON_SETS)}[kind], {"metadata": metadata, "spec": {}, "status": READY[kind]})


def test_several_kinds_in_several_namespaces(monkeypatch, api):
    put(api, "Deployment", "default", "web")
    put(api, "DaemonSet", "kube-system", "agent")
    found = run(monkeypatch, rollout_wait, workloads=WORKLOADS)
    assert (found["failed"], found["cause"]) == (False, None)
    assert [entry["ready"] for entry in found["workloads"]] == [True, True]


def test_a_failure_has_the_same_keys_and_the_cause_first(monkeypatch, api):
    put(api, "Deployment", "default", "web")
    found = run(monkeypatch, rollout_wait, workloads=WORKLOADS, timeout=7)
    assert found["msg"] == "DaemonSet kube-system/agent is not rolled out: it does not exist\nWaited 7 s."
    assert {"workloads", "cause", "chain", "elapsed", "observations", "requests", "retry_at"} <= set(found)
    assert [entry["ready"] for entry in found["workloads"]] == [True, False]


def test_check_mode_looks_once_and_does_not_fail(monkeypatch, api):
    found = run(monkeypatch, rollout_wait, check=True, workloads=WORKLOADS)
    assert (found["failed"], found["elapsed"]) == (False, 0.0)
    assert found["cause"] == "Deployment default/web: it does not exist"
