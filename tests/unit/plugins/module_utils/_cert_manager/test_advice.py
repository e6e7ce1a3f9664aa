# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is advised about each cause that is known, and about no other."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import advice, hints

ACME = "urn:ietf:params:acme:error"
SELF_CHECK = 'Challenge app: Waiting for HTTP-01 challenge propagation: failed to perform self check GET request: Get "http://app/x"'


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        (f"Order app-1-1234: 429 {ACME}:rateLimited: too many certificates, retry after 2026-12-01 10:00:00 UTC", "use a staging issuer"),
        (f"Challenge app: 429 {ACME}:rateLimited: dial tcp: connection refused", "use a staging issuer"),
        (f"{SELF_CHECK}: dial tcp 192.0.2.1:80: connect: connection refused", "Port 80 of that name must be reachable"),
        (f"{SELF_CHECK}: dial tcp 192.0.2.1:80: connect: no route to host", "Port 80 of that name must be reachable"),
        (f"{SELF_CHECK}: context deadline exceeded (Client.Timeout exceeded)", "Port 80 of that name must be reachable"),
        (f"Challenge app: 400 {ACME}:connection: 192.0.2.1: Timeout during connect", "Port 80 of that name must be reachable"),
        ("ClusterIssuer le is not ready: Failed to register ACME account: dial tcp: i/o timeout", "must reach the server of that issuer"),
        ("Issuer le is not ready: Failed to register ACME account: x509: certificate signed by unknown authority", "caBundle"),
        (f"ClusterIssuer le is not ready: 400 {ACME}:invalidContact: domain is forbidden", "edge_email"),
        (f"ClusterIssuer le is not ready: 400 {ACME}:unsupportedContact: tel:", "edge_email"),
        ('ClusterIssuer ca is not ready: Error getting keypair for CA issuer: secrets "ca" not found', "Create that Secret"),
        ("it is pending; cert-manager's log says: error creating new order: Post: EOF", "cert-manager goes on trying"),
        ("it is pending; cert-manager's controller does not run: none of its pods is Ready", "playbook baremesh.edge.cert_manager"),
        ("it is pending; cert-manager's webhook does not run: none of its pods is Ready", "playbook baremesh.edge.cert_manager"),
        ("ClusterIssuer letsencrypt does not exist", "correct issuerRef"),
        ("Order app-1-1234: no solver of ClusterIssuer le fits *.example.com", "wildcard names need DNS-01"),
        ("CertificateRequest app-1 waits for approval", "approver policy"),
        ("ClusterIssuer le has no Ready condition: cert-manager has not observed it", "controller runs"),
        ("Secret app: its certificate does not cover app.example.com", None),
        ("the reason is not known", None),
    ],
)
def test_what_is_advised(text, helps):
    found = advice(text)
    assert (found is None) if helps is None else (helps in (found or "")), found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "ClusterIssuer letsencrypt does not exist",
            [
                "The next attempt is due at 10:00; once the cause is gone, baremesh.edge.certificate_renew asks for one at once.",
                "Create the issuer, or correct issuerRef of the Certificate.",
            ],
        ),
        (
            f"{ACME}:rateLimited",
            [
                "The next attempt is due at 10:00.",
                "The ACME server limits requests: wait until the time named, and use a staging issuer while trying things out.",
            ],
        ),
        ("boom", ["The next attempt is due at 10:00; once the cause is gone, baremesh.edge.certificate_renew asks for one at once."]),
    ],
)
def test_to_ask_again_at_once_is_advised_where_no_limit_forbids_it(text, lines):
    assert hints(text, "10:00") == lines
    assert hints(text) == lines[1:]
