# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server outside of the cluster that notes what it sees, applications with sidecars, and requests from their pods."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import runs

EGRESS = yaml.safe_load((runs.ROOT / "lab/demo/egress.yml").read_text(encoding="utf-8"))["edge_egress"]
PLAYBOOK = runs.ROOT / "playbooks/egress.yml"
NAMES = [
    *("api.example.org", "partner.example.org", "orders.example.org", "bank.example.org", "weather.example.org"),
    *("www.library.example.net", "a.library.example.net", "unknown.example.org"),
]
# Names that are answered to clients with a certificate only.
STRICT = ("partner.example.org", "orders.example.org")
APPLICATIONS = {"shop": "till", "office": "desk", "street": "stall"}
# A request in the network of a pod, not as the user of the sidecar, whose connections are not taken.
ASK = """
import concurrent.futures, json, socket, ssl, sys
def ask(question):
    address, port, name, tls = question
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            if tls:
                connection = ssl._create_unverified_context().wrap_socket(connection, server_hostname=name)
            connection.sendall(f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace") or "closed"
    except OSError as error:
        return f"{type(error).__name__}: {error}"
with concurrent.futures.ThreadPoolExecutor(50) as pool:
    print(json.dumps(list(pool.map(ask, json.loads(sys.argv[1]) * int(sys.argv[2])))))
"""


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


def kubectl(host, *arguments):
    return host.check_output("k3s kubectl " + " ".join(arguments))


def apply(host, *objects):
    for each in objects:
        host.check_output("echo %s | k3s kubectl apply --server-side --force-conflicts --filename -", json.dumps(each))


def secret(name, namespace, **files):
    data = {key.replace("_", "."): base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def application(space, name):
    labels = {"app": name}
    container = {
        "name": "backend",
        "image": "docker.io/baremesh/backend:1",
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "NAME", "value": name}, {"name": "PORT", "value": "8080"}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": space}, "spec": spec}


@pytest.fixture(scope="module")
def pods(host):
    """Process of the application in each namespace, in a pod with a real injected sidecar."""
    for space, name in APPLICATIONS.items():
        apply(host, namespace(space, **{"istio-injection": "enabled"}), application(space, name))
    found = {}
    for space, name in APPLICATIONS.items():
        kubectl(host, f"rollout status deployment {name} --namespace {space} --timeout 120s")
        (pod,) = json.loads(kubectl(host, f"get pods --namespace {space} --output json"))["items"]
        names = [each["name"] for kind in ("containers", "initContainers") for each in pod["spec"].get(kind, [])]
        assert "istio-proxy" in names, "the pod has no sidecar"
        pids = host.check_output(f"grep --files-with-matches {pod['metadata']['uid']} /proc/[0-9]*/cgroup || true").split()
        (found[space],) = [
            pid for pid in (path.split("/")[2] for path in pids) if host.file(f"/proc/{pid}/comm").content_string.strip() == "backend"
        ]
    yield found
    for space in APPLICATIONS:
        kubectl(host, f"delete namespace {space}")


@pytest.fixture(scope="module")
def ask(host, pods):
    """A function that asks from the pod of a namespace: ``ask("shop", (address, port, name, tls), ...)`` returns what came back."""

    def request(space, *questions, times=1):
        command = f"nsenter --target {pods[space]} --net --setuid 65534 python3 -c %s %s {times}"
        return json.loads(host.check_output(command, ASK, json.dumps(questions)))

    return request


def watch(condition, limit=60):
    """Wait until a condition holds: sidecars get their routes a moment after the API server has them."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.2)
