# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a certificate's Secret by External Secrets: made, following renewals, named where they lag, and gone in the end."""

from __future__ import annotations

import json

import pytest
import runs
from external_secrets import CHARTS, bring
from pods import apply, kubectl, namespace, watch

pytestmark = pytest.mark.matrix

PARTS = ("--tags", "cert_manager,external_secrets,certificate")
SITE = {
    "name": "copied",
    "hosts": ["copied.example.com"],
    "issuer": "own",
    "certificate": {"copies": {"namespaces": ["shop", "team-b"], "by": "external_secrets", "refresh": "1h"}},
    "routes": [{"service": "web.default", "port": 3000}],
}
GIVEN = {
    "cert_manager_issuers": [{"name": "own", "type": "selfsigned"}],
    "edge_external_secrets": {},
    "edge_allow_no_sites": True,
    "external_secrets_chart_dir": CHARTS,
    "edge_sites": [SITE],
    "certificate_wait_timeout": 30,
    "edge_on_site_failure": "stop",
    "certificate_prune_secrets": True,
}
READER = "system:serviceaccount:istio-ingress:copied-copies"


def passed(found):
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return found


def of_namespaces(*names, **more):
    return {
        **GIVEN,
        "edge_sites": [{**SITE, "certificate": {"copies": {**SITE["certificate"]["copies"], "namespaces": list(names), **more}}}],
    }


def held(host, space="istio-ingress"):
    found = json.loads(kubectl(host, f"get secrets --field-selector metadata.name=copied --namespace {space} --output json"))["items"]
    return found[0]["data"] if found else None


@pytest.fixture(scope="module", autouse=True)
def first(host, site):
    bring(host)
    apply(host, namespace("shop"), namespace("team-b"))
    yield passed(runs.run(GIVEN))
    issuers = host.backend.get_variables()["cert_manager_issuers"]
    passed(runs.run({"edge_sites": [site], "cert_manager_issuers": issuers, "certificate_prune_secrets": True}))
    kubectl(host, "delete namespace shop team-b")


def test_each_namespace_has_what_the_source_holds(host):
    source = held(host)
    assert set(source) >= {"tls.crt", "tls.key"}
    assert held(host, "shop") == held(host, "team-b") == source
    copy = json.loads(kubectl(host, "get secret copied --namespace shop --output json"))
    assert copy["type"] == "kubernetes.io/tls"


@pytest.mark.parametrize("arguments", [(), ("--check", "--diff")], ids=["run", "check"])
def test_a_second_run_changes_nothing(arguments):
    found = passed(runs.run(GIVEN, *arguments))
    assert found.changed == 0, found.output[-4000:]


def test_the_store_reads_that_secret_and_no_other(host):
    def may(what):
        return host.run(f"k3s kubectl auth can-i {what} --namespace istio-ingress --as {READER}").stdout.strip()

    assert [may(what) for what in ("get secret/copied", "get secret/other", "list secrets", "update secret/copied")] == [
        "yes",
        "no",
        "no",
        "no",
    ]


def test_a_renewal_by_a_playbook_ends_with_the_copies_in_step(host):
    """External Secrets would compare them after an hour."""
    before = held(host)
    passed(runs.run({**GIVEN, "renewal_names": ["copied"]}, playbook="baremesh.edge.renew"))
    assert held(host)["tls.crt"] != before["tls.crt"]
    assert held(host, "shop") == held(host, "team-b") == held(host)


def test_a_renewal_by_cert_manager_reaches_the_copies_without_a_run(host):
    passed(runs.run(of_namespaces("shop", "team-b", refresh="2s"), *PARTS))
    before = held(host)
    kubectl(host, "delete secret copied --namespace istio-ingress")
    watch(lambda: (held(host) or before)["tls.crt"] != before["tls.crt"])
    watch(lambda: held(host, "shop") == held(host, "team-b") == held(host))
    passed(runs.run(GIVEN, *PARTS))


def test_a_copy_that_lags_is_named(host):
    """External Secrets does not run."""
    scale = "scale deployment external-secrets --namespace external-secrets --replicas"
    kubectl(host, f"{scale} 0")
    before = held(host)
    kubectl(host, "delete secret copied --namespace istio-ingress")
    watch(lambda: (held(host) or before)["tls.crt"] != before["tls.crt"])
    try:
        found = runs.run(GIVEN, "--tags", "certificate")
    finally:
        kubectl(host, f"{scale} 1")
    (failure,) = found.failures
    assert failure.message.splitlines()[0] == ("ExternalSecret shop/copied is not ready: External Secrets has not observed its last change")
    passed(runs.run(GIVEN, *PARTS))
    assert held(host, "shop") == held(host)


def test_a_copy_and_a_right_that_were_taken_away_come_back(host):
    kubectl(host, "delete rolebinding copied-copies --namespace istio-ingress")
    kubectl(host, "delete secret copied --namespace shop")
    passed(runs.run(GIVEN, *PARTS))
    assert held(host, "shop") == held(host)


def test_a_secret_of_others_stays_as_it_is(host):
    apply(host, namespace("foreign"))
    data = json.loads(kubectl(host, "get secret copied --namespace istio-ingress --output json"))["data"]
    metadata = {"name": "copied", "namespace": "foreign"}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": {**data, "mine": "eA=="}})
    before = held(host, "foreign")
    for arguments in ((), ("--check",)):
        found = runs.run(of_namespaces("shop", "team-b", "foreign"), *PARTS, *arguments)
        (failure,) = found.failures
        assert failure.message.splitlines() == [
            "Secret foreign/copied is not in step: it is of others, as no ExternalSecret owns it",
            "It is left as it is: use another name for it, or take its namespace out of copies.",
        ]
        assert found.changed == 0
    assert held(host, "foreign") == before
    kubectl(host, "delete namespace foreign")


def test_a_copy_goes_with_its_namespace_in_the_list_and_all_with_the_site(host):
    passed(runs.run(of_namespaces("shop"), *PARTS))
    watch(lambda: held(host, "team-b") is None)
    assert held(host, "shop")
    passed(runs.run({**GIVEN, "edge_sites": []}, *PARTS))
    watch(lambda: held(host, "shop") is None)
    kinds = "externalsecrets,clustersecretstores,roles,rolebindings,serviceaccounts"
    assert "copied" not in kubectl(host, f"get {kinds} --all-namespaces --output name")


def test_a_reset_that_keeps_the_cluster_takes_copies_and_external_secrets_along(host):
    """The CRDs stay, with which objects of others would go."""
    passed(runs.run(GIVEN, *PARTS))
    reset = passed(runs.run({**GIVEN, "edge_reset_k3s": False}, playbook="baremesh.edge.reset"))
    watch(lambda: held(host, "shop") is None and held(host, "team-b") is None)
    kinds = "externalsecrets,clustersecretstores,deployments,serviceaccounts"
    left = kubectl(host, f"get {kinds} --all-namespaces --output name")
    assert "copied" not in left
    assert "external-secrets" not in left
    assert "externalsecrets.external-secrets.io" in kubectl(host, "get customresourcedefinitions --output name")
    again = passed(runs.run({**GIVEN, "edge_reset_k3s": False}, playbook="baremesh.edge.reset"))
    assert (reset.changed > 0, again.changed) == (True, 0)
