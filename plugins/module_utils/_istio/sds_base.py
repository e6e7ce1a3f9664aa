# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both ways of waiting for credentials share.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, Finding, wanted_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Patience, Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import Seen
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_news import News
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_outcome import SdsOutcome, walked
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import Preflight, Reporter, failure
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


@dataclass(frozen=True)
class Wanted:
    """Which credentials the gateway's pods are to have, and when to stop waiting for it."""

    credentials: Sequence[Credential]
    namespace: str
    selector: Mapping[str, str]
    deadline: Deadline
    fail_fast: bool = True
    progress: Callable[[str], None] = lambda _unused: None


class SdsBase:
    """Preflight and result."""

    method = ""

    def __init__(self, client: KubeClient, wanted: Wanted, feed: Feed | None = None) -> None:
        self._client = client
        self._credentials = list(wanted.credentials)
        self._deadline = wanted.deadline
        self._fail_fast = wanted.fail_fast
        self._say = Reporter(self._credentials, wanted.deadline, wanted.progress).say
        self._patience = Patience(wanted.deadline, self._say)
        self._reader = Reader(client, wanted.namespace, wanted.selector, self._patience)
        names = wanted_secrets(self._credentials)
        news = News(client, feed or ThreadFeed(), wanted.namespace, names, self._reader.selector_text, wanted.deadline)
        self._preflight = Preflight(self._reader, self._credentials, wanted.deadline, self._say, news)
        self._seen: list[Seen] = []
        self._swept: list[str] = []
        # What was learnt from elsewhere than the API, each by a connection of its own.
        self._asked = 0

    def preflight(self) -> SdsOutcome:
        """Only look at what istiod and Envoy look at. Raises KubeError."""
        pods, findings = self._preflight.look()
        if findings:
            return self._failed(findings)
        text = "%d gateway pods can be given %d credentials" % (sum(p.ready for p in pods), len(self._credentials))
        return self._outcome(True, text)

    def _failed(self, findings: Sequence[Finding]) -> SdsOutcome:
        return self._outcome(False, failure(self._credentials, findings), findings[0].text)

    def _outcome(self, good: bool, message: str, cause: str | None = None) -> SdsOutcome:
        return SdsOutcome(
            good=good,
            message=message,
            seen=self._seen,
            elapsed=self._deadline.elapsed,
            observations=self._reader.observations + self._asked,
            requests=self._client.requests + self._asked,
            method=self.method,
            cause=cause,
            chain=walked(self._credentials, self._preflight.serials, self._seen),
            swept=self._swept,
            warnings=self._reader.warnings,
        )
