# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes found in objects recorded on a lab with real cert-manager 1.21, Pebble and Istio.

Recorded with kubectl get -o json; certificate requests, chains and CA bundles were taken out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, HEALS
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import advice, hints
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import (
    failure_of,
    find_causes,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory, name_of, namespace_of
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import condition_problems
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject, phrase
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.silence import is_silent
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import chain, walk
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import parse_time

RECORDED = Path(__file__).parent / "recorded"
#: Moments after the recordings.
THEN = parse_time("2026-11-21T08:40:00Z").timestamp()


def read(name):
    objects = json.loads((RECORDED / (name + ".json")).read_text(encoding="utf-8"))
    inventory = Inventory()
    for found in objects:
        inventory.put(found["kind"], found)
    walked = walk(inventory, objects[0], {"Issuer": True, "ClusterIssuer": True, "Challenge": True})
    problems = condition_problems(objects[0])
    return walked, problems


@pytest.mark.parametrize(
    ("name", "text", "outlook", "helps"),
    [
        ("issuer_missing", "ClusterIssuer nobody does not exist", GRACE, "Create the issuer"),
        ("no_solver", "Order wild-1-3285065485: no solver of ClusterIssuer pebble fits *.wild.example.com", GRACE, "DNS-01"),
        (
            "acme_unreachable",
            "Issuer badacme is not ready: Failed to register ACME account: ",
            HEALS,
            "must reach the server of that issuer",
        ),
        ("secret_of_another", "Secret shared is also claimed by Certificate modules-test/one", GRACE, None),
        ("challenge_invalid", "Challenge fails.example.com: Error accepting authorization: acme: ", FINAL, "Port 80"),
        ("self_check_404", "Challenge notfound.example.com: Waiting for HTTP-01 challenge propagation: wrong", HEALS, "Something else"),
        (
            "self_check_redirect",
            "Challenge redirect.fault.example.com: Waiting for HTTP-01 challenge propagation: the self check is redirected to https://",
            HEALS,
            "Something else",
        ),
        ("order_not_placed", "Order down-1-1837658695: it is not yet placed", HEALS, None),
        ("contact_rejected", "Issuer contact is not ready: Failed to register ACME account: 400 urn", FINAL, "spec.acme.email"),
        (
            "ca_without_secret",
            'Issuer no-ca is not ready: Error getting keypair for CA issuer: secrets "no-such',
            HEALS,
            "Create that Secret",
        ),
        (
            "rate_limited",
            "Order limit-1-1193261699: Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: ",
            FINAL,
            "staging",
        ),
        ("self_check_no_dns", "Challenge nodns.example.com: Waiting for HTTP-01 challenge propagation: failed", HEALS, "DNS records"),
        ("self_check_no_route", "Challenge elsewhere.example.com: Waiting for HTTP-01 challenge propagation", HEALS, "Port 80"),
    ],
)
def test_the_deepest_cause(name, text, outlook, helps):
    walked, problems = read(name)
    cause = find_causes(walked, problems, THEN + 300, failure_of(walked.certificate))[0]
    assert cause.text.startswith(text)
    assert cause.outlook == outlook
    assert (helps is None and advice(cause.text) is None) or helps in advice(cause.text)


def test_a_failed_attempt_knows_when_the_next_is_due():
    walked, problems = read("challenge_invalid")
    assert find_causes(walked, problems, THEN, failure_of(walked.certificate))[0].retry_at == "2026-11-21T09:34:35Z"


def test_a_failed_attempt_whose_back_off_ends_in_time_is_waited_for():
    walked, problems = read("challenge_invalid")
    assert find_causes(walked, problems, THEN + 4000, failure_of(walked.certificate))[0].outlook == HEALS


def test_a_rate_limit_outlasts_the_back_off_and_is_not_to_be_asked_again():
    """In the words of Let's Encrypt, from a fake before a real Pebble."""
    walked, problems = read("rate_limited")
    cause = find_causes(walked, problems, THEN, failure_of(walked.certificate))[0]
    assert cause.retry_at == "2026-11-27T00:43:46Z"
    assert hints(cause.text, cause.retry_at)[0] == f"The next attempt is due at {cause.retry_at}."


@pytest.mark.parametrize(("name", "silent"), [("order_not_placed", True), ("self_check_redirect", False), ("contact_rejected", False)])
def test_where_cert_manager_says_nothing(name, silent):
    walked, _problems = read(name)
    subject = Subject(name_of(walked.certificate), namespace_of(walked.certificate), walked.certificate)
    subject.walk = walked
    assert is_silent(subject) is silent


def test_live_progress_tells_of_a_redirect_in_a_few_words():
    walked, problems = read("self_check_redirect")
    subject = Subject(name_of(walked.certificate), namespace_of(walked.certificate), walked.certificate)
    subject.walk, subject.cause = walked, find_causes(walked, problems, THEN + 300, failure_of(walked.certificate))[0]
    assert phrase(subject) == (
        "Order pending, Challenge redirect.fault.example.com: self check is redirected to https://redirect.fault.example.com: "
        "connection reset by peer"
    )


def test_the_chain_goes_from_certificate_to_challenge():
    walked, _problems = read("self_check_404")
    assert [(e["kind"], e["state"]) for e in chain(walked)] == [
        ("Certificate", "Issuing"),
        ("ClusterIssuer", "Ready"),
        ("CertificateRequest", "Pending"),
        ("Order", "pending"),
        ("Challenge", "pending"),
    ]


def test_an_issued_certificate_has_no_problem():
    walked, problems = read("issued")
    assert problems == []
    assert [e["state"] for e in chain(walked)] == ["Ready", "Ready", "Issued", "valid"]
