# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each thing is trusted that a run brings to the hosts. SECURITY.md has the same table; a test compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._net.digests import is_secure, sha256, without_password
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import dict_finding, read_dict


class Artefact(NamedTuple):
    """What is fetched and how it is trusted.

    Attributes:
        what: What it is.
        source: Variable that says where it comes from, or words if there is none.
        pin: Variable with its digests, or words if there is none.
        keys: What the digests in the variable are named by.
        needed: Names without which something would come unpinned, as far as they are the same on all hosts.
        otherwise: How it is trusted without a pin.
    """

    what: str
    source: str
    pin: str
    keys: str
    needed: tuple[str, ...]
    otherwise: str


ARTEFACTS = (
    Artefact(
        "K3s, its binary and image archive",
        "k3s_release_url",
        "k3s_sha256",
        "file name",
        (),
        "trust on first use: the checksum file of the release, over HTTPS on every hop; then the digest that the host noted",
    ),
    Artefact("further image archives", "k3s_image_archives", "`checksum` of each entry", "", (), "refused"),
    Artefact(
        "Helm",
        "api_client_helm_url",
        "api_client_helm_sha256",
        "architecture",
        (),
        "trust on first use: the `.sha256sum` beside the archive, over HTTPS on every hop",
    ),
    Artefact(
        "the charts of Istio",
        "istio_chart_repository",
        "istio_chart_sha256",
        "chart",
        ("base", "istiod", "gateway"),
        "trust on first use: what the repository serves, over HTTPS on every hop",
    ),
    Artefact(
        "the CRDs of the Gateway API",
        "istio_gateway_api_url",
        "istio_gateway_api_sha256",
        "file name",
        ("standard-install.yaml",),
        "trust on first use: what the address serves, over HTTPS on every hop",
    ),
    Artefact(
        "the chart of cert-manager",
        "cert_manager_chart_repository",
        "cert_manager_chart_sha256",
        "chart",
        ("cert-manager",),
        "trust on first use: what the repository serves, over HTTPS on every hop",
    ),
    Artefact(
        "the chart of External Secrets",
        "external_secrets_chart_repository",
        "external_secrets_chart_sha256",
        "chart",
        ("external-secrets",),
        "trust on first use: what the repository serves, over HTTPS on every hop",
    ),
    Artefact(
        "container images",
        "the registries that K3s and the charts name",
        "digests in the values of the charts, or archives in `k3s_image_archives`",
        "",
        (),
        "trust on first use: the tag, as the registry serves it when a node first pulls it",
    ),
    Artefact(
        "Python libraries of the API host",
        "the package sources of the host",
        "signatures of the distribution",
        "",
        (),
        "refused by the package manager",
    ),
)


def _digest_findings(variable: str, keys: str, value: Any) -> list[str]:
    digests = read_dict(value)
    if digests is None:
        return [dict_finding(value, variable)]
    return [
        f"{variable} has {digest!r} for {name}: it must be the 64 hex digits of a SHA-256, by {keys}."
        for name, digest in digests.items()
        if sha256(str(digest)) is None
    ]


def artefact_findings(values: Mapping[str, Any]) -> list[str]:
    """The filter artefact_findings.

    Args:
        values: Values of the variables that say where artefacts come from and which digests they have, by name. An address that is not
            used is empty.

    Returns:
        A sentence for each digest that is none, and for each address from which a file without a digest could be replaced on the way.
    """
    found: list[str] = []
    for artefact in ARTEFACTS:
        if not artefact.keys:
            continue
        found += _digest_findings(artefact.pin, artefact.keys, values.get(artefact.pin))
        url, digests = str(values.get(artefact.source) or ""), read_dict(values.get(artefact.pin)) or {}
        missing = [name for name in artefact.needed if name not in digests]
        if "://" in url and not is_secure(url) and (missing or not digests):
            where = f"{artefact.source} is {without_password(url)!r}, from which anyone on the way could replace {artefact.what}"
            lacking = f"has no digest of {', '.join(missing)}" if digests else f"has none (by {artefact.keys})"
            found.append(f"{where}: use https://, or name the SHA-256 in {artefact.pin}, which {lacking}.")
    return found
