# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, KubeError
from ansible_collections.baremesh.edge.plugins.modules import sds_secret_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

RECORDED = Path(__file__).parent.parent / "module_utils" / "_istio" / "recorded" / "secrets.json"


class Prober:
    def __init__(self, connection, namespace):
        assert namespace == make.NS

    def handshake(self, pod, port, server_name, timeout):
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


def test_no_private_key_is_returned(monkeypatch, api):
    assert "PRIVATE" not in json.dumps(run(monkeypatch, sds_secret_info))
    assert "redacted" not in json.dumps(run(monkeypatch, sds_secret_info))


def test_check_mode_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(sds_secret_info, "open_client", refuse)
    assert run(monkeypatch, sds_secret_info, check=True)["failed"] is False
    assert run(monkeypatch, sds_secret_info)["msg"] == "no way"
