# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states that a wait shows of each object below a Certificate."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory, generation_of, is_current
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import certificate_state, chain, request_state, walk
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make

READ = {"Issuer": True, "ClusterIssuer": True, "Challenge": True}


def walked(certificate, *objects):
    inventory = Inventory()
    for found in (certificate, *objects):
        inventory.put(found["kind"], found)
    return walk(inventory, certificate, READ)


def entries(certificate, *objects):
    return {entry["kind"]: entry for entry in chain(walked(certificate, *objects))}


@pytest.mark.parametrize(
    ("kind", "status", "reason", "state"),
    [
        ("Denied", "True", "policy", "Denied"),
        ("Denied", "False", "policy", "Pending"),
        ("Denied", "Unknown", "policy", "Pending"),
        ("InvalidRequest", "True", "x", "InvalidRequest"),
        ("InvalidRequest", "False", "x", "Pending"),
        ("Ready", "True", "Issued", "Issued"),
        ("Ready", "False", "Failed", "Failed"),
        ("Ready", "False", "Denied", "Denied"),
        ("Ready", "False", "Pending", "Pending"),
        ("Ready", "Unknown", "Pending", "Pending"),
    ],
)
def test_the_state_of_a_request(kind, status, reason, state):
    approved = make.condition("Approved", "True", "cert-manager.io")
    found = make.request(conditions=[approved, make.condition(kind, status, reason, "said so")])
    assert request_state(found) == state
    shown = entries(make.certificate(conditions=[make.ISSUING]), found)["CertificateRequest"]
    assert shown["reason"] == (reason if kind == "Ready" or status == "True" else "")
    assert (shown["state"], shown["message"]) == (state, "said so" if kind == "Ready" or status == "True" else "")


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_request_is_approved_by_a_true_condition_alone(status):
    assert request_state(make.request(conditions=[make.condition("Approved", status)])) == "Unapproved"


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([], "New"),
        ([make.READY], "Ready"),
        ([make.condition("Ready", "True", "Ready", generation=0)], "Stale"),
        ([make.condition("Ready", "False", "DoesNotExist")], "NotReady"),
        ([make.condition("Ready", "Unknown", "x")], "NotReady"),
        ([make.READY, make.condition("Issuing", "True", "ManuallyTriggered")], "Issuing"),
        ([make.READY, make.condition("Issuing", "True", "Renewing")], "Ready"),
        ([make.READY, make.condition("Issuing", "False", "Failed")], "Ready"),
        ([make.READY, make.condition("Issuing", "Unknown", "x")], "Ready"),
        ([make.MISSING, make.condition("Issuing", "False", "Failed")], "Failed"),
        ([make.MISSING, make.condition("Issuing", "False", "Issued")], "NotReady"),
        ([make.MISSING, make.condition("Issuing", "Unknown", "x")], "NotReady"),
    ],
)
def test_the_state_of_a_certificate(conditions, state):
    found = make.certificate(conditions=conditions)
    assert certificate_state(found) == entries(found)["Certificate"]["state"] == state


@pytest.mark.parametrize(("status", "state"), [("True", "Ready"), ("False", "NotReady"), ("Unknown", "NotReady")])
def test_the_state_of_an_issuer(status, state):
    assert entries(make.certificate(), make.cluster_issuer(ready=status))["ClusterIssuer"]["state"] == state


def issuer(kind, name="letsencrypt", namespace=make.NS):
    return make.cluster_issuer() | {"kind": kind, "metadata": {"name": name, "namespace": namespace, "uid": f"{kind}-{name}-{namespace}"}}


@pytest.mark.parametrize("name", ["a", "letsencrypt", "z"])
def test_an_issuer_is_found_by_its_whole_name_among_others(name):
    others = [issuer("ClusterIssuer", other, "") for other in ("a", "letsencrypt", "z")]
    certificate = make.certificate()
    certificate["spec"]["issuerRef"]["name"] = name
    assert entries(certificate, *others)["ClusterIssuer"]["name"] == name


@pytest.mark.parametrize("namespace", ["a", "z"])
def test_a_cluster_issuer_is_looked_for_in_no_namespace_and_an_issuer_in_that_of_its_certificate(namespace):
    certificate = make.certificate()
    assert entries(certificate, issuer("ClusterIssuer", namespace=namespace))["ClusterIssuer"]["state"] == "Ready"
    certificate["spec"]["issuerRef"]["kind"] = "Issuer"
    assert entries(certificate, issuer("Issuer", namespace=namespace))["Issuer"]["state"] == "Absent"
    assert entries(certificate, issuer("Issuer"))["Issuer"]["state"] == "Ready"


@pytest.mark.parametrize(
    ("generation", "observed", "current"), [(None, 0, True), (1, 0, False), (1, 1, True), (1, 2, True), (1, None, False)]
)
def test_a_condition_is_current_if_it_observed_the_present_generation(generation, observed, current):
    found = {"metadata": {} if generation is None else {"generation": generation}}
    assert generation_of(found) == (generation or 0)
    assert is_current(found, {"observedGeneration": observed}) is current
