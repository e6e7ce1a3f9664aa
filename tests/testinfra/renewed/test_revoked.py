# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook revoke: what it refuses and foretells, a revocation with the authority's word, and one that was killed midway. In order."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request

import pytest
import runs
import test_renewed as renewed
from cryptography import x509
from cryptography.hazmat.primitives import serialization

PLAYBOOK = "baremesh.edge.revoke"
cluster = renewed.cluster


def revoke(variables, *arguments):
    return runs.run({"certificate_certificates": [renewed.CERTIFICATE]} | variables, *arguments, playbook=PLAYBOOK)


def certificate_of(cluster, name):
    return x509.load_pem_x509_certificates(base64.b64decode(cluster.get("secret", name)["data"]["tls.crt"]))[0]


def key_of(certificate):
    return certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def note_of(cluster, name):
    found = [each for each in cluster.get("configmaps")["items"] if each["metadata"]["name"] == f"{name}.revocation"]
    return found[0]["data"] if found else None


def status_at_authority(serial):
    """What Pebble's management interface says of a certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = f"https://{runs.lab('address', 'infra').strip()}:15000/cert-status-by-serial/{serial:x}"
    with urllib.request.urlopen(address, context=context, timeout=10) as answer:
        found = json.load(answer)
    return found["Status"], found.get("Reason")


@pytest.fixture(scope="module")
def first(cluster, site):
    """The certificate before, and the run that revokes it since its key is known to others."""
    before = certificate_of(cluster, site["name"])
    assert status_at_authority(before.serial_number)[0] == "Valid"
    return before, revoke({"revoke_sites": site["name"], "revoke_reason": "keyCompromise"})


def test_everything_that_is_wrong_with_the_request_is_said_before_anything_changes(cluster, site):
    run = revoke({"revoke_sites": "ghost", "revoke_reason": "stolen"})
    assert [failure.message.splitlines() for failure in run.failures] == [
        [
            f"revoke_sites has ghost; it may have {site['name']}, {renewed.SECOND}.",
            "revoke_reason is 'stolen'; it must be one of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation",
        ]
    ]
    assert run.changed == 0


def test_what_no_acme_server_issued_is_refused(cluster, site):
    run = revoke({"revoke_sites": [renewed.SECOND, site["name"]]})
    (failure,) = run.failures
    assert failure.message == (
        f"Certificate istio-ingress/{renewed.SECOND}: its issuer Issuer/{renewed.SECOND} is no ACME server, so only who runs that "
        "authority can revoke what it issued"
    )
    assert run.changed == 0
    assert note_of(cluster, site["name"]) is None


def test_check_mode_says_what_would_be_revoked_and_changes_nothing(cluster, site):
    before = certificate_of(cluster, site["name"])
    run = revoke({"revoke_sites": site["name"], "revoke_reason": "superseded"}, "--check")
    assert run.status == 0, run.output[-4000:]
    assert f"{site['name']}: would revoke {before.serial_number:x} (superseded) once another one is served" in run.output
    assert certificate_of(cluster, site["name"]) == before
    assert note_of(cluster, site["name"]) is None


def test_another_certificate_with_another_key_is_served_and_the_first_is_revoked(first, cluster, site, ask):
    before, run = first
    assert run.status == 0, run.output[-8000:]
    now = certificate_of(cluster, site["name"])
    assert key_of(now) != key_of(before)
    assert set(cluster.served_by_pods(site["hosts"][0]).values()) == {now.serial_number} == {ask("/").serial}
    assert status_at_authority(before.serial_number) == ("Revoked", 1)
    assert status_at_authority(now.serial_number)[0] == "Valid"
    old, new = (f"{each.serial_number:x}" for each in (before, now))
    assert f"{site['name']}: {old} is revoked (keyCompromise), the authority says so; {new} is served instead" in run.output
    noted = note_of(cluster, site["name"])
    assert noted.pop("at")
    assert noted == {"revoked": old, "successor": new, "reason": "keyCompromise"}


def test_the_same_request_again_finds_nothing_to_do(first, cluster, site):
    now = certificate_of(cluster, site["name"])
    again = revoke({"revoke_sites": site["name"], "revoke_reason": "keyCompromise"})
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]
    old, new = (f"{each.serial_number:x}" for each in (first[0], now))
    assert f"{site['name']}: nothing to do, {old} is revoked and {new} is served instead." in again.output
    assert certificate_of(cluster, site["name"]) == now


@pytest.mark.matrix
def test_a_run_that_is_killed_after_the_renewal_loses_nothing(first, cluster, site):
    before, revision = certificate_of(cluster, site["name"]), cluster.revision(site["name"])
    request = {"revoke_sites": [site["name"]], "revoke_serials": [f"{before.serial_number:x}"], "revoke_reason": "superseded"}
    killed = runs.watch("revoke : Wait for the new certificates", 0.0, "--extra-vars", json.dumps(request), playbook=PLAYBOOK)
    assert killed.status == -9, killed.output[-4000:]
    assert cluster.revision(site["name"]) == revision + 1
    assert note_of(cluster, site["name"])["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert status_at_authority(before.serial_number)[0] == "Valid"

    again = revoke({"revoke_sites": [site["name"]], "revoke_reason": "superseded"})
    assert again.status == 0, again.output[-8000:]
    assert status_at_authority(before.serial_number) == ("Revoked", 4)
    assert cluster.revision(site["name"]) == revision + 1
    assert "certificate" not in note_of(cluster, site["name"])
