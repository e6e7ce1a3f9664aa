# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS, SECRETS, Resource
from ansible_collections.baremesh.edge.plugins.module_utils._workload import prune as kube_prune
from ansible_collections.baremesh.edge.plugins.modules import object_apply
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed, answer, status

NS = "istio-ingress"
LABELS = {"managed-by": "us"}
KINDS = [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}]


class Api(FakeApi):
    known = True
    #: As with finalizers: a deletion only begins with the request.
    slow = False

    def request(self, method, path, query, body, content_type, timeout):
        if method == "DELETE" and self.slow:
            return answer(200, {})
        if method == "GET" and path == "/apis/networking.istio.io/v1":
            kinds = {"resources": [{"name": "gateways", "kind": "Gateway", "namespaced": True}]}
            return answer(200, kinds) if self.known else status(404, "NotFound", "page not found")
        if method == "GET" and path in ("/api/v1", "/apis/apiextensions.k8s.io/v1"):
            core = {"name": "secrets", "kind": "Secret", "namespaced": True}
            crds = {"name": "customresourcedefinitions", "kind": "CustomResourceDefinition", "namespaced": False}
            return answer(200, {"resources": [core if path == "/api/v1" else crds]})
        return super().request(method, path, query, body, content_type, timeout)


@pytest.fixture
def api(monkeypatch):
    found = Api(ScriptedClock())
    monkeypatch.setattr(object_apply, "open_transport", lambda params: found)
    monkeypatch.setattr(object_apply, "SystemClock", lambda: found.clock)
    monkeypatch.setattr(kube_prune, "ThreadFeed", lambda: ScriptedFeed(found.clock))
    for name, labels in (("app", LABELS), ("old", LABELS), ("foreign", {"managed-by": "others"})):
        found.apply(GATEWAYS, {"metadata": {"name": name, "namespace": NS, "labels": labels}})
    return found


def prune(monkeypatch, **options):
    keep = [{"kind": "Gateway", "metadata": {"name": "app", "namespace": NS}}]
    check = options.pop("check", False)
    options = {"kinds": KINDS, "namespace": NS, "labels": LABELS, "keep": keep, **options}
    return run(monkeypatch, object_apply, check=check, objects=[], prune=options, _ansible_diff=True)


def names(api):
    return sorted(name for _path, name in api.objects)


def test_only_what_has_the_labels_and_is_not_kept(monkeypatch, api):
    found = prune(monkeypatch)
    assert found["changed"] is True
    assert found["pruned"] == [{"kind": "Gateway", "namespace": NS, "name": "old"}]
    assert [(each["before_header"], each["after"]) for each in found["diff"]] == [(f"Gateway {NS}/old", "")]
    assert names(api) == ["app", "foreign"]
    assert prune(monkeypatch)["changed"] is False


def test_check_mode_names_and_deletes_nothing(monkeypatch, api):
    found = prune(monkeypatch, check=True)
    assert (found["changed"], len(found["pruned"])) == (True, 1)
    assert names(api) == ["app", "foreign", "old"]


def test_one_of_the_same_name_elsewhere_is_not_the_one_to_keep(monkeypatch, api):
    keep = [{"kind": "Gateway", "metadata": {"name": "app", "namespace": "default"}}]
    assert len(prune(monkeypatch, keep=keep)["pruned"]) == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, True),
        ({"apiVersion": "networking.istio.io/v1beta1"}, True),
        ({"apiVersion": "gateway.networking.k8s.io/v1"}, False),
        ({"apiVersion": "v1"}, False),
    ],
)
def test_a_kind_of_the_same_name_in_another_group_is_not_the_one_to_keep(monkeypatch, api, given, kept):
    keep = [{"kind": "Gateway", "metadata": {"name": "app", "namespace": NS}, **given}]
    assert [each["name"] for each in prune(monkeypatch, keep=keep)["pruned"]] == (["old"] if kept else ["app", "old"])


def test_what_is_being_deleted_already_is_no_change(monkeypatch, api):
    api.apply(GATEWAYS, {"metadata": {"name": "old", "namespace": NS, "labels": LABELS, "deletionTimestamp": "x"}})
    assert prune(monkeypatch)["changed"] is False


def test_a_kind_that_the_server_does_not_know_has_no_objects(monkeypatch, api):
    api.known = False
    assert prune(monkeypatch)["changed"] is False


def test_without_labels_it_would_delete_everything(monkeypatch, api):
    found = prune(monkeypatch, labels={})
    assert found["msg"] == "prune.labels is empty; without a label every object of the kinds would be deleted"
    assert names(api) == ["app", "foreign", "old"]


@pytest.mark.parametrize(("kind", "missing"), [({"kind": "Gateway"}, "api_version"), ({"api_version": "v1"}, "kind")])
def test_a_kind_that_is_to_go_must_be_named_whole(monkeypatch, api, kind, missing):
    assert f"missing required arguments: {missing} found in prune" in prune(monkeypatch, kinds=[kind])["msg"]
    assert names(api) == ["app", "foreign", "old"]


def test_it_waits_until_they_are_gone(monkeypatch, api):
    api.slow = True
    api.clock.at(3.0, lambda: api.remove(GATEWAYS, NS, "old"))
    assert prune(monkeypatch, wait_timeout=20)["failed"] is False
    assert api.clock.now == 3.0


def test_what_holds_them_is_named(monkeypatch, api):
    api.slow = True
    metadata = {"name": "old", "namespace": NS, "labels": LABELS, "finalizers": ["example.com/keep"]}
    api.apply(GATEWAYS, {"metadata": metadata})
    found = prune(monkeypatch, wait_timeout=20)
    assert (found["failed"], found["changed"]) == (True, True)
    assert found["msg"] == "Gateway old is still there: it is held by example.com/keep (after 20 s)"


def test_those_that_are_being_deleted_already_are_waited_for_too(monkeypatch, api):
    api.apply(GATEWAYS, {"metadata": {"name": "old", "namespace": NS, "labels": LABELS, "deletionTimestamp": "x"}})
    api.clock.at(2.0, lambda: api.remove(GATEWAYS, NS, "old"))
    found = prune(monkeypatch, wait_timeout=20)
    assert (found["failed"], found["changed"], api.clock.now) == (False, False, 2.0)


OWNER = {"baremesh.edge/instance": "one"}
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
CRD_KINDS = [{"api_version": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}]


def put(api, name, namespace=NS, instance=None):
    labels = {**LABELS, **({"baremesh.edge/instance": instance} if instance else {})}
    api.apply(GATEWAYS, {"metadata": {"name": name, "namespace": namespace, "labels": labels}})


def owned(monkeypatch, check=False, **options):
    options = {"kinds": KINDS, "labels": LABELS, "adopt": [{"metadata": {"namespace": NS}}], **options}
    return run(monkeypatch, object_apply, check=check, objects=[], prune=options, owner=OWNER, _ansible_diff=True)


@pytest.mark.parametrize("check", [False, True])
def test_objects_of_another_installation_stay(monkeypatch, api, check):
    put(api, "theirs", instance="two")
    put(api, "ours", instance="one")
    put(api, "ours", "elsewhere", instance="one")
    found = owned(monkeypatch, check)
    assert found["others"] == [{"kind": "Gateway", "namespace": NS, "name": "theirs"}]
    pruned = found["pruned"]
    assert sorted((each["namespace"], each["name"]) for each in pruned) == [("elsewhere", "ours"), (NS, "app"), (NS, "old"), (NS, "ours")]


def test_an_object_without_the_label_is_ours_only_where_it_may_be(monkeypatch, api):
    put(api, "before", "elsewhere")
    found = owned(monkeypatch)
    assert {each["name"] for each in found["pruned"]} == {"app", "old"}
    assert [each["name"] for each in found["others"]] == ["before"]
    adopt = [{"kind": "Gateway", "metadata": {"name": "before", "namespace": "elsewhere"}}]
    assert [each["name"] for each in owned(monkeypatch, adopt=adopt)["pruned"]] == ["before"]


def test_without_an_owner_all_with_the_labels_go(monkeypatch, api):
    put(api, "theirs", instance="two")
    found = prune(monkeypatch)
    assert {each["name"] for each in found["pruned"]} == {"old", "theirs"}
    assert found["others"] == []


def crds(api):
    """A definition of Gateways, which are in the API already, and one of a kind without objects."""
    for plural, kind in (("gateways", "Gateway"), ("sidecars", "Sidecar")):
        names = {"plural": plural, "kind": kind}
        spec = {"group": "networking.istio.io", "scope": "Namespaced", "names": names, "versions": [{"name": "v1", "served": True}]}
        api.apply(CRDS, {"metadata": {"name": f"{plural}.networking.istio.io", "labels": LABELS}, "spec": spec})


def remove_crds(monkeypatch, check=False):
    return owned(monkeypatch, check, kinds=CRD_KINDS, adopt=[{"kind": "CustomResourceDefinition"}])


@pytest.mark.parametrize("check", [False, True])
def test_no_crd_is_deleted_with_objects_of_others(monkeypatch, api, check):
    crds(api)
    before = names(api)
    found = remove_crds(monkeypatch, check)
    assert found["failed"]
    assert found["msg"].startswith(f"Nothing is deleted: Gateway {NS}/app, Gateway {NS}/foreign, Gateway {NS}/old would go with")
    assert names(api) == before


def test_objects_of_no_namespace_are_named_without_one(monkeypatch, api):
    made = Resource("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", namespaced=False)
    names_ = {"plural": made.plural, "kind": made.kind}
    spec = {"group": made.group, "scope": "Cluster", "names": names_, "versions": [{"name": "v1", "served": True}]}
    api.apply(CRDS, {"metadata": {"name": f"{made.plural}.{made.group}", "labels": LABELS}, "spec": spec})
    api.apply(made, {"metadata": {"name": "cilium"}})
    assert remove_crds(monkeypatch)["msg"].startswith("Nothing is deleted: GatewayClass cilium would go with")


def test_many_objects_of_others_are_counted(monkeypatch, api):
    crds(api)
    for number in range(20):
        put(api, f"more{number}")
    assert " and 13 more would go with" in remove_crds(monkeypatch)["msg"]


def test_a_crd_goes_with_objects_of_ours_and_those_that_others_own(monkeypatch, api):
    crds(api)
    for name in ("app", "old", "foreign"):
        api.remove(GATEWAYS, NS, name)
    put(api, "ours", instance="one")
    api.apply(GATEWAYS, {"metadata": {"name": "made", "namespace": NS, "ownerReferences": [{"kind": "Certificate"}]}})
    api.apply(GATEWAYS, {"metadata": {"name": "going", "namespace": NS, "deletionTimestamp": "x"}})
    assert [each["name"] for each in remove_crds(monkeypatch)["pruned"]] == ["gateways.networking.istio.io", "sidecars.networking.istio.io"]


@pytest.mark.parametrize(
    ("kind", "writers", "stays"),
    [
        ("GatewayClass", [{"manager": "pilot-discovery"}, {"manager": "pilot-discovery", "subresource": "status"}], False),
        # Others wrote it, and istiod its status; of users, whatever istiod writes there.
        ("GatewayClass", [{"manager": "kubectl"}, {"manager": "pilot-discovery", "subresource": "status"}], True),
        ("GatewayClass", [], True),
        ("Gateway", [{"manager": "pilot-discovery"}], True),
    ],
)
def test_what_istiod_makes_by_itself_goes_with_its_crd(monkeypatch, api, kind, writers, stays):
    made = Resource("gateway.networking.k8s.io", "v1", "things", kind, namespaced=False)
    spec = {"group": made.group, "names": {"plural": "things", "kind": kind}, "versions": [{"name": "v1", "served": True}]}
    api.apply(CRDS, {"metadata": {"name": "things.gateway.networking.k8s.io", "labels": LABELS}, "spec": spec})
    api.apply(made, {"metadata": {"name": "istio", "managedFields": writers}})
    assert remove_crds(monkeypatch)["failed"] is stays


def test_of_secrets_only_the_metadata_is_read(monkeypatch, api):
    api.apply(SECRETS, {"metadata": {"name": "old", "namespace": NS, "labels": LABELS}, "data": {"tls.key": "aHVzaA=="}})
    read = []
    whole = Api.request

    def watched(self, method, *rest):
        reply = whole(self, method, *rest)
        read.append(reply.body if method == "GET" else b"")
        return reply

    monkeypatch.setattr(Api, "request", watched)
    found = owned(monkeypatch, kinds=[{"api_version": "v1", "kind": "Secret"}])
    assert [each["name"] for each in found["pruned"]] == ["old"]
    assert b"old" in b"".join(read)
    assert b"aHVzaA==" not in b"".join(read)
