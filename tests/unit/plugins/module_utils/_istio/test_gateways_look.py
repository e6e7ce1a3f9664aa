# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.certificate_wait import ready_certificates
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateways_look import look_at_gateways
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import LABEL
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import REFUSED, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, status

GATEWAY = {
    "namespace": make.NS,
    "selector": {"istio": "ingress"},
    "port": 443,
    "certificate_names": ["app"],
    "secret_names": [],
    "credentials": [{"name": "app", "hosts": ["app.example.com"], "mode": "SIMPLE"}],
}
WITHOUT_TLS = {**GATEWAY, "certificate_names": [], "credentials": []}


class Cluster:
    """A cluster that serves one site, and what its pods answer."""

    def __init__(self):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        plain = self.api.request

        def request(method, path, query, body, content_type, timeout):
            if path.endswith("subjectaccessreviews"):
                body = dict(body, metadata={"name": "review"}, status={"allowed": True})
            return plain(method, path, query, body, content_type, timeout)

        self.api.request = request
        self.api.apply(kinds.CERTIFICATES, make.certificate())
        self.api.apply(kinds.SECRETS, make.secret())
        pod = {"metadata": {"name": "gw", "namespace": make.NS, "labels": {"istio": "ingress"}}, "spec": {}}
        self.api.apply(kinds.PODS, {**pod, "status": {"conditions": [make.condition("Ready", "True")]}})
        certificate = x509.load_pem_x509_certificate(make.cert_pem())
        self.answer = Probe(SERVED, certificate.public_bytes(serialization.Encoding.DER))

    def handshake(self, pod, port, server_name, timeout, proxy_protocol=False):
        return self.answer

    def look(self, *gateways):
        client, deadline = KubeClient(self.api, self.clock), Deadline(self.clock, 5)

        def ready(namespace, names):
            return ready_certificates(client, namespace, names, deadline)

        return look_at_gateways(client, lambda namespace: self, ready, gateways, deadline)


@pytest.fixture
def cluster():
    return Cluster()


def test_all_is_seen_in_one_look(cluster):
    (seen,) = cluster.look(GATEWAY)
    assert [(each["name"], each["ready"], each["serial"]) for each in seen["certificates"]] == [("app", True, "1001")]
    assert [(pod["pod"], pod["serial"]) for pod in seen["pods"]] == [("gw", "1001")]
    assert (seen["secrets"], seen["served"]) == ([], True)


def test_without_gateways_nothing_is_asked(cluster):
    assert cluster.look() == []
    assert cluster.api.requests == []


def test_a_gateway_without_certificates_has_an_entry(cluster):
    assert cluster.look(WITHOUT_TLS) == [{"certificates": [], "secrets": [], "pods": [], "served": False}]


def test_secrets_of_users(cluster):
    (seen,) = cluster.look({**GATEWAY, "certificate_names": [], "secret_names": ["app"]})
    assert [secret["serial"] for secret in seen["secrets"]] == ["1001"]


def not_ready(cluster):
    cluster.api.apply(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))


def another_serial(cluster):
    cluster.api.apply(kinds.SECRETS, make.secret(serial=0x2002))


def silent_pods(cluster):
    cluster.answer = Probe(REFUSED)


def no_pod(cluster):
    cluster.api.remove(kinds.PODS, make.NS, "gw")


def primer_left_over(cluster):
    metadata = {"name": "primer", "namespace": make.NS, "labels": {LABEL: "true"}}
    cluster.api.apply(kinds.GATEWAYS, {"metadata": metadata, "spec": {"selector": {"istio": "ingress"}}})


def no_right(cluster):
    cluster.api.fail("/certificates", status(403, "Forbidden", "certificates is forbidden"))


@pytest.mark.parametrize("trouble", [not_ready, another_serial, silent_pods, no_pod, primer_left_over, no_right])
def test_a_run_has_to_wait(cluster, trouble):
    trouble(cluster)
    assert cluster.look(WITHOUT_TLS, GATEWAY) == [], "one gateway is enough"


def test_a_secret_of_users_that_is_not_there(cluster):
    assert cluster.look({**GATEWAY, "secret_names": ["ghost"]}) == []
