# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a Certificate is not ready, whether waiting can help, and when the next attempt is due."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, GRACE, HEALS, PATIENCE, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    Json,
    condition,
    is_current,
    issuer_ref,
    name_of,
    namespace_of,
    status_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import UNOBSERVED
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import (
    FAILED_STATES,
    Walk,
    cannot_go,
    failed_attempt,
    request_is_of_present_attempt,
    request_state,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import UTC, iso, parse_time
from ansible_collections.baremesh.edge.plugins.module_utils._text import vault_answer

_FIRST_BACKOFF = dt.timedelta(hours=1)
_LONGEST_BACKOFF = dt.timedelta(hours=32)
# cert-manager does not try such an issuer again until it is edited.
_ISSUER_CONFIGURATION = frozenset(("InvalidConfig", "InvalidURL", "InvalidSolver"))
# The reason ErrRegisterACMEAccount stands for refusals and for network errors alike; only the text distinguishes them.
_ACME_REFUSAL = re.compile(r"\b4\d\d urn:ietf:params:acme:error:(?!badNonce)")
# What a DNS-01 solver says where it has no credentials, or where the provider does not take them: time changes neither.
_DNS01_CREDENTIALS = re.compile(
    r"secrets? \S+ not found|failed to load secret|no key \S+ in secret|key \S+ not found in secret|no data found in secret"
    r"|no \w+ credential has been given|token missing|token is invalid|key is invalid|empty credentials",
    re.IGNORECASE,
)
_DNS01_REFUSED = re.compile(
    r"\b40[13]\b|invalid (access token|request headers|api (key|token)|credentials|client)|authentication (error|failed)|unauthori[sz]ed"
    r"|unable to authenticate|accessdenied|not authorized|forbidden|permission|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken"
    r"|UnrecognizedClient|AADSTS\d+|AuthorizationFailed|replied: (REFUSED|NOTAUTH|BADKEY|BADSIG|NOTZONE)|bad (key|signature|authentication)"
    r"|found no zones for domain|zone \S+ not found",
    re.IGNORECASE,
)
# cert-manager answers a challenge twice where it has not seen yet that the first answer was taken. Let's Encrypt takes that too, other
# servers refuse it; then cert-manager asks the server for the Order (pkg/controller/acmeorders), which goes on, as the name is proved.
_ANSWERED_TWICE = re.compile(r"acme:error:malformed: .*(update challenge with status valid|challenge is not pending)")
_REDIRECTED = re.compile(r"failed to perform self check GET request '(\S+)': Get \"(?!\1\")(\S+)\": ")
_UNREACHABLE = re.compile(r"dial tcp|connection refused|no route to host|no such host|i/o timeout|deadline exceeded|EOF|connection reset")
_VAULT_PATIENCE = 10.0
# What a CertificateRequest says as long as cert-manager cannot log in at a Vault.
_NO_CLIENT = "Failed to initialise vault client for signing: "
# How a CertificateRequest begins that waits for its issuer.
_ISSUER_AWAITED = "Referenced "
_RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


@dataclass(frozen=True)
class Failure:
    """A failed attempt at issuance, to distinguish a new one from an old one."""

    attempts: int
    at: str


def failure_of(certificate: Json) -> Failure:
    """The last failed attempt that the Certificate's status knows of."""
    status = status_of(certificate)
    return Failure(int(status.get("failedIssuanceAttempts") or 0), str(status.get("lastFailureTime") or ""))


def next_attempt(certificate: Json) -> dt.datetime | None:
    """When cert-manager's back-off ends: an hour, doubled with each failure, at most 32 hours."""
    status = status_of(certificate)
    last = parse_time(status.get("lastFailureTime"))
    if last is None:
        return None
    exponent = max(0, int(status.get("failedIssuanceAttempts") or 1) - 1)
    pause: dt.timedelta = min(_FIRST_BACKOFF * (1 << min(exponent, 10)), _LONGEST_BACKOFF)
    return last + pause


def rate_limit_end(text: str) -> dt.datetime | None:
    """The time that an ACME server's rate limit names, or None."""
    match = _RETRY_AFTER.search(text)
    if not match:
        return None
    try:
        return dt.datetime.strptime(match.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def find_causes(found: Walk, problems: list[str], deadline_wall: float, known: Failure | None) -> list[Cause]:
    """The reasons why the Certificate is not ready, deepest first, at least one.

    Args:
        found: what hangs on the Certificate.
        problems: what the readiness predicate says; used where nothing deeper is known.
        deadline_wall: the end of the wait, seconds since 1970.
        known: the failed attempt that was there when the wait began; a later one is final at once.
    """
    certificate = found.certificate
    failed = failed_attempt(certificate)
    if failed is not None and not is_current(certificate, failed):
        return [Cause("its spec was changed after the last failed attempt, and cert-manager has not begun a new one")]
    if failed is not None:
        deep = _attempt_cause(found) if request_is_failed(found.request) else None
        said = _sentence(failed.get("message") or failed.get("reason"))
        return [_after_failure(certificate, deep or Cause(said), deadline_wall, known)]
    causes = [_attempt_cause(found), _rival_cause(found), _issuer_cause(found), _waiting_request(found)]
    return [*(cause for cause in causes if cause is not None), _predicate_cause(certificate, problems)]


def _predicate_cause(certificate: Json, problems: list[str]) -> Cause:
    if problems[:1] == [UNOBSERVED]:
        return _young(UNOBSERVED, certificate)
    return Cause(problems[0] if problems else "it is not ready")


def _young(text: str, begun_by: Json, outlook: str = HEALS) -> Cause:
    """A cause that is none while the object which began the state is young."""
    return Cause(text, outlook, patience=PATIENCE, since=(begun_by.get("metadata") or {}).get("creationTimestamp"))


def request_is_failed(request: Json | None) -> bool:
    """True if the CertificateRequest has ended without a certificate."""
    return request is not None and request_state(request) in ("Denied", "InvalidRequest", "Failed")


def names_issuer(request: Json) -> bool:
    """True if the CertificateRequest says that its issuer is missing or not ready."""
    return str((condition(request, "Ready") or {}).get("message") or "").startswith(_ISSUER_AWAITED)


def _attempt_cause(found: Walk) -> Cause | None:
    """The reason within Challenge, Order and CertificateRequest, deepest first."""
    if found.request is None or not request_is_of_present_attempt(found.certificate, found.request):
        return None
    if request_state(found.request) == "Issued":
        return None
    order = found.order
    order_failed = order is not None and status_of(order).get("state") in FAILED_STATES
    for challenge in sorted(found.challenges, key=_urgency):
        cause = _challenge_cause(challenge, order_failed)
        if cause:
            return cause
    if order is not None:
        status = status_of(order)
        if order_failed:
            said = _sentence(status.get("reason") or f"it is {status['state']}")
            return _with_limit(f"Order {name_of(order)}: {said}", FINAL)
        if status.get("reason"):
            return _with_limit(f"Order {name_of(order)}: {_sentence(status['reason'])}", HEALS)
        unsolved = _without_solver(found)
        if unsolved:
            text = f"Order {name_of(order)}: no solver of {_issuer_name(found.certificate)} fits {', '.join(unsolved)}"
            return _young(text, order, GRACE)
    return _failed_request(found.request)


def _challenge_cause(challenge: Json, order_failed: bool) -> Cause | None:
    status, host = status_of(challenge), challenge["spec"].get("dnsName")
    state, reason = status.get("state"), status.get("reason")
    if state == "valid" or not (reason or state in FAILED_STATES):
        return None
    said = _REDIRECTED.sub(r"the self check is redirected to \2, and there: ", _sentence(reason or f"it is {state}"))
    text = f"Challenge {host}: {said}"
    if cannot_go(challenge):
        # cert-manager schedules no other one for the name while it is there (pkg/controller/acmechallenges/scheduler).
        text = f"Challenge {namespace_of(challenge)}/{name_of(challenge)} cannot be removed, and holds up {host}: {said}"
    if state not in FAILED_STATES and _is_refused_dns01(challenge, said):
        return _young(text, challenge, GRACE)
    final = state in FAILED_STATES and (order_failed or not _ANSWERED_TWICE.search(said))
    return _with_limit(text, FINAL if final else HEALS)


def _is_refused_dns01(challenge: Json, said: str) -> bool:
    """True where a DNS-01 solver lacks credentials that the provider takes; not for what it says while records spread."""
    is_dns01 = str(challenge["spec"].get("type") or "").upper() == "DNS-01"
    return is_dns01 and bool(_DNS01_CREDENTIALS.search(said) or _DNS01_REFUSED.search(said))


def _failed_request(request: Json) -> Cause | None:
    state = request_state(request)
    if state == "Denied":
        entry = condition(request, "Denied") or condition(request, "Ready") or {}
        return Cause(f"CertificateRequest {name_of(request)} was denied: {_sentence(entry.get('message'))}", FINAL)
    if state == "InvalidRequest":
        entry = condition(request, "InvalidRequest") or {}
        return Cause(f"CertificateRequest {name_of(request)} is invalid: {_sentence(entry.get('message'))}", FINAL)
    if state == "Failed":
        entry = condition(request, "Ready") or {}
        return _with_limit(f"CertificateRequest {name_of(request)}: {_sentence(entry.get('message'))}", FINAL)
    return None


def _issuer_cause(found: Walk) -> Cause | None:
    """The issuer matters until there is an Order: after that its work has begun."""
    if not found.issuer_read or found.order is not None:
        return None
    if found.request is not None and request_state(found.request) == "Issued":
        return None
    name = _issuer_name(found.certificate)
    if found.issuer is None:
        return _young(f"{name} does not exist", found.request or found.certificate, GRACE)
    ready = condition(found.issuer, "Ready")
    if ready is None:
        return _young(f"{name} has no Ready condition: cert-manager has not observed it", found.issuer)
    if ready.get("status") == "True":
        return None
    cause = condition_cause(found.issuer, ready)
    return replace(cause, text=f"{name} is not ready: {cause.text}")


def condition_cause(issuer: Json, ready: Mapping[str, Any]) -> Cause:
    """What the Ready condition of an issuer says that is not ready; final where cert-manager does not try again."""
    if not is_current(issuer, ready):
        return Cause("cert-manager has not observed its last change", patience=PATIENCE)
    message = _sentence(ready.get("message") or ready.get("reason"))
    if ready.get("reason") == "VaultError":
        return _of_vault(message, ready.get("lastTransitionTime"))
    lasting = ready.get("reason") in _ISSUER_CONFIGURATION or _ACME_REFUSAL.search(message)
    return _with_limit(message, FINAL if lasting else HEALS)


def _of_vault(text: str, since: str | None) -> Cause:
    """What a Vault says; cert-manager asks again by itself, and a person has to mend all but a server that does not answer."""
    return Cause(text, HEALS if _UNREACHABLE.search(text) else GRACE, patience=_VAULT_PATIENCE, since=since)


def _waiting_request(found: Walk) -> Cause | None:
    request = found.request
    if request is None or not request_is_of_present_attempt(found.certificate, request):
        return None
    state = request_state(request)
    if state == "Unapproved":
        return _young(f"CertificateRequest {name_of(request)} waits for approval", request)
    order = found.order
    if state == "Pending" and order is not None:
        pending = [str(c["spec"].get("dnsName")) for c in found.challenges if status_of(c).get("state") != "valid"]
        if pending:
            return Cause(f"Challenge {pending[0]}: it is {_challenge_state(found, pending[0])}")
        return Cause(f"Order {name_of(order)}: it is {status_of(order).get('state') or 'not yet placed'}")
    if state == "Pending":
        text = f"CertificateRequest {name_of(request)}: {_sentence((condition(request, 'Ready') or {}).get('message') or 'it is pending')}"
        if _NO_CLIENT in text:
            return _of_vault(text, request["metadata"].get("creationTimestamp"))
        # The issuer may have come a moment after the request.
        return _young(text, request) if names_issuer(request) else Cause(text)
    return None


def _rival_cause(found: Walk) -> Cause | None:
    """Two Certificates with one Secret: cert-manager lets the one that does not own it wait without a word."""
    certificate = found.certificate
    ready = condition(certificate, "Ready") or {}
    if not found.rivals or (found.request is not None and ready.get("reason") != "IncorrectCertificate"):
        return None
    secret = (certificate.get("spec") or {}).get("secretName")
    others = ", ".join(f"{namespace_of(certificate)}/{rival}" for rival in found.rivals)
    text = f"Secret {secret} is also claimed by Certificate {others}; each Certificate needs a Secret of its own"
    return _young(text, certificate, GRACE)


def _after_failure(certificate: Json, cause: Cause, deadline_wall: float, known: Failure | None) -> Cause:
    """A failed attempt is final if it is new, or if the back-off outlasts the wait."""
    due = next_attempt(certificate)
    limit = parse_time(cause.retry_at)
    if due is not None and limit is not None:
        due = max(due, limit)
    due = due or limit
    is_new = known is not None and failure_of(certificate) != known
    lasting = is_new or due is None or due.timestamp() > deadline_wall
    return Cause(cause.text, FINAL if lasting else HEALS, iso(due) if due else None)


def _without_solver(found: Walk) -> list[str]:
    """Names that the ACME server wants proved and for which cert-manager made no Challenge."""
    if found.order is None or found.challenges or not found.challenges_read or status_of(found.order).get("state") != "pending":
        return []
    return [
        ("*." if entry.get("wildcard") else "") + str(entry.get("identifier"))
        for entry in status_of(found.order).get("authorizations") or []
        if entry.get("challenges") and entry.get("initialState") != "valid"
    ]


def _with_limit(text: str, outlook: str) -> Cause:
    end = rate_limit_end(text)
    return Cause(text, outlook, iso(end) if end else None)


def _urgency(challenge: Mapping[str, Any]) -> int:
    status = challenge.get("status") or {}
    if status.get("state") in FAILED_STATES:
        return 0
    return 1 if status.get("reason") else 2


def _challenge_state(found: Walk, dns_name: str) -> str:
    for challenge in found.challenges:
        if challenge["spec"].get("dnsName") == dns_name:
            status = status_of(challenge)
            return str(status.get("state") or ("presented" if status.get("presented") else "not yet presented"))
    return "unknown"


def _issuer_name(certificate: Json) -> str:
    ref = issuer_ref(certificate)
    return f"{ref['kind']} {ref['name']}"


def _sentence(text: Any) -> str:
    return vault_answer(str(text or "no reason given"))
