# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/mesh.md: pods get sidecars, and those who may call are answered and others refused."""

from __future__ import annotations

import json
import subprocess

import pytest
import runs
from authority import Authority
from pods import application, apply, ask_from, kubectl, namespace, process, watch

PARTS = ("--tags", "mesh,cert_manager,certificate,gateway")
# Of namespaces, accounts and applications; those of the yard are no part of the mesh.
PODS = {
    "till": ("counter", "default"),
    "stall": ("street", "stall"),
    "tramp": ("street", "default"),
    "desk": ("office", "default"),
    "barrow": ("yard", "default"),
}
MEMBERS = ("counter", "street", "office")
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "till", "namespace": "counter"},
    "spec": {"selector": {"app": "till"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


def labels(host, name):
    return json.loads(kubectl(host, f"get namespace {name} --output json"))["metadata"]["labels"]


@pytest.fixture(scope="module")
def suppliers(tmp_path_factory):
    return Authority("suppliers", tmp_path_factory.mktemp("suppliers"))


@pytest.fixture(scope="module")
def variables(suppliers):
    return {**runs.example("mesh"), "supplier_authority": suppliers.pem}


@pytest.fixture(scope="module")
def plain(host):
    """The applications, without sidecars."""
    for space in dict.fromkeys(space for space, _account in PODS.values()):
        apply(host, namespace(space))
    for name, (space, account) in PODS.items():
        if account != "default":
            apply(host, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": space}})
        apply(host, application(space, name, serviceAccountName=account))
    apply(host, SERVICE)
    for name, (space, _account) in PODS.items():
        process(host, space, name, sidecar=False)
    yield
    for space in dict.fromkeys(space for space, _account in PODS.values()):
        kubectl(host, f"delete namespace {space} --wait=false")


@pytest.fixture(scope="module")
def first(plain, variables, site, host):
    """The first run, of whose warnings the tests read."""
    found = runs.run(variables, *PARTS)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    yield found
    issuers = host.backend.get_variables()["cert_manager_issuers"]
    last = runs.run({"edge_mesh": [], "edge_sites": [site], "cert_manager_issuers": issuers, "certificate_prune_secrets": True}, *PARTS)
    assert last.status == 0, last.output[-4000:]
    for space in MEMBERS:
        assert set(labels(host, space)) == {"kubernetes.io/metadata.name"}
    kinds = "peerauthentications,authorizationpolicies,serviceentries,destinationrules"
    assert kubectl(host, f"get {kinds} --all-namespaces --output name").strip() == ""
    assert kubectl(host, "get pods --namespace counter --output name").strip()


@pytest.fixture(scope="module")
def pods(host, first):
    """Process of each application, after the commands that the run has named."""
    for name, (space, _account) in PODS.items():
        if space in MEMBERS:
            command = f"kubectl rollout restart deployment/{name} --namespace {space}"
            assert command in first.output.replace("\\n", " ")
            host.check_output(f"k3s {command}")
    return {name: process(host, space, name, sidecar=space in MEMBERS) for name, (space, _account) in PODS.items()}


@pytest.fixture
def ask(host, pods):
    """A function that asks for a name on port 80 from an application, and returns the first line of the answer or the error."""

    def request(application_, address, name):
        (answer,) = ask_from(host, pods[application_], [(address, 80, name, False)])
        return answer.partition("\r\n")[0]

    return request


@pytest.fixture
def curl(address):
    """A function that asks the gateway for a name over TLS, and returns the status, 0 where there is no answer."""

    def request(name, pair=()):
        command = ["curl", "--silent", "--insecure", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}"]
        shown = ["--cert", pair[0], "--key", pair[1]] if pair else []
        done = subprocess.run(
            [*command, "--resolve", f"{name}:443:{address}", *shown, f"https://{name}/"], capture_output=True, text=True, check=False
        )
        return int(done.stdout)

    return request


def test_the_first_run_names_who_is_left_out(first):
    said = first.output
    assert "with mtls STRICT pods without a sidecar cannot connect to it any more: " in said
    assert "counter/till-" in said
    assert "edge_mesh (office): pods desk-" in said
    assert "yard/" not in said, "its pods may not call anyway"


def test_sidecars_are_ready_before_the_application_and_end_after_it(host, pods):
    (pod,) = json.loads(kubectl(host, "get pods --namespace counter --selector app=till --output json"))["items"]
    (proxy,) = [each for each in pod["spec"]["initContainers"] if each["name"] == "istio-proxy"]
    assert proxy["restartPolicy"] == "Always"
    assert [each["name"] for each in pod["spec"]["containers"]] == ["backend"]


def test_a_second_run_changes_nothing_and_names_no_pod(pods, variables):
    found = runs.run(variables, *PARTS)
    assert (found.status, found.changed) == (0, 0), found.output[-4000:]
    assert "without a sidecar" not in found.output


@pytest.mark.parametrize(
    ("caller", "answer"),
    [
        ("stall", "HTTP/1.1 200"),
        ("tramp", "HTTP/1.1 403"),
        ("desk", "HTTP/1.1 403"),
        # It speaks no TLS, and the sidecar takes nothing else.
        ("barrow", "ConnectionResetError"),
    ],
)
def test_who_may_call(host, ask, caller, answer):
    address = kubectl(host, "get service till --namespace counter --output jsonpath={.spec.clusterIP}")
    watch(lambda: ask(caller, address, "till.counter").startswith(answer))


def test_the_gateway_may_call_and_shows_who_it_is(pods, curl):
    watch(lambda: curl("counter.example.com") == 200)


@pytest.mark.parametrize(
    ("names", "status"),
    [
        ({"hosts": ["mill.example.net"]}, 200),
        ({"uris": ["spiffe://example.net/bakery"]}, 200),
        ({"hosts": ["www.example.net", "mill.example.net"], "uris": ["spiffe://example.net/dairy"]}, 200),
        ({"hosts": ["dairy.example.net"], "uris": ["spiffe://example.net/bakery"]}, 200),
        ({"hosts": ["dairy.example.net"]}, 403),
        ({"hosts": ["a.mill.example.net"]}, 403),
        ({"uris": ["spiffe://example.net/bakery/boy"]}, 403),
        ({}, 403),
    ],
)
def test_which_clients_may_use_a_site(pods, curl, suppliers, names, status):
    _certificate, pair = suppliers.issue("client", **names)
    watch(lambda: curl("supply.example.com", pair) == status)


def test_clients_without_a_certificate_get_no_answer(pods, curl, suppliers, tmp_path):
    assert curl("supply.example.com") == 0
    _certificate, pair = Authority("others", tmp_path).issue("client", hosts=["mill.example.net"])
    assert curl("supply.example.com", pair) == 0


@pytest.mark.parametrize(("caller", "answer"), [("desk", "HTTP/1.1 200"), ("stall", "HTTP/1.1 403")])
def test_pods_of_the_mesh_ask_its_gateway(ask, address, caller, answer):
    watch(lambda: ask(caller, address, "ledger.example.com").startswith(answer))


def test_others_do_not(curl, pods):
    assert curl("ledger.example.com") == 0


@pytest.mark.matrix
def test_a_label_of_others_stops_the_run_before_anything_changes(host, first, variables):
    apply(host, namespace("attic"))
    host.check_output("k3s kubectl label namespace attic istio-injection=disabled")
    try:
        mesh = [*variables["edge_mesh"], {"namespace": "attic", "mtls": "STRICT"}]
        found = runs.run({**variables, "edge_mesh": mesh}, *PARTS)
        (failure,) = found.failures
        assert failure.message.startswith("edge_mesh (attic): the namespace has the label istio-injection: disabled")
        assert found.changed == 0
        assert labels(host, "attic")["istio-injection"] == "disabled"
    finally:
        kubectl(host, "delete namespace attic")
