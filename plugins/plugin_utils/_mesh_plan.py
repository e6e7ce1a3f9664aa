# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_mesh), and derives the policies of namespaces whose pods are part of the mesh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, dictionaries

Object = dict[str, Any]
Options = dict[str, dict[str, Any]]

# In the form of an argument spec. A test compares this with the options that role common documents.
MESH: Options = {
    "namespace": {"type": "str", "required": True},
    "injection": {"type": "bool", "default": True},
    "mtls": {"type": "str", "choices": ["STRICT", "PERMISSIVE", "DISABLE"]},
    "allow_from": {"type": "list", "elements": "str"},
}
# For callers of the filter that give less.
DEFAULTS: dict[str, Any] = {
    "edge_istio_namespace": "istio-system",
    "edge_cluster_domain": "cluster.local",
    # Namespaces of gateways, and what the plan of the sites applies.
    "gateways": (),
    "virtual_services": (),
    "destination_rules": (),
}
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "mesh"}
# Name of what a namespace has once.
OWN_NAME = "baremesh-mesh"
KINDS = (("security.istio.io/v1", "PeerAuthentication"), ("security.istio.io/v1", "AuthorizationPolicy"))
# Istio's webhook leaves their pods alone (istio/istio, pkg/kube/inject/inject.go).
_NEVER_INJECTED = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")


@dataclass(frozen=True)
class Member:
    """One entry of C(edge_mesh), checked."""

    namespace: str
    injection: bool = True
    mtls: str | None = None
    # Namespaces, or C(namespace/service-account); None where nothing is said.
    allow_from: tuple[str, ...] | None = None

    @property
    def callers(self) -> list[str]:
        """Namespaces of those who may call."""
        return list(dict.fromkeys(caller.partition("/")[0] for caller in self.allow_from or ()))

    def objects(self) -> Iterator[Object]:
        """Yield the policies of the namespace."""
        if self.mtls:
            yield self._object("PeerAuthentication", {"mtls": {"mode": self.mtls}})
        if self.allow_from is not None:
            spaces = [caller for caller in self.allow_from if "/" not in caller]
            # Istio reads this domain as the mesh's own, whatever its name.
            accounts = ["cluster.local/ns/{}/sa/{}".format(*caller.split("/")) for caller in self.allow_from if "/" in caller]
            sources = [{key: values} for key, values in (("namespaces", spaces), ("principals", accounts)) if values]
            rules = [{"from": [{"source": source} for source in sources]}] if sources else []
            yield self._object("AuthorizationPolicy", {"action": "ALLOW", "rules": rules} if rules else {"action": "ALLOW"})

    def _object(self, kind: str, spec: Object) -> Object:
        api_version = next(version for version, known in KINDS if known == kind)
        metadata = {"name": OWN_NAME, "namespace": self.namespace, "labels": dict(LABELS)}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _callers(fields: Fields) -> tuple[str, ...] | None:
    if fields.raw.get("allow_from") in (None, ""):
        return None
    found = tuple(dict.fromkeys(fields.texts("allow_from")))
    for caller in found:
        space, slash, account = caller.partition("/")
        named = Fields({"space": space, "account": account}, "", [])
        # Names of service accounts may have dots.
        if not named.name("space") or (slash and not named.object_name("account")):
            fields.report(f"allow_from has '{caller}'; each must be NAMESPACE, or NAMESPACE/SERVICEACCOUNT")
    return found


def _member(fields: Fields, given: Mapping[str, Any]) -> Member:
    fields.only(MESH)
    found = Member(
        namespace=fields.name("namespace", required=True) or "",
        injection=fields.boolean("injection", MESH["injection"]["default"]),
        mtls=fields.choice("mtls", MESH["mtls"]["choices"]),
        allow_from=_callers(fields),
    )
    name, root = found.namespace, given["edge_istio_namespace"]
    if found.injection and name in (*_NEVER_INJECTED, root):
        fields.report(f"injection is true, and pods of {name} never get a sidecar; set it to false")
    if found.allow_from is not None and name == root:
        fields.report(f"allow_from in {root} would be the rule of every namespace, gateways among them; name the namespaces one by one")
    if found.allow_from is not None and name in given["gateways"]:
        fields.report(f"allow_from names callers of the mesh, and the gateway in {name} has visitors from outside; use access of sites")
    if found.allow_from and found.mtls == "DISABLE":
        fields.report("allow_from needs mtls, since a caller shows who it is in the handshake; set mtls to STRICT or PERMISSIVE")
    return found


def _destinations(route: Mapping[str, Any], domain: str) -> Iterator[tuple[str, str]]:
    """Yield namespace and host of each Service that a VirtualService points to."""
    spec = route.get("spec") or {}
    for rule in (rule for kind in ("http", "tls", "tcp") for rule in spec.get(kind) or ()):
        for target in rule.get("route") or ():
            host = str((target.get("destination") or {}).get("host"))
            yield _namespace(host, domain), host


def _namespace(host: str, domain: str) -> str:
    """Return the namespace of a Service by its host name, empty for other hosts."""
    inside = host.removesuffix(f".svc.{domain}")
    return inside.partition(".")[2] if inside != host else ""


def _warnings(found: Sequence[Member], given: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each site whose requests its namespace would refuse."""
    closed = {member.namespace: member.callers for member in found if member.allow_from is not None}
    strict = {member.namespace for member in found if member.mtls == "STRICT"}
    domain, said = given["edge_cluster_domain"], []
    for route in given["virtual_services"]:
        name, space = route["metadata"]["name"], route["metadata"]["namespace"]
        for target, host in _destinations(route, domain):
            if space in given["gateways"] and target in closed and space not in closed[target]:
                said.append(
                    f"edge_mesh ({target}): allow_from leaves out {space}, whose gateway brings the requests for VirtualService {name} to "
                    f"{host}; visitors would get 403"
                )
    for rule in given["destination_rules"]:
        spec = rule.get("spec") or {}
        mode = ((spec.get("trafficPolicy") or {}).get("tls") or {}).get("mode") or "ISTIO_MUTUAL"
        target = _namespace(str(spec.get("host")), domain)
        if target in strict and mode != "ISTIO_MUTUAL":
            said.append(
                f"edge_mesh ({target}): mtls is STRICT, and DestinationRule {rule['metadata']['name']} has the gateway connect to "
                f"{spec['host']} with tls.mode {mode}; leave it out, and the gateway shows its identity"
            )
    return list(dict.fromkeys(said))


def make_plan(value: Any, raw: Mapping[str, Any]) -> Object:
    """The filter mesh_plan. Where there are findings there is nothing to apply."""
    given = {**DEFAULTS, **{key: value for key, value in raw.items() if value is not None}}
    findings: list[str] = []
    found: list[Member] = []
    needs = "an entry is a dictionary with namespace"
    for fields in dictionaries(value, "edge_mesh", findings, "namespaces", needs):
        fields.title = f" ({fields.raw['namespace']})" if fields.raw.get("namespace") else ""
        member = _member(fields, given)
        if member.namespace and member.namespace in [other.namespace for other in found]:
            fields.report(f"namespace '{member.namespace}' is already that of another entry")
        found.append(member)
    applied = [] if findings else found
    return {
        "findings": findings,
        "warnings": _warnings(applied, given),
        "namespaces": [
            {
                "name": member.namespace,
                "injection": member.injection,
                "callers": member.callers,
                **({"mtls": member.mtls} if member.mtls else {}),
            }
            for member in applied
        ],
        "objects": [each for member in applied for each in member.objects()],
        "kinds": [{"api_version": api_version, "kind": kind} for api_version, kind in KINDS],
    }
