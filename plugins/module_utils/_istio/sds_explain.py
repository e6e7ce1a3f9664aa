# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's Envoy says of a credential that it does not serve; only to explain, never to prove."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import held_secrets, listener_errors
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import resource_name
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import Seen
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED

ADMIN_PORT = 15000
ADMIN_TIMEOUT = 3.0
CLUSTERS_PATH = "/clusters?format=json"
SECRETS_PATH = "/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets"


def ask_envoy(prober: Prober, seen: Seen, port: int) -> str:
    """Half a sentence on the listener and the secret; empty where Envoy cannot be asked."""
    if seen.state == FORWARD_FAILED:
        return ""
    names = [resource_name(n) for n in (*seen.credential.secret_names, seen.credential.ca_name) if n]
    try:
        listeners = prober.read_json(seen.pod.name, ADMIN_PORT, "/config_dump?resource=dynamic_listeners", ADMIN_TIMEOUT)
        errors = listener_errors(listeners, port)
        if errors:
            return f"Envoy refused the listener: {errors[0]}"
        dump = prober.read_json(seen.pod.name, ADMIN_PORT, SECRETS_PATH, ADMIN_TIMEOUT)
    except KubeError:
        return ""
    states = {s.name: s.state for s in held_secrets(dump)}
    missing = [n for n in names if states.get(n) != "active"]
    if not missing:
        return f"its Envoy holds {' and '.join(names)}"
    word = "waits for" if states.get(missing[0]) else "has not asked for"
    return f"its Envoy {word} {missing[0]}, which istiod has not sent (does istiod run, and is the pod connected to it?)"
