# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until every gateway pod serves its credentials, proved by a handshake with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import names_of
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OTHER_SERIAL, GatewayPod, Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_explain import ask_envoy
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import FIRST_PAUSE, LONGEST_PAUSE
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import Asked, Serving
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, SERVED
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff

_LINES = 10


class SdsWait(Serving):
    """Checks, then handshakes with the real listener or with primers."""

    def __init__(
        self, client: KubeClient, prober: Prober, asked: Asked, primers: Sequence[str] | None = None, feed: Feed | None = None
    ) -> None:
        """With O(primers) these are asked, and the real listener for what they lack; without, one is made for the time of the wait."""
        super().__init__(client, prober, asked, feed)
        self._given = primers
        self._method = "listener"

    def run(self) -> Outcome:
        """Wait. What was made for it is gone at the end, however the wait ends."""
        problems: list[str] = []
        try:
            outcome = self._wait()
        except KubeError as exc:
            outcome = self._broken(exc)
        finally:
            problems = self._primers.remove(self._primers.made)
        outcome.warnings += problems
        outcome.requests = self._client.requests + self._shaken
        return outcome

    def _outcome(self, good: bool, message: str, cause: str | None = None, **found: Any) -> Outcome:
        return super()._outcome(good, message, cause, method=self._method, **found)

    def _wait(self) -> Outcome:
        self._sweep()
        pods, causes = self._preflight.until_clear(self._asked.fail_fast)
        if causes:
            return self._blocked(causes)
        ports = {c.name: c.port or self._asked.port for c in self._credentials}
        if self._given is None:
            unserved = self._unserved(pods)
            if unserved:
                self._method = "primer"
                ports.update(self._prime(unserved, kept=False))
        elif self._given:
            self._method = "primer"
            ports.update(self._primers.ports(self._given, self._patience))
        nowhere = [credential for credential in self._credentials if not ports[credential.name]]
        if nowhere:
            raise KubeError(f"port is 0, and no primer is for {names_of(nowhere)}")
        return self._probe(pods, ports)

    def _probe(self, pods: list[GatewayPod], ports: Mapping[str, int]) -> Outcome:
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            if self._shake(pods, ports):
                # A pod that became Ready meanwhile has not been asked.
                now = [p for p in self._reader.pods() if p.ready]
                if {p.name for p in now} <= {p.name for p in pods}:
                    return self._succeeded()
                pods = now
                continue
            waiting = [s for s in self._seen if s.state != SERVED]
            self._say(sentence(waiting[0]))
            if self._deadline.expired:
                return self._not_served(waiting, ports)
            self._deadline.clock.sleep(backoff.next(self._deadline))
            if any(s.state == FORWARD_FAILED for s in waiting):
                pods = [p for p in self._reader.pods() if p.ready] or pods
            if any(s.state == OTHER_SERIAL for s in waiting):
                self._preflight.read_serials()

    def _not_served(self, waiting: Sequence[Seen], ports: Mapping[str, int]) -> Outcome:
        # Before Envoy is asked, which takes a while.
        done, lasted = len(self._seen) - len(waiting), round(self._deadline.elapsed)
        first = waiting[0]
        cause = sentence(first, ask_envoy(self._prober, first, ports[first.credential.name]))
        lines = [f"Credential {first.credential.name} is not served: {cause}"]
        lines += [f"Credential {s.credential.name}: {sentence(s)}" for s in waiting[1:_LINES]]
        lines.append(f"{done} of {len(self._seen)} handshakes succeeded in {lasted} s.")
        return self._outcome(False, "\n".join(lines), cause)

    def _succeeded(self) -> Outcome:
        pods = len({s.pod.name for s in self._seen})
        return self._outcome(True, f"{len(self._credentials)} credentials are served by {pods} gateway pods")
