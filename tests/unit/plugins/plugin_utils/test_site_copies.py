# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What External Secrets copies the Secrets of sites by, and no more than that."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_copies as copies
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import read_sites

NS = "istio-ingress"
ROUTE = {"prefix": "/", "service": "web.default", "port": 3000}


def sites(by="external_secrets", tls=None, **more):
    copied = {"namespaces": ["shop", "team-b"], "by": by, **more}
    raw = {"name": "app", "hosts": ["app.example.com"], "issuer": "lab", "routes": [ROUTE], "certificate": {"copies": copied}}
    found, findings = read_sites([{**raw, **({"tls": tls} if tls else {})}])
    assert findings == []
    return found


def made(**given):
    return copies.objects(sites(**given), NS)


def of_kind(kind, **given):
    return [each for each in made(**given) if each["kind"] == kind]


def test_the_account_reads_the_secrets_of_its_site_and_no_others():
    (role,) = of_kind("Role", tls={"key_types": ["ECDSA", "RSA"]})
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["app", "app-rsa"], "verbs": ["get"]}]
    (binding,) = of_kind("RoleBinding")
    (account,) = of_kind("ServiceAccount")
    assert [each["metadata"]["namespace"] for each in (role, binding, account)] == [NS] * 3
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": NS}]


def test_the_store_is_open_to_the_namespaces_of_the_copies_and_to_no_others():
    (store,) = of_kind("ClusterSecretStore")
    assert store["spec"]["conditions"] == [{"namespaces": ["shop", "team-b"]}]
    provider = store["spec"]["provider"]["kubernetes"]
    assert provider["remoteNamespace"] == NS
    assert provider["auth"] == {"serviceAccount": {"name": "app-copies", "namespace": NS}}


def test_each_namespace_gets_a_copy_of_the_same_name_and_type():
    found = of_kind("ExternalSecret")
    assert [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found] == [("shop", "app"), ("team-b", "app")]
    (store,) = of_kind("ClusterSecretStore")
    for spec in (each["spec"] for each in found):
        assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": store["metadata"]["name"]}
        assert (spec["target"]["name"], spec["target"]["template"]["type"]) == ("app", "kubernetes.io/tls")
        assert spec["dataFrom"] == [{"extract": {"key": "app"}}]
        assert spec["refreshInterval"] == "15m"


def test_a_copy_does_not_count_as_a_secret_of_its_site():
    (first, _second) = of_kind("ExternalSecret")
    assert first["spec"]["target"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == "copy"


def test_how_often_it_is_compared():
    assert {each["spec"]["refreshInterval"] for each in of_kind("ExternalSecret", refresh="5s")} == {"5s"}


@pytest.mark.parametrize("by", ["reflector", "replicator"])
def test_the_others_need_no_objects_and_own_nothing_that_is_known(by):
    assert made(by=by) == []
    assert copies.names(sites(by=by), NS) == [{"name": "app", "namespace": NS, "copies": ["shop", "team-b"]}]


def test_who_owns_the_copies():
    assert copies.names(sites(), NS) == [{"name": "app", "namespace": NS, "copies": ["shop", "team-b"], "owner": "ExternalSecret"}]
