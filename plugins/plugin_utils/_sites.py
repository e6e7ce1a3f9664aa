# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_sites): what users wrote becomes typed sites, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _certificate_rules as rules
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer
from ansible_collections.baremesh.edge.plugins.plugin_utils._renewal_rules import read_windows, renewal_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import unreachable
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_access import Access, read_access
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_backends import Backend, backend_problems, read_backend, shared_problems
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_routes import (
    Route,
    loop_problems,
    name_problems,
    read_route,
    tcp_problems,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import (
    NO_TLS,
    OF_MESH,
    UNENDED,
    Tls,
    client_problems,
    credential_problems,
    read_tls,
    suite_problems,
)

# Objects with these labels, and no others, are deleted when their site is gone.
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "site"}
# The value of certificate_private_key in role certificate.
PRIVATE_KEY: Raw = {"algorithm": "ECDSA", "size": 256, "rotation_policy": "Always"}
# The Gateway of port 80 is shared by all sites and made by the role istio.
RESERVED_NAMES = ("edge-http",)
# Suffixes of what is made beside the objects that bear the site's own name.
REDIRECT_SUFFIX = "-redirect"
CA_SUFFIX = "-cacert"
NAME_LIMIT = 63 - len(REDIRECT_SUFFIX)


@dataclass(frozen=True)
class Site:
    """One entry of C(edge_sites), checked and completed."""

    name: str
    hosts: tuple[str, ...]
    issuer: str | None
    routes: tuple[Route, ...] = ()
    backends: tuple[Backend, ...] = ()
    tls: Tls = field(default_factory=Tls)
    redirect: bool = True
    certificate: Raw = field(default_factory=dict)
    access: Access | None = None
    # The default one has no name.
    gateway: str = ""
    # Port of the gateway's Service whose connections it takes as they are; None for requests of HTTP.
    tcp_port: int | None = None

    @property
    def issued(self) -> dict[str, str | None]:
        """Return the certificates that are issued for it, and the algorithm of each where the site says it; the first has its name."""
        if not self.issuer:
            return {}
        first, *others = self.tls.key_types or (None,)
        return {self.name: first, **{f"{self.name}-{str(key_type).lower()}": key_type for key_type in others}}

    @property
    def credentials(self) -> tuple[str, ...]:
        """Return the Secrets that the gateway serves, none where it ends no TLS."""
        if self.tls.mode in UNENDED:
            return ()
        return self.tls.credentials or tuple(self.issued) or (self.name,)

    @property
    def credential(self) -> str | None:
        """Return the Secret beside which the authority of clients is."""
        return next(iter(self.credentials), None)


def labels_of(site: str) -> dict[str, str]:
    """Return the labels of the objects of a site."""
    return {**LABELS, "app.kubernetes.io/instance": site}


def read_private_key(at: Fields) -> dict[str, Any]:
    """Return what users say of a private key; a field that is not given is None."""
    at.only(spec.PRIVATE_KEY)
    algorithm, size = at.choice("algorithm", spec.PRIVATE_KEY["algorithm"]["choices"]), at.integer("size", 256, 8192)
    return {
        "algorithm": algorithm,
        # The size of a key of an unknown kind would be judged by another kind.
        "size": size if algorithm or not at.raw.get("algorithm") else None,
        "rotation_policy": at.choice("rotation_policy", spec.PRIVATE_KEY["rotation_policy"]["choices"]),
    }


def merged_key(default: Raw, own: Raw) -> dict[str, Any]:
    """Merge a site's key settings over the default; another algorithm does not inherit the default's size."""
    inherited = dict(default)
    if own.get("algorithm") and own["algorithm"] != inherited.get("algorithm"):
        inherited.pop("size", None)
    return {**inherited, **{name: value for name, value in own.items() if value}}


def asked_of(site: Site, private_key: Raw) -> list[rules.Asked]:
    """Return the certificates that a site asks for; their keys have the shared settings unless it has some of its own."""
    return [_asked(site, own_key(site, algorithm), private_key) for algorithm in site.issued.values()]


def own_key(site: Site, algorithm: str | None) -> Raw:
    """Return what a site says of the key of a certificate, which may have a type of its own."""
    own = site.certificate.get("private_key") or {}
    return {**own, "algorithm": algorithm} if algorithm else own


def _asked(site: Site, own: Raw, private_key: Raw) -> rules.Asked:
    certificate, key = site.certificate, merged_key(private_key, own)
    shared = {"size": "certificate_private_key.size", "algorithm": "certificate_private_key.algorithm"}
    return rules.Asked(
        hosts=site.hosts,
        algorithm=key.get("algorithm") or "RSA",
        size=key.get("size"),
        duration=certificate.get("duration"),
        **renewal_of(certificate.get("renew_before")),
        common_name=certificate.get("common_name"),
        labels=labels_of(site.name),
        words={**rules.SITE_WORDS, **({} if own else shared)},
    )


def _certificate(fields: Fields) -> dict[str, Any]:
    at = fields.optional("certificate")
    if at is None:
        return {}
    at.only(spec.CERTIFICATE)
    key = at.optional("private_key")
    usages = at.texts("usages")
    at.fits("Certificate.usages", usages)
    found = {
        "duration": at.duration("duration"),
        "renew_before": at.duration_or_share("renew_before"),
        "renew_windows": read_windows(at),
        "common_name": at.text("common_name"),
        "usages": usages,
        "private_key": read_private_key(key) if key is not None else None,
        "copies": _copies(at),
    }
    return {name: value for name, value in found.items() if value}


def _copies(certificate: Fields) -> dict[str, Any] | None:
    at = certificate.optional("copies")
    if at is None:
        return None
    at.only(spec.COPIES)
    at.sequence("namespaces", required=True)
    controllers = spec.COPIES["by"]["choices"]
    if not at.text("by"):
        at.report(f"by is missing; name the controller of the cluster that makes the copies: {', '.join(controllers)}")
    by, refresh = at.choice("by", controllers), at.duration("refresh")
    if refresh and by not in (None, "external_secrets"):
        at.report(f"refresh is for by: external_secrets; {by} sees another certificate at once")
    return {"namespaces": at.names("namespaces"), "by": by, "refresh": refresh or spec.COPIES["refresh"]["default"]}


def _issuer(fields: Fields, site_tls: Tls, issuers: Mapping[str, Issuer] | None) -> str | None:
    """Read C(issuer) and what it must agree with."""
    if site_tls.mode in UNENDED or site_tls.credentials:
        own = "Secrets" if len(site_tls.credentials) > 1 else "a Secret"
        reason = f"tls.{site_tls.key} names {own} of your own" if site_tls.credentials else UNENDED[site_tls.mode]
        if fields.raw.get("issuer"):
            fields.report(f"has an issuer, but {reason}; remove one of them")
        return None
    issuer = fields.text("issuer", required=True)
    if issuer and issuers is not None and issuer not in issuers:
        fields.unknown("issuer", issuer, sorted(issuers), "issuers are letsencrypt, letsencrypt-staging and cert_manager_issuers")
    return issuer


def _agreement(fields: Fields, site: Site, issuers: Mapping[str, Issuer] | None, private_key: Raw) -> None:
    """Report fields that are fine alone and wrong together."""
    issuer = (issuers or {}).get(site.issuer or "")
    algorithm = (site.certificate.get("private_key") or {}).get("algorithm")
    asked = asked_of(site, private_key)
    found = [
        *(problem for certificate in asked for problem in rules.problems(certificate, issuer)),
        *suite_problems(site.tls, [certificate.algorithm for certificate in asked]),
        *credential_problems(site.tls, algorithm),
        *client_problems(site.tls, site.issuer, issuer),
        *backend_problems(site.backends, site.routes),
    ]
    for problem in dict.fromkeys(found):
        fields.report(problem)


def _site(fields: Fields, issuers: Mapping[str, Issuer] | None, cluster_domain: str, private_key: Raw) -> Site:
    fields.only(spec.SITE)
    name = fields.name("name", required=True, limit=NAME_LIMIT) or ""
    if name in RESERVED_NAMES:
        fields.report(f"name is '{name}', which the collection uses itself")
    site_tls = read_tls(fields)
    tcp = fields.raw.get("tcp_port") not in (None, "")
    opaque = "passthrough" if site_tls.mode == "PASSTHROUGH" else "tcp" if tcp else ""
    found = [read_route(fields, index, cluster_domain, opaque) for index in range(len(fields.sequence("routes")))]
    backends = [read_backend(fields, index, cluster_domain) for index in range(len(fields.sequence("backends")))]
    site = Site(
        name=name,
        hosts=tuple(fields.hosts("hosts", required=site_tls.mode != NO_TLS)),
        issuer=_issuer(fields, site_tls, issuers),
        routes=tuple(route for route in found if route is not None),
        backends=tuple(backend for backend in backends if backend is not None),
        tls=site_tls,
        redirect=fields.boolean("redirect", spec.SITE["redirect"]["default"] and not tcp and site_tls.mode != OF_MESH),
        certificate=_certificate(fields),
        access=read_access(fields, opaque, site_tls.mode),
        gateway=fields.name("gateway") or "",
        tcp_port=fields.integer("tcp_port", 1, 65535),
    )
    for problem in _tcp_problems(site, tcp):
        fields.report(problem)
    if opaque == "tcp":
        for problem in tcp_problems(site.routes):
            fields.report(problem)
    elif opaque:
        for problem in name_problems(site.routes, site.hosts):
            fields.report(problem)
    elif all(route.answered for route in site.routes):
        for problem in (*unreachable([[route.condition] for route in site.routes], "routes"), *loop_problems(site.routes, site.hosts)):
            fields.report(problem)
    _agreement(fields, site, issuers, private_key)
    return site


def _tcp_problems(site: Site, tcp: bool) -> Iterator[str]:
    """Yield what a site says that is for TCP only, or for HTTP only."""
    if not tcp and site.tls.mode == NO_TLS:
        yield "tls.mode is NONE, which is for TCP sites; give tcp_port, the port of the gateway that takes its connections"
    if tcp and site.redirect:
        yield "redirect is true, and port 80 has nothing of a TCP site to redirect; remove it"
    if tcp and site.tls.hsts and site.tls.mode not in UNENDED:
        yield "tls.hsts is a header of HTTP, and the site has tcp_port; remove one of them"


def _between(sites: Sequence[Site], findings: list[str], https_port: int) -> None:
    """Report what two sites cannot share."""
    made = {site.name + suffix: site.name for site in sites for suffix in (REDIRECT_SUFFIX, CA_SUFFIX)}
    made |= {name: site.name for site in sites for name in site.issued if name != site.name}
    names: dict[str, int] = {}
    hosts: dict[tuple[str, int | None, str], str] = {}
    for index, site in enumerate(sites):
        if site.name and site.name in names:
            findings.append(f"edge_sites[{index}]: name '{site.name}' is already that of edge_sites[{names[site.name]}]")
        names.setdefault(site.name, index)
        if site.name in made:
            findings.append(f"edge_sites[{index}]: name '{site.name}' is that of an object made for site '{made[site.name]}'")
        # Without TLS a host says where clients connect to, and is no part of what they send.
        for host in dict.fromkeys(site.hosts) if site.tls.mode != NO_TLS else ():
            key = (site.gateway, site.tcp_port if site.tcp_port != https_port else None, host)
            if key in hosts:
                findings.append(f"edge_sites[{index}] ({site.name}): host '{host}' is already served by site '{hosts[key]}'")
            hosts.setdefault(key, site.name)
    backends = [(site.name, backend) for site in sites for backend in site.backends]
    findings += shared_problems(backends, [(site.name, route) for site in sites for route in site.routes])


def read_sites(
    sites: Any,
    issuers: Mapping[str, Issuer] | None = None,
    cluster_domain: str = "cluster.local",
    private_key: Raw | None = None,
    https_port: int = 443,
) -> tuple[list[Site], list[str]]:
    """Read C(edge_sites).

    Args:
        sites: The value of C(edge_sites).
        issuers: What sites may name. None leaves names of issuers unchecked.
        cluster_domain: Domain that completes names of Services.
        private_key: Settings of keys for sites that have none of their own; None: C(PRIVATE_KEY).
        https_port: Port of the gateways' Services for HTTPS, which sites of TCP share by their names.

    Returns:
        The sites, and a sentence for everything that is wrong with them.
    """
    findings: list[str] = []
    entries = dictionaries(sites, "edge_sites", findings, "sites", "a site is a dictionary with name, hosts, issuer and routes")
    found = [_site(fields, issuers, cluster_domain, private_key or PRIVATE_KEY) for fields in entries]
    _between(found, findings, https_port)
    return found, findings
