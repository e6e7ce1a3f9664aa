# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.modules import certificate_renew
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, status


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(certificate_renew, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(certificate_renew, "SystemClock", lambda: clock)
    found.apply(kinds.CERTIFICATES, make.certificate(revision=3))
    found.apply(kinds.SECRETS, make.secret())
    return found


def puts(api):
    return [r for r in api.requests if r[0] == "PUT"]


def test_it_sets_the_condition_that_cmctl_sets(monkeypatch, api):
    found = run(monkeypatch, certificate_renew, namespace=make.NS, names=["app"])
    assert found["changed"] is True
    assert found["renewed_since"] == {"app": 3}
    assert found["certificates"] == [{"name": "app", "namespace": make.NS, "asked": True, "revision": 3, "serial": "1001"}]
    _method, path, _query, body = puts(api)[0]
    assert path.endswith("/namespaces/istio-ingress/certificates/app/status")
    assert [c["type"] for c in body["status"]["conditions"]] == ["Ready", "Issuing"]
    issuing = body["status"]["conditions"][1]
    assert (issuing["status"], issuing["reason"]) == ("True", "ManuallyTriggered")
    assert issuing["observedGeneration"] == 1
    assert issuing["lastTransitionTime"] == make.stamp(NOW)
    assert body["metadata"]["resourceVersion"]


def test_check_mode_writes_nothing_and_says_it_would(monkeypatch, api):
    found = run(monkeypatch, certificate_renew, check=True, namespace=make.NS, names=["app"])
    assert found["changed"] is True
    assert found["certificates"][0]["asked"] is True
    assert puts(api) == []


def test_one_that_is_being_issued_is_left_alone(monkeypatch, api):
    api.apply(kinds.CERTIFICATES, make.certificate(conditions=[make.READY, make.ISSUING], revision=3))
    found = run(monkeypatch, certificate_renew, namespace=make.NS, names=["app"])
    assert found["changed"] is False
    assert found["renewed_since"] == {"app": 3}
    assert puts(api) == []


def test_a_conflict_is_read_again(monkeypatch, api):
    api.fail("/status", status(409, "Conflict", "the object has been modified"), times=2)
    assert run(monkeypatch, certificate_renew, namespace=make.NS, names=["app"])["changed"] is True
    assert len(puts(api)) == 3


def test_a_missing_name_is_found_before_anything_is_touched(monkeypatch, api):
    found = run(monkeypatch, certificate_renew, namespace=make.NS, names=["app", "ghost"])
    assert found["failed"] is True
    assert found["msg"] == "There is no Certificate ghost in namespace istio-ingress"
    assert puts(api) == []


def test_a_failed_attempt_without_secret_can_be_asked_for_again(monkeypatch, api):
    failed = make.condition("Issuing", "False", "Failed", "boom")
    api.apply(kinds.CERTIFICATES, make.certificate("new", conditions=[make.MISSING, failed]))
    found = run(monkeypatch, certificate_renew, namespace=make.NS, names=["new"])
    assert found["certificates"][0] == {"name": "new", "namespace": make.NS, "asked": True, "revision": 0, "serial": ""}


def test_a_failure_does_not_say_that_nothing_was_asked_for(monkeypatch, api):
    found = run(monkeypatch, certificate_renew, namespace=make.NS, names=["app", "gone"])
    assert found["failed"] is True
    assert "gone" in found["msg"]
    assert {"certificates", "renewed_since"}.isdisjoint(found)
