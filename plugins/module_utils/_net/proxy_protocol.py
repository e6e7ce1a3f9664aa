# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PROXY header that a gateway behind a TCP proxy expects at the start of each connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json

# Without an address: the gateway then takes the connection's own.
HEADER = b"PROXY UNKNOWN\r\n"

HEADER_MISSING = (
    "the gateway there answers only connections that begin with a PROXY header, and this one had none; "
    "let clients come through the proxy, and set edge_proxy_protocol to true for what asks the hosts themselves"
)
HEADER_UNEXPECTED = (
    "the gateway there expects no PROXY header, and this connection began with one; "
    "set edge_proxy_protocol to false, or run the role istio so that the gateway expects the proxy"
)


def opening(proxy_protocol: bool) -> bytes:
    """What a connection begins with."""
    return HEADER if proxy_protocol else b""


def other_way(proxy_protocol: bool) -> str:
    """What is wrong where a connection works without the header, or with it, only."""
    return HEADER_UNEXPECTED if proxy_protocol else HEADER_MISSING


def pod_expects_header(pod: Mapping[str, Any]) -> bool:
    """Whether the listeners of a gateway pod expect the header, by the configuration that istiod put into it."""
    topology = proxy_config(pod).get("gatewayTopology") or {}
    # {} turns it on.
    return topology.get("proxyProtocol") is not None


def proxy_config(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The proxyConfig that istiod put into a gateway pod; empty where there is none."""
    for container in (pod.get("spec") or {}).get("containers") or []:
        for entry in container.get("env") or []:
            if entry.get("name") == "PROXY_CONFIG":
                return _parsed(str(entry.get("value") or ""))
    return {}


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = parse_json(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
