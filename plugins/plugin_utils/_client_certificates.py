# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds other servers over which a request reaches what clients must show a certificate for.

Envoy chooses the server by the name in the TLS handshake and the route by the name in the request. A server for a wildcard
takes requests for every name under it, whatever another server asks of clients who name it in the handshake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import bare, full_name, gateways_of, holds, matches
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw

# How sure a server is of its clients; others ask for no certificate, or for one that clients may leave out.
_ASKS = {"OPTIONAL_MUTUAL": 1, "MUTUAL": 2, "ISTIO_MUTUAL": 2, "PASSTHROUGH": 2, "AUTO_PASSTHROUGH": 2}
_JUDGED = ("MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL")
# The only header that clients do not choose: the gateway writes it, or a proxy in front.
_PROXIED = "x-forwarded-proto"
# What a condition may hold that a client cannot choose.
_PLACE = ("name", "port", "gateways", "authority")


@dataclass(frozen=True)
class _Server:
    gateway: str
    port: Any
    mode: str
    hosts: tuple[str, ...]

    @property
    def asks(self) -> int:
        return _ASKS.get(self.mode, 0)


def _servers(gateways: Iterable[Raw], labels: Raw) -> Iterator[_Server]:
    for gateway in gateways:
        spec = gateway.get("spec") or {}
        if not (spec.get("selector") or {}).items() <= labels.items():
            continue
        for server in spec.get("servers") or []:
            tls = server.get("tls") or {}
            if not tls.get("httpsRedirect"):
                mode = str(tls.get("mode") or "SIMPLE")
                yield _Server(
                    full_name(gateway), (server.get("port") or {}).get("number"), mode, tuple(map(bare, server.get("hosts") or []))
                )


def _place_fits(match: Raw, server: _Server, space: str) -> bool:
    names = [name if "/" in name else f"{space}/{name}" for name in match.get("gateways") or []]
    return match.get("port") in (None, server.port) and (not names or server.gateway in names)


def _destinations(service: Raw, server: _Server, host: str, cluster_domain: str) -> set[str]:
    """Return the services that rules bring a request to, as long as no rule before them takes it."""
    space = service["metadata"].get("namespace") or "default"
    found: set[str] = set()
    for asked in (host, f"{host}:{server.port}", host.upper()):
        for rule in (service.get("spec") or {}).get("http") or []:
            conditions = [match for match in rule.get("match") or [{}] if _place_fits(match, server, space)]
            conditions = [match for match in conditions if not match.get("authority") or holds(match["authority"], asked)]
            names = [str((entry.get("destination") or {}).get("host")) for entry in rule.get("route") or []]
            if any(_PROXIED not in (match.get("headers") or {}) for match in conditions):
                found |= {name if "." in name else f"{name}.{space}.svc.{cluster_domain}" for name in names}
            if any(set(match) <= set(_PLACE) for match in conditions):
                break
    return found


def _exactness(name: str) -> tuple[bool, int]:
    return not name.startswith("*"), len(name)


def _reached(server: _Server, host: str, services: Iterable[Raw], cluster_domain: str) -> set[str]:
    """Return the services that a server brings requests for a host to, by the routes of the most exact name."""
    bound = [
        (max(map(_exactness, names)), service)
        for service in services
        if server.gateway in gateways_of(service)
        and (names := [name for name in map(str, (service.get("spec") or {}).get("hosts") or []) if matches(host, name)])
    ]
    most = max((exactness for exactness, _service in bound), default=None)
    chosen = [service for exactness, service in bound if exactness == most]
    return {name for service in chosen for name in _destinations(service, server, host, cluster_domain)}


def bypassed(gateways: Iterable[Raw], services: Sequence[Raw], labels: Raw, cluster_domain: str) -> Iterator[str]:
    """Yield a sentence for each server that brings requests past the client certificate that another server asks for.

    Args:
        gateways: All Gateways that are known.
        services: All VirtualServices that are known.
        labels: Labels of the gateway pods.
        cluster_domain: Domain that completes the names of Services.
    """
    servers = list(_servers(gateways, labels))
    wild = [server for server in servers if any(host.startswith("*") for host in server.hosts)]
    for strict, host in ((server, host) for server in servers if server.mode in _JUDGED for host in server.hosts):
        weaker = [other for other in wild if other.asks < strict.asks and host not in other.hosts]
        wider = {other: name for other in weaker for name in other.hosts if matches(host, name)}
        behind = _reached(strict, host, services, cluster_domain) if wider else set()
        for other, pattern in wider.items():
            for name in sorted(behind & _reached(other, host, services, cluster_domain)):
                yield (
                    f"Gateway {other.gateway} brings requests for {host} to {name} by its hosts '{pattern}' on port {other.port}, past the "
                    f"client certificate that Gateway {strict.gateway} asks for; add a VirtualService with hosts [{host}], "
                    f"gateways [{other.gateway}] and http [{{directResponse: {{status: 421}}}}], or name its hosts one by one"
                )


def covered(subjects: Iterable[Any], site: Any) -> list[str]:
    """Return the hosts under wildcards of a site whose clients another subject judges itself."""
    wild = [host for host in site.hosts if host.startswith("*")]
    judged = (subject for subject in subjects if wild and subject.mode in (*_JUDGED, "PASSTHROUGH"))
    found = (host for subject in judged for host in subject.hosts if host not in site.hosts and any(matches(host, wide) for wide in wild))
    return list(dict.fromkeys(found))
