# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module against a real TLS server that plays a small Kubernetes API: requests, client certificate and watch are real."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.baremesh.edge.plugins.modules import k3s_node
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

VERSION = "v1.34.4+k3s1"
ADDRESS = ipaddress.ip_address("127.0.0.1")


def pair(name, issuer=None):
    """A certificate and its key, signed by itself or by another pair."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ADDRESS)]), critical=False)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def node(status="True", version=VERSION):
    return {
        "metadata": {"name": "edge2"},
        "status": {"conditions": [{"type": "Ready", "status": status, "message": "because"}], "nodeInfo": {"kubeletVersion": version}},
    }


class Cluster:
    """What the API answers: Nodes by name, and events that a watch brings."""

    def __init__(self):
        self.nodes = {}
        self.events = []
        self.requests = []
        self.failures = 0
        self.changed = threading.Event()


def handler(cluster):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

        def _answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            parts = urllib.parse.urlsplit(self.path)
            query = urllib.parse.parse_qs(parts.query)
            cluster.requests.append((self.command, parts.path, "watch" in query))
            if cluster.failures:
                cluster.failures -= 1
                self._answer(503, {"message": "not yet"})
            elif "watch" in query:
                self.send_response(200)
                self.end_headers()
                for event in cluster.events:
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                    self.wfile.flush()
            elif parts.path == "/api/v1/nodes":
                self._answer(200, {"metadata": {"resourceVersion": "7"}, "items": list(cluster.nodes.values())})
            else:
                found = cluster.nodes.get(parts.path.rsplit("/", 1)[1])
                self._answer(200 if found else 404, found or {"message": "not found"})

        def do_DELETE(self):
            cluster.requests.append((self.command, self.path, False))
            found = cluster.nodes.pop(self.path.rsplit("/", 1)[1], None)
            self._answer(200 if found else 404, {"message": "gone"})

    return Handler


@pytest.fixture
def cluster(tmp_path):
    """The API behind TLS that asks for a client certificate of its CA, and a kubeconfig as K3s writes it."""
    authority, server, client = pair("ca"), None, None
    server, client = pair("server", authority), pair("client", authority)
    (tmp_path / "server.pem").write_bytes(pem(server[0]) + key_pem(server[1]))
    (tmp_path / "ca.pem").write_bytes(pem(authority[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    made = Cluster()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.url = f"https://127.0.0.1:{httpd.server_address[1]}"
    data = {
        "certificate-authority": pem(authority[0]),
        "client-certificate": pem(client[0]),
        "client-key": key_pem(client[1]),
    }
    made.kubeconfig = tmp_path / "k3s.yaml"
    made.kubeconfig.write_text(
        "apiVersion: v1\nclusters:\n- cluster:\n"
        f"    certificate-authority-data: {base64.b64encode(data['certificate-authority']).decode()}\n    server: {made.url}\n"
        "users:\n- name: default\n  user:\n"
        f"    client-certificate-data: {base64.b64encode(data['client-certificate']).decode()}\n"
        f"    client-key-data: {base64.b64encode(data['client-key']).decode()}\n"
    )
    made.kubelet = tmp_path / "kubelet.kubeconfig"
    lines = [f"    server: {made.url}"]
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        lines.append(f"    {name}: {tmp_path / name}")
    made.kubelet.write_text("\n".join(lines))
    yield made
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def ask(monkeypatch, cluster, check=False, **options):
    return run(monkeypatch, k3s_node, check=check, **{"name": "edge2", "kubeconfig": str(cluster.kubeconfig), "timeout": 3, **options})


def test_a_ready_node_is_seen_with_one_request(monkeypatch, cluster):
    cluster.nodes["edge2"] = node()
    result = ask(monkeypatch, cluster, version=VERSION)
    assert not result["failed"]
    assert not result["changed"]
    assert cluster.requests == [("GET", "/api/v1/nodes", False)]


def test_an_authority_that_a_newer_python_refuses_by_default_is_accepted(monkeypatch, cluster):
    """From Python 3.13 on the default context is strict; this authority's certificates lack an Authority Key Identifier."""
    default = ssl.create_default_context

    def strict(**options):
        context = default(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    cluster.nodes["edge2"] = node()
    result = ask(monkeypatch, cluster)
    assert not result["failed"], result["msg"]


def test_the_kubelets_kubeconfig_with_its_files_works_as_well(monkeypatch, cluster):
    cluster.nodes["edge2"] = node()
    assert not ask(monkeypatch, cluster, kubeconfig=str(cluster.kubelet))["failed"]


def test_a_node_that_becomes_ready_is_seen_by_the_watch(monkeypatch, cluster):
    cluster.nodes["edge2"] = node("False")
    cluster.events = [{"type": "MODIFIED", "object": node("False")}, {"type": "MODIFIED", "object": node()}]
    result = ask(monkeypatch, cluster)
    assert not result["failed"]
    assert [request[2] for request in cluster.requests] == [False, True]


def test_an_api_that_fails_for_a_while_is_asked_again(monkeypatch, cluster):
    cluster.nodes["edge2"] = node()
    cluster.failures = 2
    assert not ask(monkeypatch, cluster)["failed"]


def test_a_watch_that_expired_begins_with_a_new_list(monkeypatch, cluster):
    cluster.nodes["edge2"] = node("False")
    cluster.events = [{"type": "ERROR", "object": {"code": 410}}]
    threading.Timer(0.3, cluster.nodes.__setitem__, ("edge2", node())).start()
    assert not ask(monkeypatch, cluster)["failed"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (None, "has no Node 'edge2'"),
        (node("False"), "not Ready: because"),
        (node(version="v1.33.1+k3s1"), "still reports the kubelet version v1.33.1+k3s1"),
    ],
)
def test_at_the_deadline_the_last_reason_is_told(monkeypatch, cluster, given, why):
    if given:
        cluster.nodes["edge2"] = given
    result = ask(monkeypatch, cluster, version=VERSION, timeout=1)
    assert result["failed"]
    assert why in result["cause"]
    assert 1 <= result["elapsed"] < 3


def test_an_api_that_is_not_there_is_told(monkeypatch, cluster, tmp_path):
    result = ask(monkeypatch, cluster, kubeconfig=str(tmp_path / "none"), timeout=1)
    assert "none does not exist yet" in result["cause"]


def test_a_foreign_ca_is_not_trusted(monkeypatch, cluster):
    foreign = base64.b64encode(pem(pair("other")[0])).decode()
    text = "\n".join(
        f"    certificate-authority-data: {foreign}" if "authority-data" in line else line
        for line in cluster.kubeconfig.read_text().splitlines()
    )
    cluster.kubeconfig.write_text(text)
    cluster.nodes["edge2"] = node()
    assert "CERTIFICATE_VERIFY_FAILED" in ask(monkeypatch, cluster, timeout=1)["cause"]


def test_a_node_is_deleted_once(monkeypatch, cluster):
    cluster.nodes["edge2"] = node()
    result = ask(monkeypatch, cluster, state="absent")
    assert result["changed"]
    assert result["reachable"]
    assert not cluster.nodes
    assert not ask(monkeypatch, cluster, state="absent")["changed"]


def test_check_mode_deletes_nothing(monkeypatch, cluster):
    cluster.nodes["edge2"] = node()
    assert ask(monkeypatch, cluster, check=True, state="absent")["changed"]
    assert cluster.nodes


def test_a_cluster_that_is_gone_has_no_node(monkeypatch, cluster, tmp_path):
    result = ask(monkeypatch, cluster, state="absent", kubeconfig=str(tmp_path / "none"))
    assert not result["changed"]
    assert not result["reachable"]
