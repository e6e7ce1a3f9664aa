# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may write in cert_manager_issuers, and what becomes of it."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import (
    LETSENCRYPT,
    cert_manager_objects,
    issuer_objects,
    read_issuers,
    secret_objects,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import judge, schema_of

KEY = "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
HTTP01 = [{"http01": {"ingress": {"ingressClassName": "istio"}}}]
LAB = {"name": "lab", "type": "acme", "server": "https://acme.example.com/dir"}
MANIFEST = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "lab"}, "spec": {"selfSigned": {}}}


def objects(*issuers, used=()):
    found, findings = read_issuers(list(issuers), "ops@example.com", HTTP01, "istio-ingress")
    assert findings == []
    return issuer_objects(found, [issuer["name"] for issuer in issuers], used)


def test_an_acme_issuer_gets_contact_solvers_and_a_key_of_its_own():
    (found,) = objects(dict(LAB, ca_bundle=PEM))
    assert found["kind"] == "ClusterIssuer"
    acme = found["spec"]["acme"]
    assert base64.b64decode(acme.pop("caBundle")).decode() == PEM
    assert acme == {
        "server": LAB["server"],
        "email": "ops@example.com",
        "privateKeySecretRef": {"name": "lab-account-key"},
        "solvers": HTTP01,
    }


def test_a_ca_bundle_in_base64_stays_as_it_is():
    encoded = base64.b64encode(PEM.encode()).decode()
    assert objects(dict(LAB, ca_bundle=encoded))[0]["spec"]["acme"]["caBundle"] == encoded


def test_only_those_of_lets_encrypt_that_sites_use():
    """Each registers an account at its authority."""
    assert objects() == []
    (found,) = objects(used=["letsencrypt-staging", "letsencrypt-staging", "lab"])
    assert found["spec"]["acme"]["server"] == "https://acme-staging-v02.api.letsencrypt.org/directory"


def test_the_built_in_ones_can_be_replaced():
    (found,) = objects(dict(LAB, name="letsencrypt"), used=["letsencrypt"])
    assert found["spec"]["acme"]["server"] == LAB["server"]


def test_other_types():
    ca, own, raw = objects(
        {"name": "ca", "type": "ca", "secret": "root", "kind": "Issuer"},
        {"name": "own", "type": "selfsigned"},
        {"name": "vault", "type": "raw", "spec": {"vault": {"path": "x"}}},
    )
    assert (ca["kind"], ca["metadata"]["namespace"], ca["spec"]) == ("Issuer", "istio-ingress", {"ca": {"secretName": "root"}})
    assert (own["kind"], own["spec"]) == ("ClusterIssuer", {"selfSigned": {}})
    assert raw["spec"] == {"vault": {"path": "x"}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (dict(LAB, sever="x"), "cert_manager_issuers[0] (lab): key 'sever' is not known for type acme; did you mean 'server'?"),
        (dict(LAB, type="acne"), "cert_manager_issuers[0] (lab): type is 'acne', which is not known; did you mean 'acme'?"),
        (
            dict(LAB, server="acme.example.com"),
            "cert_manager_issuers[0] (lab): server is 'acme.example.com'; it must be the URL of an ACME directory",
        ),
        ({"name": "lab", "type": "acme"}, "cert_manager_issuers[0] (lab): server is missing"),
        (dict(LAB, email="ops"), "cert_manager_issuers[0] (lab): email is 'ops'; it must be an address such as ops@example.com"),
        (
            dict(LAB, ca_bundle="/etc/ca.pem"),
            "cert_manager_issuers[0] (lab): ca_bundle is neither a certificate in PEM form nor Base64 of one",
        ),
        (dict(LAB, solvers=[{"http": {}}]), "cert_manager_issuers[0] (lab): solvers[0] is {'http': {}}; a solver has http01 or dns01"),
        (
            dict(LAB, email="mailto:ops@example.com"),
            "cert_manager_issuers[0] (lab): email is 'mailto:ops@example.com'; it must be an address",
        ),
        (
            dict(LAB, server="https://[::1/dir"),
            "cert_manager_issuers[0] (lab): server is 'https://[::1/dir'; it must be the URL of an ACME",
        ),
        (dict(LAB, server="https://ca.corp:x/dir"), "cert_manager_issuers[0] (lab): server is 'https://ca.corp:x/dir'; it must be the URL"),
        (dict(LAB, server="https://a.b/dir "), "cert_manager_issuers[0] (lab): server is 'https://a.b/dir '; it must be the URL"),
        *(
            (
                dict(LAB, server=server),
                f"cert_manager_issuers[0] (lab): server is '{server}'; the directories of Let's Encrypt are https://",
            )
            for server in (
                "https://acme-v01.api.letsencrypt.org/directory",
                "https://acme-v02.api.letsencrypt.org",
                "https://acme-staging-v02.api.letsencrypt.org/directory/",
                "http://acme-v02.api.letsencrypt.org/directory",
            )
        ),
        (MANIFEST, "cert_manager_issuers[0]: is a manifest; write {name: lab, kind: Issuer, type: raw, spec: ...} with its spec"),
        (
            {**MANIFEST, "name": "x", "metadata": {}},
            "cert_manager_issuers[0] (x): is a manifest; write {name: x, kind: Issuer, type: raw, spec: ...}",
        ),
        (dict(LAB, namespace="x"), "cert_manager_issuers[0] (lab): has a namespace, which is for kind Issuer; a ClusterIssuer has none"),
        ({"name": "ca", "type": "ca"}, "cert_manager_issuers[0] (ca): secret is missing"),
        (
            {"name": "raw", "type": "raw"},
            "cert_manager_issuers[0] (raw): spec is missing; type raw takes the spec of an issuer as cert-manager documents it",
        ),
        ("letsencrypt", "cert_manager_issuers[0] is 'letsencrypt'; an issuer is a dictionary with name, type and what the type needs"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(raw, expected):
    findings = read_issuers([raw])[1]
    assert len(findings) == 1
    assert findings[0].startswith(expected)


TOKEN = {"name": "dns", "key": "token"}
CLOUDFLARE = {"cloudflare": {"apiTokenSecretRef": TOKEN}}


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        ({"http01": {"ingress": {}}, "dns01": CLOUDFLARE}, " has http01 and dns01; cert-manager takes one of them in a solver"),
        ({"http01": {}, "dns01": CLOUDFLARE}, " has http01 and dns01; cert-manager takes one of them in a solver"),
        ({"dns01": {**CLOUDFLARE, "route53": {"region": "eu-west-1"}}}, ".dns01 has cloudflare and route53; it takes one of acmeDNS"),
        ({"dns01": {}}, ".dns01 has no provider; it takes one of acmeDNS"),
        ({"dns01": {"cnameStrategy": "Follow"}}, ".dns01 has no provider; it takes one of acmeDNS"),
        ({"http01": {"ingress": {}, "gatewayHTTPRoute": {}}}, ".http01 has ingress and gatewayHTTPRoute; only one of them"),
        ({"http01": {"ingress": {"class": "a", "ingressClassName": "a"}}}, ".http01.ingress has ingressClassName and class; only one"),
        ({"http01": {"ingress": {"serviceType": "LoadBalancer"}}}, ".http01.ingress.serviceType is 'LoadBalancer'; allowed: ClusterIP"),
        ({"dns01": {"cloudflare": {"email": "a@b.c"}}}, ".dns01.cloudflare has no token; give apiTokenSecretRef"),
        ({"dns01": {"cloudflare": {"apiKeySecretRef": TOKEN}}}, ".dns01.cloudflare has apiKeySecretRef without email"),
        (
            {"dns01": {"cloudflare": {"email": "a@b.c", "apiKeySecretRef": TOKEN, "apiTokenSecretRef": TOKEN}}},
            ".dns01.cloudflare has apiTokenSecretRef and apiKeySecretRef; give",
        ),
        ({"dns01": {"rfc2136": {"nameserver": ""}}}, ".dns01.rfc2136 has no nameserver"),
        (
            {"dns01": {"rfc2136": {"nameserver": "192.0.2.53", "tsigAlgorithm": "hmac-sha256"}}},
            ".dns01.rfc2136 has the tsigAlgorithm 'hmac-sha256'; allowed: HMACMD5, HMACSHA1",
        ),
        ({"dns01": {"rfc2136": {"nameserver": "192.0.2.53", "tsigKeyName": "a"}}}, ".dns01.rfc2136 has one of tsigKeyName and"),
        (
            {"dns01": {"azureDNS": {"subscriptionID": "a", "resourceGroupName": "b", "tenantID": "c"}}},
            ".dns01.azureDNS has tenantID; give all",
        ),
        ({"dns01": {"azureDNS": {"subscriptionID": "", "resourceGroupName": "b"}}}, ".dns01.azureDNS has no subscriptionID"),
    ],
)
def test_a_solver_that_cert_manager_refuses(solver, said):
    raw = {"acme": {"server": "https://a.b/dir", "privateKeySecretRef": {"name": "a"}, "solvers": [solver]}}
    for issuer, place in (
        (dict(LAB, solvers=[solver]), "solvers[0]"),
        ({"name": "lab", "type": "raw", "spec": raw}, "spec.acme.solvers[0]"),
    ):
        assert [text.startswith(f"cert_manager_issuers[0] (lab): {place}{said}") for text in read_issuers([issuer], strict=True)[1]] == [
            True
        ]
    (found,) = make_plan([], {"cert_manager_solvers": [solver]})["findings"]
    assert found.startswith(f"cert_manager_solvers[0]{said}")


@pytest.mark.parametrize(
    "solver",
    [
        {"http01": None},
        {"http01": {"ingress": {"name": "web"}}, "selector": {"dnsZones": ["example.com"]}},
        {"http01": {"gatewayHTTPRoute": {"parentRefs": [{"kind": "Gateway", "name": "a"}]}}},
        {"dns01": {"cnameStrategy": "Follow", "route53": {}}},
        {"dns01": {"cloudflare": {"email": "a@b.c", "apiKeySecretRef": TOKEN}}},
        {"dns01": {"rfc2136": {"nameserver": "ns1.example.com:53", "tsigKeyName": "a", "tsigSecretSecretRef": TOKEN}}},
        {"dns01": {"azureDNS": {"subscriptionID": "a", "resourceGroupName": "b", "managedIdentity": {"clientID": "c"}}}},
    ],
)
def test_solvers_that_pass(solver):
    assert read_issuers([dict(LAB, solvers=[solver])], strict=True)[1] == []
    assert read_issuers([dict(LAB, solvers=json.dumps([solver]))], strict=True)[1] == []


def test_a_solver_without_a_way_takes_the_shared_one():
    shared = [{"dns01": CLOUDFLARE}, {"http01": {"ingress": {"ingressClassName": "istio"}}}]
    selector = {"dnsZones": ["example.com"]}
    found, findings = read_issuers([dict(LAB, solvers=[{"http01": {}, "selector": selector}, {"dns01": CLOUDFLARE}])], solvers=shared)
    assert findings == []
    assert found["lab"].solvers == [{**shared[1], "selector": selector}, {"dns01": CLOUDFLARE}]


@pytest.mark.parametrize("acme", ["x", {"solvers": "x"}, {"solvers": [5]}, {"solvers": [{"http01": {}}, 5]}])
def test_solvers_of_a_raw_issuer_may_be_anything(acme):
    found = read_issuers([{"name": "raw", "type": "raw", "spec": {"acme": acme}}])[0]["raw"]
    assert found.http01 == found.http01_only == ("http01" in str(acme))


def test_a_solver_must_be_a_dictionary():
    found, findings = read_issuers([dict(LAB, solvers=[5])])
    assert findings == ["cert_manager_issuers[0] (lab): solvers[0] is 5; a solver has http01 or dns01"]
    assert not found["lab"].http01


@pytest.mark.parametrize("bundle", [PEM + KEY, base64.b64encode(f"{PEM}{KEY}".encode()).decode(), base64.b64encode(KEY.encode()).decode()])
def test_a_private_key_in_a_ca_bundle_is_refused_and_not_shown(bundle):
    found, findings = read_issuers([dict(LAB, ca_bundle=bundle)])
    assert findings == [
        (
            "cert_manager_issuers[0] (lab): ca_bundle holds a private key, which everyone who reads certificates would see; "
            "leave only the CERTIFICATE blocks"
        )
    ]
    assert "caBundle" not in found["lab"].acme


def test_two_issuers_with_one_name():
    assert read_issuers([LAB, LAB])[1] == ["cert_manager_issuers[1]: name 'lab' is already that of another issuer"]


def test_what_sites_need_to_know_of_an_issuer():
    dns = dict(LAB, name="dns", solvers=[{"dns01": {"cloudflare": {}}}])
    both = dict(LAB, name="both", solvers=[{"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "a", "key": "b"}}}}, {"http01": {}}])
    found, _findings = read_issuers([LAB, dns, both, {"name": "own", "type": "selfsigned"}], solvers=HTTP01)
    assert {name: (issuer.http01, issuer.http01_only) for name, issuer in found.items()} == {
        "lab": (True, True),
        "dns": (False, False),
        "both": (True, False),
        "own": (False, False),
        "letsencrypt": (True, True),
        "letsencrypt-staging": (True, True),
    }


def test_secrets_of_issuers():
    given = [
        {"name": "token", "string_data": {"key": "hunter2"}},
        {"name": "ca", "namespace": "x", "type": "kubernetes.io/tls", "string_data": {}},
    ]
    (token, authority), findings = secret_objects(given, "cert-manager")
    assert findings == []
    assert (token["metadata"]["namespace"], token["type"], token["stringData"]) == ("cert-manager", "Opaque", {"key": "hunter2"})
    assert (authority["metadata"]["namespace"], authority["type"]) == ("x", "kubernetes.io/tls")


def test_what_is_wrong_with_secrets_is_named_without_a_value():
    given = ["hunter2", {"name": "a", "string_data": "hunter2"}, {"name": "b", "string_data": {"k": "hunter2"}, "data": {}}]
    findings = secret_objects(given, "cert-manager")[1]
    assert len(findings) == 3
    assert "hunter2" not in " ".join(findings)
    assert "cert_manager_secrets[2]" in findings[2]
    assert secret_objects("hunter2", "x")[1] == ["cert_manager_secrets must be a list of Secrets"]


def test_the_role_makes_secrets_before_the_issuers_that_name_them():
    own = {"name": "own", "type": "selfsigned", "kind": "Issuer"}
    secrets = [{"name": "dns", "string_data": {"token": "x"}}, {"name": "eab", "namespace": "vault", "string_data": {"key": 1}}]
    given = {"email": "a@b.example.com", "solvers": HTTP01, "secrets": secrets, "secret_namespace": "cert-manager", "used": ["letsencrypt"]}
    found = cert_manager_objects([own], {**given, "issuer_namespace": "istio-ingress"})
    assert [(each["kind"], each["metadata"]["name"], each["metadata"].get("namespace")) for each in found["objects"]] == [
        ("Secret", "dns", "cert-manager"),
        ("Secret", "eab", "vault"),
        ("Issuer", "own", "istio-ingress"),
        ("ClusterIssuer", "letsencrypt", None),
    ]
    assert found["issuers"] == [
        {"kind": "Issuer", "name": "own", "namespace": "istio-ingress"},
        {"kind": "ClusterIssuer", "name": "letsencrypt", "namespace": ""},
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"solvers": "http01"}, "cert_manager_solvers is 'http01'; it must be a list"),
        ({"secrets": "token"}, "cert_manager_secrets must be a list of Secrets"),
    ],
)
def test_the_role_names_all_that_is_wrong(settings, said):
    with pytest.raises(AnsibleFilterError) as caught:
        cert_manager_objects([{"name": "lab", "type": "venafi"}], settings)
    assert said in str(caught.value)
    assert "type is" in str(caught.value)


# --- OpenBao and Vault

VAULT = {
    "name": "inside",
    "type": "vault",
    "server": "https://openbao.example.com:8200",
    "path": "pki/sign/edge",
    "auth": {"kubernetes": {"role": "cert-manager"}},
}
HELD = {"name": "login", "key": "id"}


def vault_spec(**given):
    (found,) = objects({**VAULT, **given})
    assert list(judge(schema_of("ClusterIssuer"), found["spec"], "spec")) == []
    return found["spec"]["vault"]


@pytest.mark.parametrize(
    ("auth", "made"),
    [
        (
            {"kubernetes": {"role": "edge", "mount": "k3s"}},
            {"kubernetes": {"role": "edge", "mountPath": "/v1/auth/k3s", "serviceAccountRef": {"name": "vault-inside"}}},
        ),
        ({"approle": {"role_id": "r", "secret": HELD}}, {"appRole": {"path": "approle", "roleId": "r", "secretRef": HELD}}),
        ({"token": {"secret": {"name": "login"}}}, {"tokenSecretRef": {"name": "login", "key": "token"}}),
    ],
)
def test_each_way_to_log_in_at_a_vault(auth, made):
    assert vault_spec(auth=auth) == {"server": VAULT["server"], "path": "pki/sign/edge", "auth": made}


def test_a_vault_of_an_own_authority_and_a_namespace_there():
    found = vault_spec(ca_bundle=PEM, vault_namespace="team")
    assert (base64.b64decode(found["caBundle"]).decode(), found["namespace"]) == (PEM, "team")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"server": "http://openbao:8200"}, "server is 'http://openbao:8200'; it must begin with https://, since tokens go there"),
        ({"path": "pki"}, "path is 'pki'; it must be MOUNT/sign/ROLE, such as pki/sign/edge"),
        ({"path": "pki/issue/edge"}, "path is 'pki/issue/edge'; it must be MOUNT/sign/ROLE, such as pki/sign/edge"),
        ({"path": "/v1/pki/sign/edge"}, "path is '/v1/pki/sign/edge'; it must be that of signing by a role"),
        ({"auth": None}, "auth is missing; give one of kubernetes, approle, token"),
        ({"auth": {"token": {}}}, "cert_manager_issuers[0].auth.token (inside): secret is missing; give name and key of a Secret"),
        ({"auth": {"token": {"secret": {**HELD, "namespace": "x"}}}}, "auth.token.secret (inside): key 'namespace' is not known"),
        ({"auth": {"kubernetes": {}}}, "cert_manager_issuers[0].auth.kubernetes (inside): role is missing"),
        ({"solvers": []}, "key 'solvers' is not known for type vault"),
    ],
)
def test_what_is_wrong_with_a_vault(given, said):
    _found, findings = read_issuers([{**VAULT, **given}])
    assert len(findings) == 1
    assert said in findings[0]


@pytest.mark.parametrize(("kind", "namespace"), [("ClusterIssuer", "cert-manager"), ("Issuer", "istio-ingress")])
def test_the_account_of_a_vault_is_beside_its_issuer_and_lends_its_token_to_cert_manager_alone(kind, namespace):
    settings = {"secret_namespace": "cert-manager", "issuer_namespace": "istio-ingress"}
    account, role, binding, _issuer = cert_manager_objects([{**VAULT, "kind": kind}], settings)["objects"]
    for each, made in ((account, "ServiceAccount"), (role, "Role"), (binding, "RoleBinding")):
        assert (each["kind"], each["metadata"]["name"], each["metadata"]["namespace"]) == (made, "vault-inside", namespace)
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["vault-inside"], "verbs": ["create"]}
    ]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "cert-manager", "namespace": "cert-manager"}]


def test_other_ways_need_no_account():
    found = cert_manager_objects([{**VAULT, "auth": {"token": {"secret": HELD}}}], {"secret_namespace": "cert-manager"})
    assert [each["kind"] for each in found["objects"]] == ["ClusterIssuer"]


# --- issuers that try the orders of others


def test_letsencrypt_and_issuers_with_its_directory_are_tried_at_its_staging():
    own = {"name": "own", "server": LETSENCRYPT["letsencrypt"], "solvers": [{"http01": {}}], "preferred_chain": "ISRG Root X1"}
    found, findings = read_issuers([own], "ops@example.com")
    assert findings == []
    acme = found["own-staging"].spec["acme"]
    assert acme["server"] == LETSENCRYPT["letsencrypt-staging"]
    assert (acme["solvers"], acme["privateKeySecretRef"]) == (found["own"].solvers, {"name": "own-staging-account-key"})
    assert "preferredChain" not in acme
    assert found["letsencrypt"].staging == LETSENCRYPT["letsencrypt-staging"]
    assert not found["letsencrypt-staging"].staging


def test_an_issuer_of_that_name_takes_its_place():
    mine = {"name": "lab-staging", "server": "https://mine.example.com/dir", "solvers": [{"http01": {}}]}
    lab = {"name": "lab", "server": "https://acme.example.com/dir", "staging": "https://acme.example.com/staging"}
    found, _findings = read_issuers([lab, mine])
    assert found["lab-staging"].server == "https://mine.example.com/dir"


def test_it_is_applied_only_where_it_is_used():
    lab = {"name": "lab", "server": "https://acme.example.com/dir", "staging": "https://acme.example.com/staging"}
    for used in (["lab"], ["lab", "lab-staging"]):
        assert [each["name"] for each in cert_manager_objects([lab], {"used": used})["issuers"]] == used


@pytest.mark.parametrize(
    ("staging", "problem"),
    [("acme", "it must be the URL of an ACME directory, or false"), ("https://acme.example.com/dir", "is the directory in server itself")],
)
def test_a_staging_directory_that_is_none(staging, problem):
    _found, findings = read_issuers([{"name": "lab", "server": "https://acme.example.com/dir", "staging": staging}])
    assert any(problem in finding for finding in findings), findings
