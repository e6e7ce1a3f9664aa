# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The few Kubernetes requests that are needed before a host has a Kubernetes client, with the standard library only."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import re
import ssl
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline

# A kubelet that does not start shows in no event of its Node, so watches end now and then for a look at the unit.
_WATCH_SECONDS = 5
# A list of some hundred Nodes, each with the images that it has.
_LARGEST = 16 << 20


class ApiError(EdgeError):
    """A request that did not succeed. C(status) is the HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def _value(text: str, key: str) -> str | None:
    match = re.search(rf"^\s*{key}:\s*[\"']?(?P<value>[^\s\"']+)", text, re.MULTILINE)
    return match.group("value") if match else None


def _object(body: bytes) -> dict[str, Any]:
    found = parse_json(body)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 (as for what is no JSON)
    return found


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Give content a file name without putting it on a disk: OpenSSL takes client keys by name only."""
    descriptor = os.memfd_create("baremesh", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


class Api:
    """The API server that a kubeconfig written by K3s points to.

    K3s writes these files anew at each start, always in the same form, so the few values are taken by name: hosts need not
    have a YAML library.
    """

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        text = read_text(self.kubeconfig)
        if text is None:
            raise ApiError(f"{self.kubeconfig} does not exist yet: K3s writes it when it starts")
        server = _value(text, "server")
        if server is None:
            raise ApiError(f"{self.kubeconfig} names no server: it is not the file that K3s writes")
        address = urllib.parse.urlsplit(server)
        context = ssl.create_default_context(cadata=self._material(text, "certificate-authority").decode("ascii"))
        # From Python 3.13 on the default refuses authorities that K3s and kubectl accept.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with _in_memory(self._material(text, "client-certificate") + b"\n" + self._material(text, "client-key")) as name:
            context.load_cert_chain(name)
        return http.client.HTTPSConnection(address.hostname or "127.0.0.1", address.port or 443, timeout=timeout, context=context)

    def _material(self, text: str, key: str) -> bytes:
        """Return a certificate or key, which K3s puts into the admin's kubeconfig and beside the kubelet's."""
        inline = _value(text, f"{key}-data")
        if inline is not None:
            return base64.b64decode(inline)
        path = _value(text, key)
        if path is None:
            raise ApiError(f"{self.kubeconfig} has no {key}: it is not the file that K3s writes")
        with open(path, "rb") as handle:
            return handle.read()

    @contextlib.contextmanager
    def _response(self, method: str, path: str, timeout: float) -> Iterator[http.client.HTTPResponse]:
        try:
            connection = self._connect(timeout)
            try:
                connection.request(method, path, headers={"Accept": "application/json"})
                yield connection.getresponse()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(f"the API does not answer: {error}") from error

    def request(self, method: str, path: str, timeout: float = 10.0) -> bytes:
        """Return the body of an answer.

        Raises:
            ApiError: No answer, or one that is not 2xx.
        """
        with self._response(method, path, timeout) as response:
            body = response.read(_LARGEST)
            if len(body) == _LARGEST:
                raise ApiError(f"{method} {path.split('?', maxsplit=1)[0]}: the answer has more than {_LARGEST} bytes")
        if response.status // 100 != 2:
            try:
                detail = parse_json(body).get("message", "")
            except (ValueError, AttributeError):
                detail = body.decode("utf-8", "replace").strip()[-300:]
            raise ApiError(f"{method} {path.split('?', maxsplit=1)[0]}: HTTP {response.status} {detail}".strip(), response.status)
        return body

    def get(self, path: str) -> dict[str, Any]:
        """Return an object or list."""
        try:
            return _object(self.request("GET", path))
        except ValueError as error:
            raise ApiError(f"GET {path.split('?', maxsplit=1)[0]}: {error}") from error

    def node(self, name: str) -> dict[str, Any] | None:
        """Return a Node, or C(None) if there is none of this name."""
        try:
            return self.get(f"/api/v1/nodes/{urllib.parse.quote(name)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def wait_readyz(self, deadline: Deadline, alive: Callable[[], None]) -> None:
        """Wait until the API server calls itself ready.

        Args:
            deadline: The end of the wait.
            alive: Called after each attempt that failed; raises if waiting has no point.

        Raises:
            ApiError: It does not by the deadline; the message is the last obstacle.
        """
        backoff = Backoff(first=0.2, cap=2.0, factor=1.5)
        while True:
            try:
                self.request("GET", "/readyz", timeout=5.0)
                return
            except ApiError:
                if deadline.expired:
                    raise
            alive()
            deadline.clock.sleep(backoff.next(deadline))

    def wait_node(
        self,
        name: str,
        judge: Callable[[Mapping[str, Any] | None], str | None],
        deadline: Deadline,
        alive: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Watch a Node until it is as it should be; a lost watch is opened again from a fresh list.

        Args:
            name: The Node's name.
            judge: Returns why a Node, or its absence, is not as it should be, or C(None).
            deadline: The end of the wait.
            alive: Called whenever a watch ended; raises if waiting has no point.

        Raises:
            ApiError: It is not by the deadline; the message is the last reason.
        """
        backoff = Backoff(first=0.2, cap=3.0)
        reason: str | None
        selector = urllib.parse.urlencode({"fieldSelector": f"metadata.name={name}"})
        while True:
            try:
                listed = self.get(f"/api/v1/nodes?{selector}")
                node = (listed.get("items") or [None])[0]
                reason = judge(node)
                if reason is None and node is not None:
                    return cast("dict[str, Any]", node)
                version = (listed.get("metadata") or {}).get("resourceVersion", "")
                for node in self._watch(f"/api/v1/nodes?{selector}", version, deadline):
                    reason = judge(node)
                    if reason is None and node is not None:
                        return node
                    backoff.reset()
            except ApiError as error:
                reason = str(error)
            alive()
            if deadline.expired:
                raise ApiError(reason or f"Node {name!r} was not seen")
            deadline.clock.sleep(backoff.next(deadline))

    def _watch(self, path: str, version: str, deadline: Deadline) -> Iterator[dict[str, Any] | None]:
        left = int(deadline.remaining)
        if left < 1:
            return
        query = urllib.parse.urlencode({"watch": "1", "resourceVersion": version, "timeoutSeconds": min(left, _WATCH_SECONDS)})
        with self._response("GET", f"{path}&{query}", timeout=min(left, _WATCH_SECONDS) + 5.0) as response:
            if response.status != 200:
                raise ApiError(f"watching Nodes: HTTP {response.status}", response.status)
            for line in iter(response.readline, b""):
                event = _object(line)
                if event.get("type") == "ERROR":
                    return
                yield None if event.get("type") == "DELETED" else event.get("object")

    def delete_node(self, name: str) -> bool:
        """Delete a Node; K3s then forgets its password too. Returns whether there was one."""
        try:
            self.request("DELETE", f"/api/v1/nodes/{urllib.parse.quote(name)}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True
