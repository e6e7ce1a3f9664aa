# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.modules import certificate_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, status


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(certificate_info, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(certificate_info, "SystemClock", lambda: clock)
    return found


def test_a_certificate_that_is_not_ready_is_no_failure(monkeypatch, api):
    api.apply(kinds.CERTIFICATES, make.certificate())
    api.apply(kinds.CERTIFICATES, make.certificate("b", conditions=[make.MISSING, make.ISSUING]))
    request = make.request("b")
    request["metadata"]["creationTimestamp"] = make.stamp(NOW - 60)
    api.apply(kinds.CERTIFICATE_REQUESTS, request)
    api.apply(kinds.SECRETS, make.secret())
    found = run(monkeypatch, certificate_info, namespace=make.NS)
    assert found["failed"] is False
    assert found["ready"] == 1
    assert found["cause"] == found["certificates"][1]["cause"] == "ClusterIssuer letsencrypt does not exist"
    assert found["certificates"][1]["advice"] == ["Create the issuer, or correct issuerRef of the Certificate."]
    assert found["certificates"][0]["advice"] == []


def test_all_ready_costs_two_requests(monkeypatch, api):
    for number in range(3):
        name = f"c{number}"
        api.apply(kinds.CERTIFICATES, make.certificate(name))
        api.apply(kinds.SECRETS, make.secret(name, certificate_name=name, names=(f"{name}.example.com",)))
    assert run(monkeypatch, certificate_info, namespace=make.NS)["ready"] == 3
    assert len(api.requests) == 2


def test_a_name_that_does_not_exist_is_absent(monkeypatch, api):
    found = run(monkeypatch, certificate_info, namespace=make.NS, names=["ghost"])
    assert found["certificates"][0]["state"] == "Absent"
    assert found["ready"] == 0


def test_a_cluster_without_cert_manager(monkeypatch, api):
    api.fail("/certificates", status(404, "NotFound", "the server could not find the requested resource"))
    found = run(monkeypatch, certificate_info, namespace=make.NS)
    assert found["failed"] is False
    assert found["api_found"] is False
    assert found["certificates"] == []


def test_a_refusal_is_a_failure(monkeypatch, api):
    api.fail("/certificates", status(403, "Forbidden", "certificates is forbidden"))
    found = run(monkeypatch, certificate_info, namespace=make.NS)
    assert found["failed"] is True
    assert found["msg"].startswith("Could not list certificates.cert-manager.io in namespace istio-ingress: HTTP 403 Forbidden")


def test_secrets_that_users_bring_themselves(monkeypatch, api):
    api.apply(kinds.SECRETS, make.secret("mine", names=("own.example.com",)))
    broken = make.secret("broken")
    broken["data"] = {"tls.crt": broken["data"]["tls.crt"]}
    api.apply(kinds.SECRETS, broken)
    mine, ghost, other = run(monkeypatch, certificate_info, namespace=make.NS, secret_names=["mine", "ghost", "broken"])["secrets"]
    assert mine["serial"]
    assert mine["not_after"].endswith("Z")
    assert (mine["dns_names"], mine["problem"]) == (["own.example.com"], None)
    assert (ghost["serial"], ghost["problem"]) == (None, f"it does not exist in namespace {make.NS}")
    assert (other["serial"], other["problem"]) == (None, "it has neither tls.crt and tls.key nor cert and key (it holds tls.crt)")
    assert "tls.key" not in str(mine)


def test_a_secret_that_is_only_in_another_namespace_is_named_with_it(monkeypatch, api):
    api.apply(kinds.SECRETS, make.secret("mine", namespace="shop"))
    (mine,) = run(monkeypatch, certificate_info, namespace=make.NS, secret_names=["mine"])["secrets"]
    assert mine["problem"] == (
        f"it does not exist in namespace {make.NS}; there is one in namespace shop, but Istio serves it only from the namespace of the "
        f"gateway pods: copy it to {make.NS}, or let the site use a gateway there"
    )


def test_where_other_namespaces_may_not_be_read_the_sentence_is_shorter(monkeypatch, api):
    api.fail("/api/v1/secrets", status(403, "Forbidden", "secrets is forbidden"))
    (mine,) = run(monkeypatch, certificate_info, namespace=make.NS, secret_names=["mine"])["secrets"]
    assert mine["problem"] == f"it does not exist in namespace {make.NS}"


def test_records_of_helm_are_not_read_for_the_secrets_of_users(monkeypatch, api):
    for names in (["mine", "ghost"], ["mine"]):
        run(monkeypatch, certificate_info, namespace=make.NS, secret_names=names)
    queries = [query for method, path, query, _body in api.requests if method == "GET" and path.endswith(f"/{make.NS}/secrets")]
    assert [query.get("fieldSelector") for query in queries][-2:] == ["type!=helm.sh/release.v1", "metadata.name=mine"]
