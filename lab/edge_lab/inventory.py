# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a lab: hosts, how to reach them, and what differs there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from textwrap import indent

from . import infra, paths, ssh, versions
from .state import Lab, write

TEMPLATE = paths.SOURCE / "inventory" / "all.yml.tmpl"


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
    groups = {group: {"hosts": {host: _host(lab, host) for host in lab.hosts if host.startswith(group)}} for group in ("server", "agent")}
    connection = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(ssh.user_key(lab)),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={ssh.known_hosts(lab)} -o IdentitiesOnly=yes",
        # A folder of this lab's own: a connection kept open to a host of an earlier lab at the same address would hang.
        "ansible_control_path_dir": str(lab.folder / "cp"),
    }
    # JSON is YAML, and needs no library to be written right.
    body = json.dumps({"k3s_cluster": {"children": groups, "vars": connection}}, indent=2)
    return f"---\n# Made by `lab/lab up --name {lab.name}`; changes here are lost at the next `up`.\n{body}\n"


def _host(lab: Lab, host: str) -> Mapping[str, str]:
    return {"ansible_host": lab.address(host)}


def all_yml(lab: Lab, ca: str, archives: Sequence[ImageArchive]) -> str:
    """Variables of every host."""
    listed = "\n".join(f"  - {{url: {json.dumps(a.url)}, checksum: {json.dumps(a.checksum)}}}" for a in archives)
    return Template(TEMPLATE.read_text()).substitute(
        name=lab.name,
        mirror=infra.mirror_url(lab),
        acme=infra.acme_url(lab),
        acme_ca=indent(ca.strip(), "      "),
        image_archives=listed or "  []",
        k3s_version=versions.K3S,
        helm_version=versions.HELM,
        istio_version=versions.ISTIO,
        cert_manager_version=versions.CERT_MANAGER,
    )


def image_archives(lab: Lab, mirror: Path | None) -> list[ImageArchive]:
    """Archives in the mirror's `images/`, which has a `sha256sum.txt` beside them."""
    if mirror is None:
        return []
    listing = mirror / "images" / "sha256sum.txt"
    pairs = [line.split() for line in listing.read_text().splitlines() if line.strip()]
    return [ImageArchive(f"{infra.mirror_url(lab)}/images/{name}", f"sha256:{digest}") for digest, name in pairs]


def write_all(lab: Lab) -> None:
    """Write the inventory folder."""
    mirror = infra.served(lab)
    (lab.folder / "cp").mkdir(exist_ok=True, mode=0o700)
    write(folder(lab) / "hosts.yml", hosts_yml(lab), 0o644)
    ca = infra.ca_file(lab).read_text()
    write(folder(lab) / "group_vars" / "all.yml", all_yml(lab, ca, image_archives(lab, mirror)), 0o644)
