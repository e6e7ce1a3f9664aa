# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see of one Certificate: its result, and its line of live progress."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import hints
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import next_attempt
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    Json,
    issuer_ref,
    status_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import SecretFacts
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import (
    Walk,
    certificate_state,
    chain,
    failed_attempt,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso


@dataclass
class Subject:
    """One Certificate that is waited for, and what is known of it."""

    name: str
    namespace: str
    certificate: Json | None = None
    secret: SecretFacts | None = None
    ready: bool = False
    conditions_hold: bool = False
    problems: list[str] = field(default_factory=list)
    # The deepest cause that has lasted, and the deepest of all, which may yet prove wrong.
    cause: Cause | None = None
    suspect: Cause | None = None
    walk: Walk | None = None

    @property
    def secret_name(self) -> str:
        """spec.secretName, empty where the Certificate does not exist."""
        return str(((self.certificate or {}).get("spec") or {}).get("secretName") or "")

    @property
    def reason(self) -> Cause:
        """What is said at the end of a wait."""
        return self.cause or self.suspect or Cause("the reason is not known")

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"Certificate {self.namespace}/{self.name}"


def view(subject: Subject) -> dict[str, Any]:
    """The result entry of one Certificate; the same keys whatever its state."""
    certificate = subject.certificate or {}
    status = status_of(certificate)
    leaf = subject.secret.leaf if subject.secret is not None else None
    ref = issuer_ref(certificate)
    failed = failed_attempt(certificate) if certificate else None
    due = next_attempt(certificate) if failed is not None else None
    retry_at = None if subject.ready else subject.reason.retry_at
    return {
        "name": subject.name,
        "namespace": subject.namespace,
        "ready": subject.ready,
        "state": certificate_state(certificate) if certificate else "Absent",
        "cause": None if subject.ready else subject.reason.text,
        "advice": [] if subject.ready else hints(subject.reason.text, subject.reason.retry_at),
        "chain": chain(subject.walk) if subject.walk is not None else [],
        "secret_name": (certificate.get("spec") or {}).get("secretName"),
        "dns_names": list((certificate.get("spec") or {}).get("dnsNames") or []),
        "not_before": iso(leaf.not_before) if leaf else status.get("notBefore"),
        "not_after": iso(leaf.not_after) if leaf else status.get("notAfter"),
        "renewal_time": status.get("renewalTime"),
        "renewal_failure": str(failed.get("message") or "") if failed is not None and subject.ready else None,
        "serial": leaf.serial if leaf else None,
        "fingerprint_sha256": leaf.fingerprint_sha256 if leaf else None,
        "issuer": f"{ref['kind']}/{ref['name']}" if certificate else None,
        "issuer_subject": leaf.issuer if leaf else None,
        "revision": int(status["revision"]) if status.get("revision") is not None else None,
        "failed_attempts": int(status.get("failedIssuanceAttempts") or 0),
        "retry_at": retry_at or (iso(due) if due else None),
    }


def phrase(subject: Subject) -> str:
    """The state of one Certificate in a few words, for live progress."""
    if subject.ready:
        return "ready"
    if subject.certificate is None:
        return "does not exist yet"
    parts = []
    found = subject.walk
    if found is not None and found.order is not None:
        parts.append(f"Order {status_of(found.order).get('state') or 'new'}")
    elif found is not None and found.request is not None:
        parts.append("CertificateRequest without Order")
    else:
        parts.append(certificate_state(subject.certificate))
    if subject.cause is not None:
        parts.append(_short(subject.cause.text))
    return ", ".join(parts)


def _short(text: str) -> str:
    match = re.search(r"wrong status code '(\d+)'", text)
    if match:
        return f"{text.split(':', 1)[0]}: self check gets {match.group(1)}"
    match = re.match(r"(Challenge \S+): .*failed to perform self check.*\": (.+)$", text)
    if match:
        text = f"{match[1]}: self check: {match[2]}"
    match = re.match(r"(Challenge \S+): .*the self check is redirected to (\S+)/\.well-known/\S+, and there: (?:.*: )?(.+)$", text)
    if match:
        text = f"{match[1]}: self check is redirected to {match[2]}: {match[3]}"
    return text if len(text) <= 160 else f"{text[:157]}..."
