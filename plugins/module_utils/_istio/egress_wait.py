# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until pods hold the credentials with which they connect to servers outside, and know the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import held_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, resource_name
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import endpoints
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_explain import ADMIN_PORT, ADMIN_TIMEOUT, CLUSTERS_PATH, SECRETS_PATH
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import FIRST_PAUSE, LONGEST_PAUSE, Preflight
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome
from ansible_collections.baremesh.edge.plugins.module_utils._progress import Progress
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

PARALLEL = 8
_LINES = 10


@dataclass(frozen=True)
class Asked:
    """What pods are to hold and to know.

    Attributes:
        clusters: hosts with the port by which applications name them; none where nothing is applied yet.
        optional: whether there may be no pods at all.
    """

    credentials: Sequence[Credential]
    clusters: Sequence[tuple[str, int]]
    namespace: str
    selector: Mapping[str, str]
    optional: bool
    fail_fast: bool
    deadline: Deadline
    progress: Callable[[str], None] = lambda _unused: None


def parse_asked(params: Mapping[str, Any], deadline: Deadline, progress: Callable[[str], None]) -> Asked:
    """What the options ask for."""
    return Asked(
        credentials=[Credential(each["name"], ("*",), each["mode"], outbound=True) for each in params["credentials"]],
        clusters=[(each["host"], each["port"]) for each in params["clusters"]],
        namespace=params["namespace"],
        selector={str(key): str(value) for key, value in params["selector"].items()},
        optional=params["optional"],
        fail_fast=params["fail_fast"],
        deadline=deadline,
        progress=progress,
    )


class EgressWait:
    """Some pods, and what they need for the ways out."""

    def __init__(self, client: KubeClient, prober: Prober, asked: Asked, feed: Feed | None = None) -> None:
        self._client = client
        self._prober = prober
        self._asked = asked
        self._deadline = asked.deadline
        self._progress = Progress(asked.progress)
        self._title = ", ".join([c.name for c in asked.credentials] or [host for host, _port in asked.clusters]) or "the pods"
        patience = Patience(asked.deadline, self._say)
        self._reader = Reader(client, asked.namespace, asked.selector, patience)
        self._preflight = Preflight(
            client, self._reader, asked.credentials, asked.namespace, asked.deadline, self._say, feed or ThreadFeed(), asked.optional
        )
        self._pods: list[dict[str, str]] = []
        self._looks = 0

    def run(self, look_only: bool = False) -> Outcome:
        """Wait, or only look once. Raises KubeError from a look alone."""
        try:
            return self._wait(look_only)
        except KubeError as exc:
            if look_only:
                raise
            return self._outcome(f"The ways out are not open: {exc}", str(exc))

    def _wait(self, look_only: bool) -> Outcome:
        pods, causes = self._preflight.look() if look_only else self._preflight.until_clear(self._asked.fail_fast)
        if causes:
            return self._outcome("\n".join(map(self._blocked, causes[:_LINES])), causes[0].text)
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while self._asked.clusters:
            lacking = self._lacking(pods)
            now = [pod for pod in self._reader.pods() if pod.ready]
            if not lacking and {pod.name for pod in now} <= {pod.name for pod in pods}:
                break
            pods = now or pods
            if lacking:
                self._say(lacking[0])
                if look_only or self._deadline.expired:
                    lines = [f"The ways out are not open: {lacking[0]}", *lacking[1:_LINES], f"Waited {round(self._deadline.elapsed)} s."]
                    return self._outcome("\n".join(lines), lacking[0])
                self._deadline.clock.sleep(backoff.next(self._deadline))
                self._preflight.read_serials()
        held = f"{len(self._asked.credentials)} credentials and {len(self._asked.clusters)} ways out"
        return self._outcome(f"{len(pods)} pods {'have' if self._asked.clusters else 'can have'} {held}")

    def _blocked(self, cause: Cause) -> str:
        return f"Credential {cause.about} cannot be used: {cause.text}" if cause.about else f"The ways out cannot open: {cause.text}"

    def _lacking(self, pods: Sequence[GatewayPod]) -> list[str]:
        """A sentence for each thing that a pod lacks."""
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            found = list(pool.map(self._lacks, pods))
        self._looks += len(found)
        self._pods = [
            {"pod": pod.name, "node": pod.node, "state": "waiting" if lacks else "ready", "detail": "; ".join(lacks)}
            for pod, lacks in zip(pods, found)
        ]
        return [f"pod {pod.name} on {pod.node or 'no node'}: {lack}" for pod, lacks in zip(pods, found) for lack in lacks]

    def _lacks(self, pod: GatewayPod) -> list[str]:
        try:
            secrets = held_secrets(self._prober.read_json(pod.name, ADMIN_PORT, SECRETS_PATH, ADMIN_TIMEOUT))
            clusters = endpoints(self._prober.read_json(pod.name, ADMIN_PORT, CLUSTERS_PATH, ADMIN_TIMEOUT))
        except KubeError as exc:
            return [str(exc)]
        active = {each.name: each.leaf.serial if each.leaf else "" for each in secrets if each.state == "active"}
        lacks = []
        for credential in self._asked.credentials:
            for name in (*credential.secret_names, credential.ca_name):
                held = active.get(resource_name(str(name)))
                expected = self._preflight.serials[credential.name] if name in credential.secret_names else [held]
                if held is None:
                    lacks.append(
                        f"its Envoy does not hold {name}, which istiod has not sent (does istiod run, and is the pod connected to it?)"
                    )
                elif held not in expected:
                    lacks.append(f"its Envoy holds serial {held} of {name}, the Secret {' or '.join(map(str, expected)) or 'none'}")
        for host, port in self._asked.clusters:
            addresses = clusters.get(f"outbound|{port}||{host}")
            if addresses is None:
                lacks.append(f"its Envoy knows no way to {host} on port {port} yet")
            elif not addresses:
                lacks.append(f"its Envoy has no address for {host}; DNS in the cluster does not know the name")
        return lacks

    def _say(self, text: str) -> None:
        self._progress.say(self._title, text, self._deadline.elapsed)

    def _outcome(self, message: str, cause: str | None = None) -> Outcome:
        chain = [
            {"kind": "Pod", "name": each["pod"], "state": each["state"], "reason": "", "message": each["detail"]} for each in self._pods
        ]
        return Outcome(
            good=cause is None,
            message=message,
            found={"namespace": self._asked.namespace, "hosts": [host for host, _port in self._asked.clusters], "pods": self._pods},
            elapsed=self._deadline.elapsed,
            observations=self._reader.observations + self._looks,
            requests=self._client.requests + 2 * self._looks,
            cause=cause,
            chain=chain,
            warnings=self._reader.warnings,
        )
