# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of a cluster keep an ACME challenge from cert-manager's solver. Pure functions.

The solver adds a route for the exact path and the exact host. Istio merges the routes of port 80 by host name, in the order in which
the objects were made, and puts routes without a condition last. So the solver's route wins over a route that takes everything,
and loses to an older one that has a condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]

#: What routes name as their Gateway that are attached to the gateway's pods without one of Istio's Gateways.
ATTACHED = "attached/otherwise"
PATH = "/.well-known/acme-challenge/edge-check"
#: Name of the rule that forwards challenges from one gateway to the one to which the solver attaches.
FORWARDED_CHALLENGES = "baremesh-edge-challenges"
# What of an EnvoyFilter changes how requests are answered; clusters and bootstrap do not.
_PATCHED = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")
# By a header of its own, or by who asks: an ACME server sends none of it, and comes from any address.
_ANYBODY_LACKS = ("principals", "requestPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks")
# How something in front of all routes asks for a login.
_LOGIN = (301, 302, 303, 307, 308, 401, 403)
_EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Cluster:
    """What may change the answer of a gateway, as far as it could be read."""

    labels: Mapping[str, str]
    namespace: str
    root_namespace: str = "istio-system"
    gateways: Sequence[Object] = ()
    virtual_services: Sequence[Object] = ()
    policies: Sequence[Object] = ()
    filters: Sequence[Object] = ()


@dataclass
class Explanation:
    """Why a gateway answers a challenge as it does.

    Attributes:
        obstacles: A sentence for each object that takes the challenge from the solver.
        suspects: A sentence for each object that may do so.
        statuses: What rules answer by themselves, a redirect for example, that give way to the solver's route.
        routed: Whether a rule that gives way to the solver's route sends the request on to a service.
    """

    obstacles: list[str] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    routed: bool = False

    def excuses(self, status: int, upstream: bool) -> bool:
        """Return whether a rule that gives way to the solver's route accounts for an answer, which came from a service or not."""
        return status in self.statuses or (self.routed and (upstream or status not in _LOGIN))


def explain(cluster: Cluster, host: str, port: int = 80, path: str = PATH) -> Explanation:
    """Return what the objects of a cluster do to a challenge for a host."""
    found = Explanation()
    plain = _servers(cluster, port)
    for gateway, server in plain:
        _judge_redirect(cluster, gateway, server, host, found)
    bound = {full_name(gateway) for gateway, server in plain if any(matches(host, bare(name)) for name in _list(server, "hosts"))}
    for service in cluster.virtual_services:
        _judge_routes(service, {*bound, ATTACHED}, host, port, path, found)
    _judge_policies(cluster, host, port, path, found)
    for patch in cluster.filters:
        if _applies(patch, cluster, "workloadSelector") and _patches_requests(patch):
            found.suspects.append(f"{patch.get('kind') or 'EnvoyFilter'} {full_name(patch)} changes how the gateway answers")
    return found


def bare(host: Any) -> str:
    """Return a host without the namespace that a Gateway allows before it."""
    return str(host).rpartition("/")[2]


def matches(host: str, pattern: str) -> bool:
    """Return whether a host of a Gateway or VirtualService is for a name."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _list(found: Object, key: str) -> list[Any]:
    value = found.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def _map(found: Object, key: str) -> Object:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}


def _maps(found: Object, key: str) -> list[Object]:
    return [entry for entry in _list(found, key) if isinstance(entry, Mapping)]


def _spec(found: Object) -> Object:
    return _map(found, "spec")


def full_name(found: Object) -> str:
    """Return the namespace and name of an object."""
    return f"{found['metadata'].get('namespace') or 'default'}/{found['metadata']['name']}"


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in dict(selector).items())


def _servers(cluster: Cluster, port: int) -> list[tuple[Object, Object]]:
    """Return the servers without TLS that the gateway's pods open on a port, each with its Gateway."""
    return [
        (gateway, server)
        for gateway in cluster.gateways
        if _selects(_map(_spec(gateway), "selector"), cluster.labels)
        for server in _maps(_spec(gateway), "servers")
        if str(_map(server, "port").get("number")) == str(port)
    ]


def gateways_of(service: Object) -> list[str]:
    """Return the Gateways of a VirtualService with their namespaces, as istiod resolves them."""
    found = []
    for name in map(str, _list(_spec(service), "gateways")):
        space, slash, short = name.partition("/")
        if not slash:
            # The old form is that of a Service, name.namespace.svc.cluster.local.
            short, space = [*name.split("."), "."][:2]
        found.append(f"{service['metadata'].get('namespace') or 'default' if space == '.' else space}/{short}")
    return found


def _judge_redirect(cluster: Cluster, gateway: Object, server: Object, host: str, found: Explanation) -> None:
    """Judge `httpsRedirect`, which Envoy obeys before it looks at routes, for each host name by itself."""
    if not _map(server, "tls").get("httpsRedirect"):
        return
    hosts = [bare(name) for name in _list(server, "hosts")]
    if not any(matches(host, name) for name in hosts):
        return
    routed = [
        full_name(service)
        for service in cluster.virtual_services
        if full_name(gateway) in gateways_of(service) and host in map(str, _list(_spec(service), "hosts"))
    ]
    if host in hosts or routed:
        through = "" if host in hosts else f" (VirtualService {routed[0]} brings the host to it)"
        found.obstacles.append(f"Gateway {full_name(gateway)} has httpsRedirect on port {server['port']['number']}{through}")
    else:
        # The redirect is for another host name, "*" for example; the solver's host name gets its own routes.
        found.statuses.add(301)


def _judge_routes(service: Object, bound: set[str], host: str, port: int, path: str, found: Explanation) -> None:
    """Judge the routes that a VirtualService adds to port 80."""
    hosts = [str(name) for name in _list(_spec(service), "hosts")]
    if not bound & set(gateways_of(service)) or not any(matches(host, name) for name in hosts):
        return
    rules = _maps(_spec(service), "http")
    taken = [(match, rule) for rule in rules for match in _maps(rule, "match") or [{}] if _takes(match, host, port, path)]
    # The host name of a wildcard is another one than the solver's, which Envoy prefers.
    ahead = [(match, rule) for match, rule in taken if not is_catch_all(match)] if host in hosts else []
    if (ahead or taken) and (ahead or taken)[0][1].get("name") == FORWARDED_CHALLENGES:
        # The other gateway answers a challenge that does not exist, and nothing else is as good.
        found.statuses.add(404)
    elif not ahead:
        for _match, rule in taken:
            _add_answer(rule, found)
    else:
        found.obstacles.append(
            f"{service.get('kind') or 'VirtualService'} {full_name(service)} takes {_condition(ahead[0][0])} before the solver's route"
        )


def _add_answer(rule: Object, found: Explanation) -> None:
    """Note what a rule answers."""
    if rule.get("redirect") is not None:
        found.statuses.add(_map(rule, "redirect").get("redirectCode") or 301)
    elif rule.get("directResponse"):
        found.statuses.add(_map(rule, "directResponse").get("status") or 200)
    else:
        found.routed = True


def _takes(match: Object, host: str, port: int, path: str) -> bool:
    """Return whether a condition of a route holds for a challenge: GET over HTTP, without parameters and without headers of its own."""
    if match.get("port") not in (None, port) or match.get("queryParams"):
        return False
    known = {":path": path, ":method": "GET", ":scheme": "http", ":authority": host, "x-forwarded-proto": "http"}
    if any(not holds(condition, known.get(name, "")) for name, condition in _map(match, "headers").items()):
        return False
    if any(holds(condition, known.get(name, "")) for name, condition in _map(match, "withoutHeaders").items()):
        return False
    fields = (("uri", path), ("method", "GET"), ("scheme", "http"), ("authority", host))
    return all(holds(_map(match, name), value, bool(match.get("ignoreUriCase"))) for name, value in fields)


def holds(condition: Object, value: str, ignore_case: bool = False) -> bool:
    """Return whether a StringMatch holds; one that says nothing asks only that there is a value."""
    if not condition:
        return bool(value)
    if ignore_case:
        condition, value = {key: str(text).lower() for key, text in condition.items()}, value.lower()
    if "exact" in condition:
        return bool(condition["exact"] == value)
    if "prefix" in condition:
        return value.startswith(str(condition["prefix"]))
    try:
        return re.fullmatch(str(condition.get("regex", "")), value) is not None
    except re.error:
        # RE2 knows what Python does not; what cannot be judged is not called a reason.
        return False


def is_catch_all(match: Object) -> bool:
    """Return whether Istio puts a route last, as Istio decides it."""
    if match.get("headers") or match.get("withoutHeaders") or match.get("queryParams"):
        return False
    uri = _map(match, "uri")
    everything = not uri or uri.get("prefix") == "/" or uri.get("regex") in (".*", "*")
    return everything and not (match.get("method") or match.get("scheme") or match.get("authority"))


def _condition(match: Object) -> str:
    uri = _map(match, "uri")
    said = [f"{kind} {value}" for kind, value in uri.items()]
    said += [name for name in ("method", "scheme", "authority", "headers", "withoutHeaders") if match.get(name)]
    return " with ".join(said)


def _applies(found: Object, cluster: Cluster, selector: str) -> bool:
    """Return whether a policy or filter is for the pods of the gateway."""
    space = found["metadata"].get("namespace") or "default"
    spec = _spec(found)
    if space not in (cluster.namespace, cluster.root_namespace) or spec.get("targetRefs") or spec.get("targetRef"):
        return False
    if _map(found["metadata"], "annotations").get("istio.io/dry-run") == "true":
        return False
    chosen = _map(spec, selector)
    return _selects(_map(chosen, "labels") or _map(chosen, "matchLabels"), cluster.labels)


def _patches_requests(patch: Object) -> bool:
    """Return whether an EnvoyFilter changes what a gateway answers; whatever is no EnvoyFilter, a WasmPlugin, does."""
    if "configPatches" not in _spec(patch):
        return True
    return any(
        entry.get("applyTo") in _PATCHED and _map(entry, "match").get("context") in (None, "ANY", "GATEWAY")
        for entry in _maps(_spec(patch), "configPatches")
    )


def _judge_policies(cluster: Cluster, host: str, port: int, path: str, found: Explanation) -> None:
    """Judge AuthorizationPolicies: one that denies, one that asks a login, and those of which one must allow."""
    mine = [policy for policy in cluster.policies if _applies(policy, cluster, "selector")]
    allowing: list[str] = []
    allowed = False
    for policy in mine:
        spec, name = _spec(policy), f"AuthorizationPolicy {full_name(policy)}"
        hit = any(_rule_holds(rule, host, port, path) for rule in _maps(spec, "rules"))
        action = str(spec.get("action") or "ALLOW")
        if action == "ALLOW":
            allowing.append(name)
            allowed = allowed or hit
        elif hit and action == "DENY":
            found.obstacles.append(f"{name} denies it")
        elif hit and action == "CUSTOM":
            found.obstacles.append(f"{name} asks the provider {_map(spec, 'provider').get('name')} first, a login for example")
    if allowing and not allowed:
        found.obstacles.append(f"{' and '.join(allowing)} {'allow' if len(allowing) > 1 else 'allows'} other requests only")


def _rule_holds(rule: Object, host: str, port: int, path: str) -> bool:
    """Return whether a rule holds for a request of an ACME server, which has no identity and any address."""
    sources = [_map(entry, "source") for entry in _maps(rule, "from")]
    operations = [_map(entry, "operation") for entry in _maps(rule, "to")]
    known = {"hosts": [host, f"{host}:{port}"], "methods": ["GET"], "paths": [path], "ports": [str(port)]}
    return (
        (not sources or any(_source_holds(source) for source in sources))
        and (not operations or any(_operation_holds(operation, known) for operation in operations))
        and all(_when_holds(condition, known) for condition in _maps(rule, "when"))
    )


def _source_holds(source: Object) -> bool:
    return all(not source.get(key) or any(str(value) in _EVERYBODY for value in source[key]) for key in _ANYBODY_LACKS)


def _operation_holds(operation: Object, known: Mapping[str, Iterable[str]]) -> bool:
    for key, values in known.items():
        listed, excluded = _list(operation, key), _list(operation, f"not{key.capitalize()}")
        if (listed and not _any_fits(listed, values)) or _any_fits(excluded, values):
            return False
    return True


def _when_holds(condition: Object, known: Mapping[str, Iterable[str]]) -> bool:
    """Return whether a condition holds: what an ACME server sends is known for a few keys, and other keys it does not send."""
    values = known["ports"] if condition.get("key") == "destination.port" else ()
    positive, negative = _list(condition, "values"), _list(condition, "notValues")
    everybody = any(str(value) in _EVERYBODY for value in positive)
    return (not positive or everybody or _any_fits(positive, values)) and not (negative and _any_fits(negative, values))


def _any_fits(patterns: Iterable[Any], values: Iterable[str]) -> bool:
    """Return whether a value fits a pattern of an AuthorizationPolicy: itself, `prefix*`, `*suffix` or `*`."""
    return any(_fits(str(pattern).lower(), value.lower()) for pattern in patterns for value in values)


def _fits(pattern: str, value: str) -> bool:
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value.endswith(pattern[1:]) if pattern.startswith("*") else value == pattern
