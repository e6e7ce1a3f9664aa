# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads how a site ends TLS, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer

TLS_VERSIONS = {"1.2": "TLSV1_2", "1.3": "TLSV1_3"}
_OF_TLS_1_3 = ("TLS_AES_", "TLS_CHACHA20_")
# Suites of TLS 1.2 that Istio passes on (pkg/config/security); those of TLS 1.3 cannot be chosen.
CIPHER_SUITES = (
    *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"),
    *("ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"),
    "DES-CBC3-SHA",
)
# Kinds of keys of which a server may have one each.
KEY_TYPES = ("ECDSA", "RSA")
# Seconds, by hstspreload.org.
PRELOAD_AGE = 31536000
# Modes in which clients show a certificate.
MUTUAL_MODES = ("MUTUAL", "OPTIONAL_MUTUAL")
# The mode of TCP sites without TLS.
NO_TLS = "NONE"
# The mode of sites for pods of the mesh.
OF_MESH = "ISTIO_MUTUAL"
# Modes in which the gateway has no certificate for the site, and why.
UNENDED = {
    "PASSTHROUGH": "with tls.mode PASSTHROUGH the application ends TLS",
    NO_TLS: "with tls.mode NONE there is no TLS",
    OF_MESH: "with tls.mode ISTIO_MUTUAL the gateway shows the certificate of the mesh",
}


@dataclass(frozen=True)
class Tls:
    """How a site ends TLS."""

    mode: str = "SIMPLE"
    # Secrets of the user's own.
    credentials: tuple[str, ...] = ()
    key_types: tuple[str, ...] = ()
    ca_certificate: str | None = None
    ca_secret: str | None = None
    crl: str | None = None
    client_ca: str | None = None
    min_version: str | None = None
    max_version: str | None = None
    cipher_suites: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    # Value of the header Strict-Transport-Security.
    hsts: str | None = None

    @property
    def key(self) -> str:
        """Return the field that names Secrets of the user's own."""
        return "credentials" if len(self.credentials) > 1 else "credential"


def read_tls(fields: Fields) -> Tls:
    """Read O(tls)."""
    at = fields.optional("tls")
    if at is None:
        return Tls()
    at.only(spec.TLS)
    suites = tuple(at.texts("cipher_suites"))
    for suite in suites:
        if suite.startswith(_OF_TLS_1_3):
            fields.report(f"tls.cipher_suites has '{suite}', a suite of TLS 1.3; those are always on, leave it out")
        elif suite not in CIPHER_SUITES:
            fields.unknown("tls.cipher_suites", suite, CIPHER_SUITES, "suites of TLS 1.3 are always on")
    single, several = at.name("credential"), at.names("credentials")
    at.fits("Gateway.servers.tls.credentialNames", several or None, word="credentials")
    if at.raw.get("credential") and at.raw.get("credentials"):
        at.report("has credential and credentials; remove one of them")
    key_types = tuple(dict.fromkeys(at.texts("key_types")))
    for key_type in key_types:
        if key_type not in KEY_TYPES:
            at.unknown("key_types", key_type, KEY_TYPES)
    return Tls(
        mode=at.choice("mode", spec.TLS["mode"]["choices"]) or spec.TLS["mode"]["default"],
        credentials=(single,) if single else tuple(several),
        key_types=key_types,
        ca_certificate=at.pem_certificate("ca_certificate"),
        ca_secret=at.name("ca_secret"),
        crl=at.pem_certificate("crl", label="X509 CRL"),
        client_ca=at.choice("client_ca", spec.TLS["client_ca"]["choices"]),
        min_version=at.choice("min_version", spec.TLS["min_version"]["choices"]),
        max_version=at.choice("max_version", spec.TLS["max_version"]["choices"]),
        cipher_suites=suites,
        subject_alt_names=tuple(at.texts("subject_alt_names")),
        hsts=_hsts(at),
    )


def _hsts(fields: Fields) -> str | None:
    """Return the header by which browsers never again ask without TLS."""
    at = fields.optional("hsts")
    if at is None:
        return None
    at.only(spec.HSTS)
    age = at.integer("max_age", 0, 2**31 - 1)
    age = spec.HSTS["max_age"]["default"] if age is None else age
    wide, preload = at.boolean("include_subdomains", False), at.boolean("preload", False)
    if preload and not (wide and age >= PRELOAD_AGE):
        at.report(f"preload is true; browsers take a site into their lists with include_subdomains and max_age of at least {PRELOAD_AGE}")
    return "; ".join([f"max-age={age}", *(["includeSubDomains"] if wide else []), *(["preload"] if preload else [])])


def suite_problems(tls: Tls, algorithms: Sequence[str]) -> Iterator[str]:
    """Yield the versions and cipher suites with which no client, or none of TLS 1.2, can connect.

    Args:
        tls: What the site says of TLS.
        algorithms: Those of the keys of certificates that are issued for it.
    """
    if tls.min_version and tls.max_version and tls.min_version > tls.max_version:
        yield f"tls.min_version is '{tls.min_version}' and tls.max_version '{tls.max_version}'; no version is left between them"
    known = [suite for suite in tls.cipher_suites if suite in CIPHER_SUITES]
    for algorithm in algorithms if known and tls.min_version != "1.3" else ():
        for_rsa = algorithm == "RSA"
        if not any(("ECDSA" not in suite) == for_rsa for suite in known):
            other = "ECDHE-RSA-..." if for_rsa else "ECDHE-ECDSA-..."
            field = "tls.key_types" if tls.key_types else "certificate.private_key.algorithm"
            yield (
                f"tls.cipher_suites has {', '.join(known)}, none of which fits a key of algorithm {algorithm}; "
                f"add a suite {other}, or set {field}"
            )


def credential_problems(tls: Tls, algorithm: str | None) -> Iterator[str]:
    """Yield what cannot be said of the site's own certificates."""
    passed = tls.mode in UNENDED
    for key in ("credential", "key_types", "hsts") if passed else ():
        if getattr(tls, key if key != "credential" else "credentials"):
            yield f"tls.{tls.key if key == 'credential' else key} is given, and {UNENDED[tls.mode]}"
    if tls.credentials and tls.key_types and not passed:
        yield f"tls.key_types is for certificates that are issued here, and tls.{tls.key} names Secrets of your own; remove one of them"
    if tls.key_types and algorithm:
        yield "tls.key_types and certificate.private_key.algorithm are given; remove one of them"


def client_problems(tls: Tls, issuer_name: str | None, issuer: Issuer | None) -> Iterator[str]:
    """Yield why a site would let in no client, or every one that may get a certificate of its issuer."""
    given = [key for key in ("ca_certificate", "ca_secret", "client_ca") if getattr(tls, key)]
    if tls.crl and not tls.ca_certificate:
        yield "tls.crl is for tls.ca_certificate; a Secret of your own holds the list beside its authority, in ca.crl"
    if tls.mode not in MUTUAL_MODES:
        yield from (f"tls.{key} is for {' and '.join(MUTUAL_MODES)}, tls.mode is {tls.mode}" for key in given)
    elif len(given) > 1:
        yield f"tls has {' and '.join(given)}; remove {'one' if len(given) == 2 else 'two'} of them"
    elif issuer and not (tls.ca_certificate or tls.ca_secret):
        start = f"tls.mode is {tls.mode} without tls.ca_certificate, and"
        if issuer.acme:
            yield f"{start} ACME issuer '{issuer_name}' puts no ca.crt into the Secret"
        elif not tls.client_ca or not tls.subject_alt_names:
            yield (
                f"{start} everybody who may get a certificate of issuer '{issuer_name}' would be let in; give tls.ca_certificate, the "
                "authority of your clients, or tls.client_ca: issuer with the names of clients in tls.subject_alt_names"
            )
    elif tls.client_ca and not issuer_name:
        yield "tls.client_ca is 'issuer', and the site has no issuer; give tls.ca_certificate"
