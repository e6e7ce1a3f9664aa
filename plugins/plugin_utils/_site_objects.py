# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes objects of sites: Certificates, Gateways and VirtualServices."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import FORWARDED_CHALLENGES
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._renewal_rules import renewal_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_access import SECURITY_API, refusals
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_backends import Backend
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_copies import annotations_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_routes import Route
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import NO_TLS, OF_MESH, TLS_VERSIONS
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import (
    CA_SUFFIX,
    LABELS,
    REDIRECT_SUFFIX,
    Site,
    labels_of,
    merged_key,
    own_key,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import overlaps

Object = dict[str, Any]

# Secrets of certificates outlive their site by default, so they have a label of their own.
ISSUED_COMPONENT = "site-certificate"
ISTIO_API = "networking.istio.io/v1"
ACME_PATH = "/.well-known/acme-challenge/"
STAGING_COMPONENT = "staging"
# Beside the names that sites may have.
REFUSAL_SUFFIX, STAGING_SUFFIX = ".misdirected", ".staging"
# Clients try again on a connection of its own; RFC 9110, section 15.5.20.
_REFUSAL = {"match": [{"withoutHeaders": {":path": {"prefix": ACME_PATH}}}], "directResponse": {"status": 421}}
HSTS = "Strict-Transport-Security"
ADMISSION_API = "admissionregistration.k8s.io/v1"
# Of an expression that the API server takes, with some room.
_LONGEST_EXPRESSION = 90000
# Of an object's name.
_LONGEST_NAME = 253
DEFAULT_USAGES = ["digital signature", "key encipherment", "server auth"]


def _object(api_version: str, kind: str, name: str, namespace: str, site: str, spec: Object) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels_of(site)},
        "spec": spec,
    }


def _set(**fields: Any) -> Object:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _private_key(default: Raw, own: Raw) -> Object:
    merged = merged_key(default, own)
    return _set(algorithm=merged.get("algorithm"), size=merged.get("size"), rotationPolicy=merged.get("rotation_policy"))


def certificates(sites: Sequence[Site], namespace: str, issuer_kinds: Raw, private_key: Raw) -> list[Object]:
    """Return a Certificate for each site whose certificate is issued here."""
    found = []
    for site, name, algorithm in [(each, *issued) for each in sites for issued in each.issued.items()]:
        own = site.certificate
        renewal = renewal_of(own.get("renew_before"))
        spec: Object = {
            "secretName": name,
            "secretTemplate": {
                "labels": {**labels_of(site.name), "app.kubernetes.io/component": ISSUED_COMPONENT},
                **_set(annotations=annotations_of(own.get("copies") or {})),
            },
            "dnsNames": list(site.hosts),
            "issuerRef": {
                "group": "cert-manager.io",
                "kind": issuer_kinds.get(site.issuer or "", "ClusterIssuer"),
                "name": site.issuer,
            },
            "usages": list(own.get("usages") or DEFAULT_USAGES),
            **_set(
                # The API server takes an empty one for null, and refuses that.
                privateKey=_private_key(private_key, own_key(site, algorithm)),
                duration=own.get("duration"),
                renewBefore=renewal.get("renew_before"),
                renewBeforePercentage=renewal.get("renew_share"),
                renewal={"policy": "RenewBefore", "windows": windows} if (windows := own.get("renew_windows")) else None,
                commonName=own.get("common_name"),
            ),
        }
        found.append(_object("cert-manager.io/v1", "Certificate", name, namespace, site.name, spec))
    return found


def staging_certificate(certificate: Raw, issuer: str) -> Object:
    """Return what to order from another issuer to see whether an order can succeed. It is deleted once that is known."""
    metadata, spec = certificate["metadata"], certificate["spec"]
    name, labels = f"{metadata['name']}{STAGING_SUFFIX}", {**LABELS, "app.kubernetes.io/component": STAGING_COMPONENT}
    kept = ("dnsNames", "commonName", "ipAddresses", "privateKey", "usages")
    # Solvers may choose by labels of the Certificate.
    labels = {**(metadata.get("labels") or {}), **labels}
    return {
        **certificate,
        "metadata": {"name": name, "namespace": metadata["namespace"], "labels": labels},
        "spec": {
            **{key: spec[key] for key in kept if key in spec},
            "secretName": name,
            "secretTemplate": {"labels": labels},
            "issuerRef": {**spec["issuerRef"], "name": issuer},
        },
    }


def ca_secrets(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return the Secret with the CA of clients, for each site that has one."""
    found = []
    for site in sites:
        if site.tls.ca_certificate and site.credential:
            secret = _object("v1", "Secret", site.credential + CA_SUFFIX, namespace, site.name, {})
            del secret["spec"]
            revoked = {"ca.crl": _base64(site.tls.crl)} if site.tls.crl else {}
            found.append({**secret, "type": "Opaque", "data": {"ca.crt": _base64(site.tls.ca_certificate), **revoked}})
    return found


def gateways(sites: Sequence[Site], namespace: str, selector: Raw, port: int = 443) -> list[Object]:
    """Return a Gateway for each site, with one server that lists all of the site's hosts.

    One server, because clients reuse an HTTP/2 connection for every host of its certificate.
    """
    found = []
    for site in sites:
        number, plain = site.tcp_port or port, site.tls.mode == NO_TLS
        # Istio forwards connections of protocol TLS as they are, once it has ended TLS or by their name, and reads HTTP of HTTPS.
        protocol = "TCP" if plain else "TLS" if site.tcp_port or site.tls.mode == "PASSTHROUGH" else "HTTPS"
        tls = _set(
            mode=site.tls.mode,
            credentialName=site.credential if len(site.credentials) == 1 else None,
            credentialNames=list(site.credentials) if len(site.credentials) > 1 else None,
            # istiod takes a name for that of an authority by its end, and looks for the Secret without it, too.
            caCertCredentialName=f"{site.tls.ca_secret.removesuffix(CA_SUFFIX)}{CA_SUFFIX}" if site.tls.ca_secret else None,
            minProtocolVersion=TLS_VERSIONS.get(site.tls.min_version or ""),
            maxProtocolVersion=TLS_VERSIONS.get(site.tls.max_version or ""),
            cipherSuites=list(site.tls.cipher_suites),
            subjectAltNames=list(site.tls.subject_alt_names),
        )
        server = {
            "port": {"number": number, "name": protocol.lower(), "protocol": protocol},
            "hosts": ["*"] if plain else list(site.hosts),
            **({} if plain else {"tls": tls}),
        }
        spec = {"selector": dict(selector), "servers": [server]}
        found.append(_object(ISTIO_API, "Gateway", site.name, namespace, site.name, spec))
    return found


def access_policies(sites: Sequence[Site], namespace: str, selector: Raw, behind_proxy: bool) -> list[Object]:
    """Return what makes gateway pods refuse those who may not use a site."""
    found = []
    for site, access in ((site, site.access) for site in sites if site.access):
        pods = {"selector": {"matchLabels": dict(selector)}}
        if access.token:
            rules = {**pods, "jwtRules": [access.token.rule]}
            found.append(_object(SECURITY_API, "RequestAuthentication", site.name, namespace, site.name, rules))
        denied = {**pods, "action": "DENY", "rules": refusals(site.hosts, access, behind_proxy)}
        found.append(_object(SECURITY_API, "AuthorizationPolicy", site.name, namespace, site.name, denied))
    return found


def http_gateway(name: str, namespace: str, selector: Raw, solver: str) -> list[Object]:
    """Return the Gateway of port 80 of a gateway beside the default one, as the role istio makes that of the default one.

    It forwards challenges before a site has routes, which come after its certificate.
    """
    metadata = {"name": name, "namespace": namespace, "labels": {**LABELS, "app.kubernetes.io/component": "istio"}}
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    routes = {"hosts": ["*"], "gateways": [f"{namespace}/{name}"], "http": [_forwarding(solver)], "exportTo": ["."]}
    return [
        {"apiVersion": ISTIO_API, "kind": kind, "metadata": metadata, "spec": spec}
        for kind, spec in (("Gateway", {"selector": dict(selector), "servers": [server]}), ("VirtualService", routes))
    ]


def _backends(sites: Sequence[Site]) -> Iterator[tuple[Site, Backend]]:
    """Yield each backend once, with the first site that has it."""
    seen: set[str] = set()
    for site, backend in ((each, backend) for each in sites for backend in each.backends):
        if backend.host not in seen:
            seen.add(backend.host)
            yield site, backend


def _beside(kind: str, site: Site, backend: Backend, namespace: str, spec: Object) -> Object:
    """Return an object on a service, which counts for the pods of this namespace only."""
    name = f"{site.name}.{backend.host}"[:_LONGEST_NAME].rstrip("-.")
    return _object(ISTIO_API, kind, name, namespace, site.name, {**spec, "exportTo": ["."]})


def destination_rules(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return how the gateway talks to the services of sites. It takes these before those in a service's own namespace."""
    found = []
    for site, backend in _backends(sites):
        tls = backend.policy.get("tls") or {}
        if backend.external and backend.external.tls:
            # Otherwise the name that clients asked for would be sent, and no name would be checked.
            names = {} if tls.get("insecureSkipVerify") else {"subjectAltNames": [backend.host]}
            tls = {"mode": "SIMPLE", "sni": backend.host, **names, **tls}
        policy = _set(**{**backend.policy, "tls": tls})
        if policy or backend.subsets:
            spec = {"host": backend.host, **_set(subsets=list(backend.subsets), trafficPolicy=policy)}
            found.append(_beside("DestinationRule", site, backend, namespace, spec))
    return found


def _of_mesh(sites: Sequence[Site]) -> Iterator[tuple[Site, list[str]]]:
    """Yield each site for pods of the mesh with its names. Their sidecars cannot know from a wildcard which name to ask for."""
    for site in sites:
        names = [host for host in site.hosts if not host.startswith("*")]
        # Without HTTP a sidecar would know a site by its port alone, and take what is meant for others there.
        if site.tls.mode == OF_MESH and not site.tcp_port and names:
            yield site, names


def mesh_destination_rules(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return by what sidecars show who they are to sites that let in pods of the mesh only."""
    return [
        _object(
            ISTIO_API,
            "DestinationRule",
            f"{site.name}.{host}"[:_LONGEST_NAME].rstrip("-."),
            namespace,
            site.name,
            {"host": host, "trafficPolicy": {"tls": {"mode": OF_MESH, "sni": host}}},
        )
        for site, hosts in _of_mesh(sites)
        for host in hosts
    ]


def mesh_service_entries(sites: Sequence[Site], namespace: str, service: str, port: int) -> list[Object]:
    """Return by what sidecars bring requests for such sites to the gateway: applications speak HTTP on port 80."""
    found = []
    for site, hosts in _of_mesh(sites):
        spec = {
            "hosts": hosts,
            "location": "MESH_INTERNAL",
            "resolution": "DNS",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": service, "ports": {"http": port}}],
        }
        found.append(_object(ISTIO_API, "ServiceEntry", site.name, namespace, site.name, spec))
    return found


def service_entries(sites: Sequence[Site], namespace: str) -> list[Object]:
    """Return the services of sites that are outside of the cluster."""
    found = []
    for site, backend in _backends(sites):
        outside = backend.external
        if outside:
            seen = "TCP" if site.tcp_port else "HTTPS" if outside.tls else "HTTP"
            passed = "TLS" if site.tls.mode == "PASSTHROUGH" else seen
            spec = {
                "hosts": [backend.host],
                "location": "MESH_EXTERNAL",
                "resolution": "STATIC" if outside.addresses else "DNS",
                "ports": [{"number": outside.port, "name": f"{passed.lower()}-{outside.port}", "protocol": passed}],
                **_set(endpoints=[{"address": address} for address in outside.addresses]),
            }
            found.append(_beside("ServiceEntry", site, backend, namespace, spec))
    return found


def _outside(site: Site, route: Route) -> Object:
    """Return the name by which a server outside is asked, which knows its own only."""
    hosts = {to.host for to in route.destinations}
    outside = [backend.host for backend in site.backends if backend.external and {backend.host} == hosts]
    return {"authority": outside[0]} if outside else {}


def _destinations(route: Route) -> list[Object]:
    return [
        {"destination": destination.reference, **({} if destination.weight is None else {"weight": destination.weight})}
        for destination in route.destinations
    ]


def http_rule(site: Site, route: Route) -> Object:
    """Return the rule of a VirtualService."""
    fields = {
        **route.fields,
        "headers": _with_hsts(route.fields.get("headers") or {}, site.tls.hsts),
        "rewrite": {**_outside(site, route), **(route.fields.get("rewrite") or {})},
    }
    return _set(match=[route.condition] if route.condition else None, route=_destinations(route), **fields)


def _with_hsts(headers: Raw, value: str | None) -> Raw:
    """Add what answers say of TLS, unless the route says it."""
    answer = headers.get("response") or {}
    if not value or HSTS.lower() in [str(name).lower() for key in ("set", "add") for name in answer.get(key) or {}]:
        return headers
    return {**headers, "response": {**answer, "set": {**(answer.get("set") or {}), HSTS: value}}}


def _routes_of(site: Site, hosts: Sequence[str], port: int) -> Object:
    port = site.tcp_port or port
    if site.tcp_port and site.tls.mode != "PASSTHROUGH":
        return {"tcp": [{"match": [{"port": port}], "route": _destinations(route)} for route in site.routes]}
    if site.tls.mode != "PASSTHROUGH":
        return {"http": [http_rule(site, route) for route in site.routes]}
    taken = {host for route in site.routes for host in route.hosts}
    rest = [host for host in hosts if host not in taken]
    return {
        "tls": [{"match": [{"port": port, "sniHosts": list(route.hosts) or rest}], "route": _destinations(route)} for route in site.routes]
    }


def _matched(rule: Object, secure: bool) -> Object:
    """Return a rule of port 80 for requests that were, or were not, made over TLS, and never for a challenge."""
    forwarded = {"x-forwarded-proto": {"exact": "https"}}
    challenge = {":path": {"prefix": ACME_PATH}}
    condition: Object = {"headers": forwarded, "withoutHeaders": challenge} if secure else {"withoutHeaders": {**forwarded, **challenge}}
    return {
        **rule,
        "match": [
            {**match, **{key: {**match.get(key, {}), **value} for key, value in condition.items()}} for match in rule.get("match") or [{}]
        ],
    }


def _forwarding(solver: str) -> Object:
    """Return the rule that forwards challenges to the only gateway that has the routes of cert-manager's solver."""
    route = [{"destination": {"host": solver, "port": {"number": 80}}}]
    return {"name": FORWARDED_CHALLENGES, "match": [{"uri": {"prefix": ACME_PATH}}], "route": route}


def _http_rules(site: Site, behind_proxy: bool, redirect_port: int | None) -> list[Object]:
    """Return what port 80 does for a site.

    Without a proxy one rule that matches everything: Envoy's route table puts such rules last, so that the exact path of
    an ACME challenge wins at the first issuance and at every renewal.

    A proxy that ends TLS sends all requests to port 80, and a redirect would send those made over TLS round in circles:
    they get the site's routes. Rules with conditions are not put last, so each of them leaves challenges out.
    """
    redirect: Object = {"redirect": {"scheme": "https", "redirectCode": 301, **_set(port=redirect_port)}}
    if not behind_proxy:
        return [redirect]
    return [*(_matched(http_rule(site, route), secure=True) for route in site.routes), _matched(redirect, secure=False)]


def virtual_services(
    sites: Sequence[Site],
    namespace: str,
    http_gateway: str,
    port: int = 443,
    behind_proxy: bool = False,
    misdirected: Mapping[str, Sequence[str]] | None = None,
    forwarded: Collection[str] = (),
    solver: str = "",
    redirect_port: int | None = None,
) -> list[Object]:
    """Return the routes of each site, and what port 80 does for it.

    Args:
        sites: The sites.
        namespace: Namespace of the Gateways.
        http_gateway: Name of the Gateway of port 80; empty for no redirects.
        port: Port of the gateway's Service that ends TLS.
        behind_proxy: Whether a proxy in front ends TLS and says so in X-Forwarded-Proto.
        misdirected: Hosts under wildcards of a site, by its name, that are not to be reached over its connections.
        forwarded: Sites whose challenges are forwarded to the gateway to which cert-manager's solver attaches.
        solver: Host name of the Service of that gateway.
        redirect_port: Port to which port 80 redirects; None: that of https.
    """
    found = []
    for site in sites:
        # Istio refuses a VirtualService with a host beside a wildcard that has it, too.
        wider = {host: [other for other in site.hosts if len(other) < len(host) and overlaps(host, other)] for host in site.hosts}
        hosts = ["*"] if site.tls.mode == NO_TLS else [host for host in site.hosts if not wider[host]]
        refused = list((misdirected or {}).get(site.name, ()))
        if site.routes and refused:
            # A host of its own in Envoy's table, so that neither letter case nor a port in the request passes by it.
            places = {"": site.name, **({"-http": http_gateway} if site.redirect and http_gateway and behind_proxy else {})}
            for suffix, gateway in places.items():
                spec = {"hosts": refused, "gateways": [f"{namespace}/{gateway}"], "http": [_REFUSAL]}
                found.append(_object(ISTIO_API, "VirtualService", site.name + REFUSAL_SUFFIX + suffix, namespace, site.name, spec))
        if site.routes:
            spec = {"hosts": hosts, "gateways": [f"{namespace}/{site.name}"], **_routes_of(site, hosts, port)}
            found.append(_object(ISTIO_API, "VirtualService", site.name, namespace, site.name, spec))
        rules = [_forwarding(solver)] if site.name in forwarded else []
        rules += _http_rules(site, behind_proxy, redirect_port) if site.redirect else []
        if rules and http_gateway:
            spec = {"hosts": hosts, "gateways": [f"{namespace}/{http_gateway}"], "http": rules}
            name = site.name + REDIRECT_SUFFIX
            found.append(_object(ISTIO_API, "VirtualService", name, namespace, site.name, spec))
    return found


def route_policies(
    sites: Sequence[Site], namespace: str, selector: Raw, http_gateway: str, others: Sequence[str], gateway: str = "", instance: str = ""
) -> list[Object]:
    """Return what keeps Gateways and VirtualServices of other namespaces off the sites: off their Gateways, hosts and port 80.

    A Gateway can name the namespaces itself, but istiod then no longer sees that another Gateway has the same host, and
    Envoy refuses the listener of all sites.

    Args:
        sites: The sites.
        namespace: Namespace of the Gateways.
        selector: Labels of the gateway pods.
        http_gateway: Name of the Gateway of port 80, empty if there is none.
        others: Namespaces whose objects may join; C(*) for all.
        gateway: Name of the gateway; empty for the default one.
        instance: Name of the installation, where another one may have sites of this gateway.

    Returns:
        A policy and its binding, or several of both where one cannot hold all names; nothing where there is nothing to keep off.
    """
    portions = [] if "*" in others else _portions(sites, namespace)
    of = f".of.{instance}" if instance else ""
    return [
        policy
        for number, portion in enumerate(portions, 1)
        for policy in _route_policy(portion, namespace, selector, http_gateway, others, gateway, f"-{number}{of}" if number > 1 else of)
    ]


def _portions(sites: Sequence[Site], namespace: str) -> list[list[Site]]:
    """Return the sites in portions whose names an expression can hold; one that has more hosts is in several of them."""
    found: list[dict[str, tuple[Site, list[str]]]] = []
    size = 0
    for site in sites:
        # A site without hosts has a Gateway, too.
        for host in site.hosts or ("",):
            needed = len(json.dumps([f"{namespace}/{site.name}", host]))
            if not found or size + needed > _LONGEST_EXPRESSION:
                found.append({})
                size = 0
            found[-1].setdefault(site.name, (site, []))[1].append(host)
            size += needed
    return [[replace(site, hosts=tuple(hosts)) for site, hosts in portion.values()] for portion in found]


def _route_policy(
    sites: Sequence[Site], namespace: str, selector: Raw, http_gateway: str, others: Sequence[str], gateway: str, suffix: str
) -> list[Object]:
    gateways = json.dumps([f"{namespace}/{site.name}" for site in sites if site.routes])
    hosts = json.dumps([host for site in sites for host in site.hosts])
    hosts_on_80 = json.dumps([host for site in sites if site.redirect and http_gateway for host in site.hosts])
    variable = "route_namespaces" if gateway else "gateway_route_namespaces"
    name, at_80 = f"baremesh-edge-routes-{namespace}{f'.{gateway}' if gateway else ''}{suffix}", json.dumps(f"{namespace}/{http_gateway}")
    none = "!has(object.spec.gateways) || !object.spec.gateways.exists(name, name"
    said = f"belong to namespace {namespace}; {variable} names other namespaces whose Gateways and VirtualServices may join"
    checks = {f"the Gateways of sites {said}": f"{none} in {gateways})"}
    checks[f"the hosts of sites on port 80 {said}"] = (
        f"{none} == {at_80}) || !object.spec.hosts.exists(host, host.lowerAscii() in {hosts_on_80})"
    )
    labels = json.dumps(dict(selector))
    # Pods have more labels than the selector names, so that only another value for one of its keys means other pods.
    other_pods = f"object.spec.selector.exists(key, key in {labels} && object.spec.selector[key] != {labels}[key])"
    named = f"server.hosts.exists(host, host.substring(host.lastIndexOf('/') + 1).lowerAscii() in {hosts})"
    checks[f"the hosts of sites {said}"] = (
        f"!has(object.spec.servers) || (has(object.spec.selector) && {other_pods}) || !object.spec.servers.exists(server, {named})"
    )
    free = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": sorted({namespace, *others})}
    constraints = {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [free]},
        "objectSelector": {},
        "resourceRules": [
            {
                "apiGroups": ["networking.istio.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["virtualservices", "gateways"],
                "scope": "*",
            }
        ],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": constraints,
        "matchConditions": [{"name": "change", "expression": "oldObject == null || object.spec != oldObject.spec"}],
        "validations": [{"expression": check, "message": text, "reason": "Forbidden"} for text, check in checks.items()],
    }
    metadata = {"name": name, "labels": dict(LABELS)}
    return [
        {"apiVersion": ADMISSION_API, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {
            "apiVersion": ADMISSION_API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
