# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight reads what others have in the cluster for the names of sites."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio import foreign_look
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS, PODS, VIRTUAL_SERVICES
from ansible_collections.baremesh.edge.plugins.module_utils._workload import dry_run
from ansible_collections.baremesh.edge.plugins.modules import preflight_info
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, status

API = "networking.istio.io/v1"
SERVER = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["app.example.com"]}


def made(kind, name, namespace, spec):
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


OURS = made("Gateway", "app", "istio-ingress", {"selector": {"istio": "ingress"}, "servers": [SERVER]})
ROUTE = made("VirtualService", "app", "istio-ingress", {"hosts": ["app.example.com"], "gateways": ["istio-ingress/app"], "http": [{}]})
TAKEN = {"object": "Gateway team/x", "namespace": "team", "kind": "Gateway", "name": "app", "host": "app.example.com", "effect": "host"}


@pytest.fixture
def api(monkeypatch):
    found = FakeApi(ScriptedClock())
    monkeypatch.setattr(foreign_look, "open_transport", lambda params: found)
    judged = {"refused": [], "charts": {}, "shared": [], "reason": ""}
    monkeypatch.setattr(dry_run, "dry_run", lambda params, objects: judged)
    found.judged = judged
    return found


def ask(monkeypatch, *objects):
    return run(monkeypatch, preflight_info, network={"objects": list(objects)})["foreign"]


def test_objects_of_every_namespace_are_read(monkeypatch, api):
    api.apply(GATEWAYS, made("Gateway", "x", "team", {"selector": {"app": "istio-ingress"}, "servers": [SERVER]}))
    api.apply(VIRTUAL_SERVICES, made("VirtualService", "x", "team", ROUTE["spec"]))
    # The selector of the other one is known from the pods.
    routes = {**TAKEN, "object": "VirtualService team/x", "kind": "VirtualService", "effect": "routes"}
    assert ask(monkeypatch, OURS, ROUTE) == [routes]
    api.apply(PODS, {"metadata": {"name": "gw", "namespace": "istio-ingress", "labels": {"istio": "ingress", "app": "istio-ingress"}}})
    assert ask(monkeypatch, OURS, ROUTE) == [TAKEN, routes]


def test_a_cluster_without_objects_costs_a_list_of_each_kind(monkeypatch, api):
    assert ask(monkeypatch, OURS, ROUTE) == []
    assert len(api.requests) == 2


@pytest.mark.parametrize("code", [403, 404, 500])
def test_what_may_not_be_read_says_nothing(monkeypatch, api, code):
    api.fail("/gateways", status(code, "Reason", "no"))
    assert ask(monkeypatch, OURS) == []


def test_pods_that_may_not_be_read_are_those_of_the_selector(monkeypatch, api):
    api.apply(GATEWAYS, made("Gateway", "x", "team", {"selector": {"istio": "ingress"}, "servers": [SERVER]}))
    api.fail("/pods", status(403, "Forbidden", "no"))
    assert ask(monkeypatch, OURS) == [TAKEN]


def test_without_an_api_there_is_nothing_to_find(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no kubeconfig")

    api.judged["reason"] = "no kubeconfig"
    monkeypatch.setattr(foreign_look, "open_transport", refuse)
    assert ask(monkeypatch, OURS) == []
    api.judged["reason"] = ""
    assert ask(monkeypatch, OURS) == []


def test_certificates_alone_ask_for_nothing(monkeypatch, api):
    assert ask(monkeypatch, {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "a", "namespace": "b"}}) == []
    assert api.requests == []
