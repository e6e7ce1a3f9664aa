# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_check import NAMESPACES
from ansible_collections.baremesh.edge.plugins.modules import helm_release_check
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, status

RELEASE = {"name": "istiod", "namespace": "istio-system", "chart": "istiod", "chart_version": "1.31.1"}


def api_of(monkeypatch):
    clock = ScriptedClock()
    api = FakeApi(clock)
    monkeypatch.setattr(helm_release_check, "open_client", lambda params: (KubeClient(api, clock), None))
    return api


def test_a_release_that_is_not_there(monkeypatch):
    api_of(monkeypatch)
    found = run(monkeypatch, helm_release_check, releases=[RELEASE])
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
    plain = run(monkeypatch, helm_release_check, releases=[RELEASE])
    assert run(monkeypatch, helm_release_check, check=True, releases=[RELEASE]) == plain


def test_a_refusal_is_told(monkeypatch):
    api = api_of(monkeypatch)
    api.apply(NAMESPACES, {"metadata": {"name": "istio-system"}})
    api.fail("/secrets", status(403, "Forbidden", "secrets is forbidden"))
    found = run(monkeypatch, helm_release_check, releases=[RELEASE])
    assert found["failed"] is True
    assert found["msg"] == "Could not list secrets in namespace istio-system: HTTP 403 Forbidden: secrets is forbidden"


def test_a_record_that_cannot_be_read_is_told(monkeypatch):
    api = api_of(monkeypatch)
    api.apply(NAMESPACES, {"metadata": {"name": "istio-system"}})
    labels = {"owner": "helm", "name": "istiod", "status": "deployed", "version": "1"}
    api.apply(SECRETS, {"metadata": {"name": "x", "namespace": "istio-system", "labels": labels}, "data": {}})
    found = run(monkeypatch, helm_release_check, releases=[RELEASE])
    assert found["msg"] == "Secret istio-system/x is not a Helm release: KeyError: 'release'"
