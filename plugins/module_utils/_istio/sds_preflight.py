# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod and Envoy look at before they serve a credential, looked at until nothing is in the way.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, Finding
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_news import News
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# Of Secrets and pods there is news; that a right was granted is seen by asking again.
LONGEST_WITH_NEWS = 5.0
REPORT_EVERY = 10.0


class Reporter:
    """Says each change of state at once, and what lasts every ten seconds."""

    def __init__(self, credentials: Sequence[Credential], deadline: Deadline, progress: Callable[[str], None]) -> None:
        self._names = names_of(credentials)
        self._deadline = deadline
        self._progress = progress
        self._said, self._said_at = "", 0.0

    def say(self, text: str) -> None:
        """One line, if there is something new to say."""
        now = self._deadline.elapsed
        if text != self._said or now - self._said_at >= REPORT_EVERY:
            self._said, self._said_at = text, now
            self._progress("%s: %s (%d s)" % (self._names, " ".join(text.split()), now))


class Preflight:
    """Looks at Secrets, rights and pods; remembers the serial numbers that the Secrets hold."""

    def __init__(
        self, reader: Reader, credentials: Sequence[Credential], deadline: Deadline, say: Callable[[str], None], news: News
    ) -> None:
        self._reader = reader
        self._news = news
        self._credentials = credentials
        self._deadline = deadline
        self._say = say
        self.serials: dict[str, list[str]] = {}

    def look(self) -> tuple[list[GatewayPod], list[Finding]]:
        """The Ready pods and all that is in the way, what cannot heal first. Raises KubeError."""
        pods = self._reader.pods()
        secrets = self._reader.secrets(self._credentials)
        self.serials = self._reader.serials(self._credentials, secrets)
        findings = self._reader.secret_findings(self._credentials, secrets)
        ready = [p for p in pods if p.ready]
        findings += self._reader.right_findings(ready or pods) + self._reader.pod_findings(pods)
        return ready, sorted(findings, key=lambda f: not f.final)

    def until_clear(self, fail_fast: bool) -> tuple[list[GatewayPod], list[Finding]]:
        """Look until nothing is in the way, or until waiting is over. Raises KubeError."""
        try:
            return self._until_clear(fail_fast)
        finally:
            self._news.close()

    def _until_clear(self, fail_fast: bool) -> tuple[list[GatewayPod], list[Finding]]:
        backoff = Backoff(FIRST_PAUSE, LONGEST_WITH_NEWS)
        while True:
            pods, findings = self.look()
            if not findings:
                return pods, findings
            self._say(findings[0].text)
            if self._deadline.expired or (fail_fast and any(f.final for f in findings)):
                return pods, findings
            self._news.wait(backoff.next(self._deadline))

    def read_serials(self) -> None:
        """Read the Secrets again: one may have been renewed meanwhile."""
        self.serials = self._reader.serials(self._credentials, self._reader.secrets(self._credentials))


def names_of(credentials: Sequence[Credential]) -> str:
    """All of them, for a sentence."""
    return ", ".join(c.name for c in credentials)


def failure(credentials: Sequence[Credential], findings: Sequence[Finding]) -> str:
    """The message for what is in the way."""
    names = names_of(credentials)
    return "\n".join("Credential %s cannot be served: %s" % (f.credential or names, f.text) for f in findings[:10])
