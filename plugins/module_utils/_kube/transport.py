# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to the API server: whole answers, and lines as they arrive."""

from __future__ import annotations

import http.client
import json
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Protocol
from urllib.parse import urlencode

from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.dial import Dialer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 30.0
# Far more than a page of the largest objects that etcd takes, and one event of a watch.
LARGEST_ANSWER = 128 << 20
LARGEST_LINE = 16 << 20


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
        """One request, one answer. Without a body the type is that of the answer. Raises ConnectionLost."""

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Stream:
        """A GET whose answer is read line by line. Raises ConnectionLost."""


class HttpTransport:
    """The real one. Threads may share it: each request has a connection of its own, which the next one uses again."""

    def __init__(self, connection: Connection, user_agent: str = "baremesh.edge") -> None:
        self.connection = connection
        self._user_agent = user_agent
        self._dialer = connection.dialer
        self._idle: list[_HttpConnection] = []

    def request(self, method: str, path: str, query: Mapping[str, str], body: Any | None, content_type: str, timeout: float) -> Answer:
        """One request, one answer."""
        data = None if body is None else json.dumps(body).encode()
        used, reply = self._ask(method, path, query, data, content_type, timeout)
        try:
            found = Answer(reply.status, _lower(reply), _read(reply))
        except (OSError, http.client.HTTPException) as exc:
            raise ConnectionLost(self._sentence(exc)) from exc
        finally:
            if reply.isclosed() and not reply.will_close:
                self._idle.append(used)
            else:
                used.close()
        return found

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Stream:
        """A GET whose answer is read line by line."""
        used, reply = self._ask("GET", path, query, None, "", timeout)
        if reply.status == 200:
            return _Lines(used, reply, self._sentence)
        try:
            return _Refused(Answer(reply.status, _lower(reply), reply.read(65536)))
        except (OSError, http.client.HTTPException) as exc:
            raise ConnectionLost(self._sentence(exc)) from exc
        finally:
            used.close()

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], data: bytes | None, content_type: str, timeout: float
    ) -> tuple[_HttpConnection, http.client.HTTPResponse]:
        target = self._dialer.prefix + path + (f"?{urlencode(query)}" if query else "")
        headers = {
            "accept": content_type if data is None and content_type else "application/json",
            "user-agent": self._user_agent,
            **self.connection.headers(),
        }
        if data is not None:
            headers["content-type"] = content_type
        used = self._take()
        try:
            used.await_at_most(timeout)
            used.request(method, target, data, headers)
            return used, used.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            used.close()
            raise ConnectionLost(self._sentence(exc)) from exc
        except BaseException:
            used.close()
            raise

    def _take(self) -> _HttpConnection:
        """A connection that the server has not closed meanwhile, or a new one."""
        while True:
            try:
                used = self._idle.pop()
            except IndexError:
                return _HttpConnection(self._dialer)
            if used.is_quiet():
                return used
            used.close()

    def _sentence(self, exc: BaseException) -> str:
        return f"The Kubernetes API at {self.connection.host} cannot be reached: {describe(exc)}"


class _HttpConnection(http.client.HTTPConnection):
    """HTTP over a socket of the dialer."""

    def __init__(self, dialer: Dialer) -> None:
        super().__init__(dialer.host, dialer.port)
        self._dialer = dialer

    def await_at_most(self, seconds: float) -> None:
        """Connect if need be, and set how long one read may last."""
        if self.sock is None:
            self.sock = self._dialer.open(min(CONNECT_TIMEOUT, seconds))
        self.sock.settimeout(seconds)

    def is_quiet(self) -> bool:
        """False where the server has closed the connection, or sent what nothing was asked for."""
        if self.sock is None:
            return False
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return not poller.poll(0)


class _Lines:
    """Lines out of the chunks of a streamed answer."""

    def __init__(self, used: _HttpConnection, reply: http.client.HTTPResponse, sentence: Callable[[BaseException], str]) -> None:
        self.answer = Answer(reply.status, _lower(reply))
        self._used = used
        self._reply = reply
        self._sentence = sentence
        self._buffer = bytearray()

    def readline(self) -> bytes | None:
        """The next line, or None at the end; a last line without its end is not one."""
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            try:
                chunk = self._reply.read1(65536)
            except (OSError, http.client.HTTPException, ValueError) as exc:
                raise ConnectionLost(self._sentence(exc)) from exc
            if not chunk:
                return None
            self._buffer += chunk
            if len(self._buffer) > LARGEST_LINE:
                raise ConnectionLost(self._sentence(http.client.HTTPException(f"it sends a line of more than {LARGEST_LINE} bytes")))

    def close(self) -> None:
        """Give the connection up; it is in the middle of an answer and cannot be used again."""
        self._reply.close()
        self._used.close()


class _Refused:
    """An answer that has no lines."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def readline(self) -> bytes | None:
        """None: this is the end."""
        return None

    def close(self) -> None:
        """Nothing is open."""


def _read(reply: http.client.HTTPResponse) -> bytes:
    """The body of an answer. With a length, the library notices one that is cut."""
    if reply.length is not None and reply.length <= LARGEST_ANSWER:
        return reply.read()
    found = bytearray()
    while reply.length is None and len(found) <= LARGEST_ANSWER:
        block = reply.read(1 << 20)
        if not block:
            return bytes(found)
        found += block
    raise http.client.HTTPException(f"its answer has more than {LARGEST_ANSWER} bytes")


def _lower(reply: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.getheaders()}


def describe(exc: BaseException) -> str:
    """The reason of a network error in one line."""
    if isinstance(exc, ConnectionRefusedError):
        return str(exc) if len(exc.args) == 1 else "connection refused"
    if isinstance(exc, TimeoutError) or "timed out" in str(exc):
        return "no answer in time"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({exc.verify_message})"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    return str(exc).replace("\n", " ") or type(exc).__name__
