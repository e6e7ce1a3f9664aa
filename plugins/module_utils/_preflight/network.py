# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host sees of the network: names and addresses that it will need later."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import caa, dns, tsig
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.delegation import Delegations

_WORKERS = 16
_LARGEST_BODY = 1 << 20


def _records(name: str, family: int) -> tuple[list[str], str]:
    try:
        # With its final dot a name is looked up as it is: no search domains, and not in /etc/hosts, which no ACME authority sees.
        answers = socket.getaddrinfo(f"{name.rstrip('.')}.", None, family, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        absent = isinstance(error, socket.gaierror) and error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5))
        return [], "" if absent else str(error)
    return sorted({str(answer[4][0]) for answer in answers}), ""


def resolve(name: str) -> dict[str, Any]:
    """Look up a name's addresses. C(error) is empty if the answer is that there are none."""
    first, first_error = _records(name, socket.AF_INET)
    second, second_error = _records(name, socket.AF_INET6)
    return {"name": name, "a": first, "aaaa": second, "error": first_error or second_error}


def _context(ca_bundle: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # From Python 3.13 on the default refuses authorities that cert-manager accepts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_bundle:
        text = ca_bundle if "-----BEGIN" in ca_bundle else base64.b64decode(ca_bundle).decode("ascii")
        context.load_verify_locations(cadata=text)
    return context


def _innermost(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    return str(reason or error)


def fetch(url: str, ca_bundle: str | None, timeout: float) -> dict[str, Any]:
    """Fetch a small document. C(status) is 0 if there was no answer, and C(error) then says why."""
    result: dict[str, Any] = {"url": url, "status": 0, "error": "", "body": ""}
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError("it is neither an http nor an https address")
        parts = urllib.parse.urlsplit(url)
        user, at, place = parts.netloc.rpartition("@")
        request = urllib.request.Request(parts._replace(netloc=place).geturl(), headers={"User-Agent": "baremesh.edge"})  # noqa: S310 - the scheme was checked
        if at:
            # For that server alone, not for one that it redirects to.
            login = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
            request.add_unredirected_header("Authorization", f"Basic {login}")
        handler = urllib.request.HTTPSHandler(context=_context(ca_bundle))
        with urllib.request.build_opener(handler).open(request, timeout=timeout) as response:
            result["status"] = response.status
            result["body"] = response.read(_LARGEST_BODY).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        result.update(status=error.code, error=f"HTTP {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        result["error"] = _innermost(error)
    return result


def look(
    names: Sequence[str],
    urls: Sequence[Mapping[str, Any]],
    timeout: float,
    caa_names: Sequence[str] = (),
    keys: Sequence[Mapping[str, Any]] = (),
    challenges: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Look up names, CAA records and zones of challenges, fetch documents and try TSIG keys, all at the same time."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = pool.map(resolve, names)
        fetched = pool.map(lambda entry: fetch(entry["url"], entry.get("ca_bundle"), timeout), urls)
        ask = dns.resolver(timeout)
        allowed = pool.map(lambda name: caa.climb(name, ask), caa_names)
        tried = pool.map(lambda entry: tsig.look(entry, timeout), keys)
        zones = pool.map(Delegations(timeout).look, challenges)
        return {
            "dns01": list(tried),
            "challenges": {entry["name"]: entry for entry in zones},
            "caa": {entry["name"]: entry for entry in allowed},
            "resolved": {entry["name"]: entry for entry in found},
            "fetched": {entry["url"]: entry for entry in fetched},
        }
