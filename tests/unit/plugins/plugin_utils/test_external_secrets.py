# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with edge_external_secrets, and the stores and secrets that follow from it."""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._external_secrets import make_plan

AUTH = {"kubernetes": {"role": "edge"}}
STORE = {"name": "openbao", "server": "https://openbao.example.com:8200", "path": "kv", "auth": AUTH}
SECRET = {"name": "dns", "namespace": "cert-manager", "keys": {"token": {"path": "dns/rfc2136", "property": "secret"}}}
HELD = {"name": "approle", "namespace": "external-secrets", "key": "id"}
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def findings(stores=(STORE,), secrets=()):
    return make_plan({"stores": list(stores), "secrets": list(secrets)})["findings"]


def spec(store):
    plan = make_plan({"stores": [store]})
    assert plan["findings"] == []
    return plan["objects"][0]["spec"]


def auth(given):
    return spec({**STORE, "auth": given})["provider"]["vault"]["auth"]


PLACE = "edge_external_secrets.stores[0] (openbao)"


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("openbao", "edge_external_secrets.stores[0] is 'openbao'; a store is a dictionary with name, server, path and auth"),
        ({**STORE, "name": ""}, "edge_external_secrets.stores[0]: name is missing"),
        ({**STORE, "server": ""}, f"{PLACE}: server is missing"),
        ({**STORE, "server": "http://openbao:8200"}, f"{PLACE}: server is 'http://openbao:8200'; it must begin with https://"),
        ({**STORE, "server": "openbao:8200"}, f"{PLACE}: server is 'openbao:8200'; it must be an address such as"),
        ({**STORE, "path": "/kv"}, f"{PLACE}: path is '/kv'; it must be the mount of the secrets engine"),
        ({**STORE, "version": 3}, f"{PLACE}: version is '3', which is not known"),
        ({**STORE, "ca_bundle": "x"}, f"{PLACE}: ca_bundle is neither a certificate in PEM form"),
        ({**STORE, "engine": "kv"}, f"{PLACE}: key 'engine' is not known; Allowed: name, server"),
        ({**STORE, "auth": None}, f"{PLACE}: auth is missing; give one of kubernetes, approle, token"),
        ({**STORE, "auth": {}}, "edge_external_secrets.stores[0].auth (openbao): has none of them; give one of kubernetes, approle, token"),
        ({**STORE, "auth": {**AUTH, "token": {"secret": HELD}}}, "has kubernetes and token; give one of"),
        ({**STORE, "auth": {"userpass": {}}}, "key 'userpass' is not known"),
        ({**STORE, "auth": {"kubernetes": {}}}, "edge_external_secrets.stores[0].auth.kubernetes (openbao): role is missing"),
        (
            {**STORE, "auth": {"kubernetes": {"role": "a", "service_account": "b"}}},
            "namespace is missing; service_account needs the namespace",
        ),
        ({**STORE, "auth": {"kubernetes": {"role": "a", "audiences": ["b"]}}}, "audiences is given without service_account"),
        ({**STORE, "auth": {"approle": {"role_id": "a"}}}, "auth.approle (openbao): secret is missing; give name, namespace and key"),
        ({**STORE, "auth": {"token": {"secret": {"name": "a"}}}}, "auth.token.secret (openbao): namespace is missing"),
        ({**STORE, "auth": {"token": {"secret": HELD, "value": "t"}}}, "key 'value' is not known"),
        ({"name": "openbao", "spec": {"vault": {}}}, f"{PLACE}: spec has no provider"),
        ({"name": "openbao", "spec": {"provider": {}}, "path": "kv"}, f"{PLACE}: key 'path' is not known beside spec"),
    ],
)
def test_what_is_wrong_with_a_store(store, said):
    assert said in "\n".join(findings([store]))


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("dns", "edge_external_secrets.secrets[0] is 'dns'; a secret is a dictionary with name, namespace and keys"),
        ({**SECRET, "namespace": ""}, "edge_external_secrets.secrets[0] (dns): namespace is missing"),
        ({**SECRET, "store": "openbau"}, "store is 'openbau', which is not known; did you mean 'openbao'?"),
        ({**SECRET, "keys": {}}, "keys is missing; name each key of the Secret"),
        ({**SECRET, "keys": {"a b": {"path": "x"}}}, "keys has 'a b'; keys of a Secret have letters"),
        ({**SECRET, "keys": {"a": {}}}, "edge_external_secrets.secrets[0].keys.a (dns): path is missing"),
        ({**SECRET, "keys": {"a": ["x"]}}, "is ['x']; it must be a dictionary with path and property"),
        ({**SECRET, "keys": {"a": {"path": "x", "field": "y"}}}, "key 'field' is not known"),
        ({**SECRET, "refresh": "often"}, "refresh is 'often'; it must be a duration such as 30s"),
    ],
)
def test_what_is_wrong_with_a_secret(secret, said):
    assert said in "\n".join(findings(secrets=[secret]))


def test_what_is_wrong_with_several():
    assert findings([STORE, STORE]) == [f"{PLACE.replace('[0]', '[1]')}: name 'openbao' is already that of another store"]
    assert findings(secrets=[SECRET, SECRET]) == [
        "edge_external_secrets.secrets[1] (dns): name 'dns' is already that of another secret in cert-manager"
    ]
    other = {**STORE, "name": "other", "namespaces": ["web"]}
    assert "store is missing; name one of openbao, other" in findings([STORE, other], [SECRET])[0]
    assert "store 'other' is for the namespaces web, and not for cert-manager" in findings([other], [SECRET])[0]
    assert "store is missing; name one of the stores, of which there are none" in findings([], [SECRET])[0]
    assert make_plan("openbao")["findings"][0].startswith("edge_external_secrets is 'openbao'; it must be a dictionary")
    assert "key 'store' is not known; did you mean 'stores'?" in make_plan({"store": []})["findings"][0]


def test_a_broken_plan_applies_nothing():
    plan = make_plan({"stores": [STORE], "secrets": [{**SECRET, "keys": {}}]})
    assert (plan["objects"], plan["stores"], plan["secrets"]) == ([], [], [])


def test_the_three_ways_to_log_in():
    assert auth(AUTH) == {"kubernetes": {"role": "edge", "mountPath": "kubernetes"}}
    account = {"service_account": "reader", "namespace": "web", "audiences": ["openbao"]}
    reference = {"name": "reader", "namespace": "web", "audiences": ["openbao"]}
    assert auth({"kubernetes": {"role": "edge", "mount": "k3s", **account}})["kubernetes"] == {
        "role": "edge",
        "mountPath": "k3s",
        "serviceAccountRef": reference,
    }
    assert auth({"approle": {"role_id": "r", "secret": HELD}}) == {"appRole": {"path": "approle", "roleId": "r", "secretRef": HELD}}
    assert auth({"token": {"secret": {"name": "t", "namespace": "n"}}}) == {
        "tokenSecretRef": {"name": "t", "namespace": "n", "key": "token"}
    }


def test_a_store_of_openbao():
    found = spec({**STORE, "ca_bundle": PEM, "vault_namespace": "team", "namespaces": ["cert-manager"]})
    vault = found["provider"]["vault"]
    assert {key: vault[key] for key in ("server", "path", "version", "namespace")} == {
        "server": "https://openbao.example.com:8200",
        "path": "kv",
        "version": "v2",
        "namespace": "team",
    }
    assert base64.b64decode(vault["caBundle"]).decode() == PEM
    assert found["conditions"] == [{"namespaces": ["cert-manager"]}]


def test_a_store_of_another_provider():
    raw = {"provider": {"aws": {"service": "SecretsManager", "region": "eu-central-1"}}}
    assert spec({"name": "aws", "spec": raw}) == raw


def test_a_secret_and_what_is_waited_for():
    plan = make_plan(json.dumps({"stores": [STORE], "secrets": [SECRET]}))
    assert plan["stores"] == [{"kind": "ClusterSecretStore", "name": "openbao", "namespace": ""}]
    assert plan["secrets"] == [{"kind": "ExternalSecret", "name": "dns", "namespace": "cert-manager"}]
    made = plan["objects"][1]["spec"]
    assert made["data"] == [{"secretKey": "token", "remoteRef": {"key": "dns/rfc2136", "property": "secret"}}]
    assert (made["refreshInterval"], made["secretStoreRef"]) == ("15m", {"kind": "ClusterSecretStore", "name": "openbao"})
    assert (made["target"]["name"], made["target"]["template"]["type"]) == ("dns", "Opaque")


def test_text_is_the_path_of_a_key():
    made = make_plan({"stores": [STORE], "secrets": [{**SECRET, "keys": {"account.json": "dns/google"}}]})["objects"][1]
    assert made["spec"]["data"] == [{"secretKey": "account.json", "remoteRef": {"key": "dns/google"}}]


def test_another_store_makes_its_secrets_be_read_again():
    """External Secrets reads a secret at once when its specification changes, and not when that of its store does."""

    def annotations(store):
        return make_plan({"stores": [store], "secrets": [SECRET]})["objects"][1]["spec"]["target"]["template"]["metadata"]["annotations"]

    assert annotations(STORE) == annotations(dict(reversed(STORE.items())))
    given = {"provider": {"fake": {"a": 1, "b": 2}}, "retrySettings": {}}
    turned = {"retrySettings": {}, "provider": {"fake": {"b": 2, "a": 1}}}
    assert annotations({"name": "openbao", "spec": given}) == annotations({"name": "openbao", "spec": turned})
    assert annotations(STORE) != annotations({**STORE, "server": "https://other.example.com:8200"})


def test_a_store_is_open_to_the_namespaces_of_its_secrets_unless_it_says_more():
    """Else every owner of a namespace could read whatever the store may."""

    def conditions(store):
        plan = make_plan({"stores": [store], "secrets": [SECRET, {**SECRET, "namespace": "mail"}]})
        return plan["objects"][0]["spec"]["conditions"]

    assert conditions(STORE) == [{"namespaces": ["cert-manager", "mail"]}]
    assert conditions({**STORE, "namespaces": ["cert-manager", "mail", "web"]}) == [{"namespaces": ["cert-manager", "mail", "web"]}]
    raw = {"provider": {"fake": {}}, "conditions": [{"namespaceRegexes": ["team-.*"]}]}
    assert conditions({"name": "fake", "spec": raw}) == raw["conditions"]


@pytest.mark.parametrize("value", [None, {}, "", "{}"])
def test_nothing(value):
    plan = make_plan(value)
    assert (plan["findings"], plan["objects"]) == ([], [])
    assert [each["kind"] for each in plan["kinds"]] == ["ExternalSecret", "ClusterSecretStore"]
