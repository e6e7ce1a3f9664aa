# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the ACME challenge from being answered. All faults are made at once, and waited for side by side."""

from __future__ import annotations

import authority
import cluster as objects
import pytest
import runs
from waits import assert_at_once, assert_first_line

#: A failing self check is repeated for ever; only the end of the wait ends it.
SHORT = 20
ZONE = "fault.example.com"
REDIRECT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "redirect"},
    "spec": {
        "selector": {"istio": "ingress"},
        "servers": [
            {
                "port": {"number": 80, "name": "http", "protocol": "HTTP"},
                "hosts": [f"redirect.{ZONE}"],
                "tls": {"httpsRedirect": True},
            }
        ],
    },
}
NEVER_READY = ("no-name", "other-host", "no-route", "redirect")


@pytest.fixture(scope="module")
def elsewhere():
    """Addresses of a host that is not the edge, and of no host at all."""
    taken = runs.lab("address", "infra", "-6").strip()
    return runs.lab("address", "infra").strip(), taken.rsplit(":", 1)[0] + ":dead"


@pytest.fixture(scope="module")
def answers(cluster, lab_issuer, begin, name, elsewhere):
    """How each call ended."""
    name(f"no-name.{ZONE}", "none")
    name(f"other-host.{ZONE}", elsewhere[0])
    name(f"aaaa.{ZONE}", cluster.address, elsewhere[1])
    # Of every four requests one. At one in two, cert-manager's own attempts run out now and then, and the order is lost for good.
    storm = authority.pebble("nonces", 14100, PEBBLE_WFE_NONCEREJECT="25")
    try:
        cluster.apply(
            REDIRECT,
            objects.acme_issuer("unserved", lab_issuer["spec"]["acme"]["server"], lab_issuer, ingress_class="nobody"),
            objects.acme_issuer("nonces", storm.url, lab_issuer),
            *(objects.certificate(each) for each in ("no-name", "other-host", "redirect", "aaaa")),
            objects.certificate("no-route", issuer="unserved", kind="Issuer"),
            objects.certificate("nonces", issuer="nonces", kind="Issuer"),
        )
        calls = {each: {"names": [each], "timeout": SHORT} for each in NEVER_READY}
        yield begin(**calls, aaaa={"names": ["aaaa"]}, nonces={"names": ["nonces"]}).answers()
    finally:
        storm.stop()


def challenge(name, text):
    """The first line of a failure that lies in the Challenge."""
    return f"Certificate {objects.NAMESPACE}/{name} is not ready: Challenge {name}.{ZONE}: {text}"


def url(name, scheme="http"):
    """Where the answer to the challenge is looked for."""
    return f"{scheme}://{name}.{ZONE}/.well-known/acme-challenge/<token>"


WAITING = "Waiting for HTTP-01 challenge propagation: "


def test_the_name_does_not_exist(answers):
    asked = f"failed to perform self check GET request '{url('no-name')}': Get \"{url('no-name')}\": "
    said = f"dial tcp: lookup no-name.{ZONE} on <address>:53: no such host"
    assert_first_line(answers["no-name"], challenge("no-name", WAITING + asked + said))
    assert "Create DNS records of that name" in answers["no-name"].more


def test_the_name_leads_to_another_host(answers, elsewhere):
    seen = f"other-host.{ZONE} points to {elsewhere[0]}, and there server 'SimpleHTTP/<version> Python/<version>' answers with 404"
    said = f"wrong status code '404', expected '200'; seen from here, {seen} instead of the gateway"
    assert_first_line(answers["other-host"], challenge("other-host", WAITING + said))


def test_the_gateway_answers_port_80_with_404(answers, address):
    """The solver's Ingress is of a class without a controller."""
    seen = f"no-route.{ZONE} points to {address}, where the gateway has no route to cert-manager's solver"
    said = f"wrong status code '404', expected '200'; seen from here, {seen}"
    assert_first_line(answers["no-route"], challenge("no-route", WAITING + said))


def test_a_redirect_swallows_the_challenge(answers, address):
    """Nothing answers on port 443 for a name that has no certificate yet."""
    there = f"read tcp <address>:<port>->{address}:443: read: connection reset by peer"
    said = f"the self check is redirected to {url('redirect', 'https')}, and there: {there}"
    assert_first_line(answers["redirect"], challenge("redirect", WAITING + said))
    assert "a redirect that swallows that path" in answers["redirect"].more


def test_an_aaaa_record_leads_nowhere(cluster, answers, elsewhere):
    """cert-manager's own check falls back to IPv4 and passes; the authority does not."""
    problem = f'400 urn:ietf:params:acme:error:connection: Get "{url("aaaa").replace(ZONE, ZONE + ":80")}": '
    said = f"Error accepting authorization: acme: authorization error for aaaa.{ZONE}: {problem}"
    assert_first_line(answers["aaaa"], challenge("aaaa", f"{said}dial tcp [{elsewhere[1]}]:80: connect: no route to host"))
    assert_at_once("AAAA to nowhere", answers["aaaa"], cluster.failed_at("aaaa"))


def test_an_attempt_that_failed_before_the_wait_is_told_at_once(cluster, answers, begin):
    again = begin(again={"names": ["aaaa"]}).answers()["again"]
    assert again.first_line == answers["aaaa"].first_line
    assert again.certificate["failed_attempts"] == 1
    due = objects.moment(again.result["retry_at"])
    assert 0 <= due - cluster.failed_at("aaaa") - 3600 <= 2
    assert again.certificate["retry_at"] == again.result["retry_at"]
    due_at = f"The next attempt is due at {again.result['retry_at']}"
    assert f"{due_at}; once the cause is gone, baremesh.edge.certificate_renew asks for one at once." in again.more
    assert_at_once("failed attempt in back-off", again, cluster.failed_at("aaaa"))


def test_a_storm_of_bad_nonces_heals(answers):
    storm = answers["nonces"]
    assert storm.ready, storm.first_line
    print(f"bad nonce storm: ready after {storm.result['elapsed']} s, {storm.result['requests']} requests")
