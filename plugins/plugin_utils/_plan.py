# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the sites: everything that the roles need to know of them, derived once from what users wrote."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import Cluster, explain, full_name, gateways_of
from ansible_collections.baremesh.edge.plugins.plugin_utils import _gateway_api as gateway_api
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_copies as copies
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_objects as objects
from ansible_collections.baremesh.edge.plugins.plugin_utils._certificate_rules import (
    Asked,
    authority_of,
    refused_email,
    solver_for,
    surprises,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._client_certificates import bypassed, covered
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._gateway_drain import draining
from ansible_collections.baremesh.edge.plugins.plugin_utils._gateways import Gateway, gateway_findings, pod_labels
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import LETSENCRYPT, Issuer, issuer_objects, staging_name
from ansible_collections.baremesh.edge.plugins.plugin_utils._proxies import proxy_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import raw_path_warnings
from ansible_collections.baremesh.edge.plugins.plugin_utils._settings import MANIFESTS, Settings, asked_by, issuer_of, read_settings
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_access import address_findings, token_warnings
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_routes import path_warnings
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import MUTUAL_MODES, NO_TLS, OF_MESH, TLS_VERSIONS
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import CA_SUFFIX, Site, asked_of, read_sites
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import SECURE

Object = dict[str, Any]

PASSTHROUGH = "PASSTHROUGH"
# Modes in which the gateway serves the certificate of a Secret.
TERMINATING = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
# A wildcard is asked by a name under it that has no server of its own.
PROBE_LABEL = "edge-check"
# A server for all hosts is asked by a name that can have no server of its own.
ANY_NAME = f"{PROBE_LABEL}.invalid"

_ALLOWED = "or set edge_allow_no_sites to true to go on without any"
_NOTHING = f"edge_sites is empty, and so are {{0}}, so nothing would be served; add sites, {_ALLOWED}"
_ELSEWHERE = (
    "gateway_gateways ({name}): its selector {selector} fits no gateway of the sites, whose pods have {known}, so it opens nothing unless "
    "other pods have these labels; correct it"
)
_NO_RENEWAL = (
    "so HTTP-01 challenges for {0} do not reach cert-manager's solver and the certificate can never be renewed; leave the redirect to "
    "edge_http_gateway, with a VirtualService whose http is [{{redirect: {{scheme: https}}}}], or prove the names by DNS-01"
)


@dataclass
class Subject:
    """A site, or the servers of a raw Gateway that share a credential: what the report says one thing about.

    Attributes:
        name: The site, or the Gateway.
        kind: C(site), C(tcp) for a site of TCP, or C(gateway).
        hosts: Hosts as users wrote them.
        server_names: Names to ask for, none of them a wildcard.
        mode: TLS mode.
        secrets: Secrets of which a client is served one; none where TLS passes through.
        certificates: Certificates that write these Secrets; fewer than Secrets where users bring their own.
        issuer: Issuer of a site.
        lowest_tls: Lowest TLS version that clients may speak, where it takes a handshake of its own to prove it.
        port: Port of a site of TCP that has one of its own.
    """

    name: str
    kind: str
    hosts: list[str]
    mode: str
    secrets: list[str]
    issuer: str | None = None
    lowest_tls: str | None = None
    port: int | None = None
    server_names: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)


def _bare(host: str) -> str:
    """Return a host without the namespace that a Gateway allows before it."""
    return host.rpartition("/")[2]


def _probe_name(host: str, taken: Collection[str]) -> str:
    """Return a name that a client may ask for, for a wildcard one under it that has no server of its own."""
    if not host.startswith("*."):
        return host
    number, name = 1, f"{PROBE_LABEL}{host[1:]}"
    while name in taken:
        number += 1
        name = f"{PROBE_LABEL}-{number}{host[1:]}"
    return name


def _selects(gateway: Raw, labels: Raw) -> bool:
    """Return whether a Gateway is for pods with these labels."""
    return bool(((gateway.get("spec") or {}).get("selector") or {}).items() <= labels.items())


def _labels_text(labels: Raw) -> str:
    """Return labels as kubectl writes them."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _lowest_tls(mode: str, least: str | None) -> str | None:
    """Return TLS 1.2 where clients may speak it, which is Istio's default, and where the handshake does without their certificate."""
    return "1.2" if mode in ("SIMPLE", "OPTIONAL_MUTUAL") and least not in ("1.3", TLS_VERSIONS["1.3"]) else None


def _site_subjects(sites: Sequence[Site], settings: Settings) -> list[Subject]:
    """Return what can be proved of sites: of those without TLS nothing, since a connection says no name and gets no certificate."""
    return [
        Subject(
            site.name,
            "tcp" if site.tcp_port else "site",
            list(site.hosts),
            site.tls.mode,
            list(site.credentials),
            site.issuer,
            _lowest_tls(site.tls.mode, site.tls.min_version),
            site.tcp_port if site.tcp_port != settings.port else None,
        )
        for site in sites
        if site.tls.mode != NO_TLS
    ]


def _gateway_subjects(gateways: Iterable[Raw], settings: Settings) -> list[Subject]:
    """Return what raw Gateways serve on the port of the sites; those of other pods and other ports are not asked."""
    found: dict[tuple[str, ...], Subject] = {}
    for gateway in gateways:
        spec = gateway.get("spec") or {}
        if not _selects(gateway, settings.labels):
            continue
        for server in spec.get("servers") or []:
            tls = server.get("tls") or {}
            mode, secrets = str(tls.get("mode") or "SIMPLE"), secrets_of(tls)
            asked = mode == PASSTHROUGH or (mode in TERMINATING and secrets)
            if not asked or str((server.get("port") or {}).get("number")) != str(settings.port):
                continue
            name = str(gateway["metadata"]["name"])
            lowest = _lowest_tls(mode, tls.get("minProtocolVersion"))
            made = Subject(name, "gateway", [], mode, secrets, lowest_tls=lowest)
            subject = found.setdefault((name, mode, str(lowest), *secrets), made)
            subject.hosts += [host for host in map(_bare, server.get("hosts") or []) if host not in subject.hosts]
    return list(found.values())


def secrets_of(tls: Raw) -> list[str]:
    """Return the Secrets that a server names, its C(credentialNames) or its C(credentialName)."""
    return [str(name) for name in tls.get("credentialNames") or [tls.get("credentialName")] if name]


class _Names:
    """Which subject serves which names, and which names a certificate is for."""

    def __init__(self, subjects: list[Subject], certificates: Sequence[Raw]) -> None:
        self.subjects = subjects
        self.taken = {host for subject in subjects for host in subject.hosts}
        self.owners = {str(c["spec"]["secretName"]): c for c in certificates if (c.get("spec") or {}).get("secretName")}
        for subject in subjects:
            self._complete(subject)

    def of_certificate(self, secrets: Iterable[str]) -> list[str]:
        """Return the names of the certificates in Secrets, where a Certificate of the plan says them."""
        found = [str(name) for secret in secrets for name in self.owners.get(secret, {}).get("spec", {}).get("dnsNames") or []]
        return list(dict.fromkeys(found))

    def _complete(self, subject: Subject) -> None:
        """Add who writes the Secrets of a subject, and the names to ask for."""
        subject.certificates = [str(self.owners[secret]["metadata"]["name"]) for secret in subject.secrets if secret in self.owners]
        hosts = [host for host in subject.hosts if host != "*"]
        if "*" in subject.hosts:
            # It serves every name that has no server of its own. A name of the certificate proves it, or any other.
            known = [name for name in self.of_certificate(subject.secrets) if name not in self.taken]
            hosts += known or ([ANY_NAME] if subject.secrets else [])
        subject.server_names = list(dict.fromkeys(_probe_name(host, self.taken) for host in hosts))


def _credentials(gateways: Iterable[Raw], names: _Names, port: int) -> list[Object]:
    """Return what gateway pods must serve before these Gateways open: name, hosts, TLS mode, and the port unless it is that of HTTPS.

    A server for all hosts takes the names of its certificate, where they are known.
    """
    found: dict[tuple[str, ...], Object] = {}
    for server in (server for gateway in gateways for server in (gateway.get("spec") or {}).get("servers") or []):
        tls = server.get("tls") or {}
        secrets, mode = secrets_of(tls), tls.get("mode", "SIMPLE")
        if not secrets:
            continue
        authority = str(tls.get("caCertCredentialName") or "")
        number = (server.get("port") or {}).get("number", port)
        elsewhere = {} if str(number) == str(port) else {"port": number}
        entry = found.setdefault((mode, authority, *secrets), {"name": secrets[0], "hosts": [], "mode": mode, **elsewhere})
        if entry.get("port", port) != elsewhere.get("port", port):
            # Two ports serve it. It is asked for at that of HTTPS, and by a primer where it is not there.
            del entry["port"]
        if authority:
            entry["ca_credential_name"] = authority
        if tls.get("credentialNames"):
            entry["credential_names"] = secrets
        for host in map(_bare, server.get("hosts") or []):
            covered = (names.of_certificate(secrets) if host == "*" else []) or [host]
            entry["hosts"] += [name for name in covered if name not in entry["hosts"]]
    return list(found.values())


def _endpoints(subjects: Iterable[Subject], settings: Settings) -> list[Object]:
    """Return where each name is asked for: at every host, and at every proxy in front that passes TLS on."""
    extra = {"proxy_protocol": True} if settings.proxy_protocol else {}
    places: list[Object] = [{"address": address, "port": settings.https_port, **extra} for address in settings.addresses]
    if not settings.trusted_proxies:
        places += [{"address": address, "port": 443} for address in settings.proxy_addresses]
    names = {(name, subject.port): subject.lowest_tls for subject in subjects for name in subject.server_names}
    lowest = {key: {"lowest_tls": version} if version else {} for key, version in names.items()}
    own = places[: len(settings.addresses)]
    return [
        {**place, **({"port": port} if port else {}), "server_name": name, **lowest[name, port]}
        for name, port in names
        for place in (own if port else places)
    ]


def _warnings(subjects: Iterable[Subject]) -> list[str]:
    """Return a sentence for each subject that cannot be asked, so that the report says nothing of what it serves."""
    return [
        f"gateway_gateways ({subject.name}): the report cannot show what hosts '*' serve, since TLS passes through; name the hosts"
        for subject in subjects
        if subject.kind == "gateway" and not subject.server_names
    ]


def _reuse_warnings(subjects: Iterable[Subject]) -> list[str]:
    """Return a sentence for sites between which browsers confuse a connection, because one certificate is for the names of both."""
    terminating = [subject for subject in subjects if subject.secrets and subject.kind != "tcp"]
    sharing: dict[str, list[str]] = {}
    for subject in terminating:
        for secret in subject.secrets:
            sharing.setdefault(secret, []).append(subject.name)
    apart = "give each a certificate for its own names"
    found = [(f"share the certificate in Secret '{secret}'", names, apart) for secret, names in sharing.items() if len(set(names)) > 1]
    for wide in terminating:
        zones = {host[1:] for host in wide.hosts if host.startswith("*.")}
        for other in terminating if zones else ():
            under = [host for host in other.hosts if f".{host.partition('.')[2]}" in zones and not host.startswith("*.")]
            # Where a site has the wildcard, its refusal makes browsers ask again on a connection of its own.
            refused = wide.kind == "site" and other.mode in MUTUAL_MODES
            if under and other is not wide and not refused and not set(other.secrets) & set(wide.secrets):
                # A certificate for the wildcard is for the other name, too.
                instead = f"name the hosts of {wide.name} one by one"
                found.append((f"both have a certificate for {', '.join(under)}", [wide.name, other.name], instead))
    return [
        f"{' and '.join(dict.fromkeys(names))} {what}: browsers use one HTTP/2 connection for all names of a certificate, so that requests "
        f"reach the wrong one and are answered with 404 or by the wrong service; put the hosts into one site or Gateway, or {how}"
        for what, names, how in found
    ]


@dataclass(frozen=True)
class Plan:
    """The sites and the raw manifests beside them, with the objects that become of both."""

    settings: Settings
    sites: Sequence[Site]

    @cached_property
    def site_objects(self) -> dict[str, list[Object]]:
        """Objects of the sites, by the variable that holds the raw ones of their kind."""
        settings, sites, space = self.settings, self.sites, self.settings.namespace
        kinds = {name: issuer.kind for name, issuer in settings.issuers.items()}
        behind_proxy = settings.trusted_proxies > 0
        by_http = {site.name for site in sites if settings.solver and (issuer := settings.issuers.get(site.issuer or "")) and issuer.http01}
        return {
            "certificate_certificates": objects.certificates(sites, space, kinds, settings.private_key),
            "gateway_gateways": objects.gateways(sites, space, settings.selector, settings.port),
            "gateway_virtual_services": objects.virtual_services(
                sites,
                space,
                settings.http_gateway,
                settings.port,
                behind_proxy,
                self._misdirected(),
                forwarded=by_http,
                solver=settings.solver,
                redirect_port=self._redirect_port,
            ),
            "gateway_destination_rules": [*objects.destination_rules(sites, space), *objects.mesh_destination_rules(sites, space)],
        }

    @property
    def _redirect_port(self) -> int | None:
        """Port to which port 80 redirects, None for that of https."""
        settings = self.settings
        return settings.https_port if settings.gateway and (settings.http_port, settings.https_port) != (80, 443) else None

    def _draining(self) -> list[Object]:
        """Return what sites are for a while that were objects of the other API."""
        settings, space = self.settings, self.settings.namespace
        if settings.api == "gateway":
            made = [*self.site_objects["gateway_gateways"], *self.site_objects["gateway_virtual_services"]]
        else:
            known = [site for site in self.sites if not gateway_api.problems([site])]
            made = gateway_api.objects(known, space, settings.service, settings.port, settings.http_gateway, self._redirect_port)
        return draining(self.sites, made, space, settings.selector, settings.port, settings.gateway)

    def _policies(self) -> list[Object]:
        """Return what keeps objects of others off the sites; those of the namespaces of raw ones may join."""
        settings = self.settings
        spaces = [key_of(raw)[0] for kind in ("gateway_gateways", "gateway_virtual_services") for raw in settings.manifests[kind]]
        others = [*settings.route_namespaces, *spaces]
        where = settings.namespace, settings.selector, settings.http_gateway
        return objects.route_policies(self.sites, *where, others, settings.gateway, settings.instance)

    def _misdirected(self) -> dict[str, list[str]]:
        """Return the hosts that wildcards of a site must not answer, by its name, but for those that a raw route names itself."""
        raw, space = self.settings.manifests, self.settings.namespace
        sites = [site for site in self.sites if not site.tcp_port]
        subjects = [*_site_subjects(sites, self.settings), *_gateway_subjects(raw["gateway_gateways"], self.settings)]
        routed = {
            (name, host)
            for route in raw["gateway_virtual_services"]
            for name in gateways_of(route)
            for host in (route.get("spec") or {}).get("hosts") or ()
        }
        return {
            site.name: [host for host in covered(subjects, site) if (f"{space}/{site.name}", host) not in routed]
            for site in sites
            if site.tls.mode not in (PASSTHROUGH, NO_TLS)
        }

    def all_of(self, variable: str) -> list[Object]:
        """Return the objects of the sites and the raw ones of a kind."""
        return [*self.site_objects[variable], *self.settings.manifests[variable]]

    @cached_property
    def names(self) -> _Names:
        """Subjects with their names. Istio serves Secrets of the gateway pods' namespace only, so other Certificates do not count."""
        raw = self.settings.manifests["gateway_gateways"]
        certificates = [c for c in self.all_of("certificate_certificates") if key_of(c)[0] == self.settings.namespace]
        # Only pods of the mesh can ask those of the mesh.
        asked = [site for site in self.sites if site.tls.mode != OF_MESH]
        return _Names([*_site_subjects(asked, self.settings), *_gateway_subjects(raw, self.settings)], certificates)

    @cached_property
    def issuers(self) -> list[str]:
        """Names of the issuers that sites and raw Certificates use, and of those that try their orders."""
        named = self._named_issuers()
        return list(dict.fromkeys([*named, *(staging_name(name) for name in named if self._tried_by(name))]))

    def _named_issuers(self) -> list[str]:
        raw = self.settings.manifests["certificate_certificates"]
        return [name for name in [*(site.issuer for site in self.sites), *map(_cluster_issuer, raw)] if name]

    def _tried_by(self, name: str) -> Issuer | None:
        """Return the issuer that tries the orders of another one, None where they are not tried."""
        issuers = self.settings.issuers
        tried = self.settings.staging_first and name in issuers and issuers[name].staging
        return issuers.get(staging_name(name)) if tried else None

    def _staging(self) -> list[Object]:
        """Return what to order from a staging authority first, for each Certificate whose issuer has one."""
        issuers, found = self.settings.issuers, []
        for certificate in self.all_of("certificate_certificates"):
            issuer = issuer_of(certificate, issuers)
            tried = self._tried_by(issuer.name) if issuer else None
            if tried:
                found.append(objects.staging_certificate(certificate, tried.name))
        return found

    def findings(self) -> list[str]:
        """Return a sentence for each raw manifest that would overwrite the object of a site."""
        found = []
        for variable, made in self.site_objects.items():
            own = {key_of(manifest): manifest["metadata"]["labels"]["app.kubernetes.io/instance"] for manifest in made}
            found += [
                f"{variable}: metadata.name '{key_of(given)[1]}' is already that of the {given['kind']} of site '{own[key_of(given)]}'"
                for given in self.settings.manifests[variable]
                if key_of(given) in own
            ]
        return [
            *found,
            *self._shared_secrets(),
            *self._shared_ports(),
            *self._ruled_twice(),
            *(text for text, sure in self._swallowed() if sure),
            *self._bypassed(),
            *(self._unlike_istio() if self.settings.api == "gateway" else ()),
        ]

    def _unlike_istio(self) -> list[str]:
        """Return a sentence for everything that objects of the Gateway API would not do as those of Istio."""
        return [
            *gateway_api.problems(self.sites),
            *(
                f"edge_sites ({name}): its wildcard is for {', '.join(hosts)}, too, and edge_api is gateway, which cannot refuse requests "
                "for these over connections of the wildcard; name the hosts one by one, or set edge_api to istio"
                for name, hosts in self._misdirected().items()
                if hosts
            ),
        ]

    def _shared_secrets(self) -> list[str]:
        """Return a sentence for each Secret that two Certificates write, each over what the other one wrote."""
        writers: dict[tuple[str, str], list[str]] = {}
        for certificate in self.all_of("certificate_certificates"):
            space, name = key_of(certificate)
            if certificate.get("spec"):
                writers.setdefault((space, certificate["spec"]["secretName"]), []).append(name)
        return [
            f"certificate_certificates: Certificates {' and '.join(names)} write the same Secret {space}/{secret}, and cert-manager "
            "issues for none of them, or again and again; give each a spec.secretName of its own"
            for (space, secret), names in writers.items()
            if len(names) > 1
        ]

    def _shared_ports(self) -> list[str]:
        """Return a sentence for each host with TLS that two Gateways have, and for each port with TLS and without."""
        if not self.settings.manifests["gateway_gateways"]:
            return []
        hosts: dict[tuple[Any, ...], dict[str, None]] = {}
        ports: dict[tuple[Any, ...], dict[bool, str]] = {}
        for gateway in self._all_gateways():
            spec, name = gateway.get("spec") or {}, full_name(gateway)
            if not _selects(gateway, self.settings.labels):
                continue
            for server in spec.get("servers") or ():
                place = (server["port"]["number"], server.get("bind") or "")
                protocol = str(server["port"].get("protocol")).upper()
                secure = protocol in SECURE
                ports.setdefault(place, {}).setdefault(secure, name)
                # Without TLS connections say no name: no host stands for all of them.
                for host in server["hosts"] if secure else [""] if protocol == "TCP" else ():
                    hosts.setdefault((*place, _bare(str(host)).lower()), {})[name] = None
        return [
            f"gateway_gateways: Gateways {' and '.join(names)} have {_claimed(host)} on port {port}, and Istio serves it by one of "
            "them only, or by none; remove it from all but one"
            for (port, _bind, host), names in hosts.items()
            if len(names) > 1
        ] + [
            f"gateway_gateways: port {port} has TLS in Gateway {kinds[True]} and none in Gateway {kinds[False]}, and Istio leaves one "
            "of them out; give each protocol a port of its own"
            for (port, _bind), kinds in ports.items()
            if len(kinds) > 1
        ]

    def _ruled_twice(self) -> list[str]:
        """Return a sentence for each raw DestinationRule that is for the service of a site's; Istio takes parts of one of them."""
        own = {rule["spec"]["host"]: rule for rule in self.site_objects["gateway_destination_rules"]}
        found = []
        for rule in self.settings.manifests["gateway_destination_rules"]:
            host = str((rule.get("spec") or {}).get("host"))
            full = host if "." in host else f"{host}.{key_of(rule)[0]}.svc.{self.settings.cluster_domain}"
            if full in own and key_of(rule)[0] == self.settings.namespace and key_of(rule) != key_of(own[full]):
                site = own[full]["metadata"]["labels"]["app.kubernetes.io/instance"]
                found.append(
                    f"gateway_destination_rules: '{key_of(rule)[1]}' is for service '{full}', which backends of site '{site}' is for, too; "
                    "remove one of them"
                )
        return found

    def nothing(self) -> list[str]:
        """Return a sentence where a run would serve nothing: without sites and raw manifests, or with Gateways for other pods alone."""
        given = self.settings.manifests
        if self.sites or any(given.values()):
            idle = [] if self.sites else self._elsewhere()
            return [f"{self._misplaced(each)}, {_ALLOWED}" for each in idle if len(idle) == len(given["gateway_gateways"])]
        return [_NOTHING.format(", ".join(given))]

    def _all_gateways(self) -> list[Object]:
        """Return all Gateways that are known, with that of port 80."""
        shared = {"servers": [{"port": {"number": 80}, "hosts": ["*"]}]} if self.settings.http_gateway else {}
        metadata = {"name": self.settings.http_gateway, "namespace": self.settings.namespace}
        return [{"metadata": metadata, "spec": shared}, *self.all_of("gateway_gateways")]

    def _bypassed(self) -> list[str]:
        """Return a sentence for each raw manifest that brings requests past the client certificate that another server asks for."""
        if not self.settings.manifests["gateway_gateways"] and not self.settings.manifests["gateway_virtual_services"]:
            return []
        routes = self.all_of("gateway_virtual_services")
        return list(bypassed(self._all_gateways(), routes, self.settings.labels, self.settings.cluster_domain))

    def _out_of_reach(self) -> list[str]:
        """Return a sentence for each Certificate whose Secret a Gateway names, in a namespace where its pods read none."""
        space = self.settings.namespace
        served = {secret: subject.name for subject in self.names.subjects for secret in subject.secrets if secret not in self.names.owners}
        return [
            f"certificate_certificates ({name}): its Secret {at}/{secret} is the credential of {served[secret]}, whose pods read Secrets "
            f"of namespace {space} only; let metadata.namespace be {space}, unless something copies the Secret there"
            for each in self.settings.manifests["certificate_certificates"]
            for (at, name), secret in [(key_of(each), str((each.get("spec") or {}).get("secretName")))]
            if at != space and secret in served
        ]

    def _open_to_issuer(self) -> list[str]:
        """Return a sentence for each server whose clients are judged by the issuer of its own certificate, of whatever name they are."""
        found = []
        own = {secret["metadata"]["name"] for secret in objects.ca_secrets(self.sites, self.settings.namespace)}
        for gateway in self.all_of("gateway_gateways"):
            for tls in (server.get("tls") or {} for server in (gateway.get("spec") or {}).get("servers") or []):
                secret = next(iter(secrets_of(tls)), "")
                issuer = issuer_of(self.names.owners.get(secret, {}), self.settings.issuers)
                judged = tls.get("subjectAltNames") or tls.get("caCertCredentialName") or secret + CA_SUFFIX in own
                if tls.get("mode") in MUTUAL_MODES and issuer and not issuer.acme and not judged:
                    found.append(
                        f"Gateway {full_name(gateway)}: its mode is {tls['mode']}, and everybody who may get a certificate of issuer "
                        f"'{issuer.name}' is let in unless a Secret '{secret}{CA_SUFFIX}' holds another authority; name the clients in "
                        "subjectAltNames, or make that Secret"
                    )
        return found

    def _swallowed(self) -> list[tuple[str, bool]]:
        """Return a sentence for each object that takes challenges from the solver, and whether the issuer knows no other way."""
        if not self.settings.manifests["gateway_gateways"] and not self.settings.manifests["gateway_virtual_services"]:
            return []
        settings, space = self.settings, self.settings.namespace
        routes = self.all_of("gateway_virtual_services")
        cluster = Cluster(settings.labels, space, gateways=self._all_gateways(), virtual_services=routes)
        found: dict[tuple[str, bool], list[str]] = {}
        for certificate in self.all_of("certificate_certificates"):
            issuer = settings.issuers.get(_cluster_issuer(certificate) or "")
            for host in certificate["spec"].get("dnsNames") or [] if issuer and issuer.http01 else []:
                for obstacle in explain(cluster, host).obstacles:
                    hosts = found.setdefault((obstacle, issuer is not None and issuer.http01_only), [])
                    hosts += [host] if host not in hosts else []
        return [(f"{obstacle}, {_NO_RENEWAL.format(', '.join(hosts))}", sure) for (obstacle, sure), hosts in found.items()]

    def looked_at(self) -> Object:
        """Return what a preflight looks at, even where something is wrong with the sites."""
        return {
            "warnings": [
                *_warnings(self.names.subjects),
                *self._surprises(),
                *(f"edge_sites ({site.name}): {text}" for site in self.sites for text in path_warnings(site.routes)),
                *raw_path_warnings(self.settings.manifests["gateway_virtual_services"]),
                *_reuse_warnings(self.names.subjects),
                *token_warnings(self.sites),
                *self._open_to_issuer(),
                *self._out_of_reach(),
                *map(self._misplaced, self._elsewhere()),
                *(text for text, sure in self._swallowed() if not sure),
            ],
            "names": self._names_in_dns(),
            "addresses": list(self.settings.addresses),
            "proxy_addresses": list(self.settings.proxy_addresses),
            "issuers": self.issuers,
            "acme_servers": self._acme_servers(),
            "caa": self._authorised(),
            "challenges": self._challenges(),
        }

    def _elsewhere(self) -> list[Object]:
        """Return the raw Gateways for pods of no gateway that is known here, each with the labels that it selects."""
        known = [self.settings.labels, *(pod_labels(gateway.name, gateway.selector) for gateway in self.settings.gateways[1:])]
        return [
            {"name": full_name(gateway), "selector": _labels_text(gateway["spec"]["selector"])}
            for gateway in self.settings.manifests["gateway_gateways"]
            if not any(_selects(gateway, labels) for labels in known)
        ]

    def _misplaced(self, gateway: Object) -> str:
        """Return what is to be said of such a Gateway."""
        return _ELSEWHERE.format(**gateway, known=_labels_text(self.settings.labels))

    def _asked(self) -> Iterator[tuple[str, str, Asked, Issuer | None]]:
        """Yield each certificate that is asked for, with what it is of, the variable that asks for it, and its issuer."""
        issuers, raw = self.settings.issuers, self.settings.manifests["certificate_certificates"]
        for site in self.sites:
            for certificate in asked_of(site, self.settings.private_key):
                yield site.name, f"edge_sites ({site.name})", certificate, issuers.get(site.issuer or "")
        for each in (each for each in raw if each.get("spec")):
            name = key_of(each)[1]
            yield name, f"certificate_certificates ({name}).spec", asked_by(each), issuer_of(each, issuers)

    def _surprises(self) -> list[str]:
        """Return a sentence for each certificate that will not be as it reads."""
        return [f"{place}: {text}" for _of, place, certificate, issuer in self._asked() for text in surprises(certificate, issuer)]

    def _challenges(self) -> list[Object]:
        """Return the hosts that are proved by DNS-01, each with its site and how its solver finds the zone."""
        found: dict[str, Object] = {}
        for owner, _place, certificate, issuer in self._asked():
            if not issuer:
                continue
            for host in certificate.hosts:
                dns01 = (solver_for(host, issuer.solvers, certificate.labels) or {}).get("dns01")
                if isinstance(dns01, Mapping):
                    bare, follow = host.removeprefix("*."), dns01.get("cnameStrategy") == "Follow"
                    elsewhere = not {"acmeDNS", "webhook"}.isdisjoint(dns01)
                    found.setdefault(bare, {"host": bare, "site": owner, "follow": follow, "elsewhere": elsewhere})
        return list(found.values())

    def _names_in_dns(self) -> list[Object]:
        """Return the names that clients and ACME servers look up, each with its owner; wildcards cannot be looked up.

        Those of a gateway with addresses of its own have these too.
        """
        own = self.settings.addresses if self.settings.addresses != self.settings.gateways[0].addresses else ()
        addresses = {"addresses": list(own)} if own else {}
        raw = self.settings.manifests["certificate_certificates"]
        owners = [(site.name, site.hosts, site.issuer) for site in self.sites if site.tls.mode != OF_MESH]
        owners += [(c["metadata"]["name"], (c.get("spec") or {}).get("dnsNames") or (), _cluster_issuer(c)) for c in raw]
        owners += [(subject.name, tuple(subject.hosts), None) for subject in self.names.subjects if subject.kind == "gateway"]
        found: dict[str, Object] = {}
        for owner, hosts, issuer in owners:
            acme = self.settings.issuers.get(issuer or "")
            entry = {"site": str(owner), "acme": acme is not None and acme.type == "acme" and acme.http01_only, **addresses}
            for host in hosts:
                if not host.startswith("*"):
                    found.setdefault(host, {"host": host, **entry})
        return list(found.values())

    def _authorised(self) -> list[Object]:
        """Return the names that public authorities are asked to certify, with the names by which CAA records allow these."""
        found = []
        for owner, _place, certificate, issuer in self._asked():
            authority = authority_of(issuer.server) if issuer else None
            if issuer and authority:
                solvers = {name: any(name in solver for solver in issuer.solvers) for name in ("http01", "dns01")}
                methods = [f"{name[:-2]}-01" for name, used in solvers.items() if used]
                entry = {"site": owner, "server": issuer.server, "identities": list(authority.caa), "methods": methods}
                found += [{"host": host, **entry} for host in certificate.hosts]
        return found

    def _acme_servers(self) -> list[Object]:
        """Return the ACME directories that will be asked."""
        specs = {name: self.settings.issuers[name].spec.get("acme") for name in self.issuers if name in self.settings.issuers}
        return [
            {
                "name": name,
                "server": str(acme["server"]),
                "ca_bundle": acme.get("caBundle"),
                "trial": name not in self._named_issuers(),
                **_account(acme),
            }
            for name, acme in specs.items()
            if isinstance(acme, Mapping) and acme.get("server")
        ]

    def _issuer_objects(self) -> list[Object]:
        """Return the issuers, without those that get the solver of role cert_manager, which is not known here."""
        made = issuer_objects(self.settings.issuers, [name for name in self.settings.issuers if name not in LETSENCRYPT], self.issuers)
        return [
            each for each in made if not any(solver.get("http01") == {} for solver in (each["spec"].get("acme") or {}).get("solvers", ()))
        ]

    def of_gateway(self, applied: Object) -> Object:
        """Return what modules need that are called for one gateway."""
        settings = self.settings
        keys = ("certificate_names", "own_secrets", "credentials", "server_names", "endpoints", "subjects")
        pods = {"namespace": settings.namespace, "selector": dict(settings.selector), "port": settings.port}
        return {
            "name": settings.gateway,
            **pods,
            "http_gateway": settings.http_gateway,
            "addresses": list(settings.addresses),
            "node_ports": [
                {"port": port, "node_port": number}
                for gateway in settings.gateways
                if gateway.name == settings.gateway
                for _fields, port, number in gateway.ports()
            ],
            **{key: applied[key] for key in keys},
            # For the module cluster_compare.
            "look": {
                **pods,
                "certificate_names": applied["certificate_names"],
                "secret_names": applied["own_secrets"],
                "credentials": applied["credentials"],
            },
        }

    def applied(self) -> Object:
        """Return the objects to apply, and what must be served afterwards."""
        certificates, gateways = self.all_of("certificate_certificates"), self.all_of("gateway_gateways")
        subjects = self.names.subjects
        terminating = [subject for subject in subjects if subject.mode != PASSTHROUGH and not subject.port]
        secrets = dict.fromkeys(secret for subject in subjects for secret in subject.secrets)
        authorities = objects.ca_secrets(self.sites, self.settings.namespace)
        rules, routes = self.all_of("gateway_destination_rules"), self.all_of("gateway_virtual_services")
        settings, space, service = self.settings, self.settings.namespace, self.settings.service
        entries = [
            *objects.service_entries(self.sites, space),
            *objects.mesh_service_entries(self.sites, space, service, self.settings.port),
        ]
        made = [*gateways, *routes]
        if settings.api == "gateway":
            # Those of Istio still say what is served; only raw ones of them are applied.
            raw = [*settings.manifests["gateway_gateways"], *settings.manifests["gateway_virtual_services"]]
            where = space, service, settings.port, settings.http_gateway
            made = [*raw, *gateway_api.objects(self.sites, *where, self._redirect_port)]
        return {
            "certificates": certificates,
            "certificate_objects": [*authorities, *certificates, *copies.objects(self.sites, space)],
            "staging": self._staging(),
            "issuer_objects": self._issuer_objects(),
            "copies": copies.names(self.sites, space),
            "certificate_names": [str(certificate["metadata"]["name"]) for certificate in certificates],
            "issued_secrets": [_reference("Secret", certificate, secret) for secret, certificate in self.names.owners.items()],
            "own_secrets": [secret for secret in secrets if secret not in self.names.owners],
            "secrets": authorities,
            "gateways": gateways,
            "virtual_services": routes,
            "destination_rules": rules,
            # A route to a subset that no rule defines answers 503, so the rules come first.
            "gateway_objects": [*entries, *rules, *made],
            "draining": self._draining(),
            # Before the Gateways, so that a new site refuses from its first request on.
            "policies": [
                *self._policies(),
                *objects.access_policies(self.sites, self.settings.namespace, self.settings.selector, self.settings.trusted_proxies > 0),
            ],
            "credentials": _credentials([gateway for gateway in gateways if _selects(gateway, settings.labels)], self.names, settings.port),
            "server_names": list(dict.fromkeys(name for subject in terminating for name in subject.server_names)),
            "endpoints": _endpoints(subjects, self.settings),
            "subjects": [dict(vars(subject)) for subject in subjects],
            "unasked": [
                *({"name": site.name, "reason": reason} for site in self.sites if (reason := _unasked(site))),
                *({"name": each["name"], "reason": f"its selector {each['selector']} is that of other pods"} for each in self._elsewhere()),
            ],
            "http01_issuers": [name for name, issuer in self.settings.issuers.items() if name and issuer.http01],
            "rate_limits": {
                name: {"name": name, "server": issuer.server, "account": issuer.account, "limits": dict(issuer.rate_limits)}
                for name in self._named_issuers()
                if (issuer := self.settings.issuers.get(name)) and issuer.rate_limits
            },
        }


def _unasked(site: Site) -> str:
    """Return why a report cannot ask a site, empty where it can."""
    if site.tls.mode == NO_TLS:
        return f"port {site.tcp_port} has no TLS, and nothing in its answers says whose they are"
    return "it answers pods of the mesh only" if site.tls.mode == OF_MESH else ""


def _claimed(host: str) -> str:
    return f"host '{host}' with TLS" if host else "protocol TCP"


def _account(acme: Raw) -> Object:
    """Return what an ACME directory may not take."""
    found = {
        "profile": acme.get("profile"),
        "external_account": bool(acme.get("externalAccountBinding")),
        "refused_email": refused_email(str(acme["server"]), str(acme.get("email") or "")),
    }
    return {key: value for key, value in found.items() if value}


def _reference(kind: str, beside: Raw, name: str) -> Object:
    """Return what names an object in the namespace of another one."""
    return {"kind": kind, "metadata": {"name": name, "namespace": beside["metadata"]["namespace"]}}


def key_of(manifest: Raw) -> tuple[str, str]:
    """Return the namespace and name of an object."""
    return str(manifest["metadata"]["namespace"]), str(manifest["metadata"]["name"])


def _cluster_issuer(certificate: Raw) -> str | None:
    """Return the ClusterIssuer of a raw Certificate."""
    reference = (certificate.get("spec") or {}).get("issuerRef") or {}
    return str(reference["name"]) if reference.get("kind") == "ClusterIssuer" and reference.get("name") else None


def make_plan(raw_sites: Any, raw_settings: Raw) -> Object:
    """Derive the plan.

    Returns:
        The plan as plain data. Where there are findings it has nothing to apply.
    """
    settings, setting_findings = read_settings(raw_settings)
    sites, site_findings = read_sites(raw_sites, settings.issuers, settings.cluster_domain, settings.private_key, settings.port)
    plans = _plans_of(settings, sites)
    proxies = {**raw_settings, "edge_proxy_addresses": list(settings.proxy_addresses)}
    findings = [*setting_findings, *site_findings, *proxy_findings(proxies, settings.addresses, sites)]
    findings += gateway_findings(
        sites, settings.gateways, settings.issuers, settings.proxy_protocol, settings.http_gateway, settings.port, settings.api == "gateway"
    )
    findings += address_findings(sites, raw_settings)
    findings += gateway_api.setting_problems(raw_settings) if settings.api == "gateway" else []
    findings += [finding for plan in plans for finding in plan.findings()]
    # Nothing of what is wrong may be applied: roles stop at the findings, and a caller that does not has nothing in its hands.
    empty = replace(settings, manifests={key: [] for key in MANIFESTS}, issuers={})
    applying = _plans_of(replace(empty, gateways=settings.gateways[:1]) if findings else settings, [] if findings else sites)
    applied = [plan.applied() for plan in applying]
    return {
        "findings": findings,
        "nothing": [] if findings else Plan(settings, sites).nothing(),
        **_joined([plan.looked_at() for plan in plans]),
        **_joined(applied),
        "by_gateway": [plan.of_gateway(part) for plan, part in zip(applying, applied, strict=True)],
        **_gateways_of_hosts([] if findings else settings.gateways, settings),
    }


def _plans_of(settings: Settings, sites: Sequence[Site]) -> list[Plan]:
    """Return a plan for each gateway; raw manifests of no other gateway are the default one's."""
    default, *others = settings.gateways
    left = {variable: list(manifests) for variable, manifests in settings.manifests.items()}
    plans = []
    for gateway in (gateway for gateway in others if gateway.present):
        own = {variable: [each for each in manifests if _belongs(each, gateway, default)] for variable, manifests in left.items()}
        left = {variable: [each for each in manifests if each not in own[variable]] for variable, manifests in left.items()}
        scope = replace(
            settings,
            gateway=gateway.name,
            namespace=gateway.namespace,
            selector=gateway.selector,
            port=443,
            service=gateway.service(settings.cluster_domain),
            http_gateway=gateway.port_80(settings.http_gateway),
            addresses=gateway.addresses,
            http_port=gateway.http_port,
            https_port=gateway.https_port,
            route_namespaces=gateway.route_namespaces,
            manifests=own,
        )
        plans.append(Plan(scope, [site for site in sites if site.gateway == gateway.name]))
    # A site of a gateway that does not exist is judged with those of the default one.
    known = {gateway.name for gateway in others if gateway.present}
    own_sites = [site for site in sites if site.gateway not in known]
    return [Plan(replace(settings, manifests=left, solver=""), own_sites), *plans]


def _belongs(manifest: Raw, gateway: Gateway, default: Gateway) -> bool:
    """Return whether a raw manifest is a gateway's: by the pods that it selects, else by its namespace."""
    if manifest["kind"] == "Gateway":
        return bool((manifest.get("spec") or {}).get("selector")) and _selects(manifest, pod_labels(gateway.name, gateway.selector))
    return gateway.namespace != default.namespace and key_of(manifest)[0] == gateway.namespace


def _joined(parts: Sequence[Object]) -> Object:
    """Join what gateways need, each entry once."""
    if len(parts) == 1:
        return parts[0]
    found: dict[str, dict[str, Any]] = {key: {} for key in parts[0]}
    for part in parts:
        for key, entries in part.items():
            found[key].update({json.dumps(entry, sort_keys=True, default=str): entry for entry in entries})
    return {key: list(entries.values()) for key, entries in found.items()}


def _forwarded(gateway: Gateway) -> list[Object]:
    return [{"port": port, "node_port": number, "gateway": gateway.name} for _fields, port, number in gateway.ports()]


def _http_gateway(gateway: Gateway, settings: Settings) -> list[Object]:
    """Return what opens port 80 of a gateway beside the default one."""
    name = gateway.port_80(settings.http_gateway)
    if settings.api == "gateway":
        return [gateway_api.http_gateway(name, gateway.namespace, gateway.service(settings.cluster_domain))] if name else []
    return objects.http_gateway(name, gateway.namespace, gateway.selector, settings.solver) if name else []


def _gateways_of_hosts(gateways: Sequence[Gateway], settings: Settings) -> Object:
    """Return what roles make of C(edge_gateways) on hosts and in the cluster; nothing of the default gateway but its ports."""
    others = gateways[1:]
    present = [gateway for gateway in others if gateway.present]
    ports: dict[str, list[Object]] = {}
    for gateway in gateways if present else ():
        for address in gateway.addresses if gateway.present else ():
            ports.setdefault(address, []).extend(_forwarded(gateway))
    # Every host forwards those of the default gateway, as it does those of HTTP and HTTPS.
    everywhere = [{"port": port, "node_port": number, "gateway": ""} for gateway in gateways[:1] for port, number in gateway.tcp]
    return {
        "releases": [gateway.release() for gateway in present],
        "http_gateways": [made for gateway in present for made in _http_gateway(gateway, settings)],
        "absent_releases": [{"name": gateway.name, "namespace": gateway.namespace} for gateway in others if not gateway.present],
        "host_ports": {**ports, **({"": everywhere} if everywhere else {})},
        "ports": [port for gateway in gateways[:1] for port in gateway.tcp_ports()],
        "tcp_node_ports": {key: number for gateway in [*gateways[:1], *present] for key, number in gateway.tcp_node_ports().items()},
        "node_ports": {
            f"edge_gateways ({gateway.name}).{key}": getattr(gateway, key)
            for gateway in present
            for key in ("http_node_port", "https_node_port")
        },
    }
