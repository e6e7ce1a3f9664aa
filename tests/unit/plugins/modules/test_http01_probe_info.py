# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against real servers on the loopback interface: what is told apart is what the network does."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_look import ADVICE, HIDDEN, UNKNOWN
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._net import http01 as _http01
from ansible_collections.baremesh.edge.plugins.module_utils._net.proxy_protocol import HEADER_MISSING, HEADER_UNEXPECTED
from ansible_collections.baremesh.edge.plugins.modules import http01_probe_info
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

HOST = "app.example.com"


class Server:
    """Answers every request with the same status and server name, and remembers what was asked."""

    def __init__(self, code, name, proxy_protocol=False, headers=()):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self):
                """As a gateway with proxyProtocol does: without the header the connection ends."""
                if proxy_protocol and self.rfile.readline() != b"PROXY UNKNOWN\r\n":
                    self.close_connection = True
                else:
                    super().handle_one_request()

            def send_error(self, status, *_arguments):
                """Envoy does not name itself when it does not understand."""
                self.send_response_only(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                asked.append((self.headers["Host"], self.path))
                self.send_response_only(code)
                if name:
                    self.send_header("Server", name)
                for key, value in headers:
                    self.send_header(key, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve():
    running = []

    def start(code=404, name="istio-envoy", proxy_protocol=False, headers=()):
        running.append(Server(code, name, proxy_protocol, headers))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture(autouse=True)
def unknown(monkeypatch):
    """No API answers."""

    def refuse(_params):
        raise ConnectionLost("The Kubernetes API at https://fake cannot be reached: connection refused")

    monkeypatch.setattr(http01_probe_info, "open_client", refuse)


@pytest.fixture
def api(monkeypatch, unknown):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(http01_probe_info, "open_client", lambda params: (KubeClient(found, clock), None))
    return found


def add(api, resource, name, spec, space="istio-ingress", labels=None):
    api.apply(resource, {"metadata": {"name": name, "namespace": space, "labels": labels or {}}, "spec": spec})


def add_pod(api, config="{}"):
    spec = {"containers": [{"name": "istio-proxy", "env": [{"name": "PROXY_CONFIG", "value": config}]}]}
    add(api, kinds.PODS, "gateway", spec, labels={"istio": "ingress"})


def add_gateway(api, *hosts, **tls):
    server = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": list(hosts), "tls": tls}
    add(api, kinds.GATEWAYS, "old", {"selector": {"istio": "ingress"}, "servers": [server]})


def probe(monkeypatch, port, **options):
    arguments = {"hosts": [HOST], "addresses": ["127.0.0.1"], "port": port, "timeout": 1, "dns": False, **options}
    return run(monkeypatch, http01_probe_info, **arguments)


def test_the_gateway_answers_what_it_has_no_route_for_itself(monkeypatch, serve):
    server = serve(404)
    found = probe(monkeypatch, server.port)
    assert (found["failed"], found["problems"]) == (False, [])
    assert "msg" not in found
    assert server.asked == [(HOST, "/.well-known/acme-challenge/baremesh-edge-probe")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nginx/1.22.1", "server 'nginx/1.22.1' answers with 404 instead of the gateway"),
        ("", "a server that does not name itself answers with 404 instead of the gateway"),
    ],
)
def test_another_server(monkeypatch, serve, name, expected):
    server = serve(404, name)
    found = probe(monkeypatch, server.port)
    # By its name alone the gateway may be missed, so the setting that hides it is named.
    assert found["problems"] == [f"{HOST} at 127.0.0.1:{server.port}: {expected}{HIDDEN}"]
    assert found["msg"] == found["problems"][0]


def test_a_gateway_that_expects_a_proxy_header_gets_one(monkeypatch, serve):
    server = serve(proxy_protocol=True)
    assert probe(monkeypatch, server.port, proxy_protocol=True)["problems"] == []
    assert len(server.asked) == 1


def test_a_proxy_header_that_is_missing_is_named(monkeypatch, serve):
    server = serve(proxy_protocol=True)
    (found,) = probe(monkeypatch, server.port)["problems"]
    assert found == f"{HOST} at 127.0.0.1:{server.port}: {HEADER_MISSING}"


def test_a_proxy_header_that_is_too_many_is_named(monkeypatch, serve):
    server = serve()
    (found,) = probe(monkeypatch, server.port, proxy_protocol=True)["problems"]
    assert found == f"{HOST} at 127.0.0.1:{server.port}: {HEADER_UNEXPECTED}"


def test_proxies_are_asked_without_a_header(monkeypatch, serve):
    server = serve(proxy_protocol=True)
    found = probe(monkeypatch, server.port, addresses=["127.0.0.1"], proxies=["127.0.0.1"], proxy_protocol=True)
    assert [p["problem"] for p in found["probes"]] == ["", HEADER_MISSING]


def test_a_proxy_that_hides_the_gateway_is_told_how_not_to(monkeypatch, serve):
    server = serve(404, "nginx")
    (found,) = probe(monkeypatch, server.port, addresses=[], proxies=["127.0.0.1"])["problems"]
    assert f"server 'nginx' answers with 404 instead of the gateway{HIDDEN} (an HTTP proxy must pass" in found


def test_a_name_that_leads_past_the_proxy_is_told(serve):
    server = serve(proxy_protocol=True)
    found = _http01.dns_findings(["here"], ["127.0.0.1"], server.port, "x", 1.0, lambda _name: ["127.0.0.1"], proxy_protocol=True)
    assert found == [f"here resolves to 127.0.0.1, and there {HEADER_MISSING}"]


def test_a_closed_port(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (problem,) = probe(monkeypatch, port)["problems"]
    assert problem == f"{HOST} at 127.0.0.1:{port}: connection refused: nothing listens there, or a firewall rejects it"


def test_a_port_that_swallows_everything(monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        (problem,) = probe(monkeypatch, silent.getsockname()[1])["problems"]
    assert problem.endswith("no answer in time: a firewall may drop it, or no gateway pod is behind it")


def test_an_address_that_is_no_name(monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    (problem,) = probe(monkeypatch, 80, addresses=["edge1.invalid"])["problems"]
    assert problem == f"{HOST} at edge1.invalid:80: its name does not resolve"


def test_names_that_lead_elsewhere_are_told(serve):
    gateway, other = serve(), serve(200, "Apache")
    names = {"127.0.0.1": ["127.0.0.1"], "here": ["127.0.0.1"], "elsewhere": ["127.0.0.2"]}

    def resolver(name):
        if name not in names:
            raise OSError
        return names[name]

    hosts = ["here", "nowhere", "elsewhere"]
    found = _http01.dns_findings(hosts, ["127.0.0.1"], gateway.port, "x", 1.0, resolver)
    assert found[0] == "nowhere does not resolve on this host"
    assert found[1].startswith("elsewhere resolves to 127.0.0.2, and there connection refused")
    assert other.asked == []


def test_nothing_to_ask(monkeypatch):
    assert probe(monkeypatch, 80, hosts=[])["probes"] == []


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        (404, "istio-envoy", "where the gateway has no route to cert-manager's solver"),
        (301, "istio-envoy", "and there the gateway answers with 301 before cert-manager's solver can"),
        (404, "nginx", "and there server 'nginx' answers with 404 instead of the gateway"),
    ],
)
def test_who_answers_for_a_name_is_told_in_one_sentence(monkeypatch, serve, code, name, expected):
    monkeypatch.setattr(_http01, "resolve", lambda host: ["127.0.0.1"])
    assert _http01.challenge_answer(HOST, serve(code, name).port, 1) == f"{HOST} points to 127.0.0.1, {expected}"


def test_a_name_that_is_not_known_here_says_nothing(monkeypatch):
    def unknown(host):
        raise socket.gaierror("no such name")

    monkeypatch.setattr(_http01, "resolve", unknown)
    assert _http01.challenge_answer(HOST) is None


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch):
    hanging = threading.Event()

    def hang(host):
        hanging.wait(30)
        raise socket.gaierror("no answer")

    monkeypatch.setattr(_http01, "resolve", hang)
    try:
        assert _http01.challenge_answer(HOST, timeout=0.01) is None
        assert not hanging.is_set()
    finally:
        hanging.set()


# --- what the cluster says of the gateway's answers


@pytest.mark.parametrize(
    ("code", "headers", "said"),
    [
        (301, [("Location", f"https://{HOST}/")], f"the gateway answers with 301 to https://{HOST}/ before cert-manager's solver can"),
        (403, [], "the gateway answers with 403 before cert-manager's solver can"),
        (200, [], "the gateway answers with 200 before cert-manager's solver can"),
        (503, [], "the gateway answers with 503 before cert-manager's solver can"),
        (404, [("x-envoy-upstream-service-time", "1")], "a service behind the gateway answers with 404 before cert-manager's solver can"),
    ],
)
def test_another_answer_of_the_gateway_is_not_the_solvers(monkeypatch, serve, code, headers, said):
    server = serve(code, headers=headers)
    assert probe(monkeypatch, server.port)["problems"] == [f"{HOST} at 127.0.0.1:{server.port}: {said}{UNKNOWN}"]


def test_the_gateway_whose_redirect_swallows_challenges_is_named(monkeypatch, serve, api):
    add_gateway(api, "*", httpsRedirect=True)
    add(api, kinds.VIRTUAL_SERVICES, "shop", {"hosts": [HOST], "gateways": ["istio-ingress/old"], "http": [{}]}, "shop")
    (found,) = probe(monkeypatch, serve(301).port)["problems"]
    assert found.endswith(
        "the gateway answers with 301 before cert-manager's solver can: Gateway istio-ingress/old has httpsRedirect on port 80 "
        f"(VirtualService shop/shop brings the host to it); {ADVICE}"
    )


def test_a_policy_that_denies_challenges_is_named(monkeypatch, serve, api):
    add(api, kinds.AUTHORIZATION_POLICIES, "office", {"rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]})
    (found,) = probe(monkeypatch, serve(403).port)["problems"]
    assert f"solver can: AuthorizationPolicy istio-ingress/office allows other requests only; {ADVICE}" in found


def test_a_filter_is_suspected_of_an_answer_that_nothing_else_gives(monkeypatch, serve, api):
    add(api, kinds.ENVOY_FILTERS, "maintenance", {"configPatches": [{"applyTo": "HTTP_FILTER"}]})
    (found,) = probe(monkeypatch, serve(503).port)["problems"]
    assert "solver can: EnvoyFilter istio-ingress/maintenance changes how the gateway answers; " in found


def test_an_answer_that_no_object_gives_is_called_so(monkeypatch, serve, api):
    (found,) = probe(monkeypatch, serve(401).port)["problems"]
    assert "solver can: no Gateway, route, policy or filter of the cluster accounts for it; " in found


@pytest.mark.parametrize(("code", "rule"), [(301, {"redirect": {"scheme": "https"}}), (200, {"route": []}), (503, {"route": []})])
def test_a_rule_of_a_site_that_gives_way_to_the_solver_is_no_problem(monkeypatch, serve, api, code, rule):
    add_gateway(api, "*")
    add(api, kinds.VIRTUAL_SERVICES, "app-redirect", {"hosts": [HOST], "gateways": ["istio-ingress/old"], "http": [rule]})
    assert probe(monkeypatch, serve(code).port)["problems"] == []


def test_a_redirect_of_an_httproute_that_gives_way_is_no_problem_and_another_is_named(monkeypatch, serve, api):
    address = [{"type": "Hostname", "value": "istio-ingress.istio-ingress.svc"}]
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    add(api, kinds.KUBE_GATEWAYS, "public", {"addresses": address, "listeners": [listener]})
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
    spec = {"parentRefs": [{"name": "public", "namespace": "istio-ingress"}], "hostnames": [HOST], "rules": [rule]}
    add(api, kinds.HTTP_ROUTES, "app", spec, "shop")
    assert probe(monkeypatch, serve(301).port)["problems"] == []
    rule["matches"] = [{"path": {"type": "PathPrefix", "value": "/.well-known/"}}]
    add(api, kinds.HTTP_ROUTES, "app", spec, "shop")
    (found,) = probe(monkeypatch, serve(301).port)["problems"]
    assert f"solver can: HTTPRoute shop/app takes prefix /.well-known/ before the solver's route; {ADVICE}" in found


def test_what_a_service_behind_an_ingress_answers_is_no_problem(monkeypatch, serve, api):
    upstream = [("x-envoy-upstream-service-time", "1"), ("Location", "/login")]
    assert len(probe(monkeypatch, serve(302, headers=upstream).port)["problems"]) == 1
    add(api, kinds.INGRESS_CLASSES, "edge", {"controller": "istio.io/ingress-controller"}, space=None)
    rule = {"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix"}]}}
    add(api, kinds.INGRESSES, "app", {"ingressClassName": "edge", "rules": [rule]}, "shop")
    assert probe(monkeypatch, serve(302, headers=upstream).port)["problems"] == []


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ('{"proxyHeaders": {"server": {"disabled": true}}}', ""),
        ('{"proxyHeaders": {"server": {"value": "shop"}}}', "shop"),
        ('{"proxyHeaders": {"attemptCount": {"disabled": true}}}', "istio-envoy"),
        ("no JSON", "istio-envoy"),
    ],
)
def test_a_gateway_that_names_itself_otherwise_is_recognised_by_its_configuration(monkeypatch, serve, api, config, name):
    add_pod(api, config)
    assert probe(monkeypatch, serve(404, name).port)["problems"] == []
    other = serve(404, "nginx")
    assert probe(monkeypatch, other.port)["problems"] == [
        f"{HOST} at 127.0.0.1:{other.port}: server 'nginx' answers with 404 instead of the gateway"
    ]


def test_a_gateway_without_a_name_is_judged_like_any_other(monkeypatch, serve, api):
    add_pod(api, '{"proxyHeaders": {"server": {"disabled": true}}}')
    add_gateway(api, HOST, httpsRedirect=True)
    (found,) = probe(monkeypatch, serve(301, "").port)["problems"]
    assert (
        "the gateway answers with 301 before cert-manager's solver can: Gateway istio-ingress/old has httpsRedirect on port 80; " in found
    )


def test_a_path_without_doubt_asks_no_api(monkeypatch, serve, api):
    assert probe(monkeypatch, serve(404).port)["problems"] == []
    assert api.requests == []


def test_a_wait_names_the_object_too(monkeypatch, serve):
    monkeypatch.setattr(_http01, "resolve", lambda host: ["127.0.0.1"])
    found = _http01.challenge_answer(HOST, serve(301).port, 1, lambda seen: _http01.replace(seen, problem="Gateway x redirects"))
    assert found == f"{HOST} points to 127.0.0.1, and there Gateway x redirects"
