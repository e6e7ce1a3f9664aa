# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS over any two-way channel, with the server's certificate verified.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import ssl

from ansible_collections.baremesh.edge.plugins.module_utils._handshake import Channel, ForwardError


class TlsChannel:
    """Bytes to and from a server that has proved its name."""

    def __init__(self, channel: Channel, roots: str, server_name: str, protocols: list[str]) -> None:
        """Shake hands. Raises ForwardError, RefusedError or ssl.SSLError."""
        context = ssl.create_default_context(cadata=roots)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(protocols)
        self._channel = channel
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                break
        self._flush()

    def send(self, data: bytes) -> None:
        """Write all of it."""
        self._tls.write(data)
        self._flush()

    def recv(self) -> bytes:
        """The next bytes, b"" at the end. Raises SilenceError where nothing comes in time; the channel can then be used on."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._channel.recv()
                if not data:
                    return b""
                self._incoming.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._channel.send(data)

    def _fill(self) -> None:
        data = self._channel.recv()
        if not data:
            raise ForwardError("the connection was closed during the handshake")
        self._incoming.write(data)
