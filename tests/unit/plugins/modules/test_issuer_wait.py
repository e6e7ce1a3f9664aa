# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CLUSTER_ISSUERS
from ansible_collections.baremesh.edge.plugins.modules import issuer_wait
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed

REFUSED = "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: contact email has invalid domain"
UNREACHABLE = 'Failed to register ACME account: Get "https://10.0.0.9/dir": dial tcp 10.0.0.9:443: connect: connection refused'


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(issuer_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(issuer_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    return found


def issuer(ready="True", reason="ACMEAccountRegistered", message="", generation=1, observed=1):
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message, "observedGeneration": observed}
    return {"metadata": {"name": "lab", "uid": "i", "generation": generation}, "status": {"conditions": [condition]}}


def wait(monkeypatch, **options):
    return run(monkeypatch, issuer_wait, issuers=[{"name": "lab"}], **options)


def test_ready_when_the_event_comes(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "ErrRegisterACMEAccount", UNREACHABLE))
    api.clock.at(9.0, lambda: api.apply(CLUSTER_ISSUERS, issuer()))
    found = wait(monkeypatch)
    assert (found["failed"], found["elapsed"], found["issuers"][0]["ready"]) == (False, 9.0, True)
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("found", "expected", "elapsed"),
    [
        (issuer("False", "ErrRegisterACMEAccount", REFUSED), REFUSED, 0.0),
        (issuer("False", "InvalidConfig", "no solver"), "no solver", 0.0),
        (issuer("False", "ErrRegisterACMEAccount", UNREACHABLE), UNREACHABLE, 20.0),
        (
            issuer("False", "ErrRegisterACMEAccount", "400 urn:ietf:params:acme:error:badNonce: x"),
            "400 urn:ietf:params:acme:error:badNonce: x",
            20.0,
        ),
        (issuer(generation=2), "cert-manager has not observed its last change", 20.0),
        ({"metadata": {"name": "lab", "uid": "i", "generation": 1}}, "cert-manager has not observed it", 20.0),
    ],
)
def test_what_cannot_heal_ends_the_wait_and_what_can_does_not(monkeypatch, api, found, expected, elapsed):
    api.apply(CLUSTER_ISSUERS, found)
    result = wait(monkeypatch, timeout=20)
    assert result["failed"] is True
    assert result["cause"] == f"ClusterIssuer lab: {expected}"
    assert result["elapsed"] == elapsed


def test_fail_fast_can_be_turned_off(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "InvalidConfig", "no solver"))
    assert wait(monkeypatch, timeout=20, fail_fast=False)["elapsed"] == 20.0


def test_one_that_never_appears(monkeypatch, api):
    found = wait(monkeypatch, timeout=3)
    assert found["msg"] == "ClusterIssuer lab is not ready: it does not exist\nWaited 3 s."
    assert found["chain"] == [{"kind": "ClusterIssuer", "name": "lab", "state": "Absent", "reason": "", "message": "it does not exist"}]


def test_what_helps_follows_the_first_line(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "ErrRegisterACMEAccount", REFUSED))
    assert wait(monkeypatch)["msg"].splitlines() == [
        f"ClusterIssuer lab is not ready: {REFUSED}",
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it).",
    ]


def test_an_api_that_stays_away_is_the_cause(monkeypatch, api):
    api.fail("/", "lost", times=10**6)
    found = wait(monkeypatch, timeout=3)
    away = "The Kubernetes API at https://fake cannot be reached: connection refused"
    assert (found["msg"].splitlines()[0], found["cause"]) == (f"ClusterIssuer lab is not ready: {away}", away)
    assert found["issuers"][0]["cause"] == away


def test_check_mode_looks_once_and_does_not_fail(monkeypatch, api):
    found = wait(monkeypatch, check=True)
    assert (found["failed"], found["elapsed"], found["cause"]) == (False, 0.0, "ClusterIssuer lab: it does not exist")
    assert found["msg"] == "Would wait: ClusterIssuer lab is not ready: it does not exist"
