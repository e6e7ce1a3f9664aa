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
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import is_host, list_finding, read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import NO_TLS
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import Site

Options = dict[str, dict[str, Any]]

# Tests compare these with the options that role C(common) documents.
PORT: Options = {"port": {"type": "int", "required": True}, "node_port": {"type": "int", "required": True}}
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
    "ports": {"type": "list", "elements": "dict", "options": PORT},
    "replicas": {"type": "int"},
    "service_account": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "route_namespaces": {"type": "list", "elements": "str"},
    "values": {"type": "dict"},
}
# What messages call the gateway that has no name.
DEFAULT = "the gateway of edge_gateway_namespace"
# Envoy's own in every gateway pod: administration, metrics, health.
_OWN_PORTS = (15000, 15020, 15021, 15090)
_HTTP_PORTS = (80, 443)


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
    # Ports of TCP sites, each with its NodePort.
    tcp: tuple[tuple[int, int], ...] = ()

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"gateway '{self.name}'" if self.name else DEFAULT

    def port_80(self, http_gateway: str) -> str:
        """Return the name of its Gateway of port 80, empty where there is none."""
        return f"{http_gateway}-{self.name}" if http_gateway and self.name else http_gateway

    def service(self, cluster_domain: str) -> str:
        """Return the host name of its Service, unless it is the default one."""
        return f"{self.name}.{self.namespace}.svc.{cluster_domain}"

    def ports(self) -> Iterator[tuple[str, int, int]]:
        """Yield each port that clients use, with the NodePort behind it, and how the names of its fields begin."""
        yield "http_", self.http_port, self.http_node_port
        yield "https_", self.https_port, self.https_node_port
        yield from (("ports: ", port, number) for port, number in self.tcp)

    def tcp_ports(self) -> list[dict[str, Any]]:
        """Return the ports of TCP sites, in the form of C(istio_gateways)."""
        return [{"name": f"tcp-{port}", "port": port, "node_port": number} for port, number in self.tcp]

    def tcp_node_ports(self) -> dict[str, int]:
        """Return the NodePorts of TCP sites, by what messages call them."""
        place = f"edge_gateways ({self.name}).ports" if self.name else "edge_gateway_ports"
        return {f"{place} ({port}).node_port": number for port, number in self.tcp}

    def release(self) -> dict[str, Any]:
        """Return the entry of C(istio_gateways)."""
        node_ports = (("http2", 80, self.http_node_port), ("https", 443, self.https_node_port))
        account = {"serviceAccount": {"name": self.service_account}} if self.service_account else {}
        return {
            "name": self.name,
            "namespace": self.namespace,
            "selector": dict(self.selector),
            "replicas": self.replicas or max(len(self.addresses), 1),
            "ports": [{"name": name, "port": port, "node_port": number} for name, port, number in node_ports] + self.tcp_ports(),
            "values": {**account, **self.values},
        }


def _addresses(fields: Fields) -> tuple[str, ...]:
    found = _texts(fields, "addresses")
    for entry in (entry for entry in found if not is_host(entry)):
        fields.report(f"addresses has {entry!r}; each entry must be an IP address or a DNS name")
    return found


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    entries = read_list(fields.raw.get(key))
    if entries is None:
        fields.report(list_finding(fields.raw[key], key))
    return tuple(map(str, entries or ()))


def read_ports(raw: Any, place: str, findings: list[str], taken: Mapping[int, str]) -> tuple[tuple[int, int], ...]:
    """Read the ports of TCP sites.

    Args:
        raw: Value of C(edge_gateway_ports), or of C(ports) of a gateway.
        place: Where it is.
        findings: Gets a sentence for each port that cannot be.
        taken: What other ports of the gateway are for.

    Returns:
        Each port with its NodePort.
    """
    found: dict[int, int] = {}
    for fields in dictionaries(raw, place, findings, "ports", "a port is a dictionary with port and node_port"):
        fields.only(PORT)
        port, number = fields.port("port"), fields.port("node_port")
        if port in taken or port in found:
            fields.report(f"port {port} is already {taken.get(port or 0, 'in the list')}; each port is there once")
        elif port in _OWN_PORTS:
            fields.report(f"port {port} is one of Envoy's own in the gateway pods ({', '.join(map(str, _OWN_PORTS))}); choose another one")
        elif number in found.values():
            fields.report(f"node_port {number} is already that of another port")
        elif port and number:
            found[port] = number
    return tuple(found.items())


def _gateway(fields: Fields, default: Gateway) -> Gateway:
    fields.only(GATEWAY)
    name = fields.name("name", required=True) or ""
    # Of one with an unknown state nothing else is asked.
    present = fields.choice("state", GATEWAY["state"]["choices"]) == "present" or not fields.raw.get("state")
    ports = ("http_node_port", "https_node_port")
    http, https = (fields.port(key) if present else fields.integer(key, 1, 65535) for key in ports)
    own, secure = fields.integer("http_port", 1, 65535) or 80, fields.integer("https_port", 1, 65535) or 443
    return Gateway(
        name=name,
        namespace=fields.name("namespace") or name,
        selector=fields.labels("selector") or {"istio": name},
        addresses=_addresses(fields) or default.addresses,
        http_node_port=http or 0,
        https_node_port=https or 0,
        http_port=own,
        https_port=secure,
        replicas=fields.integer("replicas", 1, 1000),
        service_account=fields.name("service_account"),
        hosts=tuple(fields.hosts("hosts")) if fields.raw.get("hosts") else (),
        route_namespaces=_texts(fields, "route_namespaces"),
        values=fields.mapping("values") or {},
        present=present,
        tcp=read_ports(fields.raw.get("ports"), f"{fields.place}.ports", fields.findings, taken_ports(own, secure)),
    )


def pod_labels(release: str, selector: Raw) -> dict[str, Any]:
    """Return the labels of a gateway's pods, as far as they are known: those that Istio's chart gives a release, and the selector."""
    return {"app": release, "istio": release.removeprefix("istio-"), **selector}


def taken_ports(*ports: int) -> dict[int, str]:
    """Return which ports of a gateway and its hosts are for HTTP and HTTPS."""
    return dict.fromkeys((*_HTTP_PORTS, *ports), "that of HTTP or HTTPS")


def _clashes(one: Gateway, other: Gateway) -> Iterator[str]:
    """Yield what two gateways cannot share, in words that follow the place of the first."""
    if one.name == other.name:
        yield f"name '{one.name}' is already that of another gateway"
    numbers, used = {number for _key, _port, number in other.ports()}, {port for _key, port, _number in other.ports()}
    yield from (
        f"{key}node_port {number} is already a NodePort of {other.title}" for key, _p, number in one.ports() if number and number in numbers
    )
    for key, port, _number in one.ports():
        shared = [address for address in one.addresses if address in other.addresses and port in used]
        if shared:
            yield (
                f"{key}port {port} of {', '.join(shared)} is already a port of {other.title}; give addresses of its own "
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
        for port, number in gateway.tcp:
            if number in (gateway.http_node_port, gateway.https_node_port):
                fields.report(f"ports: node_port {number} of port {port} is already that of HTTP or HTTPS")
        if gateway.http_port == gateway.https_port:
            fields.report(f"http_port and https_port are both {gateway.http_port}")
        for other in (other for other in found if gateway.name and gateway.present and other.present):
            for clash in _clashes(gateway, other):
                fields.report(clash)
        found.append(gateway)
    return found, findings


def challenge_parents(gateways: Any, http_gateway: str, namespace: str) -> list[dict[str, Any]]:
    """The filter challenge_parents: the C(parentRefs) of the HTTPRoutes of cert-manager's solver.

    A route attaches to those that take routes of its namespace, which is that of the certificate, and istiod passes over the others.

    Args:
        gateways: The value of C(edge_gateways); what is wrong with it is said by the plan.
        http_gateway: The value of C(edge_http_gateway).
        namespace: Namespace of the default gateway.
    """
    found, _findings = read_gateways(gateways, Gateway("", namespace, {}, (), 0, 0))
    return [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": each.port_80(http_gateway), "namespace": each.namespace}
        for each in found
        if each.present
    ]


def gateway_findings(
    sites: Sequence[Site],
    gateways: Sequence[Gateway],
    issuers: Mapping[str, Issuer],
    proxy_protocol: bool,
    http_gateway: str,
    https_port: int = 443,
    attached: bool = False,
) -> list[str]:
    """Return a sentence for each site that its gateway cannot serve.

    Args:
        sites: The sites.
        gateways: The gateways, the default one first.
        issuers: Issuers by name.
        proxy_protocol: Whether the default gateway takes no connection without a PROXY header.
        http_gateway: Name of the Gateway of port 80.
        https_port: Port of the gateways' Services for HTTPS.
        attached: Whether routes of challenges attach to the gateway of the site, C(edge_api: gateway), instead of being forwarded.
    """
    findings: list[str] = []
    known = {gateway.name: gateway for gateway in gateways if gateway.present}
    taken = {gateway.port_80(http_gateway): gateway.title for gateway in known.values() if gateway.name and http_gateway}
    served: dict[str, list[Site]] = {}
    opened: dict[tuple[str, int | None], list[Site]] = {}
    for index, site in enumerate(sites):
        fields = Fields({}, f"edge_sites[{index}]", findings, f" ({site.name})" if site.name else "")
        gateway = known.get(site.gateway)
        if gateway is None:
            fields.unknown("gateway", site.gateway, sorted(filter(None, known)), "gateways are those of edge_gateways that are present")
            continue
        for problem in _port_problems(site, gateway, https_port, opened.setdefault((gateway.name, site.tcp_port), [])):
            fields.report(problem)
        if site.name in taken:
            fields.report(f"name is that of the Gateway of port 80 of {taken[site.name]}; choose another one")
        for host in site.hosts:
            if gateway.hosts and not any(matches(host, pattern) for pattern in gateway.hosts):
                fields.report(f"host '{host}' is not among the hosts of {gateway.title}: {', '.join(gateway.hosts)}")
            for other in (each for each in served.setdefault(host, []) if site.tcp_port == each.tcp_port):
                fields.findings += _shared(fields, host, gateway, known[other.gateway], other)
            served[host].append(site)
        issuer = issuers.get(site.issuer or "")
        for problem in _issuer_problems(issuer, gateway, gateways[0], proxy_protocol, attached) if issuer and site.gateway else ():
            fields.report(problem)
    return findings


def _issuer_problems(issuer: Issuer, gateway: Gateway, default: Gateway, proxy_protocol: bool, attached: bool) -> Iterator[str]:
    """Yield why an issuer cannot issue for a site of a gateway beside the default one."""
    if issuer.kind == "Issuer" and gateway.namespace != issuer.namespace:
        yield (
            f"issuer '{issuer.name}' is of kind Issuer in namespace {issuer.namespace}, and the certificates of {gateway.title} are in "
            f"{gateway.namespace}; use an issuer of kind ClusterIssuer"
        )
    if not issuer.http01_only:
        return
    if attached and gateway.http_port != _HTTP_PORTS[0] and gateway.namespace != default.namespace:
        yield (
            f"{gateway.title} has port {gateway.http_port} for HTTP, so that challenges of issuer '{issuer.name}' arrive at {DEFAULT}, "
            "and with edge_api gateway its port 80 takes routes of its own namespace only; use an issuer that proves names by DNS-01, give "
            "the gateway addresses of its own, or set edge_api to istio"
        )
    if proxy_protocol and not attached:
        yield (
            f"{gateway.title} forwards challenges of issuer '{issuer.name}' to {DEFAULT}, which with edge_proxy_protocol takes no "
            "connection without a PROXY header; use an issuer that proves names by DNS-01, or leave the site to that gateway"
        )


def _port_problems(site: Site, gateway: Gateway, https_port: int, others: list[Site]) -> Iterator[str]:
    """Yield why a TCP site cannot have its port, and add it to those that have the same one.

    Args:
        site: The site.
        gateway: Its gateway.
        https_port: Port of the gateways' Services for HTTPS.
        others: The sites before it on this port of the gateway.
    """
    port, plain = site.tcp_port, site.tls.mode == NO_TLS
    if port is None:
        return
    known = [number for number, _node_port in gateway.tcp]
    if port == https_port:
        if plain:
            yield f"tcp_port is {port}, the port of HTTPS, and without TLS a port has one site; use another port, or TLS"
    elif port not in known:
        variable = f"ports of {gateway.title}" if gateway.name else "edge_gateway_ports"
        yield (
            f"tcp_port is {port}, which is no port of {gateway.title}; add {{port: {port}, node_port: NUMBER}} to {variable}. "
            f"Allowed: {', '.join(map(str, [*known, https_port]))}"
        )
    else:
        for other in (each for each in others if plain or each.tls.mode == NO_TLS):
            yield (
                f"tcp_port {port} is already that of site '{other.name}', and connections without TLS name no host, so that a port with "
                "such a site has no other; give each a port of its own, or let both use TLS"
            )
    others.append(site)


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
