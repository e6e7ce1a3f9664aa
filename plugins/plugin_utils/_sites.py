# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_sites): what users wrote becomes typed sites, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _certificate_rules as rules
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import (
    path_problems,
    regex_problems,
    rewrite_surprises,
    unreachable,
)

TLS_VERSIONS = {"1.2": "TLSV1_2", "1.3": "TLSV1_3"}
# Suites of TLS 1.2 that Istio passes on (pkg/config/security); those of TLS 1.3 cannot be chosen.
CIPHER_SUITES = (
    *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"),
    *("ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"),
    "DES-CBC3-SHA",
)
# The value of certificate_private_key in role certificate.
PRIVATE_KEY: Raw = {"algorithm": "ECDSA", "size": 256, "rotation_policy": "Always"}
# Modes in which clients show a certificate.
MUTUAL_MODES = ("MUTUAL", "OPTIONAL_MUTUAL")
MATCHES = ("prefix", "exact", "regex")
# The Gateway of port 80 is shared by all sites and made by the role istio.
RESERVED_NAMES = ("edge-http",)
# Suffixes of what is made beside the objects that bear the site's own name.
REDIRECT_SUFFIX = "-redirect"
CA_SUFFIX = "-cacert"
NAME_LIMIT = 63 - len(REDIRECT_SUFFIX)


@dataclass(frozen=True)
class Route:
    """Where requests go. C(match) is the field that was given, or None for a route that takes all."""

    match: str | None
    value: str
    service: str
    port: int
    rewrite: str | None = None
    timeout: str | None = None
    headers: Raw | None = None
    retries: Raw | None = None


@dataclass(frozen=True)
class Tls:
    """How a site ends TLS."""

    mode: str = "SIMPLE"
    credential: str | None = None
    ca_certificate: str | None = None
    client_ca: str | None = None
    min_version: str | None = None
    max_version: str | None = None
    cipher_suites: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Site:
    """One entry of C(edge_sites), checked and completed."""

    name: str
    hosts: tuple[str, ...]
    issuer: str | None
    routes: tuple[Route, ...] = ()
    tls: Tls = field(default_factory=Tls)
    redirect: bool = True
    certificate: Raw = field(default_factory=dict)
    # The default one has no name.
    gateway: str = ""

    @property
    def credential(self) -> str | None:
        """Name of the Secret that the gateway serves, None for TLS that only passes through."""
        if self.tls.mode == "PASSTHROUGH":
            return None
        return self.tls.credential or self.name


def _judged(at: Fields, key: str) -> Raw | None:
    """Return a dictionary that goes into a VirtualService as it is."""
    value = at.mapping(key)
    at.fits(f"VirtualService.http.{key}", value)
    return value


def _timeout(at: Fields) -> str | None:
    value = at.duration("timeout")
    at.fits("VirtualService.http.timeout", value)
    return value


def _route(fields: Fields, index: int, cluster_domain: str, passthrough: bool) -> Route | None:
    at = fields.nested(f"routes[{index}]")
    if at is None:
        return None
    if passthrough:
        at.only(("service", "port"), "with tls.mode PASSTHROUGH, since the gateway does not see the request")
    else:
        at.only(spec.ROUTE)
    given = [match for match in MATCHES if match in at.raw]
    if len(given) > 1:
        at.report(f"has {' and '.join(given)}; a route is matched by one of {', '.join(MATCHES)}")
    match = given[0] if given else None
    value = (at.text if match == "regex" else at.path)(match, required=True) if match else ""
    if match and value:
        for problem in regex_problems(value) if match == "regex" else path_problems(match, value):
            at.report(problem)
    return Route(
        match=match,
        value=value or "",
        service=at.service("service", cluster_domain) or "",
        port=at.port("port") or 0,
        rewrite=at.path("rewrite"),
        timeout=_timeout(at),
        headers=_judged(at, "headers"),
        retries=_judged(at, "retries"),
    )


def rewrite_warnings(sites: Sequence[Site]) -> list[str]:
    """Return a sentence for each rewrite that makes other paths than people mean."""
    return [
        f"edge_sites ({site.name}): routes[{index}]{surprise}"
        for site in sites
        for index, route in enumerate(site.routes)
        for surprise in rewrite_surprises([(route.match or "", route.value)], route.rewrite)
    ]


def _tls(fields: Fields) -> Tls:
    at = fields.nested("tls") if fields.raw.get("tls") is not None else None
    if at is None:
        return Tls()
    at.only(spec.TLS)
    return Tls(
        mode=at.choice("mode", spec.TLS["mode"]["choices"]) or spec.TLS["mode"]["default"],
        credential=at.name("credential"),
        ca_certificate=at.pem_certificate("ca_certificate"),
        client_ca=at.choice("client_ca", spec.TLS["client_ca"]["choices"]),
        min_version=at.choice("min_version", spec.TLS["min_version"]["choices"]),
        max_version=at.choice("max_version", spec.TLS["max_version"]["choices"]),
        cipher_suites=tuple(at.texts("cipher_suites")),
        subject_alt_names=tuple(at.texts("subject_alt_names")),
    )


def read_private_key(at: Fields) -> dict[str, Any]:
    """Return what users say of a private key; a field that is not given is None."""
    at.only(spec.PRIVATE_KEY)
    return {
        "algorithm": at.choice("algorithm", spec.PRIVATE_KEY["algorithm"]["choices"]),
        "size": at.integer("size", 256, 8192),
        "rotation_policy": at.choice("rotation_policy", spec.PRIVATE_KEY["rotation_policy"]["choices"]),
    }


def merged_key(default: Raw, own: Raw) -> dict[str, Any]:
    """Merge a site's key settings over the default; another algorithm does not inherit the default's size."""
    inherited = dict(default)
    if own.get("algorithm") and own["algorithm"] != inherited.get("algorithm"):
        inherited.pop("size", None)
    return {**inherited, **{name: value for name, value in own.items() if value}}


def asked_of(site: Site, private_key: Raw) -> rules.Asked:
    """Return the certificate that a site asks for; its key has the shared settings unless it has some of its own."""
    own, certificate = site.certificate.get("private_key"), site.certificate
    key = merged_key(private_key, own or {})
    shared = {"size": "certificate_private_key.size", "algorithm": "certificate_private_key.algorithm"}
    return rules.Asked(
        hosts=site.hosts,
        algorithm=key.get("algorithm") or "RSA",
        size=key.get("size"),
        duration=certificate.get("duration"),
        renew_before=certificate.get("renew_before"),
        common_name=certificate.get("common_name"),
        words={**rules.SITE_WORDS, **({} if own else shared)},
    )


def _certificate(fields: Fields) -> dict[str, Any]:
    at = fields.nested("certificate") if fields.raw.get("certificate") is not None else None
    if at is None:
        return {}
    at.only(spec.CERTIFICATE)
    key = at.nested("private_key") if at.raw.get("private_key") is not None else None
    usages = at.texts("usages")
    at.fits("Certificate.usages", usages)
    found = {
        "duration": at.duration("duration"),
        "renew_before": at.duration("renew_before"),
        "common_name": at.text("common_name"),
        "usages": usages,
        "private_key": read_private_key(key) if key is not None else None,
    }
    return {name: value for name, value in found.items() if value}


def _issuer(fields: Fields, site_tls: Tls, issuers: Mapping[str, Issuer] | None) -> str | None:
    """Read C(issuer) and what it must agree with."""
    if site_tls.mode == "PASSTHROUGH" or site_tls.credential:
        reason = "tls.credential names a Secret of your own" if site_tls.credential else "PASSTHROUGH ends no TLS here"
        if fields.raw.get("issuer"):
            fields.report(f"has an issuer, but {reason}; remove one of them")
        return None
    issuer = fields.text("issuer", required=True)
    if issuer and issuers is not None and issuer not in issuers:
        fields.unknown("issuer", issuer, sorted(issuers), "issuers are letsencrypt, letsencrypt-staging and cert_manager_issuers")
    return issuer


def _suites(fields: Fields, site: Site, algorithm: str) -> None:
    """Report versions and cipher suites with which no client, or none of TLS 1.2, can connect."""
    tls = site.tls
    if tls.min_version and tls.max_version and tls.min_version > tls.max_version:
        fields.report(f"tls.min_version is '{tls.min_version}' and tls.max_version '{tls.max_version}'; no version is left between them")
    for suite in tls.cipher_suites:
        if suite not in CIPHER_SUITES:
            fields.unknown("tls.cipher_suites", suite, CIPHER_SUITES, "suites of TLS 1.3 are always on")
    known = [suite for suite in tls.cipher_suites if suite in CIPHER_SUITES]
    for_rsa = algorithm == "RSA"
    if known and site.issuer and tls.min_version != "1.3" and not any(("ECDSA" not in suite) == for_rsa for suite in known):
        other = "ECDHE-RSA-..." if for_rsa else "ECDHE-ECDSA-..."
        fields.report(
            f"tls.cipher_suites has {', '.join(known)}, none of which fits a key of algorithm {algorithm}; "
            f"add a suite {other}, or set certificate.private_key.algorithm"
        )


def _client_authority(fields: Fields, site: Site, issuer: Issuer | None) -> None:
    """Report a site that would let in no client, or every one that may get a certificate of its issuer."""
    tls = site.tls
    if tls.mode not in MUTUAL_MODES:
        for key in ("ca_certificate", "client_ca"):
            if getattr(tls, key):
                fields.report(f"tls.{key} is for {' and '.join(MUTUAL_MODES)}, tls.mode is {tls.mode}")
    elif tls.ca_certificate and tls.client_ca:
        fields.report("tls has ca_certificate and client_ca; remove one of them")
    elif issuer and not tls.ca_certificate:
        start = f"tls.mode is {tls.mode} without tls.ca_certificate, and"
        if issuer.acme:
            fields.report(f"{start} ACME issuer '{site.issuer}' puts no ca.crt into the Secret")
        elif not tls.client_ca or not tls.subject_alt_names:
            fields.report(
                f"{start} everybody who may get a certificate of issuer '{site.issuer}' would be let in; give tls.ca_certificate, the "
                "authority of your clients, or tls.client_ca: issuer with the names of clients in tls.subject_alt_names"
            )
    elif tls.client_ca and not site.issuer:
        fields.report("tls.client_ca is 'issuer', and the site has no issuer; give tls.ca_certificate")


def _agreement(fields: Fields, site: Site, issuers: Mapping[str, Issuer] | None, private_key: Raw) -> None:
    """Report fields that are fine alone and wrong together."""
    issuer = (issuers or {}).get(site.issuer or "")
    asked = asked_of(site, private_key)
    if site.issuer:
        for problem in rules.problems(asked, issuer):
            fields.report(problem)
    _suites(fields, site, asked.algorithm)
    _client_authority(fields, site, issuer)
    if site.tls.mode == "PASSTHROUGH" and len(site.routes) != 1:
        fields.report(f"routes has {len(site.routes)} entries; PASSTHROUGH passes a host to exactly one service")


def _site(fields: Fields, issuers: Mapping[str, Issuer] | None, cluster_domain: str, private_key: Raw) -> Site:
    fields.only(spec.SITE)
    name = fields.name("name", required=True, limit=NAME_LIMIT) or ""
    if name in RESERVED_NAMES:
        fields.report(f"name is '{name}', which the collection uses itself")
    site_tls = _tls(fields)
    passthrough = site_tls.mode == "PASSTHROUGH"
    found = [_route(fields, index, cluster_domain, passthrough) for index in range(len(fields.sequence("routes")))]
    site = Site(
        name=name,
        hosts=tuple(fields.hosts("hosts")),
        issuer=_issuer(fields, site_tls, issuers),
        routes=tuple(route for route in found if route is not None),
        tls=site_tls,
        redirect=fields.boolean("redirect", spec.SITE["redirect"]["default"]),
        certificate=_certificate(fields),
        gateway=fields.name("gateway") or "",
    )
    if all(route.service and route.port for route in site.routes):
        for problem in unreachable([[{"uri": {route.match: route.value}} if route.match else {}] for route in site.routes], "routes"):
            fields.report(problem)
    _agreement(fields, site, issuers, private_key)
    return site


def _between(sites: Sequence[Site], findings: list[str]) -> None:
    """Report what two sites cannot share."""
    made = {site.name + suffix: site.name for site in sites for suffix in (REDIRECT_SUFFIX, CA_SUFFIX)}
    names: dict[str, int] = {}
    hosts: dict[tuple[str, str], str] = {}
    for index, site in enumerate(sites):
        if site.name and site.name in names:
            findings.append(f"edge_sites[{index}]: name '{site.name}' is already that of edge_sites[{names[site.name]}]")
        names.setdefault(site.name, index)
        if site.name in made:
            findings.append(f"edge_sites[{index}]: name '{site.name}' is that of an object made for site '{made[site.name]}'")
        for host in dict.fromkeys(site.hosts):
            key = (site.gateway, host)
            if key in hosts:
                findings.append(f"edge_sites[{index}] ({site.name}): host '{host}' is already served by site '{hosts[key]}'")
            hosts.setdefault(key, site.name)


def read_sites(
    sites: Any, issuers: Mapping[str, Issuer] | None = None, cluster_domain: str = "cluster.local", private_key: Raw | None = None
) -> tuple[list[Site], list[str]]:
    """Read C(edge_sites).

    Args:
        sites: The value of C(edge_sites).
        issuers: What sites may name. None leaves names of issuers unchecked.
        cluster_domain: Domain that completes names of Services.
        private_key: Settings of keys for sites that have none of their own; None: C(PRIVATE_KEY).

    Returns:
        The sites, and a sentence for everything that is wrong with them.
    """
    findings: list[str] = []
    entries = dictionaries(
        [] if sites is None else sites, "edge_sites", findings, "sites", "a site is a dictionary with name, hosts, issuer and routes"
    )
    found = [_site(fields, issuers, cluster_domain, private_key or PRIVATE_KEY) for fields in entries]
    _between(found, findings)
    return found, findings
