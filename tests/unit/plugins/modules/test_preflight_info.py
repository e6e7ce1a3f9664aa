# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import http.server
import json
import os
import socket
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import network
from ansible_collections.baremesh.edge.plugins.modules import api_client_info, preflight_info
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock

#: What clients said of themselves, by server.
LOGINS: dict[str, list[str]] = {}


def web_logins(web):
    return LOGINS[web]


@pytest.fixture
def web():
    """A web server that has /k3s/sha256sum-amd64.txt and /dir."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

        def do_GET(self):
            LOGINS.setdefault(f"http://127.0.0.1:{self.server.server_address[1]}", []).extend(
                filter(None, (self.headers["Authorization"], self.headers["Proxy-Authorization"]))
            )
            body = {"/k3s/sha256sum-amd64.txt": b"sums", "/dir": b'{"newOrder": 1}'}.get(self.path.removeprefix("http://acme.example.com"))
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"no")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_documents_are_fetched_with_the_login_of_their_address(monkeypatch, web):
    monkeypatch.setattr(preflight_info.platform, "machine", lambda: "x86_64")
    given = f"{web.replace('//', '//me:hu%40sh@')}/k3s"
    ((url, seen),) = run(monkeypatch, preflight_info, network={"release": given})["fetched"].items()
    assert (seen["status"], seen["body"]) == (200, "sums")
    assert url == seen["url"] == f"{web.replace('//', '//********@')}/k3s/sha256sum-amd64.txt"
    assert web_logins(web) == ["Basic " + base64.b64encode(b"me:hu@sh").decode()]


def test_what_fetches_uses_the_environment_that_is_given(monkeypatch, web):
    """The proxy is asked for the address, with its password; neither is shown."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    proxy = web.replace("//", "//me:hu%40sh@")
    urls = [{"url": "http://acme.example.com/dir"}]
    result = run(monkeypatch, preflight_info, network={"urls": urls}, environment={"http_proxy": proxy, "no_proxy": "acme"})
    assert result["fetched"]["http://acme.example.com/dir"]["body"] == '{"newOrder": 1}'
    assert web_logins(web) == ["Basic " + base64.b64encode(b"me:hu@sh").decode()]


def test_a_host_is_read_and_the_result_can_be_sent(monkeypatch):
    result = run(monkeypatch, preflight_info, examine={"ports": [1], "reference_time": 0})
    assert not result["failed"]
    assert not result["changed"]
    assert {"os", "machine", "cgroups", "default_route", "listeners", "time_offset"} <= set(result["host"])
    assert result["host"]["time_offset"] > 1e9
    json.dumps(result)


def test_the_tools_are_those_that_the_module_for_them_finds(monkeypatch, tmp_path):
    nowhere = {"host": "https://127.0.0.1:1"}
    tools = {"helm": str(tmp_path / "helm"), "tools_dir": str(tmp_path / "tools"), "install": False}
    found = run(monkeypatch, preflight_info, examine={"tools": tools}, **nowhere)["host"]["tools"]
    alone = run(monkeypatch, api_client_info, **tools, **nowhere)
    assert found == {name: alone[name] for name in found}
    assert (found["available"], found["helm_ready"]) == (False, False)
    assert [problem.split(" ", 2)[2] for problem in found["problems"]] == [
        f"{tmp_path}/helm, which cannot be executed; install Helm 3 there, or leave edge_helm unset and api_client_install true"
    ]


def test_the_node_has_the_name_that_its_configuration_gives(monkeypatch):
    about = run(monkeypatch, preflight_info, examine={"node_config": {"node-name": "Edge-7", "with-node-id": "true"}})["host"]
    assert (about["node_name"], about["node_id"]) == ("edge-7", True)


def test_without_the_host_only_the_network_is_looked_at(monkeypatch):
    result = run(monkeypatch, preflight_info)
    assert "host" not in result
    assert result["resolved"] == {}


def test_documents_are_fetched_with_their_status(monkeypatch, web):
    monkeypatch.setattr(preflight_info.platform, "machine", lambda: "x86_64")
    asked = {"release": f"{web}/k3s", "urls": [{"url": f"{web}/dir"}, {"url": f"{web}/none"}]}
    result = run(monkeypatch, preflight_info, network=asked)
    fetched = result["fetched"]
    assert fetched[f"{web}/k3s/sha256sum-amd64.txt"]["body"] == "sums"
    assert fetched[f"{web}/dir"]["status"] == 200
    assert fetched[f"{web}/none"]["status"] == 404
    assert fetched[f"{web}/none"]["error"].startswith("HTTP 404")


def test_an_architecture_without_releases_fetches_none(monkeypatch, web):
    monkeypatch.setattr(preflight_info.platform, "machine", lambda: "riscv64")
    assert run(monkeypatch, preflight_info, network={"release": f"{web}/k3s"})["fetched"] == {}


def test_a_server_that_is_not_there_is_told():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert "refused" in network.fetch(f"http://127.0.0.1:{port}/", None, 2)["error"]


@pytest.mark.parametrize(("url", "ca"), [("file:///etc/passwd", None), ("https://127.0.0.1:1/", "not a certificate")])
def test_what_cannot_be_asked_is_told(url, ca):
    found = network.fetch(url, ca, 2)
    assert found["status"] == 0
    assert found["error"]
    assert found["body"] == ""


@pytest.mark.parametrize(
    ("errno", "error"), [(socket.EAI_NONAME, ""), (socket.EAI_AGAIN, "[Errno -3] Temporary failure in name resolution")]
)
def test_no_address_and_no_answer_are_two_things(monkeypatch, errno, error):
    def fail(*_arguments):
        raise socket.gaierror(errno, "Temporary failure in name resolution")

    monkeypatch.setattr(network.socket, "getaddrinfo", fail)
    assert network.resolve("app.example.com") == {"name": "app.example.com", "a": [], "aaaa": [], "error": error}


def test_names_are_looked_up_as_they_are(monkeypatch):
    asked = []

    def answer(name, _port, family, _kind):
        asked.append(name)
        return [(family, 1, 6, "", ("192.0.2.10" if family == socket.AF_INET else "2001:db8::10", 0))] * 2

    monkeypatch.setattr(network.socket, "getaddrinfo", answer)
    found = network.resolve("app.example.com")
    assert asked == ["app.example.com."] * 2
    assert (found["a"], found["aaaa"]) == (["192.0.2.10"], ["2001:db8::10"])


def test_what_was_ordered_is_read_where_there_is_a_cluster(monkeypatch):
    asked = {"orders": [make.NS, "edge-orders"]}
    assert "orders" not in run(monkeypatch, preflight_info, network=asked, kubeconfig="/nonexistent")
    clock = ScriptedClock()
    api = FakeApi(clock)
    monkeypatch.setattr(preflight_info, "open_client", lambda params: (KubeClient(api, clock), None))
    issuer = make.cluster_issuer()
    issuer["spec"]["acme"] = {"server": "https://acme.example.com/dir"}
    api.apply(kinds.CLUSTER_ISSUERS, issuer)
    api.apply(kinds.CERTIFICATES, make.certificate())
    found = run(monkeypatch, preflight_info, network=asked)["orders"]
    assert [(entry["namespace"], entry["server"]) for entry in found["held"]] == [(make.NS, "https://acme.example.com/dir")]
