# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_external_secrets): stores of secrets outside of the cluster, and the Secrets that External Secrets makes of them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _vault as vault
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import read_dict

Object = dict[str, Any]
Options = dict[str, dict[str, Any]]

# In the form of an argument spec. A test compares this with the options that role common documents.
SECRET_KEY: Options = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "key": {"type": "str", "default": vault.KEY},
}
KUBERNETES: Options = {
    "role": {"type": "str", "required": True},
    "mount": {"type": "str", "default": vault.KUBERNETES_MOUNT},
    "service_account": {"type": "str"},
    "namespace": {"type": "str"},
    "audiences": {"type": "list", "elements": "str"},
}
APPROLE: Options = {
    "role_id": {"type": "str", "required": True},
    "mount": {"type": "str", "default": vault.APPROLE_MOUNT},
    "secret": {"type": "dict", "options": SECRET_KEY, "required": True},
}
TOKEN: Options = {"secret": {"type": "dict", "options": SECRET_KEY, "required": True}}
AUTH: Options = {
    "kubernetes": {"type": "dict", "options": KUBERNETES},
    "approle": {"type": "dict", "options": APPROLE},
    "token": {"type": "dict", "options": TOKEN},
}
STORE: Options = {
    "name": {"type": "str", "required": True},
    "server": {"type": "str"},
    "path": {"type": "str"},
    "version": {"type": "str", "choices": ["v1", "v2"], "default": "v2"},
    "vault_namespace": {"type": "str"},
    "ca_bundle": {"type": "str"},
    "auth": {"type": "dict", "options": AUTH},
    "namespaces": {"type": "list", "elements": "str"},
    "spec": {"type": "dict"},
}
SECRET: Options = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "store": {"type": "str"},
    "type": {"type": "str", "default": "Opaque"},
    "refresh": {"type": "str", "default": "15m"},
    "keys": {"type": "dict", "required": True},
}
EXTERNAL_SECRETS: Options = {
    "stores": {"type": "list", "elements": "dict", "options": STORE},
    "secrets": {"type": "list", "elements": "dict", "options": SECRET},
}

VARIABLE = "edge_external_secrets"
API_VERSION = "external-secrets.io/v1"
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "external-secrets"}
#: On each Secret: another digest is another store, whose secrets are then read at once.
STORE_DIGEST = "baremesh.edge/store"
# Without its Secrets a store has no use, and the other way round: what goes away goes in this order.
KINDS = ("ExternalSecret", "ClusterSecretStore")
_REMOTE = ("path", "property", "version")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def _kubernetes(at: Fields) -> Object:
    found: Object = {"role": at.text("role", required=True), "mountPath": at.text("mount") or KUBERNETES["mount"]["default"]}
    account, namespace, audiences = at.object_name("service_account"), at.name("namespace"), at.texts("audiences")
    if account:
        if not at.raw.get("namespace"):
            at.report("namespace is missing; service_account needs the namespace in which it is")
        return {**found, "serviceAccountRef": {"name": account, "namespace": namespace, **({"audiences": audiences} if audiences else {})}}
    for key in ("namespace", "audiences"):
        if at.raw.get(key):
            at.report(f"{key} is given without service_account; without one the account of External Secrets itself is used")
    return found


def _vault(store: Fields) -> Object:
    found = {
        "server": vault.server_of(store),
        "path": vault.path_of(store, "the mount of the secrets engine, such as kv"),
        "version": store.choice("version", STORE["version"]["choices"]) or "v2",
    }
    ca_bundle, namespace = store.pem_certificate("ca_bundle", base64_too=True), store.text("vault_namespace")
    return {
        **found,
        "auth": vault.auth_of(store, AUTH, _kubernetes),
        **({"caBundle": base64.b64encode(ca_bundle.encode()).decode()} if ca_bundle else {}),
        **({"namespace": namespace} if namespace else {}),
    }


def _store(store: Fields) -> Object:
    """Return the spec of a ClusterSecretStore."""
    spec = store.mapping("spec")
    if store.raw.get("spec") is None:
        store.only(STORE)
        spec = {"provider": {"vault": _vault(store)}}
    else:
        store.only(("name", "spec", "namespaces"), "beside spec")
        if spec is not None and not isinstance(spec.get("provider"), Mapping):
            store.report("spec has no provider; it must be the spec of a ClusterSecretStore as External Secrets documents it")
    allowed = store.names("namespaces")
    return {**(spec or {}), **({"conditions": [{"namespaces": allowed}]} if allowed else {})}


def _data(secret: Fields) -> list[Object]:
    """Return from where each key of a Secret comes."""
    found: list[Object] = []
    keys = secret.mapping("keys")
    if not keys and secret.raw.get("keys") in (None, {}):
        secret.report("keys is missing; name each key of the Secret with path and property of its value")
    for key, raw in (keys or {}).items():
        if not _KEY.fullmatch(str(key)):
            secret.report(f"keys has '{key}'; keys of a Secret have letters, digits, '-', '_' and '.' only")
        given: Any = {"path": raw} if isinstance(raw, str) else raw
        at = Fields(given if isinstance(given, Mapping) else {}, f"{secret.place}.keys.{key}", secret.findings, secret.title)
        if not isinstance(given, Mapping):
            at.report(f"is {raw!r}; it must be a dictionary with path and property")
            continue
        at.only(_REMOTE)
        path, name, version = at.text("path", required=True), at.text("property"), at.text("version")
        remote = {"key": path, **({"property": name} if name else {}), **({"version": version} if version else {})}
        found.append({"secretKey": str(key), "remoteRef": remote})
    return found


def _secret(secret: Fields, stores: Mapping[str, Object]) -> Object:
    """Return the ExternalSecret."""
    secret.only(SECRET)
    name, namespace = secret.object_name("name", required=True), secret.name("namespace", required=True)
    store = secret.text("store") or (next(iter(stores)) if len(stores) == 1 else "")
    if not store:
        secret.report(f"store is missing; name one of {', '.join(stores) or 'the stores, of which there are none'}")
    elif store not in stores:
        secret.unknown("store", store, list(stores))
    else:
        allowed = [space for each in stores[store].get("conditions") or () for space in each.get("namespaces") or ()]
        if allowed and namespace and namespace not in allowed:
            secret.report(f"store '{store}' is for the namespaces {', '.join(allowed)}, and not for {namespace}; add it to its namespaces")
    return {
        "apiVersion": API_VERSION,
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(LABELS)},
        "spec": {
            "refreshInterval": secret.duration("refresh") or SECRET["refresh"]["default"],
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
            "target": {
                "name": name,
                "template": {"type": secret.text("type") or SECRET["type"]["default"], "metadata": {"labels": dict(LABELS)}},
            },
            "data": _data(secret),
        },
    }


def _joined(stores: dict[str, Object], secrets: list[Object]) -> None:
    """Close each store to namespaces without a secret from it, unless it says more, and note in each secret what its store is."""
    for name, spec in stores.items():
        users = [secret["metadata"]["namespace"] for secret in secrets if secret["spec"]["secretStoreRef"]["name"] == name]
        if users and not spec.get("conditions"):
            spec["conditions"] = [{"namespaces": sorted(set(users))}]
    for secret in secrets:
        spec = stores[secret["spec"]["secretStoreRef"]["name"]]
        digest = hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:16]
        secret["spec"]["target"]["template"]["metadata"]["annotations"] = {STORE_DIGEST: digest}


def make_plan(value: Any) -> Object:
    """The filter external_secrets_plan. Where there are findings there is nothing to apply."""
    findings: list[str] = []
    given = read_dict(value)
    if given is None:
        findings.append(f"{VARIABLE} is {value!r}; it must be a dictionary with stores and secrets")
    top = Fields(given or {}, VARIABLE, findings)
    top.only(EXTERNAL_SECRETS)
    stores: dict[str, Object] = {}
    needs = "a store is a dictionary with name, server, path and auth, or with name and spec"
    for fields in dictionaries(top.raw.get("stores") or [], f"{VARIABLE}.stores", findings, "stores", needs):
        name = fields.object_name("name", required=True) or ""
        if name in stores:
            fields.report(f"name '{name}' is already that of another store")
        stores[name] = _store(fields)
    secrets: list[Object] = []
    needs = "a secret is a dictionary with name, namespace and keys"
    for fields in dictionaries(top.raw.get("secrets") or [], f"{VARIABLE}.secrets", findings, "secrets", needs):
        made = _secret(fields, stores)
        if made["metadata"] in [other["metadata"] for other in secrets]:
            fields.report(f"name '{made['metadata']['name']}' is already that of another secret in {made['metadata']['namespace']}")
        secrets.append(made)
    if not findings:
        _joined(stores, secrets)
    clusterwide = [
        {"apiVersion": API_VERSION, "kind": "ClusterSecretStore", "metadata": {"name": name, "labels": dict(LABELS)}, "spec": spec}
        for name, spec in stores.items()
    ]
    return {
        "findings": findings,
        "objects": [] if findings else clusterwide + secrets,
        "stores": [] if findings else [_named(each) for each in clusterwide],
        "secrets": [] if findings else [_named(each) for each in secrets],
        "kinds": [{"api_version": API_VERSION, "kind": kind} for kind in KINDS],
    }


def _named(made: Object) -> Object:
    return {"kind": made["kind"], "name": made["metadata"]["name"], "namespace": made["metadata"].get("namespace", "")}
