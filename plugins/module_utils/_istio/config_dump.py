# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy's admin answers as plain data: which secrets it holds, which listeners could not start.

A dump is a diagnosis, never a proof: Envoy lists a secret whose key it has refused as active.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import Leaf, TlsError, leaf_of_pem


@dataclass(frozen=True)
class HeldSecret:
    """One secret in Envoy, without its key."""

    name: str
    state: str
    last_updated: str
    leaf: Leaf | None
    is_ca: bool


def held_secrets(dump: Mapping[str, Any]) -> list[HeldSecret]:
    """Secrets of a config dump masked to them, or of one with a resource filter."""
    found: list[HeldSecret] = []
    for config in dump.get("configs") or []:
        if "dynamic_active_secrets" in config or "dynamic_warming_secrets" in config:
            found += [_held(e, "active") for e in config.get("dynamic_active_secrets") or []]
            found += [_held(e, "warming") for e in config.get("dynamic_warming_secrets") or []]
        elif str(config.get("@type", "")).endswith("DynamicSecret"):
            warming = config.get("version_info") == "uninitialized"
            found.append(_held(config, "warming" if warming else "active"))
    # The mesh's own workload certificate is not asked for here.
    return sorted((s for s in found if s.name not in ("default", "ROOTCA")), key=lambda s: (s.name, s.state))


def listener_errors(dump: Mapping[str, Any], port: int) -> list[str]:
    """Why Envoy refused a listener on that port; empty where it did not."""
    return [str(e["error_state"].get("details") or "refused") for e in _listeners(dump, port) if e.get("error_state")]


def _listeners(dump: Mapping[str, Any], port: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for config in dump.get("configs") or []:
        entries = config.get("dynamic_listeners") or ([config] if "name" in config else [])
        found += [e for e in entries if str(e.get("name", "")).endswith(f"_{port}")]
    return found


def _held(entry: Mapping[str, Any], state: str) -> HeldSecret:
    secret = entry.get("secret") or {}
    chain = ((secret.get("tls_certificate") or {}).get("certificate_chain") or {}).get("inline_bytes")
    authority = ((secret.get("validation_context") or {}).get("trusted_ca") or {}).get("inline_bytes")
    return HeldSecret(
        name=str(entry.get("name") or ""),
        state=state,
        last_updated=str(entry.get("last_updated") or ""),
        leaf=_leaf(chain or authority),
        is_ca=bool(authority),
    )


def _leaf(encoded: Any) -> Leaf | None:
    if not encoded:
        return None
    try:
        return leaf_of_pem(base64.b64decode(encoded))
    except (TlsError, binascii.Error, ValueError):
        return None
