# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads how the gateway talks to the services of a site: their subsets, TLS and limits, and those outside of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import is_address
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_routes import Route
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import destination_rule

# Fields in the form of Istio's TrafficPolicy, by their names there.
POLICY = {
    "tls": "tls",
    "load_balancing": "loadBalancer",
    "outlier_detection": "outlierDetection",
    "connection_pool": "connectionPool",
}


@dataclass(frozen=True)
class External:
    """Where a service outside of the cluster is. Without addresses DNS says it."""

    port: int
    tls: bool
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backend:
    """A service, and how the gateway talks to it.

    Attributes:
        host: Its full name.
        subsets: Groups of its pods, in the form of Istio's C(Subset).
        policy: The rest, in the form of Istio's C(TrafficPolicy).
        external: Where it is, None for a Service of the cluster.
    """

    host: str
    subsets: tuple[Raw, ...] = ()
    policy: Raw = field(default_factory=dict)
    external: External | None = None


def _external(fields: Fields, host: str, cluster_domain: str) -> External | None:
    at = fields.optional("external")
    if at is None:
        return None
    at.only(spec.EXTERNAL)
    if host.endswith(f".svc.{cluster_domain}"):
        fields.report(f"external is for services outside of the cluster, and service is '{host}'")
    port = at.port("port") or 0
    addresses = at.texts("addresses")
    for address in addresses:
        if not is_address(address):
            at.report(f"addresses has '{address}'; it must be an IP address")
    return External(port, at.boolean("tls", port == 443), tuple(addresses))


def read_backend(fields: Fields, index: int, cluster_domain: str) -> Backend | None:
    """Read O(backends[index])."""
    at = fields.nested(f"backends[{index}]")
    if at is None:
        return None
    before = len(at.findings)
    at.only(spec.BACKEND)
    host = at.service("service", cluster_domain) or ""
    policy: dict[str, Any] = {}
    for key, name in POLICY.items():
        simple = at.raw.get(key) if key == "load_balancing" else None
        policy[name] = {"simple": simple} if isinstance(simple, str) and simple else at.mapping(key)
        at.fits(f"DestinationRule.trafficPolicy.{name}", policy[name], word=key)
    subsets = at.sequence("subsets")
    at.fits("DestinationRule.subsets", subsets, word="subsets")
    named = tuple(subset for subset in subsets if isinstance(subset, Mapping))
    found = Backend(host, named, {name: value for name, value in policy.items() if value}, _external(at, host, cluster_domain))
    if len(at.findings) == before:
        for problem in destination_rule({"subsets": subsets, "trafficPolicy": found.policy}):
            at.report(problem.removeprefix("trafficPolicy."))
    return found


def backend_problems(backends: Sequence[Backend], routes: Sequence[Route]) -> Iterator[str]:
    """Yield what does not agree between the backends and the routes of a site."""
    used = [to for route in routes for to in route.destinations]
    copied = [route.fields["mirror"]["host"] for route in routes if "mirror" in route.fields]
    for index, backend in enumerate(backends):
        if backend.host and backend.host in [other.host for other in backends[:index]]:
            yield f"backends[{index}] is for service '{backend.host}' again; put both into one entry"
        elif backend.host and backend.host not in [*copied, *(to.host for to in used)]:
            yield f"backends[{index}] is for service '{backend.host}', to which no route of the site goes"
        expected = backend.external.port if backend.external else 0
        for port in sorted({to.port for to in used if to.host == backend.host and expected not in (0, to.port)}):
            yield f"a route goes to port {port} of '{backend.host}', and backends[{index}].external.port is {expected}"


def shared_problems(backends: Sequence[tuple[str, Backend]], routes: Sequence[tuple[str, Route]]) -> Iterator[str]:
    """Yield what sites say of each other's services: Istio takes one rule for each.

    Args:
        backends: All backends, each with the name of its site.
        routes: All routes, each with the name of its site.
    """
    known: dict[str, tuple[str, Backend]] = {}
    for site, backend in backends:
        first, other = known.setdefault(backend.host, (site, backend))
        if other != backend and first != site:
            yield (
                f"edge_sites ({site}): backends says otherwise of service '{backend.host}' than site '{first}'; a service has one rule, so "
                "that both must say the same, or one of them nothing"
            )
    for site, route in routes:
        targets = [to.reference for to in route.destinations] + [target for target in [route.fields.get("mirror")] if target]
        for target in targets:
            _first, found = known.get(target["host"], ("", None))
            names = [str(subset.get("name")) for subset in found.subsets] if found else []
            if found and target.get("subset") and target["subset"] not in names:
                yield (
                    f"edge_sites ({site}): a route goes to subset '{target['subset']}' of '{target['host']}', and backends has "
                    f"{', '.join(names) or 'no subsets'} for it"
                )
