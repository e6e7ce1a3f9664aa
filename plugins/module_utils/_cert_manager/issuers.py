# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an Issuer or ClusterIssuer ready, and if not, can waiting help?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import hints
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import condition_cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import condition, is_current
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Kinds, Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CLUSTER_ISSUERS, ISSUERS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


class Issuers(Kinds):
    """Issuers and ClusterIssuers."""

    kinds, together = (CLUSTER_ISSUERS.kind, ISSUERS.kind), "issuers"

    def followers(self, client: KubeClient, names: Sequence[Name], deadline: Deadline) -> list[Follower]:
        """All of each kind that is named."""
        kinds = {name.kind for name in names}
        return [Follower(client, resource, None, deadline) for resource in (CLUSTER_ISSUERS, ISSUERS) if resource.kind in kinds]

    def cause(self, _name: Name, found: Json, _objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        """What cert-manager says of one that is not ready."""
        ready = condition(found, "Ready")
        if ready is None:
            return Cause("cert-manager has not observed it")
        if ready.get("status") == "True" and is_current(found, ready):
            return None
        return condition_cause(found, ready)

    def hints(self, text: str) -> list[str]:
        """What helps against what cert-manager says."""
        return hints(text)
