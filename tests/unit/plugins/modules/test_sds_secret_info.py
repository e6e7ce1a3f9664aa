# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.modules import sds_secret_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

RECORDED = Path(__file__).parent.parent / "module_utils" / "_istio" / "recorded" / "secrets.json"


class Prober:
    def __init__(self, connection, namespace):
        assert namespace == make.NS

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        if server_name != "app.example.com":
            return Probe(RESET, detail="closed")
        found = x509.load_pem_x509_certificate(make.cert_pem())
        return Probe(SERVED, found.public_bytes(serialization.Encoding.DER))

    def read_json(self, pod, port, path, timeout):
        assert port == 15000
        if pod == "gw-b":
            raise KubeError("Envoy's admin port 15000 in pod gw-b cannot be read: no answer")
        return json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(sds_secret_info, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(sds_secret_info, "PodProber", Prober)
    for name in ("gw-a", "gw-b"):
        found.apply(
            kinds.PODS,
            {"metadata": {"name": name, "namespace": make.NS, "labels": {"istio": "ingress"}}, "spec": {"nodeName": "n"}, "status": {}},
        )
    return found


def test_envoys_admin_port_is_left_alone_where_secrets_are_not_asked_for(monkeypatch, api):
    monkeypatch.setattr(sds_secret_info.PodProber, "read_json", lambda *_arguments: pytest.fail("the admin port was asked"))
    found = run(monkeypatch, sds_secret_info, server_names=["app.example.com"], read_secrets=False)
    assert found["secrets"] == []
    assert found["served"]


def test_what_pods_hold_and_serve(monkeypatch, api):
    found = run(monkeypatch, sds_secret_info, server_names=["app.example.com", "x.example.com"])
    assert found["changed"] is False
    assert [(s["pod"], s["name"], s["state"], s["kind"]) for s in found["secrets"]] == [
        ("gw-a", "kubernetes://app", "active", "certificate"),
        ("gw-a", "kubernetes://nowhere", "warming", "certificate"),
    ]
    assert found["secrets"][0]["serial"] == "634511f517f5c3b"
    assert found["secrets"][1]["serial"] is None
    assert [(s["pod"], s["sni"], s["state"], s["serial"]) for s in found["served"]] == [
        ("gw-a", "app.example.com", "served", "1001"),
        ("gw-a", "x.example.com", "reset", None),
        ("gw-b", "app.example.com", "served", "1001"),
        ("gw-b", "x.example.com", "reset", None),
    ]
    assert found["errors"] == ["Pod gw-b: Envoy's admin port 15000 in pod gw-b cannot be read: no answer"]


def test_no_pods_are_an_error_and_no_failure(monkeypatch, api):
    found = run(monkeypatch, sds_secret_info, selector={"istio": "nowhere"}, server_names=["app.example.com"])
    assert not found["failed"]
    assert (found["served"], found["errors"]) == ([], ["no pod in namespace istio-ingress has the labels istio=nowhere"])


def test_no_private_key_is_returned(monkeypatch, api):
    assert "PRIVATE" not in json.dumps(run(monkeypatch, sds_secret_info))
    assert "redacted" not in json.dumps(run(monkeypatch, sds_secret_info))


def test_check_mode_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(sds_secret_info, "open_client", refuse)
    assert run(monkeypatch, sds_secret_info, check=True)["failed"] is False
    assert run(monkeypatch, sds_secret_info)["msg"] == "no way"


def served(**changes):
    found = x509.load_pem_x509_certificate(make.cert_pem(**changes))
    return Probe(SERVED, found.public_bytes(serialization.Encoding.DER))


OLD, NEW = served(), served(serial=0x1002)


class Turning:
    """By pod, what the handshakes show one after the other; the last stays."""

    def __init__(self, **probes):
        self.probes = {name.replace("_", "-"): list(found) for name, found in probes.items()}
        self.asked = []

    def __call__(self, connection, namespace):
        return self

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        self.asked.append((pod, port, server_name))
        found = self.probes[pod]
        return found.pop(0) if len(found) > 1 else found[0]


@pytest.fixture
def clock(monkeypatch):
    found = ScriptedClock()
    monkeypatch.setattr(sds_secret_info, "SystemClock", lambda: found)
    return found


def put_pod(api, name, ready=True, uid="u", restarts=0):
    pod = {
        "metadata": {"name": name, "namespace": make.NS, "uid": f"{uid}-{name}", "labels": {"istio": "ingress"}},
        "spec": {"nodeName": "n"},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "istio-proxy", "restartCount": restarts}],
        },
    }
    api.apply(kinds.PODS, pod)


def await_new(monkeypatch, turning, **options):
    monkeypatch.setattr(sds_secret_info, "PodProber", turning)
    options = {"server_names": ["app.example.com"], "expected_serials": {"app.example.com": "1002"}, "read_secrets": False} | options
    return run(monkeypatch, sds_secret_info, **options)


def test_it_waits_until_every_pod_serves_what_is_expected(monkeypatch, api, clock):
    for name in ("gw-a", "gw-b"):
        put_pod(api, name)
    turning = Turning(gw_a=[NEW], gw_b=[OLD, OLD, NEW])
    found = await_new(monkeypatch, turning)
    assert found["failed"] is False
    assert [(s["pod"], s["serial"]) for s in found["served"]] == [("gw-a", "1002"), ("gw-b", "1002")]
    assert [name for name, _port, _sni in turning.asked].count("gw-a") == 1, "a pod that was right is not asked again"
    assert 0 < clock.now < 1


def test_a_pod_that_goes_on_with_the_old_certificate_is_named(monkeypatch, api, clock):
    for name in ("gw-a", "gw-b"):
        put_pod(api, name)
    found = await_new(monkeypatch, Turning(gw_a=[NEW], gw_b=[OLD]), timeout=20)
    assert found["failed"] is True
    assert found["msg"] == "gateway pod gw-b on n serves serial 1001 for app.example.com, expected is 1002"
    assert found["cause"] == found["msg"]
    assert 20 <= clock.now < 21


def test_a_pod_that_is_not_ready_gets_no_visitors_and_is_not_awaited(monkeypatch, api, clock):
    put_pod(api, "gw-a")
    put_pod(api, "gw-b", ready=False)
    found = await_new(monkeypatch, Turning(gw_a=[NEW]))
    assert [s["pod"] for s in found["served"]] == ["gw-a"]
    assert [p["ready"] for p in found["pods"]] == [True, False]


def test_without_a_ready_pod_nothing_is_proved(monkeypatch, api, clock):
    put_pod(api, "gw-a", ready=False)
    put_pod(api, "gw-b", ready=False)
    found = await_new(monkeypatch, Turning(), timeout=5)
    assert found["failed"] is True
    assert found["msg"].startswith("no gateway pod with the labels istio=ingress is Ready")


def test_a_container_that_was_started_again_is_asked_again(monkeypatch, api, clock):
    put_pod(api, "gw-a")
    put_pod(api, "gw-b")
    turning = Turning(gw_a=[NEW, Probe(RESET, detail="closed"), NEW], gw_b=[OLD, NEW])
    # The first round has seen gw-a right when it starts anew.
    clock.at(0.05, lambda: put_pod(api, "gw-a", restarts=1))
    found = await_new(monkeypatch, turning)
    assert found["failed"] is False
    assert [name for name, _port, _sni in turning.asked].count("gw-a") == 3
    assert [p["restarts"] for p in found["pods"]] == [1, 0]


def test_check_mode_looks_once(monkeypatch, api, clock):
    for name in ("gw-a", "gw-b"):
        put_pod(api, name)
    found = await_new(monkeypatch, Turning(gw_a=[OLD], gw_b=[OLD]), check=True)
    assert found["failed"] is False
    assert clock.now == 0


def test_a_name_that_is_not_asked_for_is_refused(monkeypatch, api):
    found = run(monkeypatch, sds_secret_info, server_names=["a.b"], expected_serials={"c.d": "1"})
    assert found["msg"] == "expected_serials has c.d, but server_names does not"
