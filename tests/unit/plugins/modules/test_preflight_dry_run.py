# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight asks the API server and its webhooks for what will be applied."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DESTINATION_RULES, GATEWAYS, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._workload import dry_run
from ansible_collections.baremesh.edge.plugins.modules import object_apply, preflight_info
from ansible_collections.baremesh.edge.tests.unit.plugins.applying import NS, Api
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import ScriptedClock, status

DENIED = 'admission webhook "validation.istio.io" denied the request: configuration is invalid: server host may not be empty'


def manifest(kind, name, namespace=NS):
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": {}}


ROUTE, GATEWAY = manifest("VirtualService", "web"), manifest("Gateway", "app")


@pytest.fixture
def api(monkeypatch):
    found = Api(ScriptedClock())
    for module in (dry_run, object_apply):
        monkeypatch.setattr(module, "open_transport", lambda params: found)
        monkeypatch.setattr(module, "SystemClock", lambda: found.clock)
    return found


@pytest.fixture
def ask(monkeypatch, api):
    def call(*objects, **options):
        api.requests.clear()
        result = run(monkeypatch, preflight_info, network={"objects": list(objects), **options})
        assert not result["failed"]
        return result["dry_run"]

    return call


def refused(kind, name, message):
    return {"kind": kind, "namespace": NS, "name": name, "message": message}


def test_all_that_is_refused_is_returned_and_nothing_is_stored(api, ask):
    api.answers = {"app": [status(400, "BadRequest", DENIED)], "web": [status(422, "Invalid", "spec.http: Required value")]}
    found = ask(GATEWAY, manifest("Gateway", "fine"), ROUTE)
    assert found["refused"] == [refused("Gateway", "app", DENIED), refused("VirtualService", "web", "spec.http: Required value")]
    assert found["reason"] == ""
    assert api.objects == {}
    assert {query["dryRun"] for method, _path, query, _body in api.requests if method == "PATCH"} == {"All"}


def test_what_is_in_the_cluster_already_costs_one_list_of_its_kind(monkeypatch, api, ask):
    run(monkeypatch, object_apply, objects=[GATEWAY, manifest("Gateway", "b"), ROUTE])
    assert ask(GATEWAY, manifest("Gateway", "b"), ROUTE)["refused"] == []
    assert [method for method, *_rest in api.requests] == ["GET"] * 3  # the group, and a list of each kind


def test_labels_of_the_installation_are_no_difference(monkeypatch, api, ask):
    owner = {"baremesh.edge/instance": "one"}
    run(monkeypatch, object_apply, objects=[GATEWAY, ROUTE], owner=owner)
    assert ask(GATEWAY, ROUTE, owner=owner)["refused"] == []
    assert {method for method, *_rest in api.requests} == {"GET"}


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (500, "InternalError", 'failed calling webhook "validation.istio.io": connection refused'),
        (503, "ServiceUnavailable", "the server is starting"),
        (429, "TooManyRequests", "later"),
        (404, "NotFound", f'namespaces "{NS}" not found'),
        (400, "BadRequest", 'admission webhook "policy.example.com" does not support dry run'),
    ],
)
def test_what_says_nothing_of_the_object_is_no_refusal(api, ask, code, reason, message):
    api.answers = {"app": [status(code, reason, message)] * 2}
    assert ask(GATEWAY)["refused"] == []
    assert api.clock.now == ScriptedClock().now  # no second attempt


def test_neither_are_kinds_and_namespaces_that_come_later(api, ask):
    api.known = {"/api/v1": api.known["/api/v1"]}
    assert ask(GATEWAY, ROUTE) == {"refused": [], "charts": {}, "shared": [], "reason": ""}
    api.known = Api(api.clock).known
    assert ask(manifest("Gateway", "app", "later"))["refused"] == []


def rule(name, host, namespace=NS, **labels):
    made = manifest("DestinationRule", name, namespace)
    return {**made, "metadata": {**made["metadata"], "labels": labels}, "spec": {"host": host}}


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (rule("theirs", "web.default.svc.cluster.local"), True),
        (rule("theirs", f"web.{NS}.svc.cluster.local"), False),
        (rule("theirs", "web.default"), False),
        # The namespace of the service is that of its owners.
        (rule("theirs", "web.default.svc.cluster.local", "default"), False),
        # Ours of another site, which is replaced or refused by the plan.
        (rule("ours", "web.default.svc.cluster.local", **{"app.kubernetes.io/managed-by": "baremesh.edge"}), False),
        (rule("app", "web.default.svc.cluster.local"), False),
    ],
)
def test_rules_of_others_for_the_same_service_are_returned(api, ask, other, shared):
    api.objects[DESTINATION_RULES.path(other["metadata"]["namespace"]), other["metadata"]["name"]] = other
    found = ask(rule("app", "web.default.svc.cluster.local"))["shared"]
    assert found == ([{"namespace": NS, "name": "app", "host": "web.default.svc.cluster.local", "other": "theirs"}] if shared else [])


def test_a_name_without_a_dot_is_one_of_the_same_namespace(api, ask):
    api.objects[DESTINATION_RULES.path(NS), "theirs"] = rule("theirs", "web")
    assert [each["other"] for each in ask(rule("app", f"web.{NS}.svc.cluster.local"))["shared"]] == ["theirs"]


def test_nor_an_object_that_is_being_deleted(api, ask):
    api.objects[GATEWAYS.path(NS), "app"] = {"metadata": {"name": "app", "namespace": NS, "deletionTimestamp": "2026-11-21T08:00:00Z"}}
    assert ask(GATEWAY)["refused"] == []


@pytest.mark.parametrize("error", [ConfigError("kubeconfig is '/x', but there is no such file"), ConnectionLost("no answer")])
def test_without_an_api_the_reason_is_returned(monkeypatch, ask, error):
    def refuse(_params):
        raise error

    monkeypatch.setattr(dry_run, "open_transport", refuse)
    assert ask(GATEWAY) == {"refused": [], "charts": {}, "shared": [], "reason": str(error)}


def test_an_api_that_gives_no_list_is_not_asked(api, ask):
    original = api.request
    api.request = lambda method, path, *rest: (
        status(403, "Forbidden", "no list") if (method, path) == ("GET", GATEWAYS.path(NS)) else original(method, path, *rest)
    )
    found = ask(GATEWAY)
    assert found["refused"] == []
    assert "no list" in found["reason"]


def helm(name, version, number=1, chart=None):
    release = {"name": name, "version": number, "info": {"status": "deployed"}, "config": {}}
    release["chart"] = {"metadata": {"name": chart or name, "version": version}}
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    labels = {"owner": "helm", "name": name, "version": str(number)}
    return {"metadata": {"name": f"sh.helm.release.v1.{name}.v{number}", "namespace": "n", "labels": labels}, "data": {"release": packed}}


def test_the_charts_that_helm_has_installed_are_returned_where_something_is_refused(api, ask):
    for each in (helm("istiod", "1.30.0"), helm("istiod", "1.31.1", 2), helm("cm", "v1.21.2", chart="cert-manager")):
        api.objects[SECRETS.path("n"), each["metadata"]["name"]] = each
    assert ask(GATEWAY)["charts"] == {}
    api.answers = {"app": [status(400, "BadRequest", DENIED)]}
    assert ask(GATEWAY)["charts"] == {"istiod": "1.31.1", "cert-manager": "v1.21.2"}


def test_neither_the_log_nor_the_result_shows_the_objects(monkeypatch, ask):
    logged, modules = [], []
    withhold = preflight_info.EdgeModule.withhold
    monkeypatch.setattr(preflight_info.EdgeModule, "log", lambda _self, message, **_more: logged.append(str(message)))
    monkeypatch.setattr(preflight_info.EdgeModule, "withhold", lambda self, *how: modules.append(self) or withhold(self, *how))
    ask({**GATEWAY, "spec": {"servers": ["hunter2"]}})
    assert logged
    assert "hunter2" not in "".join(logged)
    assert modules[0].params["network"]["objects"] == "1 objects"
    # Or the result would hide the names of hosts.
    assert modules[0].no_log_values == set()


def test_without_objects_nothing_is_asked(monkeypatch, api):
    result = run(monkeypatch, preflight_info)
    assert "dry_run" not in result
    assert api.requests == []


def test_a_check_of_an_apply_reports_every_kind(monkeypatch, api):
    api.answers = {"app": [status(400, "BadRequest", DENIED)], "web": [status(422, "Invalid", "spec.http: Required value")]}
    result = run(monkeypatch, object_apply, check=True, objects=[GATEWAY, ROUTE])
    assert result["failed"]
    assert DENIED in result["msg"]
    assert "spec.http: Required value" in result["msg"]


def test_a_check_of_an_apply_passes_a_webhook_that_takes_no_dry_run(monkeypatch, api):
    api.answers = {"app": [status(400, "BadRequest", 'admission webhook "policy.example.com" does not support dry run')]}
    result = run(monkeypatch, object_apply, check=True, objects=[GATEWAY])
    assert not result["failed"]
    assert [each["name"] for each in result["applied"]] == ["app"]
