# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, KubeError
from ansible_collections.baremesh.edge.plugins.modules import gateway_config_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, status

RECORDED = Path(__file__).parent.parent / "module_utils" / "_istio" / "recorded"
SERVICES = [f"outbound|{port}||{name}.default.svc.cluster.local" for port, name in ((8002, "api"), (8003, "workflow"), (3000, "web"))]


def proxy(pod, **more):
    return {"proxy": f"{pod}.{make.NS}", "cluster_sent": "1", "cluster_acked": "1", **more}


class World:
    """What pods and istiods answer."""

    def __init__(self):
        self.dump = json.loads((RECORDED / "gateway_dump.json").read_text(encoding="utf-8"))
        hosts = [{"address": {"socket_address": {"address": "10.42.0.9", "port_value": 8080}}}]
        self.clusters = {"cluster_statuses": [{"name": name, "host_statuses": hosts} for name in SERVICES]}
        self.proxies = {"istiod-a": [proxy("gw-a")], "istiod-b": [proxy("gw-b")]}
        self.silent = ()

    def prober(self, _connection, namespace):
        world = self

        class Prober:
            def read_json(self, pod, port, path, timeout):
                if pod in world.silent:
                    raise KubeError(f"{pod} is silent")
                answers = {(15000, "/config_dump"): world.dump, (15000, "/clusters?format=json"): world.clusters}
                return world.proxies[pod] if namespace == "istio-system" else answers[port, path]

        return Prober()


@pytest.fixture
def world(monkeypatch):
    found = World()
    monkeypatch.setattr(gateway_config_info, "PodProber", found.prober)
    return found


@pytest.fixture
def api(monkeypatch, world):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(gateway_config_info, "open_client", lambda params: (KubeClient(found, clock), None))
    ready = {"conditions": [make.condition("Ready", "True")]}
    for name in ("gw-a", "gw-b"):
        metadata = {"name": name, "namespace": make.NS, "labels": {"istio": "ingress"}}
        found.apply(kinds.PODS, {"metadata": metadata, "spec": {"nodeName": "n"}, "status": ready})
    for name in ("istiod-a", "istiod-b"):
        found.apply(kinds.PODS, {"metadata": {"name": name, "namespace": "istio-system", "labels": {"app": "istiod"}}, "status": ready})
    return found


def put(api, kind, name, spec, namespace=make.NS):
    api.apply(kind, {"metadata": {"name": name, "namespace": namespace}, "spec": spec})


def texts(found):
    return [each["text"] for each in found["flags"]]


def test_what_pods_are_configured_to_do(monkeypatch, api):
    found = run(monkeypatch, gateway_config_info)
    assert (found["changed"], found["errors"]) == (False, [])
    assert [pod["name"] for pod in found["pods"]] == ["gw-a", "gw-b"]
    pod = found["pods"][0]
    assert (pod["node"], pod["ready"], pod["namespace"]) == ("n", True, make.NS)
    assert [each["name"] for each in pod["listeners"]] == ["0.0.0.0_80", "0.0.0.0_443"]
    assert [each["match"] for each in pod["routes"]] == ["prefix /", "prefix /api/", "prefix /workflow/", "prefix /"]
    # Services of the cluster to which no route leads are left out.
    assert sorted(each["name"] for each in pod["clusters"]) == sorted(SERVICES)
    assert pod["clusters"][0]["endpoints"] == [{"address": "10.42.0.9", "port": 8080, "healthy": True, "health": "UNKNOWN"}]
    assert [(each["name"], each["state"], bool(each["serial"])) for each in pod["secrets"]] == [("kubernetes://app", "active", True)]
    assert texts(found) == [
        f"gateway pod {pod} holds serial {pod_serial(found)} of Secret app, but it does not exist in namespace {make.NS}"
        for pod in ("gw-a", "gw-b")
    ]


def pod_serial(found):
    return found["pods"][0]["secrets"][0]["serial"]


def test_no_private_key_is_returned(monkeypatch, api):
    text = json.dumps(run(monkeypatch, gateway_config_info))
    assert "PRIVATE" not in text
    assert "W3JlZGFjdGVkXQ" not in text


def test_what_differs_from_the_objects_of_the_cluster(monkeypatch, api, world):
    api.apply(kinds.SECRETS, make.secret("app"))
    world.clusters["cluster_statuses"] = world.clusters["cluster_statuses"][:2]
    world.proxies["istiod-b"] = [proxy("gw-b", cluster_acked="0")]
    put(api, kinds.GATEWAYS, "app", {"selector": {"istio": "ingress"}})
    put(api, kinds.GATEWAYS, "typo", {"selector": {"istio": "ingres"}})
    put(api, kinds.GATEWAYS, "istiods", {"selector": {"app": "istiod"}})
    put(api, kinds.VIRTUAL_SERVICES, "shop", {"gateways": [f"{make.NS}/gone"]}, "apps")
    found = run(monkeypatch, gateway_config_info)
    assert [(each["flag"], each["pod"], each["object"]) for each in found["flags"]] == [
        ("no_pod", "", f"Gateway {make.NS}/typo"),
        ("no_gateway", "", "VirtualService apps/shop"),
        ("stale", "gw-b", ""),
        ("no_endpoints", "gw-a", "VirtualService istio-ingress/app"),
        ("no_endpoints", "gw-b", "VirtualService istio-ingress/app"),
        ("old_secret", "gw-a", f"Secret {make.NS}/app"),
        ("old_secret", "gw-b", f"Secret {make.NS}/app"),
    ]
    assert found["errors"] == []
    assert found["failed"] is False


def api_object(name, conditions=("Accepted", "ResolvedRefs", "Programmed"), reason="", **spec):
    """A Gateway or a route of the Gateway API, one of whose conditions may be false."""
    said = [
        {"type": kind, "status": "False" if reason and kind == "ResolvedRefs" else "True", "reason": reason, "message": f"{reason} it is"}
        for kind in conditions
    ]
    parents = [{"parentRef": each, "conditions": said} for each in spec.get("parentRefs", ())]
    listeners = [{"name": each["name"], "conditions": said} for each in spec.get("listeners", ())]
    return {
        "metadata": {"name": name, "namespace": make.NS},
        "spec": spec,
        "status": {"parents": parents, "listeners": listeners, "conditions": said},
    }


def test_what_istiod_does_not_serve_of_the_gateway_api(monkeypatch, api):
    api.apply(kinds.SECRETS, make.secret("app"))
    own = {"addresses": [{"value": "istio-ingress"}], "listeners": [{"name": "https"}]}
    api.apply(kinds.KUBE_GATEWAYS, api_object("good", **own))
    api.apply(kinds.KUBE_GATEWAYS, api_object("bad", reason="InvalidCertificateRef", **own))
    api.apply(kinds.KUBE_GATEWAYS, api_object("of-others", reason="InvalidCertificateRef", listeners=[{"name": "https"}]))
    api.apply(kinds.HTTP_ROUTES, api_object("served", parentRefs=[{"name": "good"}]))
    api.apply(kinds.HTTP_ROUTES, api_object("early", reason="BackendNotFound", parentRefs=[{"name": "good"}]))
    api.apply(kinds.TCP_ROUTES, api_object("unseen", conditions=(), parentRefs=[{"name": "good"}]))
    # A challenge is at the Gateways of all namespaces, and each takes those of its own.
    api.apply(kinds.HTTP_ROUTES, api_object("solver", reason="Else", parentRefs=[{"name": "edge-http", "namespace": "elsewhere"}]))
    found = run(monkeypatch, gateway_config_info)
    mine = [each for each in found["flags"] if each["flag"] == "not_taken"]
    assert [(each["object"], each["text"].partition(" is not served as it is written: ")[2]) for each in mine] == [
        (f"Gateway {make.NS}/bad", "listener https: ResolvedRefs is False, InvalidCertificateRef: InvalidCertificateRef it is"),
        (f"HTTPRoute {make.NS}/early", "at Gateway good: ResolvedRefs is False, BackendNotFound: BackendNotFound it is"),
        (f"TCPRoute {make.NS}/unseen", "at Gateway good: istiod has not observed it"),
    ]


def test_what_may_not_be_read_is_named_and_not_flagged(monkeypatch, api, world):
    forbidden = status(403, "Forbidden", "no")
    put(api, kinds.VIRTUAL_SERVICES, "shop", {"gateways": ["gone"]})
    api.fail("/gateways", forbidden)
    api.fail("/secrets", forbidden)
    world.silent = ("istiod-a", "gw-b")
    found = run(monkeypatch, gateway_config_info)
    assert (texts(found), [pod["name"] for pod in found["pods"]]) == ([], ["gw-a"])
    assert [error.split(":")[0] for error in found["errors"]] == [
        "Pod gw-b",
        "Could not list gateways.networking.istio.io",
        "istiod could not be asked what it sent",
        f"Could not list secrets in namespace {make.NS}",
    ]


def test_no_pods_and_no_istiod_are_errors_and_no_failure(monkeypatch, api):
    found = run(monkeypatch, gateway_config_info, selector={"istio": "nowhere"}, istio_namespace="elsewhere")
    assert (found["failed"], found["pods"], found["flags"]) == (False, [], [])
    assert found["errors"] == [
        f"no pod in namespace {make.NS} has the labels istio=nowhere",
        "no pod in namespace elsewhere with the label app=istiod is Ready to be asked what it sent",
    ]


def test_check_mode_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(gateway_config_info, "open_client", refuse)
    found = run(monkeypatch, gateway_config_info, check=True)
    assert (found["failed"], found["errors"]) == (False, ["no way"])
    assert run(monkeypatch, gateway_config_info)["msg"] == "no way"
