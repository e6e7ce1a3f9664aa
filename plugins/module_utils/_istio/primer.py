# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The primer: a Gateway on the pods' loopback that makes Envoy fetch credentials before anything public exists."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso_wall, parse_time

LABEL = "baremesh.edge/primer"
DEADLINE = "baremesh.edge/primer-deadline"
CREATED = "baremesh.edge/primer-created"
OWNER = "baremesh.edge/primer-owner"
FIRST_PORT, LAST_PORT = 20000, 29999

# Clocks of different controllers differ; a primer of a run that still goes on must not be swept.
SWEEP_MARGIN = 120.0

_WEBHOOK = re.compile(
    r'failed calling webhook "(?P<webhook>[^"]*istio\.io)": .*"https://[^./"]+\.(?P<namespace>[^./"]+)\.svc[^"]*": (?P<reason>.+)'
)


def service_ports(services: Iterable[Mapping[str, Any]]) -> set[int]:
    """Every port that a Service gives a name to: istiod binds such a port differently."""
    found: set[int] = set()
    for service in services:
        for port in (service.get("spec") or {}).get("ports") or []:
            found |= {int(port[k]) for k in ("port", "targetPort", "nodePort") if str(port.get(k, "")).isdecimal()}
    return found


def choose_ports(count: int, taken: set[int], chance: random.Random) -> list[int]:
    """Free ports that differ from run to run: Envoy keeps a closed listener's secret for a while. Raises ValueError."""
    free = [p for p in range(FIRST_PORT, LAST_PORT + 1) if p not in taken]
    if len(free) < count:
        raise ValueError(f"{count} ports are needed for primers, but {FIRST_PORT} to {LAST_PORT} has only {len(free)} free")
    return sorted(chance.sample(free, count))


def primer_gateway(
    name: str,
    namespace: str,
    selector: Mapping[str, str],
    credentials: Sequence[Credential],
    ports: Sequence[int],
    wall: float,
    deadline_wall: float,
    owner: str | None,
) -> dict[str, Any]:
    """The Gateway object: one server, on a port of its own, for each credential.

    A listener of its own, because one that lacks a secret would keep the others from starting. HTTPS, because istiod
    leaves out a TLS server without a route. Without an owner it outlives the process that makes it, until its deadline.
    """
    servers = []
    for credential, port in zip(credentials, ports):
        tls: dict[str, Any] = {"mode": credential.mode}
        if credential.credential_names:
            tls["credentialNames"] = list(credential.credential_names)
        else:
            tls["credentialName"] = credential.name
        if credential.ca_credential_name:
            tls["caCertCredentialName"] = credential.ca_credential_name
        servers.append(
            {
                "port": {"number": port, "name": f"https-primer-{port}", "protocol": "HTTPS"},
                "bind": "127.0.0.1",
                "hosts": list(credential.hosts),
                "tls": tls,
            }
        )
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {LABEL: "true"},
            "annotations": {CREATED: iso_wall(wall), DEADLINE: iso_wall(deadline_wall), **({OWNER: owner} if owner else {})},
        },
        "spec": {"selector": dict(selector), "servers": servers},
    }


def credential_ports(gateway: Mapping[str, Any]) -> dict[str, int]:
    """By credential, the port on which a primer makes pods serve it."""
    found = {}
    for server in (gateway.get("spec") or {}).get("servers") or []:
        tls = server.get("tls") or {}
        for name in [tls.get("credentialName"), *(tls.get("credentialNames") or [])]:
            if name:
                found[str(name)] = int(server["port"]["number"])
    return found


def webhook_trouble(message: str) -> str | None:
    """A sentence where istiod's webhook did not answer the API server, from the message of the API server."""
    found = _WEBHOOK.search(" ".join(message.split()))
    if not found:
        return None
    return (
        f"istiod does not answer: its webhook {found['webhook']}, without which no Gateway can be made, fails ({found['reason']}); "
        f"does istiod run in namespace {found['namespace']}?"
    )


def is_stale(gateway: Mapping[str, Any], wall: float, has_ended: Callable[[str], bool]) -> bool:
    """True for a primer whose run must have ended: its process is gone, its own deadline is long over, or it has none."""
    annotations = (gateway.get("metadata") or {}).get("annotations") or {}
    if has_ended(str(annotations.get(OWNER) or "")):
        return True
    deadline = parse_time(annotations.get(DEADLINE))
    return deadline is None or wall > deadline.timestamp() + SWEEP_MARGIN


def is_for(gateway: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    """True for a primer on the same gateway pods."""
    return dict((gateway.get("spec") or {}).get("selector") or {}) == dict(selector)
