# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import signal

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio import egress_wait as waiting
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, KubeError
from ansible_collections.baremesh.edge.plugins.modules import egress_wait
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed

PODS = {"namespace": make.NS, "selector": {"istio": "egress"}}
SIMPLE, MUTUAL = {"name": "app", "mode": "SIMPLE"}, {"name": "app", "mode": "MUTUAL"}
WAY = {"host": "api.partner.example", "port": 80}
NO_PAIR = "Secret istio-ingress/app: it has neither tls.crt and tls.key nor cert and key"
NO_CA = "mode {} needs the authority of the server: Secret app-cacert does not exist in namespace istio-ingress, and Secret app {}"


def pem(certificate):
    return base64.b64encode(certificate).decode()


class Envoy:
    """The admin pages of the pods; a moment of the clock may change them."""

    def __init__(self):
        self.pair = self.authority = None
        self.addresses = None
        self.trouble = None

    def read_json(self, pod, port, path, timeout):
        assert port == 15000
        if self.trouble:
            raise KubeError(self.trouble)
        if path == waiting.CLUSTERS_PATH:
            known = (
                [{"name": "outbound|80||api.partner.example", "host_statuses": [{}] * self.addresses}] if self.addresses is not None else []
            )
            return {"cluster_statuses": [{"name": "xds-grpc"}, *known]}
        held = []
        if self.pair:
            held.append(("app", {"tls_certificate": {"certificate_chain": {"inline_bytes": pem(self.pair)}}}))
        if self.authority:
            held.append(("app-cacert", {"validation_context": {"trusted_ca": {"inline_bytes": pem(self.authority)}}}))
        active = [{"name": f"kubernetes://{name}", "secret": secret} for name, secret in held]
        return {"configs": [{"dynamic_active_secrets": active}]}

    def know(self):
        self.pair, self.authority, self.addresses = make.cert_pem(), make.cert_pem(), 1


@pytest.fixture
def clock():
    return ScriptedClock()


@pytest.fixture
def envoy(monkeypatch):
    found = Envoy()
    monkeypatch.setattr(egress_wait, "PodProber", lambda connection, namespace: found)
    return found


@pytest.fixture
def api(monkeypatch, clock, envoy):
    found = FakeApi(clock)
    plain, found.allowed = FakeApi.request, True

    def request(self, method, path, query, body, content_type, timeout):
        if path.endswith("subjectaccessreviews"):
            body = dict(body, metadata={"name": "review"}, status={"allowed": found.allowed})
        return plain(self, method, path, query, body, content_type, timeout)

    monkeypatch.setattr(FakeApi, "request", request)
    monkeypatch.setattr(egress_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(egress_wait, "SystemClock", lambda: clock)
    monkeypatch.setattr(waiting, "ThreadFeed", lambda: ScriptedFeed(clock))
    kept = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield found
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def pod(api):
    conditions = [make.condition("Ready", "True")]
    made = {
        "metadata": {"name": "out", "namespace": make.NS, "labels": {"istio": "egress"}},
        "spec": {},
        "status": {"conditions": conditions},
    }
    api.apply(kinds.PODS, made)
    return made


def held(api, name="app", namespace=make.NS, **keys):
    """A Secret with these keys."""
    data = {key.replace("_", "."): pem(value) for key, value in keys.items()}
    api.apply(kinds.SECRETS, {"metadata": {"name": name, "namespace": namespace}, "data": data})


def pair(**keys):
    return {"tls_crt": make.cert_pem(), "tls_key": make.key_pem(), **keys}


@pytest.mark.parametrize(
    ("credential", "name", "keys", "cause"),
    [
        (MUTUAL, "other", {}, "Secret app does not exist in namespace istio-ingress, where the pods that begin TLS run"),
        (
            MUTUAL,
            "app",
            {"ca_crt": b"x"},
            f"{NO_PAIR} (it holds ca.crt)",
        ),
        (
            MUTUAL,
            "app",
            {"tls_crt": b"x"},
            f"{NO_PAIR} (it holds tls.crt)",
        ),
        (MUTUAL, "app", pair(tls_key=make.key_pem("other")), "Secret istio-ingress/app: the private key in tls.key does not belong to"),
        (MUTUAL, "app", pair(), NO_CA.format("MUTUAL", "has no ca.crt")),
        (MUTUAL, "app", pair(ca_crt=b"no"), "Secret istio-ingress/app: ca.crt is not a CA certificate"),
        (SIMPLE, "other", {}, NO_CA.format("SIMPLE", "does not exist either")),
        (SIMPLE, "app", {"password": b"x"}, NO_CA.format("SIMPLE", "has no ca.crt")),
        (SIMPLE, "app-cacert", {"ca.pem": b"x"}, "Secret istio-ingress/app-cacert has neither cacert nor ca.crt"),
    ],
)
def test_the_first_line_names_what_a_credential_lacks(monkeypatch, api, pod, credential, name, keys, cause):
    held(api, name, **keys)
    found = run(monkeypatch, egress_wait, credentials=[credential], **PODS)
    assert found["failed"] is True
    assert found["cause"].startswith(cause)
    assert found["msg"].splitlines()[0] == f"Credential app cannot be used: {found['cause']}"
    assert found["elapsed"] < 1


@pytest.mark.parametrize(("credential", "name"), [(MUTUAL, "app"), (SIMPLE, "app-cacert"), (SIMPLE, "app")])
def test_a_secret_in_another_namespace_is_found(monkeypatch, api, pod, credential, name):
    held(api, name, "default", **pair(ca_crt=make.cert_pem()))
    found = run(monkeypatch, egress_wait, credentials=[credential], **PODS)
    assert (
        found["msg"]
        .splitlines()[0]
        .endswith("; there is one in namespace default, but Istio serves it only from the namespace of the pods")
    )


def test_a_pod_that_may_not_list_secrets_gets_no_client_certificate(monkeypatch, api, pod):
    held(api, **pair(ca_crt=make.cert_pem()))
    api.allowed = False
    assert "may not list Secrets in namespace istio-ingress" in run(monkeypatch, egress_wait, credentials=[MUTUAL], **PODS)["msg"]
    assert run(monkeypatch, egress_wait, credentials=[SIMPLE], **PODS)["failed"] is False


@pytest.mark.parametrize("credential", [SIMPLE, MUTUAL])
def test_nothing_is_asked_of_envoy_before_anything_is_applied(monkeypatch, api, pod, envoy, credential):
    held(api, **pair(ca_crt=make.cert_pem()))
    envoy.trouble = "asked"
    found = run(monkeypatch, egress_wait, credentials=[credential], **PODS)
    assert (found["failed"], found["changed"], found["pods"]) == (False, False, [])


def test_the_wait_ends_when_envoy_holds_all(monkeypatch, api, pod, envoy, clock):
    held(api, **pair(ca_crt=make.cert_pem()))
    clock.at(7, envoy.know)
    found = run(monkeypatch, egress_wait, credentials=[MUTUAL], clusters=[WAY], **PODS)
    assert found["failed"] is False, found["msg"]
    assert [(each["pod"], each["state"]) for each in found["pods"]] == [("out", "ready")]
    assert 7 <= found["elapsed"] < 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair": None}, "pod out on no node: its Envoy does not hold app, which istiod has not sent"),
        ({"authority": None}, "pod out on no node: its Envoy does not hold app-cacert, which istiod has not sent"),
        ({"addresses": None}, "pod out on no node: its Envoy knows no way to api.partner.example on port 80 yet"),
        (
            {"addresses": 0},
            "pod out on no node: its Envoy has no address for api.partner.example; DNS in the cluster does not",
        ),
        ({"pair": make.cert_pem(serial=0x99)}, "pod out on no node: its Envoy holds serial 99 of app, the Secret 1001"),
        ({"trouble": "Envoy's admin port 15000 in pod out cannot be read"}, "pod out on no node: Envoy's admin port 15000 in pod out"),
    ],
)
def test_what_is_lacking_at_the_end_is_named(monkeypatch, api, pod, envoy, changes, said):
    held(api, **pair(ca_crt=make.cert_pem()))
    envoy.know()
    vars(envoy).update(changes)
    found = run(monkeypatch, egress_wait, credentials=[MUTUAL], clusters=[WAY], timeout=20, **PODS)
    assert found["failed"] is True
    assert found["cause"].startswith(said)
    assert found["msg"].startswith(f"The ways out are not open: {said}")
    assert found["chain"][0]["state"] == "waiting"
    assert found["elapsed"] >= 20


def test_pods_that_must_be_there_and_those_that_need_not(monkeypatch, api):
    found = run(monkeypatch, egress_wait, clusters=[WAY], timeout=5, **PODS)
    assert (found["failed"], "no pod in namespace istio-ingress has the labels istio=egress" in found["cause"]) == (True, True)
    assert run(monkeypatch, egress_wait, clusters=[WAY], timeout=5, optional=True, **PODS)["failed"] is False


def test_check_mode_says_what_is_missing_and_does_not_fail(monkeypatch, api):
    found = run(monkeypatch, egress_wait, check=True, credentials=[MUTUAL], clusters=[WAY], **PODS)
    assert found["failed"] is False
    assert "Secret app does not exist" in found["msg"]


def test_check_mode_without_an_api(monkeypatch, api):
    def refuse(params):
        raise ConfigError("no way")

    monkeypatch.setattr(egress_wait, "open_client", refuse)
    assert run(monkeypatch, egress_wait, check=True, **PODS)["failed"] is False
    assert run(monkeypatch, egress_wait, **PODS)["failed"] is True


def test_no_key_is_returned(monkeypatch, api, pod, envoy):
    held(api, **pair(ca_crt=make.cert_pem()))
    envoy.know()
    text = json.dumps(run(monkeypatch, egress_wait, credentials=[MUTUAL], clusters=[WAY], **PODS))
    assert "PRIVATE" not in text
