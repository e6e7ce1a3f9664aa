# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import cluster as objects  # noqa: E402
import runs  # noqa: E402
import waits  # noqa: E402


@pytest.fixture(scope="module")
def cluster(host):
    """The cluster with an empty namespace for the tests."""
    if not host.file("/etc/rancher/k3s/k3s.yaml").exists:
        pytest.skip("an agent has no kubeconfig; a server of the same run is asked")
    found = objects.Cluster(host)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": objects.NAMESPACE, "namespace": None}}
    found.apply(space)
    try:
        yield found
    finally:
        # Challenges first: in a namespace that is going cert-manager cannot take back what it made for them.
        found.kubectl("delete", "certificate", "--all", "--cascade=foreground", "--timeout=90s")
        found.kubectl("delete", "namespace", objects.NAMESPACE, "--timeout=90s")


@pytest.fixture(scope="module")
def lab_issuer(cluster):
    """The issuer of the lab's own authority."""
    return cluster.get("clusterissuer", "lab")


@pytest.fixture(scope="module")
def begin(host, tmp_path_factory):
    """Begin calls of certificate_wait: ``begin(call={"names": ["a"]})``."""

    def start(**calls):
        return waits.Calls(host, tmp_path_factory.mktemp("waits"), calls, objects.NAMESPACE)

    return start


@pytest.fixture(scope="module")
def name():
    """Set what a host name resolves to, for as long as the module's tests run."""
    changed = []

    def resolve(host_name, *addresses):
        changed.append(host_name)
        runs.lab("dns", "set", host_name, *addresses)

    yield resolve
    for host_name in changed:
        runs.lab("dns", "set", host_name, "clear")
