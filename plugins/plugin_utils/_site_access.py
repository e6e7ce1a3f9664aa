# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads who may use a site, and what makes the gateway refuse everybody else.

Policies refuse (DENY) instead of allowing: with one that allows, a gateway refuses all requests that no other policy allows, those of other
sites among them. They know a site by the name that the TLS handshake asks for, since a server of a site answers no other name's requests.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import is_address, is_host
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import MUTUAL_MODES, OF_MESH

Object = dict[str, Any]

SECURITY_API = "security.istio.io/v1"
SPIFFE = "spiffe://"
_SPIFFE_ID = re.compile(r"spiffe://[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*(/\*)?")
_SHOWN_BY_CLIENT = "request.headers[x-forwarded-client-cert]"
# Modes in which clients may show a certificate.
_SHOWING = (*MUTUAL_MODES, OF_MESH)
# Members of a JSON Web Key that only its owner may have; RFC 7518, section 6.
_PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))


@dataclass(frozen=True)
class Token:
    """Which JSON Web Tokens a site takes."""

    issuer: str
    jwks: str = ""
    jwks_uri: str = ""
    audiences: tuple[str, ...] = ()

    @property
    def rule(self) -> Object:
        """The rule of a RequestAuthentication. Services get the token too, since they may want to know who asks."""
        where = {"jwks": self.jwks} if self.jwks else {"jwksUri": self.jwks_uri}
        return {"issuer": self.issuer, **where, "forwardOriginalToken": True}


@dataclass(frozen=True)
class Access:
    """Who may use a site; each condition that is set must be met."""

    sources: tuple[str, ...] = ()
    token: Token | None = None
    # Names in the certificates of clients: those of URIs, and others, which are of DNS.
    clients: tuple[str, ...] = ()

    def refused(self, place: Object) -> Iterator[Object]:
        """Yield the rules of a policy for requests that come in at a place, its C(to) and C(when)."""
        if self.sources:
            yield {**place, "from": [{"source": {"notRemoteIpBlocks": list(self.sources)}}]}
        if self.clients:
            yield self._without(place)
        if self.token:
            yield {**place, "from": [{"source": {"notRequestPrincipals": [f"{self.token.issuer}/*"]}}]}
        if self.token and self.token.audiences:
            other = {"key": "request.auth.audiences", "notValues": list(self.token.audiences)}
            yield {**place, "when": [*place.get("when", ()), other]}

    def _without(self, place: Object) -> Object:
        """Return the rule for requests whose certificate has none of the names.

        Policies know the first URI of a certificate, without C(spiffe://). Its last name of DNS stands at the end of a header, which the
        gateway writes and takes from no client.
        """
        uris = [client.removeprefix(SPIFFE) for client in self.clients if client.startswith(SPIFFE)]
        names = [f"*;DNS={client}" for client in self.clients if not client.startswith(SPIFFE)]
        rule = {**place, **({"from": [{"source": {"notPrincipals": uris}}]} if uris else {})}
        return {**rule, "when": [*place.get("when", ()), {"key": _SHOWN_BY_CLIENT, "notValues": names}]} if names else rule


def read_access(fields: Fields, opaque: str, mode: str = "SIMPLE") -> Access | None:
    """Read O(access).

    Args:
        fields: The site.
        mode: How it ends TLS.
        opaque: Why the gateway sees no requests of it, C(passthrough) or C(tcp); empty where it does.
    """
    at = fields.nested("access") if fields.raw.get("access") is not None else None
    if at is None:
        return None
    at.only(spec.ACCESS)
    if opaque == "tcp":
        fields.report("has access, and tcp_port; the gateway judges requests of HTTP only, so remove one of them")
    elif opaque:
        fields.report("has access, and TLS passes through; the gateway judges requests only where TLS ends at it")
    token = at.nested("jwt") if at.raw.get("jwt") is not None else None
    found = Access(tuple(_networks(at)), _read_token(token) if token else None, tuple(_clients(at)))
    if not at.raw.get("sources") and at.raw.get("jwt") is None and not at.raw.get("clients"):
        at.report("has neither sources nor clients nor jwt, and would refuse nothing; set one of them, or remove access")
    if at.raw.get("clients") and not opaque and mode not in _SHOWING:
        at.report(f"clients is for tls.mode {', '.join(_SHOWING)}, in which clients show a certificate; tls.mode is {mode}")
    return found


def _networks(at: Fields) -> Iterator[str]:
    for text in at.texts("sources"):
        try:
            yield str(ipaddress.ip_network(text.strip()))
        except ValueError as error:
            at.report(f"sources has '{text}'; it must be an address or a network such as 192.0.2.0/24 ({error})")


def _clients(at: Fields) -> Iterator[str]:
    """Yield names in certificates of clients: of DNS, or a URI, which may begin or end with an asterisk as policies have it."""
    for text in at.texts("clients"):
        if text.startswith(SPIFFE):
            if not _SPIFFE_ID.fullmatch(text):
                at.report(f"clients has '{text}'; it must be a URI such as spiffe://cluster.local/ns/shop/sa/till, or end with /*")
        elif not is_host(text) or is_address(text) or "*" in text:
            at.report(f"clients has '{text}'; it must be a name in the certificate, of DNS or a URI that begins with {SPIFFE}")
        yield text


def _read_token(at: Fields) -> Token:
    at.only(spec.JWT)
    address, keys = at.text("jwks_uri") or "", at.raw.get("jwks")
    if address and not address.startswith(("https://", "http://")):
        at.report(f"jwks_uri is '{address}'; it must be an address that begins with https:// or http://")
    if bool(address) == bool(keys):
        at.report("needs one of jwks and jwks_uri, the public keys of the issuer or where they are")
    return Token(at.text("issuer", required=True) or "", _read_keys(at, keys) if keys else "", address, tuple(at.texts("audiences")))


def _read_keys(at: Fields, given: Any) -> str:
    """Return a set of public keys as JSON, from text or from a dictionary. What is wrong is named without the keys."""
    try:
        found = json.loads(given) if isinstance(given, str) else given
        keys = [dict(key) for key in found["keys"]]
    except (ValueError, TypeError, KeyError):
        at.report('jwks is no set of keys; it must be JSON such as {"keys": [{"kty": "RSA", ...}]}')
        return ""
    if not keys:
        at.report("jwks has no keys, so that no token could be right; add the public keys of the issuer")
    if any(_PRIVATE_MEMBERS & set(key) for key in keys):
        at.report("jwks has a private key; give the public one only, and replace the key, since it was written down")
    return json.dumps({"keys": keys}, sort_keys=True)


def refusals(hosts: Sequence[str], access: Access, behind_proxy: bool) -> list[Object]:
    """Return the rules by which a gateway refuses requests for a site.

    Args:
        hosts: Names of the site.
        access: Who may use it.
        behind_proxy: Whether proxies in front end TLS and forward requests to port 80, which has no name in a handshake.
    """
    places: list[Object] = [{"when": [{"key": "connection.sni", "values": list(hosts)}]}]
    if behind_proxy:
        names = [name for host in hosts for name in (host, f"{host}:*")]
        # Authorities visit this path without a token, from addresses that they do not say.
        places.append({"to": [{"operation": {"hosts": names, "ports": ["80"], "notPaths": ["/.well-known/acme-challenge/*"]}}]})
    return [rule for place in places for rule in access.refused(place)]


def address_findings(sites: Sequence[Any], settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each site whose visitors cannot be known by their address.

    Args:
        sites: Sites as they were read.
        settings: Those of the plan.
    """
    by_address = [site for site in sites if site.access and site.access.sources]
    behind_proxy = str(settings.get("edge_trusted_proxies") or 0) != "0"
    found = []
    if settings.get("istio_gateway_external_traffic_policy") == "Cluster" and not behind_proxy and not settings.get("edge_proxy_protocol"):
        found += [
            f"edge_sites ({site.name}): access.sources needs the addresses of visitors, and with istio_gateway_external_traffic_policy "
            "'Cluster' the gateway sees those of nodes; set it to 'Local', or remove access.sources"
            for site in by_address
        ]
    if behind_proxy:
        found += [
            f"edge_sites ({site.name}): access is set for '{host}', and behind edge_trusted_proxies port 80 knows "
            "no name of a wildcard with a port; name the hosts one by one"
            for site in sites
            if site.access
            for host in site.hosts
            if "*" in host
        ]
    return found


def token_warnings(sites: Sequence[Any]) -> list[str]:
    """Return a sentence for each issuer of tokens on a gateway whose other sites may take tokens of others, which it then refuses."""
    issuers: dict[str, list[str]] = {}
    for site in sites:
        if site.access and site.access.token:
            issuers.setdefault(site.access.token.issuer, []).append(site.name)
    others = {issuer: [site.name for site in sites if site.name not in names] for issuer, names in issuers.items()}
    return [
        f"edge_sites ({', '.join(issuers[issuer])}): with access.jwt the gateway answers 401 to every bearer token that is none of "
        f"{' or '.join(issuers)}, also for {', '.join(names)}; put sites that take other tokens on a gateway of their own (edge_gateways)"
        for issuer, names in others.items()
        if names
    ][:1]
