# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the routes of a site: which requests they match, and what becomes of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import matches
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import (
    expression_problems,
    path_problems,
    path_surprises,
    regex_problems,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_route_rules import http_route

# Fields that compare the path. A route has one of these at most.
MATCHES = ("prefix", "exact", "regex")
# Conditions beside the path, by their names in Istio's HTTPMatchRequest.
CONDITIONS = {"method": "method", "with_headers": "headers", "without_headers": "withoutHeaders", "query": "queryParams"}
# Fields in the form of Istio's HTTPRoute, by their names there.
AS_GIVEN = {
    "redirect": "redirect",
    "direct_response": "directResponse",
    "headers": "headers",
    "retries": "retries",
    "cors": "corsPolicy",
    "fault": "fault",
}
# Who answers a request. A route has one of these.
ANSWERS = ("service", "destinations", "redirect", "direct_response")
# What is left of a route where the gateway does not see the request.
PASSED = ("service", "port", "destinations", "hosts")
OPAQUE = {
    "passthrough": "with tls.mode PASSTHROUGH, since the gateway does not see the request",
    "tcp": "with tcp_port, since the gateway forwards connections and does not see requests",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
# What Istio calls otherwise.
_WORDS = {
    **{f"match.{name}": key for key, name in CONDITIONS.items()},
    **{name: key for key, name in AS_GIVEN.items()},
    "mirrorPercentage.value": "mirror.percentage",
    "route has": "destinations has",
}


@dataclass(frozen=True)
class Destination:
    """A port of a Service, or of a subset of its pods. C(weight) is its share of the requests."""

    host: str
    port: int
    subset: str | None = None
    weight: int | None = None

    @property
    def reference(self) -> dict[str, Any]:
        """Return it in the form of Istio's C(Destination)."""
        return {"host": self.host, "port": {"number": self.port}, **({"subset": self.subset} if self.subset else {})}


@dataclass(frozen=True)
class Route:
    """Which requests are taken, and what becomes of them.

    Attributes:
        match: The field that compares the path, None where every path is taken.
        value: What it compares the path with.
        conditions: What a request must have beside its path, in the form of Istio's C(HTTPMatchRequest).
        destinations: Who answers. None where the gateway does by itself.
        hosts: Names in the handshake for which TLS passes through. None for those of no other route.
        fields: What else happens, in the form of Istio's C(HTTPRoute).
    """

    match: str | None = None
    value: str = ""
    conditions: Raw = field(default_factory=dict)
    destinations: tuple[Destination, ...] = ()
    hosts: tuple[str, ...] = ()
    fields: Raw = field(default_factory=dict)

    @property
    def condition(self) -> dict[str, Any]:
        """Return the condition in the form of Istio's C(HTTPMatchRequest); an empty one for every request."""
        return {**({"uri": {self.match: self.value}} if self.match else {}), **self.conditions}

    @property
    def rewrite(self) -> str | None:
        """Return the path that replaces the one that matched."""
        return (self.fields.get("rewrite") or {}).get("uri")

    @property
    def answered(self) -> bool:
        """True where it is known who answers, and which path."""
        known = all(destination.host and destination.port for destination in self.destinations)
        return (
            known and bool(self.value) >= bool(self.match) and bool(self.destinations or {"redirect", "directResponse"} & set(self.fields))
        )


def _compared(value: Any) -> Any:
    """Return how a text is compared: as it is where nothing else is said, and with any where nothing is."""
    if isinstance(value, bool):
        value = str(value).lower()
    return {"exact": str(value)} if isinstance(value, (str, int, float)) else {} if value is None else value


def _conditions(at: Fields, match: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, name in CONDITIONS.items():
        if at.raw.get(key) is None:
            continue
        if at.raw[key] == "":
            at.report(f"{key} is empty; give it a value, or remove it")
            continue
        # Envoy knows the names of headers in lower case.
        written = str.lower if "headers" in key else str
        found[name] = _compared(at.raw[key])
        if key != "method":
            found[name] = {written(str(word)): _compared(value) for word, value in (at.mapping(key) or {}).items()}
        at.fits(f"VirtualService.http.match.{name}", found[name], word=key)
    method = found.get("method")
    exact = method.get("exact") if isinstance(method, Mapping) else None
    if exact not in METHODS and str(exact).upper() in METHODS:
        at.report(f"method is '{exact}'; write '{str(exact).upper()}'")
    if at.boolean("ignore_case", False):
        found["ignoreUriCase"] = True
        if match not in ("prefix", "exact"):
            at.report("ignore_case is for prefix and exact; a regex that begins with (?i) ignores it, too")
    return found


def _destination(at: Fields, cluster_domain: str) -> Destination:
    return Destination(
        host=at.service("service", cluster_domain) or "",
        port=at.port("port") or 0,
        subset=at.name("subset"),
        weight=at.integer("weight", 0, 2**31 - 1),
    )


def _destinations(at: Fields, cluster_domain: str, answers: Sequence[str]) -> Iterator[Destination]:
    given = [key for key in answers if at.raw.get(key) not in (None, "", [])]
    if len(given) != 1:
        at.report(f"has {' and '.join(given) or 'no service'}; a route has one of {', '.join(answers)}")
    elif "port" in at.raw and "service" not in given:
        at.report(f"port is for service, and the route has {given[0]}")
    if "service" in given:
        yield _destination(Fields({key: at.raw.get(key) for key in ("service", "port")}, at.place, at.findings, at.title), cluster_domain)
    several = len(at.sequence("destinations"))
    for index in range(several):
        one = at.nested(f"destinations[{index}]")
        if one is not None:
            one.only(spec.DESTINATION)
            if several > 1 and one.raw.get("weight") in (None, ""):
                one.report("weight is missing; one of several destinations has a share of the requests")
            yield _destination(one, cluster_domain)


def _mirror(at: Fields, cluster_domain: str) -> dict[str, Any]:
    """Return where copies of requests go, whose answers are dropped."""
    one = at.optional("mirror")
    if one is None:
        return {}
    one.only(spec.MIRROR)
    share = one.raw.get("percentage")
    one.fits("VirtualService.http.mirrorPercentage.value", share, word="percentage")
    percentage = {} if share is None else {"mirrorPercentage": {"value": share}}
    return {"mirror": _destination(one, cluster_domain).reference, **percentage}


def _rewrite(at: Fields) -> Raw | None:
    """Return what replaces parts of a request: a text replaces the path that matched."""
    value = at.raw.get("rewrite")
    if not isinstance(value, Mapping):
        path = at.path("rewrite")
        return {"uri": path} if path else None
    at.fits("VirtualService.http.rewrite", value)
    return value


def _fields(at: Fields, cluster_domain: str) -> dict[str, Any]:
    found: dict[str, Any] = {"timeout": at.duration("timeout"), "rewrite": _rewrite(at)}
    at.fits("VirtualService.http.timeout", found["timeout"])
    for key, name in AS_GIVEN.items():
        found[name] = at.mapping(key)
        at.fits(f"VirtualService.http.{name}", found[name], word=key)
    return {name: value for name, value in {**found, **_mirror(at, cluster_domain)}.items() if value is not None}


def read_route(fields: Fields, index: int, cluster_domain: str, opaque: str = "") -> Route | None:
    """Read O(routes[index]); O(opaque) is the key of C(OPAQUE) for connections that the gateway does not look into."""
    at = fields.nested(f"routes[{index}]")
    if at is None:
        return None
    before = len(at.findings)
    if opaque:
        at.only(PASSED[:-1] if opaque == "tcp" else PASSED, OPAQUE[opaque])
        return Route(destinations=tuple(_destinations(at, cluster_domain, ANSWERS[:2])), hosts=tuple(at.hosts("hosts", required=False)))
    at.only(spec.ROUTE)
    if at.raw.get("hosts"):
        at.report("hosts is for tls.mode PASSTHROUGH; other routes are for all hosts of the site")
    given = [match for match in MATCHES if match in at.raw]
    if len(given) > 1:
        at.report(f"has {' and '.join(given)}; a route is matched by one of {', '.join(MATCHES)}")
    match = given[0] if given else None
    value = (at.text if match == "regex" else at.path)(match, required=True) if match else ""
    if match and value:
        for problem in regex_problems(value) if match == "regex" else path_problems(match, value):
            at.report(problem)
    route = Route(
        match=match,
        value=value or "",
        conditions=_conditions(at, match),
        destinations=tuple(_destinations(at, cluster_domain, ANSWERS)),
        fields=_fields(at, cluster_domain),
    )
    if len(at.findings) == before:
        for problem in _problems(route):
            at.report(problem)
    return route


def _problems(route: Route) -> Iterator[str]:
    """Yield what Istio or Envoy refuse of a route whose fields fit their types."""
    shares = [{"weight": destination.weight} for destination in route.destinations]
    for problem in http_route({**route.fields, "route": shares, "match": [route.conditions]}):
        yield reduce(lambda text, word: text.replace(*word), _WORDS.items(), problem)
    conditions = {key: route.conditions.get(name) for key, name in CONDITIONS.items()}
    yield from expression_problems({**conditions, "cors": route.fields.get("corsPolicy"), "rewrite": route.fields.get("rewrite")})


def loop_problems(routes: Sequence[Route], hosts: Sequence[str]) -> Iterator[str]:
    """Yield which redirects send clients to where they are, so that these ask again without end."""
    for index, route in enumerate(routes):
        redirect = route.fields.get("redirect") or {}
        elsewhere = any(redirect.get(key) for key in ("uri", "prefixRewrite", "port", "derivePort")) or redirect.get("scheme") == "http"
        chosen, authority = ":authority" in (route.conditions.get("headers") or {}), redirect.get("authority")
        stays = authority in hosts and not chosen if authority else redirect.get("scheme") == "https"
        if stays and not elsewhere:
            yield (
                f"routes[{index}].redirect sends clients to where they are; give it uri, prefixRewrite or port, an authority that is not "
                "among the hosts of the site, or take requests for the others by with_headers: {':authority': NAME}"
            )


def tcp_problems(routes: Sequence[Route]) -> Iterator[str]:
    """Yield why connections would go nowhere, or to a route that they never reach."""
    if not routes:
        yield "routes is missing or empty; a TCP site has one route, the service that takes its connections"
    elif len(routes) > 1:
        yield f"routes has {len(routes)} entries; a TCP site has one, with several destinations where these share its connections"


def name_problems(routes: Sequence[Route], hosts: Sequence[str]) -> Iterator[str]:
    """Yield which names of TLS that passes through go nowhere, or to two routes."""
    taken: dict[str, int] = {}
    for index, route in enumerate(routes):
        for host in route.hosts:
            if host in taken:
                yield f"routes[{index}].hosts has '{host}', which routes[{taken[host]}] has, too"
            elif not any(matches(host, own) for own in hosts):
                yield f"routes[{index}].hosts has '{host}', which is not among the hosts of the site: {', '.join(hosts)}"
            taken.setdefault(host, index)
    rest = [index for index, route in enumerate(routes) if not route.hosts]
    left = [host for host in hosts if host not in taken]
    if not routes:
        yield "routes is missing or empty; with tls.mode PASSTHROUGH each host is passed to a service"
    elif len(rest) > 1:
        yield f"{' and '.join(f'routes[{index}]' for index in rest)} have no hosts; PASSTHROUGH passes a host to exactly one service"
    elif rest and not left:
        yield f"routes[{rest[0]}] has no hosts, and other routes have all of the site's; remove it, or give it hosts"
    elif not rest and left:
        yield f"no route is for {', '.join(left)}; add hosts to a route, or a route without hosts for all that is left"


def path_warnings(routes: Sequence[Route]) -> Iterator[str]:
    """Yield a sentence for each path that is another one than people mean."""
    for index, route in enumerate(routes):
        yield from (f"routes[{index}]{surprise}" for surprise in path_surprises([(route.match or "", route.value)], route.rewrite))
