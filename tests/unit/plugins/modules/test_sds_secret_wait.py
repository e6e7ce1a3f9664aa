# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import REFUSED, Probe
from ansible_collections.baremesh.edge.plugins.modules import sds_secret_wait
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

CREDENTIALS = [{"name": "app", "hosts": ["app.example.com"]}]


class Refusing:
    """No pod listens; the module is ended by a signal while it waits, if one is given."""

    def __init__(self, number=None):
        self.number = number

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        if self.number is not None and port != 443:
            signal.raise_signal(self.number)
        return Probe(REFUSED)


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(sds_secret_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(sds_secret_wait, "PodProber", lambda connection, namespace: Refusing())
    monkeypatch.setattr(sds_secret_wait, "SystemClock", lambda: clock)
    kept = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield found
    for number, handler in kept.items():
        signal.signal(number, handler)


def names(api):
    return sorted(n for (p, n) in api.objects if p.endswith("gateways"))


@pytest.mark.parametrize(
    ("credentials", "part"),
    [
        ([], "credentials is empty"),
        ([{"name": "app", "hosts": []}], "credentials has no hosts for app"),
        ([{"name": "app", "hosts": ["shop/*"]}], "credentials has the host 'shop/*' for app: give DNS names that the certificate"),
        ([{"name": "ns/app", "hosts": ["a.example.com"]}], "credentials has the name 'ns/app'"),
        (CREDENTIALS * 2, "credentials has app twice"),
        ([{"name": "a", "hosts": ["a.b"], "credential_names": ["a", "b", "c"]}], "credential_names of a has 3 entries"),
    ],
)
def test_bad_input_is_one_sentence_before_any_request(monkeypatch, api, credentials, part):
    found = run(monkeypatch, sds_secret_wait, credentials=credentials)
    assert found["failed"] is True
    assert part in found["msg"]
    assert api.requests == []


def test_check_mode_tells_what_is_missing_and_does_not_fail(monkeypatch, api):
    found = run(monkeypatch, sds_secret_wait, check=True, credentials=CREDENTIALS)
    assert found["failed"] is False
    assert "Secret app does not exist in namespace istio-ingress" in found["msg"]


def test_check_mode_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(sds_secret_wait, "open_client", refuse)
    assert run(monkeypatch, sds_secret_wait, check=True, credentials=CREDENTIALS)["failed"] is False
    assert run(monkeypatch, sds_secret_wait, credentials=CREDENTIALS)["failed"] is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_wait_and_removes_the_primer(monkeypatch, api, number):
    monkeypatch.setattr(sds_secret_wait, "PodProber", lambda connection, namespace: Refusing(number))
    api.apply(kinds.SECRETS, make.secret())
    pod = {
        "metadata": {"name": "gw", "namespace": make.NS, "labels": {"istio": "ingress"}},
        "spec": {},
        "status": {"conditions": [make.condition("Ready", "True")]},
    }
    api.apply(kinds.PODS, pod)
    monkeypatch.setattr(FakeApi, "request", allow_all(FakeApi.request))
    found = run(monkeypatch, sds_secret_wait, credentials=CREDENTIALS)
    assert found["failed"] is True
    assert found["msg"] == f"The wait was interrupted by {number.name}; its primer is removed"
    assert names(api) == []
    assert [r[0] for r in api.asked("/gateways")] == ["GET", "POST", "DELETE"]


def allow_all(plain):
    def request(self, method, path, query, body, content_type, timeout):
        if path.endswith("subjectaccessreviews"):
            body = dict(body, metadata={"name": "review"}, status={"allowed": True})
        return plain(self, method, path, query, body, content_type, timeout)

    return request
