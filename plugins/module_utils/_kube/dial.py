# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to the API server: TCP that notices a dead peer, through a proxy where there is one, and TLS."""

from __future__ import annotations

import base64
import os
import socket
import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_LOOPBACK = ("localhost", "127.", "::1")
# A watch is silent for long; only keep-alive distinguishes a quiet server from a dead one.
_OPTIONS = [(socket.IPPROTO_TCP, "TCP_NODELAY", 1), (socket.SOL_SOCKET, "SO_KEEPALIVE", 1)]
_OPTIONS += [(socket.IPPROTO_TCP, name, value) for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))]


class Dialer:
    """Opens connections to one API server."""

    def __init__(self, configuration: Any) -> None:
        """Read the connection data. Raises ConfigError if the URL or one of the files cannot be used."""
        address = urlsplit(str(configuration.host))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigError(f"host is {configuration.host!r}: give a URL such as https://192.0.2.10:6443")
        self.host = address.hostname
        self.port = address.port or (443 if address.scheme == "https" else 80)
        #: What goes before each path, where the API is behind one.
        self.prefix = address.path.rstrip("/")
        self._tls = _context(configuration) if address.scheme == "https" else None
        self._server_name = getattr(configuration, "tls_server_name", None) or self.host
        self._proxy = getattr(configuration, "proxy", None) or _proxy_of_environment(address.scheme, self.host)

    def open(self, timeout: float) -> socket.socket:
        """A new connection. Raises OSError."""
        proxy = urlsplit(self._proxy if "://" in self._proxy else f"http://{self._proxy}") if self._proxy else None
        first = (proxy.hostname or "", proxy.port or 80) if proxy else (self.host, self.port)
        connected = socket.create_connection(first, timeout)
        try:
            for level, name, value in _OPTIONS:
                if hasattr(socket, name):
                    connected.setsockopt(level, getattr(socket, name), value)
            if proxy:
                self._tunnel(connected, proxy.username, proxy.password)
            return connected if self._tls is None else self._tls.wrap_socket(connected, server_hostname=self._server_name)
        except BaseException:
            connected.close()
            raise

    def _tunnel(self, connected: socket.socket, user: str | None, password: str | None) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        if user is not None:
            login = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {login}")
        connected.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = bytearray()
        # Byte by byte, since what comes after the head belongs to TLS.
        while not answer.endswith(b"\r\n\r\n"):
            data = connected.recv(1)
            if not data or len(answer) > 65536:
                raise ConnectionResetError("the proxy closed the connection")
            answer += data
        status = bytes(answer).split(b"\r\n", 1)[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            raise ConnectionRefusedError(f"the proxy answers {status}")


def _proxy_of_environment(scheme: str, host: str) -> str | None:
    """The proxy by the usual variables. As in kubectl, a loopback address never goes through one."""
    if not any(os.environ.get(name) for name in PROXY_VARIABLES) or host.startswith(_LOOPBACK):
        return None
    # Takes longer to import than all the rest of this file.
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    return None if proxy_bypass(host) else getproxies().get(scheme)


def _context(configuration: Any) -> ssl.SSLContext:
    # Not create_default_context(): from Python 3.13 on that refuses authorities which all other clients of Kubernetes accept.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As in kubectl, whatever is given as authority is trusted, though it may not be a root. Python has the flag from 3.10 on.
    context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif configuration.ssl_ca_cert:
        _load("ca_cert", configuration.ssl_ca_cert, lambda: context.load_verify_locations(configuration.ssl_ca_cert))
    else:
        context.load_default_certs()
    if configuration.cert_file:
        key = configuration.key_file or None
        # Without a password of ours OpenSSL would ask for one on the terminal.
        _load("client_cert", configuration.cert_file, lambda: context.load_cert_chain(configuration.cert_file, key, password=""))
    return context


def _load(option: str, path: str, load: Any) -> None:
    try:
        load()
    except ssl.SSLError as exc:
        raise ConfigError(f"{option} {path!r} cannot be used: {exc.reason or exc}") from exc
    except OSError as exc:
        raise ConfigError(f"{option} {path!r} cannot be read: {exc.strerror}") from exc
