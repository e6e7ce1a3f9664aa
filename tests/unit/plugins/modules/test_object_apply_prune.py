# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS
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
