# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a site ends TLS: which Secrets it serves, whose clients it lets in, and what it says of TLS in its answers."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
CRL = "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n"
SIZES = {"ECDSA": 256, "RSA": None}
CA = {"name": "inside", "type": "ca", "secret": "root"}


def plan(tls, certificate=None, routes=None, issuer="inside", **settings):
    site = {"name": "app", "hosts": ["app.example.com"], "tls": tls, "routes": routes or [{"service": "web.shop", "port": 80}]}
    site |= {"issuer": issuer} if issuer else {}
    site |= {"certificate": certificate} if certificate else {}
    return site_plan([site], {"edge_email": "ops@example.com", "cert_manager_issuers": [CA], **settings})


def served(found):
    (gateway,) = found["gateways"]
    return gateway["spec"]["servers"][0]["tls"]


@pytest.mark.parametrize("order", [["ECDSA", "RSA"], ["RSA", "ECDSA"]])
def test_a_certificate_for_each_kind_of_key(order):
    found = plan({"key_types": order})
    names = ["app", f"app-{order[1].lower()}"]
    assert found["findings"] == []
    assert [each["metadata"]["name"] for each in found["certificates"]] == names
    assert [each["spec"]["privateKey"]["algorithm"] for each in found["certificates"]] == order
    assert [each["spec"]["privateKey"].get("size") for each in found["certificates"]] == [
        {"ECDSA": 256, "RSA": None}[kind] for kind in order
    ]
    assert served(found) == {"mode": "SIMPLE", "credentialNames": names}
    assert found["credentials"] == [{"name": "app", "hosts": ["app.example.com"], "mode": "SIMPLE", "credential_names": names}]
    (subject,) = found["subjects"]
    assert (subject["secrets"], subject["certificates"]) == (names, names)


def test_one_kind_of_key_is_a_certificate_as_usual():
    found = plan({"key_types": ["RSA"]})
    assert [each["spec"]["privateKey"]["algorithm"] for each in found["certificates"]] == ["RSA"]
    assert served(found) == {"mode": "SIMPLE", "credentialName": "app"}


def test_two_secrets_of_ones_own():
    found = plan({"credentials": ["app-ec", "app-rsa"]}, issuer=None)
    assert (found["findings"], found["certificates"]) == ([], [])
    assert served(found) == {"mode": "SIMPLE", "credentialNames": ["app-ec", "app-rsa"]}
    assert found["own_secrets"] == ["app-ec", "app-rsa"]


@pytest.mark.parametrize("mode", ["MUTUAL", "OPTIONAL_MUTUAL"])
@pytest.mark.parametrize("name", ["clients", "clients-cacert"])
def test_the_authority_of_clients_in_a_secret_of_ones_own(mode, name):
    """istiod serves an authority for a name that ends so only, and finds the Secret with or without it."""
    found = plan({"mode": mode, "ca_secret": name})
    assert (found["findings"], found["secrets"]) == ([], [])
    assert served(found) == {"mode": mode, "credentialName": "app", "caCertCredentialName": "clients-cacert"}
    assert found["credentials"][0]["ca_credential_name"] == "clients-cacert"


def test_a_raw_gateway_with_an_authority_of_its_own_is_primed_with_it():
    tls = {"mode": "MUTUAL", "credentialName": "mine", "caCertCredentialName": "theirs-cacert"}
    server = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["raw.example.com"], "tls": tls}
    raw = [{"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": [server]}}]
    assert site_plan([], {"gateway_gateways": raw})["credentials"] == [
        {"name": "mine", "hosts": ["raw.example.com"], "mode": "MUTUAL", "ca_credential_name": "theirs-cacert"}
    ]


def test_revoked_clients_are_listed_beside_their_authority():
    (secret,) = plan({"mode": "MUTUAL", "ca_certificate": PEM, "crl": CRL})["secrets"]
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {"ca.crt": PEM, "ca.crl": CRL}


@pytest.mark.parametrize(
    ("hsts", "value"),
    [
        ({}, "max-age=31536000"),
        ({"max_age": 300}, "max-age=300"),
        ({"max_age": 0}, "max-age=0"),
        ({"include_subdomains": True}, "max-age=31536000; includeSubDomains"),
        ({"max_age": "63072000", "include_subdomains": "yes", "preload": True}, "max-age=63072000; includeSubDomains; preload"),
        ({"include_subdomains": True, "preload": True}, "max-age=31536000; includeSubDomains; preload"),
    ],
)
def test_browsers_are_kept_to_tls(hsts, value):
    answers = {"request": {"remove": ["x-a"]}, "response": {"set": {"x-b": "c"}}}
    routes = [{"prefix": "/a", "service": "web.shop", "port": 80, "headers": answers}, {"redirect": {"uri": "/a"}}]
    found = plan({"hsts": hsts}, routes=routes)
    assert found["findings"] == []
    service, port_80 = found["virtual_services"]
    own, redirect = service["spec"]["http"]
    assert own["headers"] == {**answers, "response": {"set": {"x-b": "c", "Strict-Transport-Security": value}}}
    assert redirect["headers"] == {"response": {"set": {"Strict-Transport-Security": value}}}
    assert "Strict" not in str(port_80)


def test_a_route_may_say_it_itself():
    answers = {"response": {"add": {"strict-transport-security": "max-age=1"}}}
    found = plan({"hsts": {}}, routes=[{"service": "web.shop", "port": 80, "headers": answers}])
    assert found["virtual_services"][0]["spec"]["http"][0]["headers"] == answers


@pytest.mark.parametrize(
    ("tls", "fields", "said"),
    [
        ({"key_types": ["ECDSA", "DSA"]}, {}, "key_types is 'DSA', which is not known; did you mean 'ECDSA'? Allowed: ECDSA, RSA"),
        (
            {"key_types": ["ECDSA", "RSA"]},
            {"certificate": {"private_key": {"algorithm": "RSA"}}},
            "tls.key_types and certificate.private_key.algorithm are given; remove one of them",
        ),
        (
            {"key_types": ["ECDSA", "RSA"]},
            {"certificate": {"private_key": {"size": 4096}}},
            "certificate.private_key.size is 4096, and the algorithm is ECDSA; allowed: 256, 384, 521",
        ),
        ({"credentials": ["a", "b"]}, {}, "has an issuer, but tls.credentials names Secrets of your own; remove one of them"),
        ({"credentials": ["a", "b", "c"]}, {"issuer": None}, "credentials has 3 entries; at most 2 are allowed"),
        ({"credentials": ["a", "a"]}, {"issuer": None}, "credentials has 'a' twice"),
        ({"credentials": ["A"]}, {"issuer": None}, "credentials is 'A'; it must be a DNS label"),
        ({"credential": "c", "credentials": ["a", "b"]}, {"issuer": None}, "has credential and credentials; remove one of them"),
        (
            {"credential": "c", "key_types": ["RSA"]},
            {"issuer": None},
            "tls.key_types is for certificates that are issued here, and tls.credential names Secrets of your own; remove one of them",
        ),
        (
            {"mode": "PASSTHROUGH", "key_types": ["RSA"]},
            {"issuer": None},
            "tls.key_types is given, and with tls.mode PASSTHROUGH the application ends TLS",
        ),
        (
            {"mode": "PASSTHROUGH", "hsts": {}},
            {"issuer": None},
            "tls.hsts is given, and with tls.mode PASSTHROUGH the application ends TLS",
        ),
        ({"ca_secret": "clients"}, {}, "tls.ca_secret is for MUTUAL and OPTIONAL_MUTUAL, tls.mode is SIMPLE"),
        ({"mode": "MUTUAL", "ca_secret": "clients", "ca_certificate": PEM}, {}, "tls has ca_certificate and ca_secret; remove one of them"),
        (
            {"mode": "MUTUAL", "ca_secret": "clients", "crl": CRL},
            {},
            "tls.crl is for tls.ca_certificate;",
        ),
        ({"mode": "MUTUAL", "ca_certificate": PEM, "crl": PEM}, {}, "crl is not a list of revoked certificates (X509 CRL) in PEM form"),
        (
            {"key_types": ["ECDSA", "RSA"], "cipher_suites": ["ECDHE-RSA-AES128-GCM-SHA256"]},
            {},
            "none of which fits a key of algorithm ECDSA; add a suite ECDHE-ECDSA-..., or set tls.key_types",
        ),
        ({"hsts": {"max_age": "a year"}}, {}, "max_age is 'a year'; it must be a number from 0 to 2147483647"),
        ({"hsts": {"maxage": 1}}, {}, "key 'maxage' is not known; did you mean 'max_age'? Allowed: max_age, include_subdomains, preload"),
        (
            {"hsts": {"preload": True}},
            {},
            "preload is true; browsers take a site into their lists with ",
        ),
        ({"hsts": True}, {}, "hsts is True; it must be a dictionary"),
    ],
    ids=str,
)
def test_one_sentence_for_what_cannot_be(tls, fields, said):
    found = plan(tls, **fields)["findings"]
    assert len([text for text in found if said in text]) == 1, found


def test_no_site_has_the_name_of_another_ones_second_certificate():
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "inside", "tls": {"key_types": ["ECDSA", "RSA"]}}
    found = site_plan([site, {"name": "app-rsa", "hosts": ["b.example.com"], "issuer": "inside"}], {"cert_manager_issuers": [CA]})
    assert found["findings"][0] == "edge_sites[1]: name 'app-rsa' is that of an object made for site 'app'"
