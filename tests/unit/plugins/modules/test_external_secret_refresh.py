# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES
from ansible_collections.baremesh.edge.plugins.modules import external_secret_refresh
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, AllNamespaces, ScriptedClock

STORE, SECRET = {"kind": "ClusterSecretStore", "name": "openbao"}, {"name": "dns", "namespace": "cert-manager"}
ABSENT = {"name": "absent", "namespace": "cert-manager"}


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = AllNamespaces(clock)
    monkeypatch.setattr(external_secret_refresh, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(external_secret_refresh, "SystemClock", lambda: clock)
    found.apply(CLUSTER_SECRET_STORES, made("openbao", "", "True"))
    return found


def made(name, namespace, ready):
    metadata = {"name": name, "generation": 1, "uid": f"uid-{name}", **({"namespace": namespace} if namespace else {})}
    status = {"conditions": [{"type": "Ready", "status": ready}], "syncedResourceVersion": "1-abc"}
    return {"metadata": metadata, "spec": {}, "status": status}


def patches(api):
    return [(path, body["metadata"]) for method, path, _query, body in api.requests if method == "PATCH"]


def refresh(monkeypatch, *objects, **options):
    return run(monkeypatch, external_secret_refresh, objects=list(objects), **options)


def test_only_what_failed_is_asked_for(monkeypatch, api):
    api.apply(EXTERNAL_SECRETS, made("dns", "cert-manager", "False"))
    found = refresh(monkeypatch, STORE, SECRET, ABSENT)
    assert (found["changed"], [each["name"] for each in found["objects"]]) == (True, ["dns"])
    ((path, metadata),) = patches(api)
    assert path.endswith("/namespaces/cert-manager/externalsecrets/dns")
    # One that was deleted meanwhile is not made anew.
    assert (metadata["annotations"], metadata["uid"]) == ({"force-sync": str(NOW)}, "uid-dns")
    api.apply(EXTERNAL_SECRETS, made("dns", "cert-manager", "True"))
    assert refresh(monkeypatch, STORE, SECRET)["changed"] is False


def test_all_are_asked_for_with_their_versions_before(monkeypatch, api):
    api.apply(EXTERNAL_SECRETS, made("dns", "cert-manager", "True"))
    found = refresh(monkeypatch, STORE, SECRET, only_failed=False)
    assert [(each["kind"], each["namespace"], each["before"]) for each in found["objects"]] == [
        ("ClusterSecretStore", "", "1-abc"),
        ("ExternalSecret", "cert-manager", "1-abc"),
    ]


def test_check_mode_says_what_it_would_do(monkeypatch, api):
    api.apply(EXTERNAL_SECRETS, made("dns", "cert-manager", "False"))
    found = refresh(monkeypatch, SECRET, check=True)
    assert (found["changed"], len(found["objects"])) == (True, 1)
    assert [query.get("dryRun") for method, _path, query, _body in api.requests if method == "PATCH"] == ["All"]


def test_no_other_object_is_asked_for(monkeypatch, api):
    """One of the same name in another namespace, or of another kind, is another."""
    for namespace in ("cert-manager", "mail"):
        api.apply(EXTERNAL_SECRETS, made("dns", namespace, "False"))
        api.apply(SECRET_STORES, made("dns", namespace, "False"))
    api.apply(EXTERNAL_SECRETS, made("smtp", "cert-manager", "False"))
    refresh(monkeypatch, SECRET)
    assert [path.partition("/namespaces/")[2] for path, _metadata in patches(api)] == ["cert-manager/externalsecrets/dns"]
    api.requests.clear()
    found = refresh(monkeypatch, SECRET, {"kind": "SecretStore", **SECRET})
    assert {each["kind"] for each in found["objects"]} == {"ExternalSecret", "SecretStore"}
    assert len(patches(api)) == 2
