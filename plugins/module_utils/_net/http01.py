# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a request for an ACME challenge reach the gateway? Plain sockets, no Kubernetes."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import HEADER, other_way

CHALLENGE_PATH = "/.well-known/acme-challenge/"
ENVOY = "istio-envoy"

Resolver = Callable[[str], list[str]]


@dataclass(frozen=True)
class Probe:
    """What one request for one host found at one address.

    Attributes:
        host: The name that was asked for.
        address: The address that was asked.
        problem: Why a challenge would not reach the solver; empty where the gateway has no route, as before every order.
        status: HTTP status of the answer, 0 where there was none.
        server: What the answer's header C(server) says.
        closed: Whether the connection ended as if the gateway had not understood it.
        upstream: Whether a service behind Envoy gave the answer.
        location: Where the answer points to.
    """

    host: str
    address: str
    problem: str
    status: int = 0
    server: str = ""
    closed: bool = False
    upstream: bool = False
    location: str = ""

    def seen_as(self, name: str) -> Probe:
        """Return the probe with the problem that its answer is, where the gateway's header C(server) says this name."""
        if not self.status:
            return self
        if self.server != name:
            who = f"server '{self.server}'" if self.server else "a server that does not name itself"
            return replace(self, problem=f"{who} answers with {self.status} instead of the gateway")
        if self.status == 404 and not self.upstream:
            return replace(self, problem="")
        whose = "a service behind the gateway" if self.upstream else "the gateway"
        where = f" to {self.location}" if self.location else ""
        return replace(self, problem=f"{whose} answers with {self.status}{where} before cert-manager's solver can")


def resolve(host: str) -> list[str]:
    """Addresses of a name, as this host's resolver knows them.

    Raises:
        OSError: it knows none.
    """
    found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Announced(http.client.HTTPConnection):
    """A connection that begins with a PROXY header."""

    def connect(self) -> None:
        """Connect and send the header."""
        super().connect()
        self.sock.sendall(HEADER)


def probe(host: str, address: str, port: int, token: str, timeout: float, proxy_protocol: bool = False) -> Probe:
    """Ask for a challenge that does not exist: the gateway's own 404 is what a path without other rules answers.

    Whether another answer comes of a rule that gives way to the solver's route, only the cluster knows.

    What is not a gateway is asked the other way too, with or without a PROXY header: a gateway that wants it says nothing.
    """
    found = _probe_once(host, address, port, token, timeout, proxy_protocol)
    if found.closed and _probe_once(host, address, port, token, timeout, not proxy_protocol).server == ENVOY:
        return replace(found, problem=other_way(proxy_protocol))
    return found


def _probe_once(host: str, address: str, port: int, token: str, timeout: float, proxy_protocol: bool) -> Probe:
    connection = (_Announced if proxy_protocol else http.client.HTTPConnection)(address, port, timeout=timeout)
    try:
        connection.request("GET", CHALLENGE_PATH + token, headers={"Host": host})
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as exc:
        closed = isinstance(exc, (ConnectionResetError, http.client.RemoteDisconnected))
        return Probe(host, address, _reason(exc), closed=closed)
    finally:
        connection.close()
    server = answer.getheader("server") or ""
    # The gateway itself says so, without its name, of a header that it does not expect.
    closed = answer.status == 400 and not server
    upstream = answer.getheader("x-envoy-upstream-service-time") is not None
    location = answer.getheader("location") or ""
    return Probe(host, address, "", answer.status, server, closed, upstream, location).seen_as(ENVOY)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, socket.gaierror):
        return "its name does not resolve"
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused: nothing listens there, or a firewall rejects it"
    if isinstance(exc, TimeoutError):
        return "no answer in time: a firewall may drop it, or no gateway pod is behind it"
    if isinstance(exc, (ConnectionResetError, http.client.RemoteDisconnected)):
        return "the connection was closed without an answer: something listens that does not speak HTTP"
    if isinstance(exc, http.client.HTTPException):
        return f"what answers does not speak HTTP ({type(exc).__name__})"
    return (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).lower()


def challenge_answer(host: str, port: int = 80, timeout: float = 2.0, judge: Callable[[Probe], Probe] = lambda seen: seen) -> str | None:
    """What the name points to and who answers there, as seen from here and by the judge; None where nothing can be said in time."""
    said: list[str] = []

    def look() -> None:
        with contextlib.suppress(OSError):
            said.append(_answer_of(host, port, timeout, judge))

    # A resolver may take its time and cannot be interrupted; a daemon does not keep the process from ending.
    looker = threading.Thread(target=look, name="challenge-answer", daemon=True)
    looker.start()
    looker.join(3 * timeout)
    return said[0] if said else None


def _answer_of(host: str, port: int, timeout: float, judge: Callable[[Probe], Probe]) -> str:
    address = resolve(host)[0]
    seen = judge(probe(host, address, port, "seen-from-here", timeout))
    if seen.problem:
        return f"{host} points to {address}, and there {seen.problem}"
    return f"{host} points to {address}, where the gateway has no route to cert-manager's solver"


def probe_all(
    hosts: Sequence[str], addresses: Sequence[str], port: int, token: str, timeout: float, proxy_protocol: bool = False
) -> list[Probe]:
    """Every host at every address, side by side."""
    pairs = [(host, address) for host in hosts for address in addresses]
    if not pairs:
        return []
    with ThreadPoolExecutor(max_workers=min(32, len(pairs))) as pool:
        return list(pool.map(lambda pair: probe(pair[0], pair[1], port, token, timeout, proxy_protocol), pairs))


def _known(addresses: Sequence[str], resolver: Resolver) -> set[str]:
    found: set[str] = set()
    for address in addresses:
        with contextlib.suppress(OSError):
            found.update(resolver(address))
    return found


def dns_findings(
    hosts: Sequence[str],
    addresses: Sequence[str],
    port: int,
    token: str,
    timeout: float,
    resolver: Resolver = resolve,
    proxy_protocol: bool = False,
) -> list[str]:
    """What the DNS points to where that is not the gateway, as seen from here; the ACME server may see another DNS.

    With proxy_protocol others cannot use the addresses, since they send no PROXY header.
    """
    known = set() if proxy_protocol else _known(addresses, resolver)
    findings = []
    for host in hosts:
        try:
            found = resolver(host)
        except OSError:
            findings.append(f"{host} does not resolve on this host")
            continue
        for address in found:
            if address not in known:
                outcome = probe(host, address, port, token, timeout)
                if outcome.problem and outcome.server != ENVOY:
                    findings.append(f"{host} resolves to {address}, and there {outcome.problem}")
    return findings
