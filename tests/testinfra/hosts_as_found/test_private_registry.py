# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from a registry that wants a password, which K3s's registries.yaml has: a wrong one, the right one, and where it is then.

In order, on one host: a run without the registry, images put there, a run with a wrong password, one with the right one, another.
"""

from __future__ import annotations

import os
import shlex

import machines
import pytest
import runs
from registry import ADDRESS, PUBLISHER, Registry

pytestmark = pytest.mark.matrix

#: How every value begins that no output may hold, and a password with what YAML, TOML and shells would read.
CANARY = "lab-canary-pull"
USER, PASSWORD, WRONG = "edge", f"""{CANARY} "1": #2'""", f"{CANARY}-wrong"
CA = "/etc/ssl/registry.pem"
UNTIL_CERT_MANAGER = "k3s,api_client,cert_manager"


def variables(password):
    """What says that cert-manager's images come from the registry, and how K3s logs in, with a password."""
    return {**runs.example("registry"), "registry_password": password, "edge_wait_timeout": 120}


def run(password, *arguments):
    return runs.run(variables(password), "--tags", UNTIL_CERT_MANAGER, "-vv", "--diff", *arguments)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    found = Registry(machines.Machine(os.environ["LAB_NAME"], "infra"), tmp_path_factory.mktemp("registry"))
    found.start((USER, PASSWORD), PUBLISHER)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def filled(machine, registry):
    """The host with a K3s, and the registry with the images of cert-manager, which the host has not under their names there."""
    machine.write(CA, registry.authority.pem)
    first = runs.run({}, "--tags", "k3s")
    assert (first.status, first.failures) == (0, [])
    images = [name for name in machine.shell("k3s ctr images ls -q").split() if "/jetstack/" in name and "sha256" not in name]
    assert len(images) > 3
    for image in images:
        name = f"{ADDRESS}/{image.partition('/')[2]}"
        user = shlex.quote(":".join(PUBLISHER))
        machine.shell(f"k3s ctr images tag {image} {name} && k3s ctr images push --user {user} --tlscacert {CA} {name}")
        machine.shell(f"k3s ctr images rm {name}")
    machine.write("/run/watch.py", (runs.ROOT / "molecule/site/watch_arguments.py").read_text(encoding="utf-8"))
    machine.shell("systemd-run --quiet --unit=watch-arguments python3 /run/watch.py")
    return machine


@pytest.fixture(scope="module")
def refused(filled):
    return run(WRONG)


def test_the_first_line_says_that_the_registry_lets_nobody_in(refused):
    assert refused.status != 0
    (failure,) = refused.failures
    first = failure.message.splitlines()[0]
    print(first)
    assert first.startswith("Deployment cert-manager/cert-manager"), first
    assert "is not rolled out: container cert-manager-" in first, first
    assert f"{ADDRESS}/jetstack/cert-manager-" in first, first
    assert "401 Unauthorized" in first, first


@pytest.fixture(scope="module")
def pulled(refused):
    result = run(PASSWORD)
    assert (result.status, result.failures) == (0, [])
    return result


def test_the_images_come_with_the_right_password(filled, pulled):
    images = filled.shell("k3s kubectl get pods --namespace cert-manager --output jsonpath='{.items[*].spec.containers[*].image}'")
    assert all(image.startswith(f"{ADDRESS}/jetstack/") for image in images.split()), images
    assert CANARY not in images
    pulls = filled.shell("journalctl --no-pager --output cat; k3s kubectl get events --all-namespaces --output yaml")
    assert CANARY not in pulls


def test_no_output_has_a_password(refused, pulled):
    for result in (refused, pulled):
        assert CANARY not in result.output
        assert "registries.yaml" in result.output, "the difference is not shown"


def test_no_argument_of_a_process_has_a_password(filled, pulled):
    arguments = filled.shell("cat /run/arguments.log")
    assert "k3s server" in arguments
    assert CANARY not in arguments


def test_no_file_that_others_can_read_has_a_password(filled, pulled):
    listed = filled.shell("stat --format='%a %U' /etc/rancher/k3s/registries.yaml")
    assert listed.split() == ["600", "root"]
    found = filled.shell(
        f"find /etc /var/lib/rancher /var/lib/baremesh /var/log /run /tmp /root -xdev -type f -perm /o+r -size -5M -print0"
        f" | xargs -0 --no-run-if-empty grep --files-with-matches --fixed-strings {CANARY}; true"
    )
    # A folder above that others may not enter protects what is in it.
    assert [path for path in found.split() if filled.status(f"setpriv --reuid=65534 --clear-groups cat {path}")[0] == 0] == []


def test_another_run_changes_nothing(pulled):
    result = run(PASSWORD)
    assert (result.status, result.changed) == (0, 0), result.failures
    checked = run(PASSWORD, "--check")
    assert (checked.status, checked.changed) == (0, 0), checked.failures


def test_without_the_variable_the_file_goes(filled, pulled):
    result = runs.run({"k3s_registries": {}}, "--tags", "k3s", "--diff")
    assert (result.status, result.failures) == (0, [])
    assert CANARY not in result.output
    assert filled.status("test -e /etc/rancher/k3s/registries.yaml")[0] != 0
