# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server and its webhooks say of definitions that are not applied yet."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import MANAGER, KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DESTINATION_RULES, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.apply import Applier
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_releases import SELECTOR, decode, newest_secrets

Json = dict[str, Any]

# The label of whoever manages an object.
MANAGED = "app.kubernetes.io/managed-by"


def dry_run(params: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> Json:
    """Ask for the definitions that differ from what the cluster has.

    Args:
        params: The options of the connection.
        definitions: The definitions.

    Returns:
        C(refused), with kind, namespace, name and message of each; C(charts), the versions of the charts that Helm has installed, where
        something is refused; C(shared), DestinationRules of others for the host of one of these; and the C(reason) why nothing was asked,
        empty if it was. A webhook that does not answer refuses nothing.
    """
    found: Json = {"refused": [], "charts": {}, "shared": [], "reason": ""}
    try:
        transport = open_transport(dict(params))
        # Not even a second time: the API server may be starting, or not be there yet.
        done = Applier(transport, Deadline(SystemClock(), 0), check=True, owner=params.get("owner")).run(definitions)
        found["refused"] = sorted(done.refused, key=lambda each: (each["kind"], each["namespace"], each["name"]))
        found["shared"] = _shared(KubeClient(transport), definitions)
    except EdgeError as exc:
        found["reason"] = str(exc)
    if found["refused"]:
        with contextlib.suppress(KubeError):
            found["charts"] = _charts(KubeClient(transport))
    return found


def _shared(client: KubeClient, definitions: Sequence[Mapping[str, Any]]) -> list[Json]:
    """The DestinationRules of others in the same namespace and for the same host, each with the one of ours: Istio takes parts of both."""
    rules = [each for each in definitions if each["kind"] == DESTINATION_RULES.kind]
    live: dict[str, list[Json]] = {}
    for namespace in {each["metadata"]["namespace"] for each in rules}:
        with contextlib.suppress(ApiError):
            items = client.items(DESTINATION_RULES, namespace)
            live[namespace] = [each for each in items if (each["metadata"].get("labels") or {}).get(MANAGED) != MANAGER]
    found = []
    for rule in rules:
        namespace, name, host = rule["metadata"]["namespace"], rule["metadata"]["name"], str((rule.get("spec") or {}).get("host"))
        for other in live.get(namespace, ()):
            theirs = str((other.get("spec") or {}).get("host"))
            # A name without a dot is one of the rule's own namespace.
            same = theirs == host or ("." not in theirs and host.startswith(f"{theirs}.{namespace}.svc."))
            if same and other["metadata"]["name"] != name:
                found.append({"namespace": namespace, "name": name, "host": host, "other": other["metadata"]["name"]})
    return found


def _charts(client: KubeClient) -> dict[str, str]:
    """The versions of charts by their names."""
    found = {}
    for secret in newest_secrets(client.items(SECRETS, None, f"{SELECTOR},status!=superseded")).values():
        with contextlib.suppress(ValueError):
            revision = decode(secret)
            found[revision.chart] = revision.chart_version
    return found
