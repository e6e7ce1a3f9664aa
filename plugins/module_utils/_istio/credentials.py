# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of Istio Gateways: names, and what a Secret must hold so that istiod and Envoy take it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cause import FINAL, Cause
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import (
    Leaf,
    TlsError,
    covers,
    iso,
    key_matches,
    leaf_of_pem,
    probe_name,
)

MUTUAL_MODES = frozenset(("MUTUAL", "OPTIONAL_MUTUAL"))
CA_SUFFIX = "-cacert"

# istiod tries the generic names before those of a TLS Secret: a stray pair hides the one that cert-manager writes.
_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
_CA_KEYS = ("cacert", "ca.crt")


@dataclass(frozen=True)
class Credential:
    """One entry of the option credentials; outbound: for what pods connect to; port: where its listener has one of its own."""

    name: str
    hosts: tuple[str, ...]
    mode: str = "SIMPLE"
    credential_names: tuple[str, ...] = ()
    ca_credential_name: str | None = None
    outbound: bool = False
    port: int | None = None

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Secrets with a certificate and key; two where one is RSA and one ECDSA. Outbound, only MUTUAL shows a certificate."""
        return () if self.outbound and self.mode not in MUTUAL_MODES else self.credential_names or (self.name,)

    @property
    def ca_name(self) -> str | None:
        """The Secret with the authority that judges the other side: clients in the mutual modes, outbound servers in all."""
        if not self.outbound and self.mode not in MUTUAL_MODES:
            return None
        return self.ca_credential_name or (self.credential_names or (self.name,))[0] + CA_SUFFIX

    @property
    def server_names(self) -> tuple[str, ...]:
        """Names to ask for in a handshake; a wildcard is tried by one name that it covers."""
        return tuple(probe_name(h) for h in self.hosts)


def resource_name(name: str) -> str:
    """The name under which Envoy asks istiod for a credentialName."""
    return name if "://" in name else f"kubernetes://{name}"


def server_leaf(secret: Mapping[str, Any]) -> Leaf:
    """The certificate that Envoy would serve from the Secret. Raises TlsError, whose text follows the name of the Secret."""
    data = secret.get("data") or {}
    for certificate_key, key_key in _PAIRS:
        certificate, key = _decode(data, certificate_key), _decode(data, key_key)
        if not certificate or not key:
            continue
        leaf = leaf_of_pem(certificate)
        if not key_matches(certificate, key):
            raise TlsError(
                f"the private key in {key_key} does not belong to the certificate in {certificate_key}; replace both together "
                "(cert-manager does so if the Secret of a Certificate is deleted)"
            )
        return leaf
    found = ", ".join(sorted(data)) or "nothing"
    raise TlsError(f"it has neither tls.crt and tls.key nor cert and key (it holds {found})")


def secret_causes(credential: Credential, namespace: str, secrets: Mapping[str, Mapping[str, Any] | None], wall: float) -> list[Cause]:
    """What is wrong with the Secrets of one credential; waiting alone does not change it.

    Args:
        credential: what is to be served.
        namespace: the namespace of the gateway pods.
        secrets: Secrets by name, None for those that do not exist.
        wall: now, in seconds since 1970.
    """
    found: list[str] = []
    for name in credential.secret_names:
        secret = secrets.get(name)
        if secret is None:
            where = ", where the pods that begin TLS run" if credential.outbound else ", where the gateway pods run"
            found.append(f"Secret {name} does not exist in namespace {namespace}{where}")
            continue
        try:
            leaf = server_leaf(secret)
        except TlsError as exc:
            found.append(f"Secret {namespace}/{name}: {exc}")
            continue
        found += [f"Secret {namespace}/{name}: {problem}" for problem in _leaf_problems(credential, leaf, wall)]
    found += _ca_problems(credential, namespace, secrets)
    return [Cause(text, FINAL, about=credential.name) for text in found]


def _leaf_problems(credential: Credential, leaf: Leaf, wall: float) -> list[str]:
    problems = []
    if wall > leaf.not_after.timestamp():
        problems.append(f"its certificate expired at {iso(leaf.not_after)}; have it renewed")
    elif wall < leaf.not_before.timestamp():
        problems.append(f"its certificate is not valid before {iso(leaf.not_before)}; is the time of this host right?")
    missing = [host for host in credential.hosts if host != "*" and not covers(leaf.dns_names, host)]
    if missing:
        problems.append(f"its certificate is for {', '.join(leaf.dns_names) or 'no DNS name'}, not for {', '.join(missing)}")
    return problems


def _ca_problems(credential: Credential, namespace: str, secrets: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """In the mutual modes the authority comes from X-cacert, or from a CA key in X itself."""
    if credential.ca_name is None:
        return []
    own = credential.ca_name.removesuffix(CA_SUFFIX)
    for name in (credential.ca_name, own):
        secret = secrets.get(name)
        data = (secret or {}).get("data") or {}
        for key in _CA_KEYS:
            value = _decode(data, key)
            if not value:
                continue
            try:
                leaf_of_pem(value)
            except TlsError as exc:
                return [f"Secret {namespace}/{name}: {key} is not a CA certificate: {exc}"]
            return []
        if secret is not None and name == credential.ca_name:
            return [f"Secret {namespace}/{name} has neither cacert nor ca.crt"]
    absent = credential.outbound and secrets.get(own) is None
    if absent and credential.secret_names:
        return []  # It is named already, and may hold the authority, too.
    needs = "needs the authority of the server" if credential.outbound else "needs the authority of client certificates"
    lacks = "does not exist either" if absent else "has no ca.crt"
    text = f"mode {credential.mode} {needs}: Secret {credential.ca_name} does not exist in namespace {namespace}, and Secret {own} {lacks}"
    return [text]


def secret_names(credentials: Sequence[Credential]) -> list[str]:
    """Names of all Secrets to read, each once."""
    names: list[str] = []
    for credential in credentials:
        # istiod takes the name without its end where there is no Secret of that name.
        authority = credential.ca_name
        names += [*credential.secret_names, *([authority, authority.removesuffix(CA_SUFFIX)] if authority else [])]
    return list(dict.fromkeys(names))


def names_of(credentials: Sequence[Credential]) -> str:
    """All of them, for a sentence."""
    return ", ".join(credential.name for credential in credentials)


def _decode(data: Mapping[str, str], key: str) -> bytes:
    try:
        return base64.b64decode(data.get(key) or "", validate=True)
    except (binascii.Error, ValueError):
        return b""
