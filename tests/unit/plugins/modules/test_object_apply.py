# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects are applied where they differ, and only there."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS, SECRETS, Resource
from ansible_collections.baremesh.edge.plugins.modules import cluster_compare, object_apply
from ansible_collections.baremesh.edge.tests.unit.plugins.applying import NS, Api
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, answer, status

LABELS = {"managed-by": "us", "component": "site"}
VIRTUAL_SERVICES = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


def gateway(name, hosts=("a.example.com",), labels=None, **spec):
    metadata = {"name": name, "namespace": NS, "labels": LABELS if labels is None else labels}
    return {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": metadata, "spec": {"hosts": list(hosts), **spec}}


def virtual_service(name):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": NS}, "spec": {}}


def secret(name, **text):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NS}, "stringData": text}


@pytest.fixture
def api(monkeypatch):
    found = Api(ScriptedClock())
    monkeypatch.setattr(object_apply, "open_transport", lambda params: found)
    monkeypatch.setattr(object_apply, "SystemClock", lambda: found.clock)
    return found


@pytest.fixture
def apply(monkeypatch, api):
    def call(*objects, check=False, **options):
        api.requests.clear()
        return run(monkeypatch, object_apply, check=check, objects=list(objects), _ansible_diff=True, **options)

    return call


def spec_of(api, name, resource=GATEWAYS):
    return api.objects[resource.path(NS), name]["spec"]


def test_two_hundred_objects_cost_one_list_and_nothing_where_nothing_differs(api, apply):
    objects = [gateway(f"g{number}") for number in range(200)]
    first = apply(*objects)
    assert (first["changed"], len(first["applied"]), first["unchanged"]) == (True, 200, 0)
    assert len(api.lists()) == 1
    second = apply(*objects)
    assert (second["changed"], second["applied"], second["unchanged"], second["diff"]) == (False, [], 200, [])
    assert [(method, path) for method, path, _query, _body in api.requests] == [
        ("GET", "/apis/networking.istio.io/v1"),
        ("GET", GATEWAYS.path(NS)),
    ]


def ready(status="True", observed=1):
    return {"status": {"conditions": [{"type": "Ready", "status": status, "observedGeneration": observed}]}}


@pytest.mark.parametrize(
    ("live", "expected"),
    [(ready(), ["a"]), (ready("False"), []), (ready(observed=0), ["a"]), ({"status": {}}, []), ({}, [])],
    ids=["ready", "not ready", "not said for which generation", "without conditions", "without status"],
)
def test_an_object_that_is_ready_for_its_definition_is_not_worth_a_wait(api, apply, live, expected):
    apply(gateway("a"))
    path = (GATEWAYS.path(NS), "a")
    api.objects[path] = {**api.objects[path], **live}
    assert [each["name"] for each in apply(gateway("a"))["ready"]] == expected
    # What changes is not ready before its controller says so.
    assert apply(gateway("a", hosts=["b.example.com"]))["ready"] == []


def test_only_what_differs_is_applied(api, apply):
    apply(gateway("a"), gateway("b"))
    found = apply(gateway("a"), gateway("b", hosts=["b.example.com"]))
    assert api.patches() == ["b"]
    assert found["applied"] == [{"kind": "Gateway", "namespace": NS, "name": "b", "action": "changed"}]
    assert spec_of(api, "b") == {"hosts": ["b.example.com"]}


def test_a_field_that_is_no_longer_given_goes(api, apply):
    apply(gateway("a", selector={"istio": "ingress", "zone": "x"}))
    found = apply(gateway("a", selector={"istio": "ingress"}))
    assert found["changed"] is True
    assert spec_of(api, "a")["selector"] == {"istio": "ingress"}
    assert apply(gateway("a", selector={"istio": "ingress"}))["changed"] is False


def test_fields_of_others_stay_and_are_no_difference(api, apply):
    apply(gateway("a"))
    live = api.objects[GATEWAYS.path(NS), "a"]
    live["metadata"]["annotations"] = {"someone": "else"}
    live["status"] = {"conditions": []}
    assert apply(gateway("a"))["changed"] is False
    assert api.patches() == []


def test_an_object_that_nobody_applied_yet_is_applied_without_being_called_changed(api, apply):
    api.apply(GATEWAYS, {"metadata": {"name": "a", "namespace": NS, "labels": LABELS}, "spec": {"hosts": ["a.example.com"]}})
    found = apply(gateway("a"))
    assert api.patches() == ["a"]
    assert (found["changed"], found["unchanged"]) == (False, 1)


def test_true_is_not_one(api, apply):
    apply(gateway("a", flag=1))
    assert apply(gateway("a", flag=True))["changed"] is True


def test_check_mode_asks_for_a_dry_run_and_stores_nothing(api, apply):
    apply(gateway("a"))
    found = apply(gateway("a", hosts=["new.example.com"]), gateway("b"), check=True)
    assert [(each["name"], each["action"]) for each in found["applied"]] == [("a", "changed"), ("b", "created")]
    assert {query.get("dryRun") for method, _path, query, _body in api.requests if method == "PATCH"} == {"All"}
    assert spec_of(api, "a") == {"hosts": ["a.example.com"]}
    assert (GATEWAYS.path(NS), "b") not in api.objects


def test_check_mode_on_an_empty_cluster_names_what_is_missing(api, apply):
    api.known.pop("/apis/networking.istio.io/v1")
    api.namespaces.clear()
    found = apply(gateway("a"), gateway("b"), secret("s", key="x"), check=True)
    assert found["missing_kinds"] == ["Gateway (networking.istio.io/v1)"]
    assert found["missing_namespaces"] == [NS]
    assert sorted((each["name"], each["action"]) for each in found["applied"]) == [("a", "created"), ("b", "created"), ("s", "created")]
    assert (found["failed"], found["changed"]) == (False, True)


def test_a_kind_that_comes_late_is_waited_for(api, apply):
    kinds = api.known.pop("/apis/networking.istio.io/v1")
    api.clock.at(3, lambda: api.known.update({"/apis/networking.istio.io/v1": kinds}))
    assert apply(gateway("a"))["changed"] is True


def test_a_kind_that_never_comes_is_named(api, apply):
    api.known.pop("/apis/networking.istio.io/v1")
    found = apply(gateway("a"))
    assert found["failed"]
    assert found["msg"] == (
        "Could not look up kind Gateway of networking.istio.io/v1: HTTP 404 NotFound: the API server does not know this kind"
    )
    assert 30 <= api.clock.now < 40


def test_a_namespace_that_does_not_exist_fails_at_once(api, apply):
    api.namespaces.clear()
    found = apply(gateway("a"))
    assert found["msg"] == f'Could not apply Gateway {NS}/a: HTTP 404 NotFound: namespaces "{NS}" not found'
    assert api.clock.now == 0


WEBHOOK = 'Internal error occurred: failed calling webhook "validation.istio.io": x509: certificate signed by unknown authority'


def test_a_webhook_that_cannot_be_asked_yet_is_waited_for(api, apply):
    api.answers["a"] = [status(500, "InternalError", WEBHOOK)] * 3
    assert apply(gateway("a"))["changed"] is True
    assert 0 < api.clock.now < 10


def test_a_webhook_that_never_answers_is_named_with_the_time(api, apply):
    api.answers["a"] = [status(500, "InternalError", WEBHOOK)] * 100
    found = apply(gateway("a"), timeout=20)
    assert found["failed"]
    assert found["msg"] == f"Could not apply Gateway {NS}/a: HTTP 500 InternalError: {WEBHOOK} (after 20 s)"


def test_a_webhook_that_denies_is_not_asked_again(api, apply):
    denied = 'admission webhook "validation.istio.io" denied the request: configuration is invalid: hosts: missing'
    api.answers["a"] = [status(400, "BadRequest", denied)]
    assert apply(gateway("a"))["msg"] == f"Could not apply Gateway {NS}/a: HTTP 400 BadRequest: {denied}"
    assert api.patches() == ["a"]


def test_all_failed_objects_are_named_and_later_kinds_are_not_begun(api, apply):
    api.objects[GATEWAYS.path(NS), "old"] = {"metadata": {"name": "old", "namespace": NS, "labels": LABELS}}
    for name in ("b", "d"):
        api.answers[name] = [status(422, "Invalid", f"{name} is wrong")]
    prune = {"kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}], "labels": LABELS}
    found = apply(*[gateway(name) for name in "abcd"], virtual_service("v"), prune=prune)
    assert found["msg"] == (
        "2 objects failed:\n"
        f"- Could not apply Gateway {NS}/b: HTTP 422 Invalid: b is wrong\n"
        f"- Could not apply Gateway {NS}/d: HTTP 422 Invalid: d is wrong"
    )
    assert [each["name"] for each in found["applied"]] == ["a", "c"]
    assert (found["changed"], found["pruned"]) == (True, [])
    assert sorted(name for _path, name in api.objects) == ["a", "c", "old"]


def test_kinds_keep_their_order(api, apply):
    apply(gateway("g1"), virtual_service("v1"), gateway("g2"), virtual_service("v2"))
    assert set(api.patches()[:2]) == {"g1", "g2"}


def test_a_conflict_is_taken_over_with_a_warning_or_refused(api, apply, monkeypatch):
    warnings = []
    monkeypatch.setattr(object_apply.EdgeModule, "warn", lambda _self, text: warnings.append(text))
    api.owner_of["a"] = ("kubectl-edit", ".spec.hosts")
    conflict = 'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .spec.hosts'
    refused = apply(gateway("a"), force_conflicts=False)
    assert refused["msg"] == f"Could not apply Gateway {NS}/a: HTTP 409 Conflict: {conflict}"
    assert apply(gateway("a"))["changed"] is True
    assert warnings == [f"The definition takes over fields of Gateway {NS}/a: {conflict}"]


def test_an_object_that_is_being_deleted_is_not_taken_for_current(api, apply):
    apply(gateway("a"))
    api.objects[GATEWAYS.path(NS), "a"]["metadata"].update(deletionTimestamp="2026-11-21T08:00:00Z", finalizers=["example.com/wait"])
    found = apply(gateway("a"))
    assert found["msg"] == f"Gateway {NS}/a is being deleted, held by example.com/wait; run again when it is gone"


def test_pruning_spares_what_is_defined_and_what_lacks_a_label(api, apply):
    prune = {"kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}], "labels": LABELS, "namespace": NS}
    apply(gateway("a"), gateway("old"), gateway("foreign", labels={"managed-by": "us"}))
    planned = apply(gateway("a"), prune=prune, check=True)
    assert planned["pruned"] == [{"kind": "Gateway", "namespace": NS, "name": "old"}]
    found = apply(gateway("a"), prune=prune)
    assert (found["changed"], found["pruned"], found["applied"]) == (True, planned["pruned"], [])
    assert len(api.lists()) == 1, "the LIST that prunes is the one that compares"
    assert sorted(name for _path, name in api.objects) == ["a", "foreign"]
    assert apply(gateway("a"), prune=prune)["changed"] is False


def test_what_was_applied_is_returned_though_pruning_fails(api, apply):
    prune = {"kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}], "labels": LABELS, "namespace": NS}
    apply(gateway("old"))
    api.fail("/gateways/old", status(403, "Forbidden", "no right to delete"))
    found = apply(gateway("a"), prune=prune)
    assert found["msg"] == f"Could not delete gateways.networking.istio.io old in namespace {NS}: HTTP 403 Forbidden: no right to delete"
    assert ([each["name"] for each in found["applied"]], found["pruned"], found["changed"]) == (["a"], [], True)


def test_pruning_without_a_label_is_refused(api, apply):
    prune = {"kinds": [{"api_version": "v1", "kind": "Secret"}], "labels": {}}
    assert apply(prune=prune)["msg"] == "prune.labels is empty; without a label every object of the kinds would be deleted"
    assert api.requests == []


def test_the_difference_shows_no_value_of_a_secret(api, apply):
    first = apply(secret("s", token="hunter2", user="me"))
    assert api.objects[SECRETS.path(NS), "s"]["data"] == {"token": "aHVudGVyMg==", "user": "bWU="}
    assert apply(secret("s", token="hunter2", user="me"))["changed"] is False
    second = apply(secret("s", token="hunter3", user="me"))
    (shown,) = second["diff"]
    before, after = shown["before"].splitlines(), shown["after"].splitlines()
    assert [line.split(":")[0] for line in before] == [line.split(":")[0] for line in after]
    differing = [line.split(":")[0].strip() for line, other in zip(before, after) if line != other]
    assert differing == ["token"]
    for found in (first, second):
        assert not any(value in json.dumps(found) for value in ("hunter", "aHVudGVy"))


def test_definitions_reach_neither_the_log_nor_the_result(api, monkeypatch):
    logged = []
    monkeypatch.setattr(object_apply.EdgeModule, "log", lambda _self, text, log_args=None: logged.append(f"{text} {log_args}"))
    seen = []
    monkeypatch.setattr(object_apply.EdgeModule, "exit_json", lambda self, **result: seen.append((self.params, self.no_log_values)))
    ended = run_to_the_end(monkeypatch, objects=[secret("s", token="hunter2")], api_key="t0ken")
    assert ended
    (params, hidden), text = seen[0], " ".join(logged)
    assert "NOT_LOGGING_PARAMETER" in text
    assert "hunter2" not in text
    assert (params["objects"], hidden) == ("1 objects", {"t0ken"})


def run_to_the_end(monkeypatch, **arguments):
    arguments = dict(arguments, _ansible_remote_tmp="/tmp", _ansible_keep_remote_files=False)
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    object_apply.main()
    return True


def test_the_difference_is_yaml_without_what_the_server_writes(api, apply):
    apply(gateway("a"))
    (shown,) = apply(gateway("a", hosts=["b.example.com"]))["diff"]
    assert shown["before_header"] == f"Gateway {NS}/a"
    assert shown["before"].endswith("spec:\n  hosts:\n  - a.example.com\n")
    assert shown["after"].endswith("spec:\n  hosts:\n  - b.example.com\n")
    assert "managedFields" not in shown["before"] + shown["after"]
    assert "resourceVersion" not in shown["before"] + shown["after"]


def test_all_mistakes_come_at_once_and_before_any_request(api, apply):
    nameless = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "stringData": {"token": "hunter2"}}
    found = apply(nameless, {"metadata": {"name": "x"}}, gateway("a"), gateway("a"))
    assert found["msg"].splitlines() == [
        "objects[0] lacks metadata.name; a definition has apiVersion, kind and metadata.name, each a text",
        "objects[1] lacks apiVersion and kind; a definition has apiVersion, kind and metadata.name, each a text",
        f"objects[3] and objects[2] are both Gateway {NS}/a; define it once",
    ]
    assert api.requests == []


def test_a_namespaced_kind_needs_a_namespace(api, apply):
    lost = gateway("a")
    del lost["metadata"]["namespace"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    found = apply(namespace, lost)
    assert found["msg"] == "objects[1], Gateway a, lacks metadata.namespace; its kind has namespaces"
    assert api.patches() == []
    assert apply(namespace)["applied"] == [{"kind": "Namespace", "namespace": "", "name": "n", "action": "created"}]


def test_pages_are_read_to_the_end(api, apply, monkeypatch):
    apply(gateway("a"), gateway("b"))
    whole = FakeApi.request

    def paged(self, method, path, query, body, content_type, timeout):
        reply = whole(self, method, path, query, body, content_type, timeout)
        if method == "GET" and path == GATEWAYS.path(NS):
            found = json.loads(reply.body)
            index = int(query.get("continue", "0"))
            rest = {"continue": str(index + 1)} if index + 1 < len(found["items"]) else {}
            return answer(200, {"metadata": rest, "items": found["items"][index : index + 1]})
        return reply

    monkeypatch.setattr(FakeApi, "request", paged)
    assert apply(gateway("a"), gateway("b"))["unchanged"] == 2
    assert len(api.lists()) == 2


def test_objects_that_a_controller_makes_are_kept(api, apply):
    for name, component in (("old", "site"), ("issued", "site-certificate"), ("gone", "site-certificate"), ("foreign", "other")):
        metadata = {"name": name, "namespace": NS, "labels": {**LABELS, "component": component}}
        api.apply(GATEWAYS, {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": metadata})
    prune = {
        "kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}],
        "labels": {**LABELS, "component": ["site", "site-certificate"]},
        "namespace": NS,
        "keep": [{"kind": "Gateway", "metadata": {"name": "issued", "namespace": NS}}],
    }
    found = apply(gateway("a"), prune=prune)
    assert sorted(each["name"] for each in found["pruned"]) == ["gone", "old"], found


OWNER = {"baremesh.edge/instance": "one"}


def namespace_object(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_objects_get_the_labels_of_their_owner(api, apply):
    certificate = gateway("a", secretTemplate={"labels": {"mine": "1"}})
    assert apply(certificate, owner=OWNER)["changed"] is True
    live = api.objects[GATEWAYS.path(NS), "a"]
    assert live["metadata"]["labels"] == {**LABELS, **OWNER}
    assert live["spec"]["secretTemplate"]["labels"] == {"mine": "1", **OWNER}
    assert apply(certificate, owner=OWNER)["changed"] is False


def test_an_object_that_was_applied_before_is_adopted(api, apply):
    apply(gateway("a"), gateway("gone"))
    prune = {
        "kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}],
        "labels": LABELS,
        "adopt": [{"metadata": {"namespace": NS}}],
    }
    found = apply(gateway("a"), owner=OWNER, prune=prune)
    assert ([each["name"] for each in found["applied"]], [each["name"] for each in found["pruned"]]) == (["a"], ["gone"])
    assert api.objects[GATEWAYS.path(NS), "a"]["metadata"]["labels"] == {**LABELS, **OWNER}


def shared_gateway(component):
    return gateway("shared", labels={**LABELS, "app.kubernetes.io/component": component})


@pytest.mark.parametrize("shared", [namespace_object("shared"), shared_gateway("istio"), shared_gateway("issuer")])
def test_two_installations_share_an_object_without_taking_turns(api, apply, shared):
    assert apply(shared, owner=OWNER)["changed"] is True
    assert apply(shared, owner={"baremesh.edge/instance": "two"})["changed"] is False
    assert apply(shared, owner=OWNER)["changed"] is False


def test_an_installation_of_another_name_takes_over_its_sites(api, apply):
    apply(shared_gateway("site"), owner=OWNER)
    assert apply(shared_gateway("site"), owner={"baremesh.edge/instance": "two"})["changed"] is True


def test_secrets_of_others_are_not_read(api, apply):
    apply(secret("a", token="x"), secret("b", token="y"))
    assert {query.get("fieldSelector") for _method, _path, query, _body in api.lists()} == {"metadata.name=a", "metadata.name=b"}


def test_a_secret_that_is_defined_is_compared_as_a_whole_beside_a_prune(api, apply):
    prune = {"kinds": [{"api_version": "v1", "kind": "Secret"}], "labels": LABELS}
    labelled = secret("a", token="x")
    labelled["metadata"]["labels"] = LABELS
    assert apply(labelled, prune=prune)["changed"] is True
    assert apply(labelled, prune=prune)["changed"] is False
    labelled["stringData"]["token"] = "z"
    assert apply(labelled, prune=prune)["changed"] is True


PRUNED = {"kinds": [{"api_version": "networking.istio.io/v1", "kind": "Gateway"}], "labels": LABELS}


@pytest.fixture
def compare(monkeypatch, api):
    """Compare instead of applying, and assert that the cluster was only read."""
    monkeypatch.setattr(cluster_compare, "open_transport", lambda params: api)
    monkeypatch.setattr(cluster_compare, "SystemClock", lambda: api.clock)

    def call(*objects, **options):
        api.requests.clear()
        found = run(monkeypatch, cluster_compare, objects=list(objects), **options)
        assert {request[0] for request in api.requests} <= {"GET"}
        return found

    return call


@pytest.mark.parametrize(
    ("defined", "current"),
    [
        ([gateway("a"), virtual_service("v"), secret("s", token="hidden-token")], True),
        ([gateway("a", hosts=["b.example.com"]), virtual_service("v")], False),
        ([gateway("a"), gateway("b"), virtual_service("v")], False),
        ([virtual_service("v")], False),
        ([gateway("a", labels={**LABELS, "more": "yes"})], False),
        ([gateway("a"), secret("s", token="another")], False),
        ([gateway("a"), {"apiVersion": "example.com/v1", "kind": "Unknown", "metadata": {"name": "u"}}], False),
    ],
)
def test_a_comparison_says_whether_an_apply_changes_something(apply, compare, defined, current):
    apply(gateway("a"), virtual_service("v"), secret("s", token="hidden-token"))
    found = compare(*defined, prune=PRUNED)
    assert (found["failed"], found["objects_current"]) == (False, current)
    assert "hidden-token" not in json.dumps(found)
    if current:
        assert apply(*defined, prune=PRUNED)["changed"] is False


def test_a_comparison_names_what_is_ready(api, apply, compare):
    apply(gateway("a"))
    api.objects[GATEWAYS.path(NS), "a"]["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert compare(gateway("a"))["ready"] == [{"kind": "Gateway", "namespace": NS, "name": "a"}]
    assert compare(gateway("a"), gateway("b"))["ready"] == []


def test_a_comparison_of_nothing_knows_nothing(compare):
    assert compare()["objects_current"] is False


def test_a_comparison_takes_another_owner_and_a_deletion_for_a_change(api, apply, compare):
    apply(gateway("a"), owner={"instance": "one"})
    assert compare(gateway("a"), owner={"instance": "one"})["objects_current"] is True
    assert compare(gateway("a"), owner={"instance": "two"})["objects_current"] is False
    api.objects[GATEWAYS.path(NS), "a"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert compare(gateway("a"), owner={"instance": "one"})["objects_current"] is False


@pytest.mark.parametrize("fragment", ["/apis/networking.istio.io/v1", "/gateways"])
@pytest.mark.parametrize("check", [False, True])
def test_an_api_that_is_away_is_one_sentence(api, apply, fragment, check):
    """Whether it is asked for kinds or for objects."""
    api.fail(fragment, "lost", times=99)
    found = apply(gateway("a"), gateway("b"), check=check)
    assert found["failed"] is True
    assert found["msg"].startswith("The Kubernetes API at https://fake cannot be reached: connection refused"), found["msg"]


MADE = {"by": "ExternalSecret", "secrets": [{"kind": "ExternalSecret", "namespace": NS, "name": name} for name in ("token", "other")]}


def put_secret(api, name, owner=""):
    metadata = {"name": name, "namespace": NS, **({"ownerReferences": [{"kind": owner, "name": name}]} if owner else {})}
    api.apply(SECRETS, {"metadata": metadata, "data": {"token": "b2xk"}})


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("owner", ["", "Certificate"])
def test_secrets_of_others_in_the_place_of_those_that_would_be_made_are_all_named(api, apply, check, owner):
    for name in ("token", "other"):
        put_secret(api, name, owner)
    found = apply(gateway("app"), made=MADE, check=check)
    assert found["failed"]
    assert found["msg"].splitlines() == [
        f"Secret {NS}/{name} is of others, as no ExternalSecret owns it. It is left as it is: use another name for the new one"
        for name in ("token", "other")
    ]
    assert not api.patches()


def test_secrets_that_are_made_of_the_definitions_may_be_there_and_others_are_not_looked_at(api, apply):
    put_secret(api, "token", "ExternalSecret")
    put_secret(api, "elsewhere")
    found = apply(gateway("app"), made=MADE)
    assert [each["name"] for each in found["applied"]] == ["app"]
    assert {query["fieldSelector"] for _method, path, query, _body in api.requests if path == SECRETS.path(NS)} == {
        "metadata.name=token",
        "metadata.name=other",
    }
