# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/gateway-api.md: sites change from Istio's objects to those of the Gateway API and back while clients ask them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import ssl
import time
from pathlib import Path

import pytest
import runs
import visits
from asking import LIMIT, Asking
from authority import Authority
from pods import apply, kubectl, namespace

ECHO = runs.ROOT / "tests/testinfra/tcp/echo.py"
PAGES = runs.ROOT / "tests/testinfra/patterns/outside.py"
#: Programs on the host itself: their ports, and what they are started with. Two end TLS, and one says what it was asked for.
PROGRAMS = {
    "queue": (7101, "echo.py 7101"),
    "archive": (7102, "echo.py 7102 /root/own.pem /root/own.key"),
    "files": (7103, "echo.py 7103 /root/own.pem /root/own.key"),
    "pages": (7104, "pages.py pages 7104"),
}
PASSED = ("archive.example.com", "files.example.com")
KINDS = ("gateways", "httproutes", "tlsroutes", "tcproutes")
GROUP = "gateway.networking.k8s.io"
NS = "istio-ingress"

GIVEN = runs.example("gateway-api")
SITES = {each["name"]: each for each in GIVEN["edge_sites"]}
#: What is asked while sites change: those that both APIs have.
ISTIO = {**GIVEN, "edge_api": "istio"}


def service(name, address, port):
    """Return a Service that leads to a program on a host."""
    metadata = {"name": name, "namespace": "machines"}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"name": "tcp", "port": port}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "tcp", "port": port}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        },
    ]


@pytest.fixture(scope="module")
def machine(host, tmp_path_factory):
    """The authority of the programs that end TLS themselves."""
    at = host.backend.get_variables()["ansible_host"]
    authority = Authority("machines", tmp_path_factory.mktemp("machines"))
    _certificate, (pair, key) = authority.issue("all", hosts=list(PASSED))
    for path, text in (("/root/echo.py", ECHO), ("/root/pages.py", PAGES), ("/root/own.pem", pair), ("/root/own.key", key)):
        coded = base64.b64encode(text.read_bytes()).decode()
        host.check_output("echo %s | base64 --decode > %s && chmod 600 %s", coded, path, path)
    apply(host, namespace("machines"))
    for name, (port, words) in PROGRAMS.items():
        host.check_output(f"systemd-run --collect --unit machine-{name} /usr/bin/python3 /root/{words}")
        apply(host, *service(name, at, port))
    yield authority
    host.check_output(f"systemctl stop {' '.join(f'machine-{name}' for name in PROGRAMS)}")
    kubectl(host, "delete namespace machines --wait=false")


class Visitors:
    """One client for each kind of site, all but one each time on a connection of its own."""

    def __init__(self, at):
        self._at = at
        self._standing = None

    def asking(self):
        """Return clients of each kind, who have not begun yet."""
        redirected = (301, "https://app.example.com/x")
        return Asking(
            https=(self._https, 200),
            kept=(self._kept, 200),
            redirect=(self._redirect, redirected),
            passed=(self._passed, True),
            ended=(self._ended, True),
            plain=(self._plain, True),
        )

    def _https(self):
        return visits.status_of(self._at, SITES["app"])[0]

    def _kept(self):
        """Ask on a connection that stays open for as long as the gateway lets it."""
        if self._standing is None:
            self._standing = visits.NamedConnection(self._at, "app.example.com")
        self._standing.request("GET", "/", headers={"Host": "app.example.com"})
        answer = self._standing.getresponse()
        answer.read()
        if answer.will_close:
            self._standing.close()
            self._standing = None
        return answer.status

    def _redirect(self):
        with contextlib.closing(http.client.HTTPConnection(self._at, 80, timeout=LIMIT)) as opened:
            opened.request("GET", "/x", headers={"Host": "app.example.com"})
            answer = opened.getresponse()
            return answer.status, answer.headers.get("Location")

    def _passed(self):
        with unchecked(self._at, 443, "archive.example.com") as connection:
            return echoes(connection)

    def _ended(self):
        with unchecked(self._at, 7000, "queue.example.com") as connection:
            return echoes(connection)

    def _plain(self):
        with socket.create_connection((self._at, 7001), timeout=LIMIT) as connection:
            return echoes(connection)


def unchecked(at, port, name):
    """Open TLS for a name. Whose certificate it is is asked elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((at, port), timeout=LIMIT), server_hostname=name)


def secured(at, port, name, authority):
    context = ssl.create_default_context(cadata=authority)
    return context.wrap_socket(socket.create_connection((at, port), timeout=LIMIT), server_hostname=name)


def echoes(connection):
    sent = os.urandom(100)
    connection.sendall(sent)
    got = bytearray()
    while len(got) < len(sent) and (piece := connection.recv(4096)):
        got += piece
    return bytes(got) == sent


def play(**variables):
    """Run site.yml with the variables of the documentation, and further ones."""
    return runs.run({**GIVEN, **variables})


def objects(host, kinds=KINDS, group=GROUP):
    """Names of objects in the namespace of the gateway, by kind."""
    names = ",".join(f"{kind}.{group}" for kind in kinds)
    found = json.loads(kubectl(host, f"get {names} --namespace {NS} --output json"))["items"]
    kept = [each for each in found if not each["metadata"]["name"].startswith("cm-acme-http-solver")]
    return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in kept)


@pytest.fixture(scope="module", autouse=True)
def before(host, machine):
    """The address of the sites, which are objects of Istio."""
    at = host.backend.get_variables()["ansible_host"]
    for name in [host_name for each in SITES.values() for host_name in each.get("hosts", ())]:
        runs.lab("dns", "set", name, at)
    found = play(edge_api="istio")
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return at


@pytest.fixture(scope="module")
def switched(before):
    """The run that changes them, and what clients were answered meanwhile."""
    with Visitors(before).asking() as asking:
        time.sleep(1)
        found = play()
        time.sleep(1)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return asking


@pytest.fixture(scope="module")
def back(before, switched):
    """The run that changes them back, after all other tests, and what clients were answered meanwhile."""
    with Visitors(before).asking() as asking:
        time.sleep(1)
        found = play(edge_api="istio")
        time.sleep(1)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return asking


def test_no_request_fails_while_sites_change(switched):
    assert switched.unlike == {}


def test_sites_are_objects_of_the_gateway_api_and_of_it_alone(host, switched):
    assert objects(host) == [
        *("Gateway/app", "Gateway/archive", "Gateway/edge-http", "Gateway/plain", "Gateway/queue"),
        *("HTTPRoute/app", "HTTPRoute/app-redirect", "TCPRoute/plain", "TCPRoute/queue", "TLSRoute/archive", "TLSRoute/archive.1"),
    ]
    assert objects(host, ("gateways", "virtualservices"), "networking.istio.io") == []
    # istiod deploys no gateway of its own.
    deployed = json.loads(kubectl(host, f"get deployments,services --namespace {NS} --output json"))["items"]
    assert {each["metadata"]["name"] for each in deployed} == {"istio-ingress"}


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("/api/x?y", {"path: /x?y"}),
        ("/api/", {"path: /"}),
        ("/api", {"path: /"}),
        ("/apix", {"web", "workflow"}),
    ],
)
def test_routes_lead_where_they_did(switched, ask, path, lines):
    answer = ask(path)
    assert answer.status == 200
    assert answer.headers["strict-transport-security"] == "max-age=3600"
    assert lines & set(answer.body.splitlines()), answer.body


def test_a_route_redirects(switched, ask):
    answer = ask("/old")
    assert (answer.status, answer.headers["location"]) == (301, "https://app.example.com/")


def test_port_80_redirects_and_leaves_challenges_open(switched, ask):
    answer = ask("/x?y", tls=False)
    assert (answer.status, answer.headers["location"]) == (301, "https://app.example.com/x?y")


@pytest.mark.parametrize("name", PASSED)
def test_tls_passes_to_who_has_the_certificate(before, switched, machine, name):
    with secured(before, 443, name, machine.pem) as connection:
        assert echoes(connection)


def test_tls_of_tcp_ends_at_the_gateway(before, switched, root_certificate):
    with secured(before, 7000, "queue.example.com", Path(root_certificate).read_text(encoding="ascii")) as connection:
        assert echoes(connection)


def test_a_second_run_changes_nothing(switched):
    again = play()
    assert (again.status, again.failures, again.changed) == (0, [], 0)


@pytest.mark.matrix
def test_a_challenge_is_solved_by_a_route_of_the_gateway_api(host, switched, ask):
    shop = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "lab", "routes": SITES["app"]["routes"]}
    runs.lab("dns", "set", "shop.example.com", host.backend.get_variables()["ansible_host"])
    found = play(edge_sites=[*GIVEN["edge_sites"], shop])
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    assert ask("/api/", name="shop.example.com").status == 200
    (issuer,) = json.loads(kubectl(host, "get clusterissuer lab --output json"))["spec"]["acme"]["solvers"]
    assert list(issuer["http01"]) == ["gatewayHTTPRoute"]
    # A renewal, with the redirect in place.
    before = ask("/", name="shop.example.com").serial
    renewed = runs.run(
        {**GIVEN, "edge_sites": [*GIVEN["edge_sites"], shop], "renewal_names": ["shop"]}, playbook=runs.ROOT / "playbooks/renew.yml"
    )
    assert (renewed.status, renewed.failures) == (0, []), renewed.output[-4000:]
    assert ask("/", name="shop.example.com").serial != before


@pytest.mark.matrix
def test_what_is_gone_is_deleted(host, switched):
    left = [site for site in GIVEN["edge_sites"] if site["name"] != "archive"]
    found = play(edge_sites=left, edge_gateway_ports=GIVEN["edge_gateway_ports"])
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    assert not [name for name in objects(host) if "archive" in name or "shop" in name]
    grants = json.loads(kubectl(host, f"get referencegrants.{GROUP} --all-namespaces --output json"))["items"]
    assert sorted("/".join((each["metadata"]["namespace"], each["metadata"]["name"])) for each in grants) == [
        f"default/{NS}.app",
        *(f"machines/{NS}.{name}" for name in ("app", "plain", "queue")),
    ]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tls": {"min_version": "1.3"}}, "tls.min_version is given, and the Gateway API has nothing for it"),
        (
            {"routes": [{**SITES["app"]["routes"][0], "cors": {"allowOrigins": [{"exact": "https://x.example.com"}]}}]},
            "routes[0].cors is given",
        ),
        ({"hosts": ["app.example.com", "b.example.com"]}, "hosts has 2 names"),
    ],
)
def test_what_the_api_cannot_express_is_said_before_anything_changes(switched, more, said):
    found = play(edge_sites=[{**SITES["app"], **more}])
    assert (found.status != 0, found.changed) == (True, 0)
    assert any(said in failure.message and "set edge_api to istio" in failure.message for failure in found.failures), found.failures


def labelled(host, *words):
    for name in json.loads(kubectl(host, "get crds --output json"))["items"]:
        if name["spec"]["group"] == GROUP:
            kubectl(host, "label crd", name["metadata"]["name"], "--overwrite", *words)


@pytest.mark.matrix
def test_definitions_of_others_are_used_and_never_changed(host, switched):
    # Those that Helm of another installed, older, and without a kind.
    labelled(host, "app.kubernetes.io/managed-by=Helm")
    kubectl(host, "annotate crd", f"gateways.{GROUP} httproutes.{GROUP}", "--overwrite", f"{GROUP}/bundle-version=v1.5.0")
    versions = "get crds --output jsonpath='{range .items[*]}{.metadata.name}={.metadata.resourceVersion} {end}'"
    before = kubectl(host, versions)
    # Another test may have left out a site.
    assert play().status == 0
    again = play()
    assert (again.status, again.failures, again.changed) == (0, [], 0)
    found = runs.run({**GIVEN, "_istio_api_kinds": ["GatewayClass", "Gateway", "Mesh"]})
    (failure,) = found.failures
    assert "were installed by others, and do not serve Mesh" in failure.message
    assert kubectl(host, versions) == before
    labelled(host, "app.kubernetes.io/managed-by=baremesh.edge")
    kubectl(host, "annotate crd", f"gateways.{GROUP} httproutes.{GROUP}", "--overwrite", f"{GROUP}/bundle-version=v1.6.0")


@pytest.mark.matrix
def test_istiod_says_why_it_takes_no_listener(host, switched):
    """A port that the Service does not have is refused before; this is what a run says if someone else took it away."""
    spec = {
        "gatewayClassName": "istio",
        "addresses": [{"type": "Hostname", "value": f"istio-ingress.{NS}.svc.cluster.local"}],
        "listeners": [
            {
                "name": "https",
                "port": 443,
                "protocol": "HTTPS",
                "hostname": "none.example.com",
                "tls": {"mode": "Terminate", "certificateRefs": [{"name": "nothing"}]},
            }
        ],
    }
    apply(host, {"apiVersion": f"{GROUP}/v1", "kind": "Gateway", "metadata": {"name": "none", "namespace": NS}, "spec": spec})
    try:
        listed = json.dumps([{"kind": "Gateway", "name": "none", "namespace": NS}])
        words = ["ansible", "server1", "--inventory", str(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab"), "--module-name"]
        given = json.dumps({"kubeconfig": "/etc/rancher/k3s/k3s.yaml", "objects": json.loads(listed), "timeout": 5})
        done = runs.subprocess.run([*words, "baremesh.edge.ready_wait", "--args", given], check=False, capture_output=True, text=True)
        assert "is not programmed: listener https: ResolvedRefs is False, InvalidCertificateRef" in done.stdout, done.stdout + done.stderr
    finally:
        kubectl(host, f"delete gateways.{GROUP} none --namespace {NS}")


@pytest.mark.matrix
def test_no_request_fails_while_sites_change_back(host, back):
    assert back.unlike == {}
    assert objects(host) == []
    names = objects(host, ("gateways",), "networking.istio.io")
    assert names == ["Gateway/app", "Gateway/archive", "Gateway/edge-http", "Gateway/plain", "Gateway/queue"]
