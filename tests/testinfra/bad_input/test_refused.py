# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong settings and wrong surroundings: one sentence says what, where and what is allowed, before anything changes."""

from __future__ import annotations

import copy

import pytest
import runs


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


def test_a_name_that_leads_elsewhere(variables, address):
    runs.lab("dns", "set", "app.example.com", "192.0.2.1")
    try:
        assert_refused(runs.run(variables()), "app.example.com", "192.0.2.1", address)
    finally:
        runs.lab("dns", "set", "app.example.com", "clear")


def test_a_port_that_is_taken(variables, host):
    name = host.backend.get_hostname()
    runs.lab("shell", name, "--", "systemd-run", "--quiet", "--unit", "squatter", "python3", "-m", "http.server", "80")
    try:
        assert_refused(runs.run(variables()), name, "80", "python3", "squatter.service")
    finally:
        runs.lab("shell", name, "--", "systemctl", "stop", "squatter")


def test_all_findings_at_once(variables):
    result = runs.run(variables(issuer="nobody", hosts=["app_1..example.com"]))
    assert result.changed == 0
    assert len(result.failures) == 1
    assert "nobody" in result.failures[0].message
    assert "app_1..example.com" in result.failures[0].message
