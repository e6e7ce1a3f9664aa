# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_gateways): the gateways beside the one of C(edge_gateway_*), and what they must agree on with it and with sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import matches
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import list_finding, read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import Site

Options = dict[str, dict[str, Any]]

# A test compares this with the options that role C(common) documents.
GATEWAY: Options = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "namespace": {"type": "str"},
    "selector": {"type": "dict"},
    "http_node_port": {"type": "int"},
    "https_node_port": {"type": "int"},
    "addresses": {"type": "list", "elements": "str"},
    "http_port": {"type": "int", "default": 80},
    "https_port": {"type": "int", "default": 443},
    "replicas": {"type": "int"},
    "service_account": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "route_namespaces": {"type": "list", "elements": "str"},
    "values": {"type": "dict"},
}
# What messages call the gateway that has no name.
DEFAULT = "the gateway of edge_gateway_namespace"


@dataclass(frozen=True)
class Gateway:
    """A gateway: its pods, the ports by which clients reach them, and who may use them. The one without a name is the default."""

    name: str
    namespace: str
    selector: Raw
    addresses: tuple[str, ...]
    http_node_port: int
    https_node_port: int
    http_port: int = 80
    https_port: int = 443
    replicas: int | None = None
    service_account: str | None = None
    hosts: tuple[str, ...] = ()
    route_namespaces: tuple[str, ...] = ()
    values: Raw = field(default_factory=dict)
    present: bool = True

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"gateway '{self.name}'" if self.name else DEFAULT

    def port_80(self, http_gateway: str) -> str:
        """Return the name of its Gateway of port 80, empty where there is none."""
        return f"{http_gateway}-{self.name}" if http_gateway and self.name else http_gateway

    def ports(self) -> Iterator[tuple[int, int]]:
        """Yield each port that clients use, with the NodePort behind it."""
        yield self.http_port, self.http_node_port
        yield self.https_port, self.https_node_port

    def release(self) -> dict[str, Any]:
        """Return the entry of C(istio_gateways)."""
        node_ports = (("http2", 80, self.http_node_port), ("https", 443, self.https_node_port))
        account = {"serviceAccount": {"name": self.service_account}} if self.service_account else {}
        return {
            "name": self.name,
            "namespace": self.namespace,
            "selector": dict(self.selector),
            "replicas": self.replicas or max(len(self.addresses), 1),
            "ports": [{"name": name, "port": port, "node_port": number} for name, port, number in node_ports],
            "values": {**account, **self.values},
        }


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    entries = read_list(fields.raw.get(key))
    if entries is None:
        fields.report(list_finding(fields.raw[key], key))
    return tuple(map(str, entries or ()))


def _gateway(fields: Fields, default: Gateway) -> Gateway:
    fields.only(GATEWAY)
    name = fields.name("name", required=True) or ""
    present = fields.choice("state", GATEWAY["state"]["choices"]) != "absent"
    ports = ("http_node_port", "https_node_port")
    http, https = (fields.port(key) if present else fields.integer(key, 1, 65535) for key in ports)
    return Gateway(
        name=name,
        namespace=fields.name("namespace") or name,
        selector=dict(fields.mapping("selector") or {"istio": name}),
        addresses=_texts(fields, "addresses") or default.addresses,
        http_node_port=http or 0,
        https_node_port=https or 0,
        http_port=fields.integer("http_port", 1, 65535) or 80,
        https_port=fields.integer("https_port", 1, 65535) or 443,
        replicas=fields.integer("replicas", 1, 1000),
        service_account=fields.name("service_account"),
        hosts=tuple(fields.hosts("hosts")) if fields.raw.get("hosts") else (),
        route_namespaces=_texts(fields, "route_namespaces"),
        values=fields.mapping("values") or {},
        present=present,
    )


def _clashes(one: Gateway, other: Gateway) -> Iterator[str]:
    """Yield what two gateways cannot share, in words that follow the place of the first."""
    if one.name == other.name:
        yield f"name '{one.name}' is already that of another gateway"
    for key in ("http_node_port", "https_node_port"):
        number = getattr(one, key)
        if number and number in (other.http_node_port, other.https_node_port):
            yield f"{key} {number} is already a NodePort of {other.title}"
    used = {port for port, _number in other.ports()}
    for key in ("http_port", "https_port"):
        shared = [address for address in one.addresses if address in other.addresses and getattr(one, key) in used]
        if shared:
            yield (
                f"{key} {getattr(one, key)} of {', '.join(shared)} is already a port of {other.title}; give addresses of its own "
                "(those of the other one too: edge_addresses has every host unless it is set), or another port"
            )
    if one.selector.items() <= other.selector.items() or other.selector.items() <= one.selector.items():
        both = f"selector {dict(one.selector)} and that of {other.title}"
        yield f"{both} select the same pods, whatever their namespaces; give each a label of its own"


def read_gateways(raw: Any, default: Gateway) -> tuple[list[Gateway], list[str]]:
    """Read C(edge_gateways).

    Args:
        raw: The value of C(edge_gateways).
        default: The gateway of C(edge_gateway_*).

    Returns:
        The gateways, the default one first, and a sentence for everything that is wrong with them.
    """
    findings: list[str] = []
    found = [default]
    needs = "a gateway is a dictionary with name, http_node_port and https_node_port"
    for fields in dictionaries(raw, "edge_gateways", findings, "gateways", needs):
        gateway = _gateway(fields, default)
        if gateway.name and gateway.present and gateway.http_node_port == gateway.https_node_port != 0:
            fields.report(f"http_node_port and https_node_port are both {gateway.http_node_port}")
        if gateway.http_port == gateway.https_port:
            fields.report(f"http_port and https_port are both {gateway.http_port}")
        for other in (other for other in found if gateway.name and gateway.present and other.present):
            for clash in _clashes(gateway, other):
                fields.report(clash)
        found.append(gateway)
    return found, findings


def gateway_findings(
    sites: Sequence[Site], gateways: Sequence[Gateway], issuers: Mapping[str, Issuer], proxy_protocol: bool, http_gateway: str
) -> list[str]:
    """Return a sentence for each site that its gateway cannot serve."""
    findings: list[str] = []
    known = {gateway.name: gateway for gateway in gateways if gateway.present}
    taken = {gateway.port_80(http_gateway): gateway.title for gateway in known.values() if gateway.name and http_gateway}
    served: dict[str, list[Site]] = {}
    for index, site in enumerate(sites):
        fields = Fields({}, f"edge_sites[{index}]", findings, f" ({site.name})" if site.name else "")
        gateway = known.get(site.gateway)
        if gateway is None:
            fields.unknown("gateway", site.gateway, sorted(filter(None, known)), "gateways are those of edge_gateways that are present")
            continue
        if site.name in taken:
            fields.report(f"name is that of the Gateway of port 80 of {taken[site.name]}; choose another one")
        for host in site.hosts:
            if gateway.hosts and not any(matches(host, pattern) for pattern in gateway.hosts):
                fields.report(f"host '{host}' is not among the hosts of {gateway.title}: {', '.join(gateway.hosts)}")
            for other in served.setdefault(host, []):
                fields.findings += _shared(fields, host, gateway, known[other.gateway], other)
            served[host].append(site)
        issuer = issuers.get(site.issuer or "")
        if issuer and issuer.kind == "Issuer" and site.gateway and gateway.namespace != issuer.namespace:
            fields.report(
                f"issuer '{issuer.name}' is of kind Issuer in namespace {issuer.namespace}, and the certificates of {gateway.title} are in "
                f"{gateway.namespace}; use an issuer of kind ClusterIssuer"
            )
        if issuer and issuer.http01_only and site.gateway and proxy_protocol:
            fields.report(
                f"{gateway.title} forwards challenges of issuer '{issuer.name}' to {DEFAULT}, which with edge_proxy_protocol takes no "
                "connection without a PROXY header; use an issuer that proves names by DNS-01, or leave the site to that gateway"
            )
    return findings


def _shared(fields: Fields, host: str, one: Gateway, other: Gateway, site: Site) -> Iterator[str]:
    """Yield why a host of a site cannot be on the gateway of another site as well."""
    place = f"{fields.place}{fields.title}: host '{host}' is already served by site '{site.name}' on {other.title}"
    shared = [address for address in one.addresses if address in other.addresses]
    if one.name == other.name:
        return
    if shared:
        yield f"{place}, and both have the addresses {', '.join(shared)}; DNS can name one of them only"
    elif one.namespace == other.namespace:
        yield f"{place}, and both are in namespace {one.namespace}; give one a namespace of its own"
