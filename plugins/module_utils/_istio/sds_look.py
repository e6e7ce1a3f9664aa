# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway pods hold and serve, seen once or awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import HeldSecret, held_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_pods import Reader
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, selector_text
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_explain import ADMIN_PORT, SECRETS_PATH
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_preflight import FIRST_PAUSE, LONGEST_PAUSE
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import HANDSHAKE_TIMEOUT, PARALLEL
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.patience import Patience
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.served import describe_probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso, probe_name
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

Entry = dict[str, Any]


@dataclass
class Seen:
    """What one look, or the last of several, showed."""

    pods: list[GatewayPod]
    served: list[Entry]
    secrets: list[Entry]
    errors: list[str]
    problems: list[str]
    elapsed: float

    def result(self) -> dict[str, Any]:
        """As module result."""
        return {
            "pods": [pod_entry(p) for p in self.pods],
            "served": self.served,
            "secrets": self.secrets,
            "errors": self.errors,
            "elapsed": round(self.elapsed, 3),
            "cause": self.problems[0] if self.problems else None,
        }


class GatewayLook:
    """Asks every pod of a gateway, several at a time."""

    def __init__(
        self, client: KubeClient, prober: Prober, namespace: str, selector: Mapping[str, str], port: int, deadline: Deadline
    ) -> None:
        self._prober = prober
        self._port = port
        self._labels = selector_text(selector)
        self._namespace = namespace
        self._deadline = deadline
        self._reader = Reader(client, namespace, selector, Patience(deadline))

    def once(self, server_names: Sequence[str], read_secrets: bool) -> Seen:
        """All pods as they are now. Raises KubeError where they cannot even be listed."""
        pods = self._reader.pods()
        return self._seen(pods, self._shake_all([(p, n) for p in pods for n in server_names]), [], read_secrets)

    def wait(self, server_names: Sequence[str], expected: Mapping[str, str], read_secrets: bool) -> Seen:
        """Look until every Ready pod serves what is expected; a handshake that showed it is not made again. Raises KubeError."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        right: dict[tuple[str, int, str], Entry] = {}
        while True:
            pods = self._reader.pods()
            jobs = [(p, n) for p in pods if p.ready for n in server_names]
            open_jobs = [j for j in jobs if _key(*j) not in right]
            wrong: dict[tuple[str, int, str], Entry] = {}
            for job, entry in zip(open_jobs, self._shake_all(open_jobs)):
                (right if _problem(entry, expected) is None else wrong)[_key(*job)] = entry
            problems = [f.text for f in self._reader.pod_causes(pods)] + [str(_problem(e, expected)) for e in wrong.values()]
            if not problems or self._deadline.expired:
                found = {**right, **wrong}
                return self._seen(pods, [found[_key(*j)] for j in jobs], problems, read_secrets)
            self._deadline.clock.sleep(backoff.next(self._deadline))

    def _seen(self, pods: list[GatewayPod], served: list[Entry], problems: list[str], read_secrets: bool) -> Seen:
        secrets: list[Entry] = []
        errors = [] if pods else [f"no pod in namespace {self._namespace} has the labels {self._labels}"]
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            for found, error in pool.map(self._dump, pods if read_secrets else []):
                secrets += found
                errors += [error] if error else []
        return Seen(pods, served, secrets, errors, problems, self._deadline.elapsed)

    def _shake_all(self, jobs: Sequence[tuple[GatewayPod, str]]) -> list[Entry]:
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            return list(pool.map(lambda job: self._shake(*job), jobs))

    def _dump(self, pod: GatewayPod) -> tuple[list[Entry], str]:
        try:
            dump = self._prober.read_json(pod.name, ADMIN_PORT, SECRETS_PATH, HANDSHAKE_TIMEOUT)
        except KubeError as exc:
            return [], f"Pod {pod.name}: {exc}"
        return [secret_entry(pod, s) for s in held_secrets(dump)], ""

    def _shake(self, pod: GatewayPod, server_name: str) -> Entry:
        try:
            probe = self._prober.handshake(pod.name, self._port, probe_name(server_name), HANDSHAKE_TIMEOUT, pod.proxy_protocol)
        except KubeError as exc:
            probe = Probe(FORWARD_FAILED, detail=str(exc))
        return dict({"pod": pod.name, "namespace": pod.namespace, "node": pod.node, "sni": server_name}, **describe_probe(probe))


def _key(pod: GatewayPod, server_name: str) -> tuple[str, int, str]:
    """What a handshake is valid for: a container that was started again knows nothing of it."""
    return pod.uid or pod.name, pod.restarts, server_name


def _problem(entry: Entry, expected: Mapping[str, str]) -> str | None:
    where = f"gateway pod {entry['pod']} on {entry['node'] or 'no node'}"
    if not entry["serial"]:
        return f"{where} serves no certificate for {entry['sni']}: {entry['detail']}"
    serial = expected.get(entry["sni"])
    if serial is not None and entry["serial"] != serial:
        return f"{where} serves serial {entry['serial']} for {entry['sni']}, expected is {serial}"
    return None


def pod_entry(pod: GatewayPod) -> Entry:
    """Return a pod as module result."""
    return {"name": pod.name, "node": pod.node, "uid": pod.uid, "ready": pod.ready, "restarts": pod.restarts}


def secret_entry(pod: GatewayPod, secret: HeldSecret) -> Entry:
    """Return a secret that a pod holds, as module result."""
    leaf = secret.leaf
    return {
        "pod": pod.name,
        "node": pod.node,
        "name": secret.name,
        "state": secret.state,
        "kind": "ca" if secret.is_ca else "certificate",
        "serial": leaf.serial if leaf else None,
        "dns_names": leaf.dns_names if leaf else [],
        "not_after": iso(leaf.not_after) if leaf else None,
        "last_updated": secret.last_updated,
    }
