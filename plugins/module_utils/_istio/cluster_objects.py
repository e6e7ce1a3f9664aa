# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of all namespaces, as far as they may be read."""

from __future__ import annotations

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import Resource


def read_all(client: KubeClient, resource: Resource, unread: list[str] | None = None) -> list[dict[str, Any]]:
    """Return all objects of a kind, with their kind.

    Args:
        client: the client.
        resource: the kind.
        unread: gets a sentence where they may not be read; a kind that does not exist has no objects.
    """
    try:
        return [{"kind": resource.kind, **found} for found in client.items(resource, None)]
    except ApiError as exc:
        if exc.forbidden and unread is not None:
            unread.append(str(exc))
        if exc.not_found or exc.forbidden:
            return []
        raise
