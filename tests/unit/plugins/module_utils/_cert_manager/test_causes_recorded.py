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

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import FINAL, GRACE, HEALS, failure_of, find_cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import condition_problems
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import advice
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import chain, walk
from ansible_collections.baremesh.edge.plugins.module_utils._tls import parse_time

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
        ("acme_unreachable", "Issuer badacme is not ready: Failed to register ACME account: ", HEALS, "must reach the ACME server"),
        ("secret_of_another", "Secret shared is also claimed by Certificate modules-test/one", GRACE, None),
        ("challenge_invalid", "Challenge fails.example.com: Error accepting authorization: acme: ", FINAL, "Port 80"),
        ("self_check_404", "Challenge notfound.example.com: Waiting for HTTP-01 challenge propagation: wrong", HEALS, "Something else"),
        ("self_check_no_dns", "Challenge nodns.example.com: Waiting for HTTP-01 challenge propagation: failed", HEALS, "DNS records"),
        ("self_check_no_route", "Challenge elsewhere.example.com: Waiting for HTTP-01 challenge propagation", HEALS, "Port 80"),
    ],
)
def test_the_deepest_cause(name, text, outlook, helps):
    walked, problems = read(name)
    cause = find_cause(walked, problems, THEN + 300, failure_of(walked.certificate))
    assert cause.text.startswith(text)
    assert cause.outlook == outlook
    assert (helps is None and advice(cause.text) is None) or helps in advice(cause.text)


def test_a_failed_attempt_knows_when_the_next_is_due():
    walked, problems = read("challenge_invalid")
    assert find_cause(walked, problems, THEN, failure_of(walked.certificate)).retry_at == "2026-11-21T09:34:35Z"


def test_a_failed_attempt_whose_back_off_ends_in_time_is_waited_for():
    walked, problems = read("challenge_invalid")
    assert find_cause(walked, problems, THEN + 4000, failure_of(walked.certificate)).outlook == HEALS


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
