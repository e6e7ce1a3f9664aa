# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a lab: hosts, how to reach them, and what differs there."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from textwrap import indent

from . import infra, paths, ssh, versions
from .parts import file_sha256
from .state import Lab, write

SOURCE = paths.SOURCE / "inventory"


@dataclass(frozen=True)
class ImageArchive:
    """An archive of container images on the mirror."""

    url: str
    checksum: str


def folder(lab: Lab) -> Path:
    """The inventory that users pass to `ansible-playbook -i`."""
    return lab.folder / "inventory"


def hosts_yml(lab: Lab) -> str:
    """Groups as in k3s-ansible: `k3s_cluster` with children `server` and `agent`."""
    known = shlex.quote(f"UserKnownHostsFile={ssh.known_hosts(lab)}")
    return Template((SOURCE / "hosts.yml.tmpl").read_text()).substitute(
        name=lab.name,
        server=_members(lab, "server"),
        agent=_members(lab, "agent"),
        # A JSON string is a YAML one, whatever is in a path.
        private_key=json.dumps(str(ssh.user_key(lab))),
        ssh_args=json.dumps(f"-o {known} -o IdentitiesOnly=yes"),
        control_path=json.dumps(str(lab.folder / "cp")),
    )


def _members(lab: Lab, group: str) -> str:
    members = [host for host in lab.hosts if host.startswith(group)]
    return "\n".join(f"        {host}:\n          ansible_host: {lab.address(host)}" for host in members) or "        {}"


def all_yml(lab: Lab, ca: str, archives: Sequence[ImageArchive], pins: Mapping[str, Mapping[str, str]]) -> str:
    """Variables of every host."""
    listed = "\n".join(f"  - {{url: {json.dumps(a.url)}, checksum: {json.dumps(a.checksum)}}}" for a in archives)
    return Template((SOURCE / "all.yml.tmpl").read_text()).substitute(
        name=lab.name,
        mirror=infra.mirror_url(lab),
        acme=infra.acme_url(lab),
        acme_ca=indent(ca.strip(), "      "),
        image_archives=listed or "  []",
        k3s_version=versions.K3S,
        helm_version=versions.HELM,
        istio_version=versions.ISTIO,
        cert_manager_version=versions.CERT_MANAGER,
        **{f"{part}_sha256": json.dumps(pins.get(part, {})) for part in ("k3s", "helm", "istio", "jetstack", "gateway_api")},
    )


def _listed(sums: Path) -> dict[str, str]:
    """Digests by name from a checksum file."""
    pairs = [line.split() for line in sums.read_text().splitlines() if line.strip()]
    return {name: digest for digest, name in pairs}


def image_archives(lab: Lab, mirror: Path | None) -> list[ImageArchive]:
    """Archives in the mirror's `images/`, which has a `sha256sum.txt` beside them."""
    if mirror is None:
        return []
    listed = _listed(mirror / "images" / "sha256sum.txt")
    return [ImageArchive(f"{infra.mirror_url(lab)}/images/{name}", f"sha256:{digest}") for name, digest in listed.items()]


def pins(mirror: Path | None) -> dict[str, dict[str, str]]:
    """Digests of what the mirror serves, as the variables `<role>_*sha256` have them."""
    if mirror is None:
        return {}
    archive = f"helm-{versions.HELM}-linux-amd64.tar.gz"
    charts = {
        repository: {
            # <chart>-<version>.tgz
            chart.name.rpartition("-")[0]: hashlib.sha256(chart.read_bytes()).hexdigest()
            for chart in sorted((mirror / "charts" / repository).glob("*.tgz"))
        }
        for repository in ("istio", "jetstack")
    }
    return {
        "k3s": _listed(mirror / "k3s" / versions.K3S / "sha256sum-amd64.txt"),
        "helm": {"amd64": _listed(mirror / "helm" / f"{archive}.sha256sum")[archive]},
        **charts,
        "gateway_api": {path.name: file_sha256(path) for path in (mirror / "gateway-api" / versions.GATEWAY_API).glob("*.yaml")},
    }


def write_all(lab: Lab) -> None:
    """Write the inventory folder."""
    mirror = infra.served(lab)
    (lab.folder / "cp").mkdir(exist_ok=True, mode=0o700)
    write(folder(lab) / "hosts.yml", hosts_yml(lab), 0o644)
    ca = infra.ca_file(lab).read_text()
    write(folder(lab) / "group_vars" / "all.yml", all_yml(lab, ca, image_archives(lab, mirror), pins(mirror)), 0o644)
