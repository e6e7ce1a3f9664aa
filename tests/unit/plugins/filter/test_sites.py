# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters for sites and issuers as playbooks call them."""

from __future__ import annotations

import importlib

import pytest
from ansible.errors import AnsibleFilterError

SITE = {
    "name": "app",
    "hosts": ["app.example.com"],
    "issuer": "letsencrypt",
    "routes": [{"prefix": "/", "service": "web.default", "port": 3000}],
}
BAD = {**SITE, "hosts": ["a_b"], "routes": [{"prefix": "/", "service": "web", "port": 3000}]}
NS = "istio-ingress"


def call(name, *arguments, **options):
    """Call a filter by the name under which a playbook knows it."""
    module = importlib.import_module("ansible_collections.baremesh.edge.plugins.filter." + name)
    return module.FilterModule().filters()[name](*arguments, **options)


@pytest.mark.parametrize(
    ("name", "arguments", "kinds"),
    [
        ("site_certificates", (NS,), ["Certificate"]),
        ("site_gateways", (NS, {"istio": "ingress"}), ["Gateway"]),
        ("site_virtual_services", (NS,), ["VirtualService", "VirtualService"]),
        ("site_ca_secrets", (NS,), []),
    ],
)
def test_manifests_of_sites(name, arguments, kinds):
    assert [found["kind"] for found in call(name, [SITE], *arguments)] == kinds
    with pytest.raises(AnsibleFilterError) as caught:
        call(name, [BAD], *arguments)
    assert len(str(caught.value).splitlines()) == 2


def test_findings_do_not_fail():
    assert call("site_findings", [SITE], []) == []
    assert len(call("site_findings", [BAD, {**SITE, "name": "b", "issuer": "none"}], [])) == 3
    # Without issuers their names are not checked.
    assert call("site_findings", [{**SITE, "issuer": "none"}]) == []


def test_findings_of_issuers_come_first():
    found = call("site_findings", [{**SITE, "issuer": "none"}], [{"name": "x", "type": "y"}])
    assert [text.partition("[")[0] for text in found] == ["cert_manager_issuers", "edge_sites"]


def test_the_kind_of_the_issuer_is_looked_up():
    issuers = [{"name": "letsencrypt", "kind": "Issuer", "server": "https://acme.example.com/dir"}]
    (found,) = call("site_certificates", [SITE], NS, issuers)
    assert found["spec"]["issuerRef"]["kind"] == "Issuer"


def test_strings_of_a_survey_are_cast():
    (found,) = call("site_gateways", [SITE], NS, {}, "8443")
    assert found["spec"]["servers"][0]["port"]["number"] == 8443


def test_issuers():
    assert call("cert_manager_issuers", []) == []
    assert call("cert_manager_issuers", [], ["letsencrypt"])[0]["metadata"]["name"] == "letsencrypt"
    with pytest.raises(AnsibleFilterError, match="server is missing"):
        call("cert_manager_issuers", [{"name": "x", "type": "acme"}])


def test_issuers_that_prove_names_by_http01():
    own = {"name": "own", "type": "selfsigned"}
    assert call("http01_issuers", [own]) == ["letsencrypt", "letsencrypt-staging"]


def test_gateways_and_their_workloads():
    found = call("istio_gateway_releases", [{"name": "istio-ingress", "kind": "DaemonSet"}], NS, "1.31.1")
    assert found["workloads"] == [{"kind": "DaemonSet", "name": "istio-ingress", "namespace": NS}]
    with pytest.raises(AnsibleFilterError, match="name is missing"):
        call("istio_gateway_releases", [{}], NS, "1.31.1")


def test_raw_objects():
    assert call("site_owned", [{"metadata": {"name": "x"}}], NS, "v1", "Thing")[0]["metadata"]["namespace"] == NS
    with pytest.raises(AnsibleFilterError, match=r"Thing 0 of the list has no metadata\.name"):
        call("site_owned", [{"spec": {}}], NS, "v1", "Thing")
    with pytest.raises(AnsibleFilterError, match="is of kind Other; the list takes Thing only"):
        call("site_owned", [{"kind": "Other", "metadata": {"name": "x"}}], NS, "v1", "Thing")


def test_where_and_how_sites_must_be_served():
    assert call("site_endpoints", [SITE], ["192.0.2.1"], "8443") == [
        {"address": "192.0.2.1", "port": 8443, "server_name": "app.example.com"}
    ]
    assert call("site_serials", [SITE], [{"name": "app", "serial": "ab"}]) == {"app.example.com": "ab"}
    gateways = call("site_gateways", [SITE], NS, {})
    assert call("gateway_credentials", gateways)[0]["name"] == "app"
