# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the routes of a site: which requests they match, and what becomes of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import path_problems, regex_problems

MATCHES = ("prefix", "exact", "regex")


@dataclass(frozen=True)
class Route:
    """Where requests go. C(match) is the field that was given, or None for a route that takes all."""

    match: str | None
    value: str
    service: str
    port: int
    rewrite: str | None = None
    timeout: str | None = None
    headers: Raw | None = None
    retries: Raw | None = None


def _judged(at: Fields, key: str) -> Raw | None:
    """Return a dictionary that goes into a VirtualService as it is."""
    value = at.mapping(key)
    at.fits(f"VirtualService.http.{key}", value)
    return value


def _timeout(at: Fields) -> str | None:
    value = at.duration("timeout")
    at.fits("VirtualService.http.timeout", value)
    return value


def read_route(fields: Fields, index: int, cluster_domain: str, passthrough: bool) -> Route | None:
    """Read O(routes[index])."""
    at = fields.nested(f"routes[{index}]")
    if at is None:
        return None
    if passthrough:
        at.only(("service", "port"), "with tls.mode PASSTHROUGH, since the gateway does not see the request")
    else:
        at.only(spec.ROUTE)
    given = [match for match in MATCHES if match in at.raw]
    if len(given) > 1:
        at.report(f"has {' and '.join(given)}; a route is matched by one of {', '.join(MATCHES)}")
    match = given[0] if given else None
    value = (at.text if match == "regex" else at.path)(match, required=True) if match else ""
    if match and value:
        for problem in regex_problems(value) if match == "regex" else path_problems(match, value):
            at.report(problem)
    return Route(
        match=match,
        value=value or "",
        service=at.service("service", cluster_domain) or "",
        port=at.port("port") or 0,
        rewrite=at.path("rewrite"),
        timeout=_timeout(at),
        headers=_judged(at, "headers"),
        retries=_judged(at, "retries"),
    )


def rewrite_warnings(routes: Sequence[Route]) -> Iterator[str]:
    """Yield a sentence for each rewrite that makes other paths than people mean, since it replaces the text of the prefix."""
    for index, route in enumerate(routes):
        if route.match == "prefix" and route.rewrite and route.value.endswith("/") != route.rewrite.endswith("/"):
            yield (
                f"routes[{index}] replaces '{route.value}' by '{route.rewrite}', so {_beneath(route)}; write "
                f"{{prefix: {_closed(route.value)}, rewrite: {_closed(route.rewrite)}}}"
                + (f" and {{exact: {_bare(route.value)}, rewrite: {route.rewrite}}}" if route.value != "/" else "")
            )


def _closed(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _bare(path: str) -> str:
    return path.rstrip("/")


def _beneath(route: Route) -> str:
    """Return what becomes of a path beneath the prefix."""
    path = f"{_closed(route.value)}x"
    became = f"{path} becomes {route.rewrite}{path[len(route.value) :]}"
    return became if route.value.endswith("/") else f"{became} and {route.value}keys is taken too"
