# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of the mesh: their labels, and those of their pods that have no sidecar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import MANAGER, KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import NAMESPACES, PEER_AUTHENTICATIONS, PODS, SERVICES

Json = dict[str, Any]

INJECTION, REVISION, INJECT = "istio-injection", "istio.io/rev", "sidecar.istio.io/inject"
# Names the installation whose list the namespace is on.
MARK = "baremesh.edge/mesh"
SIDECAR = "istio-proxy"
_ENABLED = "enabled"
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
# Names in a sentence; it says how many more there are.
_SHOWN = 10


@dataclass(frozen=True)
class Asked:
    """A namespace on the list, with what is to count there, and the namespaces of those who may call."""

    name: str
    injection: bool = True
    mtls: str | None = None
    callers: Sequence[str] = ()


@dataclass
class Seen:
    """What was seen, and what to apply."""

    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    definitions: list[Json] = field(default_factory=list)
    pods: list[Json] = field(default_factory=list)

    def result(self) -> Json:
        """As module result."""
        return {"namespaces": self.definitions, "pods": self.pods}


def look(client: KubeClient, asked: Sequence[Asked], owner: str, root: str) -> Seen:
    """Compare namespaces and pods with the list.

    Args:
        client: Asks the API.
        asked: The list.
        owner: Name of the installation whose list it is.
        root: Namespace of istiod.

    Raises:
        KubeError: the API cannot be asked.
    """
    seen = Seen()
    live = {each["metadata"]["name"]: each["metadata"] for each in client.items(NAMESPACES, None, metadata_only=True)}
    listed = {each.name: each for each in asked}
    for name, metadata in live.items():
        if name not in listed and (metadata.get("labels") or {}).get(MARK) == owner and not metadata.get("deletionTimestamp"):
            seen.definitions.append(_definition(name, metadata, {}))
    strict = [each for each in asked if each.mtls == "STRICT"]
    # Pods of all namespaces may be clients of those that take the mesh's own connections only.
    pods = _pods(client, None if strict else sorted(name for name in listed if name in live), root)
    for each in asked:
        metadata = live.get(each.name, {})
        labels = metadata.get("labels") or {}
        seen.findings += [f"edge_mesh ({each.name}): {text}" for text in _foreign(each, labels, metadata, owner)]
        label = {INJECTION: _ENABLED} if each.injection else {}
        seen.definitions.append(_definition(each.name, metadata, {**label, MARK: owner}))
        seen.pods += [_shown(pod) for pod in pods if pod["metadata"]["namespace"] == each.name]
        seen.warnings += [f"edge_mesh ({each.name}): {text}" for text in _left_out(each, pods, _injects(each, labels))]
        if each.mtls and metadata:
            policies = _policies(client, each.name)
            seen.findings += [f"edge_mesh ({each.name}): {text}" for text in _other_policies(each, policies)]
            if each.mtls == "STRICT":
                seen.warnings += [f"edge_mesh ({each.name}): {text}" for text in _cut_off(each, client, pods, policies)]
    return seen


def _injects(asked: Asked, labels: Mapping[str, str]) -> bool:
    return asked.injection or labels.get(INJECTION) == _ENABLED or (REVISION in labels and INJECTION not in labels)


def _owned_labels(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that earlier runs applied, which an apply without them would remove."""
    present, found = metadata.get("labels") or {}, {}
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply":
            fields = ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
            found.update({key[2:]: present[key[2:]] for key in fields if key[2:] in present})
    return found


def _definition(name: str, metadata: Mapping[str, Any], labels: Mapping[str, str]) -> Json:
    """Return the namespace with these labels of the mesh, and the others that earlier runs applied."""
    kept = {key: value for key, value in _owned_labels(metadata).items() if key not in (INJECTION, MARK)}
    merged = {**kept, **labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **({"labels": merged} if merged else {})}}


def _foreign(asked: Asked, labels: Mapping[str, str], metadata: Mapping[str, Any], owner: str) -> Iterable[str]:
    """Yield what others say of the namespace that does not go with the list."""
    if labels.get(MARK, owner) != owner:
        yield f"the namespace is on the list of installation '{labels[MARK]}'; name it in one of them only"
    if not asked.injection or INJECTION in _owned_labels(metadata):
        return
    if labels.get(INJECTION, _ENABLED) != _ENABLED:
        yield (
            f"the namespace has the label {INJECTION}: {labels[INJECTION]}, which is not of this collection; remove it with kubectl label "
            f"namespace {asked.name} {INJECTION}-, or set injection to false"
        )
    elif REVISION in labels and INJECTION not in labels:
        yield (
            f"the namespace has the label {REVISION}: {labels[REVISION]}, and {INJECTION} would make another istiod inject; set injection "
            "to false and keep that label, or remove it"
        )


def _pods(client: KubeClient, namespaces: Sequence[str] | None, root: str) -> list[Json]:
    """Return the pods that run, those of Kubernetes and Istio left out."""
    found = client.items(PODS, None) if namespaces is None else [pod for name in namespaces for pod in client.items(PODS, name)]
    return [
        pod
        for pod in found
        if pod["metadata"]["namespace"] not in (*_SYSTEM, root)
        and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        and not pod["metadata"].get("deletionTimestamp")
    ]


def _sidecar(pod: Mapping[str, Any]) -> str:
    """Return C(native), C(container) for one that starts beside the application, C(ambient), or C(none)."""
    spec = pod.get("spec") or {}
    native = [each for each in spec.get("initContainers") or () if each.get("name") == SIDECAR]
    if native and native[0].get("restartPolicy") == "Always":
        return "native"
    if any(each.get("name") == SIDECAR for each in spec.get("containers") or ()):
        return "container"
    annotations = pod["metadata"].get("annotations") or {}
    return "ambient" if annotations.get("ambient.istio.io/redirection") == _ENABLED else "none"


def _shown(pod: Mapping[str, Any]) -> Json:
    metadata = pod["metadata"]
    return {"namespace": metadata["namespace"], "pod": metadata["name"], "sidecar": _sidecar(pod), "workload": _workload(pod)}


def _workload(pod: Mapping[str, Any]) -> str:
    """Return what makes the pod as kubectl names it, empty where it stands alone."""
    metadata = pod["metadata"]
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    if not owner:
        return ""
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    if owner["kind"] == "ReplicaSet" and template:
        return f"deployment/{owner['name'].removesuffix(f'-{template}')}"
    return f"{owner['kind'].lower()}/{owner['name']}"


def _chosen_out(pod: Mapping[str, Any]) -> bool:
    """Whether users said that a pod gets no sidecar, or it has none because it shares the network of its node."""
    metadata = pod["metadata"]
    said = [(metadata.get(part) or {}).get(INJECT) for part in ("labels", "annotations")]
    return "false" in said or bool((pod.get("spec") or {}).get("hostNetwork"))


def _listed(names: Iterable[str]) -> str:
    found = sorted(set(names))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _left_out(asked: Asked, pods: Sequence[Json], injects: bool) -> Iterable[str]:
    """Yield which pods of the namespace run without a sidecar although they should have one, and what to do."""
    bare = [pod for pod in pods if pod["metadata"]["namespace"] == asked.name and _sidecar(pod) == "none" and not _chosen_out(pod)]
    if not injects or not bare:
        return
    restarted = sorted({_workload(pod) for pod in bare if _workload(pod).startswith(("deployment/", "statefulset/", "daemonset/"))})
    commands = [f"kubectl rollout restart {workload} --namespace {asked.name}" for workload in restarted]
    others = [pod["metadata"]["name"] for pod in bare if _workload(pod) not in restarted]
    commands += [f"make {_listed(others)} anew"] if others else []
    yield (
        f"pods {_listed(pod['metadata']['name'] for pod in bare)} run without a sidecar, since they are older than the label; "
        f"{'; '.join(commands)}"
    )


def _policies(client: KubeClient, namespace: str) -> list[Json]:
    """Return the PeerAuthentications of a whole namespace; none where Istio is not installed yet."""
    try:
        found = client.items(PEER_AUTHENTICATIONS, namespace)
    except ApiError as exc:
        if exc.not_found:
            return []
        raise
    return [each for each in found if not ((each.get("spec") or {}).get("selector") or {}).get("matchLabels")]


def _is_own(policy: Mapping[str, Any]) -> bool:
    return (policy["metadata"].get("labels") or {}).get("app.kubernetes.io/component") == "mesh"


def _mode(policy: Mapping[str, Any]) -> str:
    return str(((policy.get("spec") or {}).get("mtls") or {}).get("mode") or "UNSET")


def _other_policies(asked: Asked, policies: Sequence[Json]) -> Iterable[str]:
    """Yield policies beside which that of the list would not count."""
    for policy in policies:
        if not _is_own(policy) and _mode(policy) != asked.mtls:
            yield (
                f"mtls is {asked.mtls}, and PeerAuthentication {policy['metadata']['name']} of the namespace says {_mode(policy)}; of two "
                "Istio takes the older one, so delete it, or leave out mtls"
            )


def _cut_off(asked: Asked, client: KubeClient, pods: Sequence[Json], policies: Sequence[Json]) -> Iterable[str]:
    """Yield who can no longer connect once the namespace takes the mesh's own connections only; not again when that is so already."""
    if any(_mode(policy) == "STRICT" for policy in policies):
        return
    places = (asked.name, *asked.callers)
    bare = [pod for pod in pods if _sidecar(pod) == "none" and (not asked.callers or pod["metadata"]["namespace"] in places)]
    if bare:
        names = _listed(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in bare)
        yield f"with mtls STRICT pods without a sidecar cannot connect to it any more: {names}; with PERMISSIVE they can"
    outside = [
        each["metadata"]["name"]
        for each in client.items(SERVICES, asked.name)
        if (each.get("spec") or {}).get("type") in ("NodePort", "LoadBalancer")
    ]
    if outside:
        yield f"with mtls STRICT nothing from outside can connect to its Services {_listed(outside)} past a gateway"
