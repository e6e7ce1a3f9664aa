# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public ports of a host, asked as a visitor asks."""

from __future__ import annotations

import base64
import json
import shlex
import ssl

import pytest
from cryptography import x509

NAMESPACE = "istio-ingress"


def test_every_route_leads_to_its_backend(ask, site):
    wrong = {}
    for route in site["routes"]:
        answer = ask(route["prefix"])
        backend = route["service"].split(".")[0]
        if answer.status != 200 or backend not in answer.body:
            wrong[route["prefix"]] = (answer.status, answer.body[:200])
    assert wrong == {}


def test_the_longest_prefix_wins(ask):
    assert "api" in ask("/api/deeper?x=1").body
    assert "web" in ask("/apix").body


def test_port_80_sends_to_https(ask, site):
    answer = ask("/some/page?x=1", tls=False)
    assert answer.status == 301
    assert answer.headers["location"] == f"https://{site['hosts'][0]}/some/page?x=1"


def test_a_second_certificate_is_issued_while_the_redirect_is_in_place(host, certificate, ask):
    """A renewal comes over port 80 too. The authority validates every order anew, so a redirected challenge would fail this one."""
    assert ask("/", tls=False).status == 301
    name = "again"
    manifest = {
        "apiVersion": certificate["apiVersion"],
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {key: certificate["spec"][key] for key in ("dnsNames", "issuerRef")} | {"secretName": name},
    }
    script = f"""
        trap 'k3s kubectl delete --namespace {NAMESPACE} --ignore-not-found certificate/{name} secret/{name} >/dev/null' EXIT
        k3s kubectl apply -f - <<< {shlex.quote(json.dumps(manifest))}
        k3s kubectl wait --namespace {NAMESPACE} --for condition=Ready --timeout 120s certificate/{name} && exit 0
        k3s kubectl get challenges --all-namespaces --output jsonpath='{{.items[*].status}}'
        exit 1
    """
    result = host.run(f"bash -c {shlex.quote(script)}")
    assert result.rc == 0, result.stdout + result.stderr


def test_the_served_certificate_is_the_one_in_the_secret(ask, tls_secret):
    assert ask("/").serial == serial_in(tls_secret)


def serial_in(secret):
    return x509.load_pem_x509_certificates(base64.b64decode(secret["data"]["tls.crt"]))[0].serial_number


def test_another_name_gets_no_certificate(ask):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask("/", name="other.example.com")
