# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has istiod taken a Gateway or a route of the Gateway API, and if not, why?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause, deepest
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import HTTP_ROUTES, KUBE_GATEWAYS, TCP_ROUTES, TLS_ROUTES
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

_RESOURCES = (KUBE_GATEWAYS, HTTP_ROUTES, TLS_ROUTES, TCP_ROUTES)
#: Conditions that must be true of a Gateway, of each of its listeners, and of a route at each of its parents.
_OF_GATEWAY, _OF_LISTENER, _OF_ROUTE = ("Accepted", "Programmed"), ("Accepted", "ResolvedRefs", "Programmed"), ("Accepted", "ResolvedRefs")
#: Of a route to a Service that does not exist yet: the gateway answers 500 until it does, and takes it then without being asked.
_TO_COME = "BackendNotFound"


class GatewayApi(Kinds):
    """Gateways and routes of the Gateway API."""

    kinds, together, state = tuple(resource.kind for resource in _RESOURCES), "Gateways and routes", "programmed"

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """All of each kind that is named, in the one namespace where they are, or in all."""
        kinds, spaces = {name.kind for name in names}, {name.namespace for name in names}
        scope = next(iter(spaces)) if len(spaces) == 1 else None
        return [Follower(client, resource, scope, deadline) for resource in _RESOURCES if resource.kind in kinds]

    def cause(self, name: Name, found: Json, _objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """What istiod says of one that it has not taken."""
        causes = list(_gateway(found) if name.kind == KUBE_GATEWAYS.kind else _route(found))
        return deepest(causes) if causes else None

    def hints(self, text: str) -> list[str]:
        """What helps against what istiod says."""
        return [help_ for part, help_ in _HINTS if part in text][:1]


_UNSEEN = "istiod has not observed it"
_HINTS = (
    (_UNSEEN, "Is the GatewayClass istio there (kubectl get gatewayclass), and does istiod run with PILOT_ENABLE_GATEWAY_API?"),
    ("InvalidCertificateRef", "The Secret must be in the namespace of the Gateway, with tls.crt and tls.key."),
    ("AddressNotUsable", "Each port of a listener must be a port of the Service of the gateway, and one of its pods must be ready."),
)


def _gateway(found: Json) -> Iterator[Cause]:
    status = found.get("status") or {}
    yield from _missing(found, status, _OF_GATEWAY, "")
    known = {str(entry.get("name")): entry for entry in status.get("listeners") or ()}
    for listener in (found.get("spec") or {}).get("listeners") or ():
        name = str(listener["name"])
        yield from _missing(found, known.get(name) or {}, _OF_LISTENER, f"listener {name}: ", 1)


def _route(found: Json) -> Iterator[Cause]:
    parents = (found.get("status") or {}).get("parents") or ()
    for reference in (found.get("spec") or {}).get("parentRefs") or ():
        at = [entry for entry in parents if _is_of(entry.get("parentRef") or {}, reference)]
        for entry in at or [{}]:
            yield from _missing(found, entry, _OF_ROUTE, f"at Gateway {reference.get('name')}: ", 1)


def _is_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("name", "sectionName", "port"))


def _missing(found: Json, status: Mapping[str, Any], asked: Sequence[str], place: str, depth: int = 0) -> Iterator[Cause]:
    """Yield why conditions are not true for the present spec; what another condition says goes before what is not known."""
    generation = int((found.get("metadata") or {}).get("generation") or 0)
    known = {str(entry.get("type")): entry for entry in status.get("conditions") or ()}
    for kind in asked:
        entry = known.get(kind) or {}
        if not entry or entry.get("status") == "Unknown" or int(entry.get("observedGeneration") or 0) < generation:
            yield Cause(f"{place}{_UNSEEN}", depth=depth)
        elif entry.get("status") != "True" and entry.get("reason") != _TO_COME:
            said = " ".join(str(entry.get("message") or "").split())
            yield Cause(f"{place}{kind} is {entry.get('status')}, {entry.get('reason')}: {said}", depth=depth + 2)
