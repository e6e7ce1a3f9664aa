# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities and issuers that do not issue, and a host whose port 80 is closed meanwhile."""

from __future__ import annotations

import authority
import cluster as objects
import pytest
from waits import assert_at_once, assert_first_line

#: What may heal by itself is waited for to the end.
SHORT = 15
CA_WITHOUT_SECRET = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Issuer",
    "metadata": {"name": "no-ca"},
    "spec": {"ca": {"secretName": "no-such-secret"}},
}
AT_ONCE = ("limit", "contact", "unknown", "second")
#: A port without a listener.
DEAD_PORT = 14209


@pytest.fixture(scope="module")
def server():
    """Where the authorities of the tests run."""
    return authority.address()


@pytest.fixture(scope="module")
def issuers(cluster, lab_issuer, server):
    """Issuers, one of them of an authority that goes down once the account is made."""
    going, staying = authority.pebble("going", 14200), authority.pebble("staying", 14300)
    limit = authority.rate_limited(14400, staying)
    try:
        cluster.apply(
            CA_WITHOUT_SECRET,
            objects.acme_issuer("going", going.url, lab_issuer),
            objects.acme_issuer("limit", limit.url, lab_issuer),
            objects.acme_issuer("absent", f"https://{server}:{DEAD_PORT}/dir", lab_issuer),
            objects.acme_issuer("contact", staying.url, lab_issuer, email="ops at example.com"),
        )
        cluster.wait("issuer/going", until="condition=Ready")
        cluster.wait("issuer/limit", until="condition=Ready")
        going.stop()
        yield
    finally:
        for each in (limit, staying, going):
            each.stop()


@pytest.fixture(scope="module")
def closed_port(cluster):
    """Close port 80 of the edge."""
    cluster.host.check_output("systemctl stop baremesh-host-ports.service")
    try:
        yield
    finally:
        cluster.host.check_output("systemctl start baremesh-host-ports.service")


@pytest.fixture(scope="module")
def answers(cluster, issuers, closed_port, begin):
    """How each call ended."""
    cluster.apply(
        objects.certificate("closed"),
        objects.certificate("down", issuer="going", kind="Issuer"),
        objects.certificate("absent", issuer="absent", kind="Issuer"),
        objects.certificate("limit", issuer="limit", kind="Issuer"),
        objects.certificate("contact", issuer="contact", kind="Issuer"),
        objects.certificate("no-ca", issuer="no-ca", kind="Issuer"),
        objects.certificate("unknown", issuer="nobody"),
        objects.certificate("first", issuer="nobody", secret="shared"),
        objects.certificate("second", issuer="nobody", secret="shared"),
    )
    calls = {each: {"names": [each], "timeout": SHORT} for each in ("closed", "down", "absent", "no-ca")}
    return begin(**calls, **{each: {"names": [each]} for each in AT_ONCE}).answers()


def line(name, cause):
    """The first line of a failure."""
    return f"Certificate {objects.NAMESPACE}/{name} is not ready: {cause}"


def test_port_80_is_closed(answers, address):
    url = "http://closed.fault.example.com/.well-known/acme-challenge/<token>"
    said = f"failed to perform self check GET request '{url}': Get \"{url}\": dial tcp {address}:80: connect: connection refused"
    cause = f"Challenge closed.fault.example.com: Waiting for HTTP-01 challenge propagation: {said}"
    assert_first_line(answers["closed"], line("closed", cause))
    assert "Port 80 of that name must be reachable" in answers["closed"].more


def test_the_acme_server_went_down(answers, server):
    """The account was made before, so that the issuer is Ready; only cert-manager's log knows."""
    said = f'error creating new order: Get "https://{server}:14200/dir": dial tcp {server}:14200: connect: connection refused'
    assert_first_line(answers["down"], line("down", f"Order down-1-<hash>: it is not yet placed; cert-manager's log says: {said}"))


def test_the_acme_server_was_never_there(answers, server):
    said = f'Get "https://{server}:{DEAD_PORT}/dir": dial tcp {server}:{DEAD_PORT}: connect: connection refused'
    assert_first_line(answers["absent"], line("absent", f"Issuer absent is not ready: Failed to register ACME account: {said}"))
    assert "The cluster must reach the server of that issuer" in answers["absent"].more


def test_an_issuer_lacks_its_secret(answers):
    cause = 'Issuer no-ca is not ready: Error getting keypair for CA issuer: secrets "no-such-secret" not found'
    assert_first_line(answers["no-ca"], line("no-ca", cause))
    assert "Create that Secret" in answers["no-ca"].more


def test_the_acme_server_limits_orders(cluster, answers):
    """The limit is a fake before a real Pebble, in the words of Let's Encrypt."""
    limit = answers["limit"]
    until = objects.moment(limit.result["retry_at"])
    said = (
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued for this exact set "
        f"of identifiers in the last 168h0m0s, retry after {limit.result['retry_at'][:-1].replace('T', ' ')} UTC: see "
        "https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers"
    )
    assert_first_line(limit, line("limit", f"Order limit-1-<hash>: {said}"))
    assert f"The next attempt is due at {limit.result['retry_at']}.\n" in limit.more
    assert limit.certificate["failed_attempts"] == 1
    assert 25 * 3600 < until - limit.ended < 27 * 3600
    assert_at_once("rate limit", limit, cluster.failed_at("limit"))


def test_the_acme_server_rejects_the_contact(cluster, answers):
    refused = '400 urn:ietf:params:acme:error:invalidContact: contact email "ops at example.com" is invalid'
    cause = f"Issuer contact is not ready: Failed to register ACME account: {refused}"
    assert_first_line(answers["contact"], line("contact", cause))
    assert "Correct spec.acme.email of that issuer" in answers["contact"].more
    assert_at_once("contact rejected", answers["contact"], cluster.waits_for_issuer_since("contact"))


def test_the_issuer_does_not_exist(cluster, answers):
    assert_first_line(answers["unknown"], line("unknown", "ClusterIssuer nobody does not exist"))
    assert_at_once("issuer missing", answers["unknown"], cluster.waits_for_issuer_since("unknown"))


def test_two_certificates_name_one_secret(cluster, answers):
    cause = f"Secret shared is also claimed by Certificate {objects.NAMESPACE}/first; each Certificate needs a Secret of its own"
    assert_first_line(answers["second"], line("second", cause))
    created = objects.moment(cluster.get("certificate", "second")["metadata"]["creationTimestamp"])
    assert_at_once("two Certificates on one Secret", answers["second"], created)
