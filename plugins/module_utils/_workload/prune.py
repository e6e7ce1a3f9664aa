# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting objects that are no longer defined, and waiting until they are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import Discovery
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import Feed, ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS, Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Verdict, settle
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock, Deadline

Json = dict[str, Any]
CRD = "CustomResourceDefinition"
# So many names are enough to find the rest.
SHOWN = 10


class InUseError(KubeError):
    """A deletion that would take objects of others along. The message is one sentence for the user."""


def prune_spec() -> dict[str, Any]:
    """Options of the modules that apply or compare objects: what else to delete, and the labels of this installation."""
    text = {"type": "str", "required": True}
    prune = {
        "kinds": {"type": "list", "elements": "dict", "required": True, "options": {"api_version": text, "kind": text}},
        "labels": {"type": "dict", "required": True},
        "namespace": {"type": "str"},
        "keep": {"type": "list", "elements": "dict", "default": []},
        "adopt": {"type": "list", "elements": "dict", "default": []},
        "wait_timeout": {"type": "int", "default": 0},
    }
    return {"prune": {"type": "dict", "options": prune}, "owner": {"type": "dict", "default": {}}}


@dataclass(frozen=True)
class Found:
    """An object that has the labels."""

    resource: Resource
    namespace: str
    name: str
    deleting: bool
    live: Json = field(default_factory=dict, compare=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes it from others."""
        return self.resource.kind, self.namespace, self.name

    @property
    def shown(self) -> Json:
        """How modules return it."""
        return {"kind": self.resource.kind, "namespace": self.namespace, "name": self.name}

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.resource.kind} {self.name}"


class Prune:
    """Objects of some kinds with some labels, without those to keep."""

    def __init__(
        self,
        transport: Transport,
        kinds: Sequence[Mapping[str, str]],
        namespace: str | None,
        labels: Mapping[str, Any],
        keep: Sequence[Mapping[str, Any]],
        owner: Mapping[str, Any] | None = None,
        adopt: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._discovery = Discovery(transport)
        self._client = KubeClient(transport)
        self._kinds = kinds
        self._namespace = namespace
        self._selector = ",".join(_requirement(*item) for item in sorted(labels.items()))
        # Where no apiVersion says it, the kinds of that name of all groups are meant.
        self._kept = {(_group(entry["apiVersion"]) if entry.get("apiVersion") else None, *_key(entry)) for entry in keep}
        self._owner = {key: str(value) for key, value in (owner or {}).items()}
        self._adopt = [_key(entry) for entry in adopt]
        #: Objects with the labels that another installation made, once looked for.
        self.others: list[Found] = []

    def look(self) -> list[Found]:
        """All objects of the kinds with the labels."""
        found: list[Found] = []
        for kind in self._kinds:
            try:
                resource = self._discovery.find(kind["api_version"], kind["kind"])
            except ApiError as exc:
                if exc.not_found:
                    continue
                raise
            # Of Secrets only what names them: all else is secret.
            for item in self._client.items(resource, self._namespace, self._selector, metadata_only=resource == SECRETS):
                metadata = item["metadata"]
                deleting = bool(metadata.get("deletionTimestamp"))
                found.append(Found(resource, metadata.get("namespace") or "", metadata["name"], deleting, item))
        self.others = [each for each in found if self._owner and not self._is_own(each)]
        return found

    def superfluous(self, found: Sequence[Found]) -> list[Found]:
        """Those of the owner's that are not kept, whether or not they are being deleted already."""
        return [each for each in found if not self._is_kept(each) and self._is_own(each)]

    def _is_kept(self, found: Found) -> bool:
        return not self._kept.isdisjoint(((None, *found.key), (found.resource.group, *found.key)))

    def _is_own(self, found: Found) -> bool:
        """Whether an object has the labels of the owner, or has none and is one that the owner may have made before it set them."""
        labels = found.live["metadata"].get("labels") or {}
        if not set(self._owner) & set(labels):
            return not self._owner or any(all(part in ("", own) for part, own in zip(entry, found.key)) for entry in self._adopt)
        return self._owner.items() <= labels.items()

    def refuse_used(self, found: Sequence[Found]) -> None:
        """Refuse to delete a CustomResourceDefinition with which objects of others would go.

        Raises:
            InUseError: There are some.
        """
        users = [str(user) for each in found if each.resource.kind == CRD and not each.deleting for user in self._users(each)]
        if users:
            more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
            raise InUseError(
                f"Nothing is deleted: {', '.join(users[:SHOWN])}{more} would go with the CustomResourceDefinitions and are not this "
                "installation's; delete them first, or keep the CustomResourceDefinitions"
            )

    def _users(self, definition: Found) -> list[Found]:
        """Objects of a kind that others made. Those that another object owns go with it."""
        spec = definition.live["spec"]
        version = next((entry["name"] for entry in spec["versions"] if entry.get("served")), "")
        names = spec["names"]
        resource = Resource(spec["group"], version, names["plural"], names["kind"], spec.get("scope") == "Namespaced")
        found = []
        for item in self._client.items(resource, None, metadata_only=True) if version else []:
            metadata = item["metadata"]
            if not metadata.get("ownerReferences") and not metadata.get("deletionTimestamp") and not _by_istiod(names["kind"], metadata):
                found.append(Found(resource, metadata.get("namespace") or "", metadata["name"], False, item))
        return [each for each in found if not self._owner or not self._owner.items() <= (each.live["metadata"].get("labels") or {}).items()]

    def delete(self, found: Sequence[Found]) -> None:
        """Delete them; one that is gone meanwhile is as well."""
        for each in found:
            if each.deleting:
                continue
            try:
                self._client.delete(each.resource, each.namespace or None, each.name)
            except ApiError as exc:
                if not exc.not_found:
                    raise

    def wait_gone(self, found: Sequence[Found], seconds: float, clock: Clock, feed: Feed | None = None) -> str:
        """Wait until none of them is there; returns the reason why one still is, empty when all are gone."""
        deadline, parts = Deadline(clock, seconds), dict.fromkeys(each.resource.group for each in found)
        # One group at a time, since kinds of two groups may have one name.
        causes = (self._wait_gone([each for each in found if each.resource.group == group], deadline, feed) for group in parts)
        return next(filter(None, causes), "")

    def _wait_gone(self, found: Sequence[Found], deadline: Deadline, feed: Feed | None) -> str:
        resources = {each.resource.kind: each.resource for each in found}
        followers = [Follower(self._client, resource, self._namespace, deadline, self._selector) for resource in resources.values()]
        keys = {each.key for each in found}

        def judge(objects: dict[str, list[Json]]) -> Verdict:
            left = [(kind, item) for kind, items in objects.items() for item in items if _key(dict(item, kind=kind)) in keys]
            return Verdict(not left, cause=_reason(*left[0]) if left else "")

        return settle(feed or ThreadFeed(), followers, deadline, judge).cause


def _requirement(label: str, value: Any) -> str:
    """Return what selects objects whose label has a value, or one of several."""
    return f"{label} in ({','.join(map(str, value))})" if isinstance(value, (list, tuple)) else f"{label}={value}"


def _key(found: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = found.get("metadata") or {}
    return str(found.get("kind") or ""), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _by_istiod(kind: str, metadata: Mapping[str, Any]) -> bool:
    """Whether istiod made it by itself, as it does each GatewayClass of its own as soon as there is the kind."""
    writers = [entry.get("manager") for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    return kind == "GatewayClass" and writers == ["pilot-discovery"]


def _group(api_version: Any) -> str:
    return str(api_version).rpartition("/")[0]


def _reason(kind: str, found: Json) -> str:
    """Why an object that is being deleted is still there."""
    metadata = found["metadata"]
    text = f"{kind} {metadata['name']} is still there"
    held = [
        " ".join(str(entry.get("message")).split())
        for entry in (found.get("status") or {}).get("conditions") or []
        if entry.get("status") == "True" and entry.get("type") in ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")
    ]
    if held:
        return f"{text}: {'; '.join(held)}"
    finalizers = metadata.get("finalizers")
    return f"{text}: it is held by {', '.join(finalizers)}" if finalizers else text
