# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sds_secret_wait and sds_primer share: the checks before, handshakes with every pod, primers, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, names_of
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.options import parse_credentials
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primers import Primers
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import Preflight
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import REFUSED, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._progress import Progress
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

HANDSHAKE_TIMEOUT = 5.0
PARALLEL = 8
_LINES = 10
# For so long one look puts up with an API that does not answer.
LOOK_SECONDS = 5


@dataclass(frozen=True)
class Asked:
    """Which credentials the gateway's pods are to serve, where, and when to stop waiting for it.

    Attributes:
        port: port of the real listener in the pods, 0 for none.
        primer_port: first port of a primer, None for free ones.
    """

    credentials: Sequence[Credential]
    namespace: str
    selector: Mapping[str, str]
    deadline: Deadline
    port: int = 443
    primer_port: int | None = None
    fail_fast: bool = True
    progress: Callable[[str], None] = lambda _unused: None


def parse_asked(params: Mapping[str, Any], deadline: Deadline, progress: Callable[[str], None] = lambda _unused: None) -> Asked:
    """What the options ask for, of those that a module has. Raises ValueError with the sentence for the user."""
    return Asked(
        credentials=parse_credentials(params["credentials"]),
        namespace=params["namespace"],
        selector={str(key): str(value) for key, value in params["selector"].items()},
        deadline=deadline,
        port=params["port"],
        primer_port=params.get("primer_port"),
        fail_fast=params.get("fail_fast", True),
        progress=progress,
    )


class Serving:
    """One gateway and the credentials that its pods are to serve."""

    def __init__(self, client: KubeClient, prober: Prober, asked: Asked, feed: Feed | None = None) -> None:
        self._client = client
        self._prober = prober
        self._asked = asked
        self._credentials = list(asked.credentials)
        self._deadline = asked.deadline
        self._progress = Progress(asked.progress)
        self._patience = Patience(asked.deadline, self._say)
        self._reader = Reader(client, asked.namespace, asked.selector, self._patience)
        self._preflight = Preflight(
            client, self._reader, self._credentials, asked.namespace, asked.deadline, self._say, feed or ThreadFeed()
        )
        self._primers = Primers(client, asked.namespace, asked.selector, asked.deadline.clock)
        self._seen: list[Seen] = []
        self._swept: list[str] = []
        # Handshakes, each over a connection of its own.
        self._shaken = 0

    def preflight(self) -> Outcome:
        """Only check what istiod and Envoy check. Raises KubeError."""
        pods, causes = self._preflight.look()
        if causes:
            return self._blocked(causes)
        return self._outcome(True, f"{len(pods)} gateway pods can be given {len(self._credentials)} credentials")

    def _say(self, text: str) -> None:
        self._progress.say(names_of(self._credentials), text, self._deadline.elapsed)

    def _sweep(self) -> None:
        """Remove what runs that are dead have left."""
        try:
            self._swept = self._patience.call(self._primers.stale)
        except ApiError as exc:
            if exc.not_found:
                # Without Istio's kinds there is nothing to sweep; creating a primer says so if it comes to that.
                return
            raise
        self._reader.warnings += self._primers.remove(self._swept)

    def _unserved(self, pods: Sequence[GatewayPod]) -> list[Credential]:
        """The credentials that the real listener does not serve on every pod. Raises ApiError where the right to forward is missing."""
        if self._asked.port:
            self._shake(pods, {c.name: c.port or self._asked.port for c in self._credentials}, stop_if_refused=True)
        left = {seen.credential.name for seen in self._seen if seen.state != SERVED}
        # The real listener proves nothing of a primer.
        self._seen = [seen for seen in self._seen if seen.credential.name not in left]
        served = {seen.credential.name for seen in self._seen}
        return [c for c in self._credentials if c.name not in served]

    def _prime(self, credentials: Sequence[Credential], kept: bool) -> dict[str, int]:
        """Make a primer; returns the port of each credential. Raises KubeError."""
        taken = self._reader.taken_ports() | {self._asked.port}
        return self._primers.create(credentials, self._asked.primer_port, taken, self._patience, kept)

    def _shake(self, pods: Sequence[GatewayPod], ports: Mapping[str, int], stop_if_refused: bool = False) -> bool:
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

        # The first alone: where the right to forward is missing, or nothing listens at all, one answer is enough.
        probes = [shake(s) for s in waiting[:1]]
        if len(waiting) > 1 and not (stop_if_refused and probes[0].state == REFUSED):
            with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
                probes += list(pool.map(shake, waiting[1:]))
        self._shaken += len(probes)
        for seen, probe in zip(waiting, probes):
            seen.take(probe, self._preflight.serials.get(seen.credential.name, []))
        return all(s.state == SERVED for s in self._seen)

    def _blocked(self, causes: Sequence[Cause]) -> Outcome:
        names = names_of(self._credentials)
        text = "\n".join(f"Credential {cause.about or names} cannot be served: {cause.text}" for cause in causes[:_LINES])
        return self._outcome(False, text, causes[0].text)

    def _broken(self, error: Exception) -> Outcome:
        return self._outcome(False, f"Credential {names_of(self._credentials)} is not served: {error}", str(error))

    def _outcome(self, good: bool, message: str, cause: str | None = None, **found: Any) -> Outcome:
        # Seen, each of them: a preflight without findings is not enough.
        served = good and bool(self._seen) and all(s.state == SERVED for s in self._seen)
        return Outcome(
            good=good,
            message=message,
            found={"pods": [s.result() for s in self._seen], "served": served, "swept": self._swept, **found},
            elapsed=self._deadline.elapsed,
            observations=self._reader.observations + self._shaken,
            requests=self._client.requests + self._shaken,
            cause=cause,
            chain=self._chain(),
            warnings=self._reader.warnings,
        )

    def _chain(self) -> list[dict[str, str]]:
        """Every Secret, and every pod that is not as it should be."""
        found = []
        for credential in self._credentials:
            held = self._preflight.serials.get(credential.name) or []
            for name in credential.secret_names:
                state = "Usable" if held else "Unusable"
                found.append({"kind": "Secret", "name": name, "state": state, "reason": "", "message": ", ".join(held)})
        bad = [s for s in self._seen if s.state != SERVED]
        found += [{"kind": "Pod", "name": s.pod.name, "state": s.state, "reason": "", "message": sentence(s)} for s in bad]
        return found
