# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server outside of the cluster that notes what it sees, applications with sidecars, and requests from their pods."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import runs
from pods import application, apply, ask_from, kubectl, namespace, process

EGRESS = yaml.safe_load((runs.ROOT / "lab/demo/egress.yml").read_text(encoding="utf-8"))["edge_egress"]
PLAYBOOK = runs.ROOT / "playbooks/egress.yml"
NAMES = [
    *("api.example.org", "partner.example.org", "orders.example.org", "bank.example.org", "weather.example.org"),
    *("www.library.example.net", "a.library.example.net", "unknown.example.org"),
]
# Names that are answered to clients with a certificate only.
STRICT = ("partner.example.org", "orders.example.org")
APPLICATIONS = {"shop": "till", "office": "desk", "street": "stall"}


@dataclasses.dataclass(frozen=True)
class Visit:
    """What the server outside saw of one connection."""

    sni: str | None
    client: str | None
    alpn: str | None
    source: str
    request: str


class Server:
    """Speaks TLS on port 443 of an address that is the machine's and no host's of the cluster, and asks for a certificate."""

    def __init__(self, address, folder):
        self.address, self.visits = address, []
        self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = self._named
        self._names = {}
        self._listener = socket.create_server((address, 443))
        self._plain = socket.create_server((address, 80))
        for listener, tls in ((self._listener, True), (self._plain, False)):
            threading.Thread(target=self._serve, args=(listener, tls), daemon=True).start()

    def _named(self, connection, name, _context):
        self._names[id(connection)] = name

    def _serve(self, listener, tls):
        while True:
            try:
                connection, source = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, source[0], tls), daemon=True).start()

    def _answer(self, connection, source, tls):
        try:
            connection.settimeout(10)
            sni = client = alpn = None
            if tls:
                connection = self._context.wrap_socket(connection, server_side=True)
                sni, alpn = self._names.pop(id(connection), None), connection.selected_alpn_protocol()
                shown = connection.getpeercert()
                client = dict(part[0] for part in shown["subject"])["commonName"] if shown else None
                if sni in STRICT and not client:
                    return
            while head := connection.recv(65536):
                self.visits.append(Visit(sni, client, alpn, source, head.decode(errors="replace")))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\noutside")
                if b"connection: close" in head.lower():
                    return
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self._listener.close()
        self._plain.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An authority, the server's certificate and that of a client."""
    folder = tmp_path_factory.mktemp("outside")
    names = ",".join(f"DNS:{name}" for name in NAMES)
    (folder / "names").write_text(f"subjectAltName={names}", encoding="ascii")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj"]
    sign = ["openssl", "x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"]
    for command in (
        [*new, "/CN=outside", "-x509", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "/CN=server", "-keyout", "server.key", "-out", "server.csr"],
        [*sign, "-in", "server.csr", "-out", "server.pem", "-extfile", "names"],
        [*new, "/CN=shop", "-keyout", "client.key", "-out", "client.csr"],
        [*sign, "-in", "client.csr", "-out", "client.pem"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def server(host, folder):
    """The server; all names point to it."""
    network = ipaddress.ip_network(f"{host.backend.get_variables()['ansible_host']}/24", strict=False)
    server = Server(str(network[1]), folder)
    for name in NAMES:
        runs.lab("dns", "set", name, server.address)
    yield server
    server.close()
    for name in NAMES:
        runs.lab("dns", "set", name, "clear")


def secret(name, namespace, **files):
    data = {key.replace("_", "."): base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


@pytest.fixture(scope="module")
def pods(host):
    """Process of the application in each namespace, in a pod with a real injected sidecar."""
    for space, name in APPLICATIONS.items():
        apply(host, namespace(space, **{"istio-injection": "enabled"}), application(space, name))
    found = {}
    for space, name in APPLICATIONS.items():
        found[space] = process(host, space, name)
    yield found
    for space in APPLICATIONS:
        kubectl(host, f"delete namespace {space}")


@pytest.fixture(scope="module")
def ask(host, pods):
    """A function that asks from the pod of a namespace: ``ask("shop", (address, port, name, tls), ...)`` returns what came back."""

    def request(space, *questions, times=1):
        return ask_from(host, pods[space], questions, times)

    return request
