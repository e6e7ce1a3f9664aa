# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short form of DNS-01 solvers, and what becomes of it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._dns01 import PROVIDERS, challenge_questions, tsig_questions
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import cert_manager_objects, read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight import Findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight_network import judge_challenges, judge_dns01

CANARY = "canary9Zk"
TOKEN = f"{CANARY}-token-value"
TSIG = "Y2FuYXJ5OVprLXRzaWc="
ACCOUNT = {"client_email": "dns@shop.example", "private_key": CANARY}
ACME_DNS = {"shop.example": dict.fromkeys(("username", "password", "fulldomain", "subdomain"), CANARY)}
OURS = {"name": "lab-{}", "key": "token"}
RFC2136 = {"provider": "rfc2136", "nameserver": "192.0.2.53:53", "key_name": "edge", "token": TSIG}
CLOUDFLARE = {"provider": "cloudflare", "token": TOKEN}
AZURE = {"provider": "azuredns", "subscription_id": "s", "resource_group": "g"}


def issuer(*dns01, **fields):
    solvers = [{"dns01": each} for each in dns01]
    return {"name": "lab", "server": "https://acme.example.com/dir", "email": "ops@example.com", "solvers": solvers, **fields}


def applied(*dns01, **fields):
    """The Secrets and the solvers of an issuer that a plan takes without a finding."""
    given = issuer(*dns01, **fields)
    assert make_plan([], {"cert_manager_issuers": [given]})["findings"] == []
    *secrets, made = cert_manager_objects([given], {"secret_namespace": "cert-manager", "issuer_namespace": "istio-ingress"})["objects"]
    held = {(each["metadata"]["namespace"], each["metadata"]["name"]): each["stringData"] for each in secrets}
    return held, made["spec"]["acme"]["solvers"]


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ({"provider": "cloudflare", "token": TOKEN}, {"cloudflare": {"apiTokenSecretRef": OURS}}),
        ({"provider": "digitalocean", "token": TOKEN}, {"digitalocean": {"tokenSecretRef": OURS}}),
        (
            {"provider": "hetzner", "token": TOKEN},
            {"webhook": {"groupName": "acme.hetzner.com", "solverName": "hetzner", "config": {"tokenSecretKeyRef": OURS}}},
        ),
        (
            {"provider": "acmedns", "host": "https://auth.example", "token": ACME_DNS},
            {"acmeDNS": {"host": "https://auth.example", "accountSecretRef": OURS}},
        ),
        ({"provider": "clouddns", "project": "p", "token": ACCOUNT}, {"cloudDNS": {"project": "p", "serviceAccountSecretRef": OURS}}),
        ({"provider": "clouddns", "project": "p"}, {"cloudDNS": {"project": "p"}}),
        (
            {**AZURE, "client_id": "c", "tenant_id": "t", "token": TOKEN},
            {
                "azureDNS": {
                    "clientID": "c",
                    "tenantID": "t",
                    "subscriptionID": "s",
                    "resourceGroupName": "g",
                    "clientSecretSecretRef": OURS,
                }
            },
        ),
        (
            {"provider": "route53", "region": "eu-central-1", "access_key_id": "A", "token": TOKEN},
            {"route53": {"accessKeyID": "A", "region": "eu-central-1", "secretAccessKeySecretRef": OURS}},
        ),
        ({"provider": "route53"}, {"route53": {}}),
        (
            RFC2136,
            {
                "rfc2136": {
                    "nameserver": "192.0.2.53:53",
                    "tsigKeyName": "edge",
                    "tsigAlgorithm": "HMACSHA256",
                    "tsigSecretSecretRef": OURS,
                }
            },
        ),
        (
            {
                "provider": "webhook",
                "group_name": "g.example",
                "solver_name": "own",
                "config": {"ttl": 60},
                "token": TOKEN,
                "token_field": "keyRef",
            },
            {"webhook": {"groupName": "g.example", "solverName": "own", "config": {"ttl": 60, "keyRef": OURS}}},
        ),
        (
            {"provider": "webhook", "group_name": "g.example", "solver_name": "own"},
            {"webhook": {"groupName": "g.example", "solverName": "own"}},
        ),
    ],
)
def test_each_provider_becomes_a_solver_of_cert_manager_and_a_secret_beside_it(short, expected):
    held, (solver,) = applied(short)
    name = f"lab-{short['provider']}"
    assert solver == {"dns01": json.loads(json.dumps(expected).replace("lab-{}", name))}
    token = short.get("token")
    text = json.dumps(token) if isinstance(token, dict) else token
    assert held == ({("cert-manager", name): {"token": text}} if token else {})


def test_every_provider_is_shown_above():
    marks = test_each_provider_becomes_a_solver_of_cert_manager_and_a_secret_beside_it.pytestmark
    assert {short["provider"] for short, _expected in marks[0].args[1]} == set(PROVIDERS)


def test_a_secret_that_is_there_is_named_and_not_made():
    held, (first, second) = applied(
        {"provider": "cloudflare", "secret": {"name": "dns", "key": "api"}}, {"provider": "digitalocean", "secret": {"name": "dns"}}
    )
    assert held == {}
    assert first["dns01"]["cloudflare"]["apiTokenSecretRef"] == {"name": "dns", "key": "api"}
    assert second["dns01"]["digitalocean"]["tokenSecretRef"] == {"name": "dns", "key": "token"}


def test_a_secret_of_an_issuer_in_a_namespace_is_beside_it():
    held, _solvers = applied({"provider": "cloudflare", "token": TOKEN}, kind="Issuer", namespace="shop")
    assert list(held) == [("shop", "lab-cloudflare")]


def test_solvers_are_chosen_by_zone_and_two_of_a_provider_have_two_secrets():
    held, (first, second) = applied(
        {"provider": "cloudflare", "token": f"{TOKEN}1", "zones": ["Shop.example.", "_udp.corp"]},
        {"provider": "cloudflare", "token": f"{TOKEN}2", "follow_cname": "yes"},
    )
    assert first["selector"] == {"dnsZones": ["shop.example", "_udp.corp"]}
    assert "selector" not in second
    assert second["dns01"]["cnameStrategy"] == "Follow"
    assert [text["token"][-1] for text in held.values()] == ["1", "2"]


def test_a_selector_of_ones_own_stays():
    solver = {"dns01": {"provider": "cloudflare", "token": TOKEN, "zones": ["a.example"]}, "selector": {"matchLabels": {"a": "b"}}}
    found, _solvers = applied(solvers=[solver]), None
    assert found[1][0]["selector"] == {"matchLabels": {"a": "b"}, "dnsZones": ["a.example"]}


def test_shared_solvers_give_each_issuer_a_secret_of_its_own():
    """Let's Encrypt's issuers have no solvers of their own."""
    shared = [{"dns01": {"provider": "cloudflare", "token": TOKEN}}]
    site = {
        "name": "app",
        "hosts": ["*.baremesh.dev"],
        "issuer": "letsencrypt",
        "tls": {"mode": "SIMPLE"},
        "routes": [{"service": "app.default", "port": 80}],
    }
    settings = {"cert_manager_solvers": shared, "edge_email": "ops@example.com", "edge_addresses": ["192.0.2.1"]}
    assert make_plan([site], settings)["findings"] == []
    found = cert_manager_objects(
        [], {"solvers": shared, "email": "ops@example.com", "used": ["letsencrypt"], "secret_namespace": "cert-manager"}
    )
    secret, made = found["objects"]
    assert secret["metadata"]["name"] == "letsencrypt-cloudflare"
    assert made["spec"]["acme"]["solvers"][0]["dns01"]["cloudflare"]["apiTokenSecretRef"]["name"] == "letsencrypt-cloudflare"


def test_blanks_around_a_token_are_left_out():
    assert applied({"provider": "cloudflare", "token": f" {TOKEN}\n"})[0] == {("cert-manager", "lab-cloudflare"): {"token": TOKEN}}


@pytest.mark.parametrize("algorithm", ["hmac-sha512", "HMACSHA512", "hmac-sha512."])
def test_algorithms_as_bind_writes_them(algorithm):
    assert applied({**RFC2136, "algorithm": algorithm})[1][0]["dns01"]["rfc2136"]["tsigAlgorithm"] == "HMACSHA512"


@pytest.mark.parametrize(
    ("dns01", "said"),
    [
        ({"provider": "cloudfare", "token": TOKEN}, "provider is 'cloudfare', which is not known; did you mean 'cloudflare'?"),
        ({"provider": ""}, "provider is empty; allowed: acmedns, azuredns"),
        ({"provider": "cloudflare"}, "token is missing; give token, or secret with name and key of a Secret that is there"),
        ({"provider": "cloudflare", "token": ""}, "token is empty; where a lookup fills it, that found nothing"),
        ({"provider": "cloudflare", "token": True}, "token is empty"),
        ({"provider": "cloudflare", "token": f"{CANARY} {CANARY}"}, "token has blanks or line breaks inside"),
        ({"provider": "cloudflare", "token": "0123456789abcdef0123456789abcdef01234"}, "token is a Global API Key; create an API token"),
        ({"provider": "cloudflare", "token": TOKEN, "secret": {"name": "a"}}, "token and secret are given; remove one of them"),
        ({"provider": "cloudflare", "secret": {"key": "a"}}, "name is missing"),
        ({"provider": "cloudflare", "secret": "dns"}, "secret is 'dns'; it must be a dictionary"),
        ({"provider": "cloudflare", "secret": {"name": "A b"}}, "name is 'A b'; it must have lower case letters"),
        ({"provider": "cloudflare", "token": TOKEN, "zone": "a"}, "key 'zone' is not known for provider cloudflare; did you mean 'zones'?"),
        (CLOUDFLARE | {"zones": ["*.a.example"]}, "not the name of a zone such as example.com; write 'a.example'"),
        ({"provider": "cloudflare", "token": TOKEN, "zones": "a.example"}, "zones is 'a.example'; it must be a list"),
        ({"provider": "cloudflare", "token": TOKEN, "follow_cname": "maybe"}, "follow_cname is 'maybe'; it must be true or false"),
        ({**RFC2136, "token": f"{CANARY}!"}, "token is not Base64, in which TSIG keys are written"),
        ({**RFC2136, "key_name": ""}, "key_name is missing; provider rfc2136 needs it with a token"),
        ({"provider": "rfc2136", "nameserver": "192.0.2.53", "key_name": "edge"}, "key_name is given without a token; give token"),
        ({"provider": "rfc2136", "key_name": "edge", "token": TSIG}, "nameserver is missing; provider rfc2136 needs it"),
        ({**RFC2136, "algorithm": "sha3"}, "rfc2136 has the tsigAlgorithm 'SHA3'; allowed: HMACMD5"),
        (AZURE | {"client_id": "c", "token": TOKEN}, "tenant_id is missing; provider azuredns needs it with a token"),
        (AZURE | {"environment": "Mars"}, "azureDNS.environment is 'Mars'; allowed: AzurePublicCloud"),
        ({"provider": "clouddns", "project": "p", "token": CANARY}, "token is not JSON; give the JSON key of a service account"),
        ({"provider": "clouddns", "project": "p", "token": {"type": CANARY}}, "token has no client_email and no private_key; give"),
        ({"provider": "acmedns", "host": "https://a.example", "token": {"username": CANARY}}, "token has no accounts; give by domain"),
        ({"provider": "webhook", "group_name": "g", "solver_name": "s", "token": TOKEN}, "token_field is missing; name the field"),
        ({"provider": "webhook", "group_name": "g", "token": TOKEN, "token_field": "a"}, "solver_name is missing; provider webhook"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["cert_manager_issuers", "cert_manager_solvers"])
def test_what_is_wrong_is_said_once_with_its_place_and_without_the_token(dns01, said, variable):
    given = [issuer(dns01)] if variable == "cert_manager_issuers" else [{"dns01": dns01}]
    (found,) = make_plan([], {variable: given})["findings"]
    assert said in found
    assert found.startswith("cert_manager_issuers[0] (lab): solvers[0].dns01" if len(given[0]) > 1 else "cert_manager_solvers[0].dns01")
    assert CANARY not in found


def test_zones_and_a_selector_with_zones():
    solver = {"dns01": {"provider": "cloudflare", "token": TOKEN, "zones": ["a.example"]}, "selector": {"dnsZones": ["b.example"]}}
    (found,) = make_plan([], {"cert_manager_issuers": [issuer(solvers=[solver])]})["findings"]
    assert found.endswith("zones is given beside selector.dnsZones; remove one of them")


def test_a_finding_hides_no_other():
    broken, other = {"provider": "cloudflare"}, {"http01": {"ingres": {}}}
    found = make_plan([], {"cert_manager_issuers": [issuer(solvers=[{"dns01": broken}, other])]})["findings"]
    assert [text.partition("solvers[")[2][0] for text in found] == ["0", "1"]


def asked(*dns01, shared=()):
    return [
        (each["server"], each["zone"], each["key_name"], each["algorithm"])
        for each in tsig_questions([issuer(*dns01)], [{"dns01": each} for each in shared])
    ]


def test_name_servers_are_asked_about_the_key_of_each_zone():
    """Nothing is asked where no address is known, where the record is elsewhere, and of solvers in which something is wrong."""
    zones = {"zones": ["a.example", "b.example"]}
    assert asked(RFC2136 | zones) == [("192.0.2.53", zone, "edge", "HMACSHA256") for zone in zones["zones"]]
    assert asked(shared=[RFC2136 | {"nameserver": "[2001:db8::53]:53", "zones": ["a.example"]}])[0][0] == "2001:db8::53"
    assert asked(RFC2136 | zones, RFC2136 | zones, shared=[RFC2136 | zones]) == asked(RFC2136 | zones)
    for other in (
        {"nameserver": "192.0.2.53:5353"},
        {"nameserver": "ns.example"},
        {"follow_cname": True},
        {"token": "!"},
        {"algorithm": "x"},
    ):
        assert asked(RFC2136 | zones | other) == []
    assert asked(RFC2136, CLOUDFLARE | zones) == []
    assert tsig_questions("x", None) == tsig_questions([5, {"solvers": 5}], [5]) == []


def test_a_key_that_is_refused_is_an_error_and_what_may_be_no_fault_is_a_warning():
    found = Findings()
    base = {"server": "192.0.2.53", "zone": "a.example", "at": "a.example", "refusal": "", "error": ""}
    judge_dns01("server1", [base], found)
    assert (found.errors, found.warnings) == ([], [])
    for refusal in ("BADKEY", "BADSIG", "BADTIME"):
        judge_dns01("server1", [base | {"refusal": refusal}], found)
    assert [text.partition("(")[2].partition(")")[0] for text in found.errors] == ["BADKEY", "BADSIG", "BADTIME"]
    judge_dns01("server1", [base | {"refusal": "REFUSED"}, base | {"at": ""}, base | {"error": "timed out"}], found)
    assert (len(found.errors), len(found.warnings)) == (3, 3)


def test_an_issuer_shows_no_token():
    found, findings = read_issuers([issuer({"provider": "cloudflare", "token": TOKEN})])
    assert findings == []
    assert CANARY not in repr(found)


# --- where the records of challenges go


def challenges(*dns01, hosts=("app.shop.example",), **site):
    site = {"name": "app", "hosts": list(hosts), "issuer": "lab", "routes": [{"service": "web.default", "port": 80}], **site}
    found = make_plan([site], {"cert_manager_issuers": [issuer(*dns01)], "edge_addresses": ["192.0.2.1"]})
    assert found["findings"] == []
    return [(each["host"], each["follow"], each["elsewhere"]) for each in found["challenges"]]


def test_hosts_that_are_proved_by_dns01():
    """A host and its wildcard have the same record; acme-dns and webhooks have records of their own."""
    both = ["app.shop.example", "*.app.shop.example"]
    assert challenges(CLOUDFLARE, hosts=both) == [("app.shop.example", False, False)]
    assert challenges(CLOUDFLARE | {"follow_cname": True}) == [("app.shop.example", True, False)]
    assert challenges({"provider": "acmedns", "host": "https://auth.example", "token": ACME_DNS}) == [("app.shop.example", False, True)]


def test_the_solver_with_the_longest_zone_decides():
    wide, narrow = CLOUDFLARE | {"zones": ["example"]}, CLOUDFLARE | {"zones": ["shop.example"], "follow_cname": True}
    assert challenges(wide, narrow) == challenges(narrow, wide) == [("app.shop.example", True, False)]
    assert challenges(wide, narrow, hosts=["app.other.example"]) == [("app.other.example", False, False)]


def test_a_host_that_is_proved_by_http01_has_no_record():
    given = {**issuer(CLOUDFLARE | {"zones": ["shop.example"]}), "name": "lab"}
    given["solvers"].append({"http01": {"ingress": {"ingressClassName": "istio"}}})
    sites = [
        {"name": name, "hosts": [f"{name}.example"], "issuer": "lab", "routes": [{"service": "w.d", "port": 80}]}
        for name in ("a.shop", "b")
    ]
    sites = [{**site, "name": site["name"].replace(".", "-")} for site in sites]
    found = make_plan(sites, {"cert_manager_issuers": [given], "edge_addresses": ["192.0.2.1"]})["challenges"]
    assert [each["host"] for each in found] == ["a.shop.example"]


CHALLENGE = {"host": "app.shop.example", "site": "app", "follow": False, "elsewhere": False}


@pytest.mark.parametrize(
    ("settings", "resolvers", "servers"),
    [
        ({}, [], True),
        ({"cert_manager_dns01_recursive_nameservers": ["192.0.2.53:53", "[2001:db8::53]:53"]}, ["192.0.2.53", "2001:db8::53"], True),
        ({"cert_manager_dns01_recursive_nameservers": "192.0.2.53:53", "cert_manager_dns01_recursive_only": "yes"}, ["192.0.2.53"], False),
    ],
)
def test_the_zone_is_looked_for_where_cert_manager_does(settings, resolvers, servers):
    (asked,) = challenge_questions([CHALLENGE], settings)
    assert asked == {"name": "app.shop.example", "follow": False, "resolvers": resolvers, "servers": servers}


@pytest.mark.parametrize("server", ["https://192.0.2.53/dns-query", "192.0.2.53:5353", "dns.example:53"])
def test_what_a_host_cannot_ask_is_not_asked(server):
    assert challenge_questions([CHALLENGE], {"cert_manager_dns01_recursive_nameservers": ["192.0.2.53:53", server]}) == []


SERVER = {"name": "ns1.shop.example", "address": "192.0.2.53", "serial": 7, "problem": ""}
ANSWER = {"name": "app.shop.example", "alias": "", "zone": "shop.example", "servers": [SERVER], "error": ""}


def judged(answer, keys=(), **entry):
    found = Findings()
    judge_challenges("server1", [{**CHALLENGE, **entry}], {"app.shop.example": {**ANSWER, **answer}}, keys, found)
    return found.errors, found.warnings


@pytest.mark.parametrize("entry", [{"follow": True}, {"elsewhere": True}])
def test_a_challenge_that_gets_where_the_authority_looks(entry):
    assert judged({}) == judged({"alias": "a.other.example"}, **entry) == judged({"error": "timed out"}, elsewhere=True) == ([], [])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"alias": "a.other.example"}, ["is a CNAME to a.other.example", "follow_cname: true"]),
        ({"error": "name server 192.0.2.1: timed out"}, ["cannot be found (name server 192.0.2.1: timed out)"]),
        (
            {"servers": [SERVER, {**SERVER, "name": "ns2", "problem": "it does not have the zone (REFUSED)"}]},
            ["name server ns2 at 192.0.2.53"],
        ),
        ({"servers": [SERVER, {**SERVER, "name": "ns2", "serial": 6}]}, ["different versions", "6 at ns2, 7 at ns1.shop.example"]),
    ],
)
def test_what_may_be_no_fault_of_a_zone_is_a_warning(answer, said):
    errors, (warning,) = judged(answer)
    assert errors == []
    assert all(text in warning for text in said), warning


@pytest.mark.parametrize(
    ("zone", "keys", "said"),
    [
        ("", [], "the root delegates none"),
        ("co.uk", [], "co.uk delegates none"),
        ("example", [{"at": "shop.example"}], "let example name the servers of shop.example"),
    ],
)
def test_a_zone_that_is_not_delegated_is_an_error(zone, keys, said):
    (error,), _warnings = judged({"zone": zone, "servers": []}, keys)
    assert said in error


def test_a_zone_that_is_not_known_to_be_public_may_be_ones_own():
    assert judged({"zone": "lan"}) == judged({"zone": "shop.example"}, [{"at": "shop.example"}, {"at": "other.example"}]) == ([], [])
