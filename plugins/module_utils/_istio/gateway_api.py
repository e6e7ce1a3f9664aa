# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has istiod taken a Gateway or a route of the Gateway API, and if not, why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause, deepest
from ansible_collections.baremesh.edge.plugins.module_utils._istio.api_conditions import TO_COME, UNSEEN, causes
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import HTTP_ROUTES, KUBE_GATEWAYS, TCP_ROUTES, TLS_ROUTES
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline

RESOURCES = (KUBE_GATEWAYS, HTTP_ROUTES, TLS_ROUTES, TCP_ROUTES)


class GatewayApi(Kinds):
    """Gateways and routes of the Gateway API."""

    kinds, together, state = tuple(resource.kind for resource in RESOURCES), "Gateways and routes", "programmed"

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """All of each kind that is named, in the one namespace where they are, or in all."""
        kinds, spaces = {name.kind for name in names}, {name.namespace for name in names}
        scope = next(iter(spaces)) if len(spaces) == 1 else None
        return [Follower(client, resource, scope, deadline) for resource in RESOURCES if resource.kind in kinds]

    def cause(self, name: Name, found: Json, _objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """What istiod says of one that it has not taken."""
        said = causes({**found, "kind": name.kind}, (TO_COME,))
        return deepest(said) if said else None

    def hints(self, text: str) -> list[str]:
        """What helps against what istiod says."""
        return [help_ for part, help_ in _HINTS if part in text][:1]


_HINTS = (
    (UNSEEN, "Is the GatewayClass istio there (kubectl get gatewayclass), and does istiod run with PILOT_ENABLE_GATEWAY_API?"),
    ("InvalidCertificateRef", "The Secret must be in the namespace of the Gateway, with tls.crt and tls.key."),
    ("AddressNotUsable", "Each port of a listener must be a port of the Service of the gateway, and one of its pods must be ready."),
)
