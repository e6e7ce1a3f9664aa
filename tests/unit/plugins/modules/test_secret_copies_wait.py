# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS
from ansible_collections.baremesh.edge.plugins.modules import secret_copies_wait
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import AllNamespaces, ScriptedClock, ScriptedFeed

GIVEN = [{"name": "app", "namespace": make.NS, "copies": ["shop", "team-b"]}]


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = AllNamespaces(clock)
    monkeypatch.setattr(secret_copies_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(secret_copies_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    found.apply(SECRETS, make.secret(serial=0x2002))
    found.apply(SECRETS, make.secret(namespace="shop", serial=0x2002))
    found.apply(SECRETS, make.secret(name="other", namespace="shop", serial=0x3003))
    return found


def wait(monkeypatch, **options):
    return run(monkeypatch, secret_copies_wait, secrets=GIVEN, timeout=20, **options)


def test_a_copy_that_comes_late(monkeypatch, api):
    api.apply(SECRETS, make.secret(namespace="team-b", serial=0x1001))
    api.clock.at(7.0, lambda: api.apply(SECRETS, make.secret(namespace="team-b", serial=0x2002)))
    found = wait(monkeypatch)
    assert (found["failed"], found["elapsed"], found["msg"]) == (False, 7.0, "2 of 2 copies are in step")


def test_a_copy_that_lags_is_named_with_both_serials(monkeypatch, api):
    api.apply(SECRETS, make.secret(namespace="team-b", serial=0x1001))
    found = wait(monkeypatch)
    said = "it holds the certificate 1001, and Secret istio-ingress/app holds 2002"
    assert found["msg"].splitlines() == [
        f"Secret team-b/app is not in step: {said}",
        "Check that the controller that makes the copies runs, and that the namespace exists and is one of those it may write to.",
        "Waited 20 s.",
    ]
    assert [(each["namespace"], each["ready"]) for each in found["objects"]] == [("shop", True), ("team-b", False)]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, "it does not exist"),
        (make.secret(namespace="team-b", serial=0x2002, key="other"), "its key does not belong to its certificate"),
        (make.secret(namespace="team-b", serial=0x2002, drop=("tls.crt",)), "it has no tls.crt"),
    ],
)
def test_what_is_no_copy(monkeypatch, api, secret, said):
    if secret:
        api.apply(SECRETS, secret)
    assert wait(monkeypatch)["cause"] == f"Secret team-b/app: {said}"


def test_a_source_that_is_not_there(monkeypatch, api):
    api.apply(SECRETS, make.secret(namespace="team-b", serial=0x2002))
    api.remove(SECRETS, make.NS, "app")
    assert wait(monkeypatch)["cause"] == "Secret shop/app: its source Secret istio-ingress/app does not exist"


def test_check_mode_looks_once(monkeypatch, api):
    found = wait(monkeypatch, check=True)
    assert (found["failed"], found["elapsed"], found["cause"]) == (False, 0.0, "Secret team-b/app: it does not exist")


OWNED = [{**GIVEN[0], "owner": "ExternalSecret"}]


def owned(found, kind="ExternalSecret"):
    found["metadata"]["ownerReferences"] = [{"apiVersion": "external-secrets.io/v1", "kind": kind, "name": "app", "uid": "1"}]
    return found


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("owner", ["", "Other"])
def test_a_secret_of_others_in_the_place_of_a_copy_ends_it_at_once(monkeypatch, api, check, owner):
    api.apply(SECRETS, owned(make.secret(namespace="shop", serial=0x2002)))
    other = make.secret(namespace="team-b", serial=0x2002)
    api.apply(SECRETS, owned(other, owner) if owner else other)
    found = run(monkeypatch, secret_copies_wait, secrets=OWNED, timeout=20, check=check)
    assert (found["failed"], found["elapsed"]) == (True, 0.0)
    assert found["msg"].splitlines() == [
        "Secret team-b/app is not in step: it is of others, as no ExternalSecret owns it",
        "It is left as it is: use another name for it, or take its namespace out of copies.",
    ]


def test_a_copy_that_is_not_there_yet_is_not_of_others(monkeypatch, api):
    api.apply(SECRETS, owned(make.secret(namespace="shop", serial=0x2002)))
    found = run(monkeypatch, secret_copies_wait, secrets=OWNED, timeout=20, check=True)
    assert (found["failed"], found["lagging"]) == (False, [{"namespace": "team-b", "name": "app"}])
