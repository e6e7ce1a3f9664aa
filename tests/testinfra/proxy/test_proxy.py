# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx in front of the hosts, both ways that docs/proxy.md shows. The tests build on each other, in their order."""

from __future__ import annotations

import re
import socket
import tempfile

import edge
import pytest
from nginx import Nginx
from runs import lab

SITE = edge.example_site()
NAME = SITE["hosts"][0]
CHALLENGE = "/.well-known/acme-challenge/nobody-asked"


@pytest.fixture(scope="module")
def nginx():
    """The proxy, to which the name of the site points. At the end the lab is as it was."""
    found = Nginx(list(edge.hosts().values()), NAME)
    try:
        found.start()
        lab("dns", "set", NAME, found.address)
        yield found
    finally:
        lab("dns", "set", NAME, "clear")
        found.stop()
        edge.site_run({})
        for address in found.hosts:
            assert edge.ask(address, NAME, "/", tls=True).status == 200


@pytest.fixture(scope="module")
def ending_tls(nginx):
    """The proxy ends TLS, and the variables say so. With the run, and the gateway's pods before it."""
    before = edge.gateway_pods()
    return edge.site_run(l7(nginx)), before


@pytest.fixture(scope="module")
def passing_tls(nginx):
    """The proxy passes TLS on, and the variables say so; the site is a new one. With the run, and the gateway's pods before it."""
    nginx.configure("stream")
    edge.forget(SITE["name"])
    before = edge.gateway_pods()
    return edge.site_run(l4(nginx)), before


@pytest.fixture
def root_certificate():
    """Path of the certificate that the ACME authority issues under."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(lab("ca"))
        file.flush()
        yield file.name


def l7(nginx):
    """The variables of docs/proxy.md, with the number as an AWX survey sends it."""
    found = nginx.variables("edge_trusted_proxies", "host_ports_ports")
    return found | {"edge_trusted_proxies": str(found["edge_trusted_proxies"])}


def l4(nginx):
    """The variables of docs/proxy.md, with the switch as an AWX survey sends it."""
    found = nginx.variables("edge_proxy_protocol", "host_ports_ports")
    return found | {"edge_proxy_protocol": str(found["edge_proxy_protocol"])}


def serve_everywhere(nginx, serial):
    """Whether all hosts serve a certificate, as one of them sees it."""
    endpoints = [{"address": address, "server_name": NAME} for address in nginx.hosts]
    found = edge.module("served_certificate_info", {"endpoints": endpoints, "expected_serials": {NAME: serial}, "timeout": 10})
    assert not found.get("failed"), found["msg"]


def test_unknown_to_the_gateway_a_proxy_that_ends_tls_is_sent_round_in_circles(nginx):
    nginx.configure("http")
    answer = edge.ask(nginx.address, NAME, "/api/hello", tls=True)
    assert (answer.status, answer.headers["location"]) == (301, f"https://{NAME}/api/hello")


@pytest.mark.parametrize(("path", "backend"), [("/api/hello", "api"), ("/workflow/", "workflow"), ("/", "web")])
def test_with_the_variable_it_is_served(nginx, ending_tls, path, backend):
    answer = edge.ask(nginx.address, NAME, path, tls=True)
    assert (answer.status, answer.backend) == (200, backend)
    assert answer.fields["x-forwarded-proto"] == "https"


def test_the_backend_learns_the_address_of_the_client_and_no_other(nginx, ending_tls):
    answer = edge.ask(nginx.address, NAME, "/", tls=True, headers={"X-Forwarded-For": "198.51.100.7"})
    assert answer.fields["x-forwarded-for"].split(",") == [answer.client, nginx.address]


def test_what_was_not_asked_over_tls_is_still_redirected(nginx, ending_tls):
    for headers in ({}, {"X-Forwarded-Proto": "https"}):
        answer = edge.ask(nginx.address, NAME, "/api/hello", tls=False, headers=headers)
        assert (answer.status, answer.headers["location"]) == (301, f"https://{NAME}/api/hello")


@pytest.mark.parametrize("tls", [False, True])
def test_neither_routes_nor_redirect_take_the_path_of_challenges(nginx, ending_tls, tls):
    answer = edge.ask(nginx.address, NAME, CHALLENGE, tls=tls)
    assert (answer.status, answer.headers["server"]) == (404, "istio-envoy")


@pytest.mark.parametrize("tls", [False, True])
def test_the_hosts_are_closed_to_others_than_the_proxy(nginx, ending_tls, tls):
    for address in nginx.hosts:
        with pytest.raises(ConnectionRefusedError):
            edge.ask(address, NAME, "/", tls=tls, headers={"X-Forwarded-Proto": "https"})
        with pytest.raises(TimeoutError):
            socket.create_connection((address, 30443 if tls else 30080), timeout=1)


def test_the_gateway_restarted_once(nginx, ending_tls):
    _run, before = ending_tls
    after = edge.gateway_pods()
    assert after.revision == before.revision + 1
    assert not after.uids & before.uids


def test_a_certificate_is_renewed_through_a_proxy_that_ends_tls(nginx, ending_tls):
    serial = edge.renew(SITE["name"])
    assert any("/.well-known/acme-challenge/" in line and '" 200 ' in line for line in nginx.log().splitlines())
    serve_everywhere(nginx, serial)


@pytest.mark.matrix
def test_a_second_run_changes_nothing_and_restarts_nothing(nginx, ending_tls):
    before = edge.gateway_pods()
    assert edge.site_run(l7(nginx)).changed == 0
    assert edge.gateway_pods() == before


def test_a_new_site_is_opened_through_a_proxy_that_passes_tls_on(nginx, passing_tls, root_certificate):
    """With everything on the way: request for a challenge, order, primer in the gateway's pods, certificate at hosts and proxy."""
    answer = edge.ask(nginx.address, NAME, "/api/hello", tls=True, cafile=root_certificate)
    assert (answer.status, answer.backend) == (200, "api")
    assert f"{nginx.address}:443 serves {answer.serial}" in passing_tls[0].output


def test_the_address_of_the_client_arrives_by_the_proxy_protocol(nginx, passing_tls):
    answer = edge.ask(nginx.address, NAME, "/", tls=True, headers={"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http"})
    assert answer.fields["x-forwarded-for"].split(",")[-1] == answer.client
    assert answer.fields["x-forwarded-proto"] == "https"


def test_port_80_redirects_through_the_proxy(nginx, passing_tls):
    answer = edge.ask(nginx.address, NAME, "/", tls=False)
    assert (answer.status, answer.headers["location"]) == (301, f"https://{NAME}/")


def test_the_gateway_restarted_once_more(nginx, passing_tls):
    _run, before = passing_tls
    after = edge.gateway_pods()
    assert after.revision == before.revision + 1
    assert not after.uids & before.uids


def test_a_probe_that_comes_without_the_header_says_that_it_is_missing(nginx, passing_tls):
    (address, *_others) = nginx.hosts
    endpoint = {"address": address, "server_name": NAME}
    why = "the gateway there answers only connections that begin with a PROXY header, and this one had none; "
    served = edge.module("served_certificate_info", {"endpoints": [endpoint]})
    assert served["msg"].startswith(f"{address}:443 for {NAME} serves no certificate: {why}")
    probed = edge.module("http01_probe_info", {"hosts": [NAME], "addresses": [address]})
    assert probed["msg"].startswith(f"{NAME} at {address}:80: {why}")


@pytest.mark.matrix
def test_certificates_are_renewed_behind_the_proxy_protocol(nginx, passing_tls):
    """By the playbook, which looks at the way of challenges before, and at pods, hosts and proxy after."""
    (address, *_others) = nginx.hosts
    output = edge.site_run(l4(nginx), playbook="baremesh.edge.renew").output
    (line,) = re.findall(rf"{SITE['name']}: \w+ -> \w+, valid until [^\"]*", output)
    assert "served by gateway pod" in line
    assert {f"{address}:443", f"{nginx.address}:443"} <= set(line.split(", "))


@pytest.mark.matrix
def test_a_second_run_behind_the_proxy_protocol_changes_nothing(nginx, passing_tls):
    before = edge.gateway_pods()
    assert edge.site_run(l4(nginx), "--tags", "istio,certificate,gateway,report").changed == 0
    assert edge.gateway_pods() == before
