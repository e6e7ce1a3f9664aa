# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads of files that a host will run. What has no digest to be compared with comes over HTTPS only, on every hop of a redirect."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.urls import open_url

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.digests import checksum_of, is_secure, sha256, without_password
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file
from ansible_collections.baremesh.edge.plugins.module_utils._sha256 import sha256_file

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_HOPS = 10
# A list of checksums has some lines.
_MOST_SUMS = 1 << 20
# What reading a connection can end with; a body that is cut is an error of its own kind.
BROKEN = (OSError, ValueError, http.client.HTTPException)


class FetchError(EdgeError):
    """A file that was not put in place. The message is one sentence for the user."""


class DigestError(FetchError):
    """A file that has another digest.

    Args:
        source: Where it came from.
        found: The digest that it has.
        expected: The one that it must have.
    """

    def __init__(self, source: str, found: str, expected: str) -> None:
        super().__init__(
            f"{source} has the SHA-256 {found}, but {expected} is expected: the file was changed on its way; nothing was replaced."
        )
        self.found = found


class InsecureError(FetchError):
    """A file that anyone on the way could replace. The message has no advice yet."""


def joined(base: str, target: str) -> str:
    """Return the address that one names from another. User and password go along to the same server only."""
    url = urllib.parse.urljoin(base, target)
    here, there = urllib.parse.urlsplit(base), urllib.parse.urlsplit(url)
    same = (here.scheme, here.netloc.rpartition("@")[2].lower()) == (there.scheme, there.netloc.lower())
    return there._replace(netloc=here.netloc).geturl() if same and "@" in here.netloc else url


def _ask(url: str, **options: Any) -> Any:
    """Open an address. Its user and password are sent at once, since some servers answer 404 and not 401 without them."""
    parts = urllib.parse.urlsplit(url)
    given, at, server = parts.netloc.rpartition("@")
    user, _colon, password = given.partition(":")
    options = {
        "http_agent": "baremesh.edge",
        "follow_redirects": "none",
        "use_gssapi": False,
        "url_username": urllib.parse.unquote(user),
        "url_password": urllib.parse.unquote(password),
        **options,
    }
    url = parts._replace(netloc=server).geturl() if at else url
    try:
        return open_url(url, force_basic_auth=True, **options)
    except urllib.error.HTTPError as error:
        if error.code != 401 or "digest" not in error.headers.get("www-authenticate", "").lower():
            raise
    return open_url(url, **options)


def open_file(url: str, timeout: float, ca_path: str | None = None, pinned: bool = False, headers: Mapping[str, str] | None = None) -> Any:
    """Open what an address names.

    Args:
        url: Where to fetch it.
        timeout: Seconds that the connection may stand still.
        ca_path: File with certificates to trust beside those of the host's Python.
        pinned: Whether the content is compared with a digest that does not come from the network.
        headers: Headers for the server of this address; other servers do not get them.

    Raises:
        InsecureError: The address or one to which it redirects is not HTTPS, and the content is not pinned.
        OSError: The server does not answer or has no such file.
    """
    first = url
    for _hop in range(_MOST_HOPS):
        if not pinned and not is_secure(url):
            through = "" if url == first else f" redirects to {without_password(url)}, which"
            raise InsecureError(f"{without_password(first)}{through} is not HTTPS, so that anyone on the way could replace the file")
        try:
            same = urllib.parse.urlsplit(url)[:2] == urllib.parse.urlsplit(first)[:2]
            return _ask(url, timeout=timeout, ca_path=ca_path, headers=dict(headers) if headers and same else None)
        except urllib.error.HTTPError as error:
            target = error.headers.get("location") if error.code in _REDIRECTS else None
            if not target:
                raise
            url = joined(url, target)
            if urllib.parse.urlsplit(url).scheme.lower() not in ("http", "https"):
                raise InsecureError(f"{without_password(first)} redirects to {without_password(url)}, which is no web server") from error
    raise OSError(f"{without_password(first)} redirects more than {_MOST_HOPS} times")


def place(stream: Any, source: str, part: str, path: str, mode: int, digest: str | None) -> None:
    """Put what a stream holds in place by rename, if it has a digest.

    Args:
        stream: What was opened.
        source: Where that is, for messages.
        part: Path under which the file is prepared, beside its place.
        path: Path of the file.
        mode: Mode of the file.
        digest: SHA-256 that it must have; C(None) for any.

    Raises:
        DigestError: It has another digest; what was in place before still is.
        FetchError: It broke off; what was in place before still is.
        OSError: The file cannot be written.
    """
    source, found = without_password(source), hashlib.sha256()
    remove_file(part)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            try:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    found.update(block)
                    target.write(block)
                _reject_cut(stream)
                target.flush()
                os.fsync(target.fileno())
            except BROKEN as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise FetchError(
                        f"{source} does not fit on the disk of {os.path.dirname(path)}: enlarge it, or remove from it what is not needed."
                    ) from error
                raise FetchError(f"{source} broke off: {error}; run again.") from error
        if digest is not None and found.hexdigest() != digest:
            raise DigestError(source, found.hexdigest(), digest)
        os.chmod(part, mode)
        os.replace(part, path)
    finally:
        remove_file(part)


def _reject_cut(stream: Any) -> None:
    """Raise OSError if an HTTP answer announced more than it sent; files have no such attribute."""
    if missing := getattr(stream, "length", None):
        raise OSError(f"{missing} bytes are missing")


def read_text(stream: Any, source: str, most: int = _MOST_SUMS) -> str:
    """Return what a stream holds as text. Raises FetchError where it breaks off or is longer than C(most)."""
    try:
        text = stream.read(most).decode("utf-8", "replace")
        _reject_cut(stream)
    except BROKEN as error:
        raise FetchError(f"{without_password(source)} broke off: {error}; run again.") from error
    return str(text)


def download(params: Mapping[str, Any], check_mode: bool) -> tuple[bool, str]:
    """Bring a file in place.

    Args:
        params: Options of the module download.
        check_mode: Whether to fetch nothing.

    Returns:
        Whether it was, or would be, replaced, and its SHA-256.

    Raises:
        FetchError: It cannot be fetched or has another digest.
        OSError: It cannot be written.
    """
    url, dest, given = params["url"], params["dest"], params["sha256"]
    present, digest = "", sha256(given) if given else None
    with contextlib.suppress(FileNotFoundError):
        present = sha256_file(dest)
    _require_digest(params, digest)
    pinned = digest is not None
    if check_mode and not pinned:
        return not present, present
    if digest is None:
        with _opened(params, params["sums_url"], pinned) as stream:
            name = urllib.parse.urlsplit(url).path.rpartition("/")[2]
            digest = checksum_of(read_text(stream, params["sums_url"]), name)
        if digest is None:
            raise FetchError(f"{without_password(params['sums_url'])} lists no checksum of {name}.")
    if present == digest:
        return False, digest
    if not check_mode:
        with _opened(params, url, pinned) as stream:
            place(stream, url, f"{dest}.part", dest, 0o644, digest)
    return True, digest


def place_file(params: Mapping[str, Any], source: str, path: str) -> None:
    """Bring what an address or a path of this host names in place, trusted on first use where it has no digest.

    Args:
        params: Options sha256, pin_name, timeout and ca_path of the module.
        source: The address or the path.
        path: Where to put it.

    Raises:
        FetchError: It cannot be had or has another digest.
        OSError: It cannot be written.
    """
    digest = sha256(params["sha256"]) if params["sha256"] else None
    _require_digest(params, digest)
    try:
        stream = _opened(params, source, digest is not None) if "://" in source else open(source, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise FetchError(f"{source} cannot be read: {error.strerror or error}.") from error
    with stream:
        place(stream, source, f"{path}.part", path, 0o600, digest)


def _require_digest(params: Mapping[str, Any], digest: str | None) -> None:
    if params["sha256"] and digest is None:
        raise FetchError(f"{params['pin_name']} is {params['sha256']!r}: it must be the 64 hex digits of a SHA-256.")


def _opened(params: Mapping[str, Any], source: str, pinned: bool) -> Any:
    try:
        return open_file(source, params["timeout"], params["ca_path"], pinned)
    except InsecureError as error:
        raise FetchError(f"{error}: use https://, or name the digest in {params['pin_name']}.") from error
    except BROKEN as error:
        raise FetchError(f"{without_password(source)} cannot be read: {error}; check the version and the address.") from error
