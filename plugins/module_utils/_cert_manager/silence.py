# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where no object says why a Certificate does not go on: what cert-manager's pods and its log say instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import name_of, status_of
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.walk import certificate_state

# Of cert-manager's chart: its controller and its webhook.
PODS_LABELS = "app.kubernetes.io/name in (cert-manager,webhook),app.kubernetes.io/component in (controller,webhook)"
COMPONENT = "app.kubernetes.io/component"

_ERROR = re.compile(r"^E\d{4} .*? err=(\"(?:[^\"\\]|\\.)*\")", re.MULTILINE)
# cert-manager's log does not name the Order that it could not place.
_ORDER_NOT_PLACED = "error creating new order"
# Without its webhook no object of cert-manager can be written, whatever its name.
_WEBHOOK = "failed calling webhook"


def is_silent(subject: Subject) -> bool:
    """True where cert-manager has not reacted to a Certificate, or goes on with it without a word."""
    certificate, found = subject.certificate, subject.walk
    if certificate is None or subject.ready:
        return False
    state = certificate_state(certificate)
    if state in ("New", "Stale") or found is None or found.request is None:
        return state in ("New", "Stale", "Issuing")
    if found.order is None:
        return not status_of(found.request).get("conditions")
    waits = [c for c in found.challenges if status_of(c).get("state") != "valid"]
    if waits:
        return not any(status_of(c).get("reason") or status_of(c).get("presented") for c in waits)
    return is_unplaced(subject)


def is_unplaced(subject: Subject) -> bool:
    """True if cert-manager has made an Order that the ACME server does not know yet."""
    order = subject.walk.order if subject.walk is not None else None
    return order is not None and not status_of(order).get("state") and not status_of(order).get("reason")


def controller_pods(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the pods that are Ready and of the controller."""
    return [p for p in _of(pods, "controller") if _is_ready(p)]


def pods_problem(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """Which part of cert-manager does not run, None where both do."""
    for component, name in (("controller", "cert-manager"), ("webhook", "webhook")):
        mine = _of(pods, component)
        if not any(_is_ready(p) for p in mine):
            labels = f"{COMPONENT}={component},app.kubernetes.io/name={name}"
            why = "none of its pods is Ready" if mine else f"no pod has the labels {labels}"
            return f"cert-manager's {component} does not run: {why}"
    return None


def log_error(log: str, subject: Subject) -> str | None:
    """The last error in the controller's log that concerns the Certificate, None where there is none."""
    marks = [_WEBHOOK] + ([_ORDER_NOT_PLACED] if is_unplaced(subject) else [])
    found = subject.walk
    names = [subject.name, *(name_of(o) for o in (found.request, found.order) if o is not None)] if found is not None else [subject.name]
    named = re.compile(rf"(?<![\w.-])(?:{'|'.join(re.escape(n) for n in names)})(?![\w.-])")
    for match in reversed(list(_ERROR.finditer(log))):
        text = match.group(1)[1:-1].replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")
        if any(m in text for m in marks) or named.search(text):
            return " ".join(text.split())
    return None


def _of(pods: Sequence[Mapping[str, Any]], component: str) -> list[Mapping[str, Any]]:
    return [p for p in pods if ((p.get("metadata") or {}).get("labels") or {}).get(COMPONENT) == component]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
