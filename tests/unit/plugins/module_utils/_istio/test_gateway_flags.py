# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between pods and objects, and what is legitimate and must not be flagged."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_flags import (
    destination,
    no_pod,
    pod_flags,
    reference_flags,
    secret_flags,
    secret_name,
    sync_flags,
    unselected,
)

WEB = "outbound|80||web.default.svc.cluster.local"
GOOD, BAD = {"healthy": True}, {"healthy": False}


def cluster(name=WEB, endpoints=(GOOD,), **more):
    return {"name": name, "state": "active", "type": "EDS", "endpoints": list(endpoints), "detail": "", **more}


def route(*clusters, **more):
    return {
        "object": "VirtualService a/app",
        "hosts": ["app.example.com"],
        "config": "https",
        "clusters": list(clusters),
        "detail": "",
        **more,
    }


def listener(*clusters, **more):
    chains = [{"server_names": [], "clusters": list(clusters)}]
    return {"name": "0.0.0.0_443", "state": "active", "chains": chains, "detail": "", **more}


def flags(**view):
    return [
        (each["flag"], each["text"])
        for each in pod_flags({"pod": "gw", "listeners": [], "routes": [], "clusters": [], "secrets": [], **view})
    ]


WAY = "VirtualService a/app of gateway pod gw sends app.example.com to web.default.svc.cluster.local:80"


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [
        ([cluster()], []),
        ([cluster(endpoints=[BAD, GOOD])], []),
        ([cluster(endpoints=[])], [("no_endpoints", f"{WAY}, but it has no endpoints")]),
        ([cluster(endpoints=[BAD, BAD])], [("no_endpoints", f"{WAY}, but none of its 2 endpoints is healthy")]),
        ([], [("no_service", f"{WAY}, which it does not know: no such Service, port or subset")]),
        # Its endpoints are known when a client connects.
        ([cluster(endpoints=[], type="ORIGINAL_DST")], []),
        ([cluster(endpoints=[], type="STRICT_DNS")], [("no_endpoints", f"{WAY}, but it has no endpoints")]),
    ],
)
def test_destinations_of_routes(clusters, expected):
    assert flags(routes=[route(WEB)], clusters=clusters) == expected


def test_a_redirect_and_a_route_of_others_need_no_service():
    assert flags(routes=[route()], clusters=[cluster(endpoints=[])]) == []


def test_istiod_sends_what_has_no_service_nowhere():
    (found,) = flags(routes=[route("BlackHoleCluster")], clusters=[cluster("BlackHoleCluster", [], type="STATIC")])
    assert found[0] == "no_service"
    assert "to a destination without a Service" in found[1]


def test_a_destination_is_flagged_once_for_all_paths_of_a_site():
    assert len(flags(routes=[route(WEB), route(WEB)], clusters=[])) == 1


def test_destinations_of_tcp():
    ((flag, text),) = flags(listeners=[listener(WEB)], clusters=[])
    assert flag == "no_service"
    assert text.startswith("listener 0.0.0.0_443 of gateway pod gw sends all names to web.default.svc.cluster.local:80")


def test_refused_updates_and_what_is_waited_for():
    found = flags(
        listeners=[listener(detail="KEY_VALUES_MISMATCH"), listener(state="warming")],
        routes=[route(detail="bad regex")],
        clusters=[cluster(state="warming"), cluster("x", detail="no")],
        secrets=[{"name": "kubernetes://app", "state": "warming"}, {"name": "kubernetes://b", "state": "active"}],
    )
    assert found == [
        ("update_rejected", "gateway pod gw refused an update of listener 0.0.0.0_443: KEY_VALUES_MISMATCH"),
        ("warming", "listener 0.0.0.0_443 of gateway pod gw is warming: istiod has not sent what it needs"),
        ("update_rejected", "gateway pod gw refused an update of routes https: bad regex"),
        ("warming", f"cluster {WEB} of gateway pod gw is warming: istiod has not sent what it needs"),
        ("update_rejected", "gateway pod gw refused an update of cluster x: no"),
        ("warming", "gateway pod gw waits for kubernetes://app, which istiod has not sent"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (WEB, "web.default.svc.cluster.local:80"),
        ("outbound|80|v1|web.default.svc.cluster.local", "web.default.svc.cluster.local:80 subset v1"),
        ("BlackHoleCluster", "a destination without a Service"),
        ("agent", "agent"),
    ],
)
def test_how_a_destination_is_written(name, text):
    assert destination(name) == text


def held(name="kubernetes://app", serial="1001", kind="certificate"):
    return {"name": name, "serial": serial, "kind": kind, "state": "active"}


def secret(serial="1001", problem=None, name="app"):
    return {"name": name, "namespace": "a", "serial": serial, "problem": problem}


@pytest.mark.parametrize(
    ("have", "stored", "expected"),
    [
        (held(), secret(), []),
        (held(serial=None), secret(), []),
        (held(), secret(name="other"), []),
        (held(), secret("1002"), ["gateway pod gw holds serial 1001 of Secret app, but the Secret holds 1002"]),
        (
            held(),
            secret(None, "it does not exist in namespace a"),
            ["gateway pod gw holds serial 1001 of Secret app, but it does not exist in namespace a"],
        ),
        (
            {**held(serial=None), "state": "warming"},
            secret(None, "it does not exist in namespace a; there is one in namespace shop"),
            ["gateway pod gw waits for Secret app, but it does not exist in namespace a; there is one in namespace shop"],
        ),
        # It is on its way.
        ({**held(serial=None), "state": "warming"}, secret(), []),
        # An authority of clients, and Secrets that are none of the pod's namespace.
        (held("kubernetes://app-cacert", kind="ca"), secret("1002", name="app-cacert"), []),
        (held("kubernetes-gateway://b/app"), secret("1002"), []),
        (
            held("kubernetes-gateway://a/app"),
            secret("1002"),
            ["gateway pod gw holds serial 1001 of Secret app, but the Secret holds 1002"],
        ),
        (held("file-cert:/etc/app"), secret("1002"), []),
    ],
)
def test_certificates_that_are_older_than_their_secret(have, stored, expected):
    assert [each["text"] for each in secret_flags({"pod": "gw", "namespace": "a", "secrets": [have]}, [stored])] == expected


def test_names_of_secrets():
    names = ("kubernetes://app", "kubernetes://b/app", "default", "kubernetes-gateway://a/app", "kubernetes-gateway://b/app")
    assert [secret_name(held(name), "a") for name in names] == ["app", "", "", "app", ""]


def proxy(**more):
    return {"proxy": "gw.a", "cluster_sent": "1", "cluster_acked": "1", "listener_sent": "2", "listener_acked": "2", **more}


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        ([proxy()], []),
        # Nothing of that kind was needed.
        ([proxy(route_acked="")], []),
        ([proxy(proxy="other.a"), proxy()], []),
        (
            [proxy(listener_acked="1", route_sent="3")],
            ["gateway pod gw has not taken the listeners, routes that istiod sent last"],
        ),
        ([proxy(proxy="gw.b")], ["gateway pod gw is connected to no istiod, so it keeps what it was sent before"]),
    ],
)
def test_pods_that_are_behind(proxies, expected):
    found = sync_flags(["gw"], "a", proxies)
    assert [each["text"] for each in found] == expected
    assert all(each["flag"] == "stale" for each in found)


def gateway(name="app", namespace="a", **selector):
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}


def test_gateways_without_pods():
    ours, wrong, foreign, all_pods = (
        gateway(istio="ingress"),
        gateway("typo", istio="ingres"),
        gateway(namespace="b", istio="x"),
        gateway("all"),
    )
    found = unselected([ours, wrong, foreign, all_pods], "a", [{"istio": "ingress", "app": "gw"}])
    assert found == [wrong]
    assert no_pod(wrong)["text"] == "Gateway a/typo is opened by no pod: none has the labels istio=ingres"


@pytest.mark.parametrize(
    ("namespace", "names", "missing"),
    [
        ("a", ["app", "a/app", "./app", "app.a.svc.cluster.local", "mesh"], []),
        ("a", ["gone"], ["a/gone"]),
        ("apps", ["a/app", "a/gone"], ["a/gone"]),
        # What other namespaces do among themselves is not this gateway's.
        ("apps", ["gone"], []),
        ("a", ["b/gone"], ["b/gone"]),
        ("a", ["a/x-istio-autogenerated-k8s-gateway-http"], []),
        ("a", [], []),
    ],
)
def test_virtual_services_for_gateways_that_do_not_exist(namespace, names, missing):
    service = {"metadata": {"name": "shop", "namespace": namespace}, "spec": {"gateways": names}}
    found = reference_flags([gateway()], [service], "a")
    assert [each["text"] for each in found] == [
        f"VirtualService {namespace}/shop is for Gateway {name}, which does not exist, so its routes are nowhere" for name in missing
    ]
