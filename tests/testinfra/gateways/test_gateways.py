# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways on two hosts, by the YAML of docs/gateways.md: each serves its own sites, and none disturbs the other."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess

import pytest
import runs
import visits
import yaml

VARS = runs.ROOT / "lab/demo/gateways.yml"
GIVEN = yaml.safe_load(VARS.read_text(encoding="utf-8"))
APP, SHOP = GIVEN["edge_sites"]
TAKING = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "taking", "namespace": "default"},
    "spec": {
        "hosts": SHOP["hosts"],
        "gateways": ["team-b/shop"],
        "http": [{"route": [{"destination": {"host": "web.default.svc.cluster.local", "port": {"number": 3000}}}]}],
    },
}


@pytest.fixture(scope="module")
def two_hosts(request):
    """Name of a lab with a server and an agent, on which site.yml ran with the variables of the documentation."""
    with runs.own_lab(request, "g", "--agents", "1") as name:
        for host, site in (("server1", APP), ("agent1", SHOP)):
            runs.lab("dns", "--name", name, "set", site["hosts"][0], address(name, host))
        first = play(name)
        assert first.status == 0, (first.failures, first.output[-4000:])
        yield name


def address(name, host):
    return runs.lab("address", "--name", name, host).strip()


def play(name, **variables):
    """Run site.yml with the variables of the documentation and further ones."""
    inventory = runs.lab("inventory", "--name", name).strip()
    return runs.run(variables, "--extra-vars", f"@{VARS}", "--extra-vars", json.dumps(variables), inventory=inventory)


def kubectl(name, *arguments, text=""):
    command = [runs.ROOT / "lab/lab", "shell", "--name", name, "server1", "--", "k3s", "kubectl", *arguments]
    return subprocess.run(command, input=text, check=False, capture_output=True, text=True)


def status_on_80(at, name, path):
    """Return the status and the Location that port 80 of an address answers for a name."""
    with contextlib.closing(http.client.HTTPConnection(at, timeout=10)) as opened:
        opened.request("GET", path, headers={"Host": name})
        answer = opened.getresponse()
        return answer.status, answer.headers.get("Location")


@pytest.mark.parametrize(("host_name", "site"), [("server1", APP), ("agent1", SHOP)])
def test_each_gateway_serves_its_own_sites(two_hosts, root_of, host_name, site):
    name = site["hosts"][0]
    context = ssl.create_default_context(cadata=root_of)
    plain = socket.create_connection((address(two_hosts, host_name), 443), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=name) as secured:
        secured.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        assert secured.recv(100).split()[1] == b"200"


@pytest.fixture(scope="module")
def root_of(two_hosts):
    return runs.lab("ca", "--name", two_hosts)


@pytest.mark.parametrize(("host_name", "site"), [("agent1", APP), ("server1", SHOP)])
def test_no_gateway_serves_the_sites_of_another(two_hosts, host_name, site):
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(address(two_hosts, host_name), site)


def test_challenges_reach_the_solver_through_either_gateway(two_hosts):
    at, name = address(two_hosts, "agent1"), SHOP["hosts"][0]
    # The certificates were issued so. A challenge that does not exist is answered by the other gateway, and not redirected.
    assert status_on_80(at, name, "/.well-known/acme-challenge/none") == (404, None)
    assert status_on_80(at, name, "/x") == (301, f"https://{name}/x")


def test_each_certificate_is_in_the_namespace_of_its_gateway(two_hosts):
    columns = "custom-columns=:metadata.namespace,:metadata.name"
    found = kubectl(two_hosts, "get", "certificates", "--all-namespaces", "--no-headers", "--output", columns)
    assert sorted(line.split() for line in found.stdout.splitlines()) == [["istio-ingress", "app"], ["team-b", "shop"]]


def test_a_route_of_another_team_cannot_take_a_host(two_hosts):
    done = kubectl(two_hosts, "create", "--filename", "-", text=json.dumps(TAKING))
    assert done.returncode != 0
    assert "route_namespaces names other namespaces" in done.stderr, done.stderr


def test_a_second_run_changes_nothing(two_hosts):
    again = play(two_hosts)
    assert (again.status, again.failures, again.changed) == (0, [], 0)


def test_a_gateway_comes_and_goes_and_connections_of_the_other_stay(two_hosts):
    with contextlib.closing(visits.NamedConnection(address(two_hosts, "server1"), APP["hosts"][0])) as standing:

        def answer():
            standing.request("GET", "/", headers={"Host": APP["hosts"][0]})
            got = standing.getresponse()
            got.read()
            return got.status, standing.sock.getsockname()

        first = answer()
        assert first[0] == 200
        third = {"name": "team-c", "http_node_port": 32080, "https_node_port": 32443, "http_port": 8080, "https_port": 8443, "replicas": 2}
        added = play(two_hosts, edge_gateways=[*GIVEN["edge_gateways"], third])
        assert added.status == 0, (added.failures, added.output[-4000:])
        assert answer() == first
        gone = [{"name": each, "state": "absent"} for each in ("team-b", "team-c")]
        removed = play(two_hosts, edge_gateways=gone, edge_sites=[APP])
        assert removed.status == 0, (removed.failures, removed.output[-4000:])
        assert answer() == first
    assert kubectl(two_hosts, "get", "pods", "--namespace", "team-b", "--output", "name").stdout == ""
    assert kubectl(two_hosts, "get", "gateways,virtualservices,certificates", "--namespace", "team-b", "--output", "name").stdout == ""
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(address(two_hosts, "agent1"), SHOP)
