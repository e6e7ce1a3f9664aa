# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import LABEL
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import REFUSED, Probe
from ansible_collections.baremesh.edge.plugins.modules import sds_primer
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

CREDENTIALS = [{"name": "app", "hosts": ["app.example.com"]}]


class Refusing:
    """No pod listens; the module is ended by a signal while it asks, if one is given."""

    def __init__(self, number=None):
        self.number = number

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        if self.number is not None:
            signal.raise_signal(self.number)
        return Probe(REFUSED)


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    plain = found.request

    def request(method, path, query, body, content_type, timeout):
        if path.endswith("subjectaccessreviews"):
            body = dict(body, metadata={"name": "review"}, status={"allowed": True})
        return plain(method, path, query, body, content_type, timeout)

    found.request = request
    found.apply(kinds.SECRETS, make.secret())
    found.apply(
        kinds.PODS,
        {
            "metadata": {"name": "gw", "namespace": make.NS, "labels": {"istio": "ingress"}},
            "spec": {},
            "status": {"conditions": [make.condition("Ready", "True")]},
        },
    )
    monkeypatch.setattr(sds_primer, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(sds_primer, "PodProber", lambda connection, namespace: Refusing())
    monkeypatch.setattr(sds_primer, "SystemClock", lambda: clock)
    kept = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield found
    for number, handler in kept.items():
        signal.signal(number, handler)


def gateway(name, selector):
    return {"metadata": {"name": name, "namespace": make.NS, "labels": {LABEL: "true"}}, "spec": {"selector": selector}}


def names(api):
    return sorted(n for (p, n) in api.objects if p.endswith("gateways"))


def test_a_primer_is_made_and_removed_by_its_name(monkeypatch, api):
    made = run(monkeypatch, sds_primer, credentials=CREDENTIALS)
    assert (made["failed"], made["changed"], made["primers"]) == (False, True, names(api))
    assert len(made["primers"]) == 1
    gone = run(monkeypatch, sds_primer, state="absent", primers=made["primers"])
    assert (gone["changed"], gone["primers"], names(api)) == (True, made["primers"], [])
    again = run(monkeypatch, sds_primer, state="absent", primers=made["primers"])
    assert (again["changed"], again["primers"]) == (False, [])


def test_check_mode_says_what_would_be_made(monkeypatch, api):
    found = run(monkeypatch, sds_primer, check=True, credentials=CREDENTIALS)
    assert (found["failed"], found["changed"], found["msg"]) == (False, True, "Would make a primer for app")
    api.remove(kinds.SECRETS, make.NS, "app")
    found = run(monkeypatch, sds_primer, check=True, credentials=CREDENTIALS)
    assert (found["failed"], found["changed"]) == (False, False)
    assert "Secret app does not exist in namespace istio-ingress" in found["msg"]
    assert names(api) == []


def test_bad_input_is_one_sentence_before_any_request(monkeypatch, api):
    assert "credentials is empty" in run(monkeypatch, sds_primer, credentials=[])["msg"]
    assert "credentials" in run(monkeypatch, sds_primer)["msg"]
    assert api.requests == []


def test_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(sds_primer, "open_client", refuse)
    assert run(monkeypatch, sds_primer, check=True, credentials=CREDENTIALS)["failed"] is False
    assert run(monkeypatch, sds_primer, credentials=CREDENTIALS)["msg"] == "no way"
    assert run(monkeypatch, sds_primer, state="absent", primers=[])["failed"] is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_without_a_primer(monkeypatch, api, number):
    monkeypatch.setattr(sds_primer, "PodProber", lambda connection, namespace: Refusing(number))
    found = run(monkeypatch, sds_primer, credentials=CREDENTIALS)
    assert (found["failed"], found["msg"]) == (True, f"The run was interrupted by {number.name}; it leaves no primer")
    assert names(api) == []


def test_primers_of_these_pods_are_removed_on_request(monkeypatch, api):
    api.apply(kinds.GATEWAYS, gateway("mine", {"istio": "ingress"}))
    api.apply(kinds.GATEWAYS, gateway("others", {"istio": "egress"}))
    assert run(monkeypatch, sds_primer, check=True, state="absent")["primers"] == ["mine"]
    assert names(api) == ["mine", "others"]
    assert run(monkeypatch, sds_primer, state="absent")["primers"] == ["mine"]
    assert names(api) == ["others"]


def test_only_the_named_primers_are_removed(monkeypatch, api):
    api.apply(kinds.GATEWAYS, gateway("one", {"istio": "ingress"}))
    api.apply(kinds.GATEWAYS, gateway("two", {"istio": "ingress"}))
    run(monkeypatch, sds_primer, state="absent", primers=["one", "gone"])
    assert names(api) == ["two"]
    run(monkeypatch, sds_primer, state="absent", primers=[])
    assert names(api) == ["two"]
