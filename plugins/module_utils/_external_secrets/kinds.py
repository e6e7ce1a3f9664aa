# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for stores and ExternalSecrets, and asking External Secrets to read them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._external_secrets.causes import advice, not_ready, version_of
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CLUSTER_SECRET_STORES,
    EVENTS,
    EXTERNAL_SECRETS,
    SECRET_STORES,
)
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

RESOURCES = {each.kind: each for each in (CLUSTER_SECRET_STORES, SECRET_STORES, EXTERNAL_SECRETS)}
#: External Secrets reads an object again when an annotation changes; its documentation uses this one.
ANNOTATION = "force-sync"
MANAGER = "baremesh.edge-refresh"


def objects_option(more: dict[str, Any] | None = None) -> dict[str, Any]:
    """The option C(objects) of the modules, with further suboptions of one of them."""
    kinds = [EXTERNAL_SECRETS.kind, CLUSTER_SECRET_STORES.kind, SECRET_STORES.kind]
    each = {
        "kind": {"type": "str", "choices": kinds, "default": kinds[0]},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
    }
    namespaced = [("kind", kind, ["namespace"]) for kind in kinds if RESOURCES[kind].namespaced]
    return {"type": "list", "elements": "dict", "required": True, "options": {**each, **(more or {})}, "required_if": namespaced}


def read_names(objects: Sequence[Mapping[str, str]]) -> list[Name]:
    """The objects that the option names."""
    return [Name(each["kind"], (each["namespace"] or "") if RESOURCES[each["kind"]].namespaced else "", each["name"]) for each in objects]


class ExternalSecrets(Kinds):
    """Stores and ExternalSecrets."""

    kinds, together = tuple(RESOURCES), "stores and secrets"

    def __init__(self, before: Mapping[Name, str | None]) -> None:
        """With the versions of ExternalSecrets that are no longer enough."""
        self._before = before

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """All of each kind that is named, stores of secrets too, and what is said of them."""
        kinds = {name.kind for name in names}
        if EXTERNAL_SECRETS.kind in kinds:
            kinds |= set(RESOURCES)
        # Warnings about pods may be many.
        warnings = Follower(client, EVENTS, None, deadline, field_selector="type=Warning,involvedObject.kind!=Pod", keep=_is_ours)
        return [*(Follower(client, resource, None, deadline) for kind, resource in RESOURCES.items() if kind in kinds), warnings]

    def cause(self, name: Name, found: Json, objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """What External Secrets says of one that is not ready; of a secret whose store is not, what it says of the store."""
        cause = not_ready(found, _about(name, objects["Event"]), name.kind == EXTERNAL_SECRETS.kind, self._before.get(name))
        store = _store_of(name, found) if cause is not None and name.kind == EXTERNAL_SECRETS.kind else None
        there = next((each for each in objects[store.kind] if store.is_of(each)), None) if store else None
        if store is None or cause is None:
            return cause
        if there is None:
            return Cause(f"{store} does not exist")
        deeper = not_ready(there, _about(store, objects["Event"]), False)
        return replace(deeper, text=f"{store} is not ready: {deeper.text}", depth=2) if deeper else cause

    def hints(self, text: str) -> list[str]:
        """What helps against what External Secrets says."""
        if "has not observed" in text:
            return [
                "Check that the pods of External Secrets run, by default in namespace external-secrets, and that its log shows no errors."
            ]
        found = advice(text)[1]
        return [found] if found else []


def refresh(client: KubeClient, names: Sequence[Name], only_failed: bool, stamp: str, dry_run: bool) -> dict[Name, str]:
    """Ask External Secrets to read objects again, and return those that were asked for with their version before. Raises KubeError.

    Args:
        client: talks to the API.
        names: the objects; those that do not exist are left out.
        only_failed: leave out those that are ready.
        stamp: another text than that of every earlier call.
        dry_run: change nothing.
    """
    found: dict[Name, str] = {}
    for kind in dict.fromkeys(name.kind for name in names):
        resource = RESOURCES[kind]
        for each in client.items(resource, None):
            name = next((name for name in names if name.kind == kind and name.is_of(each)), None)
            if name is None or (only_failed and not_ready(each, (), resource == EXTERNAL_SECRETS) is None):
                continue
            metadata = {"name": name.name, **({"namespace": name.namespace} if name.namespace else {}), "annotations": {ANNOTATION: stamp}}
            # Without what makes the object: one that has been deleted meanwhile is refused, and not created.
            body = {"apiVersion": resource.api_version, "kind": kind, "metadata": {**metadata, "uid": each["metadata"]["uid"]}}
            client.apply(resource, body, MANAGER, force=True, dry_run=dry_run)
            found[name] = version_of(each)
    return found


def _is_ours(event: Json) -> bool:
    return (event.get("involvedObject") or {}).get("kind") in RESOURCES


def _about(name: Name, events: Sequence[Json]) -> list[Json]:
    def is_about(about: Mapping[str, str]) -> bool:
        return (about.get("kind"), about.get("namespace") or "", about.get("name")) == (name.kind, name.namespace, name.name)

    return [event for event in events if is_about(event.get("involvedObject") or {})]


def _store_of(name: Name, found: Json) -> Name | None:
    """The store of an ExternalSecret, None where each of its keys has one of its own."""
    reference = (found.get("spec") or {}).get("secretStoreRef") or {}
    kind = reference.get("kind") or SECRET_STORES.kind
    if not reference.get("name") or kind not in RESOURCES:
        return None
    return Name(kind, "" if kind == CLUSTER_SECRET_STORES.kind else name.namespace, reference["name"])
