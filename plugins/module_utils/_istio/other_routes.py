# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the Gateway API and of Ingresses in the form of VirtualServices, which istiod makes of them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import ATTACHED, matches

Object = Mapping[str, Any]

_CONTROLLER = "istio.io/ingress-controller"
_CLASS = "kubernetes.io/ingress.class"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_PATHS = {"Exact": "exact", "PathPrefix": "prefix", "Prefix": "prefix", "RegularExpression": "regex"}


def _service(found: Object, kind: str, hosts: Iterable[str], rules: Sequence[Object]) -> Object:
    return {
        "kind": kind,
        "metadata": found["metadata"],
        "spec": {"hosts": list(dict.fromkeys(hosts)), "gateways": [ATTACHED], "http": list(rules)},
    }


def _listeners(gateway: Object, labels: Mapping[str, str], namespace: str, port: int) -> list[Object]:
    """Return the listeners without TLS on a port that the gateway's pods open: pods made for it, or those of the Service that it names."""
    metadata, spec = gateway["metadata"], gateway.get("spec") or {}
    own = labels.get(_GATEWAY_NAME) == metadata["name"] and metadata.get("namespace") == namespace
    services = [str(address.get("value")).split(".") for address in spec.get("addresses") or ()]
    named = any((parts[1:2] or [metadata.get("namespace")]) == [namespace] for parts in services)
    found = [entry for entry in spec.get("listeners") or () if (entry.get("protocol"), entry.get("port")) == ("HTTP", port)]
    return found if own or named else []


def _shared(hosts: Iterable[str], hostname: str) -> list[str]:
    """Return the hosts that a route and a listener have in common."""
    return [host if matches(host, hostname) else hostname for host in hosts if matches(host, hostname) or matches(hostname, host)]


def _condition(entry: Object) -> dict[str, Any]:
    """Return a condition on a name, of a header for example."""
    return {_PATHS.get(str(entry.get("type") or "Exact"), "exact"): entry.get("value")}


def _match(match: Object) -> Object:
    found: dict[str, Any] = {}
    path = match.get("path") or {}
    kind, value = _PATHS.get(str(path.get("type") or "PathPrefix"), "prefix"), str(path.get("value") or "/")
    # A prefix ends with a whole part of the path.
    found["uri"] = {kind: f"{value.rstrip('/')}/" if kind == "prefix" else value}
    if match.get("method"):
        found["method"] = {"exact": match["method"]}
    for key in ("headers", "queryParams"):
        if match.get(key):
            found[key] = {str(entry.get("name")).lower(): _condition(entry) for entry in match[key]}
    return found


def _rule(rule: Object) -> Object:
    matches = [_match(match) for match in rule.get("matches") or [{}]]
    redirects = [entry.get("requestRedirect") or {} for entry in rule.get("filters") or () if entry.get("type") == "RequestRedirect"]
    answer: Object = {"redirect": {"redirectCode": redirects[0].get("statusCode") or 302}} if redirects else {"route": []}
    return {"match": matches, **answer}


def of_gateway_api(
    gateways: Iterable[Object], routes: Iterable[Object], labels: Mapping[str, str], namespace: str, port: int = 80
) -> Iterator[Object]:
    """Yield what HTTPRoutes add to a port of the gateway's pods.

    Args:
        gateways: Gateways of the Gateway API.
        routes: HTTPRoutes.
        labels: Labels of the pods.
        namespace: Namespace of the pods.
        port: The port.
    """
    open_here = {
        (entry["metadata"].get("namespace"), entry["metadata"]["name"]): _listeners(entry, labels, namespace, port) for entry in gateways
    }
    for route in routes:
        spec, space = route.get("spec") or {}, route["metadata"].get("namespace")
        hosts = [
            host
            for parent in spec.get("parentRefs") or ()
            for listener in open_here.get((parent.get("namespace") or space, parent.get("name")), ())
            if parent.get("sectionName") in (None, listener.get("name")) and parent.get("port") in (None, port)
            for host in _shared(spec.get("hostnames") or ["*"], listener.get("hostname") or "*")
        ]
        if hosts:
            yield _service(route, "HTTPRoute", hosts, [_rule(rule) for rule in spec.get("rules") or [{}]])


def _takes(entry: Object, path: str) -> bool:
    value, kind = str(entry.get("path") or "/"), entry.get("pathType")
    if kind == "Prefix" or value.endswith("*"):
        return path.startswith(f"{value.rstrip('*').rstrip('/')}/")
    return value in ("/", path) if kind != "Exact" else value == path


def of_ingresses(ingresses: Iterable[Object], classes: Iterable[Object], path: str) -> Iterator[Object]:
    """Yield what Ingresses of Istio's classes add for a path.

    Istio puts the routes of all Ingresses with one host in order, exact paths first, so that they give way to the solver's Ingress.
    """
    ours = {entry["metadata"]["name"] for entry in classes if (entry.get("spec") or {}).get("controller") == _CONTROLLER}
    for ingress in ingresses:
        spec, annotations = ingress.get("spec") or {}, ingress["metadata"].get("annotations") or {}
        if spec.get("ingressClassName") not in ours and annotations.get(_CLASS) != "istio":
            continue
        hosts = [
            rule.get("host") or "*"
            for rule in spec.get("rules") or ()
            if any(_takes(entry, path) for entry in (rule.get("http") or {}).get("paths") or ())
        ]
        hosts += ["*"] if spec.get("defaultBackend") else []
        if hosts:
            yield _service(ingress, "Ingress", hosts, [{"route": []}])
