# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at what gateway pods hold and serve.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import FORWARD_FAILED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import HeldSecret, held_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.gateway_pods import Patience, Reader
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_explain import ADMIN_PORT, SECRETS_PATH, Prober
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_wait import HANDSHAKE_TIMEOUT, PARALLEL
from ansible_collections.baremesh.edge.plugins.module_utils._served import describe_probe
from ansible_collections.baremesh.edge.plugins.module_utils._tls import iso, probe_name
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def look(
    client: KubeClient,
    prober: Prober,
    namespace: str,
    selector: Mapping[str, str],
    server_names: Sequence[str],
    port: int,
    read_secrets: bool = True,
) -> dict[str, Any]:
    """Ask every pod, several at a time. Raises KubeError where the pods cannot even be listed."""
    pods = Reader(client, namespace, selector, Patience(Deadline(SystemClock(), 5))).pods()
    jobs = [(p, n) for p in pods for n in server_names]
    secrets: list[dict[str, Any]] = []
    errors: list[str] = []
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        dumps = pool.map(lambda p: _dump(prober, p), pods if read_secrets else [])
        shakes = pool.map(lambda job: _shake(prober, job[0], job[1], port), jobs)
        for found, error in dumps:
            secrets += found
            errors += [error] if error else []
        return {"secrets": secrets, "served": list(shakes), "errors": errors}


def _dump(prober: Prober, pod: GatewayPod) -> tuple[list[dict[str, Any]], str]:
    try:
        dump = prober.read_json(pod.name, ADMIN_PORT, SECRETS_PATH, HANDSHAKE_TIMEOUT)
    except KubeError as exc:
        return [], "Pod %s: %s" % (pod.name, exc)
    return [_secret(pod, s) for s in held_secrets(dump)], ""


def _secret(pod: GatewayPod, secret: HeldSecret) -> dict[str, Any]:
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


def _shake(prober: Prober, pod: GatewayPod, server_name: str, port: int) -> dict[str, Any]:
    try:
        probe = prober.handshake(pod.name, port, probe_name(server_name), HANDSHAKE_TIMEOUT)
    except KubeError as exc:
        probe = Probe(FORWARD_FAILED, detail=str(exc))
    return dict({"pod": pod.name, "node": pod.node, "sni": server_name}, **describe_probe(probe))
