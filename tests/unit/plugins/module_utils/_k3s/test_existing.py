# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts as get.k3s.io, k3s-ansible and people leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.existing import MARK, existing_k3s, refusal

INSTALLER_UNIT = """[Unit]
Description=Lightweight Kubernetes

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/systemd/system/k3s.service.env
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s \\
    server \\
\t'--data-dir=/srv/k3s' \\
\t'--token' \\
\t'hush' \\

"""
ANSIBLE_UNIT = "[Service]\nExecStart=/usr/local/bin/k3s agent --data-dir /srv/k3s --server https://api:6443\n"
UNIT, CONFIG = "etc/systemd/system/k3s.service", "etc/rancher/k3s/config.yaml"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({UNIT: INSTALLER_UNIT}, {"/etc/systemd/system/k3s.service": ["--data-dir", "--token"]}),
        (
            {UNIT: INSTALLER_UNIT, f"{UNIT}.env": "K3S_TOKEN=hush\nHTTPS_PROXY=http://u:hush@p\n"},
            {
                "/etc/systemd/system/k3s.service": ["--data-dir", "--token"],
                "/etc/systemd/system/k3s.service.env": ["HTTPS_PROXY", "K3S_TOKEN"],
            },
        ),
        ({"etc/systemd/system/k3s-agent.service": ANSIBLE_UNIT}, {"/etc/systemd/system/k3s-agent.service": ["--data-dir", "--server"]}),
        ({"etc/systemd/system/k3s-second.service": "ExecStart=/opt/k3s 'server\n"}, {"/etc/systemd/system/k3s-second.service": []}),
        (
            {CONFIG: "datastore-endpoint: mysql://u:hush@db\n# a: b\ntls-san:\n  - x: y\n"},
            {"/etc/rancher/k3s/config.yaml": ["datastore-endpoint", "tls-san"]},
        ),
        ({"etc/rancher/k3s/registries.yaml": "mirrors:\n  docker.io:\n"}, {"/etc/rancher/k3s/registries.yaml": ["mirrors"]}),
        # A package of the distribution or of a vendor: a unit in /etc would take its place.
        ({"usr/lib/systemd/system/k3s.service": ANSIBLE_UNIT}, {"/usr/lib/systemd/system/k3s.service": ["--data-dir", "--server"]}),
        (
            {"usr/local/lib/systemd/system/k3s-agent.service": "[Service]\nEnvironment=K3S_TOKEN=hush 'K3S_URL=https://api:6443'\n"},
            {"/usr/local/lib/systemd/system/k3s-agent.service": ["K3S_TOKEN", "K3S_URL"]},
        ),
        (
            {UNIT: '[Service]\nEnvironment="K3S_DATASTORE_ENDPOINT=mysql://u:hush@db"\nExecStart=-/usr/local/bin/k3s server\n'},
            {"/etc/systemd/system/k3s.service": ["K3S_DATASTORE_ENDPOINT"]},
        ),
    ],
)
def test_what_others_installed_is_found_with_its_settings(tmp_path, files, said):
    write(tmp_path, files)
    found = existing_k3s(str(tmp_path))
    assert {entry["path"]: entry["settings"] for entry in found} == said
    assert all(path in refusal(found) for path in said)
    assert "hush" not in refusal(found)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            UNIT: f"{MARK}.\n{INSTALLER_UNIT}",
            f"{UNIT}.env": "HTTP_PROXY=x\n",
            CONFIG: f"{MARK}. Changes go into k3s_server_config.\na: b\n",
        },
        {"etc/rancher/k3s/registries.yaml": f"{MARK} from k3s_registries.\nmirrors: {{}}\n", "etc/rancher/k3s/token": "hush"},
        {"etc/rancher/k3s/config.yaml.d/site.yaml": "node-label: [a=b]\n", "etc/default/k3s": "K3S_NODE_NAME=a\n"},
        {"etc/systemd/system/k3s.service.d/limits.conf": "[Service]\nMemoryMax=4G\n", "etc/systemd/system/backup.service": "x"},
    ],
)
def test_what_is_ours_or_the_users_to_add_is_accepted(tmp_path, files):
    write(tmp_path, files)
    assert existing_k3s(str(tmp_path)) == []


@pytest.mark.parametrize("name", ["config.yaml.j2", "registries.yaml.j2", "k3s.service.j2"])
def test_the_role_marks_what_it_writes(name):
    template = Path(__file__).parents[5] / "roles/k3s/templates" / name
    assert template.read_text().startswith(MARK)


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
