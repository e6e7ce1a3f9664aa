# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public ports of a host, asked as a visitor asks."""

from __future__ import annotations

import ssl

import pytest


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


def test_the_challenge_path_is_not_redirected(ask):
    """A renewal comes over port 80 while the redirect is in place."""
    assert ask("/.well-known/acme-challenge/none", tls=False).status != 301


def test_the_served_certificate_is_the_one_in_the_secret(ask, tls_secret):
    assert ask("/").serial == serial_in(tls_secret)


def serial_in(secret):
    import base64

    from cryptography import x509

    return x509.load_pem_x509_certificates(base64.b64decode(secret["data"]["tls.crt"]))[0].serial_number


def test_another_name_gets_no_certificate(ask):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask("/", name="other.example.com")
