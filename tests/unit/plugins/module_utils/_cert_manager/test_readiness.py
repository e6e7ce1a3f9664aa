# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The predicate, by example and by property: nothing stale, foreign or mismatched is ever ready."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import advice
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import (
    Renewal,
    absent_secret,
    condition_problems,
    secret_facts,
    secret_problems,
)
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW


def is_ready(certificate, secret, wall, renewal=None):
    """The whole predicate."""
    return not condition_problems(certificate, renewal) and not secret_problems(certificate, secret, wall, renewal)


def facts(**changes):
    return secret_facts(make.secret(**changes))


def test_the_reference_is_ready():
    assert is_ready(make.certificate(), facts(), NOW)


@pytest.mark.parametrize("reason", ["Renewing"])
def test_a_renewal_in_progress_counts_as_ready(reason):
    assert is_ready(make.certificate(conditions=[make.READY, make.condition("Issuing", "True", reason)]), facts(), NOW)


def test_issuing_false_with_reason_issued_is_no_failure():
    assert is_ready(make.certificate(conditions=[make.READY, make.condition("Issuing", "False", "Issued")]), facts(), NOW)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"certificate_name": "other"}, "belongs to Certificate istio-ingress/other"),
        ({"certificate_name": ""}, "belongs to no Certificate"),
        ({"issuer": ("staging", "ClusterIssuer", "cert-manager.io")}, "was issued by ClusterIssuer staging"),
        ({"issuer": ("letsencrypt", "Issuer", "cert-manager.io")}, "was issued by Issuer letsencrypt"),
        ({"key": "foreign"}, "does not belong to its certificate"),
        ({"names": ("www.example.com",)}, "does not cover app.example.com"),
        ({"end": NOW - 1}, "is valid from"),
        ({"start": NOW + 10}, "is valid from"),
        ({"end": NOW + 61 * make.DAY}, "the Certificate's status says"),
        ({"drop": ("tls.key",)}, "it has no tls.key"),
        ({"drop": ("tls.crt",)}, "it has no tls.crt"),
    ],
)
def test_a_secret_that_is_not_the_certificates(changes, part):
    problems = secret_problems(make.certificate(), facts(**changes), NOW)
    assert any(part in p for p in problems), problems


def test_an_absent_secret():
    assert secret_problems(make.certificate(), absent_secret("app"), NOW) == ["Secret app does not exist"]


@pytest.mark.parametrize("written", ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::0001"])
def test_addresses_are_compared_by_value(written):
    held = replace(facts(), leaf=replace(facts().leaf, ip_addresses=("2001:db8::1",)))
    certificate = make.certificate()
    certificate["spec"]["ipAddresses"] = [written]
    assert is_ready(certificate, held, NOW)
    certificate["spec"]["ipAddresses"] = ["2001:db8::2"]
    assert any("does not cover 2001:db8::2" in problem for problem in secret_problems(certificate, held, NOW))


@pytest.mark.parametrize(
    ("asked", "held", "missing"),
    [
        (["App.Example.com"], ["app.example.com"], ""),
        (["app.example.com"], ["APP.example.com", "www.example.com"], ""),
        (["*.Example.com"], ["*.example.com"], ""),
        (["app.example.com"], ["*.example.com"], "app.example.com"),
        (["app.example.com", "b.example.com"], ["app.example.com"], "b.example.com"),
    ],
)
def test_names_are_compared_as_dns_does(asked, held, missing):
    found = replace(facts(), leaf=replace(facts().leaf, dns_names=held))
    problems = secret_problems(make.certificate(dns=asked), found, NOW)
    assert problems == ([f"Secret app: its certificate does not cover {missing}"] if missing else [])


def test_a_status_that_says_no_end_is_not_that_of_the_certificate():
    problems = secret_problems(make.certificate(notAfter=None), facts(), NOW)
    assert problems == [f"Secret app: its certificate ends at {make.stamp(NOW + 60 * make.DAY)}, the Certificate's status says nothing"]


def test_a_secret_that_is_not_pem():
    broken = secret_facts(make.secret(extra={"tls.crt": b"nonsense"}))
    assert broken.problem == "it holds no PEM certificate"
    assert not is_ready(make.certificate(), broken, NOW)


def test_the_empty_issuer_group_means_cert_manager():
    assert is_ready(make.certificate(), facts(issuer=("letsencrypt", "ClusterIssuer", "")), NOW)


def test_a_certificate_that_is_being_deleted():
    dying = make.certificate()
    dying["metadata"]["deletionTimestamp"] = make.stamp(NOW)
    assert condition_problems(dying) == ["it is being deleted"]


def test_a_condition_without_generation_says_nothing():
    old = {k: v for k, v in make.READY.items() if k != "observedGeneration"}
    assert condition_problems(make.certificate(conditions=[old]))


CONDITIONS = st.lists(
    st.builds(
        make.condition,
        st.sampled_from(["Ready", "Issuing"]),
        st.sampled_from(["True", "False", "Unknown"]),
        st.sampled_from(["Ready", "Issued", "Renewing", "ManuallyTriggered", "DoesNotExist", "Failed"]),
        st.just("m"),
        st.integers(0, 4),
    ),
    max_size=2,
    unique_by=lambda c: c["type"],
)


@settings(max_examples=300, deadline=None)
@given(conditions=CONDITIONS, generation=st.integers(1, 4), awaited=st.none() | st.integers(0, 3), revision=st.integers(0, 4))
def test_property_ready_implies_a_current_ready_condition(conditions, generation, awaited, revision):
    certificate = make.certificate(
        conditions=conditions,
        generation=generation,
        revision=revision,
        notAfter=make.stamp(NOW + 60 * make.DAY),
    )
    if not is_ready(certificate, REFERENCE, NOW, Renewal(revision=awaited) if awaited is not None else None):
        return
    found = {c["type"]: c for c in conditions}
    assert found["Ready"]["status"] == "True"
    assert found["Ready"]["observedGeneration"] >= generation
    issuing = found.get("Issuing")
    assert issuing is None or issuing["status"] != "True" or issuing["reason"] == "Renewing"
    assert awaited is None or revision > awaited


@settings(max_examples=120, deadline=None)
@given(
    names=st.sampled_from([("app.example.com",), ("www.example.com",), ("app.example.com", "www.example.com"), ()]),
    serial=st.integers(1, 5),
    key=st.sampled_from(["leaf", "foreign"]),
    owner=st.sampled_from(["app", "other", ""]),
    issuer=st.sampled_from(["letsencrypt", "staging", ""]),
    start=st.sampled_from([-make.DAY, -1.0, 5.0]),
    end=st.sampled_from([-0.5, 30.0, 60 * make.DAY, 61 * make.DAY]),
    old_serial=st.none() | st.integers(1, 5),
)
def test_property_ready_implies_a_secret_that_fits(names, serial, key, owner, issuer, start, end, old_serial):
    if start >= end:
        return
    secret = facts(
        names=names,
        serial=serial,
        key=key,
        certificate_name=owner,
        issuer=(issuer, "ClusterIssuer", "cert-manager.io"),
        start=NOW + start,
        end=NOW + end,
    )
    renewal = Renewal(serial=f"{old_serial:x}") if old_serial is not None else None
    fits = (
        "app.example.com" in names
        and key == "leaf"
        and owner == "app"
        and issuer == "letsencrypt"
        and start <= 0 <= end
        and end == 60 * make.DAY
        and serial != old_serial
    )
    assert is_ready(make.certificate(), secret, NOW, renewal) is fits


REFERENCE = facts()


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        (
            "Challenge x: 403 urn:ietf:params:acme:error:caa: CAA record for example.com prevents issuance",
            "CAA",
        ),
        ("Order x failed: 400 urn:ietf:params:acme:error:malformed: www.example.com is redundant with a wildcard domain", "redundant"),
        ("Order x failed: 400 urn:ietf:params:acme:error:rejectedIdentifier: does not end with a valid public suffix", "type ca"),
    ],
)
def test_refusals_of_an_authority_come_with_what_helps(text, telling):
    assert telling in (advice(text) or "")


@pytest.mark.parametrize("name", ["a", "z"])
def test_a_secret_of_another_name_is_not_that_of_the_certificate(name):
    (problem,) = secret_problems(make.certificate(secret_name=name), facts(), NOW)
    assert problem == f"spec.secretName is {name}, not app"


def test_a_secret_whose_key_was_not_looked_at_is_not_ready():
    """Whoever makes these facts must have compared them."""
    found = facts()
    unknown = type(found)(name=found.name, exists=True, annotations=found.annotations, leaf=found.leaf)
    assert secret_problems(make.certificate(), unknown, NOW) == ["Secret app: its private key does not belong to its certificate"]
