# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the CustomResourceDefinitions of the Gateway API are, and whether they are to be applied. Pure functions.

A cluster has one set of them, and several programs bring one along: K3s's Traefik, clouds, other gateways. So one of others is used where
it is enough, and is never overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.envoy_view import part

Json = dict[str, Any]

GROUP = "gateway.networking.k8s.io"
#: The labels of those that the collection applies.
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "gateway-api"}
_RELEASE = f"{GROUP}/bundle-version"
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-.+)?")


class CrdError(EdgeError):
    """Definitions that are not to be had, or not enough. The text is one sentence for the user."""


def rank(version: str) -> tuple[int, ...]:
    """Return what releases are compared by; a candidate comes before its release. Raises CrdError for text that is no release."""
    found = _NUMBERS.fullmatch(version.strip())
    if not found:
        raise CrdError(f"'{version}' is no release of the Gateway API; write it as v1.6.0")
    return (*map(int, found.groups()[:3]), 0 if found.group(4) else 1)


def is_due(definitions: Iterable[Mapping[str, Any]], version: str, needed: Collection[str], served: Collection[str]) -> bool:
    """Return whether the definitions of a release are to be applied.

    Args:
        definitions: Metadata of the definitions in the cluster, those of other groups too.
        version: The release.
        needed: Kinds that sites need.
        served: Kinds that the API server serves in C(gateway.networking.k8s.io/v1).

    Raises:
        CrdError: Those of others lack a kind, or the version is none.
    """
    target = rank(version)
    present = [each["metadata"] for each in definitions if each["metadata"]["name"].endswith(f".{GROUP}")]
    others = [each for each in present if not LABELS.items() <= (each.get("labels") or {}).items()]
    releases = sorted({str((each.get("annotations") or {}).get(_RELEASE) or "unknown") for each in others or present})
    missing = [kind for kind in needed if kind not in served]
    if not others:
        # Newer ones stay: an older release may not know what is stored. A run that was killed may have left some.
        ranks = [_rank_of(release) for release in releases]
        return not any(each > target for each in ranks) and bool(missing or not present or any(each < target for each in ranks))
    if missing:
        raise CrdError(
            f"The CustomResourceDefinitions of the Gateway API in this cluster (release {', '.join(releases)}, {others[0]['name']} among "
            f"them) were installed by others, and do not serve {', '.join(missing)} in {GROUP}/v1; upgrade them to {version} the way they "
            "were installed, or set edge_api to istio"
        )
    return False


def _rank_of(release: str) -> tuple[int, ...]:
    try:
        return rank(release)
    except CrdError:
        return ()


def definitions_of(documents: Sequence[Any], version: str, source: str) -> list[Json]:
    """Return the definitions in a file of the project, labelled. What guards against others' upgrades in the file is left out.

    Raises:
        CrdError: The file is not that of the release.
    """
    found = [each for each in documents if isinstance(each, Mapping) and each.get("kind") == "CustomResourceDefinition"]
    foreign = [each for each in found if part(each, "spec", "group") != GROUP or not isinstance(_labels(each), Mapping)]
    releases = {str(part(each, "metadata", "annotations", _RELEASE)) for each in found}
    if not found or foreign or releases != {version}:
        said = f"definitions of {', '.join(sorted(releases))}" if found and not foreign else "other things"
        raise CrdError(f"{source} holds {said}, and the CustomResourceDefinitions of the Gateway API {version} are expected")
    return [{**each, "metadata": {**each["metadata"], "labels": {**_labels(each), **LABELS}}} for each in map(_without_status, found)]


def _labels(definition: Mapping[str, Any]) -> Any:
    return part(definition, "metadata", "labels") or {}


def _without_status(definition: Mapping[str, Any]) -> Json:
    return {key: value for key, value in definition.items() if key != "status"}
