# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a wait for credentials ended.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import SERVED


@dataclass
class SdsOutcome:
    """The end of a wait; the same keys on success and on failure."""

    good: bool
    message: str
    seen: list[Seen]
    elapsed: float
    observations: int
    requests: int
    method: str
    cause: str | None = None
    chain: list[dict[str, str]] = field(default_factory=list)
    primers: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """As module result."""
        return {
            "pods": [s.result() for s in self.seen],
            # Seen, each of them: a preflight without findings is not enough.
            "served": self.good and bool(self.seen) and all(s.state == SERVED for s in self.seen),
            "method": self.method,
            "primers": self.primers,
            "swept": self.swept,
            "elapsed": round(self.elapsed, 3),
            "observations": self.observations,
            "requests": self.requests,
            "cause": self.cause,
            "chain": self.chain,
            "retry_at": None,
        }


def walked(credentials: Sequence[Credential], serials: Mapping[str, Sequence[str]], seen: Sequence[Seen]) -> list[dict[str, str]]:
    """What was looked at: every Secret, and every pod that is not as it should be."""
    found = []
    for credential in credentials:
        held = serials.get(credential.name) or []
        for name in credential.secret_names:
            state = "Usable" if held else "Unusable"
            found.append({"kind": "Secret", "name": name, "state": state, "reason": "", "message": ", ".join(held)})
    bad = [s for s in seen if s.state != SERVED]
    found += [{"kind": "Pod", "name": s.pod.name, "state": s.state, "reason": "", "message": sentence(s)} for s in bad]
    return found
