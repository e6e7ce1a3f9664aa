# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host port really reaches its NodePort: a connection to both, and what follows from them.

The connections are made by a function that is passed in, so that the reasoning can be tested without a network.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPort

LOOPBACK = ("127.0.0.1", "::1")
_NO_SUCH_FAMILY = tuple(map(os.strerror, (errno.ENETUNREACH, errno.EADDRNOTAVAIL)))

Connect = Callable[[str, int], Optional[str]]
"""Opens and closes a connection to address and port; ``None`` if that worked, else the reason in words."""


@dataclass(frozen=True)
class Check:
    """One host port at one address of the host: ``works``, ``pending`` (nothing behind it yet), ``fails``."""

    address: str
    port: int
    node_port: int
    state: str
    text: str
    target: str = ""
    origin: str = "host"

    def as_result(self) -> dict[str, Any]:
        """Return plain data for a module's result."""
        return {name: value for name, value in asdict(self).items() if name != "target"}


def connect(address: str, port: int, timeout: float = 3.0) -> str | None:
    """Open and close a TCP connection; ``None`` if it worked, else why not."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return None
    except socket.timeout:
        return f"no answer within {timeout:g} s"
    except ConnectionRefusedError:
        return "connection refused"
    except OSError as error:
        return error.strerror or str(error)


def check(entry: HostPort, address: str, connect_to: Connect, rewritten: bool = True) -> Check:
    """Try one host port at one address; for a ``rewritten`` one that fails, trying the NodePort shows the reason."""
    tried = (address, entry.port, entry.node_port)
    target = entry.target()
    # Brackets as in a URL, so that the port does not read as part of an IPv6 address.
    shown = f"[{address}]" if ":" in address else address
    host_port = connect_to(address, entry.port)
    if host_port is None:
        return Check(*tried, "works", f"{shown}:{entry.port} answers", target)
    if not rewritten:
        return Check(*tried, "pending", f"{shown}:{entry.port} does not answer ({host_port})", target)
    node_port = connect_to(address, entry.node_port)
    if node_port is None:
        reason = (
            f"{shown}:{entry.port} does not answer ({host_port}) though {target} does: packets to port {entry.port} do "
            "not reach the rewrite; look for rules before it with `nft list ruleset` (hooks prerouting and output, priority below -300)"
        )
        return Check(*tried, "fails", reason, target)
    reason = f"nothing answers on {target} ({node_port}), so {shown}:{entry.port} cannot either ({host_port})"
    return Check(*tried, "pending", reason, target)


def check_all(entries: Iterable[HostPort], addresses: Iterable[str], connect_to: Connect = connect, rewritten: bool = True) -> list[Check]:
    """Try every host port at every address."""
    listed = list(addresses)
    return [check(entry, address, connect_to, rewritten) for entry in entries for address in listed]


def from_pod(checks: Iterable[Check], connect_to: Connect) -> list[Check]:
    """Try from a pod what works from the host, except on loopback, where a pod finds itself."""
    found = []
    for item in checks:
        if item.state != "works" or item.address in LOOPBACK:
            continue
        failure = connect_to(item.address, item.port)
        shown = f"[{item.address}]" if ":" in item.address else item.address
        state, text = "works", f"{shown}:{item.port} answers a pod"
        if failure in _NO_SUCH_FAMILY:
            state, text = "pending", f"{shown}:{item.port} could not be tried from a pod, which has no address of this family"
        elif failure:
            state = "fails"
            text = (
                f"{shown}:{item.port} answers the host but not a pod on it ({failure}), so cert-manager's self-check would fail; look for "
                "rules of a firewall that drop what comes from the pods' bridge"
            )
        found.append(replace(item, state=state, text=text, origin="pod"))
    return found


def _by_port(checks: Iterable[Check]) -> dict[int, list[Check]]:
    result: dict[int, list[Check]] = {}
    for item in checks:
        result.setdefault(item.port, []).append(item)
    return result


def _sentence(tried: list[Check], silent: list[Check], rewritten: bool) -> str:
    where = ", ".join(item.address for item in silent)
    works = ", ".join(item.address for item in tried if item.state == "works" and item.address not in LOOPBACK)
    if works:
        why = f"the gateway answers at {works} only, so no DNS name should point to the other address"
    elif rewritten:
        why = "the gateway has no ready pod yet, or no site has opened the port on it"
    else:
        why = "no Service of type LoadBalancer has an address of this host and a ready pod yet"
    what = f"nothing answers on {silent[0].target} there" if rewritten else "nothing answers"
    return f"port {silent[0].port} is not proved at {where}: {what}; {why}"


def pending(checks: Iterable[Check], rewritten: bool = True) -> list[str]:
    """Say per host port what could not be proved, and what follows from it.

    Loopback alone is not worth a sentence: kube-proxy serves NodePorts there in its iptables mode and for IPv4 only.
    """
    lines = []
    for tried in _by_port(checks).values():
        silent = [item for item in tried if item.state == "pending" and item.address not in LOOPBACK]
        if silent:
            lines.append(_sentence(tried, silent, rewritten))
    return lines


def failures(checks: Iterable[Check], required: bool, every: bool = False, rewritten: bool = True) -> list[str]:
    """Return the sentences that make a run fail.

    A host port that does not answer though its NodePort does fails always. If an answer is ``required``, so does a port that answers
    at no address but loopback, or, with ``every``, at one of them.
    """
    found = []
    for tried in _by_port(checks).values():
        found += [item.text for item in tried if item.state == "fails"]
        outside = [item for item in tried if every or item.address not in LOOPBACK]
        silent = [item for item in outside if item.state == "pending"]
        if required and silent and (every or len(silent) == len(outside)):
            found.append(_sentence(tried, silent, rewritten))
    return found
