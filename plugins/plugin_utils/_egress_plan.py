# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the ways out: what C(edge_egress) becomes in the cluster, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._egress import (
    EVERY,
    Destination,
    Settings,
    read_egress,
    read_settings,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import ISTIO_API

Object = dict[str, Any]

LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "egress"}
SECURITY_API = "security.istio.io/v1"
# Kinds of the objects. Routes come before the names that they are for: a sidecar that knew a name alone would go there by itself.
KINDS = (
    ("v1", "Secret"),
    (SECURITY_API, "AuthorizationPolicy"),
    (ISTIO_API, "Sidecar"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    (ISTIO_API, "Gateway"),
    (ISTIO_API, "DestinationRule"),
    (ISTIO_API, "VirtualService"),
    (ISTIO_API, "ServiceEntry"),
)
# Of the egress gateway's Service: plain HTTP, and TLS of the mesh or of the application.
PLAIN_PORT, TLS_PORT = 80, 443
# Name of what a namespace has once.
OWN_NAME = "baremesh-egress"
_CA_SUFFIX = "-cacert"


def _object(kind: str, name: str, namespace: str, spec: Object) -> Object:
    api_version = next(version for version, known in KINDS if known == kind)
    metadata = {"name": name, "namespace": namespace, "labels": dict(LABELS)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _set(**fields: Any) -> Object:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def _named(found: Destination, host: str) -> str:
    """Return the name of an object for one host."""
    return f"{found.name}.{host.replace('*', 'any')}"


def _service_entry(found: Destination, namespace: str, exported: Sequence[str]) -> Object:
    """Return the ServiceEntry that makes sidecars know the hosts, on one port only."""
    tls = found.passes_through
    # An egress gateway in front decides where a wildcard goes, so that nothing is looked up for it.
    resolution = "DNS" if not found.wildcard else "NONE" if found.gateway else "DYNAMIC_DNS"
    port = {"number": found.port, "name": "tls" if tls else "http", "protocol": "TLS" if tls else "HTTP"}
    if found.port != found.target_port:
        port["targetPort"] = found.target_port
    spec = {"hosts": list(found.hosts), "location": "MESH_EXTERNAL", "resolution": resolution, "ports": [port], "exportTo": list(exported)}
    return _object("ServiceEntry", found.name, namespace, spec)


def _origination(found: Destination, namespace: str) -> list[Object]:
    """Return the DestinationRules by which pods of a namespace begin TLS."""
    if found.passes_through:
        return []
    tls = _set(mode=found.tls.mode, credentialName=found.credential, sni=found.tls.sni, subjectAltNames=list(found.tls.subject_alt_names))
    policy = {"portLevelSettings": [{"port": {"number": found.port}, "tls": tls}]}
    selector = {"workloadSelector": {"matchLabels": dict(found.workload_selector)}} if found.workload_selector else {}
    return [
        _object("DestinationRule", _named(found, host), namespace, {"host": host, "exportTo": ["."], **selector, "trafficPolicy": policy})
        for host in found.hosts
    ]


def _authority(found: Destination, namespace: str) -> list[Object]:
    """Return the Secret with the authority of the servers, where users gave one."""
    if not found.tls.ca_certificate:
        return []
    secret = _object("Secret", f"{found.credential}{_CA_SUFFIX}", namespace, {})
    del secret["spec"]
    return [{**secret, "stringData": {"cacert": found.tls.ca_certificate}}]


def _exported(namespaces: Iterable[str]) -> list[str]:
    """Return the value of exportTo: the egress gateway's own namespace, and those that may go there."""
    names = list(dict.fromkeys(namespaces))
    return [EVERY] if EVERY in names else [".", *names]


@dataclass(frozen=True)
class _Plan:
    settings: Settings
    found: Sequence[Destination]

    @property
    def over_gateway(self) -> list[Destination]:
        return [each for each in self.found if each.gateway]

    @property
    def service(self) -> str:
        return f"{self.settings.name}.{self.settings.namespace}.svc.{self.settings.cluster_domain}"

    @property
    def closed(self) -> list[str]:
        """Namespaces that nothing leaves but by an entry. By default those that entries name."""
        given = self.settings.closed_namespaces
        named = (name for each in self.found for name in each.namespaces if name != EVERY)
        return list(dict.fromkeys(named if given is None else given))

    def _server(self, each: Destination) -> Object:
        hosts = list(each.hosts)
        if each.passes_through:
            return {
                "port": {"number": TLS_PORT, "name": "tls", "protocol": "TLS"},
                "hosts": hosts,
                "tls": {"mode": "PASSTHROUGH"},
            }
        if each.mtls:
            return {"port": {"number": TLS_PORT, "name": "https", "protocol": "HTTPS"}, "hosts": hosts, "tls": {"mode": "ISTIO_MUTUAL"}}
        return {"port": {"number": PLAIN_PORT, "name": "http", "protocol": "HTTP"}, "hosts": hosts}

    def _routes(self, each: Destination, host: str) -> Object:
        """Return the way of one host: from sidecars to the egress gateway, and from there outside."""
        inner = TLS_PORT if each.passes_through or each.mtls else PLAIN_PORT
        gateway = f"{self.settings.namespace}/{each.name}"
        to_gateway = {"destination": {"host": self.service, "subset": each.name, "port": {"number": inner}}}
        outside = {"destination": {"host": each.server or host, "port": {"number": each.port}}}
        sni = {"sniHosts": [host]} if each.passes_through else {}
        rules = [
            {"match": [{"gateways": ["mesh"], "port": each.port, **sni}], "route": [to_gateway]},
            {"match": [{"gateways": [gateway], "port": inner, **sni}], "route": [outside]},
        ]
        spec = {
            "hosts": [host],
            "gateways": ["mesh", gateway],
            "exportTo": _exported(each.namespaces),
            "tls" if each.passes_through else "http": rules,
        }
        return _object("VirtualService", _named(each, host), self.settings.namespace, spec)

    def _subsets(self) -> list[Object]:
        """Return how sidecars reach the egress gateway. One DestinationRule, as Istio takes one for a Service."""
        subsets = []
        for each in self.over_gateway:
            tls = {"mode": "ISTIO_MUTUAL", "sni": each.hosts[0]} if each.mtls and not each.passes_through else {"mode": "DISABLE"}
            subsets.append({"name": each.name, "trafficPolicy": {"tls": tls}})
        spec = {
            "host": self.service,
            "exportTo": _exported(name for each in self.over_gateway for name in each.namespaces),
            "subsets": subsets,
        }
        return [_object("DestinationRule", OWN_NAME, self.settings.namespace, spec)] if subsets else []

    def _callers(self) -> list[Object]:
        """Return who may use the egress gateway for what. Sidecars of other namespaces know no route, but could ask it themselves."""
        rules: list[Object] = []
        for each in self.over_gateway:
            if each.passes_through:
                rules.append({"when": [{"key": "connection.sni", "values": list(each.hosts)}]})
                continue
            asked = {"hosts": [name for host in each.hosts for name in (host, f"{host}:*")]}
            port = str(TLS_PORT if each.mtls else PLAIN_PORT)
            sources: Object = (
                {"from": [{"source": {"namespaces": list(each.namespaces)}}]} if each.mtls and EVERY not in each.namespaces else {}
            )
            rules.append({**sources, "to": [{"operation": {**asked, "ports": [port]}}]})
        spec = {"selector": {"matchLabels": dict(self.settings.selector)}, "action": "ALLOW", "rules": rules}
        return [_object("AuthorizationPolicy", OWN_NAME, self.settings.namespace, spec)] if rules else []

    def _closing(self) -> list[Object]:
        """Return what closes the other ways out of a namespace: in its sidecars, and for what goes past them."""
        sidecar = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": ["*/*"]}]}
        found = [_object("Sidecar", OWN_NAME, name, sidecar) for name in self.closed]
        # Pods of the cluster, DNS, istiod and the egress gateway among them.
        inside: list[Object] = [{"namespaceSelector": {}}, *({"ipBlock": {"cidr": cidr}} for cidr in self.settings.allowed_networks)]
        policy = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": inside}]}
        direct = {name for each in self.found if not each.gateway for name in each.namespaces}
        # A sidecar that begins TLS itself leaves the namespace from the pod, which a NetworkPolicy knows by addresses only.
        closed = [name for name in self.closed if name not in direct] if self.settings.network_policy else []
        return found + [_object("NetworkPolicy", OWN_NAME, name, policy) for name in closed]

    def objects(self) -> list[Object]:
        """Return all objects, kinds in the order in which they are applied."""
        space, found = self.settings.namespace, self._callers() + self._closing() + self._subsets()
        for each in self.found:
            places = [space] if each.gateway else list(each.namespaces)
            for place in places:
                found += _authority(each, place) + _origination(each, place)
                found.append(_service_entry(each, place, _exported(each.namespaces) if each.gateway else ["."]))
            if each.gateway:
                found.append(
                    _object("Gateway", each.name, space, {"selector": dict(self.settings.selector), "servers": [self._server(each)]})
                )
                found += [self._routes(each, host) for host in each.hosts]
        if any(each.server for each in self.over_gateway):
            found += self._servers()
        unique = {(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]): each for each in found}
        order = [kind for _version, kind in KINDS]
        return sorted(unique.values(), key=lambda each: order.index(each["kind"]))

    def _servers(self) -> list[Object]:
        """Return ServiceEntries for the hosts that answer for wildcards, known to the egress gateway alone."""
        known = {host for each in self.over_gateway for host in each.hosts}
        found = []
        for each in self.over_gateway:
            if each.server and each.server not in known:
                spec = _service_entry(each, "", [])["spec"]
                spec |= {"hosts": [each.server], "resolution": "DNS", "exportTo": ["."]}
                found.append(_object("ServiceEntry", _named(each, each.server), self.settings.namespace, spec))
        return found

    def waits(self) -> list[Object]:
        """Return which pods must hold which credentials, and know the way to which hosts."""
        grouped: dict[tuple[str, tuple[tuple[str, str], ...]], Object] = {}
        for each in self.found:
            selector = dict(self.settings.selector if each.gateway else each.workload_selector)
            for place in [self.settings.namespace] if each.gateway else each.namespaces if selector else ():
                entry = grouped.setdefault(
                    (place, tuple(sorted(selector.items()))),
                    {"namespace": place, "selector": selector, "optional": not each.gateway, "credentials": {}, "clusters": []},
                )
                # MUTUAL needs all that SIMPLE does.
                if each.credential and entry["credentials"].get(each.credential) != "MUTUAL":
                    entry["credentials"][each.credential] = each.tls.mode
                hosts = [each.server] if each.server else [] if each.wildcard else each.hosts
                entry["clusters"] += [{"host": host, "port": each.port} for host in hosts]
        for entry in grouped.values():
            entry["credentials"] = [{"name": name, "mode": mode} for name, mode in entry["credentials"].items()]
        return list(grouped.values())


def make_plan(value: Any, raw: Mapping[str, Any]) -> Object:
    """The filter egress_plan. Where there are findings there is nothing to apply."""
    settings, findings = read_settings(raw)
    found, more = read_egress(value, settings.cluster_domain)
    findings += more
    plan = _Plan(settings, [] if findings else found)
    objects = plan.objects()
    return {
        "findings": findings,
        "gateway": bool(plan.over_gateway),
        "hosts": [host for each in plan.found for host in each.hosts],
        "closed": plan.closed if plan.found or settings.closed_namespaces else [],
        "objects": objects,
        "authorities": [each for each in objects if each["kind"] == "Secret"],
        "kinds": [{"api_version": api_version, "kind": kind} for api_version, kind in KINDS],
        "waits": plan.waits(),
    }
