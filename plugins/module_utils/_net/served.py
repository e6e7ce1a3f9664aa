# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates the endpoints of this network serve, at once or awaited."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.handshake import probe_address
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import Leaf, TlsError, iso, leaf_of_der, normal_serial, probe_name
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
PARALLEL = 16
UNFIT = "let the cipher suites fit the certificate's key (ECDHE-ECDSA for ECDSA, ECDHE-RSA for RSA), or raise the lowest version to 1.3"


@dataclass(frozen=True)
class Endpoint:
    """An address, a port, and the name to ask for."""

    address: str
    port: int
    server_name: str
    proxy_protocol: bool = False
    lowest_tls: str | None = None

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port} for {self.server_name}"


@dataclass
class Look:
    """All endpoints, seen once or at the end of a wait."""

    entries: list[dict[str, Any]]
    problems: list[str]
    elapsed: float
    observations: int


def describe_probe(probe: Probe) -> dict[str, Any]:
    """A handshake as result."""
    leaf: Leaf | None = None
    detail = probe.detail
    if probe.state == SERVED:
        try:
            leaf = leaf_of_der(probe.certificate)
        except TlsError as exc:
            detail = str(exc)
    return {
        "state": probe.state,
        "serial": leaf.serial if leaf else None,
        "fingerprint_sha256": leaf.fingerprint_sha256 if leaf else None,
        "issuer": leaf.issuer if leaf else None,
        "dns_names": leaf.dns_names if leaf else [],
        "not_after": iso(leaf.not_after) if leaf else None,
        "detail": detail,
    }


def parse_endpoints(given: Sequence[Mapping[str, Any]]) -> list[Endpoint]:
    """The option endpoints as objects. Raises ValueError with the sentence for the user."""
    found = []
    for entry in given:
        port = int(entry.get("port") or 443)
        if not 0 < port < 65536:
            raise ValueError(f"endpoints has port {port} for {entry['address']}: a port is 1 to 65535")
        address, name = str(entry["address"]).strip("[]"), str(entry["server_name"])
        found.append(Endpoint(address, port, name, bool(entry.get("proxy_protocol")), entry.get("lowest_tls")))
    return found


def parse_expected(given: Mapping[str, Any], asked: Collection[str], otherwise: str) -> dict[str, str]:
    """The option expected_serials, checked. Raises ValueError with the sentence for the user.

    Args:
        given: the option.
        asked: the server names that are asked for.
        otherwise: what is said of a name that is not among them.
    """
    found = {}
    for name, value in given.items():
        if name not in asked:
            raise ValueError(f"expected_serials has {name}, but {otherwise}")
        try:
            found[str(name)] = normal_serial(value)
        except TlsError as exc:
            raise ValueError(f"expected_serials for {name}: {exc}") from exc
    return found


class ServedWait:
    """Asks all endpoints, several at a time, until each serves what is expected of it."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        expected: Mapping[str, str],
        deadline: Deadline,
        connect_timeout: float,
        probe: Callable[..., Probe] = probe_address,
    ) -> None:
        self._endpoints = list(endpoints)
        self._expected = dict(expected)
        self._deadline = deadline
        self._connect_timeout = connect_timeout
        self._probe = probe
        self._observations = 0

    def run(self) -> Look:
        """One look, or with expected serials and a timeout as many as it takes; those that are right are not asked again."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        entries: dict[Endpoint, dict[str, Any]] = {}
        waiting = list(dict.fromkeys(self._endpoints))
        while True:
            with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
                entries.update(zip(waiting, pool.map(self._ask, waiting)))
            self._observations += len(waiting)
            waiting = [e for e in waiting if self._problem(e, entries[e])]
            if not waiting or not self._expected or self._deadline.expired:
                break
            self._deadline.clock.sleep(backoff.next(self._deadline))
        return Look(
            entries=[entries[e] for e in self._endpoints],
            problems=[str(self._problem(e, entries[e])) for e in waiting],
            elapsed=self._deadline.elapsed,
            observations=self._observations,
        )

    def _ask(self, endpoint: Endpoint) -> dict[str, Any]:
        how = (endpoint.address, endpoint.port, probe_name(endpoint.server_name), self._connect_timeout, endpoint.proxy_protocol)
        probe = self._probe(*how)
        if probe.state == SERVED and endpoint.lowest_tls:
            # Cipher suites that do not fit the key fail up to TLS 1.2 only, so clients without 1.3 would be the first to see it.
            lowest = self._probe(*how, endpoint.lowest_tls)
            if lowest.state != SERVED:
                probe = replace(lowest, detail=f"with TLS {endpoint.lowest_tls}, which is allowed there, {lowest.detail}; {UNFIT}")
        found = describe_probe(probe)
        return dict(
            found,
            address=endpoint.address,
            port=endpoint.port,
            server_name=endpoint.server_name,
            error=None if found["serial"] else found["detail"],
        )

    def _problem(self, endpoint: Endpoint, entry: Mapping[str, Any]) -> str | None:
        expected = self._expected.get(endpoint.server_name)
        if entry["error"]:
            return f"{endpoint} serves no certificate: {entry['error']}"
        if expected is not None and entry["serial"] != expected:
            return f"{endpoint} serves serial {entry['serial']} (issued by {entry['issuer']}), expected is {expected}"
        return None
