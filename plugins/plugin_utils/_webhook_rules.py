# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the webhooks of cert-manager and Istio refuse of raw manifests, said before there is an API whose webhooks could be asked."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import schema_of

Raw = Mapping[str, Any]

_NAMES = ("commonName", "literalSubject", "dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_HOST = re.compile(r"([-.*~a-z0-9]+/)?(\*|\*?[-._a-zA-Z0-9]+)")
_CERTIFICATES = ("credentialName", "credentialNames", "serverCertificate", "tlsCertificates")
SECURE = ("HTTPS", "TLS")
_PROTOCOLS = (*SECURE, "HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY", "TCP", "MONGO", "REDIS", "MYSQL", "UDP", "HBONE")
_VERSIONS = ("TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")
# What a rule of a VirtualService does with a request. It does one of these.
_ANSWERS = ("route", "redirect", "directResponse", "delegate")
_SERVICE = "it must be the name of a Service, without scheme, port and path"
TSIG = ("HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512")
# Numbers of a rule that the schema leaves open.
_RANGES = (
    ("redirect.redirectCode", 300, 399),
    ("directResponse.status", 200, 599),
    ("retries.attempts", 0, 2**31 - 1),
    ("fault.abort.percentage.value", 0, 100),
    ("fault.delay.percentage.value", 0, 100),
    ("mirrorPercentage.value", 0, 100),
)


def _is_address(text: Any) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True


def certificate(spec: Raw) -> Iterator[str]:
    """Yield what cert-manager refuses of a Certificate that fits its schema."""
    if not any(spec.get(name) for name in _NAMES):
        yield f"it has no name; one of {', '.join(_NAMES)} must be given"
    if spec.get("literalSubject"):
        yield from (f"{key} is given beside literalSubject; remove one of them" for key in ("commonName", "subject") if spec.get(key))
    yield from (f"ipAddresses has '{text}'; it must be an IP address" for text in spec.get("ipAddresses") or () if not _is_address(text))
    if spec.get("secretName") and not _OBJECT_NAME.fullmatch(str(spec["secretName"])):
        yield f"secretName is '{spec['secretName']}'; it must have lower case letters, digits, '-' and '.' only"
    if spec.get("renewBefore") and spec.get("renewBeforePercentage"):
        yield "renewBefore and renewBeforePercentage are given; only one of them is allowed"
    for key, least, most in (("renewBeforePercentage", 1, 99), ("revisionHistoryLimit", 1, 2**31 - 1)):
        if spec.get(key) is not None and not least <= spec[key] <= most:
            yield f"{key} is {spec[key]}; it must be from {least} to {most}"
    reference = spec.get("issuerRef") or {}
    if reference.get("group") in (None, "", "cert-manager.io") and reference.get("kind") not in (None, "", "Issuer", "ClusterIssuer"):
        yield f"issuerRef.kind is '{reference['kind']}'; allowed: Issuer, ClusterIssuer"


def gateway(spec: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a Gateway that fits its schema, or leaves out."""
    servers = spec.get("servers") or ()
    if not servers:
        yield "servers is missing or empty; a Gateway has one or more"
    names: Counter[Any] = Counter()
    secure_hosts: Counter[Any] = Counter()
    for index, server in enumerate(servers):
        port = server.get("port") or {}
        names[port.get("name")] += 1
        if str(port.get("protocol")).upper() in SECURE:
            secure_hosts.update({(port.get("number"), server.get("bind"), host) for host in server.get("hosts") or ()})
        yield from (f"servers[{index}]{problem}" for problem in (*_server_problems(server, port), *_tls_problems(server, port)))
    yield from (f"servers has the port name '{name}' {many} times; each port has a name of its own" for name, many in _several(names))
    yield from (f"servers has host '{host[2]}' {many} times on port {host[0]}; write it once" for host, many in _several(secure_hosts))


def _several(counted: Mapping[Any, int]) -> Iterator[tuple[Any, int]]:
    return ((name, many) for name, many in counted.items() if name and many > 1)


def _server_problems(server: Raw, port: Raw) -> Iterator[str]:
    bind, protocol, number = str(server.get("bind") or ""), str(port.get("protocol")), port.get("number")
    if not server.get("hosts"):
        yield ".hosts is empty; name the hosts, or '*' for all"
    for host in server.get("hosts") or ():
        bare = str(host).rpartition("/")[2]
        if not _HOST.fullmatch(str(host)):
            yield f".hosts has '{host}'; it must be a DNS name, '*' or NAMESPACE/NAME"
        elif bare.rpartition(".")[2].isdecimal():
            yield f".hosts has '{host}'; an address is not a host name, write '*' for requests to an address"
        elif bare.endswith("."):
            yield f".hosts has '{host}'; write '{str(host).rstrip('.')}', since clients leave out the dot at the end"
    if protocol.upper() not in _PROTOCOLS:
        yield f".port.protocol is '{protocol}'; allowed: {', '.join(_PROTOCOLS)}"
    if isinstance(number, int) and not 1 <= number <= 65535 and not bind.startswith("unix://"):
        yield f".port.number is {number}; it must be a number from 1 to 65535"
    if bind and not bind.startswith("unix://") and not _is_address(bind):
        yield f".bind is '{bind}'; it must be an IP address or unix://PATH"


def _tls_problems(server: Raw, port: Raw) -> Iterator[str]:
    tls, protocol = server.get("tls") or {}, str(port.get("protocol")).upper()
    mode, given = tls.get("mode"), [key for key in _CERTIFICATES if tls.get(key)]
    terminating = mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
    if protocol in SECURE and server.get("tls") is None:
        yield f".port.protocol is {protocol}, and tls is missing; give tls.mode and tls.credentialName"
    elif protocol in _PROTOCOLS and protocol not in SECURE and tls and (terminating or not protocol.startswith(("HTTP", "GRPC"))):
        yield f".port.protocol is {protocol}, which has no TLS; write HTTPS, or remove tls"
    elif terminating and not given:
        yield f".tls.mode is {mode}, and no certificate is named; give tls.credentialName"
    elif terminating and given == ["serverCertificate"] and not tls.get("privateKey"):
        yield ".tls.serverCertificate is given without privateKey; give both, or credentialName"
    elif given and (mode == "ISTIO_MUTUAL" or (not mode and protocol in SECURE)):
        passes = "no mode, so that TLS passes; write mode: SIMPLE, or remove"
        yield f".tls has {given[0]} and {'mode ISTIO_MUTUAL, which brings its own; remove' if mode else passes} {given[0]}"
    yield from (
        f".tls.{key} is '{name}'; Secrets are those of the namespace of the gateway pods, write the name alone"
        for key in ("credentialName", "caCertCredentialName")
        for name in [str(tls.get(key) or "")]
        if "/" in name and "://" not in name
    )
    least, most = (tls.get(f"{end}ProtocolVersion") for end in ("min", "max"))
    if least in _VERSIONS and most in _VERSIONS and least > most:
        yield f".tls.minProtocolVersion is {least} and maxProtocolVersion {most}; no version is left between them"


def overlaps(host: str, other: str) -> bool:
    """Return whether Istio takes two hosts of a VirtualService for duplicates: one has the other's names, too."""
    wide, narrow = sorted((host.lower(), other.lower()), key=len)
    return wide == narrow or (wide.startswith("*") and narrow.endswith(wide[1:]))


def virtual_service(spec: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a VirtualService that fits its schema."""
    hosts, gateways = [str(host) for host in spec.get("hosts") or ()], spec.get("gateways") or ()
    yield from (f"hosts has '{host}'; it must be a name, '*' or an address" for host in hosts if _wrong_host(host))
    yield from (
        f"hosts has '{host}' and '{other}', which have names in common; remove one of them"
        for index, host in enumerate(hosts)
        for other in hosts[index + 1 :]
        if overlaps(host, other)
    )
    if "*" in hosts and (not gateways or "mesh" in gateways):
        yield "hosts has '*', and its routes are for the mesh too; give gateways without mesh, or name the hosts"
    if gateways and not hosts:
        yield "hosts is missing or empty; only a delegate has none, and it has no gateways"
    if not any(spec.get(key) for key in ("http", "tls", "tcp")):
        yield "it has no routes; one of http, tls, tcp must be given"
    yield from (f"{key} is '{host}'; {_SERVICE}" for key, host in _targets(spec) if _wrong_host(host))
    if "*" in (spec.get("exportTo") or ()) and len(spec["exportTo"]) > 1:
        yield "exportTo has '*' beside others; write '*' alone"
    for index, route in enumerate(spec.get("http") or ()):
        yield from (f"http[{index}]{problem}" for problem in _http_problems(route))
    for index, route in enumerate(spec.get("tls") or ()):
        if not route.get("route"):
            yield f"tls[{index}].route is missing; name a destination"
        for name in (name for match in route.get("match") or () for name in match.get("sniHosts") or ()):
            if not any(name == host or (host.startswith("*") and name.endswith(host[1:])) for host in hosts):
                yield f"tls[{index}].match has the SNI host '{name}', which hosts does not have; add it there"


def _wrong_host(host: Any) -> bool:
    return bool(re.search(r"\s|/|.\*", str(host)) or (":" in str(host) and not _is_address(host)))


def _targets(spec: Raw) -> Iterator[tuple[str, str]]:
    """Yield the host of each destination, and where it is."""
    for kind in ("http", "tls", "tcp"):
        for index, route in enumerate(spec.get(kind) or ()):
            for number, target in enumerate(route.get("route") or ()):
                yield f"{kind}[{index}].route[{number}].destination.host", ((target or {}).get("destination") or {}).get("host") or ""


def _http_problems(route: Raw) -> Iterator[str]:
    given = [key for key in _ANSWERS if route.get(key) or (key != "route" and route.get(key) is not None)]
    if len(given) > 1:
        yield f" has {' and '.join(given)}; only one of {', '.join(_ANSWERS)} is allowed"
    elif not given:
        yield f" does nothing with its requests; one of {', '.join(_ANSWERS)} must be given"
    weights = [target.get("weight") or 0 for target in route.get("route") or ()]
    if min(weights, default=0) < 0 or (len(weights) > 1 and not any(weights)):
        yield f".route has the weights {', '.join(map(str, weights))}; none may be negative, and one must be more than 0"
    redirect, rewrite = route.get("redirect"), route.get("rewrite") or {}
    if redirect is not None and not any(redirect.get(key) for key in ("uri", "authority", "scheme", "port", "derivePort")):
        yield ".redirect leads to the same place; give uri, authority, scheme or port"
    if rewrite.get("uri") and rewrite.get("uriRegexRewrite"):
        yield ".rewrite has uri and uriRegexRewrite; only one of them is allowed"
    for path, least, most in _RANGES:
        value: Any = route
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)) and value and not least <= value <= most:
            yield f".{path} is {value}; it must be from {least} to {most}"


def destination_rule(spec: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a DestinationRule that fits its schema."""
    if _wrong_host(spec.get("host") or ""):
        yield f"host is '{spec['host']}'; {_SERVICE}"
    names = Counter(subset.get("name") for subset in spec.get("subsets") or ())
    yield from (f"subsets has the name '{name}' {many} times; each subset has a name of its own" for name, many in _several(names))
    for place, policy in (("", spec), *((f"subsets[{index}].", subset) for index, subset in enumerate(spec.get("subsets") or ()))):
        tls = (policy.get("trafficPolicy") or {}).get("tls") or {}
        if tls.get("mode") == "MUTUAL" and not (tls.get("credentialName") or (tls.get("clientCertificate") and tls.get("privateKey"))):
            yield f"{place}trafficPolicy.tls.mode is MUTUAL, and no client certificate is named; give credentialName, or files"
        files = [key for key in ("clientCertificate", "privateKey", "caCertificates", "caCrl") if tls.get(key)]
        if tls.get("mode") in ("SIMPLE", "MUTUAL") and tls.get("credentialName") and files:
            yield f"{place}trafficPolicy.tls has credentialName and {' and '.join(files)}; remove one of them"


def solver(spec: Raw) -> Iterator[str]:
    """Yield what cert-manager refuses of a solver that fits its schema."""
    kinds = [key for key in ("http01", "dns01") if key in spec]
    if len(kinds) > 1:
        yield " has http01 and dns01; cert-manager takes one of them in a solver, make two solvers of it"
    http01, dns01 = (spec.get(key) or {} for key in ("http01", "dns01"))
    if not isinstance(http01, Mapping) or not isinstance(dns01, Mapping):
        return
    ways = [key for key in ("ingress", "gatewayHTTPRoute") if http01.get(key) is not None]
    if len(ways) > 1:
        yield ".http01 has ingress and gatewayHTTPRoute; only one of them is allowed"
    ingress = http01.get("ingress") or {}
    named = [key for key in ("ingressClassName", "class", "name") if ingress.get(key)]
    if len(named) > 1:
        yield f".http01.ingress has {' and '.join(named)}; only one of them is allowed"
    if ingress.get("serviceType") not in (None, "", "ClusterIP", "NodePort"):
        yield f".http01.ingress.serviceType is '{ingress['serviceType']}'; allowed: ClusterIP, NodePort"
    if "dns01" in spec:
        known = sorted(set(schema_of("ClusterIssuer.acme.solvers.dns01")["properties"]) - {"cnameStrategy"})
        providers = [key for key in dns01 if key != "cnameStrategy" and dns01[key] is not None]
        if len(providers) != 1:
            has = " and ".join(providers) or "no provider"
            yield f".dns01 has {has}; it takes one of {', '.join(known)}"
        for provider, needed in _PROVIDERS:
            fields = dns01.get(provider)
            if isinstance(fields, Mapping):
                yield from (f".dns01.{provider} {problem}" for problem in needed(fields))


def _cloudflare(fields: Raw) -> Iterator[str]:
    given = [key for key in ("apiTokenSecretRef", "apiKeySecretRef") if fields.get(key)]
    if len(given) != 1:
        yield f"has {' and '.join(given) or 'no token'}; give apiTokenSecretRef, or apiKeySecretRef with email"
    elif given == ["apiKeySecretRef"] and not fields.get("email"):
        yield "has apiKeySecretRef without email; give it, or an API token in apiTokenSecretRef"


def _rfc2136(fields: Raw) -> Iterator[str]:
    if not fields.get("nameserver"):
        yield "has no nameserver; give its address, such as 192.0.2.53:53"
    if str(fields.get("tsigAlgorithm") or TSIG[0]).upper() not in TSIG:
        yield f"has the tsigAlgorithm '{fields['tsigAlgorithm']}'; allowed: {', '.join(TSIG)}"
    if bool(fields.get("tsigKeyName")) != bool((fields.get("tsigSecretSecretRef") or {}).get("name")):
        yield "has one of tsigKeyName and tsigSecretSecretRef; give both, or none"


def _azure(fields: Raw) -> Iterator[str]:
    login = [key for key in ("clientID", "clientSecretSecretRef", "tenantID") if fields.get(key)]
    if 0 < len(login) < 3 or (login and fields.get("managedIdentity")):
        yield f"has {', '.join(login)}; give all of clientID, clientSecretSecretRef, tenantID, or managedIdentity alone"
    yield from (f"has no {key}; it is needed" for key in ("subscriptionID", "resourceGroupName") if not fields.get(key))


_PROVIDERS: tuple[tuple[str, Callable[[Raw], Iterator[str]]], ...] = (
    ("cloudflare", _cloudflare),
    ("rfc2136", _rfc2136),
    ("azureDNS", _azure),
)


def issuer(spec: Raw) -> Iterator[str]:
    """Yield what cert-manager refuses of an issuer that fits its schema."""
    given = [key for key in ("acme", "ca", "selfSigned", "vault", "venafi") if spec.get(key) is not None]
    if len(given) > 1:
        yield f" has {' and '.join(given)}; an issuer is one of them"
    solvers = (spec.get("acme") or {}).get("solvers") if isinstance(spec.get("acme"), Mapping) else ()
    for index, each in enumerate(solvers if isinstance(solvers, (list, tuple)) else ()):
        yield from (f".acme.solvers[{index}]{problem}" for problem in solver(each) if isinstance(each, Mapping))
