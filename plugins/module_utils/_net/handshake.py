# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS handshake that reads the server's certificate and trusts nothing, over any two-way channel."""

from __future__ import annotations

import socket
import ssl

from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import (
    FORWARD_FAILED,
    REFUSED,
    RESET,
    SERVED,
    Channel,
    ForwardError,
    Probe,
    RefusedError,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import opening, other_way

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def shake_hands(channel: Channel, server_name: str, first: bytes = b"", version: str | None = None) -> Probe:
    """Handshake far enough to see the certificate. A server that wants one of ours is seen too, in TLS 1.3.

    Args:
        channel: the connection.
        server_name: the name to ask for.
        first: what goes before the handshake.
        version: the only TLS version to offer, of C(VERSIONS); the newest that both have by default.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    outgoing.write(first)
    tls = _context(version).wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        while not _advance(tls):
            channel.send(outgoing.read())
            data = channel.recv()
            if not data:
                return Probe(RESET, detail="the connection was closed during the handshake")
            incoming.write(data)
        certificate = tls.getpeercert(binary_form=True)
    except RefusedError as exc:
        return Probe(REFUSED, detail=str(exc))
    except ForwardError as exc:
        return Probe(FORWARD_FAILED, detail=str(exc))
    except ssl.SSLError as exc:
        return Probe(RESET, detail=f"TLS: {exc.reason or exc}")
    except (ConnectionResetError, BrokenPipeError):
        return Probe(RESET, detail="the connection was reset during the handshake")
    except (socket.timeout, TimeoutError):
        return Probe(FORWARD_FAILED, detail="no answer in time")
    except OSError as exc:
        return Probe(FORWARD_FAILED, detail=str(exc))
    if not certificate:
        return Probe(RESET, detail="the server sent no certificate")
    return Probe(SERVED, certificate)


def _advance(tls: ssl.SSLObject) -> bool:
    """One step of the handshake; False while it needs bytes from the server."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


class SocketChannel:
    """A channel over a connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self._socket.sendall(data)

    def recv(self) -> bytes:
        """The next bytes."""
        return self._socket.recv(16384)


def probe_address(
    address: str, port: int, server_name: str, timeout: float, proxy_protocol: bool = False, version: str | None = None
) -> Probe:
    """Handshake with a server at an address of this host's network.

    One that ends connections is asked the other way too, with or without a PROXY header: it says nothing of the reason itself.
    """
    found = _probe_once(address, port, server_name, timeout, proxy_protocol, version)
    if found.state == RESET and _probe_once(address, port, server_name, timeout, not proxy_protocol, version).state == SERVED:
        return Probe(RESET, detail=other_way(proxy_protocol))
    return found


def _probe_once(address: str, port: int, server_name: str, timeout: float, proxy_protocol: bool, version: str | None) -> Probe:
    try:
        connected = socket.create_connection((address, port), timeout=timeout)
    except ConnectionRefusedError:
        return Probe(REFUSED, detail="connection refused")
    except (socket.timeout, TimeoutError):
        return Probe(FORWARD_FAILED, detail=f"no answer within {timeout:.0f} s")
    except OSError as exc:
        return Probe(FORWARD_FAILED, detail=(exc.strerror or str(exc)).lower())
    with connected:
        return shake_hands(SocketChannel(connected), server_name, opening(proxy_protocol), version)


def _context(version: str | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whatever users let the server speak, older suites too.
    context.set_ciphers("ALL:@SECLEVEL=0")
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    # It reads what is served, whoever signed it; the caller compares it with the Secret.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
