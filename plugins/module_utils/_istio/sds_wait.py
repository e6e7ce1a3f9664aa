# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until every gateway pod serves its credentials, proved by a handshake with each.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OTHER_SERIAL, GatewayPod, Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primers import Primers
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_base import SdsBase, Wanted
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_explain import ask_envoy
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_outcome import SdsOutcome
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import FIRST_PAUSE, LONGEST_PAUSE, names_of
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import FORWARD_FAILED, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff

HANDSHAKE_TIMEOUT = 5.0
PARALLEL = 8


class SdsWait(SdsBase):
    """Preflight, handshakes with the real listener if there is one, else with a primer."""

    method = "listener"

    def __init__(
        self,
        client: KubeClient,
        prober: Prober,
        wanted: Wanted,
        port: int = 443,
        primer_port: int | None = None,
        keep_primer: bool = False,
        feed: Feed | None = None,
    ) -> None:
        super().__init__(client, wanted, feed)
        self._prober = prober
        self._port = port
        self._primer_port = primer_port
        self._keep_primer = keep_primer
        self._primers = Primers(client, wanted.namespace, wanted.selector, wanted.deadline.clock)

    def run(self) -> SdsOutcome:
        """Wait. The primer is gone at the end, however the wait ends, unless it is to be kept after a success."""
        outcome: SdsOutcome | None = None
        try:
            outcome = self._wait()
        except KubeError as exc:
            outcome = self._outcome(False, "Credential %s is not served: %s" % (names_of(self._credentials), exc), str(exc))
        finally:
            keep = self._keep_primer and outcome is not None and outcome.good
            problems = self._primers.keep() if keep else self._primers.remove(self._primers.made)
        outcome.primers = list(self._primers.made) if keep else []
        outcome.warnings += problems
        outcome.requests = self._client.requests + self._asked
        return outcome

    def _wait(self) -> SdsOutcome:
        self._sweep()
        pods, findings = self._preflight.until_clear(self._fail_fast)
        if findings:
            return self._failed(findings)
        if self._port and self._round(pods, dict.fromkeys((c.name for c in self._credentials), self._port), once=True):
            return self._succeeded()
        self.method = "primer"
        ports = self._primers.create(self._credentials, self._primer_port, self._reader.taken_ports() | {self._port}, self._patience)
        return self._probe(pods, ports)

    def _probe(self, pods: list[GatewayPod], ports: Mapping[str, int]) -> SdsOutcome:
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            if self._round(pods, ports):
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

    def _round(self, pods: Sequence[GatewayPod], ports: Mapping[str, int], once: bool = False) -> bool:
        """Handshake where the certificate has not been seen yet; True if all have been seen."""
        known = {(s.pod.name, s.credential.name, s.sni): s for s in self._seen}
        self._seen = [
            known.get((pod.name, credential.name, sni)) or Seen(pod, credential, sni)
            for pod in pods
            for credential in self._credentials
            for sni in credential.server_names
        ]
        waiting = [s for s in self._seen if s.state != SERVED]
        timeout = max(1.0, self._deadline.cut(HANDSHAKE_TIMEOUT))

        def shake(seen: Seen) -> Probe:
            return self._prober.handshake(seen.pod.name, ports[seen.credential.name], seen.sni, timeout, seen.pod.proxy_protocol)

        # The first alone: where the right to forward is missing, one refusal is enough.
        probes = [shake(s) for s in waiting[:1]]
        if once and probes and probes[0].state != SERVED:
            self._asked += 1
            return False
        if len(waiting) > 1:
            with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
                probes += list(pool.map(shake, waiting[1:]))
        self._asked += len(probes)
        for seen, probe in zip(waiting, probes):
            seen.take(probe, self._preflight.serials.get(seen.credential.name, []))
        done = all(s.state == SERVED for s in self._seen)
        if once and not done:
            # The real listener proves nothing of the primer.
            self._seen = []
        return done

    def _sweep(self) -> None:
        try:
            self._swept = self._patience.call(lambda: self._primers.find(stale_only=True))
        except ApiError as exc:
            if exc.not_found:
                # Without Istio's kinds there is nothing to sweep; creating the primer says so if it comes to that.
                return
            raise
        self._reader.warnings += self._primers.remove(self._swept)

    def _not_served(self, waiting: Sequence[Seen], ports: Mapping[str, int]) -> SdsOutcome:
        # Before Envoy is asked, which takes a while.
        done, lasted = len(self._seen) - len(waiting), round(self._deadline.elapsed)
        first = waiting[0]
        cause = sentence(first, ask_envoy(self._prober, first, ports[first.credential.name]))
        lines = ["Credential %s is not served: %s" % (first.credential.name, cause)]
        lines += ["Credential %s: %s" % (s.credential.name, sentence(s)) for s in waiting[1:10]]
        lines.append("%d of %d handshakes succeeded in %d s." % (done, len(self._seen), lasted))
        return self._outcome(False, "\n".join(lines), cause)

    def _succeeded(self) -> SdsOutcome:
        pods = len({s.pod.name for s in self._seen})
        text = "%d credentials are served by %d gateway pods" % (len(self._credentials), pods)
        return self._outcome(True, text)
