# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/tcp.md, asked from outside by psql and by clients of TCP with and without TLS."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest
import runs
import yaml
from authority import Authority

HERE = Path(__file__).parent
VARS = runs.ROOT / "lab/demo/tcp.yml"
GIVEN = yaml.safe_load(VARS.read_text(encoding="utf-8"))
SITES = {site["name"]: site for site in GIVEN["edge_sites"]}
DATABASE, SHARED = (entry["port"] for entry in GIVEN["edge_gateway_ports"])
ECHOES = {"queue": 7101, "archive": 7102}
# What a client of PostgreSQL sends before TLS: its length, and the number of this request.
SSL_REQUEST = struct.pack("!II", 8, 80877103)
PASSWORD = "lab-password"
LIMIT = 10


def place(host, name, text, mode="600"):
    """Write a file on the host."""
    host.check_output("echo %s | base64 --decode > %s && chmod %s %s", base64.b64encode(text.encode()).decode(), name, mode, name)


@pytest.fixture(scope="module")
def machine(host, tmp_path_factory):
    """The authority of the programs beside the cluster, which run on the host itself: a database, and two that echo."""
    authority = Authority("machines", tmp_path_factory.mktemp("machines"))
    _certificate, (pair, key) = authority.issue("all", hosts=["orders.example.com", *SITES["archive"]["hosts"]])
    for path, text in (("/root/echo.py", HERE / "echo.py"), ("/root/all.pem", pair), ("/root/all.key", key)):
        place(host, path, text.read_text(encoding="utf-8"))
    for name, port in ECHOES.items():
        files = "/root/all.pem /root/all.key" if name == "archive" else ""
        host.check_output(f"systemd-run --collect --unit echo-{name} /usr/bin/python3 /root/echo.py {port} {files}")
    with database(host, pair.read_text(encoding="ascii"), key.read_text(encoding="ascii")):
        yield authority
    host.check_output(f"systemctl stop {' '.join(f'echo-{name}' for name in ECHOES)}")


@contextlib.contextmanager
def database(host, certificate, key):
    """Run PostgreSQL of the distribution, on a port that the gateway does not have."""
    # Port 5432 of the host is the gateway's, and the package would start a database there.
    place(host, "/root/createcluster.conf", "create_main_cluster = false\n")
    host.check_output("install -D --mode 644 /root/createcluster.conf /etc/postgresql-common/createcluster.conf")
    install = "apt-get install --yes --no-install-recommends --option Dpkg::Options::=--force-confold postgresql"
    host.check_output(f"apt-get update && DEBIAN_FRONTEND=noninteractive {install}")
    version = host.check_output("ls /usr/lib/postgresql").strip()
    place(host, "/root/database.pem", certificate)
    place(host, "/root/database.key", key)
    host.check_output("install --owner postgres --mode 600 /root/database.pem /root/database.key /var/lib/postgresql/")
    options = {"listen_addresses": "*", "ssl": "on"}
    options |= {f"ssl_{kind}_file": f"/var/lib/postgresql/database.{end}" for kind, end in (("cert", "pem"), ("key", "key"))}
    given = " ".join(f"--pgoption '{name}={value}'" for name, value in options.items())
    port = SITES["orders"]["routes"][0]["port"]
    host.check_output(f"pg_createcluster {version} lab --port {port} {given}")
    host.check_output(f"echo 'host all all 0.0.0.0/0 scram-sha-256' >> /etc/postgresql/{version}/lab/pg_hba.conf")
    host.check_output(f"pg_ctlcluster {version} lab start")
    host.check_output(f'su postgres -c "psql --port {port} --command \\"alter role postgres password \'{PASSWORD}\'\\""')
    try:
        yield
    finally:
        host.check_output(f"pg_dropcluster --stop {version} lab")


@pytest.fixture(scope="module", autouse=True)
def run(host, machine):
    for each in SITES.values():
        for name in each.get("hosts", ()):
            runs.lab("dns", "set", name, host.backend.get_variables()["ansible_host"])
    found = play(host)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return found


def play(host, **variables):
    """Run site.yml with the variables of the documentation, and further ones."""
    given = {**GIVEN, "machine_address": host.backend.get_variables()["ansible_host"], **variables}
    return runs.run(given)


@pytest.fixture
def lab_authority(root_certificate):
    return Path(root_certificate).read_text(encoding="ascii")


def secured(at, port, name, authority, alpn=()):
    """Open a connection that begins with TLS, whose certificate is checked."""
    context = ssl.create_default_context(cadata=authority)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(socket.create_connection((at, port), timeout=LIMIT), server_hostname=name)


def echoes(connection, size=1):
    """Return whether all that is sent comes back."""
    sent = os.urandom(size)
    connection.sendall(sent)
    got = bytearray()
    while len(got) < size and (piece := connection.recv(65536)):
        got += piece
    return bytes(got) == sent


def psql(at, query, *settings):
    """Ask the database through the gateway; return what psql says, and its errors."""
    place_of = f"host=orders.example.com hostaddr={at} port={DATABASE} user=postgres dbname=postgres connect_timeout={LIMIT}"
    words = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", query, " ".join([place_of, *settings])]
    done = subprocess.run(words, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_a_database_and_its_clients_agree_on_tls(address, machine, tmp_path, mode):
    (tmp_path / "root.pem").write_text(machine.pem, encoding="ascii")
    query = "select ssl, 6 * 7 from pg_stat_ssl where pid = pg_backend_pid()"
    said, errors = psql(address, query, f"sslmode={mode}", f"sslrootcert={tmp_path / 'root.pem'}")
    assert said == f"{'f' if mode == 'disable' else 't'}|42", errors


def test_the_certificate_of_the_database_is_its_own(address, tmp_path, lab_authority):
    (tmp_path / "root.pem").write_text(lab_authority, encoding="ascii")
    said, errors = psql(address, "select 1", "sslmode=verify-full", f"sslrootcert={tmp_path / 'root.pem'}")
    assert said == ""
    assert "certificate verify failed" in errors


@pytest.mark.parametrize(("name", "port"), [("queue", SHARED), ("feed", 443)])
def test_the_gateway_ends_tls_with_its_own_certificate(address, lab_authority, name, port):
    with secured(address, port, SITES[name]["hosts"][0], lab_authority) as connection:
        assert echoes(connection, size=1)


def test_the_port_of_https_still_serves_web_sites(ask):
    assert ask("/").status == 200


def test_tls_passes_to_the_application(address, machine):
    with secured(address, SHARED, SITES["archive"]["hosts"][0], machine.pem) as connection:
        assert echoes(connection, size=3000)


@pytest.mark.parametrize(("name", "chosen"), [("archive", "postgresql"), ("queue", None)])
def test_who_ends_tls_chooses_the_protocol(address, machine, lab_authority, name, chosen):
    """Clients of PostgreSQL that begin with TLS need theirs to be chosen, which a gateway that ends TLS does not know."""
    authority = machine.pem if name == "archive" else lab_authority
    with secured(address, SHARED, SITES[name]["hosts"][0], authority, alpn=["postgresql"]) as connection:
        assert connection.selected_alpn_protocol() == chosen


@pytest.mark.parametrize("name", ["unknown.example.com", "orders.example.com", "app.example.com", None])
def test_a_name_that_no_site_of_the_port_has_gets_no_certificate(address, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address, SHARED), timeout=LIMIT) as plain, pytest.raises((ConnectionError, ssl.SSLError)):
        context.wrap_socket(plain, server_hostname=name)


def test_a_request_for_tls_does_not_pass_a_gateway_that_ends_it(address):
    with socket.create_connection((address, SHARED), timeout=LIMIT) as plain:
        plain.sendall(SSL_REQUEST)
        # It is closed, or reset, without the client ending it first.
        with contextlib.suppress(ConnectionError):
            assert plain.recv(1) == b""
    with socket.create_connection((address, DATABASE), timeout=LIMIT) as plain:
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"


def test_the_report_judges_ports_of_tcp(run):
    assert f"queue: served: queue.example.com:{SHARED}" in run.output
    assert f"archive: passed through: archive.example.com:{SHARED}" in run.output


def test_large_messages_come_back(address, lab_authority):
    with secured(address, SHARED, SITES["queue"]["hosts"][0], lab_authority) as connection:
        assert all(echoes(connection, size=16384) for _ in range(64))


def test_a_second_run_changes_nothing(host):
    again = play(host)
    assert (again.status, again.failures, again.changed) == (0, [], 0)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"edge_gateway_ports": GIVEN["edge_gateway_ports"][1:]}, f"tcp_port is {DATABASE}, which is no port of the gateway"),
        pytest.param(
            {"edge_gateway_ports": [{"port": DATABASE, "node_port": 30443}]},
            f"node_port 30443 of port {DATABASE} is already",
            marks=pytest.mark.matrix,
        ),
        pytest.param(
            {"edge_sites": [SITES["queue"], {**SITES["orders"], "tcp_port": SHARED}]},
            f"tcp_port {SHARED} is already that of site 'queue', and connections without TLS name no host",
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_changes(host, variables, expected):
    found = play(host, **variables)
    assert found.status != 0
    assert found.changed == 0
    assert any(expected in failure.message for failure in found.failures), found.failures


def test_a_port_that_is_gone_ends_no_connection_of_others(host, address, lab_authority):
    with secured(address, SHARED, SITES["queue"]["hosts"][0], lab_authority) as standing:
        assert echoes(standing)
        left = [site for site in GIVEN["edge_sites"] if site["name"] != "orders"]
        found = play(host, edge_gateway_ports=GIVEN["edge_gateway_ports"][1:], edge_sites=left)
        assert (found.status, found.failures) == (0, []), found.output[-4000:]
        assert echoes(standing)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, DATABASE), timeout=LIMIT).close()
    service = host.check_output("k3s kubectl --namespace istio-ingress get service istio-ingress --output jsonpath='{.spec.ports[*].port}'")
    assert sorted(map(int, service.split())) == [80, 443, SHARED]


@pytest.mark.matrix
def test_all_ports_and_sites_go(host, address, site):
    last = play(host, edge_gateway_ports=[], edge_sites=[site], certificate_prune_secrets=True)
    assert (last.status, last.failures) == (0, []), last.output[-4000:]
    for port in (DATABASE, SHARED):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=LIMIT).close()
