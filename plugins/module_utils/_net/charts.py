# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packed Helm charts, fetched without Helm, which takes the password of a repository in its arguments and follows redirects to HTTP."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._net import digests, fetch
from ansible_collections.baremesh.edge.plugins.module_utils._net.documents import read_documents
from ansible_collections.baremesh.edge.plugins.module_utils._sha256 import sha256_file

# The largest public indexes have some 20 MiB.
_MOST_INDEX = 64 << 20
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


class ChartError(EdgeError):
    """A chart that cannot be had. The message is one sentence for the user."""


class Packed(NamedTuple):
    """Where a packed chart lies, and its digest if the repository names one."""

    url: str
    sha256: str | None


class Repository:
    """A chart repository with an index.

    Args:
        url: Its address, which may hold a user and a password.
        timeout: Seconds that a connection may stand still.
        ca_path: File with certificates to trust beside those of the host's Python.
        pinned: Whether all charts are compared with digests that do not come from the network.
        pin_name: Name of the variable that has these digests, for messages.
    """

    def __init__(self, url: str, timeout: float, ca_path: str | None, pinned: bool, pin_name: str) -> None:
        self.url, self.timeout, self.ca_path, self.pinned, self.pin_name = url, timeout, ca_path, pinned, pin_name
        self.shown = digests.without_password(url)
        self._entries: Mapping[str, Any] | None = None

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Open an address. Raises ChartError."""
        try:
            return self._ask(url, headers or {})
        except fetch.InsecureError as error:
            raise ChartError(f"{error}: use https://, or name the digest in {self.pin_name}.") from error
        except fetch.BROKEN as error:
            shown = digests.without_password(url)
            raise ChartError(f"{shown} cannot be read: {error}; check the address of the repository and the version.") from error

    def _ask(self, url: str, headers: Mapping[str, str]) -> Any:
        return fetch.open_file(url, self.timeout, self.ca_path, self.pinned, headers)

    def find(self, name: str, version: str) -> Packed:
        """Return where a chart lies. Raises FetchError and ChartError."""
        if self._entries is None:
            self._entries = self._read_index()
        entries = [entry for entry in _listed(self._entries.get(name)) if _complete(entry)]
        # Helm takes 1.2.3 for v1.2.3 and the other way round, if there is no such version as it is written.
        for same in (str, lambda text: text.removeprefix("v")):
            for entry in entries:
                if same(entry["version"]) == same(version):
                    digest = entry.get("digest")
                    return Packed(self._chart_url(entry["urls"][0]), digests.sha256(digest) if isinstance(digest, str) else None)
        others = ", ".join([entry["version"] for entry in entries][:5])
        has = f"it has {others}{' and others' if len(entries) > 5 else ''}" if others else "it has none of this chart"
        raise ChartError(f"{self.shown} has no version {version} of the chart {name}: {has}.")

    def _chart_url(self, given: str) -> str:
        url = urllib.parse.urlsplit(fetch.joined(self._below(""), given))
        own = urllib.parse.urlsplit(self.url)
        if url.scheme not in ("http", "https", own.scheme):
            raise ChartError(f"The index of {self.shown} names the chart {given}, which is not on a web server.")
        # What opens the repository (a signature, for example) opens its charts too.
        return (url._replace(query=own.query) if not url.query and "://" not in given else url).geturl()

    def _below(self, name: str) -> str:
        parts = urllib.parse.urlsplit(self.url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl()

    def _read_index(self) -> Mapping[str, Any]:
        url = self._below("index.yaml")
        with self.open(url) as stream:
            return parse_index(fetch.read_text(stream, url, _MOST_INDEX), digests.without_password(url))


def parse_index(text: str, source: str) -> Mapping[str, Any]:
    """Return the charts of an index by name. Raises ChartError and FetchError."""
    documents = read_documents(text, source, "BaseLoader")
    index = documents[0] if documents else None
    entries = index.get("entries") if isinstance(index, dict) else None
    if not isinstance(entries, dict):
        raise ChartError(f"{source} does not have the form of an index of charts: it has no entries by name.")
    return entries


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _complete(entry: Any) -> bool:
    """Return whether an entry of an index says which version lies where. Aliases of YAML can make what is not text here enormous."""
    if not isinstance(entry, dict) or not isinstance(entry.get("version"), str):
        return False
    return [isinstance(url, str) for url in _listed(entry.get("urls"))[:1]] == [True]


class Registry(Repository):
    """A registry of container images with charts, for addresses that begin with C(oci://)."""

    def find(self, name: str, version: str) -> Packed:
        """Return where a chart lies. Raises FetchError and ChartError."""
        parts = urllib.parse.urlsplit(self._below(name))
        base = parts._replace(scheme="https", path=f"/v2{parts.path}").geturl()
        # A tag may not hold the sign that begins the build of a version.
        url = f"{base}/manifests/{version.replace('+', '_')}"
        with self.open(url, {"Accept": _MANIFEST}) as stream:
            layers = _listed(_json(stream, url).get("layers"))
        for layer in layers:
            digest = digests.sha256(str(layer.get("digest"))) if isinstance(layer, dict) else None
            if digest and layer.get("mediaType") == _CHART_LAYER:
                return Packed(f"{base}/blobs/sha256:{digest}", digest)
        raise ChartError(f"{digests.without_password(url)} is not a Helm chart.")

    def _ask(self, url: str, headers: Mapping[str, str]) -> Any:
        try:
            return super()._ask(url, headers)
        except urllib.error.HTTPError as error:
            scheme, _blank, challenge = (error.headers.get("www-authenticate") or "").partition(" ")
            asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
            if error.code != 401 or scheme.lower() != "bearer" or "realm" not in asked:
                raise
        # The registry asks for a token, which another server may give.
        parts, realm = urllib.parse.urlsplit(url), urllib.parse.urlsplit(asked.pop("realm"))
        user, at, server = parts.netloc.rpartition("@")
        query = "&".join(filter(None, [realm.query, urllib.parse.urlencode(asked)]))
        where = realm._replace(netloc=f"{user}{at}{realm.netloc}", query=query).geturl()
        with fetch.open_file(where, self.timeout, self.ca_path) as stream:
            answer = _json(stream, where)
        bearer = {"Authorization": f"Bearer {answer.get('token') or answer.get('access_token')}"}
        return super()._ask(parts._replace(netloc=server).geturl(), {**headers, **bearer})


def _json(stream: Any, url: str) -> Mapping[str, Any]:
    try:
        answer = parse_json(fetch.read_text(stream, url))
    except ValueError as error:
        raise ChartError(f"{digests.without_password(url)} is not JSON: {error}.") from error
    return answer if isinstance(answer, dict) else {}


def _from_folder(folder: str, chart: str, version: str, pin: str | None, pin_name: str) -> str:
    """Return the path of a packed chart in a folder: with a digest that of whatever version has it. Raises ChartError and OSError."""
    if pin is None:
        path = os.path.join(folder, f"{chart}-{version}.tgz")
        if not os.path.isfile(path):
            raise ChartError(f"{path} is not there: put the packed chart into this folder.")
        return path
    names = [name for name in sorted(os.listdir(folder)) if name.startswith(f"{chart}-") and name.endswith(".tgz")]
    seen = {name: sha256_file(os.path.join(folder, name)) for name in names}
    for name, digest in seen.items():
        if digest == pin:
            return os.path.join(folder, name)
    raise ChartError(_other(" ".join(" ".join(pair) for pair in seen.items()) or "no files", folder, pin, chart, pin_name))


def _other(seen: str, source: str, pin: str, chart: str, pin_name: str) -> str:
    return f"None of {seen} from {source} has the SHA-256 {pin}, which {pin_name} has for the chart {chart}. Nothing was installed."


def place_charts(params: Mapping[str, Any], check_mode: bool) -> tuple[bool, dict[str, str]]:
    """Have the charts lie in a folder of the host.

    Args:
        params: Options of the module helm_chart_fetch.
        check_mode: Whether to fetch nothing.

    Returns:
        Whether something was, or would be, fetched, and the path of each chart by its name.

    Raises:
        ChartError: A chart is not there, or has another digest than it must have.
        FetchError: A chart or the index broke off, or does not fit on the disk.
        OSError: A file cannot be read or written.
    """
    pin_name, changed = params["pin_name"], False
    pins: dict[str, str] = {}
    paths: dict[str, str] = {}
    for name, given in params["sha256"].items():
        digest = digests.sha256(str(given))
        if digest is None:
            raise ChartError(f"{pin_name} has {given!r} for {name}: it must be the 64 hex digits of a SHA-256.")
        pins[name] = digest
    charts = {str(name): str(version) for name, version in params["charts"].items()}
    if params["folder"]:
        return False, {name: _from_folder(params["folder"], name, version, pins.get(name), pin_name) for name, version in charts.items()}
    kind = Registry if params["repository"].lower().startswith("oci://") else Repository
    repository = kind(params["repository"], params["timeout"], params["ca_path"], set(charts) <= set(pins), pin_name)
    for name, version in charts.items():
        pin = pins.get(name)
        path = paths[name] = os.path.join(params["dest"], f"{name}-{version}.tgz")
        if pin and os.path.isfile(path) and sha256_file(path) == pin:
            continue
        changed = True
        if check_mode:
            continue
        packed = repository.find(name, version)
        with repository.open(packed.url) as stream:
            try:
                fetch.place(stream, packed.url, f"{path}.part", path, 0o644, pin or packed.sha256)
            except fetch.DigestError as error:
                if pin is None:
                    raise
                seen = f"{os.path.basename(path)} {error.found}"
                raise ChartError(_other(seen, repository.shown, pin, name, pin_name)) from error
    return changed, paths
