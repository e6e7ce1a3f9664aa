# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/authorities.md: an authority that takes bound accounts only, and one of one's own. In order."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import ssl

import authority
import pytest
import runs
import visits

pytestmark = pytest.mark.matrix

KEY_ID = "customer-1"
ROOT = [
    {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "inside-root"}, "spec": {"selfSigned": {}}},
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "inside-ca", "namespace": "cert-manager"},
        "spec": {
            "secretName": "inside-ca",
            "isCA": True,
            "commonName": "inside",
            "issuerRef": {"kind": "ClusterIssuer", "name": "inside-root"},
        },
    },
]


def encoded(data):
    """Base64 of the alphabet for URLs, as authorities give keys out."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module")
def given(cluster, lab_issuer):
    """The variables of the documentation, with what the lab knows."""
    mac = encoded(secrets.token_bytes(32))
    binding = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {KEY_ID: mac}}
    server = authority.pebble("customer", 14500, binding)
    cluster.apply(*ROOT)
    cluster.wait("certificate/inside-ca", until="condition=Ready", namespace="cert-manager")
    known = {
        "customer_directory": server.url,
        "customer_ca_bundle": lab_issuer["spec"]["acme"]["caBundle"],
        "customer_key_id": KEY_ID,
        "customer_mac": mac,
    }
    try:
        yield {**runs.example("authorities"), **known}
    finally:
        server.stop()
        names = ("certificate/inside-ca", "secret/inside-ca", "clusterissuer/inside-root", "clusterissuer/inside", "clusterissuer/customer")
        accounts = ("secret/customer-account-key", "secret/customer-binding")
        cluster.kubectl("delete", "--ignore-not-found", *names, *accounts, namespace="cert-manager")


@pytest.fixture(scope="module")
def run(given, site):
    """The run of the documentation."""
    yield runs.run(given)
    last = runs.run({"edge_sites": [site], "certificate_prune_secrets": True})
    assert last.status == 0, last.failures


def account(cluster):
    return cluster.get("clusterissuer", "customer")["status"]["acme"]["uri"]


def issuer_of(address, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address, 443), timeout=10) as plain, context.wrap_socket(plain, server_hostname=name) as secured:
        return secured.getpeercert(binary_form=True)


def test_an_account_that_is_not_bound_is_refused_before_anything_changes(given, run):
    first, inside = given["cert_manager_issuers"]
    bare = {key: value for key, value in first.items() if key != "external_account"}
    refused = runs.run({**given, "cert_manager_issuers": [bare, inside]})
    (failure,) = refused.failures
    assert "takes accounts only that are bound to one of its customers" in failure.message
    assert refused.changed == 0


def test_both_authorities_issue(cluster, given, run):
    assert run.status == 0, run.failures
    assert given["customer_mac"] not in run.output
    for each in given["edge_sites"]:
        assert visits.status_of(cluster.address, each)[0] == 200
    assert b"Pebble" in issuer_of(cluster.address, "shop.example.com")
    assert b"inside" in issuer_of(cluster.address, "intranet.example.com")


def test_a_second_run_changes_nothing(given, run):
    again = runs.run(given)
    assert (again.status, again.changed) == (0, 0), again.failures


def test_an_account_moves_with_its_key(cluster, given, run):
    """A new cluster knows neither the issuer nor its account; here both are deleted."""
    before, held = account(cluster), cluster.get("secret", "customer-account-key", namespace="cert-manager")
    key = base64.b64decode(held["data"]["tls.key"]).decode()
    cluster.kubectl("delete", "clusterissuer/customer", "secret/customer-account-key", namespace="cert-manager")
    moved = {"name": "customer-account-key", "string_data": {"tls.key": key}}
    again = runs.run({**given, "cert_manager_secrets": [*given["cert_manager_secrets"], moved]})
    assert again.status == 0, again.failures
    assert account(cluster) == before
    assert key.splitlines()[1] not in json.dumps(again.output)


def test_a_wrong_key_is_named_by_what_the_authority_answers(cluster, given, run):
    cluster.kubectl("delete", "clusterissuer/customer", "secret/customer-account-key", namespace="cert-manager")
    broken = runs.run(
        {**given, "customer_mac": encoded(secrets.token_bytes(32)), "edge_on_site_failure": "stop", "cert_manager_wait_timeout": 30}
    )
    (failure,) = broken.failures
    assert failure.message.startswith("ClusterIssuer customer is not ready: "), failure.message
    assert "urn:ietf:params:acme:error:unauthorized" in failure.message.splitlines()[0], failure.message
