# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod says of Gateways and routes of the Gateway API in their conditions. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause, deepest

Json = Mapping[str, Any]

#: What is said of one that istiod has not looked at.
UNSEEN = "istiod has not observed it"
#: Conditions that must be true of a Gateway, of each of its listeners, and of a route at each of its parents.
_OF_GATEWAY, _OF_LISTENER, _OF_ROUTE = ("Accepted", "Programmed"), ("Accepted", "ResolvedRefs", "Programmed"), ("Accepted", "ResolvedRefs")
#: Of a route to a Service that does not exist yet: the gateway answers 500 until it does, and takes it then without being asked.
TO_COME = "BackendNotFound"


def causes(found: Json, allowed: Sequence[str] = ()) -> list[Cause]:
    """Return why istiod has not taken a Gateway or a route.

    Args:
        found: The object, with its kind.
        allowed: Reasons for which a route may have a condition that is not true.
    """
    return list(_gateway(found) if found["kind"] == "Gateway" else _route(found, allowed))


def untaken(found: Json) -> str:
    """Return why istiod does not serve a Gateway or a route as it is written, for want of a Service for example; empty where it does."""
    said = causes(found)
    return deepest(said).text if said else ""


def _gateway(found: Json) -> Iterator[Cause]:
    status = found.get("status") or {}
    yield from _missing(found, status, _OF_GATEWAY, "")
    known = {str(entry.get("name")): entry for entry in status.get("listeners") or ()}
    for listener in (found.get("spec") or {}).get("listeners") or ():
        name = str(listener["name"])
        yield from _missing(found, known.get(name) or {}, _OF_LISTENER, f"listener {name}: ", 1)


def _route(found: Json, allowed: Sequence[str]) -> Iterator[Cause]:
    parents = (found.get("status") or {}).get("parents") or ()
    for reference in (found.get("spec") or {}).get("parentRefs") or ():
        at = [entry for entry in parents if _is_of(entry.get("parentRef") or {}, reference)]
        for entry in at or [{}]:
            yield from _missing(found, entry, _OF_ROUTE, f"at Gateway {reference.get('name')}: ", 1, allowed)


def _is_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("name", "sectionName", "port"))


def _missing(
    found: Json, status: Mapping[str, Any], asked: Sequence[str], place: str, depth: int = 0, allowed: Sequence[str] = ()
) -> Iterator[Cause]:
    """Yield why conditions are not true for the present spec; what another condition says goes before what is not known."""
    generation = int((found.get("metadata") or {}).get("generation") or 0)
    known = {str(entry.get("type")): entry for entry in status.get("conditions") or ()}
    for kind in asked:
        entry = known.get(kind) or {}
        if not entry or entry.get("status") == "Unknown" or int(entry.get("observedGeneration") or 0) < generation:
            yield Cause(f"{place}{UNSEEN}", depth=depth)
        elif entry.get("status") != "True" and entry.get("reason") not in allowed:
            said = " ".join(str(entry.get("message") or "").split())
            yield Cause(f"{place}{kind} is {entry.get('status')}, {entry.get('reason')}: {said}", depth=depth + 2)
