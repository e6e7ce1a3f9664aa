# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait looks at once more when it has failed, to explain: cert-manager's pods and log, and what a name points to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.report import Subject
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.silence import (
    PODS_LABELS,
    controller_pods,
    is_silent,
    log_error,
    pods_problem,
)
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS

ANSWER_WITHIN = 3.0
# Of the log of a controller that may serve thousands of Certificates.
LINES, BEFORE = 1000, 60

_WRONG_STATUS = re.compile(r"^Challenge (\S+): .*wrong status code '\d+'")

Sight = Callable[[str], "str | None"]


def explain_silence(client: KubeClient, waiting: Sequence[Subject], elapsed: float) -> None:
    """Add to the causes of those on which cert-manager does not act why it does not. Costs at most two requests."""
    silent = [s for s in waiting if is_silent(s)]
    if not silent:
        return
    try:
        pods = client.list(PODS, None, PODS_LABELS, timeout=ANSWER_WITHIN).get("items") or []
    except KubeError:
        return
    why = pods_problem(pods)
    log = "" if why else _log(client, controller_pods(pods)[0]["metadata"], elapsed)
    for subject in silent:
        said = log_error(log, subject) if log else None
        reason = why or (f"cert-manager's log says: {said}" if said else None)
        if reason:
            _add(subject, reason)


def explain_answer(waiting: Sequence[Subject], sight: Sight) -> None:
    """Add to the first cause, where another answer than the challenge's came, who gave it."""
    match = _WRONG_STATUS.search(waiting[0].reason.text) if waiting else None
    seen = sight(match.group(1)) if match else None
    if seen:
        _add(waiting[0], f"seen from here, {seen}")


def _log(client: KubeClient, pod: dict[str, str], elapsed: float) -> str:
    query = {"tailLines": str(LINES), "sinceSeconds": str(round(elapsed) + BEFORE)}
    try:
        return client.text(PODS, pod["namespace"], pod["name"], "log", query, timeout=ANSWER_WITHIN)
    except KubeError:
        return ""


def _add(subject: Subject, reason: str) -> None:
    subject.cause = replace(subject.reason, text=f"{subject.reason.text}; {reason}")
