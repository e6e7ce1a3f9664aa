# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to the API server: whole answers, and lines as they arrive.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError, ConnectionLost

try:
    import urllib3
    import urllib3.exceptions
except ImportError:
    # Comes with kubernetes, whose absence the modules report.
    pass

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 30.0


@dataclass
class Answer:
    """One HTTP answer. The body of a stream is empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Stream(Protocol):
    """An answer whose lines come while they are written."""

    answer: Answer

    def readline(self) -> bytes | None:
        """The next line, or None at the end. Raises ConnectionLost."""

    def close(self) -> None:
        """Give the connection up."""


class Transport(Protocol):
    """What the client needs; unit tests script one."""

    def request(self, method: str, path: str, query: Mapping[str, str], body: Any | None, content_type: str, timeout: float) -> Answer:
        """One request, one answer. Raises ConnectionLost."""

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Stream:
        """A GET whose answer is read line by line. Raises ConnectionLost."""


class HttpTransport:
    """The real one, on urllib3."""

    def __init__(self, connection: Connection, user_agent: str = "baremesh.edge") -> None:
        self._connection = connection
        self._user_agent = user_agent
        self._pool = _pool(connection.configuration)

    def request(self, method: str, path: str, query: Mapping[str, str], body: Any | None, content_type: str, timeout: float) -> Answer:
        """One request, one answer."""
        data = None if body is None else json.dumps(body).encode()
        try:
            reply = self._pool.request(
                method,
                self._url(path, query),
                body=data,
                headers=self._headers(content_type if data is not None else None),
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise ConnectionLost(self._sentence(exc)) from exc
        return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.data)

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Stream:
        """A GET whose answer is read line by line."""
        try:
            reply = self._pool.request(
                "GET",
                self._url(path, query),
                headers=self._headers(None),
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            headers = {k.lower(): v for k, v in reply.headers.items()}
            if reply.status != 200:
                answer = Answer(reply.status, headers, reply.read(65536, decode_content=True))
                reply.release_conn()
                return _Lines(answer, None, self._sentence)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise ConnectionLost(self._sentence(exc)) from exc
        return _Lines(Answer(reply.status, headers), reply, self._sentence)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return self._connection.host + path + ("?" + urlencode(query) if query else "")

    def _headers(self, content_type: str | None) -> dict[str, str]:
        headers = {"accept": "application/json", "user-agent": self._user_agent}
        headers.update(self._connection.headers())
        if content_type:
            headers["content-type"] = content_type
        return headers

    def _sentence(self, exc: BaseException) -> str:
        return "The Kubernetes API at %s cannot be reached: %s" % (self._connection.host, describe(exc))


class _Lines:
    """Lines out of the chunks of a streamed answer."""

    def __init__(self, answer: Answer, reply: Any, sentence: Any) -> None:
        self.answer = answer
        self._reply = reply
        self._sentence = sentence
        self._buffer = bytearray()
        self._chunks: Iterator[bytes] = iter(()) if reply is None else reply.stream(65536, decode_content=True)

    def readline(self) -> bytes | None:
        """The next line, or None at the end; a last line without its end is not one."""
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            try:
                chunk = next(self._chunks)
            except StopIteration:
                return None
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
                raise ConnectionLost(self._sentence(exc)) from exc
            self._buffer += chunk

    def close(self) -> None:
        """Give the connection up; it is in the middle of an answer and cannot be used again."""
        if self._reply is not None:
            self._reply.close()


def describe(exc: BaseException) -> str:
    """The innermost reason of a network error, in one line without object addresses."""
    seen = exc
    for _unused in range(8):
        inner = getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            inner = seen.__cause__ or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if inner is None:
            break
        seen = inner
    if isinstance(seen, ConnectionRefusedError):
        return "connection refused"
    if isinstance(seen, (socket.timeout, TimeoutError)) or "timed out" in str(seen):
        return "no answer in time"
    if isinstance(seen, ssl.SSLCertVerificationError):
        return "its certificate is not trusted (%s)" % seen.verify_message
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower()
    text = str(seen).split(">: ", 1)[-1]
    return text.replace("\n", " ") or type(seen).__name__


def _pool(configuration: Any) -> Any:
    for attribute in ("ssl_ca_cert", "cert_file", "key_file"):
        path = getattr(configuration, attribute, None)
        if path:
            try:
                with open(path, "rb"):
                    pass
            except OSError as exc:
                raise ConfigError("%s %r cannot be read: %s" % (attribute, path, exc.strerror)) from exc
    keepalive = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    # A watch is silent for long; only keep-alive tells a quiet server from a dead one.
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            keepalive.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    options: dict[str, Any] = {
        "maxsize": 16,
        "socket_options": keepalive,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
        "ca_certs": configuration.ssl_ca_cert,
        "cert_reqs": "CERT_REQUIRED" if configuration.verify_ssl else "CERT_NONE",
    }
    if not configuration.verify_ssl:
        options["assert_hostname"] = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if getattr(configuration, "tls_server_name", None):
        options["server_hostname"] = configuration.tls_server_name
    if str(configuration.host).startswith("http://"):
        options = {"maxsize": 16, "socket_options": keepalive}
    if getattr(configuration, "proxy", None):
        return urllib3.ProxyManager(configuration.proxy, **options)
    return urllib3.PoolManager(**options)
