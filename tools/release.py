# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what a release consists of, in a folder: the artifact, a list of what it downloads (CycloneDX), and their checksums, signed.

    tools/release.py FOLDER [--key FINGERPRINT]

The checksums are those of ansible-sign, which signs them with a key of gpg. Whoever has the public key checks all files with
``ansible-sign project gpg-verify --keyring KEYRING FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import checkout
import yaml
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from galaxy_import import build
from packageurl import PackageURL

#: What roles download, by the name of its version: its package URL, and the role's variable that says from where.
DOWNLOADED = {
    "k3s": ("pkg:github/k3s-io/k3s", "k3s", "https://github.com/k3s-io/k3s/releases"),
    "helm": ("pkg:github/helm/helm", "api_client", "api_client_helm_url"),
    "istio": ("pkg:github/istio/istio", "istio", "istio_chart_repository"),
    "cert_manager": ("pkg:github/cert-manager/cert-manager", "cert_manager", "cert_manager_chart_repository"),
    "gateway_api": ("pkg:github/kubernetes-sigs/gateway-api", "istio", "istio_gateway_api_url"),
    "external_secrets": ("pkg:github/external-secrets/external-secrets", "external_secrets", "external_secrets_chart_repository"),
}
REQUIREMENT = re.compile(r"^([A-Za-z][\w.-]*)(.*)$", re.MULTILINE)
"""A line of a file of requirements: the name, and which versions."""


def load(name: str) -> dict[str, Any]:
    """Content of a YAML file of the checkout."""
    content: dict[str, Any] = yaml.safe_load((checkout.ROOT / name).read_text(encoding="utf-8"))
    return content


def digests(found: str | Mapping[str, Any]) -> list[str]:
    """Every SHA-256 in what a variable holds."""
    return [found] if isinstance(found, str) else [digest for each in found.values() for digest in digests(each)]


def downloads() -> list[Component]:
    """What roles download where no variable says otherwise, with the digests that the collection knows."""
    known = load("roles/common/vars/main/versions.yml")
    components = []
    for name, version in known["_edge_versions"].items():
        url, role, source = DOWNLOADED[name]
        place = source if "://" in source else load(f"roles/{role}/defaults/main.yml")[source]
        found = digests(known["_edge_digests"].get(name, {}).get(version, {}))
        components.append(
            Component(
                bom_ref=name,
                name=name.replace("_", "-"),
                version=version,
                type=ComponentType.APPLICATION,
                purl=PackageURL.from_string(f"{url}@{version.replace('+', '%2B')}"),
                external_references=[ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(place))],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in found],
            )
        )
    return components


def libraries() -> list[Component]:
    """What the collection needs of others where it runs: collections, and Python packages of an execution environment."""
    collections = [PackageURL.from_string(f"pkg:generic/{name}") for name in load("galaxy.yml")["dependencies"]]
    requirements = (checkout.ROOT / "meta/ee-requirements.txt").read_text(encoding="utf-8")
    packages = [PackageURL("pypi", name=match[1]) for match in REQUIREMENT.finditer(requirements)]
    return [Component(bom_ref=url.to_string(), name=url.name, type=ComponentType.LIBRARY, purl=url) for url in (*collections, *packages)]


def bill() -> str:
    """The list of components, as JSON of CycloneDX 1.6."""
    galaxy = load("galaxy.yml")
    name = f"{galaxy['namespace']}.{galaxy['name']}"
    edge = Component(bom_ref=name, name=name, version=galaxy["version"], type=ComponentType.LIBRARY)
    bom = Bom(components=[*downloads(), *libraries()])
    bom.metadata.component = edge
    bom.register_dependency(edge, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1)


def main() -> None:
    """Make the folder and name what is in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="made if it is not there; must be empty")
    parser.add_argument("--key", help="fingerprint of the key that signs; without it nothing is signed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if any(options.folder.iterdir()):
        sys.exit(f"{options.folder} is not empty: a release is made in an empty folder")
    artifact = build(options.folder)
    (options.folder / f"{artifact.name.removesuffix('.tar.gz')}.cdx.json").write_text(bill(), encoding="utf-8")
    # ansible-sign signs what this file names.
    (options.folder / "MANIFEST.in").write_text("include *.tar.gz *.cdx.json\n", encoding="utf-8")
    if options.key:
        # Without a terminal, as in CI, ansible-sign ends in a traceback unless this variable is there; gpg's agent asks for a passphrase.
        environment = {"GPG_TTY": "", **os.environ}
        sign = ["ansible-sign", "project", "gpg-sign", "--fingerprint", options.key, str(options.folder)]
        if subprocess.run(sign, env=environment, check=False).returncode:
            sys.exit("The release is not signed.")
    print("\n".join(sorted(str(path) for path in options.folder.rglob("*") if path.is_file())))


if __name__ == "__main__":
    main()
