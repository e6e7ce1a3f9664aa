# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read at the end of a run, and what must be served."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _report
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import site_proof

site_report = partial(_report.site_report, now=datetime(2026, 12, 1, 8, tzinfo=timezone.utc))

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt"}
SHOP = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "letsencrypt"}
OWN = {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "mine"}}
PASSING = {
    "name": "db",
    "hosts": ["db.example.com"],
    "tls": {"mode": "PASSTHROUGH"},
    "routes": [{"service": "db.data", "port": 5432}],
}
WILDCARD = {"name": "all", "hosts": ["*.example.com"], "issuer": "lab"}
CERTIFICATE = {
    "name": "app",
    "secret_name": "app",
    "ready": True,
    "cause": "",
    "serial": "a1",
    "not_after": "2027-02-19T08:00:00Z",
    "renewal_time": "2027-01-20T08:00:00Z",
    "issuer": "ClusterIssuer/letsencrypt",
}
SECRET = {"name": "mine", "serial": "c3", "not_after": "2027-03-01T00:00:00Z", "problem": None}
POD = {"pod": "istio-ingress-1", "sni": "app.example.com", "serial": "a1"}
ENDPOINT = {"address": "192.0.2.1", "port": 443, "server_name": "app.example.com", "serial": "a1", "state": "served"}


def plan(*sites, **settings):
    issuers = [{"name": "lab", "type": "selfsigned"}]
    found = make_plan(list(sites), {"cert_manager_issuers": issuers, "edge_addresses": ["192.0.2.1"], **settings})
    assert found["findings"] == []
    return found


def gateway(*hosts, **tls):
    server = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": list(hosts), "tls": {"mode": "SIMPLE", **tls}}
    return {"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": [server]}}


def seen(name, serial="c3"):
    return {"pods": [POD | {"sni": name, "serial": serial}], "endpoints": [ENDPOINT | {"server_name": name, "serial": serial}]}


def test_a_site_that_serves_its_secret_has_no_problem():
    result = site_report(plan(SITE), [CERTIFICATE], [], [POD], [ENDPOINT])
    assert result["problems"] == []
    assert result["lines"] == [
        "app: served: https://app.example.com/",
        "  issuer        letsencrypt",
        "  serial        a1",
        "  not after     2027-02-19 08:00 UTC",
        "  renewal       2027-01-20 08:00 UTC",
        "  gateway pod   istio-ingress-1 serves a1",
        "  host port     192.0.2.1:443 serves a1",
    ]


@pytest.mark.parametrize(
    ("certificates", "pods", "endpoints", "problem"),
    [
        ([], [POD], [ENDPOINT], "app: its Certificate does not exist"),
        (
            [{"name": "app", "state": "Absent", "ready": False}],
            [POD],
            [ENDPOINT],
            "app: its Certificate does not exist",
        ),
        (
            [{**CERTIFICATE, "ready": False, "cause": "Order app-1 is invalid"}],
            [POD],
            [ENDPOINT],
            "app: Order app-1 is invalid",
        ),
        ([CERTIFICATE], [], [ENDPOINT], "app: no gateway pod answered"),
        (
            [CERTIFICATE],
            [{**POD, "serial": "b2"}],
            [ENDPOINT],
            "app: gateway pod istio-ingress-1 serves serial b2, the Secret holds a1",
        ),
        (
            [CERTIFICATE],
            [POD],
            [{**ENDPOINT, "serial": None, "error": "connection refused"}],
            "app: 192.0.2.1:443 serves no certificate (connection refused)",
        ),
        (
            [CERTIFICATE],
            [POD],
            [{**ENDPOINT, "address": "2001:db8::1", "serial": "b2"}],
            "app: [2001:db8::1]:443 serves serial b2, the Secret holds a1",
        ),
        ([CERTIFICATE], [POD], [], "app: no host port was looked at"),
    ],
)
def test_what_is_not_proved_is_a_problem(certificates, pods, endpoints, problem):
    result = site_report(plan(SITE), certificates, [], pods, endpoints)
    assert result["problems"] == [problem]
    assert result["lines"][0].startswith("app: NOT PROVED: ")
    assert f"  problem       {problem.removeprefix('app: ')}" in result["lines"]
    assert result["failure"].splitlines() == [problem, "", "Seen:", *result["lines"]]


def test_what_other_jobs_read_of_a_site():
    known = {"name": "app", "hosts": ["app.example.com"], "serials": ["a1"], "expires": "2027-02-19T08:00:00Z"}
    good = site_report(plan(SITE), [CERTIFICATE], [], [POD], [ENDPOINT])
    assert good["sites"] == [{**known, "served": True, "cause": None}]
    bad = site_report(plan(SITE), [CERTIFICATE], [], [], [ENDPOINT])
    assert bad["sites"] == [{**known, "served": False, "cause": "no gateway pod answered"}]
    absent = site_report(plan(SITE), [], [], [POD], [ENDPOINT])
    assert absent["sites"] == [{**known, "serials": [], "expires": None, "served": False, "cause": "its Certificate does not exist"}]


def test_the_first_end_counts_where_a_site_has_several_certificates():
    site = OWN | {"tls": {"credentials": ["rsa", "ecdsa"]}}
    secrets = [SECRET | {"name": "rsa"}, SECRET | {"name": "ecdsa", "serial": "d4", "not_after": "2027-02-01T00:00:00Z"}]
    (found,) = site_report(plan(site), [], secrets, **seen("own.example.com"))["sites"]
    assert (found["serials"], found["expires"]) == (["c3", "d4"], "2027-02-01T00:00:00Z")


def test_what_helps_follows_the_problems_and_names_its_site():
    failed = {**CERTIFICATE, "ready": False, "cause": "Order app-1 is invalid", "advice": ["Add a solver.", "Try again."]}
    late = {**failed, "name": "shop", "secret_name": "shop"}
    result = site_report(plan(SITE, SHOP), [failed, late], [], [POD], [ENDPOINT])
    said = result["failure"].splitlines()
    assert said[0] == "app: Order app-1 is invalid"
    assert said[said.index("") - 4 : said.index("")] == [f"{site}: {text}" for site in ("app", "shop") for text in failed["advice"]]
    assert result["lines"][2:4] == ["  advice        Add a solver.", "  advice        Try again."]


def test_each_site_is_judged_by_its_own_host_names():
    certificates = [CERTIFICATE, CERTIFICATE | {"name": "shop", "secret_name": "shop"}]
    result = site_report(plan(SITE, SHOP), certificates, [], [POD], [ENDPOINT])
    assert result["problems"] == ["shop: no gateway pod answered", "shop: no host port was looked at"]


def test_a_secret_of_ones_own_is_what_must_be_served():
    result = site_report(plan(OWN), [], [SECRET], **seen("own.example.com"))
    assert result["problems"] == []
    assert result["lines"] == [
        "own: served: https://own.example.com/",
        "  secret        mine, which no Certificate here renews",
        "  serial        c3",
        "  not after     2027-03-01 00:00 UTC",
        "  gateway pod   istio-ingress-1 serves c3",
        "  host port     192.0.2.1:443 serves c3",
    ]


@pytest.mark.parametrize(
    ("secrets", "serial", "problems"),
    [
        ([SECRET | {"serial": None, "problem": "it does not exist"}], "c3", ["own: Secret mine: it does not exist"]),
        ([], "c3", ["own: Secret mine: it does not exist"]),
        (
            [SECRET],
            "d4",
            [
                "own: gateway pod istio-ingress-1 serves serial d4, the Secret holds c3",
                "own: 192.0.2.1:443 serves serial d4, the Secret holds c3",
            ],
        ),
    ],
)
def test_a_secret_of_ones_own_that_is_not_served(secrets, serial, problems):
    assert site_report(plan(OWN), [], secrets, **seen("own.example.com", serial))["problems"] == problems


def test_a_secret_that_a_raw_certificate_writes_is_proved_by_it():
    raw = {"metadata": {"name": "written"}, "spec": {"secretName": "mine", "dnsNames": ["own.example.com"], "issuerRef": {"name": "x"}}}
    written = CERTIFICATE | {"name": "written", "secret_name": "mine", "serial": "c3"}
    found = plan(OWN, certificate_certificates=[raw])
    result = site_report(found, [written], [], **seen("own.example.com"))
    assert result["problems"] == []
    assert "  issuer        ClusterIssuer/letsencrypt" in result["lines"]
    assert site_report(found, [], [], **seen("own.example.com"))["problems"] == ["own: Certificate written does not exist"]


def test_passthrough_shows_what_the_application_answers():
    answer = ENDPOINT | {"server_name": "db.example.com", "serial": "e5", "not_after": "2027-02-19T08:00:00Z"}
    result = site_report(plan(PASSING), [], [], [], [answer])
    assert result["problems"] == []
    assert result["lines"] == [
        "db: passed through: https://db.example.com/",
        "  certificate   of the application, to which the gateway passes TLS through",
        "  host port     192.0.2.1:443 serves e5 until 2027-02-19 08:00 UTC",
    ]


def test_passthrough_to_an_application_that_ends_the_handshake_is_not_the_gateways_fault():
    answer = ENDPOINT | {"server_name": "db.example.com", "serial": None, "state": "reset", "error": "connection reset by peer"}
    result = site_report(plan(PASSING), [], [], [], [answer])
    assert result["problems"] == []
    assert result["lines"][-1] == "  host port     192.0.2.1:443 serves no certificate (connection reset by peer)"


@pytest.mark.parametrize(
    "found",
    [
        plan(PASSING | {"hosts": ["*.example.org"]}),
        plan(gateway_gateways=[gateway("*.example.org", mode="PASSTHROUGH")]),
    ],
)
def test_passthrough_of_a_zone_is_asked_by_a_name_under_it(found):
    answer = ENDPOINT | {"server_name": "edge-check.example.org", "serial": "e5"}
    result = site_report(found, [], [], [], [answer])
    assert result["problems"] == []
    assert "  asked as      edge-check.example.org" in result["lines"]


@pytest.mark.parametrize(
    "found",
    [
        plan(OWN | {"hosts": ["*.example.org"], "tls": {"credential": "mine", "mode": "MUTUAL", "ca_certificate": PEM}}),
        plan(gateway_gateways=[gateway("*.example.org", credentialName="mine", mode="MUTUAL")]),
    ],
)
def test_a_secret_of_ones_own_for_a_zone_is_what_must_be_served(found):
    assert site_report(found, [], [SECRET], **seen("edge-check.example.org"))["problems"] == []


@pytest.mark.parametrize("state", ["refused", "forward_failed"])
def test_passthrough_needs_the_host_port(state):
    answer = ENDPOINT | {"server_name": "db.example.com", "serial": None, "state": state, "error": "no route to host"}
    assert site_report(plan(PASSING), [], [], [], [answer])["problems"] == ["db: 192.0.2.1:443 takes no connection (no route to host)"]
    assert site_report(plan(PASSING))["problems"] == ["db: no host port was looked at"]


def test_a_wildcard_is_judged_by_the_name_under_it():
    certificate = CERTIFICATE | {"name": "all", "secret_name": "all", "serial": "c3"}
    result = site_report(plan(WILDCARD), [certificate], [], **seen("edge-check.example.com"))
    assert result["problems"] == []
    assert result["lines"][:2] == ["all: served: https://*.example.com/", "  asked as      edge-check.example.com"]


def test_a_wildcard_beside_its_own_names():
    certificate = CERTIFICATE | {"name": "all", "secret_name": "all"}
    found = plan(WILDCARD | {"hosts": ["example.com", "*.example.com"]})
    names = ["example.com", "edge-check.example.com"]
    pods = [POD | {"sni": name} for name in names]
    endpoints = [ENDPOINT | {"server_name": name} for name in names]
    assert site_report(found, [certificate], [], pods, endpoints)["problems"] == []
    endpoints[1] |= {"serial": "b2"}
    assert site_report(found, [certificate], [], pods, endpoints)["problems"] == [
        "all: 192.0.2.1:443 serves serial b2, the Secret holds a1"
    ]


def test_a_raw_gateway_is_reported_like_a_site():
    result = site_report(
        plan(gateway_gateways=[gateway("raw.example.com", credentialName="mine")]), [], [SECRET], **seen("raw.example.com")
    )
    assert result["problems"] == []
    assert result["lines"][0] == "raw: served: https://raw.example.com/"


def test_of_several_secrets_a_client_is_served_one():
    found = plan(gateway_gateways=[gateway("raw.example.com", credentialNames=["rsa", "ecdsa"])])
    secrets = [SECRET | {"name": "rsa", "serial": "a1"}, SECRET | {"name": "ecdsa", "serial": "c3"}]
    assert site_report(found, [], secrets, **seen("raw.example.com"))["problems"] == []
    (pods, ports) = site_report(found, [], secrets, **seen("raw.example.com", "d4"))["problems"]
    assert pods == "raw: gateway pod istio-ingress-1 serves serial d4, the Secret holds a1 or c3"
    assert ports.startswith("raw: 192.0.2.1:443 serves serial d4")
    assert site_proof(found, [], secrets)["serials"] == {}
    assert len(site_proof(found, [], secrets)["endpoints"]) == 1


def test_sites_that_cannot_be_read_are_a_problem():
    found = make_plan([{"name": "app"}], {})
    result = site_report(found)
    assert result["problems"] == found["findings"]
    assert len(result["problems"]) == 2


def test_what_must_be_served_by_the_name_that_clients_ask_for():
    found = plan(WILDCARD | {"hosts": ["app.example.com", "*.example.com"]}, OWN, PASSING)
    certificate = CERTIFICATE | {"name": "all", "secret_name": "all"}
    proof = site_proof(found, [certificate], [SECRET])
    assert proof["serials"] == {"app.example.com": "a1", "edge-check.example.com": "a1", "own.example.com": "c3"}
    assert [entry["server_name"] for entry in proof["endpoints"]] == list(proof["serials"])
    # What is not known must be served nevertheless.
    unknown = site_proof(found, [certificate | {"serial": None}], [])
    assert unknown == {"serials": {}, "endpoints": proof["endpoints"]}


def test_what_pods_were_seen_to_serve_is_what_the_secrets_hold():
    found = plan(SITE, OWN)
    pods = [
        {"credential": "app", "sni": "app.example.com", "serial": "a1", "state": "served"},
        {"credential": "mine", "sni": "own.example.com", "serial": "old", "state": "other_serial"},
    ]
    proof = site_proof(found, pods=pods)
    assert proof["serials"] == {"app.example.com": "a1"}
    assert len(proof["endpoints"]) == 2


def test_a_report_without_sites_says_so():
    found = site_report(plan())
    assert found["problems"] == []
    assert found["lines"][0].startswith("edge_sites is empty, and so are certificate_certificates, ")


def test_what_must_be_served_after_a_renewal():
    raw = {"metadata": {"name": "raw"}, "spec": {"secretName": "raw-tls", "dnsNames": ["raw.example.com"], "issuerRef": {"name": "x"}}}
    found = plan(
        SITE,
        SHOP,
        OWN,
        certificate_certificates=[raw],
        gateway_gateways=[gateway("raw.example.com", "ns/*.example.org", credentialName="raw-tls")],
        edge_addresses=["192.0.2.1", "2001:db8::1"],
        edge_https_port=8443,
    )
    renewed = [CERTIFICATE | {"name": "raw", "secret_name": "raw-tls", "serial": "r2"}]
    proof = site_proof(found, renewed, names=["raw"])
    assert proof["serials"] == {"raw.example.com": "r2", "edge-check.example.org": "r2"}
    assert proof["endpoints"] == [
        {"address": address, "port": 8443, "server_name": name, "lowest_tls": "1.2"}
        for name in ("raw.example.com", "edge-check.example.org")
        for address in ("192.0.2.1", "2001:db8::1")
    ]
    assert site_proof(found, [CERTIFICATE], names=["app"])["serials"] == {"app.example.com": "a1"}


def test_after_a_renewal_nothing_is_asked_of_which_a_client_chooses():
    raw = {"metadata": {"name": "raw"}, "spec": {"secretName": "app-tls", "dnsNames": ["a.b.example"], "issuerRef": {"name": "x"}}}
    found = plan(certificate_certificates=[raw], gateway_gateways=[gateway("a.b.example", credentialNames=["app-tls", "app-rsa"])])
    renewed = [CERTIFICATE | {"name": "raw", "secret_name": "app-tls"}]
    assert site_proof(found, renewed, names=["raw"]) == {"serials": {}, "endpoints": []}


WAY = {"namespace": "istio-egress", "hosts": ["api.partner.example"], "pods": [{"pod": "out", "state": "ready"}], "cause": None}


def test_ways_out_are_reported_beside_the_sites():
    result = site_report(plan(), ways=[WAY])
    assert result["lines"] == ["ways out of namespace istio-egress: open: api.partner.example", "  pod           out is ready"]
    assert result["problems"] == []


def test_a_way_out_that_is_not_open_is_a_problem():
    result = site_report(plan(), ways=[{**WAY, "cause": "Secret partner does not exist", "pods": []}])
    assert result["problems"] == ["ways out of namespace istio-egress: Secret partner does not exist"]
    assert result["lines"][1] == "  problem       Secret partner does not exist"


# --- renewals that do not come, while what is served is still good

FAILED = {**CERTIFICATE, "renewal_failure": "order is in invalid state", "failed_attempts": 3, "retry_at": "2027-01-25T12:00:00Z"}
FAILURE = (
    "has failed 3 times, and it ends at 2027-02-19 08:00 UTC; the next attempt is due at 2027-01-25 12:00 UTC: order is in invalid state"
)


def on(day, certificate):
    now = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
    return _report.site_report(plan(SITE), [certificate], [], [POD], [ENDPOINT], now=now)


def test_a_renewal_that_failed_is_a_warning_while_there_is_time():
    result = on("2027-01-25", FAILED)
    assert (result["problems"], result["lines"][0][:12]) == ([], "app: served:")
    assert f"  warning       its renewal {FAILURE}" in result["lines"]


@pytest.mark.parametrize(
    ("certificate", "said"),
    [(FAILED, FAILURE), (CERTIFICATE, "is due since 2027-01-20 08:00 UTC, and it ends at 2027-02-19 08:00 UTC")],
)
def test_once_half_of_the_time_for_it_has_gone_it_is_a_problem(certificate, said):
    assert on("2027-02-04", certificate)["problems"] == []
    result = on("2027-02-05", certificate)
    assert result["problems"] == [f"app: its renewal {said}"]
    assert not any(line.startswith("  warning") for line in result["lines"])


@pytest.mark.parametrize("change", [{"renewal_time": None}, {"renewal_time": "soon"}, {"not_after": None}])
def test_without_times_nothing_is_said_of_a_renewal(change):
    assert on("2027-02-18", CERTIFICATE | change)["problems"] == []


@pytest.mark.parametrize(
    ("end", "problem", "warning"),
    [
        ("2026-12-01T08:00:00Z", "own: Secret mine: its certificate ended at 2026-12-01 08:00 UTC", None),
        ("2026-12-11T07:00:00Z", None, "  warning       it ends in 9 days; put another certificate into that Secret"),
        ("2027-03-01T00:00:00Z", None, None),
    ],
)
def test_the_end_of_a_certificate_that_nothing_renews(end, problem, warning):
    result = site_report(plan(OWN), [], [SECRET | {"not_after": end}], **seen("own.example.com"))
    assert result["problems"] == ([problem] if problem else [])
    assert [line for line in result["lines"] if "warning" in line] == ([warning] if warning else [])


def test_the_same_as_data():
    found = plan(SITE, OWN, edge_proxy_addresses=["198.51.100.7"])
    proxy = ENDPOINT | {"address": "198.51.100.7", "serial": None, "state": "reset", "error": "connection reset"}
    facts = site_report(found, [CERTIFICATE], [SECRET], [POD], [ENDPOINT, proxy])["facts"]
    app, own = facts["sites"]
    assert facts["seen_at"] == "2026-12-01T08:00:00Z"
    assert facts["problems"] == [f"{site['name']}: {problem}" for site in (app, own) for problem in site["problems"]]
    assert (app["addresses"], app["issuer"], app["mode"], app["namespace"]) == (
        ["https://app.example.com/"],
        "letsencrypt",
        "SIMPLE",
        "istio-ingress",
    )
    assert (app["state"], own["state"], app["backends"]) == ("not proved", "not proved", None)
    assert [(each["secret"], each["serial"], each["renewed"]) for each in (*app["certificates"], *own["certificates"])] == [
        ("app", "a1", True),
        ("mine", "c3", False),
    ]
    assert [(port["place"], port["node_port"], port["right"], port["reason"]) for port in app["host_ports"]] == [
        ("192.0.2.1:443", 30443, True, ""),
        ("198.51.100.7:443", None, False, "connection reset"),
    ]


NO_CONFIG = {"listeners": [], "routes": [], "clusters": []}


def test_each_gateway_has_its_own_configuration():
    second = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}
    found = plan(SITE, SHOP | {"gateway": "team-b"}, edge_gateways=[second])
    config = [{"failed": True}, {"pods": [NO_CONFIG], "flags": [{"text": "x is old"}], "errors": ["no pod"]}]
    port = ENDPOINT | {"address": "192.0.2.2", "server_name": "shop.example.com"}
    facts = site_report(found, endpoints=[ENDPOINT, port], config=config)["facts"]
    assert [(site["namespace"], site["backends"]) for site in facts["sites"]] == [("istio-ingress", None), ("team-b", [])]
    assert [[each["node_port"] for each in site["host_ports"]] for site in facts["sites"]] == [[30443], [31443]]
    assert (facts["differs"], facts["not_asked"]) == (["x is old"], ["no pod"])
