# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Certificate down to its Challenges, as cmctl walks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    CERT_MANAGER_GROUP,
    REVISION_ANNOTATION,
    Inventory,
    Json,
    annotations_of,
    condition,
    is_current,
    issuer_ref,
    name_of,
    namespace_of,
    status_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import parse_time

FAILED_STATES = frozenset(("invalid", "expired", "errored"))


@dataclass
class Walk:
    """What hangs on one Certificate at present. issuer_read distinguishes "no such issuer" from "not looked at"."""

    certificate: Json
    issuer: Json | None = None
    issuer_read: bool = False
    request: Json | None = None
    order: Json | None = None
    challenges: list[Json] = field(default_factory=list)
    rivals: list[str] = field(default_factory=list)
    challenges_read: bool = False


def walk(inventory: Inventory, certificate: Json, kinds_read: Mapping[str, bool]) -> Walk:
    """Collect the objects of the Certificate's present attempt; kinds_read says whose objects the inventory has."""
    found = Walk(certificate)
    ref = issuer_ref(certificate)
    if ref["group"] == CERT_MANAGER_GROUP and kinds_read.get(ref["kind"]):
        found.issuer_read = True
        namespace = namespace_of(certificate) if ref["kind"] == "Issuer" else None
        found.issuer = inventory.named(ref["kind"], ref["name"], namespace)
    found.rivals = _rivals(inventory, certificate)
    found.request = _present_request(inventory, certificate)
    if found.request is not None:
        orders = inventory.owned(found.request, "Order")
        found.order = orders[-1] if orders else None
    if found.order is not None:
        found.challenges = inventory.owned(found.order, "Challenge")
        found.challenges += _holding(found.challenges, inventory.going("Challenge"))
        found.challenges_read = bool(kinds_read.get("Challenge"))
    return found


def cannot_go(challenge: Json) -> bool:
    """True where cert-manager fails to take back what it made for a Challenge that is deleted, as with a key that is not valid any more."""
    reason = str(status_of(challenge).get("reason") or "")
    return bool(challenge["metadata"].get("deletionTimestamp")) and reason.startswith("Error cleaning up challenge")


def _holding(own: list[Json], going: list[Json]) -> list[Json]:
    """Challenges of earlier orders for which those of this one wait: cert-manager works on one for a name at a time."""
    stuck = [challenge for challenge in going if cannot_go(challenge) and challenge not in own]
    awaited = (
        {(each["spec"].get("dnsName"), each["spec"].get("type")) for each in own if not status_of(each).get("processing")} if stuck else ()
    )
    return [challenge for challenge in stuck if (challenge["spec"].get("dnsName"), challenge["spec"].get("type")) in awaited]


def request_state(request: Json) -> str:
    """One word for a CertificateRequest: Denied, InvalidRequest, Failed, Issued, Pending or Unapproved."""
    for kind in ("Denied", "InvalidRequest"):
        entry = condition(request, kind)
        if entry is not None and entry.get("status") == "True":
            return kind
    ready = condition(request, "Ready")
    if ready is not None and ready.get("status") == "True":
        return "Issued"
    if ready is not None and ready.get("reason") in ("Failed", "Denied"):
        return str(ready["reason"])
    approved = condition(request, "Approved")
    if approved is None or approved.get("status") != "True":
        return "Unapproved"
    return "Pending"


def certificate_state(certificate: Json) -> str:
    """One word for a Certificate: Ready, Issuing, Failed, Stale, NotReady or New."""
    ready = condition(certificate, "Ready")
    issuing = condition(certificate, "Issuing")
    if issuing is not None and issuing.get("status") == "True" and issuing.get("reason") != "Renewing":
        return "Issuing"
    if ready is not None and ready.get("status") == "True":
        return "Ready" if is_current(certificate, ready) else "Stale"
    if failed_attempt(certificate) is not None:
        return "Failed"
    return "New" if ready is None else "NotReady"


def is_valid(order: Json) -> bool:
    """True for an Order that has got its certificate; its Challenges are gone."""
    return status_of(order).get("state") == "valid"


def failed_attempt(certificate: Json) -> Mapping[str, Any] | None:
    """The Issuing condition of a failed attempt, or None. Issuing=False with reason Issued is a success."""
    issuing = condition(certificate, "Issuing")
    if issuing is not None and issuing.get("status") == "False" and issuing.get("reason") != "Issued":
        return issuing
    return None


def chain(found: Walk) -> list[dict[str, str]]:
    """The walked objects for the user, outermost first."""
    certificate = found.certificate
    ready = condition(certificate, "Ready") or {}
    shown = failed_attempt(certificate) or ready
    entries = [_entry("Certificate", certificate, certificate_state(certificate), shown.get("reason"), shown.get("message"))]
    ref = issuer_ref(certificate)
    if found.issuer is not None:
        entry = condition(found.issuer, "Ready") or {}
        state = "Ready" if entry.get("status") == "True" else "NotReady"
        entries.append(_entry(ref["kind"], found.issuer, state, entry.get("reason"), entry.get("message")))
    elif found.issuer_read:
        entries.append({"kind": ref["kind"], "name": ref["name"], "state": "Absent", "reason": "", "message": ""})
    if found.request is not None:
        entry = _telling_condition(found.request)
        entries.append(_entry("CertificateRequest", found.request, request_state(found.request), entry.get("reason"), entry.get("message")))
    if found.order is not None:
        status = status_of(found.order)
        entries.append(_entry("Order", found.order, status.get("state") or "new", "", status.get("reason")))
    for challenge in found.challenges:
        status = status_of(challenge)
        message = status.get("reason")
        entry_of = _entry("Challenge", challenge, status.get("state") or "new", "", message)
        entry_of["dns_name"] = str((challenge.get("spec") or {}).get("dnsName") or "")
        entries.append(entry_of)
    return entries


def request_is_of_present_attempt(certificate: Json, request: Json) -> bool:
    """False for a failed request that a new attempt is about to replace.

    cert-manager deletes such a request only after it has set Issuing=True again.
    """
    issuing = condition(certificate, "Issuing")
    if issuing is None or issuing.get("status") != "True":
        return True
    failure = parse_time(status_of(request).get("failureTime"))
    started = parse_time(issuing.get("lastTransitionTime"))
    return failure is None or started is None or failure > started


def _present_request(inventory: Inventory, certificate: Json) -> Json | None:
    requests = inventory.owned(certificate, "CertificateRequest")
    revision = int(status_of(certificate).get("revision") or 0)
    for number in (revision + 1, revision):
        fitting = [r for r in requests if annotations_of(r).get(REVISION_ANNOTATION) == str(number)]
        if fitting:
            return max(fitting, key=lambda r: (str(r["metadata"].get("creationTimestamp") or ""), name_of(r)))
    return None


def _rivals(inventory: Inventory, certificate: Json) -> list[str]:
    secret = (certificate.get("spec") or {}).get("secretName")
    return sorted(
        name_of(other)
        for other in inventory.claimants(namespace_of(certificate), str(secret or ""))
        if name_of(other) != name_of(certificate)
    )


def _telling_condition(request: Json) -> Mapping[str, Any]:
    for kind in ("Denied", "InvalidRequest"):
        entry = condition(request, kind)
        if entry is not None and entry.get("status") == "True":
            return entry
    return condition(request, "Ready") or {}


def _entry(kind: str, found: Json, state: Any, reason: Any, message: Any) -> dict[str, str]:
    return {
        "kind": kind,
        "name": name_of(found),
        "state": str(state or ""),
        "reason": str(reason or ""),
        "message": " ".join(str(message or "").split()),
    }
