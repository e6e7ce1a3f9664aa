# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States that are hard to bring about on a lab, in the shape that cert-manager's types give them."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, HEALS
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import advice
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import (
    Failure,
    failure_of,
    find_causes,
    next_attempt,
    rate_limit_end,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import parse_renewals
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import request_state, walk
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

ISSUING = [make.MISSING, make.ISSUING]


def cause_of(certificate, *objects, known=None, deadline=NOW + 300, challenges_read=True):
    inventory = Inventory()
    for found in (certificate, *objects):
        inventory.put(found["kind"], found)
    walked = walk(inventory, certificate, {"Issuer": True, "ClusterIssuer": True, "Challenge": challenges_read})
    return find_causes(walked, ["it is not ready"], deadline, known or failure_of(certificate))[0]


def approved(*conditions):
    return [make.condition("Approved", "True", "cert-manager.io"), *conditions]


@pytest.mark.parametrize(
    ("conditions", "text", "outlook"),
    [
        ([make.condition("Denied", "True", "policy", "no wildcards here")], "was denied: no wildcards here", FINAL),
        (approved(make.condition("Ready", "False", "Denied", "not by this policy")), "was denied: not by this policy", FINAL),
        (approved(make.condition("InvalidRequest", "True", "x", "bad usages")), "is invalid: bad usages", FINAL),
        (approved(make.condition("Ready", "False", "Failed", "boom")), "CertificateRequest app-1: boom", FINAL),
        ([], "waits for approval", HEALS),
        (approved(make.condition("Ready", "False", "Pending", "Waiting for the CA")), "app-1: Waiting for the CA", HEALS),
    ],
)
def test_requests(conditions, text, outlook):
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), make.request(conditions=conditions))
    assert text in found.text
    assert found.outlook == outlook


@pytest.mark.parametrize(
    ("reason", "message", "outlook"),
    [
        ("InvalidConfig", "no solvers", FINAL),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: x", FINAL),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: 400 urn:ietf:params:acme:error:badNonce: x", HEALS),
        ("ErrRegisterACMEAccount", "Failed to register ACME account: dial tcp: i/o timeout", HEALS),
    ],
)
def test_issuers(reason, message, outlook):
    issuer = make.cluster_issuer(ready="False", reason=reason, message=message)
    found = cause_of(make.certificate(conditions=ISSUING), issuer, make.request())
    assert found.text == "ClusterIssuer letsencrypt is not ready: " + message
    assert found.outlook == outlook


LOGIN = "https://openbao.example.com:8200/v1/auth/kubernetes/login"
SIGN = "https://openbao.example.com:8200/v1/pki/sign/edge"


def of_vault(method, url, code, words):
    return f"Error making API request.\n\nURL: {method} {url}\nCode: {code}. Errors:\n\n* {words}"


KUBERNETES = "Failed to initialize Vault client: while requesting a Vault token using the Kubernetes auth: error calling Vault server: "


@pytest.mark.parametrize(
    ("message", "text", "outlook", "helps"),
    [
        (
            KUBERNETES + of_vault("POST", LOGIN, 400, 'invalid role name "none"'),
            f'{KUBERNETES}invalid role name "none" (400 from POST {LOGIN})',
            GRACE,
            "Create that role in the auth method",
        ),
        (
            KUBERNETES + of_vault("POST", LOGIN, 403, "service account name not authorized"),
            f"{KUBERNETES}service account name not authorized (403 from POST {LOGIN})",
            GRACE,
            "bound_service_account_names",
        ),
        (
            KUBERNETES + of_vault("POST", LOGIN, 403, "permission denied"),
            f"{KUBERNETES}permission denied (403 from POST {LOGIN})",
            GRACE,
            "The audience of the role is vault://ISSUER",
        ),
        (
            "Failed to verify Vault is initialized and unsealed: Vault is sealed",
            "Failed to verify Vault is initialized and unsealed: Vault is sealed",
            GRACE,
            "Unseal that server",
        ),
        (
            KUBERNETES + of_vault("POST", LOGIN, 503, "Vault is sealed"),
            f"{KUBERNETES}Vault is sealed (503 from POST {LOGIN})",
            GRACE,
            "Unseal that server",
        ),
        (
            'Failed to initialize Vault client: secrets "login" not found',
            'Failed to initialize Vault client: secrets "login" not found',
            GRACE,
            "Create the Secret that auth of the issuer names",
        ),
        (
            f'{KUBERNETES}Post "{LOGIN}": dial tcp 192.0.2.1:8200: connect: connection refused',
            f'{KUBERNETES}Post "{LOGIN}": dial tcp 192.0.2.1:8200: connect: connection refused',
            HEALS,
            "must reach the server of that issuer",
        ),
        (
            f'{KUBERNETES}Post "{LOGIN}": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            f'{KUBERNETES}Post "{LOGIN}": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            GRACE,
            "trust its certificate",
        ),
    ],
)
def test_what_a_vault_says_to_its_issuer(message, text, outlook, helps):
    issuer = make.cluster_issuer(ready="False", reason="VaultError", message=message)
    found = cause_of(make.certificate(conditions=ISSUING), issuer, make.request())
    name = issuer["metadata"]["name"]
    assert (found.text, found.outlook) == (f"ClusterIssuer {name} is not ready: {text}", outlook)
    assert helps in advice(found.text)


@pytest.mark.parametrize(
    ("code", "words", "helps"),
    [
        (403, "1 error occurred:\n\t* permission denied\n\n", "let it sign there"),
        (400, "unknown role: none", "Create that role of the engine"),
        (400, "common name app.example.com not allowed by this role", "Let that role of the engine issue these names"),
        (400, "subject alternate name app.example.com not allowed by this role", "Let that role of the engine issue these names"),
        (404, 'no handler for route "pki/sign/edge". route entry not found.', "No engine is mounted there"),
        (503, "Vault is sealed", "Unseal that server"),
    ],
)
def test_what_a_vault_says_to_a_request(code, words, helps):
    said = "Vault failed to sign certificate: failed to sign certificate by vault: "
    failed = make.request(conditions=approved(make.condition("Ready", "False", "Failed", said + of_vault("POST", SIGN, code, words))))
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), failed)
    expected = words.rpartition("* ")[2].strip()
    assert (found.text, found.outlook) == (f"CertificateRequest app-1: {said}{expected} ({code} from POST {SIGN})", FINAL)
    assert helps in advice(found.text)


@pytest.mark.parametrize(
    ("said", "text", "outlook"),
    [
        (of_vault("POST", LOGIN, 503, "Vault is sealed"), f"Vault is sealed (503 from POST {LOGIN})", GRACE),
        (f'Post "{LOGIN}": dial tcp 192.0.2.1:8200: i/o timeout', f'Post "{LOGIN}": dial tcp 192.0.2.1:8200: i/o timeout', HEALS),
    ],
)
def test_a_request_for_which_cert_manager_cannot_log_in(said, text, outlook):
    begins = "Failed to initialise vault client for signing: while requesting a Vault token: "
    waits = make.request(conditions=approved(make.condition("Ready", "False", "Pending", begins + said)))
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), waits)
    assert (found.text, found.outlook) == (f"CertificateRequest app-1: {begins}{text}", outlook)


def test_an_issuer_condition_of_an_old_spec_is_not_final():
    issuer = make.cluster_issuer(ready="False", reason="InvalidConfig", message="x", generation=0)
    assert cause_of(make.certificate(conditions=ISSUING), issuer, make.request()).outlook == HEALS


def test_a_failed_request_that_is_about_to_be_replaced_is_no_cause():
    failed = make.request(conditions=approved(make.condition("Ready", "False", "Failed", "old boom")), failure_time=NOW - 100)
    found = cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), failed)
    assert "old boom" not in found.text
    assert found.outlook == HEALS


def test_a_rate_limit_outlasts_the_back_off():
    text = "429 urn:ietf:params:acme:error:rateLimited: too many, retry after 2026-11-27 06:00:00 UTC: see https://x"
    issuing = make.condition("Issuing", "False", "Failed", "failed")
    certificate = make.certificate(conditions=[make.MISSING, issuing], failedIssuanceAttempts=1, lastFailureTime=make.stamp(NOW - 5))
    request = make.request(conditions=approved(make.condition("Ready", "False", "Failed", "order errored")), failure_time=NOW - 5)
    found = cause_of(certificate, make.cluster_issuer(), request, make.order(state="errored", reason=text))
    assert found.text == "Order app-1-1234: " + text
    assert found.retry_at == "2026-11-27T06:00:00Z"
    assert found.outlook == FINAL


@pytest.mark.parametrize(("attempts", "hours"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 32), (60, 32)])
def test_the_back_off_doubles_up_to_32_hours(attempts, hours):
    certificate = make.certificate(conditions=[], failedIssuanceAttempts=attempts, lastFailureTime=make.stamp(NOW))
    assert iso(next_attempt(certificate)) == make.stamp(NOW + hours * 3600)


def test_a_new_failure_is_final_even_where_the_back_off_is_short():
    issuing = make.condition("Issuing", "False", "Failed", "boom")
    certificate = make.certificate(conditions=[make.MISSING, issuing], failedIssuanceAttempts=1, lastFailureTime=make.stamp(NOW - 3590))
    assert cause_of(certificate).outlook == HEALS
    assert cause_of(certificate, known=Failure(0, "")).outlook == FINAL


def test_no_rate_limit_in_other_texts():
    assert rate_limit_end("retry after some time") is None
    assert rate_limit_end("retry after 2026-99-99 00:00:00 UTC") is None


def test_an_issued_request_is_issued_whatever_else_it_says():
    assert request_state(make.request(conditions=approved(make.condition("Ready", "True", "Issued")))) == "Issued"


@pytest.mark.parametrize(("given", "revision", "serial"), [(3, 3, None), ("3", 3, None), ("0A:1b:2c:3d:4e:5f", None, "a1b2c3d4e5f")])
def test_renewed_since(given, revision, serial):
    found = parse_renewals({"app": given})["app"]
    assert (found.revision, found.serial) == (revision, serial)


@pytest.mark.parametrize("given", [None, True, -1, "later", [1]])
def test_renewed_since_that_is_neither(given):
    with pytest.raises(ValueError, match="renewed_since for app is"):
        parse_renewals({"app": given})


def cause_of_challenge(reason, kind="DNS-01", state="pending"):
    challenge = make.challenge(state=state, reason=reason)
    challenge["spec"]["type"] = kind
    return cause_of(
        make.certificate(conditions=ISSUING), make.cluster_issuer(), make.request(conditions=approved()), make.order(), challenge
    )


# As cert-manager says them of a lame delegation, of a resolver that answers for the zone itself, and of a zone that no one serves.
ASKED = "for the domain '_acme-challenge.app.example.com.' using nameservers [10.43.0.10:53]"
NO_SOA = (
    f"When querying the SOA record {ASKED}, rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'",
    f"When querying the SOA record {ASKED}, rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'NOTIMP'",
    f"Could not find the SOA record in the DNS tree {ASKED}",
    'Could not determine authoritative nameservers for "_acme-challenge.app.example.com."',
)
MISSING = "Create the Secret that this DNS-01 solver names"
REFUSED = "The DNS provider does not take the credentials"
WRONG_KEY = "The name server of this DNS-01 solver (rfc2136) does not know the TSIG key"
NO_RIGHT = "The name server takes the TSIG key of this DNS-01 solver (rfc2136) and does not let it write"
NO_ZONE = "The DNS provider shows no zone for this name"


@pytest.mark.parametrize(
    ("reason", "helps"),
    [
        ('error getting cloudflare secret: secret "cloudflare" not found', MISSING),
        ('specified key "api-token" not found in secret cert-manager/cloudflare', MISSING),
        ('error getting digitalocean token: failed to load secret "cert-manager/do": secret "do" not found', MISSING),
        ('error getting akamai client token: no key "token" in secret "cert-manager/akamai"', MISSING),
        ("error getting acmedns accounts secret: key 'accounts' not found in secret", MISSING),
        ('no data found in Secret "cert-manager/aws" at Key "id"', MISSING),
        ('while querying the Cloudflare API for GET "/zones?name=example.com" Error: 9109: Invalid access token', REFUSED),
        ("Cloudflare API Error Error: 6003: Invalid request headers<- Error: 6111: Invalid format for Authorization header", REFUSED),
        ("Cloudflare API Error: 10000: Authentication error", REFUSED),
        (
            "error instantiating cloudflare challenge solver: the Cloudflare API token is invalid (does the API token contain a newline?)",
            REFUSED,
        ),
        (
            "failed to determine Route 53 hosted zone ID: operation error Route 53: ListHostedZonesByName, api error AccessDenied: x",
            REFUSED,
        ),
        ("GET https://api.digitalocean.com/v2/domains: 401 Unable to authenticate you", REFUSED),
        ("DNS update failed. Server replied: NOTAUTH", WRONG_KEY),
        ("DNS update failed: dns: bad authentication", WRONG_KEY),
        ("DNS update failed. Server replied: REFUSED", NO_RIGHT),
        ("googleapi: Error 403: Forbidden, forbidden", REFUSED),
        ("Found no Zones for domain _acme-challenge.app.example.com. (neither in the sub-domain nor in the SLD)", NO_ZONE),
        ("zone example.com. not found in Route 53 for domain _acme-challenge.app.example.com.", NO_ZONE),
    ],
)
def test_a_dns01_solver_without_credentials_that_work_is_not_waited_for(reason, helps):
    found = cause_of_challenge(reason)
    assert found.outlook == GRACE
    assert advice(found.text).startswith(helps)


@pytest.mark.parametrize(
    "reason",
    [
        'Waiting for DNS-01 challenge propagation: DNS record for "app.example.com" not yet propagated',
        "Could not determine authoritative nameservers for _acme-challenge.app.example.com.",
        "DNS update failed: read udp 10.42.0.9:53: i/o timeout",
        "Put https://api.provider.example/zones: dial tcp: lookup api.provider.example: server misbehaving",
    ],
)
def test_what_a_dns01_solver_says_on_the_way_is_waited_for(reason):
    assert cause_of_challenge(reason).outlook == HEALS


def test_the_same_words_of_an_http01_self_check_may_heal():
    text = "Waiting for HTTP-01 challenge propagation: wrong status code '403', expected '200'"
    found = cause_of_challenge(text, "HTTP-01")
    assert found.outlook == HEALS
    assert advice(found.text).startswith("Something else answers http://")


@pytest.mark.parametrize(
    ("reason", "helps"),
    [
        (
            'Waiting for DNS-01 challenge propagation: DNS record for "app.example.com" not yet propagated',
            "cert_manager_dns01_recursive_only",
        ),
        ("DNS update failed: read udp 10.42.0.4:53143->192.0.2.99:53: i/o timeout", "does not reach the name server of this DNS-01 solver"),
        *((reason, "do not find the zone of this name") for reason in NO_SOA),
        (
            "Waiting for DNS-01 challenge propagation: NS ns2.example.com.:53 returned REFUSED for _acme-challenge.app.example.com.",
            "is named in the zone's NS records and does not have the zone",
        ),
        (
            "app.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.app.example.com",
            "the zone's NS records name the provider",
        ),
        (
            "acme: authorization error for app.example.com: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record found",
            "the zone's NS records name the provider",
        ),
        (
            "acme: authorization error for app.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up A for x",
            "Create DNS records of that name",
        ),
        (
            "acme: authorization error for app.example.com: 403 urn:ietf:params:acme:error:unauthorized: Invalid response from http://x",
            "Something else answers",
        ),
    ],
)
def test_advice_about_challenges(reason, helps):
    assert helps in advice(f"Challenge app.example.com: {reason}")


def test_a_challenge_that_cannot_be_removed_holds_up_its_name():
    """cert-manager 1.21.2 with the TSIG key of an earlier solver: it neither lets it go nor begins another one."""
    reason = "Error cleaning up challenge: DNS update failed: dns: bad authentication"
    gone = make.challenge(reason=reason, presented=False)
    gone["metadata"]["deletionTimestamp"] = make.stamp(NOW)
    gone["spec"]["type"] = "DNS-01"
    # It may be of an earlier order, whose Certificate is gone.
    own = make.challenge(presented=False)
    own["spec"]["type"], own["status"]["processing"] = "DNS-01", False
    earlier = {**gone, "metadata": {**gone["metadata"], "name": "app-0-1", "uid": "earlier", "ownerReferences": []}}
    given = make.certificate(conditions=ISSUING), make.request(conditions=approved()), make.order()
    assert cause_of(*given, own, earlier).text.startswith(
        "Challenge istio-ingress/app-0-1 cannot be removed, and holds up app.example.com: "
    )
    own["spec"]["dnsName"] = "other.example.com"
    assert cause_of(*given, own, earlier).text == "Challenge other.example.com: it is pending"
    found = cause_of(*given, gone)
    assert found.text == (f"Challenge istio-ingress/{gone['metadata']['name']} cannot be removed, and holds up app.example.com: {reason}")
    assert f"kubectl --namespace istio-ingress patch challenges.acme.cert-manager.io {gone['metadata']['name']} " in advice(found.text)
    assert "Remove the record _acme-challenge.app.example.com " in advice(found.text)


def challenges(*shown):
    return [make.challenge(dns_name=f"{name}.example.com", **state) for name, state in shown]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ([("a", {"reason": "slow"}), ("b", {"state": "invalid", "reason": "no such host"})], "b.example.com: no such host"),
        ([("a", {}), ("b", {"reason": "slow"})], "b.example.com: slow"),
        ([("a", {"state": "valid", "reason": "Successfully authorized domain"}), ("b", {"reason": "slow"})], "b.example.com: slow"),
        ([("a", {"state": "valid", "reason": "Successfully authorized domain"}), ("b", {})], "b.example.com: it is pending"),
        ([("a", {"reason": "one"}), ("b", {"reason": "two"})], "a.example.com: one"),
        ([("a", {"reason": "one"}), ("b", {"state": "expired"})], "b.example.com: it is expired"),
        ([("a", {"state": "valid"}), ("b", {"state": ""})], "b.example.com: it is presented"),
        ([("a", {"state": "", "presented": False})], "a.example.com: it is not yet presented"),
    ],
)
def test_of_several_challenges_the_one_that_says_most_is_named(shown, text):
    found = cause_of(make.certificate(conditions=ISSUING), make.request(), make.order(), *challenges(*shown))
    assert found.text == f"Challenge {text}"
    assert found.final is text.endswith(("no such host", "expired"))


FAILED = approved(make.condition("Ready", "False", "Failed", "boom"))
ISSUED = approved(make.condition("Ready", "True", "Issued", "Certificate fetched from issuer successfully"))


def test_the_request_of_a_renewal_hides_that_of_the_certificate_in_use():
    renewed = make.certificate(conditions=ISSUING, revision=1)
    requests = make.request(conditions=ISSUED), make.request(revision=2, conditions=FAILED)
    assert cause_of(renewed, make.cluster_issuer(), *requests).text == "CertificateRequest app-2: boom"
    assert cause_of(renewed, make.cluster_issuer(), *reversed(requests)).text == "CertificateRequest app-2: boom"


def test_of_two_requests_for_one_revision_the_younger_counts():
    older, younger = make.request(name="app-z"), make.request(name="app-a", conditions=FAILED)
    younger["metadata"]["creationTimestamp"] = make.stamp(NOW + 1)
    assert cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), older, younger).text == "CertificateRequest app-a: boom"


def test_requests_of_other_revisions_are_no_present_attempt():
    found = cause_of(make.certificate(conditions=ISSUING, revision=3), make.cluster_issuer(), make.request(conditions=FAILED))
    assert found.text == "it is not ready"


@pytest.mark.parametrize(
    ("message", "final"),
    [("500 urn:ietf:params:acme:error:serverInternal: x", False), ("403 urn:ietf:params:acme:error:unauthorized: x", True)],
)
def test_only_what_an_acme_server_refuses_is_final(message, final):
    issuer = make.cluster_issuer(ready="False", reason="ErrRegisterACMEAccount", message=f"Failed to register ACME account: {message}")
    assert cause_of(make.certificate(conditions=ISSUING), issuer).final is final


@pytest.mark.parametrize(
    ("authorization", "unsolved"),
    [
        ({"initialState": "pending"}, True),
        ({"initialState": "pending", "wildcard": True}, True),
        ({"initialState": "valid"}, False),
        ({"initialState": "pending", "challenges": []}, False),
    ],
)
def test_a_name_that_is_proved_already_needs_no_solver(authorization, unsolved):
    entry = {"identifier": "app.example.com", "challenges": [{"type": "http-01"}], **authorization}
    found = cause_of(make.certificate(conditions=ISSUING), make.request(), make.order(authorizations=[entry]))
    name = "*.app.example.com" if "wildcard" in authorization else "app.example.com"
    assert found.text == f"Order app-1-1234: {f'no solver of ClusterIssuer letsencrypt fits {name}' if unsolved else 'it is pending'}"


def test_a_name_whose_challenges_were_not_read_may_have_some():
    entry = {"identifier": "app.example.com", "challenges": [{"type": "http-01"}], "initialState": "pending"}
    objects = make.certificate(conditions=ISSUING), make.request(), make.order(authorizations=[entry])
    assert cause_of(*objects, challenges_read=False).text == "Order app-1-1234: it is pending"


@pytest.mark.parametrize(
    ("group", "text"), [("cert-manager.io", "ClusterIssuer letsencrypt does not exist"), ("awspca.example.com", "it is not ready")]
)
def test_an_issuer_of_another_group_is_not_looked_for(group, text):
    certificate = make.certificate(conditions=ISSUING)
    certificate["spec"]["issuerRef"]["group"] = group
    assert cause_of(certificate).text == text


@pytest.mark.parametrize(("namespace", "text"), [(make.NS, "it is not ready"), ("elsewhere", "Issuer letsencrypt does not exist")])
def test_an_issuer_of_another_namespace_is_another(namespace, text):
    certificate = make.certificate(conditions=ISSUING)
    certificate["spec"]["issuerRef"]["kind"] = "Issuer"
    issuer = make.cluster_issuer() | {"kind": "Issuer", "metadata": {"name": "letsencrypt", "namespace": namespace, "uid": "i"}}
    assert cause_of(certificate, issuer).text == text


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (make.condition("Ready", "True", "Issued"), "it is not ready"),
        (make.condition("Ready", "False", "Pending"), "Order app-1-1234: it is valid"),
    ],
)
def test_the_order_of_an_issued_request_has_done_its_work(condition, text):
    found = make.request(conditions=approved(condition))
    assert cause_of(make.certificate(conditions=ISSUING), make.cluster_issuer(), found, make.order(state="valid")).text == text


@pytest.mark.parametrize(
    ("reason", "requests", "named"),
    [
        ("IncorrectCertificate", [make.request()], True),
        ("IncorrectIssuer", [make.request()], False),
        ("Pending", [make.request()], False),
        ("DoesNotExist", [], True),
        ("DoesNotExist", [make.request()], False),
    ],
)
def test_a_rival_is_named_where_nothing_is_asked_for_or_the_secret_holds_its_certificate(reason, requests, named):
    certificate = make.certificate(conditions=[make.condition("Ready", "False", reason)])
    rival = make.certificate("rival", secret_name="app")
    assert (
        "also claimed by Certificate istio-ingress/rival" in cause_of(certificate, rival, make.cluster_issuer(), *requests).text
    ) is named
