# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swallows ACME challenges on port 80 is named before a certificate is ordered, with the object that does it."""

from __future__ import annotations

import contextlib
import http.client
import time

import pytest
import runs

pytestmark = pytest.mark.matrix
LATE = {"name": "late", "hosts": ["late.example.com"], "issuer": "lab", "routes": [{"service": "web.default", "port": 3000}]}
CHALLENGE = "/.well-known/acme-challenge/token"
PARTS = ("--tags", "preflight,cert_manager,certificate")
ELSEWHERE = {"from": [{"source": {"ipBlocks": ["192.0.2.0/24"]}}]}
CHALLENGES = {"to": [{"operation": {"paths": ["/.well-known/*"]}}]}


def redirect(hosts):
    """Return the server of a Gateway that answers on port 80 with a redirect to HTTPS."""
    return {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts, "tls": {"httpsRedirect": True}}


def gateway(name, hosts):
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {"selector": {"istio": "ingress"}, "servers": [redirect(hosts)]},
    }


def policy(name, namespace, action, rule):
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"istio": "ingress"}}, "action": action, "rules": [rule]},
    }


OFFICE = policy("office-only", "istio-ingress", "ALLOW", ELSEWHERE)
HIDDEN = policy("no-well-known", "istio-system", "DENY", CHALLENGES)


def status(address):
    """Return what the gateway answers to a challenge, 0 while nothing does."""
    connection = http.client.HTTPConnection(address, 80, timeout=5)
    try:
        connection.request("GET", CHALLENGE, headers={"Host": "late.example.com"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@contextlib.contextmanager
def standing(cluster, manifest, answer):
    """Apply an object of someone else's, wait until the gateway answers so, and remove it at the end."""
    namespace = manifest["metadata"].get("namespace", "certificate-faults")
    cluster.apply(manifest)
    try:
        end = time.monotonic() + 60
        while (seen := status(cluster.address)) != int(answer) and time.monotonic() < end:
            time.sleep(0.2)
        assert seen == int(answer)
        yield
    finally:
        cluster.kubectl("delete", manifest["kind"], manifest["metadata"]["name"], namespace=namespace)


@pytest.mark.parametrize(
    ("answer", "manifest", "words"),
    [
        ("301", gateway("older", ["late.example.com"]), ["Gateway certificate-faults/older", "httpsRedirect"]),
        ("403", OFFICE, ["AuthorizationPolicy istio-ingress/office-only"]),
        ("403", HIDDEN, ["AuthorizationPolicy istio-system/no-well-known"]),
    ],
    ids=["gateway", "allow", "deny"],
)
def test_the_object_is_named_and_nothing_is_ordered(cluster, site, answer, manifest, words):
    # A certificate that is there needs no challenge.
    cluster.kubectl("delete", "certificate,secret", "late", "--ignore-not-found", namespace="istio-ingress")
    with standing(cluster, manifest, answer):
        result = runs.run({"edge_sites": [site, LATE]}, *PARTS)
    assert result.status != 0
    assert result.changed == 0
    (failure,) = result.failures
    first = failure.message.splitlines()[0]
    assert all(word in first for word in ["late.example.com", answer, *words]), failure.message
    assert "late" not in cluster.kubectl("get", "certificates", "--output", "name", namespace="istio-ingress")


@pytest.mark.parametrize(("manifest", "name"), [(OFFICE, "istio-ingress/office-only"), (HIDDEN, "istio-system/no-well-known")])
def test_a_renewal_is_not_asked_for(cluster, site, manifest, name):
    def orders():
        return cluster.kubectl("get", "certificaterequests", "--output", "name", namespace="istio-ingress")

    before = orders()
    with standing(cluster, manifest, "403"):
        result = runs.run({"renewal_names": [site["name"]]}, playbook=runs.ROOT / "playbooks/renew.yml")
    assert result.status != 0
    (failure,) = result.failures
    assert all(word in failure.message.splitlines()[0] for word in [site["hosts"][0], "403", f"AuthorizationPolicy {name}"]), (
        failure.message
    )
    assert orders() == before
