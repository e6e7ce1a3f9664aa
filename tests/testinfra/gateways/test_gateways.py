# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways on two hosts, by the YAML of docs/gateways.md: each serves its own sites, and none disturbs the other."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time

import pytest
import runs
import visits
import yaml
from asking import Asking

VARS = runs.ROOT / "lab/demo/gateways.yml"
GIVEN = yaml.safe_load(VARS.read_text(encoding="utf-8"))
APP, SHOP = GIVEN["edge_sites"]


def route_of(namespace, gateway):
    """Return a VirtualService that would answer for the host of the other team."""
    destination = {"host": "web.default.svc.cluster.local", "port": {"number": 3000}}
    spec = {"hosts": SHOP["hosts"], "gateways": [gateway], "http": [{"route": [{"destination": destination}]}]}
    metadata = {"name": "taking", "namespace": namespace}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def gateway_of(namespace, hosts):
    """Return a Gateway on the pods of the other team."""
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts}
    metadata = {"name": "taking", "namespace": namespace}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"selector": {"istio": "team-b"}, "servers": [server]},
    }


@pytest.fixture(scope="module")
def two_hosts(request):
    """Name of a lab with a server and an agent, on which site.yml ran with the variables of the documentation."""
    with runs.own_lab(request, "g", "--agents", "1") as name:
        for site in (APP, SHOP):
            point(name, site)
        first = play(name)
        assert first.status == 0, (first.failures, first.output[-4000:])
        yield name


def address(name, host):
    return runs.lab("address", "--name", name, host).strip()


def point(name, site):
    """Let the name of a site point to the host of its gateway."""
    runs.lab("dns", "--name", name, "set", site["hosts"][0], address(name, "agent1" if site.get("gateway") == "team-b" else "server1"))


def play(name, **variables):
    """Run site.yml with the variables of the documentation and further ones."""
    inventory = runs.lab("inventory", "--name", name).strip()
    return runs.run(variables, "--extra-vars", f"@{VARS}", "--extra-vars", json.dumps(variables), inventory=inventory)


def kubectl(name, *arguments, text=""):
    command = [runs.ROOT / "lab/lab", "shell", "--name", name, "server1", "--", "k3s", "kubectl", *arguments]
    return subprocess.run(command, input=text, check=False, capture_output=True, text=True)


def status_on_80(at, name, path, port=80):
    """Return the status and the Location that a port without TLS answers for a name."""
    with contextlib.closing(http.client.HTTPConnection(at, port, timeout=10)) as opened:
        opened.request("GET", path, headers={"Host": name})
        answer = opened.getresponse()
        return answer.status, answer.headers.get("Location")


def verified_status(at, site, root, port=443):
    """Return the status that a site answers with, over TLS with a certificate that must be for its name and of the lab's authority."""
    name, context = site["hosts"][0], ssl.create_default_context(cadata=root)
    with socket.create_connection((at, port), timeout=10) as plain, context.wrap_socket(plain, server_hostname=name) as secured:
        secured.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        return secured.recv(100).split()[1]


@pytest.mark.parametrize(("host_name", "site"), [("server1", APP), ("agent1", SHOP)])
def test_each_gateway_serves_its_own_sites(two_hosts, root_of, host_name, site):
    assert verified_status(address(two_hosts, host_name), site, root_of) == b"200"


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


@pytest.mark.parametrize(
    "taking",
    [
        route_of("default", "team-b/shop"),
        # The team of the other gateway is another team as well.
        route_of("istio-ingress", "team-b/shop"),
        route_of("default", "team-b/edge-http-team-b"),
        gateway_of("default", SHOP["hosts"]),
        gateway_of("istio-ingress", [f"*/{SHOP['hosts'][0]}"]),
    ],
)
def test_another_team_cannot_take_a_host(two_hosts, taking):
    done = kubectl(two_hosts, "create", "--filename", "-", text=json.dumps(taking))
    assert done.returncode != 0
    assert "route_namespaces names other namespaces" in done.stderr, done.stderr
    assert visits.status_of(address(two_hosts, "agent1"), SHOP)[0] == 200


@pytest.mark.parametrize("own", [route_of("team-b", "team-b/shop"), gateway_of("default", ["free.example.com"])])
def test_what_takes_no_host_is_accepted(two_hosts, own):
    done = kubectl(two_hosts, "create", "--dry-run=server", "--filename", "-", text=json.dumps(own))
    assert done.returncode == 0, done.stderr


def test_a_second_run_changes_nothing(two_hosts):
    again = play(two_hosts)
    assert (again.status, again.failures, again.changed) == (0, [], 0)


GROUP = "gateway.networking.k8s.io"
GATEWAYS = ["istio-ingress/app", "istio-ingress/edge-http", "team-b/edge-http-team-b", "team-b/shop"]
NEW = [{**site, "name": f"new-{site['name']}", "hosts": [f"new.{site['hosts'][0]}"]} for site in (APP, SHOP)]


def switched(name, *asked, **variables):
    """Run while sites are asked, and return what was not answered as it should be."""
    places = {site["name"]: (address(name, "agent1" if site == SHOP else "server1"), site) for site in asked}
    with Asking(**{key: (lambda place=place: visits.status_of(*place)[0], 200) for key, place in places.items()}) as asking:
        time.sleep(1)
        found = play(name, **variables)
        time.sleep(1)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return asking.unlike


def objects(name, *kinds, group):
    columns = "custom-columns=:metadata.namespace,:metadata.name"
    names = ",".join(f"{kind}.{group}" for kind in kinds)
    found = kubectl(name, "get", names, "--all-namespaces", "--no-headers", "--output", columns).stdout.splitlines()
    return sorted("/".join(line.split()) for line in found)


@pytest.fixture(scope="module")
def gateway_api(two_hosts):
    """What was not answered while both gateways changed to the Gateway API."""
    return switched(two_hosts, APP, SHOP, edge_api="gateway")


@pytest.mark.matrix
def test_both_gateways_change_to_the_gateway_api(two_hosts, gateway_api):
    assert gateway_api == {}
    assert objects(two_hosts, "gateways", group=GROUP) == GATEWAYS
    assert objects(two_hosts, "gateways", "virtualservices", group="networking.istio.io") == []
    at, name = address(two_hosts, "agent1"), SHOP["hosts"][0]
    assert status_on_80(at, name, "/x") == (301, f"https://{name}/x")
    again = play(two_hosts, edge_api="gateway")
    assert (again.status, again.failures, again.changed) == (0, [], 0)


@pytest.mark.matrix
def test_by_the_gateway_api_each_gateway_proves_and_serves_its_own_sites_alone(two_hosts, gateway_api, root_of):
    for site in NEW:
        point(two_hosts, site)
    added = play(two_hosts, edge_api="gateway", edge_sites=[APP, SHOP, *NEW])
    assert (added.status, added.failures) == (0, []), added.output[-4000:]
    own, other = address(two_hosts, "server1"), address(two_hosts, "agent1")
    for site, at, elsewhere in [(APP, own, other), (SHOP, other, own), (NEW[0], own, other), (NEW[1], other, own)]:
        assert verified_status(at, site, root_of) == b"200"
        with pytest.raises((ConnectionError, ssl.SSLError)):
            visits.status_of(elsewhere, site)


@pytest.mark.matrix
def test_by_the_gateway_api_a_gateway_that_goes_leaves_the_other(two_hosts, gateway_api):
    gone = {"edge_gateways": [{"name": "team-b", "state": "absent"}], "edge_sites": [APP]}
    assert switched(two_hosts, APP, edge_api="gateway", **gone) == {}
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(address(two_hosts, "agent1"), SHOP)
    assert objects(two_hosts, "gateways", group=GROUP) == [each for each in GATEWAYS if each.startswith("istio-ingress/")]
    assert switched(two_hosts, APP, edge_api="gateway") == {}


@pytest.mark.matrix
def test_both_gateways_change_back_from_the_gateway_api(two_hosts, gateway_api):
    assert switched(two_hosts, APP, SHOP) == {}
    assert objects(two_hosts, "gateways", "httproutes", "referencegrants", group=GROUP) == []
    assert objects(two_hosts, "gateways", group="networking.istio.io") == GATEWAYS


class Standing:
    """Connections that stay open, as many to each site, and know whether they are still those that were opened."""

    def __init__(self, lab_name, sites, each):
        self.opened = []
        for site in sites:
            at = address(lab_name, "agent1" if site.get("gateway") == "team-b" else "server1")
            self.opened += [(site["name"], visits.NamedConnection(at, site["hosts"][0])) for _ in range(each)]
        for _site, connection in self.opened:
            connection.connect()
            # http.client opens another connection by itself where the first is gone.
            connection.auto_open = 0

    def broken(self):
        """Use every connection, and return how many of each site are gone, are to be closed, or do not answer as they should."""
        return dict(collections.Counter(site for site, connection in self.opened if not answers(connection)))

    def close(self):
        for _site, connection in self.opened:
            connection.close()


def answers(connection):
    """Return whether a connection answers a request and may be used again. Envoy announces what it is going to close."""
    try:
        connection.request("GET", "/", headers={"Host": connection.name})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == 200 and not answer.will_close


def further(site, number):
    """Return a site like another one, with a name of its own."""
    label, domain = site["hosts"][0].split(".", 1)
    return {**site, "name": f"{site['name']}-{number}", "hosts": [f"{label}-{number}.{domain}"]}


TWENTY = [APP, SHOP, *(further(site, number) for site in (APP, SHOP) for number in range(2, 11))]
# On the hosts of the default gateway, by ports of its own.
TEAM_C = {"name": "team-c", "http_node_port": 32080, "https_node_port": 32443, "http_port": 8080, "https_port": 8443, "replicas": 2}
ON_C = {**APP, "name": "third", "hosts": ["third.example.com"], "gateway": "team-c"}


@pytest.fixture(scope="module")
def twenty(two_hosts):
    """What 200 connections said that stood while 18 sites and a third gateway were added to two sites on two gateways."""
    for site in [*TWENTY, ON_C]:
        point(two_hosts, site)
    with contextlib.closing(Standing(two_hosts, [APP, SHOP], 100)) as standing:
        assert standing.broken() == {}
        added = play(two_hosts, edge_gateways=[*GIVEN["edge_gateways"], TEAM_C], edge_sites=[*TWENTY, ON_C])
        assert added.status == 0, (added.failures, added.output[-4000:])
        return standing.broken()


def test_added_sites_and_gateways_reset_no_connection(twenty):
    assert twenty == {}


def test_a_gateway_may_have_ports_of_its_own_on_shared_hosts(two_hosts, twenty, root_of):
    at, name = address(two_hosts, "server1"), ON_C["hosts"][0]
    assert verified_status(at, ON_C, root_of, port=8443) == b"200"
    assert status_on_80(at, name, "/x", port=8080) == (301, f"https://{name}:8443/x")
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(at, ON_C)


def test_removed_sites_and_gateways_reset_only_their_own_connections(two_hosts, twenty):
    leaving = [TWENTY[10], TWENTY[19]]
    assert [site.get("gateway") for site in leaving] == [None, "team-b"]
    staying = [site for site in TWENTY if site not in leaving]
    ended = {site["name"]: 10 for site in leaving}
    with contextlib.closing(Standing(two_hosts, TWENTY, 10)) as standing:
        assert len(standing.opened) == 200
        assert standing.broken() == {}
        fewer = play(two_hosts, edge_gateways=[*GIVEN["edge_gateways"], {"name": "team-c", "state": "absent"}], edge_sites=staying)
        assert fewer.status == 0, (fewer.failures, fewer.output[-4000:])
        assert standing.broken() == ended
        alone = [site for site in staying if "gateway" not in site]
        removed = play(two_hosts, edge_gateways=[{"name": "team-b", "state": "absent"}], edge_sites=alone)
        assert removed.status == 0, (removed.failures, removed.output[-4000:])
        # A gateway that is gone takes its connections with it, which shows that this test would see it.
        assert standing.broken() == {**ended, **{site["name"]: 10 for site in staying if site not in alone}}
    for team in ("team-b", "team-c"):
        kinds = "pods,services,gateways,virtualservices,certificates"
        assert kubectl(two_hosts, "get", kinds, "--namespace", team, "--output", "name").stdout == ""
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(address(two_hosts, "agent1"), SHOP)
