# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes objects of sites: Certificates, Gateways and VirtualServices.

Private to baremesh.edge: other collections must not import it, it changes without notice.
"""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import (
    CA_SUFFIX,
    REDIRECT_SUFFIX,
    TLS_VERSIONS,
    Raw,
    Route,
    Site,
)

Object = dict[str, t.Any]

# Objects with these labels, and no others, are deleted when no site wants them any more.
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "site"}
# Secrets of certificates outlive their site unless the user wants otherwise, so they are told apart.
ISSUED_COMPONENT = "site-certificate"
NETWORKING = "networking.istio.io/v1"
ACME_PATH = "/.well-known/acme-challenge/"
DEFAULT_USAGES = ["digital signature", "key encipherment", "server auth"]


def _labels(site: str) -> dict[str, str]:
    return {**LABELS, "app.kubernetes.io/instance": site}


def _object(api_version: str, kind: str, name: str, namespace: str, site: str, spec: Object) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": _labels(site)},
        "spec": spec,
    }


def _set(**fields: t.Any) -> Object:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _private_key(default: Raw, own: Raw) -> Object:
    """Merge a site's key settings over the default; another algorithm does not inherit the default's size."""
    inherited = dict(default)
    if own.get("algorithm") and own["algorithm"] != inherited.get("algorithm"):
        inherited.pop("size", None)
    merged = {**inherited, **_set(**own)}
    return _set(algorithm=merged.get("algorithm"), size=merged.get("size"), rotationPolicy=merged.get("rotation_policy"))


def certificates(sites: t.Sequence[Site], namespace: str, issuer_kinds: Raw, private_key: Raw) -> list[Object]:
    """Return a Certificate for each site whose certificate is issued here."""
    found = []
    for site in sites:
        if not site.issuer:
            continue
        own = site.certificate
        spec: Object = {
            "secretName": site.credential,
            "secretTemplate": {"labels": {**_labels(site.name), "app.kubernetes.io/component": ISSUED_COMPONENT}},
            "dnsNames": list(site.hosts),
            "issuerRef": {
                "group": "cert-manager.io",
                "kind": issuer_kinds.get(site.issuer, "ClusterIssuer"),
                "name": site.issuer,
            },
            "privateKey": _private_key(private_key, own.get("private_key") or {}),
            "usages": list(own.get("usages") or DEFAULT_USAGES),
            **_set(duration=own.get("duration"), renewBefore=own.get("renew_before"), commonName=own.get("common_name")),
        }
        found.append(_object("cert-manager.io/v1", "Certificate", site.name, namespace, site.name, spec))
    return found


def ca_secrets(sites: t.Sequence[Site], namespace: str) -> list[Object]:
    """Return the Secret with the CA of clients, for each site that has one."""
    found = []
    for site in sites:
        if site.tls.ca_certificate and site.credential:
            secret = _object("v1", "Secret", site.credential + CA_SUFFIX, namespace, site.name, {})
            del secret["spec"]
            found.append({**secret, "type": "Opaque", "data": {"ca.crt": _base64(site.tls.ca_certificate)}})
    return found


def gateways(sites: t.Sequence[Site], namespace: str, selector: Raw, port: int = 443) -> list[Object]:
    """Return a Gateway for each site, with one server that lists all of the site's hosts.

    One server, because clients reuse an HTTP/2 connection for every host of its certificate.
    """
    found = []
    for site in sites:
        passthrough = site.tls.mode == "PASSTHROUGH"
        tls = _set(
            mode=site.tls.mode,
            credentialName=site.credential,
            minProtocolVersion=TLS_VERSIONS.get(site.tls.min_version or ""),
            maxProtocolVersion=TLS_VERSIONS.get(site.tls.max_version or ""),
            cipherSuites=list(site.tls.cipher_suites),
            subjectAltNames=list(site.tls.subject_alt_names),
        )
        server = {
            "port": {"number": port, "name": "tls" if passthrough else "https", "protocol": "TLS" if passthrough else "HTTPS"},
            "hosts": list(site.hosts),
            "tls": tls,
        }
        spec = {"selector": dict(selector), "servers": [server]}
        found.append(_object(NETWORKING, "Gateway", site.name, namespace, site.name, spec))
    return found


def _destination(route: Route) -> list[Object]:
    return [{"destination": {"host": route.service, "port": {"number": route.port}}}]


def _http_route(route: Route) -> Object:
    match = [{"uri": {route.match: route.value}}] if route.match else None
    return _set(
        match=match,
        rewrite={"uri": route.rewrite} if route.rewrite else None,
        route=_destination(route),
        timeout=route.timeout,
        headers=dict(route.headers or {}),
        retries=dict(route.retries or {}),
    )


def _routes_of(site: Site, port: int) -> Object:
    if site.tls.mode == "PASSTHROUGH":
        match = [{"port": port, "sniHosts": list(site.hosts)}]
        return {"tls": [{"match": match, "route": _destination(route)} for route in site.routes]}
    return {"http": [_http_route(route) for route in site.routes]}


def _matched(rule: Object, secure: bool) -> Object:
    """Return a rule of port 80 for requests that were, or were not, made over TLS, and never for a challenge."""
    forwarded = {"x-forwarded-proto": {"exact": "https"}}
    challenge = {":path": {"prefix": ACME_PATH}}
    condition = {"headers": forwarded, "withoutHeaders": challenge} if secure else {"withoutHeaders": {**forwarded, **challenge}}
    return {**rule, "match": [{**match, **condition} for match in rule.get("match") or [{}]]}


def _http_rules(site: Site, behind_proxy: bool) -> list[Object]:
    """Return what port 80 does for a site.

    Without a proxy one rule that matches everything: Envoy's route table puts such rules last, so that the exact path of
    an ACME challenge wins at the first issuance and at every renewal.

    A proxy that ends TLS sends all requests to port 80, and a redirect would send those made over TLS round in circles:
    they get the site's routes. Rules with conditions are not put last, so each of them leaves challenges out.
    """
    redirect: Object = {"redirect": {"scheme": "https", "redirectCode": 301}}
    if not behind_proxy:
        return [redirect]
    return [*(_matched(_http_route(route), secure=True) for route in site.routes), _matched(redirect, secure=False)]


def virtual_services(
    sites: t.Sequence[Site], namespace: str, http_gateway: str, port: int = 443, behind_proxy: bool = False
) -> list[Object]:
    """Return the routes of each site, and what port 80 does for it.

    :arg behind_proxy: whether a proxy in front ends TLS and tells so in X-Forwarded-Proto.
    """
    found = []
    for site in sites:
        hosts = list(site.hosts)
        if site.routes:
            spec = {"hosts": hosts, "gateways": [f"{namespace}/{site.name}"], **_routes_of(site, port)}
            found.append(_object(NETWORKING, "VirtualService", site.name, namespace, site.name, spec))
        if site.redirect and http_gateway:
            spec = {
                "hosts": hosts,
                "gateways": [f"{namespace}/{http_gateway}"],
                "http": _http_rules(site, behind_proxy),
            }
            name = site.name + REDIRECT_SUFFIX
            found.append(_object(NETWORKING, "VirtualService", name, namespace, site.name, spec))
    return found


def server_name(host: str) -> str:
    """Return a name that a client may ask for: Gateways allow C(namespace/host), and hosts may be wildcards."""
    return host.rpartition("/")[2].replace("*", "edge-check", 1)


def gateway_credentials(gateways: t.Sequence[Raw]) -> list[Object]:
    """Return what gateway pods must serve before these Gateways open: name, hosts and TLS mode."""
    found: dict[tuple[str, ...], Object] = {}
    for gateway in gateways:
        for server in (gateway.get("spec") or {}).get("servers") or []:
            tls = server.get("tls") or {}
            names = list(tls.get("credentialNames") or [])
            name, mode = tls.get("credentialName") or (names[0] if names else None), tls.get("mode", "SIMPLE")
            if not name:
                continue
            entry = found.setdefault((name, mode, *names), {"name": name, "hosts": [], "mode": mode})
            if names:
                entry["credential_names"] = names
            hosts = [host.rpartition("/")[2] for host in server.get("hosts") or []]
            entry["hosts"] += [host for host in hosts if host not in entry["hosts"]]
    return list(found.values())


def endpoints(sites: t.Sequence[Site], addresses: t.Sequence[str], port: int = 443, proxy_protocol: bool = False) -> list[Object]:
    """Return where each site must be served: every host at every address."""
    extra = {"proxy_protocol": True} if proxy_protocol else {}
    return [
        {"address": address, "port": port, "server_name": server_name(host), **extra}
        for site in sites
        for host in site.hosts
        if site.credential
        for address in addresses
    ]


def serials(sites: t.Sequence[Site], issued: t.Sequence[Raw]) -> dict[str, str]:
    """Return the serial number in the Secret for each name that a client may ask for.

    :arg issued: C(certificates) of M(baremesh.edge.certificate_info). A site that brings its own Secret is not in it.
    """
    by_name = {str(entry["name"]): str(entry["serial"]) for entry in issued if entry.get("serial")}
    return {server_name(host): by_name[site.name] for site in sites for host in site.hosts if site.issuer and site.name in by_name}


def labelled(objects: t.Sequence[Raw], namespace: str, api_version: str, kind: str) -> list[Object]:
    """Return raw objects, with what they may leave out and the labels by which they are found again.

    :raises ValueError: when one has no name or is of another kind.
    """
    found = []
    for index, raw in enumerate(objects):
        metadata = raw.get("metadata") or {}
        if not metadata.get("name"):
            raise ValueError(f"{kind} {index} of the list has no metadata.name: {raw!r}")
        if raw.get("kind", kind) != kind:
            raise ValueError(f"{kind} {index} of the list ({metadata['name']}) is of kind {raw['kind']}; the list takes {kind} only")
        found.append(
            {
                **raw,
                "apiVersion": raw.get("apiVersion", api_version),
                "kind": kind,
                "metadata": {
                    **metadata,
                    "namespace": metadata.get("namespace", namespace),
                    "labels": {**(metadata.get("labels") or {}), **LABELS},
                },
            }
        )
    return found
