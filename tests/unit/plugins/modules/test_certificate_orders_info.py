# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.modules import certificate_orders_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, status

HERE = {"namespace": make.NS, "config_map": "edge-orders"}


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(certificate_orders_info, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(certificate_orders_info, "SystemClock", lambda: clock)
    issuer = make.cluster_issuer()
    # Objects in a list have no kind.
    found.apply(kinds.CLUSTER_ISSUERS, {"metadata": issuer["metadata"], "spec": {"acme": {"server": "https://acme.example.com/dir"}}})
    order = make.order(state="valid")
    order["spec"]["dnsNames"] = ["app.example.com"]
    order["status"]["url"] = "https://acme.example.com/order/1"
    found.apply(kinds.ORDERS, order)
    found.apply(kinds.CERTIFICATES, make.certificate())
    return found


def note(api, text):
    metadata = {"name": "edge-orders", "namespace": make.NS, "uid": "noted"}
    api.apply(kinds.CONFIG_MAPS, {"metadata": metadata, "data": {"orders": text}})


def test_it_returns_what_the_cluster_holds(monkeypatch, api):
    found = run(monkeypatch, certificate_orders_info, **HERE)
    assert found["changed"] is False
    assert [entry["uid"] for entry in found["orders"]] == ["order-app-1-1234"]
    assert [(entry["name"], entry["ready"]) for entry in found["held"]] == [("app", True)]
    assert {request[0] for request in api.requests} == {"GET"}


def test_what_was_noted_is_kept(monkeypatch, api):
    first = run(monkeypatch, certificate_orders_info, **HERE)["orders"]
    note(api, json.dumps(first))
    api.remove(kinds.ORDERS, make.NS, "app-1-1234")
    assert run(monkeypatch, certificate_orders_info, **HERE)["orders"] == first
    assert first[0]["at"] == make.stamp(NOW)


@pytest.mark.parametrize("text", ["{", "5", "[5]", '[{"uid": "1"}]'])
def test_a_config_map_of_others_is_named(monkeypatch, api, text):
    note(api, text)
    found = run(monkeypatch, certificate_orders_info, **HERE)
    assert found["failed"] is True
    assert found["msg"].startswith("ConfigMap istio-ingress/edge-orders does not hold what this collection noted of orders; ")


def test_a_cluster_without_cert_manager_has_ordered_nothing(monkeypatch, api):
    for kind in ("issuers", "orders", "challenges", "certificates"):
        api.fail(f"/{kind}", status(404, "NotFound", "the server could not find the requested resource"), times=2)
    assert run(monkeypatch, certificate_orders_info, **HERE) == {"changed": False, "failed": False, "orders": [], "held": []}


def test_who_may_not_list_all_namespaces_lists_that_of_the_config_map(monkeypatch, api):
    api.fail("/orders", status(403, "Forbidden", "orders is forbidden"))
    assert len(run(monkeypatch, certificate_orders_info, **HERE)["orders"]) == 1
    assert [request[1] for request in api.asked("/orders")][1].endswith(f"/namespaces/{make.NS}/orders")


@pytest.mark.parametrize("kind", ["orders", "clusterissuers"])
def test_a_refusal_is_an_error(monkeypatch, api, kind):
    api.fail(f"/{kind}", status(403, "Forbidden", f"{kind} is forbidden"), times=2)
    found = run(monkeypatch, certificate_orders_info, **HERE)
    assert found["failed"] is True
    assert kind in found["msg"]
