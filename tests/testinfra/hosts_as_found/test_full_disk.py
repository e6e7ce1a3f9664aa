# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full before all images are imported: the run ends with that reason, and the next one goes on once there is room."""

from __future__ import annotations

import pytest
import runs

pytestmark = pytest.mark.matrix

DATA = "/var/lib/rancher/k3s"
PLAYBOOK = runs.ROOT / "playbooks/k3s.yml"


@pytest.fixture
def small_disk(machine):
    """A host whose data folder lies on a disk that takes the release, and not what is unpacked from it."""
    machine.shell(f"mkdir -p {DATA} && mount -t tmpfs -o size=450m tmpfs {DATA}")
    yield machine
    machine.shell(f"systemctl stop k3s; ! mountpoint -q {DATA} || umount --lazy {DATA}")


def test_it_is_named_and_the_next_run_goes_on(small_disk):
    result = runs.run({"k3s_start_timeout": 240}, playbook=PLAYBOOK)
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    first = result.failures[0].message.splitlines()[0]
    assert "disk" in first
    assert "full" in first

    small_disk.shell(f"mount -o remount,size=4g {DATA}")
    again = runs.run({}, playbook=PLAYBOOK)
    assert again.status == 0, again.failures
    images = small_disk.shell("k3s ctr images list --quiet")
    assert [name for name in ("baremesh/backend", "istio/pilot") if name not in images] == []
    assert runs.run({}, playbook=PLAYBOOK).changed == 0
