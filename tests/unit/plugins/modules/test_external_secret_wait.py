# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores and secrets that are read, and each reason why they are not, as External Secrets 0.16 and OpenBao 2.7 write it."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CLUSTER_SECRET_STORES,
    EVENTS,
    EXTERNAL_SECRETS,
    SECRET_STORES,
)
from ansible_collections.baremesh.edge.plugins.modules import external_secret_wait
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, AllNamespaces, ScriptedClock, ScriptedFeed

STORE, SECRET = {"kind": "ClusterSecretStore", "name": "openbao"}, {"name": "dns", "namespace": "cert-manager"}
URL = "https://10.1.2.3:8200/v1"
LOGIN, SAID = "unable to log in to auth method: unable to log in with Kubernetes auth: ", "unable to log in with Kubernetes auth: "


def answer(method, path, code, words):
    return f"Error making API request.\n\nURL: {method} {URL}/{path}\nCode: {code}. Errors:\n\n* {words}"


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = AllNamespaces(clock)
    monkeypatch.setattr(external_secret_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(external_secret_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    return found


def condition(ready, message="", since=NOW):
    return {"type": "Ready", "status": str(ready), "reason": "X", "message": message, "lastTransitionTime": make.stamp(since)}


def put_store(api, ready=True, event="", since=NOW):
    metadata = {"name": "openbao", "generation": 1, "uid": "s"}
    found = {"metadata": metadata, "spec": {}, "status": {"conditions": [condition(ready, "unable to create client", since)]}}
    api.apply(CLUSTER_SECRET_STORES, found)
    put_event(api, "ClusterSecretStore", "", "openbao", event, since)


def put_secret(api, ready=True, event="", version="1-abc", generation=1, since=NOW):
    metadata = {"name": "dns", "namespace": "cert-manager", "generation": generation, "uid": "e"}
    spec = {"secretStoreRef": {"kind": "ClusterSecretStore", "name": "openbao"}}
    conditions = [condition(ready, "could not get secret data from provider", since)]
    api.apply(
        EXTERNAL_SECRETS, {"metadata": metadata, "spec": spec, "status": {"conditions": conditions, "syncedResourceVersion": version}}
    )
    put_event(api, "ExternalSecret", "cert-manager", "dns", event, since)


def put_event(api, kind, namespace, name, message, since):
    if message:
        about = {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}
        metadata = {"name": f"{name}.1", "namespace": namespace or "default"}
        api.apply(
            EVENTS,
            {"metadata": metadata, "involvedObject": about, "type": "Warning", "message": message, "lastTimestamp": make.stamp(since)},
        )


def wait(monkeypatch, *objects, **options):
    return run(monkeypatch, external_secret_wait, objects=list(objects), **options)


def test_both_are_ready(monkeypatch, api):
    put_store(api)
    put_secret(api)
    found = wait(monkeypatch, STORE, SECRET)
    assert (found["failed"], found["msg"]) == (False, "2 of 2 stores and secrets are ready")


@pytest.mark.parametrize(
    ("event", "said", "helps", "elapsed"),
    [
        (
            LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"),
            f"Vault is sealed (503 from PUT {URL}/auth/kubernetes/login)",
            "Unseal that server",
            10.0,
        ),
        (
            LOGIN + answer("PUT", "auth/kubernetes/login", 400, 'invalid role name "edge"'),
            f'invalid role name "edge" (400 from PUT {URL}/auth/kubernetes/login)',
            "Create that role",
            10.0,
        ),
        (
            LOGIN + answer("PUT", "auth/kubernetes/login", 403, "service account name not authorized"),
            f"service account name not authorized (403 from PUT {URL}/auth/kubernetes/login)",
            "bound_service_account_names",
            10.0,
        ),
        (
            LOGIN + f'Put "{URL}/auth/kubernetes/login": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            f'Put "{URL}/auth/kubernetes/login": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            "ca_bundle of the store",
            10.0,
        ),
        (
            LOGIN + f'Put "{URL}/auth/kubernetes/login": dial tcp 10.1.2.3:8200: connect: connection refused',
            f'Put "{URL}/auth/kubernetes/login": dial tcp 10.1.2.3:8200: connect: connection refused',
            "Pods must reach that server",
            40.0,
        ),
    ],
)
def test_the_first_line_says_why_a_store_is_not_ready(monkeypatch, api, event, said, helps, elapsed):
    put_store(api, False, event)
    found = wait(monkeypatch, STORE, timeout=40)
    first, second, *_rest = found["msg"].splitlines()
    assert first == f"ClusterSecretStore openbao is not ready: {SAID}{said}"
    assert helps in second
    assert (found["elapsed"], found["cause"]) == (elapsed, f"ClusterSecretStore openbao: {SAID}{said}")


DATA = "error processing spec.data[0] (key: dns/rfc2136), err: "


@pytest.mark.parametrize(
    ("event", "said", "helps"),
    [
        (
            DATA
            + "cannot read secret data from Vault: "
            + answer("GET", "kv/data/dns/rfc2136", 403, "1 error occurred:\n\t* permission denied\n\n"),
            f"path dns/rfc2136: permission denied (403 from GET {URL}/kv/data/dns/rfc2136)",
            "policy of that role",
        ),
        (DATA + "Secret does not exist", "path dns/rfc2136: Secret does not exist", "no secret at that path"),
        (
            DATA + 'cannot find secret data for key: "secret"',
            'path dns/rfc2136: cannot find secret data for key: "secret"',
            "no such property",
        ),
    ],
)
def test_the_first_line_says_why_a_secret_is_not_ready(monkeypatch, api, event, said, helps):
    put_store(api)
    put_secret(api, False, event)
    found = wait(monkeypatch, SECRET)
    first, second = found["msg"].splitlines()
    assert first == f"ExternalSecret cert-manager/dns is not ready: {said}"
    assert helps in second
    assert found["elapsed"] == 10.0


@pytest.mark.parametrize(
    "event",
    [
        'cannot find secret data for key: "token"',
        'cannot get Kubernetes secret "login" from namespace "external-secrets": secrets "login" not found',
    ],
)
def test_a_store_without_its_own_secret(monkeypatch, api, event):
    put_store(api, False, event)
    found = wait(monkeypatch, STORE)
    assert found["msg"].splitlines()[1] == "Create the Secret that the store names, with the key that it names."
    assert found["elapsed"] == 10.0


def test_the_store_is_named_where_it_is_the_reason(monkeypatch, api):
    put_store(api, False, LOGIN + answer("PUT", "auth/approle/login", 503, "Vault is sealed"))
    put_secret(api, False, 'ClusterSecretStore "openbao" is not ready')
    first = wait(monkeypatch, SECRET)["msg"].splitlines()[0]
    assert first.startswith(
        "ExternalSecret cert-manager/dns is not ready: ClusterSecretStore openbao is not ready: " + SAID + "Vault is sealed (503"
    )


def test_a_store_that_does_not_exist(monkeypatch, api):
    put_secret(api, False, 'could not get ClusterSecretStore "openbao", not found')
    found = wait(monkeypatch, SECRET, timeout=5)
    assert found["cause"] == "ExternalSecret cert-manager/dns: ClusterSecretStore openbao does not exist"


def test_what_is_mended_in_time_does_not_end_the_wait(monkeypatch, api):
    put_store(api, False, LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"))
    api.clock.at(9.0, lambda: put_store(api))
    assert wait(monkeypatch, STORE)["elapsed"] == 9.0


def test_another_reason_begins_its_time_anew(monkeypatch, api):
    put_store(api, False, LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"))
    later = LOGIN + answer("PUT", "auth/kubernetes/login", 400, 'invalid role name "edge"')
    api.clock.at(9.0, lambda: put_store(api, False, later, NOW + 9))
    assert wait(monkeypatch, STORE)["elapsed"] == 19.0


def test_an_event_of_an_earlier_failure_is_not_the_reason(monkeypatch, api):
    put_store(api, False, LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"), NOW - 600)
    metadata = {"name": "openbao", "generation": 1, "uid": "s"}
    api.apply(CLUSTER_SECRET_STORES, {"metadata": metadata, "status": {"conditions": [condition(False, "unable to create client", NOW)]}})
    assert wait(monkeypatch, STORE, timeout=3)["cause"] == "ClusterSecretStore openbao: unable to create client"


def test_a_secret_that_was_read_before_it_was_changed_is_not_ready(monkeypatch, api):
    put_store(api)
    put_secret(api, generation=2)
    api.clock.at(4.0, lambda: put_secret(api, version="2-abc", generation=2))
    assert wait(monkeypatch, SECRET)["elapsed"] == 4.0
    put_secret(api, generation=3, version="2-abc")
    found = wait(monkeypatch, SECRET, timeout=3)
    assert found["cause"] == "ExternalSecret cert-manager/dns: External Secrets has not observed its last change"
    assert "Check that the pods of External Secrets run" in found["msg"]


def test_an_object_that_is_new(monkeypatch, api):
    api.apply(CLUSTER_SECRET_STORES, {"metadata": {"name": "openbao", "generation": 1}, "spec": {}})
    assert wait(monkeypatch, STORE, timeout=3)["cause"] == "ClusterSecretStore openbao: External Secrets has not observed it"


def test_a_refreshed_secret_is_waited_for_until_it_was_read_again(monkeypatch, api):
    put_store(api)
    put_secret(api)
    api.clock.at(2.0, lambda: put_secret(api, version="1-def"))
    assert wait(monkeypatch, {**STORE, "before": ""}, {**SECRET, "before": "1-abc"})["elapsed"] == 2.0


def test_check_mode_looks_once(monkeypatch, api):
    put_store(api, False, LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"))
    found = wait(monkeypatch, STORE, check=True)
    assert (found["failed"], found["elapsed"]) == (False, 0.0)
    assert found["cause"].startswith(f"ClusterSecretStore openbao: {SAID}Vault is sealed")


def test_a_namespace_is_needed_for_all_but_cluster_stores(monkeypatch, api):
    assert "namespace" in wait(monkeypatch, {"name": "dns"})["msg"]


def test_what_is_known_goes_before_what_is_not(monkeypatch, api):
    metadata = {"name": "dns", "namespace": "cert-manager", "generation": 2, "uid": "e"}
    api.apply(EXTERNAL_SECRETS, {"metadata": metadata, "spec": {}})
    put_store(api, False, LOGIN + answer("PUT", "auth/kubernetes/login", 503, "Vault is sealed"))
    for order in ((SECRET, STORE), (STORE, SECRET)):
        assert "Vault is sealed" in wait(monkeypatch, *order, timeout=5)["cause"]


def test_another_condition_does_not_make_a_store_ready(monkeypatch, api):
    conditions = [{"type": "Synced", "status": "True"}, condition(False, "unable to create client"), {"type": "Written", "status": "True"}]
    api.apply(CLUSTER_SECRET_STORES, {"metadata": {"name": "openbao", "generation": 1}, "status": {"conditions": conditions}})
    assert wait(monkeypatch, STORE, timeout=3)["cause"] == "ClusterSecretStore openbao: unable to create client"
    conditions[1] = condition(True)
    api.apply(CLUSTER_SECRET_STORES, {"metadata": {"name": "openbao", "generation": 1}, "status": {"conditions": conditions[::-1]}})
    assert wait(monkeypatch, STORE)["failed"] is False


def test_a_store_of_a_namespace_is_ready_without_a_version(monkeypatch, api):
    metadata = {"name": "own", "namespace": "cert-manager", "generation": 3}
    api.apply(SECRET_STORES, {"metadata": metadata, "spec": {}, "status": {"conditions": [condition(True)]}})
    assert wait(monkeypatch, {"kind": "SecretStore", "name": "own", "namespace": "cert-manager"})["failed"] is False


@pytest.mark.parametrize("reference", [{}, {"kind": "ClusterSecretStore"}, {"kind": "VaultDynamicSecret", "name": "openbao"}])
def test_a_secret_without_one_store_for_all_its_keys(monkeypatch, api, reference):
    put_secret(api, False, "could not get secret")
    (secret,) = [each for each in api.objects.values() if each.get("kind") != "Event" and each["metadata"]["name"] == "dns"]
    api.apply(EXTERNAL_SECRETS, {**secret, "spec": {"secretStoreRef": reference}})
    assert wait(monkeypatch, SECRET, timeout=3)["cause"] == "ExternalSecret cert-manager/dns: could not get secret"
