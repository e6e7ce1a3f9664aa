# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway pods are configured to do, as lines that people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_flags import destination

Record = Mapping[str, Any]

_HEAD = ("POD", "SITE", "PORTS", "ROUTES", "ENDPOINTS", "CERTIFICATE")


def gateway_table(results: Sequence[Record], gateways: Sequence[Record], details: bool = False) -> list[str]:
    """The filter gateway_table: a line for each pod and site, then what differs, and with details all that the pods know."""
    seen = [(result, gateway) for result, gateway in zip(results, gateways, strict=False) if "pods" in result]
    rows = [_row(pod, subject) for result, gateway in seen for pod in result["pods"] for subject in gateway["subjects"]]
    lines = _aligned([_HEAD, *rows]) if rows else []
    lines += [f"differs: {flag['text']}" for result, _gateway in seen for flag in result["flags"]]
    lines += [f"not asked: {error}" for result, _gateway in seen for error in result["errors"]]
    return lines + [line for result, _gateway in seen for pod in result["pods"] if details for line in _all_of(pod)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ways(pod: Record, subject: Record) -> tuple[list[Record], list[tuple[Record, Record]]]:
    """Return the routes of a pod for a site, and its chains with their listeners."""
    hosts = set(subject["hosts"])
    routes = [route for route in pod["routes"] if hosts & set(route["hosts"])]
    configs = {route["config"] for route in routes}
    chains = [
        (listener, chain)
        for listener in pod["listeners"]
        for chain in listener["chains"]
        if listener["state"] == "active" and subject.get("port") in (None, listener["port"])
        if chain["routes"] in configs or hosts & set(chain["server_names"])
    ]
    return routes, chains


def backends(pods: Sequence[Record], subject: Record) -> list[dict[str, Any]]:
    """Return where requests for a site go: each Service with what leads there, and its endpoints as the pod sees them that has the fewest.

    Args:
        pods: RV(baremesh.edge.gateway_config_info#module:pods).
        subject: A subject of the plan.
    """
    found: dict[str, dict[str, Any]] = {}
    for pod in pods:
        routes, chains = _ways(pod, subject)
        leads = [(str(route["match"]), name) for route in routes for name in route["clusters"]]
        leads += [("TLS", name) for _listener, chain in chains for name in chain["clusters"]]
        known = {cluster["name"]: cluster["endpoints"] for cluster in pod["clusters"]}
        for match, name in leads:
            service, endpoints = destination(name), known.get(name, ())
            healthy = sum(1 for each in endpoints if each["healthy"])
            entry = found.setdefault(service, {"service": service, "matches": [], "healthy": healthy, "endpoints": endpoints})
            entry["matches"] += [match] if match not in entry["matches"] else []
            if healthy < entry["healthy"]:
                entry.update(healthy=healthy, endpoints=endpoints)
    shown = ("address", "port", "healthy")
    return [{**entry, "endpoints": [{key: each[key] for key in shown} for each in entry["endpoints"]]} for entry in found.values()]


def _row(pod: Record, subject: Record) -> tuple[str, ...]:
    """Return what a pod does for a site."""
    routes, chains = _ways(pod, subject)
    # A listener for TLS passes connections on itself; what HTTP takes is a route.
    ways = len(routes) + sum(1 for _listener, chain in chains if chain["clusters"])
    used = {name for each in (*routes, *(chain for _listener, chain in chains)) for name in each["clusters"]}
    endpoints = [each for cluster in pod["clusters"] if cluster["name"] in used for each in cluster["endpoints"]]
    ports = sorted({listener["port"] for listener, _chain in chains if listener["port"]})
    held = [each for each in pod["secrets"] if str(each["name"]).rpartition("/")[2] in subject["secrets"] and each["serial"]]
    return (
        str(pod["name"]),
        str(subject["name"]),
        ",".join(map(str, ports)) or "none",
        str(ways or "none"),
        _healthy(endpoints) if used else "-",
        ", ".join(map(_certificate, held)) or ("none" if subject["secrets"] else "-"),
    )


def _healthy(endpoints: Sequence[Record]) -> str:
    return f"{sum(1 for each in endpoints if each['healthy'])}/{len(endpoints)}"


def _certificate(secret: Record) -> str:
    return f"{secret['serial']} until {str(secret['not_after'])[:10]}" if secret["serial"] else "no certificate"


def _joined(texts: Iterable[Any]) -> str:
    return ", ".join(map(str, texts)) or "*"


def _refused(entry: Record) -> str:
    return f"; refused an update: {entry['detail']}" if entry["detail"] else ""


def _all_of(pod: Record) -> Iterator[str]:
    """Yield all that a pod knows."""
    yield f"{pod['name']} on {pod['node'] or 'no node'}:"
    for listener in pod["listeners"]:
        yield f"  listener {listener['name']} {listener['state']}{_refused(listener)}"
        for chain in listener["chains"]:
            way = chain["routes"] or _joined(map(destination, chain["clusters"]))
            secrets = f" with {_joined(chain['secrets'])}" if chain["secrets"] else ""
            yield f"    {_joined(chain['server_names'])}{secrets} -> {way}"
    for route in pod["routes"]:
        way = _joined(map(destination, route["clusters"])) if route["clusters"] else route["action"]
        made = f" ({route['object']})" if route["object"] else ""
        yield f"  route {route['config']} {_joined(route['hosts'])} {route['match']} -> {way}{made}{_refused(route)}"
    for cluster in pod["clusters"]:
        healthy = _healthy(cluster["endpoints"])
        yield f"  cluster {destination(cluster['name'])} {cluster['state']} {healthy} healthy{_refused(cluster)}"
        yield from (f"    {each['address']}:{each['port']} {each['health']}" for each in cluster["endpoints"])
    for secret in pod["secrets"]:
        yield f"  secret {secret['name']} {secret['state']} {_certificate(secret)}"
