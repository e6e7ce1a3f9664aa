# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data folder behind a link, with a volume mounted inside and files of others: a reset takes K3s's own and nothing else."""

from __future__ import annotations

import pytest
import runs

pytestmark = pytest.mark.matrix

LINK, FOLDER = "/var/lib/edge-k3s", "/var/lib/rancher/disk"
VOLUME = "storage/pvc-1_default_web"
#: What must be there afterwards: on another disk, on a disk bound to its place, behind a link, and beside K3s's folders.
OTHERS = ("/srv/volume/file", "/srv/linked/file", f"{FOLDER}/films/file", f"{FOLDER}/{VOLUME}/file", f"{FOLDER}/storage/disk/file")
RESET = runs.ROOT / "playbooks/reset.yml"


@pytest.fixture(scope="module")
def cluster(machine, variables):
    """A host with K3s in such a folder."""
    machine.shell(f"mkdir -p {FOLDER}/{{films,storage/disk,{VOLUME}}} /srv/{{volume,linked}} && ln -s {FOLDER} {LINK}")
    machine.shell(f"mount -t tmpfs tmpfs {FOLDER}/storage/disk && mount --bind /srv/volume {FOLDER}/{VOLUME}")
    machine.shell(f"ln -s /srv/linked {FOLDER}/storage/pvc-2_default_web")
    for path in OTHERS:
        machine.write(path, "mine")
    archives = [archive for archive in variables["k3s_image_archives"] if "/backend-" in archive["url"]]
    installed = runs.run({"k3s_data_dir": LINK, "k3s_image_archives": archives}, playbook=runs.ROOT / "playbooks/k3s.yml")
    assert installed.status == 0, installed.failures
    machine.shell(f"test -s {FOLDER}/server/token")
    yield machine
    machine.shell(f"umount {FOLDER}/storage/disk {FOLDER}/{VOLUME}")


@pytest.mark.parametrize("folder", ["/", "/var/lib/", "//srv", "/var/lib/rancher/../../log", "/home/keeper"])
def test_a_folder_of_the_system_is_refused_before_anything_changes(cluster, folder):
    result = runs.run({"k3s_data_dir": folder}, playbook=RESET)
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    assert "data_dir" in result.failures[0].message
    assert repr(folder) in result.failures[0].message
    assert cluster.status("systemctl is-active k3s")[0] == 0


def test_what_is_of_others_stays_and_is_named(cluster):
    result = runs.run({"k3s_data_dir": f"{LINK}/"}, "--diff", playbook=RESET)
    assert (result.status, result.failures) == (0, [])
    for path in OTHERS:
        assert cluster.shell(f"cat {path}") == "mine", path
    assert cluster.shell(f"readlink {LINK}").strip() == FOLDER
    left = cluster.shell(f"ls {FOLDER} {FOLDER}/storage").split()
    assert {"films", "storage", "disk", "pvc-1_default_web"} <= set(left)
    assert set(left) & {"server", "agent", "data"} == set()
    assert "These stay, as they are on another mount, behind a link or not K3s's: " in result.output
    for name in ("storage/disk", VOLUME):
        assert f"{LINK}/{name}" in result.output or f"{FOLDER}/{name}" in result.output


def test_another_reset_changes_nothing(cluster):
    again = runs.run({"k3s_data_dir": LINK}, playbook=RESET)
    assert (again.status, again.changed) == (0, 0), again.failures
