# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import named
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CLUSTER_ISSUERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    KUBE_GATEWAYS,
)
from ansible_collections.baremesh.edge.plugins.modules import ready_wait
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import AllNamespaces, ScriptedClock, ScriptedFeed

WORKLOADS = [{"name": "web", "namespace": "default"}, {"kind": "DaemonSet", "name": "agent", "namespace": "kube-system"}]
ISSUER = {"kind": "ClusterIssuer", "name": "lab"}
READY = {
    "Deployment": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    "DaemonSet": {"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1},
}
REFUSED = "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: contact email has invalid domain"
UNREACHABLE = 'Failed to register ACME account: Get "https://10.0.0.9/dir": dial tcp 10.0.0.9:443: connect: connection refused'


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = AllNamespaces(clock)
    monkeypatch.setattr(ready_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(ready_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(named, "ThreadFeed", lambda: ScriptedFeed(clock))
    return found


def put(api, kind, namespace, name):
    metadata = {"name": name, "namespace": namespace, "generation": 1}
    api.apply({each.kind: each for each in (DEPLOYMENTS, DAEMON_SETS)}[kind], {"metadata": metadata, "spec": {}, "status": READY[kind]})


def test_several_kinds_in_several_namespaces(monkeypatch, api):
    put(api, "Deployment", "default", "web")
    put(api, "DaemonSet", "kube-system", "agent")
    found = run(monkeypatch, ready_wait, objects=WORKLOADS)
    assert (found["failed"], found["cause"]) == (False, None)
    assert [entry["ready"] for entry in found["objects"]] == [True, True]


def test_a_failure_has_the_same_keys_and_the_cause_first(monkeypatch, api):
    put(api, "Deployment", "default", "web")
    found = run(monkeypatch, ready_wait, objects=WORKLOADS, timeout=7)
    assert found["msg"] == "DaemonSet kube-system/agent is not rolled out: it does not exist\nWaited 7 s."
    assert {"objects", "cause", "chain", "elapsed", "observations", "requests", "retry_at"} <= set(found)
    assert [entry["ready"] for entry in found["objects"]] == [True, False]


def test_check_mode_looks_once_and_does_not_fail(monkeypatch, api):
    found = run(monkeypatch, ready_wait, check=True, objects=WORKLOADS)
    assert (found["failed"], found["elapsed"]) == (False, 0.0)
    assert found["cause"] == "Deployment default/web: it does not exist"


def issuer(ready="True", reason="ACMEAccountRegistered", message="", generation=1, observed=1):
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message, "observedGeneration": observed}
    return {"metadata": {"name": "lab", "uid": "i", "generation": generation}, "status": {"conditions": [condition]}}


def wait(monkeypatch, **options):
    return run(monkeypatch, ready_wait, objects=[ISSUER], **options)


def test_an_issuer_is_ready_when_the_event_comes(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "ErrRegisterACMEAccount", UNREACHABLE))
    api.clock.at(9.0, lambda: api.apply(CLUSTER_ISSUERS, issuer()))
    found = wait(monkeypatch)
    assert (found["failed"], found["elapsed"], found["objects"][0]["ready"]) == (False, 9.0, True)
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("found", "expected", "elapsed"),
    [
        (issuer("False", "ErrRegisterACMEAccount", REFUSED), REFUSED, 0.0),
        (issuer("False", "InvalidConfig", "no solver"), "no solver", 0.0),
        (issuer("False", "ErrRegisterACMEAccount", UNREACHABLE), UNREACHABLE, 20.0),
        (
            issuer("False", "ErrRegisterACMEAccount", "400 urn:ietf:params:acme:error:badNonce: x"),
            "400 urn:ietf:params:acme:error:badNonce: x",
            20.0,
        ),
        (issuer(generation=2), "cert-manager has not observed its last change", 20.0),
        ({"metadata": {"name": "lab", "uid": "i", "generation": 1}}, "cert-manager has not observed it", 20.0),
    ],
)
def test_what_cannot_heal_ends_the_wait_and_what_can_does_not(monkeypatch, api, found, expected, elapsed):
    api.apply(CLUSTER_ISSUERS, found)
    result = wait(monkeypatch, timeout=20)
    assert result["failed"] is True
    assert result["cause"] == f"ClusterIssuer lab: {expected}"
    assert result["elapsed"] == elapsed


def test_fail_fast_can_be_turned_off(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "InvalidConfig", "no solver"))
    assert wait(monkeypatch, timeout=20, fail_fast=False)["elapsed"] == 20.0


def test_one_that_never_appears(monkeypatch, api):
    found = wait(monkeypatch, timeout=3)
    assert found["msg"] == "ClusterIssuer lab is not ready: it does not exist\nWaited 3 s."
    assert found["chain"] == [{"kind": "ClusterIssuer", "name": "lab", "state": "Absent", "reason": "", "message": "it does not exist"}]


def test_what_helps_follows_the_first_line(monkeypatch, api):
    api.apply(CLUSTER_ISSUERS, issuer("False", "ErrRegisterACMEAccount", REFUSED))
    assert wait(monkeypatch)["msg"].splitlines() == [
        f"ClusterIssuer lab is not ready: {REFUSED}",
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it).",
    ]


def test_an_api_that_stays_away_is_the_cause(monkeypatch, api):
    api.fail("/", "lost", times=10**6)
    found = wait(monkeypatch, timeout=3)
    away = "The Kubernetes API at https://fake cannot be reached: connection refused"
    assert (found["msg"].splitlines()[0], found["cause"]) == (f"ClusterIssuer lab is not ready: {away}", away)
    assert found["objects"][0]["cause"] == away


def test_check_mode_looks_once_at_issuers_and_does_not_fail(monkeypatch, api):
    found = wait(monkeypatch, check=True)
    assert (found["failed"], found["elapsed"], found["cause"]) == (False, 0.0, "ClusterIssuer lab: it does not exist")
    assert found["msg"] == "Would wait: ClusterIssuer lab is not ready: it does not exist"


def test_workloads_and_issuers_in_one_wait(monkeypatch, api):
    put(api, "Deployment", "default", "web")
    put(api, "DaemonSet", "kube-system", "agent")
    api.apply(CLUSTER_ISSUERS, issuer("False", "ErrRegisterACMEAccount", REFUSED))
    found = run(monkeypatch, ready_wait, objects=[*WORKLOADS, ISSUER])
    assert found["msg"].splitlines() == [
        f"ClusterIssuer lab is not ready: {REFUSED}",
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it).",
    ]
    assert [entry["ready"] for entry in found["objects"]] == [True, True, False]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "Issuer"])
def test_what_lives_in_a_namespace_needs_one(monkeypatch, api, kind):
    found = run(monkeypatch, ready_wait, objects=[{"kind": kind, "name": "web"}])
    assert (found["failed"], api.requests) == (True, [])
    assert f"kind is {kind} but all of the following are missing: namespace" in found["msg"]


def test_nothing_to_wait_for_is_ready_at_once(monkeypatch, api):
    found = run(monkeypatch, ready_wait, objects=[], timeout=9)
    assert (found["failed"], found["elapsed"], api.requests) == (False, 0.0, [])


NS = "istio-ingress"
GATEWAY = {"kind": "Gateway", "namespace": NS, "name": "app"}
ROUTE = {"kind": "HTTPRoute", "namespace": NS, "name": "app"}


def conditions(observed=2, **states):
    """Return conditions by their types; a state is True, or a reason why not."""
    return [
        {
            "type": kind,
            "status": "True" if state is True else "Unknown" if state == "Pending" else "False",
            "reason": "Fine" if state is True else state,
            "message": "all\n good" if state is True else f"said of {state}",
            "observedGeneration": observed,
        }
        for kind, state in states.items()
    ]


def kube_gateway(listener=True, observed=2, of_listener=None, **states):
    states = {"Accepted": True, "Programmed": True, **states}
    listeners = [
        {"name": "https", "conditions": conditions(of_listener or observed, Accepted=True, ResolvedRefs=listener, Programmed=True)}
    ]
    return {
        "metadata": {"name": "app", "namespace": NS, "generation": 2},
        "spec": {"listeners": [{"name": "https"}]},
        "status": {"conditions": conditions(observed, **states), "listeners": listeners},
    }


def http_route(parent="app", **states):
    states = {"Accepted": True, "ResolvedRefs": True, **states}
    return {
        "metadata": {"name": "app", "namespace": NS, "generation": 2},
        "spec": {"parentRefs": [{"name": "app"}]},
        "status": {"parents": [{"parentRef": {"name": parent}, "conditions": conditions(**states)}]},
    }


def test_a_gateway_and_its_route_are_ready_when_istiod_has_taken_them(monkeypatch, api):
    api.apply(KUBE_GATEWAYS, kube_gateway(observed=1))
    api.apply(HTTP_ROUTES, http_route())
    api.clock.at(4.0, lambda: api.apply(KUBE_GATEWAYS, kube_gateway()))
    found = run(monkeypatch, ready_wait, objects=[GATEWAY, ROUTE])
    assert (found["failed"], found["elapsed"]) == (False, 4.0)


def test_what_istiod_said_of_a_later_spec_counts(monkeypatch, api):
    """A status may be read before the object that it is of."""
    api.apply(KUBE_GATEWAYS, kube_gateway(observed=3))
    assert run(monkeypatch, ready_wait, objects=[GATEWAY])["failed"] is False
    # An object without generation is of no program that counts them.
    made = kube_gateway(observed=None)
    del made["metadata"]["generation"]
    api.apply(KUBE_GATEWAYS, made)
    assert run(monkeypatch, ready_wait, objects=[GATEWAY])["failed"] is False


def test_a_condition_of_no_generation_is_of_none_that_is_counted(monkeypatch, api):
    made = kube_gateway(observed=None)
    made["metadata"]["generation"] = 1
    api.apply(KUBE_GATEWAYS, made)
    found = run(monkeypatch, ready_wait, objects=[GATEWAY], timeout=1)
    assert "istiod has not observed it" in found["msg"]


def test_only_namespaces_that_are_named_are_read(monkeypatch, api):
    """One by its name, so that its rights are enough; several at once."""
    api.apply(KUBE_GATEWAYS, kube_gateway())
    run(monkeypatch, ready_wait, objects=[GATEWAY, ROUTE], timeout=1)
    assert {request[1] for request in api.requests} == {
        f"/apis/gateway.networking.k8s.io/v1/namespaces/{NS}/{kind}" for kind in ("gateways", "httproutes")
    }
    api.requests.clear()
    run(monkeypatch, ready_wait, objects=[GATEWAY, {**ROUTE, "namespace": "shop"}], timeout=1)
    assert {request[1] for request in api.requests} == {f"/apis/gateway.networking.k8s.io/v1/{kind}" for kind in ("gateways", "httproutes")}


def test_a_route_to_a_service_that_is_still_to_come_is_ready(monkeypatch, api):
    api.apply(HTTP_ROUTES, http_route(ResolvedRefs="BackendNotFound"))
    assert run(monkeypatch, ready_wait, objects=[ROUTE])["failed"] is False


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (kube_gateway(Programmed="AddressNotUsable"), "Programmed is False, AddressNotUsable: said of AddressNotUsable"),
        (kube_gateway(Accepted="Pending"), "istiod has not observed it"),
        (kube_gateway(observed=1), "listener https: istiod has not observed it"),
        # What a listener says is deeper than what its Gateway says.
        (
            kube_gateway("InvalidCertificateRef", Accepted="ListenersNotValid"),
            "listener https: ResolvedRefs is False, InvalidCertificateRef: said of InvalidCertificateRef",
        ),
        # Of two that were not observed, the listener; what is known goes before what is not.
        (kube_gateway(of_listener=1), "listener https: istiod has not observed it"),
        (kube_gateway(of_listener=1, Programmed="AddressNotUsable"), "Programmed is False, AddressNotUsable"),
        (kube_gateway(of_listener=1, Accepted="Pending", Programmed="AddressNotUsable"), "Programmed is False, AddressNotUsable"),
        (kube_gateway("InvalidCertificateRef", Accepted="Pending"), "listener https: ResolvedRefs is False, InvalidCertificateRef"),
        (kube_gateway() | {"status": {}}, "listener https: istiod has not observed it"),
    ],
)
def test_why_a_gateway_is_not_programmed(monkeypatch, api, made, said):
    api.apply(KUBE_GATEWAYS, made)
    found = run(monkeypatch, ready_wait, objects=[GATEWAY], timeout=5)
    assert found["failed"] is True
    assert found["msg"].startswith(f"Gateway {NS}/app is not programmed: {said}")
    assert found["msg"].endswith("Waited 5 s.")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (http_route(ResolvedRefs="RefNotPermitted"), "at Gateway app: ResolvedRefs is False, RefNotPermitted: said of RefNotPermitted"),
        (http_route(Accepted="NotAllowedByListeners"), "at Gateway app: Accepted is False, NotAllowedByListeners"),
        (http_route(parent="other"), "at Gateway app: istiod has not observed it"),
    ],
)
def test_why_a_route_is_not_taken(monkeypatch, api, made, said):
    api.apply(HTTP_ROUTES, made)
    found = run(monkeypatch, ready_wait, objects=[ROUTE], timeout=5)
    assert found["msg"].startswith(f"HTTPRoute {NS}/app is not programmed: {said}")
