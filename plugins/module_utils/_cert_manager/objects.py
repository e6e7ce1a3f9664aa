# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading cert-manager objects, and finding who owns whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

REVISION_ANNOTATION = "cert-manager.io/certificate-revision"
CERT_MANAGER_GROUP = "cert-manager.io"


def name_of(found: Mapping[str, Any]) -> str:
    """metadata.name."""
    return str((found.get("metadata") or {}).get("name") or "")


def namespace_of(found: Mapping[str, Any]) -> str:
    """metadata.namespace."""
    return str((found.get("metadata") or {}).get("namespace") or "")


def uid_of(found: Mapping[str, Any]) -> str:
    """metadata.uid."""
    return str((found.get("metadata") or {}).get("uid") or "")


def annotations_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    """metadata.annotations, empty where there are none."""
    return (found.get("metadata") or {}).get("annotations") or {}


def generation_of(found: Mapping[str, Any]) -> int:
    """metadata.generation; 0 where it is missing."""
    return int((found.get("metadata") or {}).get("generation") or 0)


def status_of(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """status, empty where there is none."""
    return found.get("status") or {}


def condition(found: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of that type, or None."""
    for entry in status_of(found).get("conditions") or []:
        if entry.get("type") == kind:
            return dict(entry)
    return None


def is_current(found: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """True if the condition was written for the object's present spec.

    cert-manager always writes observedGeneration; a condition without it says nothing about the present spec.
    """
    observed = entry.get("observedGeneration")
    return observed is not None and int(observed) >= generation_of(found)


def issuer_ref(certificate: Mapping[str, Any]) -> dict[str, str]:
    """spec.issuerRef with cert-manager's defaults filled in."""
    ref = (certificate.get("spec") or {}).get("issuerRef") or {}
    return {
        "name": str(ref.get("name") or ""),
        "kind": str(ref.get("kind") or "Issuer"),
        "group": str(ref.get("group") or CERT_MANAGER_GROUP),
    }


class Inventory:
    """All objects that were read, by kind and by owner. Objects are matched by UID: names are used again."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Json]] = defaultdict(dict)
        self._children: dict[str, set[str]] = defaultdict(set)
        self._by_uid: dict[str, Json] = {}
        self._claims: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._going: dict[str, dict[str, Json]] = defaultdict(dict)

    def replace(self, kind: str, objects: Iterable[Json]) -> None:
        """These are all objects of the kind."""
        for found in list(self._kinds[kind].values()):
            self.remove(kind, found)
        for found in objects:
            self.put(kind, found)

    def put(self, kind: str, found: Json) -> None:
        """Remember the newest state of one object."""
        uid = uid_of(found)
        if uid in self._by_uid:
            self.remove(kind, self._by_uid[uid])
        self._kinds[kind][uid] = found
        self._by_uid[uid] = found
        if kind == "Certificate":
            self._claims[_claim(found)].add(uid)
        if (found.get("metadata") or {}).get("deletionTimestamp"):
            self._going[kind][uid] = found
        owner = owner_uid(found)
        if owner:
            self._children[owner].add(uid)

    def remove(self, kind: str, found: Json) -> None:
        """Forget one object."""
        uid = uid_of(found)
        self._kinds[kind].pop(uid, None)
        self._going[kind].pop(uid, None)
        known = self._by_uid.pop(uid, found)
        if kind == "Certificate":
            self._claims[_claim(known)].discard(uid)
        owner = owner_uid(found)
        if owner:
            self._children[owner].discard(uid)

    def all(self, kind: str) -> list[Json]:
        """All objects of the kind."""
        return list(self._kinds[kind].values())

    def going(self, kind: str) -> list[Json]:
        """Objects of the kind that are deleted and not gone yet, by name."""
        return sorted(self._going[kind].values(), key=name_of)

    def owned(self, owner: Mapping[str, Any], kind: str) -> list[Json]:
        """Objects of the kind whose controller is that object, by name."""
        mine = self._kinds[kind]
        return sorted((mine[u] for u in self._children.get(uid_of(owner), ()) if u in mine), key=name_of)

    def named(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """The object of that name, or None."""
        for found in self._kinds[kind].values():
            if name_of(found) == name and (namespace is None or namespace_of(found) == namespace):
                return found
        return None

    def by_uid(self, uid: str) -> Json | None:
        """The object of that UID, or None."""
        return self._by_uid.get(uid)

    def claimants(self, namespace: str, secret_name: str) -> list[Json]:
        """All Certificates that name that Secret."""
        return [self._by_uid[uid] for uid in self._claims.get((namespace, secret_name), ())]

    def root_uid(self, found: Mapping[str, Any]) -> str:
        """The UID of the Certificate above an object, else of its outermost known owner or its own.

        A Certificate can have a controller of its own, as ingress-shim's have their Ingress.
        """
        current = found
        for _unused in range(4):
            owner = owner_uid(current)
            if not owner or uid_of(current) in self._kinds["Certificate"]:
                return uid_of(current)
            if owner not in self._by_uid:
                return owner
            current = self._by_uid[owner]
        return uid_of(current)


def _claim(certificate: Json) -> tuple[str, str]:
    return namespace_of(certificate), str((certificate.get("spec") or {}).get("secretName") or "")


def owner_uid(found: Mapping[str, Any]) -> str:
    """The UID of the controlling owner, empty where there is none."""
    for reference in (found.get("metadata") or {}).get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference.get("uid") or "")
    return ""
