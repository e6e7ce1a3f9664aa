# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the webhooks of cert-manager and Istio refuse of raw manifests, said before there is an API whose webhooks could be asked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Raw = Mapping[str, Any]

_NAMES = ("commonName", "literalSubject", "dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_HOST = re.compile(r"([-.*~a-z0-9]+/)?[-.*_a-zA-Z0-9]+")
_CERTIFICATES = ("credentialName", "credentialNames", "serverCertificate", "tlsCertificates")
_PAIR = ("clientCertificate", "privateKey")
_VERSIONS = ("TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")
# What a rule of a VirtualService does with a request. It does one of these.
_ANSWERS = ("route", "redirect", "directResponse", "delegate")
# Parts of such a rule of which it has one at most, and of which it has one at least.
_ALTERNATIVES: dict[str, tuple[str, ...]] = {"redirect": ("uri", "prefixRewrite"), "rewrite": ("uri", "uriRegexRewrite")}
_NEEDED: dict[str, tuple[str, ...]] = {
    "redirect": ("uri", "prefixRewrite", "authority", "scheme", "port", "derivePort"),
    "rewrite": ("uri", "uriRegexRewrite", "authority"),
}
# Values that are allowed. With any other code Istio drops a redirect.
_VALUES: dict[str, range | tuple[Any, ...]] = {
    "redirect.redirectCode": (301, 302, 303, 307, 308),
    "redirect.scheme": ("http", "https"),
    "directResponse.status": range(200, 600),
    "fault.abort.httpStatus": range(200, 600),
    "fault.abort.percentage.value": range(101),
    "fault.delay.percentage.value": range(101),
    "mirrorPercentage.value": range(101),
    "retries.attempts": range(2**31),
}


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
    """Yield what Istio refuses of a Gateway that fits its schema."""
    for index, server in enumerate(spec.get("servers") or ()):
        place, tls = f"servers[{index}]", server.get("tls") or {}
        yield from (
            f"{place}.hosts has '{host}'; it must be a DNS name, '*' or NAMESPACE/NAME"
            for host in server.get("hosts") or ()
            if not _HOST.fullmatch(str(host))
        )
        mode = tls.get("mode")
        if mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and not any(tls.get(key) for key in _CERTIFICATES):
            yield f"{place}.tls.mode is {mode}, and no certificate is named; give {place}.tls.credentialName"
        least, most = (tls.get(f"{end}ProtocolVersion") for end in ("min", "max"))
        if least in _VERSIONS and most in _VERSIONS and least > most:
            yield f"{place}.tls.minProtocolVersion is {least} and maxProtocolVersion {most}; no version is left between them"


def destination_rule(spec: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a DestinationRule that fits its schema."""
    names = [subset.get("name") for subset in spec.get("subsets") or ()]
    yield from (f"subsets has '{name}' twice" for name in dict.fromkeys(names) if names.count(name) > 1)
    tls = (spec.get("trafficPolicy") or {}).get("tls") or {}
    files = [key for key in ("clientCertificate", "privateKey", "caCertificates", "caCrl") if tls.get(key)]
    if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
        yield from (f"trafficPolicy.tls.{key} is missing for mode MUTUAL; or give credentialName" for key in _PAIR if key not in files)
    if tls.get("mode") in ("SIMPLE", "MUTUAL") and tls.get("credentialName") and files:
        yield f"trafficPolicy.tls has credentialName and {' and '.join(files)}; remove one of them"


def virtual_service(spec: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a VirtualService that fits its schema."""
    yield from (f"hosts has '{host}'; it must be a name, '*' or an address" for host in spec.get("hosts") or () if re.search(r"\s|/", host))
    for index, route in enumerate(spec.get("http") or ()):
        yield from (f"http[{index}]{' ' if problem.startswith('has ') else '.'}{problem}" for problem in http_route(route))


def http_route(route: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a rule that fits its schema."""
    yield from _answers(route)
    for part, keys in _ALTERNATIVES.items():
        chosen = [key for key in keys if (route.get(part) or {}).get(key)]
        if len(chosen) > 1:
            yield f"{part} has {' and '.join(chosen)}; only one of them is allowed"
    for part, keys in _NEEDED.items():
        if route.get(part) is not None and not set(route[part]) & set(keys):
            yield f"{part} changes nothing; give it one of {', '.join(keys)}"
    retries = route.get("retries") or {}
    if retries.get("attempts") == 0 and len(retries) > 1:
        yield "retries.attempts is 0, so that nothing is tried again; remove the rest of retries"
    yield from _numbers(route)
    yield from _empty_conditions(route.get("match") or ())


def _answers(route: Raw) -> Iterator[str]:
    """Yield who cannot answer a request beside others."""
    given = [key for key in _ANSWERS if route.get(key)]
    if len(given) > 1:
        yield f"has {' and '.join(given)}; only one of {', '.join(_ANSWERS)} is allowed"
    for answer in ("redirect", "directResponse"):
        beside = [key for key in ("fault", "rewrite") if answer in given and route.get(key)]
        yield from (f"has {answer} and {key}; only one of them is allowed" for key in beside)
    shares = route.get("route") or ()
    if len(shares) > 1 and not any(entry.get("weight") for entry in shares):
        yield f"route has {len(shares)} entries, none of which has a weight above 0"


def _numbers(route: Raw) -> Iterator[str]:
    """Yield which parts of a rule have a value that is not among the allowed ones."""
    for path, allowed in _VALUES.items():
        value: Any = route
        for key in path.split("."):
            value = (value or {}).get(key)
        if value is None or value in allowed:
            continue
        if isinstance(allowed, tuple):
            yield f"{path} is {value}; allowed: {', '.join(map(str, allowed))}"
        elif not allowed.start <= value <= allowed[-1]:
            yield f"{path} is {value}; it must be from {allowed.start} to {allowed[-1]}"


def _empty_conditions(matches: Sequence[Raw]) -> Iterator[str]:
    """Yield the conditions on a text that compare it with nothing."""
    for match in matches:
        texts = [(key, match.get(key)) for key in ("method", "scheme", "authority")]
        texts += [
            (f"{key}.{name}", text) for key in ("headers", "withoutHeaders", "queryParams") for name, text in (match.get(key) or {}).items()
        ]
        for place, text in texts:
            yield from (f"match.{place} has an empty {kind}" for kind in ("prefix", "regex") if (text or {}).get(kind) == "")
