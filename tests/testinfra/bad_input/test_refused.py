# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong settings and wrong surroundings: one sentence says what, where and what is allowed, before anything changes."""

from __future__ import annotations

import contextlib
import copy
import json
import urllib.request

import pytest
import runs

PREFLIGHT = runs.ROOT / "playbooks/preflight.yml"


@pytest.fixture
def variables(site):
    """A function that gives the example's sites with changes in the first one, and further sites."""

    def changed(*further, **keys):
        return {"edge_sites": [copy.deepcopy(site) | keys, *further]}

    return changed


def assert_refused(result, *words):
    """The run failed once, in preflight, with one finding that has all the words, and changed nothing."""
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    lines = [line for line in result.failures[0].message.splitlines() if line.strip()]
    assert any(all(word in line for word in words) for line in lines), f"no line has all of {words}:\n{result.failures[0].message}"
    assert lines[0].startswith("1 finding"), lines
    assert result.changed == 0


def assert_accepted(result):
    """The run of the playbook preflight ended well."""
    assert (result.status, result.failures, result.changed) == (0, [], 0)


@pytest.fixture(autouse=True)
def still_bare(host):
    """Nothing is installed, before and after each of these runs."""
    assert not host.file("/usr/local/bin/k3s").exists
    yield
    assert not host.file("/usr/local/bin/k3s").exists
    assert "baremesh" not in host.check_output("nft list ruleset")


def test_an_unknown_issuer(variables):
    assert_refused(runs.run(variables(issuer="nobody")), "app", "issuer", "nobody", "lab", "letsencrypt")


def test_two_sites_with_one_host(variables, site):
    second = site | {"name": "second"}
    assert_refused(runs.run(variables(second)), "app.example.com", "app", "second")


def test_a_host_that_is_no_dns_name(variables):
    assert_refused(runs.run(variables(hosts=["app_1..example.com"])), "app", "hosts", "app_1..example.com")


def test_a_release_that_the_mirror_lacks(variables):
    assert_refused(runs.run(variables() | {"k3s_version": "v1.34.99+k3s1"}), "k3s_version", "v1.34.99+k3s1")


def test_an_acme_server_that_does_not_answer(variables, address):
    url = f"https://{address}:14001/dir"
    issuers = [{"name": "lab", "type": "acme", "server": url}]
    assert_refused(runs.run(variables() | {"cert_manager_issuers": issuers}), "lab", url)


@contextlib.contextmanager
def resolving(name, address):
    """Let a name point to an address."""
    runs.lab("dns", "set", name, address)
    try:
        yield
    finally:
        runs.lab("dns", "set", name, "clear")


def test_a_name_that_points_elsewhere(variables, address):
    with resolving("app.example.com", "192.0.2.1"):
        assert_refused(runs.run(variables()), "app.example.com", "192.0.2.1", address)


@pytest.mark.matrix
def test_a_name_that_points_to_a_router(variables, address):
    """Behind NAT the advice publishes no private address of a host, and what it names helps."""
    with resolving("app.example.com", "203.0.113.7"):
        result = runs.run(variables())
        assert_refused(result, "app.example.com", "203.0.113.7", "edge_address")
        assert f"point to {address}" not in result.failures[0].message
        assert_accepted(runs.run(variables() | {"edge_addresses": ["203.0.113.7"]}, playbook=PREFLIGHT))


@pytest.mark.matrix
def test_a_name_that_points_to_the_host_inside_and_to_a_proxy_outside(variables, address):
    result = runs.run(variables() | {"edge_proxy_addresses": ["198.51.100.1"]}, playbook=PREFLIGHT)
    assert_accepted(result)
    assert f"points to {address} (A) here, a private address of the hosts" in result.output
    assert "outside it must point to 198.51.100.1" in result.output


@contextlib.contextmanager
def listening(name, unit, port):
    """Let a service of the host listen on a port."""
    runs.lab("shell", name, "--", "systemd-run", "--quiet", "--unit", unit, "python3", "-m", "http.server", port)
    try:
        yield
    finally:
        runs.lab("shell", name, "--", "systemctl", "stop", unit)


def test_a_port_that_is_taken(variables, host):
    name = host.backend.get_hostname()
    with listening(name, "squatter", "80"):
        assert_refused(runs.run(variables()), name, "80", "python3", "squatter.service")


@pytest.mark.matrix
@pytest.mark.parametrize("unit", ["docker", "tailscaled", "ssh-web"])
def test_a_port_of_a_service_that_must_not_be_stopped(variables, host, unit):
    """Whoever follows the advice may be logged in by way of that service, or run more with it than one port."""
    name = host.backend.get_hostname()
    with listening(name, unit, "443"):
        result = runs.run(variables())
    assert_refused(result, name, "443", f"{unit}.service")
    assert "systemctl" not in result.failures[0].message


@contextlib.contextmanager
def caa(name, **records):
    """Let a name of the lab have CAA records."""
    policies = [{"tag": tag, "value": value} for tag, value in records.items()]

    def post(path, body):
        request = urllib.request.Request(f"http://{runs.lab('address', 'infra').strip()}:8055/{path}", json.dumps(body).encode())
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()

    post("add-caa", {"host": name, "policies": policies})
    try:
        yield
    finally:
        post("clear-caa", {"host": name})


def public(variables, **keys):
    """A site that a public authority is asked to certify, which the lab cannot reach. CAA records are a matter of DNS alone."""
    return variables(**{"issuer": "letsencrypt", **keys}) | {"preflight_skip": ["acme"]}


FORBIDS = '(issue "pki.goog") do not let letsencrypt.org issue by http-01'


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("at", "records", "words"),
    [
        ("app.example.com", {"issue": "pki.goog"}, f"the CAA records of app.example.com {FORBIDS}"),
        ("example.com", {"issue": "pki.goog"}, f"the CAA records of example.com {FORBIDS}"),
        ("example.com", {"issue": ";"}, 'the CAA records of example.com (issue ";") do not let letsencrypt.org issue'),
        ("example.com", {"issue": "letsencrypt.org; validationmethods=dns-01"}, "do not let letsencrypt.org issue by http-01"),
    ],
)
def test_a_caa_record_that_forbids_the_authority(variables, at, records, words):
    with caa(at, **records):
        assert_refused(runs.run(public(variables)), "app.example.com", words, 'add CAA 0 issue "letsencrypt.org"')


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("at", "records", "issuer"),
    [
        ("example.com", {"issue": "letsencrypt.org", "iodef": "mailto:ops@example.com"}, "letsencrypt"),
        ("example.com", {"issuewild": ";"}, "letsencrypt"),
        # Of another authority than that of the site.
        ("example.com", {"issue": "pki.goog"}, "lab"),
        ("www.app.example.com", {"issue": "pki.goog"}, "letsencrypt"),
    ],
)
def test_a_caa_record_that_forbids_nothing(variables, at, records, issuer):
    with caa(at, **records):
        assert_accepted(runs.run(public(variables, issuer=issuer), playbook=PREFLIGHT))


def test_all_findings_at_once(variables):
    result = runs.run(variables(issuer="nobody", hosts=["app_1..example.com"]))
    assert result.changed == 0
    assert len(result.failures) == 1
    assert "nobody" in result.failures[0].message
    assert "app_1..example.com" in result.failures[0].message
