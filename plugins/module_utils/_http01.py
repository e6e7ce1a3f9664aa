# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a request for an ACME challenge reach the gateway? Plain sockets, no Kubernetes.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

CHALLENGE_PATH = "/.well-known/acme-challenge/"
ENVOY = "istio-envoy"

Resolver = Callable[[str], list[str]]


@dataclass(frozen=True)
class Probe:
    """What one request for one host found at one address. problem is empty when the gateway answered."""

    host: str
    address: str
    problem: str
    status: int = 0
    server: str = ""


def resolve(host: str) -> list[str]:
    """Addresses of a name, as this host's resolver knows them.

    Raises:
        OSError: it knows none.
    """
    found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def probe(host: str, address: str, port: int, token: str, timeout: float) -> Probe:
    """Ask for a challenge that does not exist: a 404 of the gateway is what a healthy path answers."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", CHALLENGE_PATH + token, headers={"Host": host})
        answer = connection.getresponse()
        server = answer.getheader("server") or ""
    except (OSError, http.client.HTTPException) as exc:
        return Probe(host, address, _reason(exc))
    finally:
        connection.close()
    if server != ENVOY:
        who = "server '%s'" % server if server else "a server that does not tell its name"
        return Probe(host, address, "%s answers with %d instead of the gateway" % (who, answer.status), answer.status, server)
    return Probe(host, address, "", answer.status, server)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, socket.gaierror):
        return "its name does not resolve"
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused: nothing listens there, or a firewall rejects it"
    if isinstance(exc, TimeoutError):
        return "no answer in time: a firewall may drop it, or no gateway pod is behind it"
    if isinstance(exc, (ConnectionResetError, http.client.RemoteDisconnected)):
        return "the connection was closed without an answer: something listens that is no HTTP server"
    if isinstance(exc, http.client.HTTPException):
        return "what answers is no HTTP server (%s)" % type(exc).__name__
    return (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).lower()


def probe_all(hosts: Sequence[str], addresses: Sequence[str], port: int, token: str, timeout: float) -> list[Probe]:
    """Every host at every address, side by side."""
    pairs = [(host, address) for host in hosts for address in addresses]
    if not pairs:
        return []
    with ThreadPoolExecutor(max_workers=min(32, len(pairs))) as pool:
        return list(pool.map(lambda pair: probe(pair[0], pair[1], port, token, timeout), pairs))


def dns_findings(
    hosts: Sequence[str], addresses: Sequence[str], port: int, token: str, timeout: float, resolver: Resolver = resolve
) -> list[str]:
    """What the DNS leads to where that is not the gateway, as seen from here; the ACME server may see another DNS."""
    known = set()
    for address in addresses:
        try:
            known.update(resolver(address))
        except OSError:
            continue
    findings = []
    for host in hosts:
        try:
            found = resolver(host)
        except OSError:
            findings.append("%s does not resolve on this host" % host)
            continue
        for address in found:
            if address not in known:
                outcome = probe(host, address, port, token, timeout)
                if outcome.problem:
                    findings.append("%s resolves to %s, and there %s" % (host, address, outcome.problem))
    return findings
