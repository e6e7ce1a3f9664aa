# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DEPLOYMENTS, NAMESPACES, SECRETS
from ansible_collections.baremesh.edge.plugins.modules import cluster_compare
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed, status

RELEASE = {"name": "istiod", "namespace": "istio-system", "chart": "istiod", "chart_version": "1.31.1"}


def api_of(monkeypatch):
    clock = ScriptedClock()
    api = FakeApi(clock)
    monkeypatch.setattr(cluster_compare, "open_transport", lambda params: api)
    monkeypatch.setattr(cluster_compare, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    return api


def test_a_release_that_is_not_there(monkeypatch):
    api_of(monkeypatch)
    found = run(monkeypatch, cluster_compare, releases=[RELEASE])
    assert (found["failed"], found["changed"]) == (False, False)
    assert found["missing_namespaces"] == ["istio-system"]
    assert found["pending"] == found["releases"]
    assert found["releases"][0] == {
        **RELEASE,
        "action": "install",
        "status": "",
        "revision": 0,
        "record": "",
        "differences": [],
    }


def test_check_mode_is_the_same(monkeypatch):
    api_of(monkeypatch)
    plain = run(monkeypatch, cluster_compare, releases=[RELEASE])
    assert run(monkeypatch, cluster_compare, check=True, releases=[RELEASE]) == plain


WORKLOAD = {"metadata": {"name": "istiod", "namespace": "istio-system", "generation": 1}, "spec": {}}
AVAILABLE = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


@pytest.mark.parametrize(
    ("status_now", "installed", "expected"),
    [(AVAILABLE, True, True), ({"observedGeneration": 1, "replicas": 1}, True, False), (AVAILABLE, False, False)],
)
def test_nothing_is_left_to_wait_for(monkeypatch, status_now, installed, expected):
    api = api_of(monkeypatch)
    api.apply(DEPLOYMENTS, dict(WORKLOAD, status=status_now))
    definitions = [] if installed else [RELEASE]
    found = run(monkeypatch, cluster_compare, releases=definitions, workloads=[{"name": "istiod", "namespace": "istio-system"}])
    assert found["rolled_out"] is expected


def test_without_workloads_nothing_is_known_of_them(monkeypatch):
    api_of(monkeypatch)
    assert run(monkeypatch, cluster_compare, releases=[])["rolled_out"] is False


def test_a_refusal_is_told(monkeypatch):
    api = api_of(monkeypatch)
    api.apply(NAMESPACES, {"metadata": {"name": "istio-system"}})
    api.fail("/secrets", status(403, "Forbidden", "secrets is forbidden"))
    found = run(monkeypatch, cluster_compare, releases=[RELEASE])
    assert found["failed"] is True
    assert found["msg"] == "Could not list secrets in namespace istio-system: HTTP 403 Forbidden: secrets is forbidden"


def test_a_record_that_cannot_be_read_is_told(monkeypatch):
    api = api_of(monkeypatch)
    api.apply(NAMESPACES, {"metadata": {"name": "istio-system"}})
    labels = {"owner": "helm", "name": "istiod", "status": "deployed", "version": "1"}
    api.apply(SECRETS, {"metadata": {"name": "x", "namespace": "istio-system", "labels": labels}, "data": {}})
    found = run(monkeypatch, cluster_compare, releases=[RELEASE])
    assert found["msg"] == "Secret istio-system/x is not a Helm release: KeyError: 'release'"
