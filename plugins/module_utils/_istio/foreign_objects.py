# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Gateways and VirtualServices of others take names or routes from definitions that are to be applied. Pure functions.

Of two that are for the same name istiod prefers the one that was made first: a second TLS server is left out, routes come behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import (
    bare,
    full_name,
    gateways_of,
    is_catch_all,
    matches,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import part, parts

Object = Mapping[str, Any]

_MANAGED = "app.kubernetes.io/managed-by"
_US = "baremesh.edge"


class Foreign:
    """The objects of a cluster beside definitions of ours."""

    def __init__(
        self, definitions: Sequence[Object], live: Sequence[Object], owner: Mapping[str, Any], labels: Mapping[str, Object]
    ) -> None:
        """Take what was read.

        Args:
            definitions: what is to be applied.
            live: Gateways and VirtualServices of the cluster, with their kind.
            owner: labels of our installation.
            labels: those of the pods of each Gateway of ours, by its full name.
        """
        ours = {_key(each) for each in definitions}
        self._owner = {key: str(value) for key, value in owner.items()}
        self._made = {_key(each): _age(each) for each in live if _key(each) in ours}
        self._others = [each for each in live if _key(each) not in ours and self._is_foreign(each)]
        self._definitions = definitions
        self._known = [*self._others, *(each for each in live if _key(each) in ours), *definitions]
        self._labels = labels

    def found(self) -> list[dict[str, Any]]:
        """Return an entry for each name that an object of others takes.

        C(effect) is C(host), their server takes the place of ours; C(port), their protocol does; C(routes), their routes go before ours;
        or C(part), they have one name of our wildcard.
        """
        entries = [
            {"object": name, "kind": ours["kind"], "name": ours["metadata"]["name"], "host": host, "effect": effect, "namespace": space}
            for ours in self._definitions
            for theirs in self._others
            if theirs["kind"] == ours["kind"]
            for name, space in [(f"{theirs['kind']} {full_name(theirs)}", theirs["metadata"].get("namespace") or "default")]
            for host, effect in dict.fromkeys(self._taken(ours, theirs))
        ]
        return sorted(entries, key=lambda each: (each["kind"], each["name"], each["object"], each["host"]))

    def _is_foreign(self, found: Object) -> bool:
        metadata = found["metadata"]
        labels = part(metadata, "labels") or {}
        another = any(labels.get(key) not in (None, value) for key, value in self._owner.items())
        return not metadata.get("deletionTimestamp") and (labels.get(_MANAGED) != _US or another)

    def _is_older(self, theirs: Object, ours: Object) -> bool:
        """Return whether theirs goes first, as it does where ours is yet to be made."""
        return _key(ours) not in self._made or _age(theirs) < self._made[_key(ours)]

    def _taken(self, ours: Object, theirs: Object) -> Iterator[tuple[str, str]]:
        if ours["kind"] == "Gateway":
            yield from self._servers_taken(ours, theirs)
        elif ours["kind"] == "VirtualService" and self._ways(ours) & self._ways(theirs):
            yield from self._routes_taken(ours, theirs)

    def _servers_taken(self, ours: Object, theirs: Object) -> Iterator[tuple[str, str]]:
        selector, labels = part(theirs, "spec", "selector") or {}, self._labels.get(full_name(ours), {})
        if any(labels.get(key) != value for key, value in selector.items()):
            return
        older = self._is_older(theirs, ours)
        for mine, other in ((mine, other) for mine in parts(ours, "spec", "servers") for other in parts(theirs, "spec", "servers")):
            if _place(mine) != _place(other):
                continue
            if _protocol(mine) != _protocol(other) or _protocol(mine) == "TCP":
                yield from ((host, "port") for host in _hosts(mine) if older)
            elif _protocol(mine) == "TLS":
                yield from _overlaps(_hosts(mine), _hosts(other), "host" if older else "")

    def _routes_taken(self, ours: Object, theirs: Object) -> Iterator[tuple[str, str]]:
        before = self._is_older(theirs, ours) and any(
            _goes_before(their, mine)
            for kind in ("http", "tls", "tcp")
            for their in _conditions(theirs, kind)
            for mine in _conditions(ours, kind)
        )
        mine, other = (list(map(str, part(each, "spec", "hosts") or [])) for each in (ours, theirs))
        yield from _overlaps(mine, other, "routes" if before else "")

    def _ways(self, service: Object) -> set[str]:
        """Return where the routes of a VirtualService are: Gateways, and ports of plain HTTP, whose Gateways share their routes."""
        names = set(gateways_of(service))
        plain = (
            f"port {_place(server)[0]}"
            for gateway in self._known
            if gateway["kind"] == "Gateway" and full_name(gateway) in names
            for server in parts(gateway, "spec", "servers")
            if _protocol(server) == "HTTP"
        )
        return names | set(plain)


def _key(found: Object) -> tuple[str, str]:
    return str(found["kind"]), full_name(found)


def _age(found: Object) -> tuple[str, str, str]:
    """Return by what istiod puts objects in order."""
    metadata = found["metadata"]
    return str(metadata.get("creationTimestamp") or ""), str(metadata["name"]), str(metadata.get("namespace") or "")


def _place(server: Object) -> tuple[str, str]:
    return str(part(server, "port", "number")), str(part(server, "bind") or "")


def _protocol(server: Object) -> str:
    """Return how a port distinguishes its servers: by names in handshakes (TLS), by names in requests (HTTP), or not at all (TCP)."""
    given = str(part(server, "port", "protocol")).upper()
    return "TLS" if given in ("HTTPS", "TLS") else "HTTP" if given in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB") else "TCP"


def _hosts(server: Object) -> list[str]:
    return [bare(host).lower() for host in part(server, "hosts") or []]


def _overlaps(ours: Iterable[str], theirs: Sequence[str], same: str) -> Iterator[tuple[str, str]]:
    """Yield the names of both. A longer name wins over a wildcard, so one of ours loses nothing to a wildcard of theirs."""
    for mine in ours:
        for other in theirs:
            if mine == other and same:
                yield mine, same
            elif mine != other and mine.startswith("*") and mine != "*" and matches(other, mine):
                yield other, "part"


def _conditions(service: Object, kind: str) -> Iterator[Object]:
    for rule in parts(service, "spec", kind):
        for match in parts(rule, "match") or [{}]:
            yield {key: value for key, value in match.items() if key != "name" and value not in (None, {}, [])}


def _goes_before(theirs: Object, ours: Object) -> bool:
    """Return whether an older condition leaves nothing to one of ours. What takes everything gives way to what has a condition."""
    if theirs == ours or (is_catch_all(theirs) and is_catch_all(ours)):
        return True
    prefix, uri = part(theirs, "uri", "prefix"), part(ours, "uri") or {}
    if set(theirs) != {"uri"} or not prefix or is_catch_all(theirs):
        return False
    return str(uri.get("prefix") or uri.get("exact") or "").startswith(str(prefix))
