# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that can never be issued, and those that can: nothing of the one passes, nothing of the other is refused."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._certificate_rules import is_public_suffix
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

ROUTE = {"service": "web.default", "port": 3000}
DNS01 = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "token", "key": "token"}}}}
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ISSUERS = [
    {"name": "ca", "type": "ca", "secret": "ca"},
    {"name": "self", "type": "selfsigned"},
    {"name": "dns", "server": LETSENCRYPT, "solvers": [DNS01]},
    {"name": "six-days", "server": LETSENCRYPT, "solvers": [DNS01], "profile": "shortlived"},
    {"name": "zerossl", "server": "https://acme.zerossl.com/v2/DV90", "solvers": [DNS01]},
    {"name": "step", "server": "https://ca.corp:9000/acme/acme/directory", "solvers": [DNS01]},
    {
        "name": "zones",
        "server": "https://ca.corp/acme/directory",
        "solvers": [{"http01": {}}, {**DNS01, "selector": {"dnsZones": ["example.net"]}}],
    },
    {"name": "chosen", "server": "https://ca.corp/acme/directory", "solvers": [{**DNS01, "selector": {"matchLabels": {"use": "dns"}}}]},
    {
        "name": "of-site",
        "server": "https://ca.corp/acme/directory",
        "solvers": [{**DNS01, "selector": {"matchLabels": {"app.kubernetes.io/instance": "app", "baremesh.edge/instance": "x"}}}],
    },
    {"name": "named", "server": "https://ca.corp/acme/directory", "solvers": [{"http01": {}, "selector": {"dnsNames": ["a.example.com"]}}]},
]


def plan(*sites, **settings):
    return make_plan(list(sites), {"cert_manager_issuers": ISSUERS, "edge_addresses": ["192.0.2.1"], **settings})


def site(*hosts, issuer="ca", tls=None, **certificate):
    found = {"name": "app", "hosts": list(hosts or ["app.example.com"]), "issuer": issuer, "routes": [ROUTE], "certificate": certificate}
    return {**found, "tls": tls} if tls else found


def key(**fields):
    return {"private_key": fields}


def raw(*hosts, issuer="ca", **spec):
    reference = {"kind": "ClusterIssuer", "name": issuer}
    return {"metadata": {"name": "raw"}, "spec": {"secretName": "raw", "dnsNames": list(hosts), "issuerRef": reference, **spec}}


TOO_LONG = ".".join(["a" * 30, "b" * 30, "example.com"])
LONG = ".".join(["a" * 55] * 4 + ["example", "com"])
MANY = [f"h{number}.example.com" for number in range(101)]


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (site(**key(size=4096)), ["certificate.private_key.size is 4096", "ECDSA", "256, 384, 521"]),
        (site(**key(algorithm="RSA", size=256)), ["certificate.private_key.size is 256", "RSA", "2048 to 8192"]),
        (site(**key(algorithm="ECDSA", size=2048)), ["certificate.private_key.size is 2048", "256, 384, 521"]),
        (site(duration="2160h", renew_before="2160h"), ["certificate.renew_before is '2160h'", "less than", "2160h"]),
        (site(renew_before="2400h"), ["certificate.renew_before is '2400h'", "2160h, the default"]),
        (site(duration="30m"), ["certificate.duration is '30m'", "1h or more"]),
        (site(renew_before="0%"), ["renew_before is '0%'", "1% to 99%"]),
        (site(renew_before="100%"), ["renew_before is '100%'", "1% to 99%"]),
        (site(duration="1h", renew_before="5%"), ["certificate.renew_before is '5%'", "5m or more"]),
        (site(duration="1h", renew_before="95%"), ["certificate.renew_before is '95%'", "5m or more"]),
        (site(renew_before="1m"), ["certificate.renew_before is '1m'", "5m or more"]),
        (site(renew_windows="0 2 * * SUN"), ["renew_windows is '0 2 * * SUN'", "must be a list"]),
        (site(renew_windows=["0 2 * * SUN"]), ["renew_windows[0] is '0 2 * * SUN'", "must be a dictionary"]),
        (site(renew_windows=[{"duration": "4h"}]), ["certificate.renew_windows[0]", "cron is missing"]),
        (site(renew_windows=[{"cron": "@daily"}]), ["certificate.renew_windows[0]", "duration is missing", "4h"]),
        (site(renew_windows=[{"cron": "@daily", "duration": "4 hours"}]), ["renew_windows[0]", "duration is '4 hours'"]),
        (
            site(renew_windows=[{"cron": "@daily", "duration": "4h", "time_zone": "Berlin"}]),
            ["renew_windows[0]", "time_zone is 'Berlin'", "Europe/Berlin"],
        ),
        (site(renew_windows=[{"cron": "@daily", "duration": "4h", "timezone": "UTC"}]), ["key 'timezone'", "did you mean 'time_zone'"]),
        (site(renew_windows=[{"cron": "0 24 * * *", "duration": "4h"}]), ["cron is '0 24 * * *'", "the hour is '24'", "from 0 to 23"]),
        (site(renew_before="4m59s"), ["certificate.renew_before is '4m59s'", "5m or more"]),
        (site(common_name=TOO_LONG), ["certificate.common_name has", "at most 64"]),
        (site(common_name="other.example.com", issuer="dns"), ["certificate.common_name is 'other.example.com'", "not in hosts"]),
        (site("*.example.com", "www.example.com", issuer="dns"), ["hosts has 'www.example.com'", "'*.example.com' beside it"]),
        (site("a.b.example.com", "*.b.example.com", issuer="zerossl"), ["hosts has 'a.b.example.com'", "ZeroSSL"]),
        (site("app.local", issuer="letsencrypt"), ["hosts has 'app.local'", "under 'local'", "ca or selfsigned"]),
        (site("app.home.arpa", issuer="letsencrypt-staging"), ["hosts has 'app.home.arpa'", "under 'home.arpa'"]),
        (site("kubernetes.docker.internal", issuer="letsencrypt"), ["hosts has 'kubernetes.docker.internal'", "ca or selfsigned"]),
        (site("grafana.lan", issuer="zerossl"), ["hosts has 'grafana.lan'", "ca or selfsigned"]),
        (site("co.uk", issuer="letsencrypt"), ["hosts has 'co.uk'", "public suffix"]),
        (site("*.com", issuer="dns"), ["hosts has '*.com'"]),
        (site("*.co.jp", issuer="dns"), ["hosts has '*.co.jp'", "public suffix"]),
        (site("*.example.com", issuer="zones"), ["hosts has '*.example.com'", "no solver of issuer 'zones'", "dns01"]),
        (site("b.example.com", issuer="chosen"), ["hosts has 'b.example.com'", "no solver of issuer 'chosen'"]),
        (site("b.example.com", issuer="named"), ["hosts has 'b.example.com'", "no solver of issuer 'named'"]),
        (site(*MANY, issuer="letsencrypt"), ["hosts has 101 names", "takes at most 100 in one certificate"]),
        (site("pr--12.example.com", issuer="letsencrypt"), ["hosts has 'pr--12.example.com'", "'pr--12' has '--' where names of other"]),
        (site("xn--9999999.example.com", issuer="zerossl"), ["hosts has 'xn--9999999.example.com'", "'xn--9999999' has '--'"]),
        (site("a.b.c.d.e.f.g.h.i.example.com", issuer="letsencrypt"), ["it has 11 labels and 29 characters; at most 10 and 230 are taken"]),
        (site(LONG, issuer="letsencrypt"), ["it has 6 labels and 235 characters; at most 10 and 230 are taken"]),
        (site(*MANY[:26], issuer="six-days"), ["hosts has 26 names", "at most 25", "shortlived"]),
        (site(issuer="letsencrypt", **key(algorithm="Ed25519")), ["private_key.algorithm is Ed25519", "RSA and ECDSA"]),
        (site(issuer="letsencrypt", **key(size=521)), ["private_key.size is 521", "256, 384"]),
        (site(issuer="letsencrypt", **key(algorithm="RSA", size=8192)), ["private_key.size is 8192", "2048, 3072, 4096"]),
        (site(usages=["server-auth"]), ["usages[0] is 'server-auth'", "server auth"]),
        (site("bücher.example.com"), ["hosts has 'bücher.example.com'", "'xn--bcher-kva.example.com'"]),
        (site("b\u00fccher\u3002example\u3002com"), ["'xn--bcher-kva.example.com'"]),
        (site("straße.example.com"), ["'xn--strae-oqa.example.com'"]),
        (site("*.Müller.example"), ["'*.xn--mller-kva.example'"]),
        (site(tls={"cipher_suites": ["ECDHE-RSA-AES256-GCM-SHA384"]}), ["tls.cipher_suites has ECDHE-RSA", "ECDSA"]),
        (
            site(tls={"cipher_suites": ["ECDHE-ECDSA-AES128-GCM-SHA256"]}, **key(algorithm="RSA", size=2048)),
            ["tls.cipher_suites has ECDHE-ECDSA", "algorithm RSA"],
        ),
        (site(tls={"cipher_suites": ["FOO"]}), ["tls.cipher_suites is 'FOO'", "Allowed: ECDHE-ECDSA"]),
        (
            site(tls={"cipher_suites": ["TLS_AES_128_GCM_SHA256"]}),
            ["'TLS_AES_128_GCM_SHA256', a suite of TLS 1.3; those are always on, leave it out"],
        ),
        (site(tls={"min_version": "1.3", "max_version": "1.2"}), ["tls.min_version is '1.3'", "tls.max_version '1.2'"]),
    ],
)
def test_sites_whose_certificate_cannot_be(given, telling):
    (finding,) = plan(given)["findings"]
    assert finding.startswith("edge_sites[0]")
    assert [part for part in telling if part not in finding] == []


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (raw("a.example.com", privateKey={"size": 256}), ["privateKey.size is 256", "RSA"]),
        (raw("a.example.com", privateKey={"algorithm": "ECDSA", "size": 224}), ["privateKey.size is 224"]),
        (raw("a.example.com", duration="24h", renewBefore="24h"), ["renewBefore is '24h'", "less than"]),
        (raw("a.example.com", renewBefore="4m"), ["renewBefore is '4m'"]),
        (raw("app.internal", issuer="letsencrypt"), ["dnsNames has 'app.internal'"]),
        (raw("*.example.com", "a.example.com", issuer="dns"), ["dnsNames has 'a.example.com'"]),
        (raw("a b.example.com", issuer="letsencrypt"), ["dnsNames has 'a b.example.com'", "it must be a DNS name of letters"]),
        (raw("bücher.example.com", issuer="letsencrypt"), ["dnsNames has 'bücher.example.com'", "it must be a DNS name of letters"]),
        (raw("-a.example.com", issuer="zerossl"), ["dnsNames has '-a.example.com'", "it must be a DNS name of letters"]),
        (raw("*.example.com", issuer="zones"), ["dnsNames has '*.example.com'", "no solver"]),
        (raw("a.example.com", issuer="of-site"), ["dnsNames has 'a.example.com'", "no solver"]),
        (raw("a.example.com", duration="90d"), ["duration is '90d'; it must be a duration in h, m and s, such as 2160h for 90 days"]),
        (raw("a.example.com", duration="2160"), ["duration is '2160'; it must be a duration"]),
        (raw("a.example.com", renewBefore="33%"), ["renewBefore is '33%'; it must be a duration"]),
        (raw("a.example.com", renewBefore="-1h"), ["renewBefore is '-1h'; it must be a duration"]),
        (raw("192.0.2.1", issuer="letsencrypt"), ["dnsNames has '192.0.2.1'", "an address is not a DNS name"]),
        (raw("a.example.com", issuer="letsencrypt", ipAddresses=["203.0.113.7"]), ["ipAddresses is given", "profile shortlived only"]),
        (raw("a.example.com", issuer="letsencrypt", uris=["spiffe://a/b"]), ["uris is given", "DNS names only"]),
        (raw("a.example.com", issuer="zerossl", emailAddresses=["a@example.com"]), ["emailAddresses is given", "DNS names only"]),
    ],
)
def test_manifests_whose_certificate_cannot_be(given, telling):
    (finding,) = plan(certificate_certificates=[given])["findings"]
    assert finding.startswith("certificate_certificates[0].spec: ")
    assert [part for part in telling if part not in finding] == []


@pytest.mark.parametrize(
    "given",
    [
        site("xn--bcher-kva.example.com", "a--b.example.com", issuer="letsencrypt"),
        site("a.b.c.d.e.f.g.h.i.example.com", LONG, "pr--12.example.com"),
        site(**key(algorithm="RSA", size=8192)),
        site(**key(algorithm="RSA")),
        site(**key(algorithm="Ed25519")),
        site(**key(size=521)),
        site(issuer="letsencrypt", **key(algorithm="RSA", size=3072)),
        site(duration="1h", renew_before="5m"),
        site(duration="87600h", renew_before="720h"),
        site(renew_before="1h30m"),
        site(renew_before="1%"),
        site(duration="1h", renew_before="50%"),
        site(renew_windows=[{"cron": "0 2 * * SUN", "duration": "4h"}, {"cron": "@daily", "duration": "1h", "time_zone": "Europe/Berlin"}]),
        site(common_name="My internal service"),
        site(common_name="a" * 64),
        site("app.example.com", issuer="dns", common_name="app.example.com"),
        site("app.local", issuer="ca"),
        site("app.home.arpa", issuer="self"),
        site("app.corp", issuer="step"),
        site("*.example.com", "example.com", issuer="dns"),
        site("*.example.com", "a.b.example.com", issuer="dns"),
        site("*.example.com", "www.example.com", issuer="ca"),
        site("*.example.com", "www.example.com", issuer="step"),
        site("*.example.net", "a.example.com", issuer="zones"),
        site("*.sub.example.net", issuer="zones"),
        site("a.example.com", issuer="named"),
        site("a.example.com", issuer="of-site"),
        site("example.co.uk", issuer="letsencrypt"),
        site("1.example.com", "0.0.2.192.example.com", issuer="letsencrypt"),
        site("local.example.com", "test.example.org", "internal.example.net", issuer="letsencrypt"),
        site("xn--bcher-kva.example.com", issuer="letsencrypt"),
        site("*.github.io", issuer="dns"),
        site(*MANY[:100], issuer="letsencrypt"),
        site(*MANY, issuer="ca"),
        site(tls={"cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]}),
        site(tls={"cipher_suites": ["AES128-SHA"], "min_version": "1.2"}, **key(algorithm="RSA")),
        site(tls={"cipher_suites": ["ECDHE-RSA-AES256-GCM-SHA384"], "min_version": "1.3"}),
        site(tls={"min_version": "1.2", "max_version": "1.2"}),
        site(usages=["digital signature", "server auth", "client auth"]),
    ],
)
def test_sites_that_pass(given):
    assert plan(given)["findings"] == []


def test_a_secret_of_ones_own_may_have_any_key():
    own = {"name": "own", "hosts": ["own.example.com"], "routes": [ROUTE]}
    assert plan({**own, "tls": {"credential": "mine", "cipher_suites": ["ECDHE-RSA-AES256-GCM-SHA384"]}})["findings"] == []


def test_the_key_of_all_sites_is_reported_once():
    assert plan(site("a.example.com"), certificate_private_key={"algorithm": "ECDSA", "size": 4096})["findings"] == [
        "certificate_private_key.size is 4096, and the algorithm is ECDSA; allowed: 256, 384, 521 (RSA has 2048 to 8192)"
    ]


def test_an_issuer_of_another_group_or_kind_is_not_judged():
    reference = {"group": "awspca.cert-manager.io", "kind": "AWSPCAClusterIssuer", "name": "letsencrypt"}
    assert plan(certificate_certificates=[raw("app.local", issuerRef=reference)])["findings"] == []
    assert plan(certificate_certificates=[raw("app.local", issuerRef={"name": "letsencrypt"})])["findings"] == []


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (site(issuer="six-days", renew_before="720h"), ["certificate.renew_before is '720h'", "live 160 hours"]),
        (site(issuer="letsencrypt", renew_before="1100h"), ["certificate.renew_before is '1100h'", "45 days"]),
        (site(issuer="letsencrypt", duration="8760h"), ["certificate.duration is '8760h'", "live 2160 hours"]),
        (site("*.example.com", "www.example.com", issuer="step"), ["hosts has 'www.example.com'", "public authorities refuse"]),
        (site("web.default.svc", issuer="letsencrypt"), ["hosts has 'web.default.svc'", "'svc' is not among the known top-level domains"]),
        (site("app.intranet", issuer="zerossl"), ["hosts has 'app.intranet'", "ZeroSSL issues for public names only"]),
    ],
)
def test_what_works_otherwise_than_it_reads_is_a_warning(given, telling):
    found = plan(given)
    assert found["findings"] == []
    (warning,) = found["warnings"]
    assert [part for part in telling if part not in warning] == []


@pytest.mark.parametrize(
    "given",
    [
        site(issuer="letsencrypt", renew_before="720h"),
        site(issuer="letsencrypt", duration="24h"),
        site(issuer="letsencrypt", duration="2160h"),
        site(issuer="ca", duration="8760h"),
        site(issuer="six-days"),
        site("a.svc"),
    ],
)
def test_usual_times_are_no_surprise(given):
    assert plan(given)["warnings"] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("com", True), ("co.uk", True), ("anything.ck", True), ("www.ck", False), ("example.co.uk", False), ("github.io", False)],
)
def test_public_suffixes(name, expected):
    assert is_public_suffix(name) is expected


@pytest.mark.parametrize(
    "given",
    [
        raw("a.example.com", issuer="six-days", ipAddresses=["203.0.113.7"]),
        raw("a.example.com", ipAddresses=["192.0.2.1"], uris=["spiffe://a/b"], emailAddresses=["a@example.com"]),
        raw("a.example.com", issuer="step", uris=["spiffe://a/b"]),
        raw("a.example.com", duration="2160h0m0s", renewBefore="1800000000\u00b5s"),
        raw("10", "10.example.com", duration="1h30m"),
    ],
)
def test_manifests_that_pass(given):
    assert plan(certificate_certificates=[given])["findings"] == []


@pytest.mark.parametrize(
    ("issuer", "methods"), [("letsencrypt", ["http-01"]), ("dns", ["dns-01"]), ("zones", ["http-01", "dns-01"]), ("self", None)]
)
def test_caa_records_are_judged_by_the_methods_of_the_issuers_solvers(issuer, methods):
    issuers = [{**each, "server": LETSENCRYPT} if each["name"] == issuer and each.get("solvers") else each for each in ISSUERS]
    found = plan(site("a.example.net", issuer=issuer), cert_manager_issuers=issuers)["caa"]
    assert [entry["methods"] for entry in found] == ([] if methods is None else [methods])


def test_windows_may_be_text_as_surveys_send_it():
    found = plan(site(renew_windows='[{"cron": "0 2 * * SUN", "duration": "4h"}]'))
    assert found["findings"] == []
    (certificate,) = found["certificates"]
    assert certificate["spec"]["renewal"]["windows"] == [{"cron": "0 2 * * SUN", "windowDuration": "4h", "timezone": "UTC"}]
