# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of Secrets with certificates in other namespaces, which a controller of the cluster makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._external_secrets import API_VERSION as EXTERNAL_SECRETS_API
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import LABELS, Site, labels_of

Object = dict[str, Any]

OWNER = "ExternalSecret"
RBAC = "rbac.authorization.k8s.io"
#: Of the copies. With the labels of their site they would count as its Secrets.
COPY_LABELS = {**LABELS, "app.kubernetes.io/component": "copy"}


def annotations_of(copies: Raw) -> Object:
    """Return the annotations by which a controller copies a Secret into other namespaces, and into no others."""
    namespaces = ",".join(copies.get("namespaces") or ())
    if copies.get("by") == "reflector":
        # https://github.com/emberstack/kubernetes-reflector
        words = {"allowed": "true", "allowed-namespaces": namespaces, "auto-enabled": "true", "auto-namespaces": namespaces}
        return {f"reflector.v1.k8s.emberstack.com/reflection-{word}": value for word, value in words.items()}
    if copies.get("by") == "replicator":
        # https://github.com/mittwald/kubernetes-replicator. With the labels of its source a copy would count as an object of the site.
        return {"replicator.v1.mittwald.de/replicate-to": namespaces, "replicator.v1.mittwald.de/strip-labels": "true"}
    return {}


def names(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return the Secrets of which there are copies, with the namespaces of those, and the kind that owns them where that is known."""
    return [
        {
            "name": name,
            "namespace": namespace,
            "copies": list(site.certificate["copies"]["namespaces"]),
            **({"owner": OWNER} if _is_read(site) else {}),
        }
        for site in sites
        for name in site.issued
        if site.certificate.get("copies")
    ]


def objects(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return what External Secrets copies by: for each site a store that reads its Secrets and no others, for its namespaces alone."""
    return [made for site in sites if _is_read(site) for made in _of_site(site, namespace)]


def _is_read(site: Site) -> bool:
    return bool(site.issued) and (site.certificate.get("copies") or {}).get("by") == "external_secrets"


def _of_site(site: Site, namespace: str) -> list[Object]:
    copies, name, labels = site.certificate["copies"], f"{site.name}-copies", labels_of(site.name)
    here = {"metadata": {"name": name, "namespace": namespace, "labels": labels}}
    store = f"{namespace}-{name}"
    account = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    provider = {
        "remoteNamespace": namespace,
        # Every namespace has this ConfigMap.
        "server": {"caProvider": {"type": "ConfigMap", "name": "kube-root-ca.crt", "namespace": namespace, "key": "ca.crt"}},
        "auth": {"serviceAccount": {"name": name, "namespace": namespace}},
    }
    spec = {"provider": {"kubernetes": provider}, "conditions": [{"namespaces": list(copies["namespaces"])}]}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(site.issued), "verbs": ["get"]}
    role = {"apiGroup": RBAC, "kind": "Role", "name": name}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", **here},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", **here, "rules": [rule]},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **here, "roleRef": role, "subjects": [account]},
        {
            "apiVersion": EXTERNAL_SECRETS_API,
            "kind": "ClusterSecretStore",
            "metadata": {"name": store, "labels": labels},
            "spec": spec,
        },
        *(
            {
                "apiVersion": EXTERNAL_SECRETS_API,
                "kind": OWNER,
                "metadata": {"name": secret, "namespace": each, "labels": labels},
                "spec": {
                    "refreshInterval": copies["refresh"],
                    "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
                    "target": {"name": secret, "template": {"type": "kubernetes.io/tls", "metadata": {"labels": dict(COPY_LABELS)}}},
                    "dataFrom": [{"extract": {"key": secret}}],
                },
            }
            for secret in site.issued
            for each in copies["namespaces"]
        ),
    ]
