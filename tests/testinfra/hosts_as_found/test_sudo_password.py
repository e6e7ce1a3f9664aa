# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is reached as an ordinary user whose sudo asks for a password, as `--ask-become-pass` has it."""

from __future__ import annotations

import json

import pytest
import runs
import visits

pytestmark = pytest.mark.matrix

USER = "keeper"
PASSWORD = "lab-canary-sudo"


@pytest.fixture(scope="module")
def ordinary(machine, tmp_path_factory):
    """Arguments of a run as a user who may become root with a password."""
    machine.shell("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends sudo")
    machine.shell(f"useradd --create-home --groups sudo {USER} && chpasswd", f"{USER}:{PASSWORD}\n")
    machine.shell(f"cp -rT /root/.ssh /home/{USER}/.ssh && chown -R {USER}: /home/{USER}/.ssh && chmod 700 /home/{USER}")
    assert machine.status(f"su {USER} -c 'sudo --non-interactive true'")[0] != 0, "sudo asks for no password"
    folder = tmp_path_factory.mktemp("sudo")
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    inventory = {"all": {"hosts": {machine.name: {"ansible_user": USER, "ansible_become": True}}}}
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    return "--inventory", str(folder / "hosts.json"), "--become-password-file", str(folder / "password")


def test_a_check_of_the_bare_host_passes(ordinary):
    # The backends of the example need the API.
    result = runs.run({}, *ordinary, "--check", "--diff", playbook=runs.ROOT / "site.yml")
    assert (result.status, result.failures) == (0, [])


def test_the_sites_are_served(machine, ordinary, site):
    result = runs.run({}, *ordinary, "--diff")
    assert (result.status, result.failures) == (0, [])
    assert PASSWORD not in result.output
    for route in site["routes"]:
        assert visits.status_of(machine.address, site, route["prefix"])[0] == 200


def test_a_second_run_changes_nothing(ordinary):
    result = runs.run({}, *ordinary)
    assert (result.status, result.changed) == (0, 0), result.failures


@pytest.mark.parametrize("playbook", ["status", "renew", "reset"])
def test_other_playbooks_pass(ordinary, playbook):
    result = runs.run({}, *ordinary, playbook=runs.ROOT / f"playbooks/{playbook}.yml")
    assert (result.status, result.failures) == (0, [])
    assert PASSWORD not in result.output


def test_nothing_is_left_in_the_home_of_the_user(machine, ordinary):
    assert machine.shell(f"find /home/{USER} -path '*/.ansible/tmp/*'") == ""
