# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States that are hard to bring about on a lab, in the shape that cert-manager's types give them."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, HEALS
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import (
    Failure,
    failure_of,
    find_causes,
    next_attempt,
    rate_limit_end,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import parse_renewals
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import request_state, walk
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

ISSUING = [make.MISSING, make.ISSUING]


def cause_of(certificate, *objects, known=None, deadline=NOW + 300):
    inventory = Inventory()
    for found in (certificate, *objects):
        inventory.put(found["kind"], found)
    walked = walk(inventory, certificate, {"Issuer": True, "ClusterIssuer": True, "Challenge": True})
    return find_causes(walked, ["it is not ready"], deadline, known or failure_of(certificate))[0]


def approved(*conditions):
    return [make.condition("Approved", "True", "cert-manager.io"), *conditions]


@pytest.mark.parametrize(
    ("conditions", "text", "outlook"),
    [
        ([make.condition("Denied", "True", "policy", "no wildcards here")], "was denied: no wildcards here", FINAL),
        (approved(make.condition("InvalidRequest", "True", "x", "bad usages")), "is invalid: bad usages", FINAL),
        (approved(make.condition("Ready", "False", "Failed", "boom")), "CertificateRequest app-1: boom", FINAL),
        ([], "waits for approval", HEALS),
        (approved(make.condition("Ready", "False", "Pending", "Waiting for the CA")), "app-1: Waiting for the CA", HEALS),
    ],
)
def test_requests(conditions, text, outlook):
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), make.request(conditions=conditions))
    assert text in found.text
    assert found.outlook == outlook


@pytest.mark.parametrize(
    ("reason", "message", "outlook"),
    [
        ("InvalidConfig", "no solvers", FINAL),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: x", FINAL),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: 400 urn:ietf:params:acme:error:badNonce: x", HEALS),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: dial tcp: i/o timeout", HEALS),
    ],
)
def test_issuers(reason, message, outlook):
    issuer = make.cluster_issuer(ready="False", reason=reason, message=message)
    found = cause_of(make.certificate(conditions=ISSUING), issuer, make.request())
    assert found.text == "ClusterIssuer letsencrypt is not ready: " + message
    assert found.outlook == outlook


def test_an_issuer_condition_of_an_old_spec_is_not_final():
    issuer = make.cluster_issuer(ready="False", reason="InvalidConfig", message="x", generation=0)
    assert cause_of(make.certificate(conditions=ISSUING), issuer, make.request()).outlook == HEALS


def test_a_failed_request_that_is_about_to_be_replaced_is_no_cause():
    failed = make.request(conditions=approved(make.condition("Ready", "False", "Failed", "old boom")), failure_time=NOW - 100)
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), failed)
    assert "old boom" not in found.text
    assert found.outlook == HEALS


def test_a_rate_limit_outlasts_the_back_off():
    text = "429 urn:ietf:params:acme:error:rateLimited: too many, retry after 2026-11-27 06:00:00 UTC: see https://x"
    issuing = make.condition("Issuing", "False", "Failed", "failed")
    certificate = make.certificate(conditions=[make.MISSING, issuing], failedIssuanceAttempts=1, lastFailureTime=make.stamp(NOW - 5))
    request = make.request(conditions=approved(make.condition("Ready", "False", "Failed", "order errored")), failure_time=NOW - 5)
    found = cause_of(certificate, make.cluster_issuer(), request, make.order(state="errored", reason=text))
    assert found.text == "Order app-1-1234: " + text
    assert found.retry_at == "2026-11-27T06:00:00Z"
    assert found.outlook == FINAL


@pytest.mark.parametrize(("attempts", "hours"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 32), (60, 32)])
def test_the_back_off_doubles_up_to_32_hours(attempts, hours):
    certificate = make.certificate(conditions=[], failedIssuanceAttempts=attempts, lastFailureTime=make.stamp(NOW))
    assert iso(next_attempt(certificate)) == make.stamp(NOW + hours * 3600)


def test_a_new_failure_is_final_even_where_the_back_off_is_short():
    issuing = make.condition("Issuing", "False", "Failed", "boom")
    certificate = make.certificate(conditions=[make.MISSING, issuing], failedIssuanceAttempts=1, lastFailureTime=make.stamp(NOW - 3590))
    assert cause_of(certificate).outlook == HEALS
    assert cause_of(certificate, known=Failure(0, "")).outlook == FINAL


def test_no_rate_limit_in_other_texts():
    assert rate_limit_end("retry after some time") is None
    assert rate_limit_end("retry after 2026-99-99 00:00:00 UTC") is None


def test_an_issued_request_is_issued_whatever_else_it_says():
    assert request_state(make.request(conditions=approved(make.condition("Ready", "True", "Issued")))) == "Issued"


@pytest.mark.parametrize(("given", "revision", "serial"), [(3, 3, None), ("3", 3, None), ("0A:1b:2c:3d:4e:5f", None, "a1b2c3d4e5f")])
def test_renewed_since(given, revision, serial):
    found = parse_renewals({"app": given})["app"]
    assert (found.revision, found.serial) == (revision, serial)


@pytest.mark.parametrize("given", [None, True, -1, "later", [1]])
def test_renewed_since_that_is_neither(given):
    with pytest.raises(ValueError, match="renewed_since for app is"):
        parse_renewals({"app": given})
