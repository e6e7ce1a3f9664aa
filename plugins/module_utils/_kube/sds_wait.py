# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until every gateway pod serves its credentials, proved by a handshake with each.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import FORWARD_FAILED, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import held_secrets, listener_errors
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, Finding, resource_name
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OTHER_SERIAL, GatewayPod, Seen, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.gateway_pods import Patience, Reader
from ansible_collections.baremesh.edge.plugins.module_utils._kube.primers import Primers
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

ADMIN_PORT = 15000
SECRETS_PATH = "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets"
HANDSHAKE_TIMEOUT = 5.0
ADMIN_TIMEOUT = 3.0
# Envoy takes 0.1 to 1.5 s for a new listener; a secret that comes later is served 0.1 s after istiod has it.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
PARALLEL = 8
REPORT_EVERY = 10.0


class Prober(Protocol):
    """Handshakes with ports inside pods; unit tests script one."""

    def handshake(self, pod: str, port: int, server_name: str, timeout: float) -> Probe:
        """One handshake. Raises ApiError where the right to forward is missing."""

    def read_json(self, pod: str, port: int, path: str, timeout: float) -> Any:
        """GET of a JSON document. Raises KubeError."""


@dataclass
class SdsOutcome:
    """The end of a wait; the same keys on success and on failure."""

    served: bool
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
            "served": self.served,
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


class SdsWait:
    """Preflight, handshakes with the real listener if there is one, else with a primer."""

    def __init__(
        self,
        client: KubeClient,
        prober: Prober,
        credentials: Sequence[Credential],
        namespace: str,
        selector: Mapping[str, str],
        deadline: Deadline,
        port: int = 443,
        primer_port: int | None = None,
        keep_primer: bool = False,
        fail_fast: bool = True,
        progress: Callable[[str], None] = lambda _unused: None,
    ) -> None:
        self._client = client
        self._prober = prober
        self._credentials = list(credentials)
        self._namespace = namespace
        self._deadline = deadline
        self._port = port
        self._primer_port = primer_port
        self._keep_primer = keep_primer
        self._fail_fast = fail_fast
        self._progress = progress
        self._patience = Patience(deadline, self._say)
        self._reader = Reader(client, namespace, selector, self._patience)
        self._primers = Primers(client, namespace, selector, deadline.clock)
        self._seen: list[Seen] = []
        self._swept: list[str] = []
        self._method = "listener"
        self._serials: dict[str, list[str]] = {}
        self._handshakes = 0
        self._said, self._said_at = "", 0.0

    @property
    def _names(self) -> str:
        return ", ".join(c.name for c in self._credentials)

    def preflight(self) -> SdsOutcome:
        """Only look at what istiod and Envoy look at. Raises KubeError."""
        pods, findings = self._look()
        if findings:
            return self._failed(findings)
        text = "%d gateway pods can be given %d credentials" % (sum(p.ready for p in pods), len(self._credentials))
        return self._outcome(True, text)

    def run(self) -> SdsOutcome:
        """Wait. The primer is gone at the end, however the wait ends, unless it is to be kept after a success."""
        outcome: SdsOutcome | None = None
        try:
            outcome = self._wait()
        except KubeError as exc:
            outcome = self._outcome(False, "Credential %s is not served: %s" % (self._names, exc), str(exc))
        finally:
            keep = self._keep_primer and outcome is not None and outcome.served
            problems = [] if keep else self._primers.remove(self._primers.made)
        outcome.primers = list(self._primers.made) if keep else []
        outcome.warnings += problems
        outcome.requests = self._client.requests + self._handshakes
        return outcome

    def _wait(self) -> SdsOutcome:
        self._sweep()
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            pods, findings = self._look()
            if not findings:
                break
            self._say("; ".join(f.text for f in findings[:1]))
            if self._deadline.expired or (self._fail_fast and any(f.final for f in findings)):
                return self._failed(findings)
            self._deadline.clock.sleep(backoff.next(self._deadline))
        if self._port and self._round(pods, dict.fromkeys((c.name for c in self._credentials), self._port), once=True):
            return self._succeeded()
        self._method = "primer"
        ports = self._primers.create(self._credentials, self._primer_port, self._reader.taken_ports() | {self._port}, self._patience)
        return self._probe(pods, ports)

    def _look(self) -> tuple[list[GatewayPod], list[Finding]]:
        pods = self._reader.pods()
        secrets = self._reader.secrets(self._credentials)
        self._serials = self._reader.serials(self._credentials, secrets)
        findings = self._reader.secret_findings(self._credentials, secrets)
        ready = [p for p in pods if p.ready]
        findings += self._reader.right_findings(ready or pods) + self._reader.pod_findings(pods)
        return ready, sorted(findings, key=lambda f: not f.final)

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
                self._serials = self._reader.serials(self._credentials, self._reader.secrets(self._credentials))

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
            return self._prober.handshake(seen.pod.name, ports[seen.credential.name], seen.sni, timeout)

        # The first alone: where the right to forward is missing, one refusal is enough.
        probes = [shake(s) for s in waiting[:1]]
        if once and probes and probes[0].state != SERVED:
            self._handshakes += 1
            return False
        if len(waiting) > 1:
            with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
                probes += list(pool.map(shake, waiting[1:]))
        self._handshakes += len(probes)
        for seen, probe in zip(waiting, probes):
            seen.take(probe, self._serials.get(seen.credential.name, []))
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
        first = waiting[0]
        held = self._ask_envoy(first, ports[first.credential.name])
        cause = sentence(first, held)
        lines = ["Credential %s is not served: %s" % (first.credential.name, cause)]
        lines += ["Credential %s: %s" % (s.credential.name, sentence(s)) for s in waiting[1:10]]
        lines.append(
            "%d of %d handshakes succeeded in %d s." % (len(self._seen) - len(waiting), len(self._seen), round(self._deadline.elapsed))
        )
        return self._outcome(False, "\n".join(lines), cause)

    def _ask_envoy(self, seen: Seen, port: int) -> str:
        """What the pod's Envoy says of the secret; only to explain, never to prove."""
        if seen.state == FORWARD_FAILED:
            return ""
        wanted = [resource_name(n) for n in (*seen.credential.secret_names, seen.credential.ca_name) if n]
        try:
            listeners = self._prober.read_json(seen.pod.name, ADMIN_PORT, "/config_dump?resource=dynamic_listeners", ADMIN_TIMEOUT)
            errors = listener_errors(listeners, port)
            if errors:
                return "Envoy refused the listener: %s" % errors[0]
            dump = self._prober.read_json(seen.pod.name, ADMIN_PORT, SECRETS_PATH, ADMIN_TIMEOUT)
        except KubeError:
            return ""
        states = {s.name: s.state for s in held_secrets(dump)}
        missing = [n for n in wanted if states.get(n) != "active"]
        if not missing:
            return "its Envoy holds %s" % " and ".join(wanted)
        word = "waits for" if states.get(missing[0]) else "has not asked for"
        return "its Envoy %s %s, which istiod has not sent (does istiod run, and is the pod connected to it?)" % (word, missing[0])

    def _failed(self, findings: Sequence[Finding]) -> SdsOutcome:
        lines = ["Credential %s cannot be served: %s" % (f.credential or self._names, f.text) for f in findings[:10]]
        return self._outcome(False, "\n".join(lines), findings[0].text)

    def _succeeded(self) -> SdsOutcome:
        pods = len({s.pod.name for s in self._seen})
        text = "%d credentials are served by %d gateway pods" % (len(self._credentials), pods)
        return self._outcome(True, text)

    def _outcome(self, served: bool, message: str, cause: str | None = None) -> SdsOutcome:
        return SdsOutcome(
            served=served,
            message=message,
            seen=self._seen,
            elapsed=self._deadline.elapsed,
            observations=self._reader.observations + self._handshakes,
            requests=self._client.requests + self._handshakes,
            method=self._method,
            cause=cause,
            chain=self._chain(),
            swept=self._swept,
            warnings=self._reader.warnings,
        )

    def _chain(self) -> list[dict[str, str]]:
        found = []
        for credential in self._credentials:
            serials = self._serials.get(credential.name)
            for name in credential.secret_names:
                state = "Usable" if serials else "Unusable"
                found.append({"kind": "Secret", "name": name, "state": state, "reason": "", "message": ", ".join(serials or [])})
        for seen in self._seen:
            if seen.state != SERVED:
                entry = {"kind": "Pod", "name": seen.pod.name, "state": seen.state, "reason": "", "message": sentence(seen)}
                found.append(entry)
        return found

    def _say(self, text: str) -> None:
        now = self._deadline.elapsed
        if text != self._said or now - self._said_at >= REPORT_EVERY:
            self._said, self._said_at = text, now
            self._progress("%s: %s (%d s)" % (self._names, " ".join(text.split()), now))
