# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that users have as a file: served, replaced, kept off the Secret of others, and removed. In order."""

from __future__ import annotations

import importlib.util
import socket
import ssl
from pathlib import Path

import pytest
import runs

# This folder has a module of that name, too.
_SPEC = importlib.util.spec_from_file_location("client_authority", Path(__file__).resolve().parents[1] / "authority.py")
authority = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(authority)

pytestmark = pytest.mark.matrix

HOST = "own.example.com"
OWN = {"name": "own", "hosts": [HOST], "tls": {"credential": "corporate"}, "routes": [{"service": "web.default", "port": 3000}]}


@pytest.fixture(scope="module")
def issue(tmp_path_factory):
    """Sign another certificate, and return its serial number with the entry of the variable."""
    made = authority.Authority("corporate", tmp_path_factory.mktemp("corporate"))

    def issue(name):
        certificate, paths = made.issue(name, hosts=[HOST])
        pem, key = (path.read_text() for path in paths)
        return certificate.serial_number, {"name": "corporate", "certificate": pem + made.pem, "private_key": key}

    issue.authority = made
    return issue


def serve(site, *entries):
    return runs.run({"edge_sites": [site, *([OWN] if entries else [])], "certificate_provided": list(entries)}, "--diff")


def served(address, made):
    context = ssl.create_default_context(cadata=made.pem)
    with socket.create_connection((address, 443), timeout=10) as plain, context.wrap_socket(plain, server_hostname=HOST) as secured:
        return int(secured.getpeercert()["serialNumber"], 16)


def key_lines(entry):
    return [line for line in entry["private_key"].splitlines() if "---" not in line]


@pytest.fixture(scope="module")
def first(cluster, site, issue):
    """The run with the first certificate, and the entry of that."""
    serial, entry = issue("first")
    run = serve(site, entry)
    yield run, serial, entry
    last = serve(site)
    assert last.status == 0, last.failures
    assert "corporate" not in cluster.kubectl("get", "secrets", "--output", "name", namespace="istio-ingress")


def test_it_is_served_and_its_key_is_in_no_output(cluster, first, issue):
    run, serial, entry = first
    assert run.status == 0, run.failures
    assert served(cluster.address, issue.authority) == serial
    assert [line for line in key_lines(entry) if line in run.output] == []


def test_a_second_run_changes_nothing(site, first):
    again = serve(site, first[2])
    assert (again.status, again.changed) == (0, 0), again.failures


def test_another_certificate_reaches_the_clients(cluster, site, first, issue):
    serial, entry = issue("second")
    run = serve(site, entry)
    assert run.status == 0, run.failures
    assert served(cluster.address, issue.authority) == serial


def test_a_secret_that_others_made_stays(cluster, site, first, issue):
    """What clients are served is that of the others."""
    cluster.kubectl("delete", "secret", "corporate", namespace="istio-ingress")
    theirs, paths = issue.authority.issue("theirs", hosts=[HOST])
    folder = "/run/provided"
    cluster.host.check_output(f"mkdir -p {folder}")
    for name, path in zip(("crt", "key"), paths):
        cluster.host.check_output(f"cat > {folder}/tls.{name} << 'EOF'\n{path.read_text()}\nEOF")
    files = f"--cert={folder}/tls.crt", f"--key={folder}/tls.key"
    cluster.kubectl("create", "secret", "tls", "corporate", *files, namespace="istio-ingress")
    run = serve(site, first[2])
    assert run.status != 0
    assert "corporate" in run.failures[0].message
    assert "kubectl-create" in run.failures[0].message, run.failures[0].message
    assert served(cluster.address, issue.authority) == theirs.serial_number
    cluster.kubectl("delete", "secret", "corporate", namespace="istio-ingress")
    cluster.host.check_output(f"rm -r {folder}")
