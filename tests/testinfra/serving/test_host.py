# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as the run leaves it: units, files, rules."""

from __future__ import annotations

import pytest


def test_the_k3s_unit_runs_and_starts_at_boot(host):
    names = [name for name in ("k3s", "k3s-agent") if host.file(f"/etc/systemd/system/{name}.service").exists]
    assert len(names) == 1
    service = host.service(names[0])
    assert service.is_running
    assert service.is_enabled


def test_no_unit_has_failed(host):
    assert host.check_output("systemctl --failed --no-legend --no-pager") == ""


def test_the_host_ports_unit_runs_and_starts_at_boot(host):
    service = host.service("baremesh-host-ports")
    assert service.is_running
    assert service.is_enabled


def test_the_keeper_of_the_rules_runs(host):
    assert host.service("baremesh-host-ports-watch").is_running


def test_the_rules_are_in_a_table_of_their_own(host):
    tables = host.check_output("nft list tables inet").splitlines()
    assert [table for table in tables if "baremesh" in table]


@pytest.mark.parametrize("path", ["/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/k3s.yaml", "/var/lib/rancher/k3s/server/token"])
def test_what_holds_secrets_is_for_root_alone(host, path):
    file = host.file(path)
    if not file.exists:
        pytest.skip("not on this kind of host")
    assert file.user == "root"
    assert file.mode & 0o077 == 0


def test_node_is_ready(kubectl):
    conditions = [c for node in kubectl("get", "nodes")["items"] for c in node["status"]["conditions"] if c["type"] == "Ready"]
    assert conditions
    assert {condition["status"] for condition in conditions} == {"True"}


def test_the_certificate_is_ready_for_its_present_generation(certificate):
    ready = next(c for c in certificate["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True"
    assert ready["observedGeneration"] == certificate["metadata"]["generation"]


def test_no_primer_is_left(kubectl):
    """A Gateway that was made only to ask Envoy must not outlive the question."""
    names = [gateway["metadata"]["name"] for gateway in kubectl("get", "gateways.networking.istio.io", "--all-namespaces")["items"]]
    assert [name for name in names if "primer" in name] == []
