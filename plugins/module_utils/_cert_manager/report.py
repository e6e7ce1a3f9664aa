# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see: the result per Certificate, the first line of a failure, the line of live progress.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import Cause, next_attempt
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    Json,
    condition,
    issuer_ref,
    name_of,
    namespace_of,
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

_ADVICE = (
    (
        re.compile(r"urn:ietf:params:acme:error:rateLimited"),
        "The ACME server limits requests: wait until the time named, and use a staging issuer while trying things out.",
    ),
    (
        re.compile(r"^Challenge .*(no such host|NXDOMAIN|urn:ietf:params:acme:error:dns\b)"),
        "Create DNS records of that name which point at the hosts of this site, and check that the cluster's DNS sees them.",
    ),
    (
        re.compile(r"^Challenge .*(wrong status code '[345]\d\d'|is redirected to|did not get expected response|error:unauthorized)"),
        (
            "Something else answers http://<name>/.well-known/acme-challenge/: another web server on port 80, a redirect that "
            "swallows that path, or DNS that points elsewhere."
        ),
    ),
    (
        re.compile(
            r"^Challenge .*(connection refused|no route to host|i/o timeout|deadline exceeded|Timeout during connect|error:connection)"
        ),
        "Port 80 of that name must be reachable, from the ACME server and from inside the cluster.",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*(dial tcp|no such host|timeout|deadline exceeded|x509:)"),
        "The cluster must reach the ACME server of that issuer, and trust its certificate (caBundle of the issuer).",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*urn:ietf:params:acme:error:(invalidContact|unsupportedContact)"),
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it).",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*secrets? \S+ not found"),
        "Create that Secret: for a ClusterIssuer in cert-manager's own namespace, for an Issuer beside it.",
    ),
    (
        re.compile(r"log says: error creating new order: "),
        "The cluster must reach the ACME server of that issuer; cert-manager goes on trying.",
    ),
    (
        re.compile(r"cert-manager's (controller|webhook) does not run"),
        "Look at the pods of cert-manager's namespace; playbook baremesh.edge.cert_manager brings them back.",
    ),
    (
        re.compile(r"Issuer \S+ does not exist"),
        "Create the issuer, or correct issuerRef of the Certificate.",
    ),
    (
        re.compile(r"no solver of"),
        "Add a solver to the issuer whose selector fits these names; wildcard names need DNS-01.",
    ),
    (
        re.compile(r"waits for approval"),
        "cert-manager's own approver is off, or an approver policy does not cover this request.",
    ),
    (
        re.compile(r"cert-manager has not"),
        "Look whether cert-manager's controller runs and has no errors in its log.",
    ),
)


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
    cause: Cause | None = None
    walk: Walk | None = None

    @property
    def secret_name(self) -> str:
        """spec.secretName, empty where the Certificate does not exist."""
        return str(((self.certificate or {}).get("spec") or {}).get("secretName") or "")

    @property
    def title(self) -> str:
        """How messages call it."""
        return "Certificate %s/%s" % (self.namespace, self.name)


def view(subject: Subject) -> dict[str, Any]:
    """The result entry of one Certificate; the same keys whatever its state."""
    certificate = subject.certificate or {}
    status = status_of(certificate)
    leaf = subject.secret.leaf if subject.secret is not None else None
    ref = issuer_ref(certificate)
    due = next_attempt(certificate) if certificate and failed_attempt(certificate) is not None else None
    retry_at = subject.cause.retry_at if subject.cause is not None else None
    return {
        "name": subject.name,
        "namespace": subject.namespace,
        "ready": subject.ready,
        "state": certificate_state(certificate) if certificate else "Absent",
        "cause": subject.cause.text if subject.cause is not None and not subject.ready else None,
        "chain": chain(subject.walk) if subject.walk is not None else [],
        "secret_name": (certificate.get("spec") or {}).get("secretName"),
        "dns_names": list((certificate.get("spec") or {}).get("dnsNames") or []),
        "not_before": iso(leaf.not_before) if leaf else status.get("notBefore"),
        "not_after": iso(leaf.not_after) if leaf else status.get("notAfter"),
        "renewal_time": status.get("renewalTime"),
        "serial": leaf.serial if leaf else None,
        "fingerprint_sha256": leaf.fingerprint_sha256 if leaf else None,
        "issuer": "%s/%s" % (ref["kind"], ref["name"]) if certificate else None,
        "issuer_subject": leaf.issuer if leaf else None,
        "revision": int(status["revision"]) if status.get("revision") is not None else None,
        "failed_attempts": int(status.get("failedIssuanceAttempts") or 0),
        "retry_at": retry_at or (iso(due) if due else None),
    }


def failure_text(subjects: list[Subject], about: str) -> str:
    """The message of a failed wait: what, where and why in its first line, then the others, then what helps.

    Args:
        subjects: those that are not ready, the telling one first.
        about: what is said where there are none, such as that no Certificate fits the selector.
    """
    if not subjects:
        return about
    lines = ["%s is not ready: %s" % (s.title, s.cause.text if s.cause else "the reason is not known") for s in subjects[:10]]
    if len(subjects) > 10:
        lines.append("%d more are not ready." % (len(subjects) - 10))
    cause = subjects[0].cause
    helps = advice(cause.text) if cause is not None else None
    if cause is not None and cause.retry_at:
        sooner = "" if is_limited(cause.text) else "; baremesh.edge.certificate_renew asks for one at once"
        lines.append("The next attempt is due at %s%s." % (cause.retry_at, sooner))
    if helps:
        lines.append(helps)
    return "\n".join(lines)


def is_limited(text: str) -> bool:
    """True for a rate limit of the ACME server: to ask sooner would count against it again."""
    return "urn:ietf:params:acme:error:rateLimited" in text


def advice(text: str) -> str | None:
    """What to do about a cause, where that is known."""
    for pattern, sentence in _ADVICE:
        if pattern.search(text):
            return sentence
    return None


def phrase(subject: Subject) -> str:
    """The state of one Certificate in a few words, for live progress."""
    if subject.ready:
        return "ready"
    if subject.certificate is None:
        return "does not exist yet"
    parts = []
    found = subject.walk
    if found is not None and found.order is not None:
        parts.append("Order %s" % (status_of(found.order).get("state") or "new"))
    elif found is not None and found.request is not None:
        parts.append("CertificateRequest without Order")
    else:
        parts.append(certificate_state(subject.certificate))
    if subject.cause is not None:
        parts.append(_short(subject.cause.text))
    return ", ".join(parts)


def issuing_message(certificate: Json) -> str:
    """What the Issuing condition says, empty where there is none."""
    return str((condition(certificate, "Issuing") or {}).get("message") or "")


def subject_of(certificate: Json) -> Subject:
    """A subject for an object that was read."""
    return Subject(name_of(certificate), namespace_of(certificate), certificate)


def _short(text: str) -> str:
    match = re.search(r"wrong status code '(\d+)'", text)
    if match:
        return "%s: self check gets %s" % (text.split(":", 1)[0], match.group(1))
    match = re.match(r"(Challenge \S+): .*failed to perform self check.*\": (.+)$", text)
    if match:
        text = "%s: self check: %s" % match.groups()
    match = re.match(r"(Challenge \S+): .*the self check is redirected to (\S+)/\.well-known/\S+, and there: (?:.*: )?(.+)$", text)
    if match:
        text = "%s: self check is redirected to %s: %s" % match.groups()
    return text if len(text) <= 160 else text[:157] + "..."
