# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate for an address, which sites do not have and raw manifests do: docs/authorities.md."""

from __future__ import annotations

import base64
import ipaddress
import json

import pytest
import runs
from cryptography import x509
from pods import kubectl

pytestmark = pytest.mark.matrix

PARTS = ("--tags", "certificate")


@pytest.fixture(scope="module")
def given(host, site):
    address = host.backend.get_variables()["ansible_host"]
    spec = {"secretName": "address", "ipAddresses": [address], "issuerRef": {"kind": "ClusterIssuer", "name": "lab"}}
    yield {"edge_sites": [site], "certificate_certificates": [{"metadata": {"name": "address"}, "spec": spec}]}, address
    assert runs.run({"edge_sites": [site], "certificate_prune_secrets": True}, *PARTS).status == 0
    assert "address" not in kubectl(host, "get certificates --namespace istio-ingress --output name")
    kubectl(host, "delete secret address --namespace istio-ingress --ignore-not-found")


def test_the_authority_proves_an_address_by_http01(host, given):
    variables, address = given
    found = runs.run(variables, *PARTS)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    pem = json.loads(kubectl(host, "get secret address --namespace istio-ingress --output json"))["data"]["tls.crt"]
    issued = x509.load_pem_x509_certificate(base64.b64decode(pem))
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(address)]
    assert runs.run(variables, *PARTS).changed == 0


def test_a_site_for_an_address_is_refused_with_one_sentence(given, site):
    _variables, address = given
    found = runs.run({"edge_sites": [{**site, "hosts": [address]}]}, *PARTS)
    (failure,) = found.failures
    said = f"edge_sites[0] (app): hosts has '{address}'; an address is not a host name, and no certificate is issued for it here"
    assert (said in failure.message, found.changed) == (True, 0), failure.message
