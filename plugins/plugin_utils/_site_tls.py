# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads how a site ends TLS, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer

TLS_VERSIONS = {"1.2": "TLSV1_2", "1.3": "TLSV1_3"}
# Suites of TLS 1.2 that Istio passes on (pkg/config/security); those of TLS 1.3 cannot be chosen.
CIPHER_SUITES = (
    *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"),
    *("ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"),
    "DES-CBC3-SHA",
)
# Modes in which clients show a certificate.
MUTUAL_MODES = ("MUTUAL", "OPTIONAL_MUTUAL")


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


def read_tls(fields: Fields) -> Tls:
    """Read O(tls)."""
    at = fields.nested("tls") if "tls" in fields.raw else None
    if at is None:
        return Tls()
    at.only(spec.TLS)
    suites = tuple(at.texts("cipher_suites"))
    for suite in suites:
        if suite not in CIPHER_SUITES:
            fields.unknown("tls.cipher_suites", suite, CIPHER_SUITES, "suites of TLS 1.3 are always on")
    return Tls(
        mode=at.choice("mode", spec.TLS["mode"]["choices"]) or spec.TLS["mode"]["default"],
        credential=at.name("credential"),
        ca_certificate=at.pem_certificate("ca_certificate"),
        client_ca=at.choice("client_ca", spec.TLS["client_ca"]["choices"]),
        min_version=at.choice("min_version", spec.TLS["min_version"]["choices"]),
        max_version=at.choice("max_version", spec.TLS["max_version"]["choices"]),
        cipher_suites=suites,
        subject_alt_names=tuple(at.texts("subject_alt_names")),
    )


def suite_problems(tls: Tls, issuer: str | None, algorithm: str) -> Iterator[str]:
    """Yield the versions and cipher suites with which no client, or none of TLS 1.2, can connect."""
    if tls.min_version and tls.max_version and tls.min_version > tls.max_version:
        yield f"tls.min_version is '{tls.min_version}' and tls.max_version '{tls.max_version}'; no version is left between them"
    known = [suite for suite in tls.cipher_suites if suite in CIPHER_SUITES]
    for_rsa = algorithm == "RSA"
    if known and issuer and tls.min_version != "1.3" and not any(("ECDSA" not in suite) == for_rsa for suite in known):
        other = "ECDHE-RSA-..." if for_rsa else "ECDHE-ECDSA-..."
        yield (
            f"tls.cipher_suites has {', '.join(known)}, none of which fits a key of algorithm {algorithm}; "
            f"add a suite {other}, or set certificate.private_key.algorithm"
        )


def client_problems(tls: Tls, issuer_name: str | None, issuer: Issuer | None) -> Iterator[str]:
    """Yield why a site would let in no client, or every one that may get a certificate of its issuer."""
    if tls.mode not in MUTUAL_MODES:
        for key in ("ca_certificate", "client_ca"):
            if getattr(tls, key):
                yield f"tls.{key} is for {' and '.join(MUTUAL_MODES)}, tls.mode is {tls.mode}"
    elif tls.ca_certificate and tls.client_ca:
        yield "tls has ca_certificate and client_ca; remove one of them"
    elif issuer and not tls.ca_certificate:
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
