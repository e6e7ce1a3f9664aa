# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a host share: the site that was asked for, how it is reached, and what the cluster says of it."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import ssl
import tempfile
import time
from pathlib import Path

import pytest
import runs
import yaml
from cryptography import x509

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "istio-ingress"


def pytest_configure(config):
    """Give every run a report of its own: a scenario has several."""
    folder = os.environ.get("EDGE_REPORTS")
    if folder:
        name = f"molecule-{os.environ.get('MOLECULE_SCENARIO_NAME', 'none')}-{time.time_ns()}.xml"
        config.option.xmlpath = str(Path(folder) / name)


_left_out: list[pytest.Item] = []


def pytest_deselected(items):
    _left_out.extend(items)


def pytest_sessionfinish(session, exitstatus):
    """Take a folder for passed whose tests are all of the matrix, where that does not run. Without any test it fails as ever."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and _left_out and session.config.option.markexpr:
        session.exitstatus = pytest.ExitCode.OK


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a port said to one request."""

    status: int
    headers: dict[str, str]
    body: str
    serial: int | None


@pytest.fixture(scope="session")
def site():
    """The site of the example: its name, host name and routes."""
    return yaml.safe_load((ROOT / "lab/demo/vars.yml").read_text(encoding="utf-8"))["edge_sites"][0]


@pytest.fixture(scope="session")
def root_certificate():
    """Path of the certificate that the ACME authority issues under."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(runs.lab("ca"))
        file.flush()
        yield file.name


@pytest.fixture
def address(host):
    """Address of the host under test, as the inventory has it."""
    return host.backend.get_variables()["ansible_host"]


@pytest.fixture
def ask(address, site, root_certificate):
    """Ask the host's ports as a browser would: ``ask("/path")`` over TLS, verified by name; ``ask("/path", tls=False)`` on port 80."""

    def request(path, *, tls=True, name=None):
        name = name or site["hosts"][0]
        with socket.create_connection((address, 443 if tls else 80), timeout=10) as connection:
            if not tls:
                return exchange(connection, name, path, None)
            context = ssl.create_default_context(cafile=root_certificate)
            with context.wrap_socket(connection, server_hostname=name) as secured:
                certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
                return exchange(secured, name, path, certificate.serial_number)

    return request


def exchange(connection, name, path, serial):
    """Send one HTTP request and read the whole answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    raw = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    head, _, body = raw.partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = {key.lower(): value.strip() for key, value in (line.split(":", 1) for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), headers, body, serial)


@pytest.fixture
def kubectl(host):
    """Read objects of the cluster from a server; tests that need it are skipped on agents, where there is no kubeconfig."""

    def get(*arguments):
        return json.loads(host.check_output("k3s kubectl " + " ".join([*arguments, "--output", "json"])))

    if not host.file("/etc/rancher/k3s/k3s.yaml").exists:
        pytest.skip("an agent has no kubeconfig; a server of the same run is asked")
    return get


@pytest.fixture
def certificate(kubectl, site):
    """The Certificate of the site."""
    return kubectl("get", "certificate", site["name"], "--namespace", NAMESPACE)


@pytest.fixture
def tls_secret(kubectl, certificate):
    """The Secret that the Certificate names."""
    return kubectl("get", "secret", certificate["spec"]["secretName"], "--namespace", NAMESPACE)
