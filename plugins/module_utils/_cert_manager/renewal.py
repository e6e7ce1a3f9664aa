# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking cert-manager for a new issuance."""

from __future__ import annotations

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    Json,
    condition,
    generation_of,
    name_of,
    namespace_of,
    status_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import secret_facts
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CERTIFICATES, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso_wall
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock

CONFLICT_TRIES = 5


def renew(client: KubeClient, selection: Selection, clock: Clock, dry_run: bool) -> list[dict[str, Any]]:
    """Ask for new issuances, once all Certificates are found; returns what was before. Raises KubeError, also for missing names."""
    found = client.list(CERTIFICATES, selection.namespace, selection.label_selector).get("items") or []
    by_name = {name_of(c): c for c in found}
    missing = [n for n in selection.names if n not in by_name]
    if missing:
        raise KubeError(f"There is no Certificate {', '.join(missing)} in namespace {selection.namespace}")
    if not by_name:
        raise KubeError(f"There is no {selection.description}")
    chosen = [by_name[n] for n in (selection.names or sorted(by_name))]
    return [_renew_one(client, c, clock, dry_run) for c in chosen]


def _renew_one(client: KubeClient, certificate: Json, clock: Clock, dry_run: bool) -> dict[str, Any]:
    entry = {
        "name": name_of(certificate),
        "namespace": namespace_of(certificate),
        "asked": not _is_issuing(certificate),
        "revision": int(status_of(certificate).get("revision") or 0),
        "serial": _serial(client, certificate),
    }
    if entry["asked"] and not dry_run:
        entry["asked"] = _ask(client, certificate, clock)
    return entry


def _ask(client: KubeClient, certificate: Json, clock: Clock) -> bool:
    """Write the condition; cert-manager writes the same status, so a conflict is read and tried again."""
    for attempt in range(CONFLICT_TRIES):
        if _is_issuing(certificate):
            return False
        try:
            client.replace_status(CERTIFICATES, namespace_of(certificate), with_issuing(certificate, clock.wall()))
        except ApiError as exc:
            if exc.status != 409 or attempt == CONFLICT_TRIES - 1:
                raise
            certificate = client.get(CERTIFICATES, namespace_of(certificate), name_of(certificate))
            continue
        return True
    return False


def with_issuing(certificate: Json, wall: float) -> Json:
    """The Certificate with the condition that makes cert-manager issue it."""
    status = dict(status_of(certificate))
    others = [c for c in status.get("conditions") or [] if c.get("type") != "Issuing"]
    issuing = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": iso_wall(wall),
        "observedGeneration": generation_of(certificate),
    }
    status["conditions"] = [*others, issuing]
    return dict(certificate, status=status)


def _is_issuing(certificate: Json) -> bool:
    issuing = condition(certificate, "Issuing")
    return issuing is not None and issuing.get("status") == "True"


def _serial(client: KubeClient, certificate: Json) -> str:
    name = str((certificate.get("spec") or {}).get("secretName") or "")
    try:
        facts = secret_facts(client.get(SECRETS, namespace_of(certificate), name))
    except ApiError as exc:
        if exc.not_found:
            return ""
        raise
    return facts.leaf.serial if facts.leaf is not None else ""
