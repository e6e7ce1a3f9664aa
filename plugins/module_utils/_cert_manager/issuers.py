# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an Issuer or ClusterIssuer ready, and if not, can waiting help?

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import condition, is_current

# cert-manager does not look again until somebody edits the issuer.
_CONFIGURATION = frozenset(("InvalidConfig", "InvalidURL", "InvalidSolver"))
# ErrRegisterACMEAccount stands for refusals and for network errors alike; only the text tells them apart.
_REFUSAL = re.compile(r"\b4\d\d urn:ietf:params:acme:error:(?!badNonce)")


@dataclass(frozen=True)
class IssuerCause:
    """Why an issuer is not ready; final where waiting cannot help."""

    text: str
    final: bool = False


def issuer_cause(issuer: Mapping[str, Any]) -> IssuerCause | None:
    """The reason why it is not ready, None when it is."""
    ready = condition(issuer, "Ready")
    if ready is None:
        return IssuerCause("cert-manager has not looked at it")
    if not is_current(issuer, ready):
        return IssuerCause("cert-manager has not looked at its last change")
    if ready.get("status") == "True":
        return None
    reason, message = str(ready.get("reason") or ""), " ".join(str(ready.get("message") or "").split())
    return IssuerCause(message or reason or "no reason given", reason in _CONFIGURATION or bool(_REFUSAL.search(message)))
