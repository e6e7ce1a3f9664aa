# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what others have in the cluster that takes names or routes from definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_route import full_name
from ansible_collections.baremesh.edge.plugins.module_utils._istio.cluster_objects import read_all
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import part
from ansible_collections.baremesh.edge.plugins.module_utils._istio.foreign_objects import Foreign
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import selector_text
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import GATEWAYS, PODS, VIRTUAL_SERVICES


def foreign_objects(params: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]], owner: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what Gateways and VirtualServices of others take from the definitions; nothing where there is no API to ask."""
    ours = [each for each in definitions if each["kind"] in (GATEWAYS.kind, VIRTUAL_SERVICES.kind)]
    if not ours:
        return []
    try:
        client = KubeClient(open_transport(dict(params)))
        live = [*read_all(client, GATEWAYS), *read_all(client, VIRTUAL_SERVICES)]
        labels = {full_name(each): _labels(client, each) for each in ours if each["kind"] == GATEWAYS.kind} if live else {}
    except EdgeError:
        return []
    return Foreign(ours, live, owner, labels).found()


def _labels(client: KubeClient, gateway: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the labels of the pods of a Gateway, as far as they are known: those that it selects, where there are no pods yet."""
    selector = {str(key): str(value) for key, value in (part(gateway, "spec", "selector") or {}).items()}
    try:
        pods = client.items(PODS, gateway["metadata"].get("namespace"), selector_text(selector), metadata_only=True)
    except KubeError:
        return selector
    return {**(part(pods[0], "metadata", "labels") or {}), **selector} if pods else selector
