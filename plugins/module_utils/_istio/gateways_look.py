# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at the certificates of gateways, and at what their pods serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.baremesh.edge.plugins.module_utils._istio.options import gateway_options
from ansible_collections.baremesh.edge.plugins.module_utils._istio.own_secrets import read_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import Prober
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_primer import SdsPrimer
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import parse_asked
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


def gateways_spec() -> dict[str, Any]:
    """The argument spec of an option that lists gateways."""
    options = gateway_options()
    names = {"type": "list", "elements": "str", "default": [], "no_log": False}
    own = {key: options[key] for key in ("namespace", "selector", "port", "credentials")}
    return {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**own, "certificate_names": names, "secret_names": names},
    }


#: Returns what is known of the Certificates of a namespace by their names, if all of them are ready.
Certificates = Callable[[str, Sequence[str]], Optional[list[dict[str, Any]]]]


def look_at_gateways(
    client: KubeClient,
    prober_of: Callable[[str], Prober],
    ready: Certificates,
    gateways: Sequence[Mapping[str, Any]],
    deadline: Deadline,
) -> list[dict[str, Any]]:
    """Return what C(certificate_info) and C(sds_primer) would return for each gateway.

    Args:
        client: for the API server.
        prober_of: makes the prober of the pods of a namespace.
        ready: reads Certificates; may raise KubeError.
        gateways: the option's entries.
        deadline: for how long the look puts up with an API that does not answer.

    Returns:
        An entry for each gateway, or nothing at all if a run has to wait for one of them, or if a primer is left over.
    """
    if gateways:
        require_cryptography()
    try:
        seen = [_look(client, prober_of(each["namespace"]), ready, each, deadline) for each in gateways]
    except KubeError:
        # The modules that are called where nothing was seen here say it in their own words.
        return []
    return [each for each in seen if each is not None] if None not in seen else []


def _look(client: KubeClient, prober: Prober, ready: Certificates, gateway: Mapping[str, Any], deadline: Deadline) -> dict[str, Any] | None:
    namespace = gateway["namespace"]
    secrets = read_secrets(client, namespace, gateway["secret_names"])
    certificates = ready(namespace, gateway["certificate_names"])
    if certificates is None or any(secret["problem"] for secret in secrets):
        return None
    found = {"certificates": certificates, "secrets": secrets}
    if not gateway["credentials"]:
        return {**found, "pods": [], "served": False}
    primer = SdsPrimer(client, prober, parse_asked(gateway, deadline))
    outcome = primer.look()
    result = outcome.result()
    if not outcome.good or result["changed"] or not result["served"] or primer.left_over():
        return None
    return {**found, "pods": result["pods"], "served": True}
