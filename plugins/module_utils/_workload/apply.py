# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying many objects: one LIST per kind, then a server-side apply of those only that differ, several at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import MANAGER, KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import Discovery
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name, is_owned
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import SECRETS, Resource
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Backoff, Deadline
from ansible_collections.baremesh.edge.plugins.module_utils._workload.compare import Display, is_current, is_same, normalized
from ansible_collections.baremesh.edge.plugins.module_utils._workload.prune import Found, Prune

Json = dict[str, Any]
T = TypeVar("T")

# The API server takes more at once, but gains nothing from it.
WORKERS = 8
# A CRD that was just applied is served within a second or two.
KIND_GRACE = 30.0
# Objects of these components serve the sites of all installations in a cluster.
COMPONENT, SHARED = "app.kubernetes.io/component", ("istio", "issuer")
_NAMESPACE_MISSING = re.compile(r'namespaces "([^"]+)" not found')
# The API server asks no webhook in a dry run that may do something beside its answer.
_NO_DRY_RUN = "does not support dry run"


class DefinitionError(EdgeError):
    """Definitions that cannot be applied; the text holds one line for each finding."""


class ForeignSecretError(EdgeError):
    """Secrets of others are in the place of those that controllers would make; the text holds one line for each."""


@dataclass(frozen=True)
class Change:
    """An object that an apply made or changed, or would."""

    kind: str
    namespace: str
    name: str
    before: Json | None
    after: Json


@dataclass
class Applied:
    """What an apply did, or would do. Each of the failures is a sentence, about an object that was not applied or not deleted.

    Those among them that are refused are named once more, with what the API server or a webhook says.
    """

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    ready: list[Json] = field(default_factory=list)
    pruned: list[Found] = field(default_factory=list)
    others: list[Found] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refused: list[Json] = field(default_factory=list)
    missing_kinds: list[str] = field(default_factory=list)
    missing_namespaces: list[str] = field(default_factory=list)

    def result(self, with_diff: bool) -> Json:
        """What the module returns."""
        found: Json = {
            "changed": bool(self.changes or self.pruned),
            "applied": [
                {"kind": each.kind, "namespace": each.namespace, "name": each.name, "action": "changed" if each.before else "created"}
                for each in self.changes
            ],
            "pruned": [each.shown for each in self.pruned],
            "others": [each.shown for each in self.others],
            "unchanged": self.unchanged,
            "ready": sorted(self.ready, key=lambda each: (each["kind"], each["namespace"], each["name"])),
            "missing_kinds": self.missing_kinds,
            # Several threads may have found the same one.
            "missing_namespaces": sorted(set(self.missing_namespaces)),
        }
        return dict(found, diff=self._diff()) if with_diff else found

    def _diff(self) -> list[Json]:
        show = Display()
        shown: list[tuple[str, Json | None, Json | None]] = [
            (_title(each.kind, each.namespace, each.name), each.before, each.after) for each in self.changes
        ]
        shown += [
            (str(each), {"apiVersion": each.resource.api_version, "kind": each.resource.kind, **each.live}, None) for each in self.pruned
        ]
        return [{"before_header": title, "after_header": title, "before": show(old), "after": show(new)} for title, old, new in shown]


def apply_objects(
    transport: Transport,
    definitions: Sequence[Any],
    deadline: Deadline,
    prune: Mapping[str, Any] | None = None,
    check: bool = False,
    force: bool = True,
    owner: Mapping[str, Any] | None = None,
    made: Mapping[str, Any] | None = None,
) -> Applied:
    """Apply definitions, then delete what has the labels of prune and is neither defined nor kept.

    With a wait_timeout of prune it is gone at the end.

    Raises:
        DefinitionError: the definitions cannot be applied; nothing has changed.
        ForeignSecretError: a Secret of made is of others; nothing has changed.
        KubeError: the API cannot be asked.
    """
    applier = Applier(transport, deadline, check, force, owner)
    pruner, superfluous = _start(applier, transport, definitions, prune, owner)
    if pruner:
        pruner.refuse_used(superfluous)
    if made:
        applier.refuse_foreign(made["secrets"], made["by"])
    done = applier.run(definitions)
    done.others = pruner.others if pruner else []
    if pruner and superfluous and not done.failures:
        _delete(pruner, superfluous, done, check)
        if not check and not done.failures and prune and prune.get("wait_timeout"):
            cause = pruner.wait_gone(superfluous, prune["wait_timeout"], deadline.clock)
            done.failures += [f"{cause} (after {prune['wait_timeout']} s)"] if cause else []
    return done


def compare_objects(
    transport: Transport,
    definitions: Sequence[Any],
    deadline: Deadline,
    prune: Mapping[str, Any] | None = None,
    owner: Mapping[str, Any] | None = None,
) -> tuple[bool, list[Json]]:
    """Whether apply_objects would certainly change nothing, and those of the objects whose condition Ready is true.

    The API server is asked for the objects alone, so that one which it writes in another way counts as changed.

    Raises:
        DefinitionError: the definitions cannot be applied.
        KubeError: the API cannot be asked.
    """
    applier = Applier(transport, deadline, check=True, owner=owner)
    superfluous = _start(applier, transport, definitions, prune, owner)[1]
    current, ready = applier.compare(definitions)
    return current and not superfluous, ready


def _start(
    applier: Applier, transport: Transport, definitions: Sequence[Any], prune: Mapping[str, Any] | None, owner: Mapping[str, Any] | None
) -> tuple[Prune | None, list[Found]]:
    """Check the definitions, and find what to delete, of which the applier then knows all that has its labels."""
    findings = find_mistakes(definitions)
    if prune and not prune["labels"]:
        findings.append("prune.labels is empty; without a label every object of the kinds would be deleted")
    if findings:
        raise DefinitionError("\n".join(findings))
    if not prune:
        return None, []
    keep = [*definitions, *(prune.get("keep") or ())]
    pruner = Prune(transport, prune["kinds"], prune["namespace"], prune["labels"], keep, owner, prune.get("adopt") or ())
    found = pruner.look()
    for each in found:
        if each.resource != SECRETS:
            applier.know(each.resource, each.live)
    return pruner, pruner.superfluous(found)


def _delete(pruner: Prune, superfluous: Sequence[Found], done: Applied, check: bool) -> None:
    """Delete what is not being deleted already, and note each deletion and each failure."""
    for each in (each for each in superfluous if not each.deleting):
        try:
            if not check:
                pruner.delete([each])
        except KubeError as exc:
            done.failures.append(str(exc))
        else:
            done.pruned.append(each)


def find_mistakes(definitions: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each definition that is no Kubernetes object; never its values, which may be secret."""
    findings: list[str] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for index, definition in enumerate(definitions):
        metadata = definition.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        parts = {"metadata.name": metadata.get("name"), "apiVersion": definition.get("apiVersion"), "kind": definition.get("kind")}
        missing = [key for key, value in sorted(parts.items()) if not value or not isinstance(value, str)]
        if missing:
            findings.append(
                f"objects[{index}] lacks {' and '.join(missing)}; a definition has apiVersion, kind and metadata.name, each a text"
            )
            continue
        key = (str(parts["apiVersion"]), str(parts["kind"]), str(metadata.get("namespace") or ""), str(parts["metadata.name"]))
        if key in seen:
            findings.append(f"objects[{index}] and objects[{seen[key]}] are both {_title(*key[1:])}; define it once")
        seen.setdefault(key, index)
    return findings


class Applier:
    """Makes the cluster's objects be as their definitions."""

    def __init__(
        self, transport: Transport, deadline: Deadline, check: bool = False, force: bool = True, owner: Mapping[str, Any] | None = None
    ) -> None:
        self._client = KubeClient(transport, deadline.clock)
        self._discovery = Discovery(transport)
        self._deadline = deadline
        self._check = check
        self._force = force
        self._owner = {key: str(value) for key, value in (owner or {}).items()}
        self._live: dict[tuple[Resource, str, str], Json] = {}

    def know(self, resource: Resource, found: Json) -> None:
        """Take an object that the caller has already read."""
        metadata = found["metadata"]
        self._live[resource, metadata.get("namespace") or "", metadata["name"]] = found

    def refuse_foreign(self, secrets: Sequence[Mapping[str, str]], kind: str) -> None:
        """Refuse where one of these Secrets is there and no object of that kind owns it, since its controller would overwrite it.

        Raises:
            ForeignSecretError: so it is.
            KubeError: the API cannot be asked.
        """
        findings = []
        for each in secrets:
            namespace, name = each["namespace"], each["name"]
            look = partial(self._client.items, SECRETS, namespace, field_selector=f"metadata.name={name}", metadata_only=True)
            if not all(is_owned(found, kind) for found in self._retry(look, lambda exc: exc.gone)):
                title = Name(SECRETS.kind, namespace, name)
                findings.append(f"{title} is of others, as no {kind} owns it. It is left as it is: use another name for the new one")
        if findings:
            raise ForeignSecretError("\n".join(findings))

    def run(self, definitions: Sequence[Mapping[str, Any]]) -> Applied:
        """Apply the definitions, kind after kind in the order in which the kinds come first.

        Where one fails, the next kind is not begun, except in a dry run.

        Raises:
            DefinitionError: the definitions cannot be applied; nothing has changed.
            KubeError: the API cannot be asked.
        """
        done = Applied()
        for resource, members in self._group_and_read(definitions, done).items():
            with ThreadPoolExecutor(WORKERS) as pool:
                outcomes = list(pool.map(lambda each, kind=resource: self._try(kind, each, done), members))
            done.failures += [outcome for outcome in outcomes if isinstance(outcome, str)]
            done.changes += [outcome for outcome in outcomes if isinstance(outcome, Change)]
            done.unchanged += outcomes.count(None)
            if done.failures and not self._check:
                break
        return done

    def compare(self, definitions: Sequence[Mapping[str, Any]]) -> tuple[bool, list[Json]]:
        """Whether each object is as defined and stays, and those of them that are ready.

        Raises:
            DefinitionError: the definitions cannot be applied.
            KubeError: the API cannot be asked.
        """
        done = Applied()
        groups = self._group_and_read(definitions, done)
        current = [
            self._is_current(resource, *self._look(resource, each), done) for resource, members in groups.items() for each in members
        ]
        return all(current) and not done.missing_kinds, done.ready

    def _group_and_read(self, definitions: Sequence[Mapping[str, Any]], done: Applied) -> dict[Resource, list[Json]]:
        """The definitions by kind, after their objects have been read."""
        groups = self._group([normalized(each) for each in definitions], done)
        for resource, members in groups.items():
            self._read(resource, members)
        return groups

    def _group(self, definitions: Sequence[Json], done: Applied) -> dict[Resource, list[Json]]:
        groups: dict[Resource, list[Json]] = {}
        findings = []
        for index, definition in enumerate(definitions):
            kind = f"{definition['kind']} ({definition['apiVersion']})"
            try:
                resource = None if kind in done.missing_kinds else self._find(definition)
            except ApiError as exc:
                if not (exc.not_found and self._check):
                    raise
                done.missing_kinds.append(kind)
                resource = None
            if resource is None:
                metadata = definition["metadata"]
                done.changes.append(Change(definition["kind"], metadata.get("namespace") or "", metadata["name"], None, definition))
                continue
            if resource.namespaced and not definition["metadata"].get("namespace"):
                title = _title(resource.kind, "", definition["metadata"]["name"])
                findings.append(f"objects[{index}], {title}, lacks metadata.namespace; its kind has namespaces")
            groups.setdefault(resource, []).append(definition)
        if findings:
            raise DefinitionError("\n".join(findings))
        return groups

    def _find(self, definition: Json) -> Resource:
        grace = min(self._deadline.seconds, KIND_GRACE)
        find = partial(self._discovery.find, definition["apiVersion"], definition["kind"])
        return self._retry(find, lambda exc: exc.not_found and not self._check and self._deadline.elapsed < grace)

    def _read(self, resource: Resource, members: Sequence[Json]) -> None:
        """One LIST of the kind in each namespace where an object is not known yet; of one object alone where there is no second.

        Secrets are read one by one: those of others in their namespace are none of our business.
        """
        unknown: dict[str, list[str]] = {}
        for each in members:
            namespace, name = _place(resource, each)
            if (resource, namespace, name) not in self._live:
                unknown.setdefault(namespace, []).append(name)
        for namespace, names in unknown.items():
            alone = len(names) == 1 or resource == SECRETS
            for selector in [f"metadata.name={name}" for name in names] if alone else [None]:
                items = self._retry(partial(self._client.items, resource, namespace or None, field_selector=selector), lambda exc: exc.gone)
                for found in items:
                    self.know(resource, found)

    def _try(self, resource: Resource, definition: Json, done: Applied) -> Change | str | None:
        """The change, None where there is none, or the sentence that says why it was not applied."""
        definition, live = self._look(resource, definition)
        title = _title(resource.kind, *_place(resource, definition))
        if live is not None and live["metadata"].get("deletionTimestamp"):
            held = ", ".join(live["metadata"].get("finalizers") or ["the API server"])
            return f"{title} is being deleted, held by {held}; run again when it is gone"
        if self._is_current(resource, definition, live, done):
            return None
        try:
            after = self._retry(lambda: self._send(resource, definition, title, done), lambda exc: exc.transient)
        except KubeError as exc:
            if not (self._check and _says_nothing(exc, done)):
                if isinstance(exc, ApiError) and not exc.transient:
                    done.refused.append({**_named(resource, definition), "message": exc.message})
                spent = f" (after {self._deadline.elapsed:.0f} s)" if exc.transient else ""
                return f"{' '.join(str(exc).split())}{spent}"
            after = definition
        if live is not None:
            live = {"apiVersion": resource.api_version, "kind": resource.kind, **live}
            if is_same(live, after):
                return None
        return Change(resource.kind, *_place(resource, definition), live, after)

    def _look(self, resource: Resource, definition: Json) -> tuple[Json, Json | None]:
        """The definition with the labels of the owner, and the object as it was found."""
        namespace, name = _place(resource, definition)
        live = self._live.get((resource, namespace, name))
        labels = {} if live is None else live["metadata"].get("labels") or {}
        return self._owned(definition, labels if not namespace or labels.get(COMPONENT) in SHARED else {}), live

    def _is_current(self, resource: Resource, definition: Json, live: Json | None, done: Applied) -> bool:
        """Whether an apply certainly changes nothing. An object that is ready as well is noted."""
        if live is None or live["metadata"].get("deletionTimestamp") or not is_current(definition, live, MANAGER):
            return False
        if _is_ready(live):
            done.ready.append(_named(resource, definition))
        return True

    def _owned(self, definition: Json, present: Mapping[str, str]) -> Json:
        """The definition with the labels of the owner, and those of the Secret that a Certificate asks for.

        An object without a namespace, or of a component that sites share, stays with the first that made it.
        """
        own = {key: present.get(key, value) for key, value in self._owner.items()}
        found = {**definition, "metadata": _labelled(definition["metadata"], own)}
        template = (definition.get("spec") or {}).get("secretTemplate") if own else None
        return {**found, "spec": {**definition["spec"], "secretTemplate": _labelled(template, own)}} if template else found

    def _send(self, resource: Resource, definition: Json, title: str, done: Applied) -> Json:
        try:
            return self._client.apply(resource, definition, MANAGER, dry_run=self._check)
        except ApiError as exc:
            if exc.status != 409 or not self._force:
                raise
            after = self._client.apply(resource, definition, MANAGER, force=True, dry_run=self._check)
            done.conflicts.append(f"{title}: {' '.join(exc.message.split())}")
            return after

    def _retry(self, attempt: Callable[[], T], again: Callable[[KubeError], bool]) -> T:
        """Call until it works, the error is another one, or the deadline comes."""
        backoff = Backoff(first=0.2, cap=2.0)
        while True:
            try:
                return attempt()
            except KubeError as exc:
                if self._deadline.expired or not again(exc):
                    raise
                self._deadline.clock.sleep(backoff.next(self._deadline, getattr(exc, "retry_after", None)))


def _says_nothing(error: KubeError, done: Applied) -> bool:
    """Whether a dry run failed for a reason that an apply does not have. A namespace that is missing is noted."""
    missing = _NAMESPACE_MISSING.search(str(error))
    done.missing_namespaces += missing.groups() if missing else ()
    return missing is not None or _NO_DRY_RUN in str(error)


def _place(resource: Resource, definition: Mapping[str, Any]) -> tuple[str, str]:
    metadata = definition["metadata"]
    return str(metadata["namespace"]) if resource.namespaced else "", metadata["name"]


def _named(resource: Resource, definition: Mapping[str, Any]) -> Json:
    namespace, name = _place(resource, definition)
    return {"kind": resource.kind, "namespace": namespace, "name": name}


def _labelled(metadata: Json, labels: Mapping[str, str]) -> Json:
    return {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}} if labels else metadata


def _is_ready(live: Mapping[str, Any]) -> bool:
    """Whether the condition Ready is true for what the object says now."""
    conditions = (live.get("status") or {}).get("conditions") or []
    found: Json = next((each for each in conditions if each.get("type") == "Ready"), {})
    generation = int(live["metadata"].get("generation") or 0)
    return found.get("status") == "True" and int(found.get("observedGeneration") or generation) >= generation


def _title(kind: str, namespace: str, name: str) -> str:
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
