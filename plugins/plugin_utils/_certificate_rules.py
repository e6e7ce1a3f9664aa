# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cert-manager and public authorities make of a certificate that is asked for, by a site or by a manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.baremesh.edge.plugins.plugin_utils._durations import seconds
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer
from ansible_collections.baremesh.edge.plugins.plugin_utils._renewal_rules import lifetime_problems

_SELECTORS = ("dnsNames", "dnsZones", "matchLabels")
_SUFFIXES = Path(__file__).with_name("_public_suffixes.json")
# Limits of cert-manager's webhook: https://cert-manager.io/docs/usage/certificate/
_CURVES = (256, 384, 521)
_RSA_LEAST, _RSA_MOST = 2048, 8192
_COMMON_NAME_LIMIT = 64
_LABEL = re.compile(r"(?!-)[-A-Za-z0-9]{1,63}(?<!-)")
# RFC 6761, 6762, 7686, 8375, 9476 and ICANN's resolutions on names that are never delegated.
SPECIAL_USE = (
    *("alt", "corp", "example", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "mail", "onion"),
    *("test", "docker.internal", "home.arpa"),
)


@dataclass(frozen=True)
class Authority:
    """An authority that the public trusts.

    Attributes:
        name: What people call it.
        directories: Hosts of its ACME directories.
        caa: Names by which CAA records allow it, unless its directory says others.
        keys: Sizes that it takes, by algorithm; an algorithm that is missing takes all that cert-manager makes.
        lifetimes: Hours that its certificates live, by profile.
        most_names: How many names a certificate may have, by profile; "" is for all others.
        most_labels: How many labels a name may have.
        longest: How many characters a name may have.
        no_email: Domains of addresses that it takes for no contact.
    """

    name: str
    directories: tuple[str, ...]
    caa: tuple[str, ...]
    keys: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    most_names: Mapping[str, int] = field(default_factory=lambda: {"": 100})
    most_labels: int = 127
    longest: int = 253
    no_email: tuple[str, ...] = ()


# https://letsencrypt.org/docs/profiles/, https://letsencrypt.org/docs/integration-guide/ and what the directories of the others say.
AUTHORITIES = (
    Authority(
        "Let's Encrypt",
        ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org"),
        ("letsencrypt.org",),
        {"RSA": (2048, 3072, 4096), "ECDSA": (256, 384)},
        {"shortlived": 160, "tlsserver": 45 * 24, "classic": 90 * 24},
        {"": 100, "shortlived": 25, "tlsserver": 25},
        most_labels=10,
        longest=230,
        # Of RFC 2606, which people leave as they found them: policy/pa.go of Boulder.
        no_email=("example.com", "example.net", "example.org"),
    ),
    Authority("ZeroSSL", ("acme.zerossl.com",), ("sectigo.com", "zerossl.com")),
    Authority("Google Trust Services", ("dv.acme-v02.api.pki.goog", "dv.acme-v02.test-api.pki.goog"), ("pki.goog",)),
    Authority("Buypass", ("api.buypass.com", "api.test4.buypass.no"), ("buypass.com", "buypass.no")),
    Authority("SSL.com", ("acme.ssl.com",), ("ssl.com",)),
    Authority("Sectigo", ("acme.sectigo.com",), ("sectigo.com",)),
    Authority("DigiCert", ("acme.digicert.com",), ("digicert.com",)),
    Authority("Actalis", ("acme-api.actalis.com",), ("actalis.it",)),
)


def authority_of(server: str) -> Authority | None:
    """Return the public authority of an ACME directory, None for any other server."""
    try:
        host = urlsplit(server).hostname
    except ValueError:
        return None
    return next((authority for authority in AUTHORITIES if host in authority.directories), None)


def refused_email(server: str, email: str) -> str:
    """Return the contact of an account if a public authority refuses it, else empty text."""
    authority = authority_of(server)
    if authority is None or not authority.no_email or not email:
        return ""
    domain = email.rpartition("@")[2].lower()
    return "" if email.isascii() and "." in domain and domain not in authority.no_email else email


@dataclass(frozen=True)
class Asked:
    """A certificate that is asked for.

    Attributes:
        hosts: Its DNS names.
        algorithm: Algorithm of its key.
        size: Size of its key, None for cert-manager's default.
        duration: How long it shall live, None for cert-manager's default.
        renew_before: How long before its end it is renewed.
        renew_share: Percentage of its lifetime that is left when it is renewed, instead of that.
        common_name: Its common name.
        others: Kinds of names that it has beside DNS names, as their fields are called.
        labels: Labels of the Certificate, by which solvers may select it.
        words: Names of the fields where users write them.
    """

    hosts: Sequence[str]
    algorithm: str
    size: int | None = None
    duration: str | None = None
    renew_before: str | None = None
    renew_share: int | None = None
    common_name: str | None = None
    others: Sequence[str] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """Return the name of a field."""
        return self.words.get(name, name)


SITE_WORDS = {
    "size": "certificate.private_key.size",
    "algorithm": "certificate.private_key.algorithm",
    "duration": "certificate.duration",
    "renew_before": "certificate.renew_before",
    "common_name": "certificate.common_name",
}
MANIFEST_WORDS = {
    "hosts": "dnsNames",
    "size": "privateKey.size",
    "algorithm": "privateKey.algorithm",
    "duration": "duration",
    "renew_before": "renewBefore",
    "common_name": "commonName",
}


def key_problems(algorithm: str | None, size: int | None, word: str = "size") -> Iterator[str]:
    """Yield what cert-manager refuses of a key."""
    if size is None:
        return
    if algorithm == "ECDSA" and size not in _CURVES:
        yield f"{word} is {size}, and the algorithm is ECDSA; allowed: {', '.join(map(str, _CURVES))} (RSA has {_RSA_LEAST} to {_RSA_MOST})"
    if algorithm == "RSA" and not _RSA_LEAST <= size <= _RSA_MOST:
        yield f"{word} is {size}, and the algorithm is RSA; allowed: {_RSA_LEAST} to {_RSA_MOST} (ECDSA has 256, 384 and 521)"


def _solver_fits(solver: Mapping[str, Any], host: str, labels: Mapping[str, Any]) -> bool:
    if host.startswith("*.") and "dns01" not in solver:
        return False
    selector = solver.get("selector")
    if not isinstance(selector, Mapping):
        return True
    names, zones, selected = (selector.get(key) or () for key in _SELECTORS)
    in_zone = bool(_longest_zone(host, zones))
    own = selected.items() if isinstance(selected, Mapping) else ()
    # The label of the installation is added when the objects are applied.
    labelled = all(labels.get(key) == value for key, value in own if key != "baremesh.edge/instance")
    return (not names or host in names) and (not zones or in_zone) and labelled


def _longest_zone(host: str, zones: Any) -> int:
    """Return how long the longest of the zones is in which a host is, 0 for none."""
    given = [str(zone).lower().strip(".") for zone in (zones if isinstance(zones, (list, tuple)) else [zones])]
    return max((len(zone) for zone in given if f".{host.lower()}".endswith(f".{zone}")), default=0)


def solver_for(host: str, solvers: Sequence[Mapping[str, Any]], labels: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the solver that cert-manager takes for a name: by dnsNames, then the longest zone, then the most labels, then the order."""

    def rank(solver: Mapping[str, Any]) -> tuple[bool, int, int]:
        selector = solver.get("selector")
        names, zones, selected = ((selector.get(key) if isinstance(selector, Mapping) else None) or () for key in _SELECTORS)
        return bool(names), _longest_zone(host, zones), len(selected) if isinstance(selected, Mapping) else 0

    return max((solver for solver in solvers if _solver_fits(solver, host, labels)), key=rank, default=None)


def _solver_problems(asked: Asked, issuer: Issuer) -> Iterator[str]:
    word = asked.word("hosts")
    for host in asked.hosts:
        if host.startswith("*.") and issuer.http01_only:
            yield f"{word} has '{host}', and issuer '{issuer.name}' proves names by HTTP-01 only; wildcards need DNS-01"
        elif issuer.solvers and not any(_solver_fits(solver, host, asked.labels) for solver in issuer.solvers):
            need = " with dns01" if host.startswith("*.") else ""
            yield f"{word} has '{host}', and no solver of issuer '{issuer.name}' fits it; add a solver{need} whose selector takes this name"


@cache
def _top_level_domains() -> frozenset[str]:
    return frozenset(rule.rpartition(".")[2] for rule in _suffix_rules())


@cache
def _suffix_rules() -> frozenset[str]:
    return frozenset(json.loads(_SUFFIXES.read_text(encoding="utf-8"))["suffixes"].split())


def is_public_suffix(name: str) -> bool:
    """Return whether a name is one under which anyone registers names, such as com or co.uk. All top-level domains count."""
    return "." not in name or is_known_suffix(name)


def is_known_suffix(name: str) -> bool:
    """Return whether a name is on the list of public suffixes."""
    rules = _suffix_rules()
    return name in rules or (f"*.{name.partition('.')[2]}" in rules and f"!{name}" not in rules)


def _is_punycode(label: str) -> bool:
    """Return whether a label is one of another alphabet, in the form of DNS."""
    try:
        return label.startswith("xn--") and not label[4:].encode().decode("punycode").isascii()
    except UnicodeError:
        return False


def _refused_name(host: str, hosts: Sequence[str], authority: Authority) -> str | None:
    """Return why a public authority does not issue for a name, None if it may."""
    bare = host.removeprefix("*.")
    labels = bare.split(".")
    if len(bare) > authority.longest or len(labels) > authority.most_labels:
        return f"it has {len(labels)} labels and {len(bare)} characters; at most {authority.most_labels} and {authority.longest} are taken"
    if labels[-1].isdecimal():
        return "an address is not a DNS name"
    if not all(map(_LABEL.fullmatch, labels)):
        return "it must be a DNS name of letters, digits, '-' and '.'"
    reserved = next((label for label in labels if label[2:4] == "--" and not _is_punycode(label)), None)
    if reserved:
        return f"'{reserved}' has '--' where names of other alphabets have it, and is none; use another name"
    special = next((name for name in reversed(SPECIAL_USE) if f".{bare}".endswith(f".{name}")), None)
    if special:
        return f"no public authority issues for names under '{special}'; use an issuer of type ca or selfsigned"
    if is_public_suffix(bare):
        return f"'{bare}' is a public suffix, under which others register names; name a domain of your own"
    parent = f"*.{host.partition('.')[2]}"
    if parent in hosts and not host.startswith("*."):
        return f"'{parent}' beside it already covers it, and an order with both is refused; remove one of them, or make two sites"
    return None


def _authority_problems(asked: Asked, issuer: Issuer, authority: Authority) -> Iterator[str]:
    who = f"issuer '{issuer.name}' is {authority.name}"
    profile = str(issuer.acme.get("profile") or "")
    for host in asked.hosts:
        reason = _refused_name(host, asked.hosts, authority)
        if reason:
            yield f"{asked.word('hosts')} has '{host}', and {who}: {reason}"
    for kind in asked.others:
        if kind != "ipAddresses":
            yield f"{kind} is given, and {who}: public authorities certify DNS names only, use an issuer of type ca or selfsigned"
        elif profile != "shortlived" and "shortlived" in authority.most_names:
            yield f"{kind} is given, and {who}, which certifies addresses with profile shortlived only; set profile of the issuer"
    most = authority.most_names.get(profile, authority.most_names[""])
    if len(asked.hosts) > most:
        of_profile = f" with profile {profile}" if profile and profile in authority.most_names else ""
        yield f"{asked.word('hosts')} has {len(asked.hosts)} names, and {who}, which takes at most {most} in one certificate{of_profile}"
    if asked.algorithm == "Ed25519":
        yield f"{asked.word('algorithm')} is Ed25519, and {who}: public authorities take RSA and ECDSA keys only"
    sizes = authority.keys.get(asked.algorithm)
    if sizes and asked.size is not None and asked.size not in sizes and not any(key_problems(asked.algorithm, asked.size)):
        allowed = f"{asked.algorithm} keys of {', '.join(map(str, sizes))} bits only"
        yield f"{asked.word('size')} is {asked.size}, and {who}, which takes {allowed}"


def problems(asked: Asked, issuer: Issuer | None) -> Iterator[str]:
    """Yield a sentence for each reason why a certificate can never be issued, by its issuer as far as that is known."""
    if not asked.word("size").startswith("certificate_private_key"):  # the variable has a finding of its own
        yield from key_problems(asked.algorithm, asked.size, asked.word("size"))
    yield from lifetime_problems(asked.duration, asked.renew_before, asked.renew_share, asked.word)
    name = asked.common_name
    if name and len(name) > _COMMON_NAME_LIMIT:
        yield f"{asked.word('common_name')} has {len(name)} characters; at most {_COMMON_NAME_LIMIT} fit into a certificate, leave it out"
    if issuer is None or not issuer.acme:
        return
    if name and name not in asked.hosts:
        yield (
            f"{asked.word('common_name')} is '{name}', which is not in {asked.word('hosts')}; "
            f"ACME issuer '{issuer.name}' refuses it, add it there or leave it out"
        )
    yield from _solver_problems(asked, issuer)
    authority = authority_of(issuer.server)
    if authority:
        yield from _authority_problems(asked, issuer, authority)


def surprises(asked: Asked, issuer: Issuer | None) -> Iterator[str]:
    """Yield a sentence for each thing that works otherwise than it reads."""
    authority = authority_of(issuer.server) if issuer else None
    if issuer is None or not issuer.acme:
        return
    if authority is None:
        redundant = [host for host in asked.hosts if not host.startswith("*.") and f"*.{host.partition('.')[2]}" in asked.hosts]
        if redundant:
            yield f"{asked.word('hosts')} has '{redundant[0]}' beside a wildcard that covers it; public authorities refuse such orders"
        return
    for host in asked.hosts:
        domain = host.rpartition(".")[2].lower()
        if domain not in _top_level_domains() and not _refused_name(host, asked.hosts, authority):
            yield (
                f"{asked.word('hosts')} has '{host}', and '{domain}' is not among the known top-level domains; {authority.name} issues for "
                "public names only, use an issuer of type ca or selfsigned for others"
            )
    hours = authority.lifetimes.get(str(issuer.acme.get("profile") or "classic"))
    before = seconds(asked.renew_before or "")
    if hours and before is not None and before >= hours * 3600:
        yield (
            f"{asked.word('renew_before')} is '{asked.renew_before}', and certificates of issuer '{issuer.name}' live {hours} hours; "
            "cert-manager then renews after two thirds of that time"
        )
    if hours and asked.duration and (seconds(asked.duration) or 0) > hours * 3600:
        yield (
            f"{asked.word('duration')} is '{asked.duration}', and {authority.name} decides itself: "
            f"certificates of issuer '{issuer.name}' live {hours} hours"
        )
    if authority.lifetimes and issuer.acme.get("profile") in (None, "", "classic") and before is not None and before >= 45 * 86400:
        yield (
            f"{asked.word('renew_before')} is '{asked.renew_before}', and {authority.name} shortens its certificates to 45 days by 2028; "
            "leave it out, and cert-manager renews after two thirds of whatever lifetime it gets"
        )
