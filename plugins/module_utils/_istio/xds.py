# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two messages of xDS that asking istiod for secrets needs. No input or output.

Field numbers are those of Envoy's API v3. Of a secret only its certificates are read: a private key is skipped unread.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.baremesh.edge.plugins.module_utils._istio.protobuf import ProtobufError, Value, decode, encode, inner, raw, text

SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 (the name of a type)
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


@dataclass(frozen=True)
class Node:
    """Whom istiod is to take the asker for."""

    node_id: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Offer:
    """The certificates of one secret that istiod sends: a chain with a key, or authorities for client certificates."""

    chain: bytes = b""
    authority: bytes = b""


@dataclass(frozen=True)
class Response:
    """One answer of istiod."""

    version: str
    nonce: str
    offers: Mapping[str, Offer]


def request(node: Node | None, names: Sequence[str], version: str = "", nonce: str = "") -> bytes:
    """Ask for secrets; with the nonce of an answer, acknowledge it. The node is said once in a stream."""
    fields: list[tuple[int, Value]] = []
    if version:
        fields.append((1, version))
    if node is not None:
        fields.append((2, _node(node)))
    fields += [(3, name) for name in names]
    fields.append((4, SECRET_TYPE))
    if nonce:
        fields.append((5, nonce))
    return encode(fields)


def response(data: bytes) -> Response:
    """Read an answer. Raises ProtobufError."""
    message = decode(data)
    offers: dict[str, Offer] = {}
    for resource in message.get(2, []):
        if not isinstance(resource, bytes):
            raise ProtobufError("a resource is a number")
        wrapped = decode(resource)
        if text(wrapped, 1) != SECRET_TYPE:
            continue
        secret = inner(wrapped, 2)
        chain = _data(inner(inner(secret, 2), 1))
        authority = _data(inner(inner(secret, 4), 1))
        offers[text(secret, 1)] = Offer(chain, authority)
    return Response(text(message, 1), text(message, 5), offers)


def _node(node: Node) -> bytes:
    metadata = [(1, encode([(1, key), (2, encode([(3, value)]))])) for key, value in node.metadata.items()]
    return encode([(1, node.node_id), (3, encode(metadata))])


def _data(source: dict[int, list[Value]]) -> bytes:
    """A DataSource's bytes: inline, as bytes or as text."""
    return raw(source, 2) or raw(source, 3)
