# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until istiod would send a gateway's pods their credentials, for clusters that allow no primer.

It proves less than a handshake: what Envoy makes of the credential is not seen.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Finding
from ansible_collections.baremesh.edge.plugins.module_utils._istio.offers import judge, resource_names
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OFFERED, GatewayPod, Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import Offer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_base import SdsBase, Wanted
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_outcome import SdsOutcome
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_preflight import FIRST_PAUSE, LONGEST_PAUSE, REPORT_EVERY, names_of
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff

# istiod pushes what changes in Secrets, but says nothing when a right is granted: then only asking anew helps.
ASK_ANEW_AFTER = 20.0


class Stream(Protocol):
    """An open subscription; unit tests script one."""

    def next(self, seconds: float) -> dict[str, Offer]:
        """What comes within that time. Raises KubeError."""

    def close(self) -> None:
        """End it."""


class ControlPlane(Protocol):
    """Something that can be asked for secrets."""

    def subscribe(self, pod: GatewayPod, names: Sequence[str]) -> Stream:
        """Ask as the pod's ServiceAccount. Raises KubeError."""


class XdsWait(SdsBase):
    """Preflight, then a subscription for each kind of pod, until istiod has sent what the Secrets hold."""

    method = "xds"

    def __init__(self, client: KubeClient, istiod: ControlPlane, wanted: Wanted, feed: Feed | None = None) -> None:
        super().__init__(client, wanted, feed)
        self._istiod = istiod
        self._names = resource_names(self._credentials)

    def run(self) -> SdsOutcome:
        """Wait."""
        try:
            return self._wait()
        except KubeError as exc:
            return self._not_offered(str(exc))

    def _wait(self) -> SdsOutcome:
        # What is missing in Secrets comes by push; without fail_fast that is what is waited for.
        pods, findings = self._preflight.until_clear(self._fail_fast, secrets=self._fail_fast)
        if findings:
            return self._failed(findings)
        self._seen = [Seen(pod, credential, "") for pod in pods for credential in self._credentials]
        for pod in _askers(pods):
            if not self._ask(pod, [s for s in self._seen if _identity(s.pod) == _identity(pod)]):
                return self._out_of_time()
        text = "istiod will serve %d credentials to %d gateway pods; whether their Envoys serve them was not asked"
        return self._outcome(True, text % (len(self._credentials), len(pods)))

    def _out_of_time(self) -> SdsOutcome:
        # Where the Secret itself is why, that is the deepest reason.
        _pods, findings = self._preflight.look()
        if findings:
            return self._failed(findings)
        return self._not_offered(sentence(next(s for s in self._seen if s.state != OFFERED)))

    def _ask(self, pod: GatewayPod, seen: Sequence[Seen]) -> bool:
        """Subscribe until all is offered; False if time is over."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            try:
                if self._subscribe(pod, seen):
                    return True
                if self._deadline.expired:
                    return False
            except KubeError as exc:
                if not exc.transient or self._deadline.expired:
                    raise
                self._say("istiod cannot be asked: %s" % exc)
            self._deadline.clock.sleep(backoff.next(self._deadline))

    def _subscribe(self, pod: GatewayPod, seen: Sequence[Seen]) -> bool:
        stream = self._istiod.subscribe(pod, self._names)
        self._asked += 1
        try:
            return self._listen(stream, seen)
        finally:
            stream.close()

    def _listen(self, stream: Stream, seen: Sequence[Seen]) -> bool:
        """Take what istiod sends; True when all is there, False where it is time to ask anew."""
        offers: dict[str, Offer] = {}
        begun = self._deadline.elapsed
        while True:
            offers.update(stream.next(self._deadline.cut(REPORT_EVERY)))
            reason = self._judge(seen, offers)
            if not reason:
                return True
            self._say(reason)
            if self._deadline.expired or self._deadline.elapsed - begun >= ASK_ANEW_AFTER:
                return False

    def _judge(self, seen: Sequence[Seen], offers: Mapping[str, Offer]) -> str:
        """Why what is offered is not what should be served; empty where it is."""
        findings: list[Finding] = []
        if offers:
            # Read after the offer: the Secret that was pushed is at least that new.
            _pods, findings = self._preflight.look()
        for each in seen:
            judge(each, offers, self._preflight.serials.get(each.credential.name, []))
        reasons = [f.text for f in findings if f.credential] + [sentence(s) for s in seen if s.state != OFFERED]
        return reasons[0] if reasons else ""

    def _not_offered(self, cause: str) -> SdsOutcome:
        return self._outcome(False, "Credential %s is not offered by istiod: %s" % (names_of(self._credentials), cause), cause)


def _identity(pod: GatewayPod) -> tuple[Any, ...]:
    """What istiod tells pods apart by, as far as credentials go."""
    return pod.service_account, pod.cluster, pod.revision


def _askers(pods: Sequence[GatewayPod]) -> list[GatewayPod]:
    return list({_identity(p): p for p in reversed(pods)}.values())
