# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Secret object to what the readiness predicate needs; the private key goes no further than here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import annotations_of, name_of
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import SecretFacts
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError, key_matches, leaf_of_pem


def absent_secret(name: str) -> SecretFacts:
    """A Secret that is not there."""
    return SecretFacts(name=name, exists=False, annotations={})


def secret_facts(secret: Mapping[str, Any]) -> SecretFacts:
    """Read tls.crt and tls.key of a Secret."""
    name = name_of(secret)
    annotations = dict(annotations_of(secret))
    data = secret.get("data") or {}
    try:
        certificate = _decode(data, "tls.crt")
        key = _decode(data, "tls.key")
        leaf = leaf_of_pem(certificate)
        matches = key_matches(certificate, key)
    except TlsError as exc:
        return SecretFacts(name=name, exists=True, annotations=annotations, problem=str(exc))
    return SecretFacts(name=name, exists=True, annotations=annotations, leaf=leaf, key_matches=matches)


def _decode(data: Mapping[str, str], key: str) -> bytes:
    value = data.get(key)
    if not value:
        raise TlsError(f"it has no {key}")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise TlsError(f"its {key} is not base64") from exc
