# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import NAMESPACES, PEER_AUTHENTICATIONS, PODS, SERVICES
from ansible_collections.baremesh.edge.plugins.modules import mesh_info
from ansible_collections.baremesh.edge.plugins.modules.mesh_info import EdgeModule
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

OURS = {"baremesh.edge/mesh": "default", "istio-injection": "enabled"}


@pytest.fixture
def api(monkeypatch):
    found = FakeApi(ScriptedClock())
    monkeypatch.setattr(mesh_info, "open_transport", lambda params: found)
    return found


@pytest.fixture
def look(monkeypatch, api):
    """A function that returns the module's result and its warnings."""

    def call(*entries, **options):
        said = []
        monkeypatch.setattr(EdgeModule, "warn", lambda _self, warning, **_more: said.append(warning))
        result = run(monkeypatch, mesh_info, namespaces=[{"name": "shop", **entry} for entry in entries], **options)
        return result, said

    return call


def space(api, name="shop", applied=(), **labels):
    labels = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    fields = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in applied}}}
    managed = [{"manager": "baremesh.edge", "operation": "Apply", "fieldsV1": fields}] if applied else []
    metadata = {"name": name, "labels": {**labels, **{key: OURS.get(key, "yes") for key in applied}}, "managedFields": managed}
    api.apply(NAMESPACES, {"metadata": metadata})


def pod(api, name="till-5d8-x", sidecar=None, namespace="shop", owner=("ReplicaSet", "till-5d8"), phase="Running", spec=None, **metadata):
    proxy = {"name": "istio-proxy"}
    parts = {"native": {"initContainers": [{**proxy, "restartPolicy": "Always"}]}, "container": {"containers": [proxy]}}.get(sidecar, {})
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    labels = {"pod-template-hash": "5d8", **metadata.pop("labels", {})}
    metadata = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owners, **metadata}
    api.apply(PODS, {"metadata": metadata, "spec": {**parts, **(spec or {})}, "status": {"phase": phase}})


def test_a_namespace_that_does_not_exist_is_made(look):
    result, said = look({})
    assert (result["failed"], result["changed"], said) == (False, False, [])
    assert result["namespaces"] == [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": OURS}}]


def test_other_labels_that_earlier_runs_applied_stay_and_those_of_others_are_left_alone(api, look):
    space(api, applied=["team", "istio-injection"], owner="ops")
    (made,) = look({})[0]["namespaces"]
    assert made["metadata"]["labels"] == {"team": "yes", **OURS}


def test_without_injection_the_label_goes(api, look):
    space(api, applied=list(OURS))
    (made,) = look({"injection": False})[0]["namespaces"]
    assert made["metadata"]["labels"] == {"baremesh.edge/mesh": "default"}


def test_a_namespace_that_is_no_longer_listed_loses_the_labels(monkeypatch, api, look):
    space(api, applied=[*OURS, "team"])
    space(api, "store", applied=list(OURS))
    space(api, "theirs", **{"baremesh.edge__mesh": "other"})
    space(api, "free")
    result = run(monkeypatch, mesh_info, namespaces=[])
    assert [each["metadata"] for each in result["namespaces"]] == [{"name": "shop", "labels": {"team": "yes"}}, {"name": "store"}]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"istio_injection": "disabled"}, "the namespace has the label istio-injection: disabled, which is not of this collection"),
        (
            {"istio.io__rev": "canary"},
            "the namespace has the label istio.io/rev: canary, and istio-injection would make another istiod inject",
        ),
        ({"baremesh.edge__mesh": "north"}, "the namespace is on the list of installation 'north'"),
    ],
)
def test_labels_of_others(api, look, labels, said):
    space(api, **labels)
    result, _said = look({})
    assert result["failed"]
    assert result["msg"].startswith(f"edge_mesh (shop): {said}")


@pytest.mark.parametrize(
    "labels", [{"istio_injection": "enabled"}, {"istio_injection": "enabled", "istio.io__rev": "canary"}, {"team": "a"}]
)
def test_labels_of_others_that_say_the_same(api, look, labels):
    space(api, **labels)
    assert not look({})[0]["failed"]


@pytest.mark.parametrize("labels", [{"istio_injection": "disabled"}, {"istio.io__rev": "canary"}])
def test_labels_of_others_count_where_nothing_is_to_be_injected(api, look, labels):
    space(api, **labels)
    assert not look({"injection": False})[0]["failed"]


def test_pods_without_a_sidecar_are_named_with_the_command(api, look):
    space(api, applied=list(OURS))
    pod(api)
    pod(api, "stock-0", owner=("StatefulSet", "stock"))
    pod(api, "shell", owner=None)
    pod(api, "good", sidecar="native")
    result, said = look({})
    (warning,) = said
    assert warning == (
        "edge_mesh (shop): pods shell, stock-0, till-5d8-x run without a sidecar, since they are older than the label; kubectl rollout "
        "restart deployment/till --namespace shop; kubectl rollout restart statefulset/stock --namespace shop; make shell anew"
    )
    assert {each["pod"]: each["sidecar"] for each in result["pods"]} == {
        **dict.fromkeys(("till-5d8-x", "stock-0", "shell"), "none"),
        "good": "native",
    }


@pytest.mark.parametrize(
    "other",
    [
        {"sidecar": "native"},
        {"sidecar": "container"},
        {"annotations": {"ambient.istio.io/redirection": "enabled"}},
        {"labels": {"sidecar.istio.io/inject": "false"}},
        {"annotations": {"sidecar.istio.io/inject": "false"}},
        {"spec": {"hostNetwork": True}},
        {"phase": "Succeeded"},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"namespace": "elsewhere"},
    ],
)
def test_pods_that_are_as_they_should_be(api, look, other):
    space(api, applied=list(OURS))
    pod(api, **other)
    assert look({})[1] == []


def test_who_can_no_longer_connect_is_named_before_it_is_so(api, look):
    space(api, applied=list(OURS))
    pod(api, "scrape", namespace="monitoring")
    pod(api, "dns", namespace="kube-system")
    pod(api, "istiod", namespace="istio-system")
    pod(api, "gateway", namespace="istio-ingress", sidecar="container")
    api.apply(SERVICES, {"metadata": {"name": "till", "namespace": "shop"}, "spec": {"type": "NodePort"}})
    cut = "edge_mesh (shop): with mtls STRICT pods without a sidecar cannot connect to it any more: "
    cut += "monitoring/scrape; with PERMISSIVE they can"
    outside = "edge_mesh (shop): with mtls STRICT nothing from outside can connect to its Services till past a gateway"
    assert look({"mtls": "STRICT"})[1] == [cut, outside]
    assert look({"mtls": "STRICT", "callers": ["web"]})[1] == [outside]
    assert look({"mtls": "PERMISSIVE"})[1] == []
    policy(api, "baremesh-mesh", "STRICT", {"app.kubernetes.io/component": "mesh"})
    assert look({"mtls": "STRICT"})[1] == []


def policy(api, name, mode, labels=None, selector=None):
    spec = {"mtls": {"mode": mode}, **({"selector": {"matchLabels": selector}} if selector else {})}
    api.apply(PEER_AUTHENTICATIONS, {"metadata": {"name": name, "namespace": "shop", "labels": labels or {}}, "spec": spec})


def test_a_policy_of_others_that_says_something_else(api, look):
    space(api)
    policy(api, "default", "PERMISSIVE")
    result, _said = look({"mtls": "STRICT"})
    assert result["msg"].startswith("edge_mesh (shop): mtls is STRICT, and PeerAuthentication default of the namespace says PERMISSIVE")


@pytest.mark.parametrize(("mode", "selector"), [("STRICT", None), ("DISABLE", {"app": "legacy"})])
def test_a_policy_of_others_that_does_not(api, look, mode, selector):
    space(api)
    policy(api, "default", mode, selector=selector)
    assert not look({"mtls": "STRICT"})[0]["failed"]
    assert not look({})[0]["failed"]


def test_an_api_that_cannot_be_asked(monkeypatch):
    options = {"namespaces": [{"name": "shop"}], "kubeconfig": "/nonexistent"}
    assert run(monkeypatch, mesh_info, **options)["failed"]
    found = run(monkeypatch, mesh_info, check=True, **options)
    assert found["msg"].startswith("Would look at namespaces and pods")
