# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/networks.md: pods of one cluster call a service of another, by a gateway that ends no TLS."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
import runs
import testinfra
from authority import Authority, serialization
from pods import application, apply, ask_from, kubectl, namespace, process, watch

CLUSTER, CALLERS = runs.example("networks/cluster"), runs.example("networks/callers")
NAME = CALLERS["items"][0]["spec"]["hosts"][0]
SNI = CALLERS["items"][1]["spec"]["trafficPolicy"]["tls"]["sni"]
PORT = 15443
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shelf", "namespace": "stock"},
    "spec": {"selector": {"app": "shelf"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "till", "namespace": "shop"}}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return Authority("root", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority("stranger", tmp_path_factory.mktemp("stranger"))


def below(root, name):
    """The variables of a cluster with an authority that the root has signed."""
    authority = Authority(name, root.folder, root)
    key = authority.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"mesh_certificate": authority.pem, "mesh_key": key.decode(), "mesh_root": root.pem}


@pytest.fixture(scope="module")
def far(request, root):
    """The cluster that is called, and the address of its host."""
    with runs.own_lab(request, "n") as name:
        inventory = runs.lab("inventory", "--name", name).strip()
        found = runs.run({**CLUSTER, **below(root, "far"), "edge_sites": []}, inventory=inventory)
        assert (found.status, found.failures) == (0, []), found.output[-4000:]
        host = testinfra.get_host(f"ansible://server1?ansible_inventory={inventory}", ansible_inventory=inventory)
        for app in ("shelf", "plain"):
            apply(host, application("stock", app))
        apply(host, SERVICE)
        process(host, "stock", "shelf")
        yield host


@pytest.fixture(scope="module")
def there(far):
    return far.backend.get_variables()["ansible_host"]


def play(variables):
    found = runs.run({**variables, "edge_sites": []})
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return found


def callers(host):
    """Process of each application that calls."""
    for name in ("till", "tramp"):
        kubectl(host, f"rollout restart deployment {name} --namespace shop")
    return {name: process(host, "shop", name) for name in ("till", "tramp")}


def answer(host, pid):
    """The first line that a pod gets from the service of the other cluster."""
    (found,) = ask_from(host, pid, [("192.0.2.80", 80, NAME, False)])
    return found.partition("\r\n")[0]


@pytest.fixture(scope="module")
def alone(host, there):
    """What pods got while this cluster had an authority of its own."""
    apply(host, namespace("shop"))
    play({key: value for key, value in CLUSTER.items() if key != "istio_authority"})
    apply(host, ACCOUNT, application("shop", "till", serviceAccountName="till"), application("shop", "tramp"))
    entry, rule = CALLERS["items"]
    entry["spec"]["endpoints"][0]["address"] = there
    apply(host, entry, rule)
    pids = callers(host)
    watch(lambda: "503" in answer(host, pids["till"]))
    return answer(host, pids["till"])


@pytest.fixture(scope="module")
def pids(host, alone, root):
    """Process of each application that calls, when the authority of this cluster has the same root as that of the other."""
    before = kubectl(host, "get pods --namespace istio-system --selector app=istiod --output name")
    variables = {**CLUSTER, **below(root, "near")}
    play(variables)
    assert kubectl(host, "get pods --namespace istio-system --selector app=istiod --output name") != before
    again = play(variables)
    assert again.changed == 0
    return callers(host)


@pytest.mark.matrix
def test_clusters_of_different_roots_do_not_trust_each_other(alone):
    assert alone.startswith("HTTP/1.1 503")


@pytest.mark.matrix
def test_an_account_that_may_call_is_answered_by_the_other_cluster(host, pids):
    watch(lambda: answer(host, pids["till"]) == "HTTP/1.1 200 OK")


@pytest.mark.matrix
def test_the_other_cluster_knows_who_calls(host, pids):
    """Each sidecar knows the account of the pod at the other end, since nothing between them ends TLS."""
    watch(lambda: answer(host, pids["tramp"]) == "HTTP/1.1 403 Forbidden")


def handshake(there, pair, root, sni=SNI, alpn=("istio",)):
    """Ask the gateway as a sidecar does, and return the first line of the answer, or the error."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The name of a server is a URI here, which Python does not compare.
    context.check_hostname = False
    context.load_verify_locations(cadata=root.pem)
    context.load_cert_chain(*pair)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    try:
        with socket.create_connection((there, PORT), timeout=10) as plain, context.wrap_socket(plain, server_hostname=sni) as secured:
            secured.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            return secured.recv(4096).decode().partition("\r\n")[0]
    except OSError as error:
        return type(error).__name__


TILL = "spiffe://cluster.local/ns/shop/sa/till"


@pytest.mark.matrix
@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_another_root_is_refused_in_the_handshake(there, root, stranger, trusted):
    pair = (root if trusted else stranger).issue("caller", uris=[TILL])[1]
    assert handshake(there, pair, root).startswith("HTTP/1.1 200") is trusted


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("sni", "alpn"),
    [
        # Services that the Gateway does not have, with and without a Pod.
        (SNI.replace("stock", "default"), ["istio"]),
        ("outbound_.15012_._.istiod.istio-system.svc.cluster.local", ["istio"]),
        (SNI.replace("80", "81"), ["istio"]),
        ("shelf.stock.svc.cluster.local", ["istio"]),
        (SNI, ["http/1.1"]),
        (SNI, []),
    ],
)
def test_nothing_else_is_behind_the_gateway(there, root, sni, alpn):
    pair = root.issue("caller", uris=[TILL])[1]
    assert handshake(there, pair, root, sni, alpn) in ("ConnectionResetError", "SSLEOFError", "SSLZeroReturnError")


@pytest.mark.matrix
def test_without_a_certificate_of_the_mesh_no_request_passes(there):
    with socket.create_connection((there, PORT), timeout=10) as plain:
        plain.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        try:
            got = plain.recv(100)
        except ConnectionResetError:
            got = b""
    assert got == b""


def test_an_authority_that_does_not_fit_is_named_before_anything_changes(root, stranger):
    wrong = {**below(root, "wrong"), "mesh_root": stranger.pem}
    found = runs.run({**CLUSTER, **wrong, "edge_sites": []})
    assert found.changed == 0
    (message,) = {failure.message for failure in found.failures}
    assert "istio_authority: the certificate of CN=wrong is not signed by that of CN=stranger" in message
    assert "PRIVATE KEY" not in json.dumps(found.output)
