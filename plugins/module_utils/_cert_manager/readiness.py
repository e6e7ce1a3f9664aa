# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a Certificate ready? A predicate that an old or foreign state cannot satisfy."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    CERT_MANAGER_GROUP,
    annotations_of,
    condition,
    is_current,
    issuer_ref,
    name_of,
    namespace_of,
    status_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import Leaf, TlsError, iso, key_matches, leaf_of_pem, parse_time

#: What is said of a Certificate on which cert-manager has not acted, be it only a moment old.
UNOBSERVED = "cert-manager has not set its Ready condition"


@dataclass(frozen=True)
class Renewal:
    """What must have changed before a certificate counts: a later revision, or another serial, or both."""

    revision: int | None = None
    serial: str | None = None


@dataclass(frozen=True)
class SecretFacts:
    """What the predicate needs of a Secret. leaf is None where problem says why there is none."""

    name: str
    exists: bool
    annotations: Mapping[str, str]
    leaf: Leaf | None = None
    key_matches: bool = False
    problem: str | None = None


def absent_secret(name: str) -> SecretFacts:
    """A Secret that is not there."""
    return SecretFacts(name=name, exists=False, annotations={})


def secret_facts(secret: Mapping[str, Any]) -> SecretFacts:
    """Read tls.crt and tls.key of a Secret."""
    name = name_of(secret)
    annotations = dict(annotations_of(secret))
    data = secret.get("data") or {}
    try:
        certificate = _decode(data, "tls.crt")
        key = _decode(data, "tls.key")
        leaf = leaf_of_pem(certificate)
        matches = key_matches(certificate, key)
    except TlsError as exc:
        return SecretFacts(name=name, exists=True, annotations=annotations, problem=str(exc))
    return SecretFacts(name=name, exists=True, annotations=annotations, leaf=leaf, key_matches=matches)


def _decode(data: Mapping[str, str], key: str) -> bytes:
    value = data.get(key)
    if not value:
        raise TlsError(f"it has no {key}")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise TlsError(f"its {key} is not base64") from exc


def condition_problems(certificate: Mapping[str, Any], renewal: Renewal | None = None) -> list[str]:
    """Why the Certificate object itself does not say ready; empty where it does."""
    if (certificate.get("metadata") or {}).get("deletionTimestamp"):
        return ["it is being deleted"]
    problems: list[str] = []
    ready = condition(certificate, "Ready")
    if ready is None:
        problems.append(UNOBSERVED)
    elif not is_current(certificate, ready):
        problems.append(
            f"its Ready condition is of generation {ready.get('observedGeneration')}, "
            f"the spec of generation {certificate['metadata'].get('generation')}"
        )
    elif ready.get("status") != "True":
        problems.append(str(ready.get("message") or ready.get("reason") or "its Ready condition is not True"))
    issuing = condition(certificate, "Issuing")
    if issuing is not None and issuing.get("status") == "True" and issuing.get("reason") != "Renewing":
        problems.append(f"it is being issued ({issuing.get('message') or issuing.get('reason')})")
    if renewal is not None and renewal.revision is not None:
        revision = int(status_of(certificate).get("revision") or 0)
        if revision <= renewal.revision:
            problems.append(f"its revision is {revision}, one later than {renewal.revision} is awaited")
    return problems


def secret_problems(certificate: Mapping[str, Any], secret: SecretFacts, wall: float, renewal: Renewal | None = None) -> list[str]:
    """Why the Secret does not hold what the Certificate asks for; empty where it does."""
    if not secret.exists:
        return [f"Secret {secret.name} does not exist"]
    if secret.problem or secret.leaf is None:
        return [f"Secret {secret.name}: {secret.problem or 'it holds no certificate'}"]
    leaf = secret.leaf
    problems = _ownership_problems(certificate, secret)
    if not secret.key_matches:
        problems.append(f"Secret {secret.name}: its private key does not belong to its certificate")
    spec = certificate.get("spec") or {}
    held = {n.lower() for n in leaf.dns_names}
    missing = [n for n in spec.get("dnsNames") or [] if str(n).lower() not in held]
    addresses = {_address(a) for a in leaf.ip_addresses}
    missing += [a for a in spec.get("ipAddresses") or [] if _address(str(a)) not in addresses]
    if missing:
        problems.append(f"Secret {secret.name}: its certificate does not cover {', '.join(map(str, missing))}")
    if not leaf.valid_at(wall):
        problems.append(f"Secret {secret.name}: its certificate is valid from {iso(leaf.not_before)} to {iso(leaf.not_after)} only")
    declared = parse_time(status_of(certificate).get("notAfter"))
    if declared is None or declared != leaf.not_after:
        says = iso(declared) if declared else "nothing"
        problems.append(f"Secret {secret.name}: its certificate ends at {iso(leaf.not_after)}, the Certificate's status says {says}")
    if renewal is not None and renewal.serial is not None and leaf.serial == renewal.serial:
        problems.append(f"Secret {secret.name} still holds serial {leaf.serial}")
    return problems


def _address(text: str) -> str:
    """Return the one spelling of an address, or the text where it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _ownership_problems(certificate: Mapping[str, Any], secret: SecretFacts) -> list[str]:
    problems: list[str] = []
    spec_name = str((certificate.get("spec") or {}).get("secretName") or "")
    if spec_name != secret.name:
        problems.append(f"spec.secretName is {spec_name}, not {secret.name}")
    owner = secret.annotations.get("cert-manager.io/certificate-name")
    if owner != name_of(certificate):
        whose = f"Certificate {namespace_of(certificate)}/{owner}" if owner else "no Certificate"
        problems.append(f"Secret {secret.name} belongs to {whose}")
    asked = issuer_ref(certificate)
    held = {
        "name": secret.annotations.get("cert-manager.io/issuer-name", ""),
        "kind": secret.annotations.get("cert-manager.io/issuer-kind") or "Issuer",
        "group": secret.annotations.get("cert-manager.io/issuer-group") or CERT_MANAGER_GROUP,
    }
    if held != asked:
        problems.append(
            f"Secret {secret.name}: it was issued by {held['kind']} {held['name'] or '(none)'}, not by {asked['kind']} {asked['name']}"
        )
    return problems
