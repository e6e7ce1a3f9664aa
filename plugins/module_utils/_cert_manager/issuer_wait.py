# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for issuers to become ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.advice import hints
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.issuers import issuer_cause
from ansible_collections.baremesh.edge.plugins.module_utils._kube.follow import Follower
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Json, Name, NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import CLUSTER_ISSUERS, ISSUERS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


class IssuerWait(NamedWait):
    """One wait for any number of issuers."""

    key, together = "issuers", "issuers"

    def _followers(self, deadline: Deadline) -> list[Follower]:
        kinds = {name.kind for name in self._names}
        return [Follower(self._client, resource, None, deadline) for resource in (CLUSTER_ISSUERS, ISSUERS) if resource.kind in kinds]

    def _cause(self, _name: Name, found: Json, _objects: Mapping[str, Sequence[Json]]) -> Cause | None:
        return issuer_cause(found)

    def _hints(self, text: str) -> list[str]:
        return hints(text)
