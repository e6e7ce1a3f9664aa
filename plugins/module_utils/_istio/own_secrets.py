# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in Secrets that users bring themselves, as a gateway serves them; the private key goes no further than here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import server_leaf
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS, SECRETS_OF_USERS
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError, iso


def read_secrets(client: KubeClient, namespace: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """An entry for each name, in their order, from one LIST; C(problem) says why it has no serial number. Raises KubeError."""
    if not names:
        return []
    selector = f"metadata.name={names[0]}" if len(set(names)) == 1 else SECRETS_OF_USERS
    found = {secret["metadata"]["name"]: secret for secret in client.items(SECRETS, namespace, field_selector=selector)}
    entries = [_entry(namespace, name, found.get(name)) for name in dict.fromkeys(names)]
    for entry in (entry for entry in entries if entry["name"] not in found):
        spaces = [space for space in namespaces_of(client, entry["name"]) if space != namespace]
        if spaces:
            entry["problem"] += (
                f"; there is one in namespace {', '.join(spaces)}, but Istio serves it only from the namespace of the gateway pods: "
                f"copy it to {namespace}, or let the site use a gateway there"
            )
    return entries


def namespaces_of(client: KubeClient, name: str) -> list[str]:
    """Return the namespaces that have a Secret of a name; none where they may not all be read, since it only makes a message better."""
    try:
        found = client.items(SECRETS, None, field_selector=f"metadata.name={name}", metadata_only=True)
    except KubeError:
        return []
    return sorted({str(secret["metadata"].get("namespace")) for secret in found})


def _entry(namespace: str, name: str, secret: Mapping[str, Any] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "namespace": namespace, "serial": None, "not_after": None, "dns_names": [], "problem": None}
    if secret is None:
        return dict(entry, problem=f"it does not exist in namespace {namespace}")
    try:
        leaf = server_leaf(secret)
    except TlsError as exc:
        return dict(entry, problem=str(exc))
    return dict(entry, serial=leaf.serial, not_after=iso(leaf.not_after), dns_names=leaf.dns_names)
