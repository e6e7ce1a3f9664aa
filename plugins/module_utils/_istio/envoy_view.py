# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners, routes and clusters of an Envoy as plain data, from its admin pages. Pure functions.

What an entry has of C(detail) is why Envoy refused its last update; it goes on with the one before, if there was one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Entry = dict[str, Any]

_STATES = ("active", "warming", "draining")
_OBJECT = re.compile(r"/namespaces/([^/]+)/([^/]+)/([^/]+)$")
_PATHS = {"path": "exact", "prefix": "prefix", "path_separated_prefix": "prefix", "safe_regex": "regex"}
_CONDITIONS = ("headers", "query_parameters")
# What Envoy has not looked at yet counts as healthy for it too.
_HEALTHY = ("HEALTHY", "UNKNOWN", "DEGRADED")


def part(found: Any, *keys: str) -> Any:
    """Return what is at the end of a path of keys; None where it ends before."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def parts(found: Any, *keys: str) -> list[Mapping[str, Any]]:
    """Return the dictionaries in a list at the end of a path of keys."""
    listed = part(found, *keys)
    return [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []


def _entries(dump: Any, key: str) -> list[Mapping[str, Any]]:
    return [entry for config in parts(dump, "configs") for entry in parts(config, key)]


def _texts(found: Any, *keys: str) -> list[str]:
    listed = part(found, *keys)
    return [str(each) for each in listed] if isinstance(listed, list) else []


def _refused(entry: Any) -> str:
    return str(part(entry, "error_state", "details") or "refused") if part(entry, "error_state") else ""


def _name(entry: Any, kind: str) -> str:
    """Return the name of an entry, which one that was never taken has only in what was refused."""
    return str(part(entry, kind, "name") or part(entry, "name") or part(entry, "error_state", "failed_configuration", "name") or "")


def listeners(dump: Any) -> list[Entry]:
    """Return a dynamic listener for each state that it has, as C(rejected) where Envoy never took it."""
    found = []
    for entry in _entries(dump, "dynamic_listeners"):
        name, detail = _name(entry, ""), _refused(entry)
        states = [state for state in _STATES if part(entry, f"{state}_state")]
        for state in states or ["rejected"]:
            listener = part(entry, f"{state}_state", "listener")
            socket = part(listener, "address", "socket_address")
            found.append(
                {
                    "name": name,
                    "state": state,
                    "address": str(part(socket, "address") or ""),
                    "port": part(socket, "port_value"),
                    "last_updated": str(part(entry, f"{state}_state", "last_updated") or ""),
                    "chains": list(map(_chain, _chains(listener))),
                    "detail": detail,
                }
            )
    return found


def _chains(listener: Any) -> Iterator[Any]:
    yield from parts(listener, "filter_chains")
    if part(listener, "default_filter_chain"):
        yield part(listener, "default_filter_chain")


def _chain(chain: Any) -> Entry:
    """Return what a listener does with the connections of some server names."""
    tls = part(chain, "transport_socket", "typed_config", "common_tls_context")
    authority = part(tls, "combined_validation_context", "validation_context_sds_secret_config")
    names = [*parts(tls, "tls_certificate_sds_secret_configs"), authority, part(tls, "validation_context_sds_secret_config")]
    routes, clusters = "", []
    for each in parts(chain, "filters"):
        routes = str(part(each, "typed_config", "rds", "route_config_name") or routes)
        direct = part(each, "typed_config", "cluster")
        clusters += [str(direct)] if direct else _weighted(part(each, "typed_config", "weighted_clusters"))
    return {
        "server_names": _texts(chain, "filter_chain_match", "server_names"),
        "secrets": [str(part(name, "name")) for name in names if part(name, "name")],
        "routes": routes,
        "clusters": clusters,
    }


def _weighted(found: Any) -> list[str]:
    """Return the clusters that get a share."""
    return [str(part(each, "name")) for each in parts(found, "clusters") if part(each, "name") and part(each, "weight") != 0]


def routes(dump: Any) -> list[Entry]:
    """Return the routes, in the order in which Envoy looks at them; one without hosts for a configuration that was never taken."""
    found = []
    for entry in _entries(dump, "dynamic_route_configs"):
        config = part(entry, "route_config")
        shared = {
            "config": _name(entry, "route_config"),
            "last_updated": str(part(entry, "last_updated") or ""),
            "detail": _refused(entry),
        }
        hosts = parts(config, "virtual_hosts")
        found += [{**shared, "hosts": _texts(host, "domains"), **_route(route)} for host in hosts for route in parts(host, "routes")]
        if shared["detail"] and not hosts:
            found.append({**shared, "hosts": [], **_route({})})
    return found


def _route(route: Any) -> Entry:
    match = part(route, "match")
    paths = [f"{word} {part(match, key, 'regex') or part(match, key)}" for key, word in _PATHS.items() if part(match, key) is not None]
    conditions = [str(each.get("name") or "") for key in _CONDITIONS for each in parts(match, key)]
    actions = [key for key in ("route", "redirect", "direct_response") if part(route, key) is not None]
    direct = part(route, "route", "cluster")
    return {
        "match": " with ".join([*paths, *conditions]),
        "action": actions[0] if actions else "",
        "clusters": [str(direct)] if direct else _weighted(part(route, "route", "weighted_clusters")),
        "object": _object(part(route, "metadata", "filter_metadata", "istio", "config")),
    }


def _object(path: Any) -> str:
    """Return the object of which istiod made a route, C(VirtualService apps/shop); empty where it does not say so."""
    found = _OBJECT.search(str(path or ""))
    if not found:
        return ""
    namespace, kind, name = found.groups()
    return f"{''.join(word[:1].upper() + word[1:] for word in kind.split('-'))} {namespace}/{name}"


def clusters(dump: Any, answer: Any) -> list[Entry]:
    """Return the dynamic clusters with their endpoints.

    Args:
        dump: the configuration.
        answer: the admin page of the clusters.
    """
    known = endpoints(answer)
    found = []
    for state in ("active", "warming"):
        for entry in _entries(dump, f"dynamic_{state}_clusters"):
            name, detail = _name(entry, "cluster"), _refused(entry)
            taken = state if part(entry, "cluster") else "rejected"
            found.append(
                {
                    "name": name,
                    "state": taken,
                    "type": str(part(entry, "cluster", "type") or ""),
                    "endpoints": known.get(name, []),
                    "last_updated": str(part(entry, "last_updated") or ""),
                    "detail": detail,
                }
            )
    return found


def endpoints(answer: Any) -> dict[str, list[Entry]]:
    """Return the endpoints of each cluster, from the admin page of the clusters."""
    return {str(part(each, "name") or ""): list(map(_endpoint, parts(each, "host_statuses"))) for each in parts(answer, "cluster_statuses")}


def _endpoint(host: Any) -> Entry:
    socket, health = part(host, "address", "socket_address"), part(host, "health_status")
    failed = sorted(key for key, value in health.items() if key.startswith("failed_") and value) if isinstance(health, Mapping) else []
    state = str(part(health, "eds_health_status") or "UNKNOWN")
    return {
        "address": str(part(socket, "address") or part(host, "address", "pipe", "path") or ""),
        "port": part(socket, "port_value"),
        "healthy": state in _HEALTHY and not failed,
        "health": " ".join([state, *failed]),
    }
