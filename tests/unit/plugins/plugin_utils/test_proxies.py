# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may say about proxies in front."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._proxies import proxy_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import read_sites

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
ROUTE = {"prefix": "/", "service": "web.default", "port": 80}
MUTUAL = {
    "name": "app",
    "hosts": ["app.example.com"],
    "issuer": "lab",
    "routes": [ROUTE],
    "tls": {"mode": "MUTUAL", "ca_certificate": PEM},
}


def findings(sites=(), **proxies):
    return proxy_findings({f"edge_{name}": value for name, value in proxies.items()}, ["192.0.2.11"], read_sites(list(sites))[0])


@pytest.mark.parametrize("proxies", [{}, {"trusted_proxies": 0}, {"trusted_proxies": "1"}, {"proxy_protocol": "yes", "trusted_proxies": 2}])
def test_what_is_right(proxies):
    assert findings(proxy_addresses=["192.0.2.1"], **proxies) == []


def test_everything_that_is_wrong_is_found_at_once():
    assert findings([MUTUAL], trusted_proxies=-1, proxy_protocol="v2", proxy_addresses=["192.0.2.11"]) == [
        "edge_trusted_proxies is '-1'; it must be a number from 0 to 16",
        "edge_proxy_protocol is 'v2'; it must be true or false",
        "edge_proxy_addresses has 192.0.2.11, which is a host that serves the sites; it takes the addresses of the proxies",
    ]


def test_addresses_must_be_a_list():
    assert findings(proxy_addresses="192.0.2.1") == ["edge_proxy_addresses is '192.0.2.1'; it must be a list"]


def test_a_site_for_clients_with_certificates_is_not_put_on_port_80():
    (found,) = findings([MUTUAL], trusted_proxies=1)
    assert found.startswith("edge_sites[0] (app): tls.mode MUTUAL asks clients for a certificate, which none could show")
    assert findings([dict(MUTUAL, redirect=False)], trusted_proxies=1) == []
    assert findings([MUTUAL], proxy_protocol=True) == []


def test_the_plan_of_the_sites_finds_it_too():
    lab = {"cert_manager_issuers": [{"name": "lab", "type": "selfsigned"}]}
    assert make_plan([MUTUAL], {**lab, "edge_trusted_proxies": 1})["findings"] == findings([MUTUAL], trusted_proxies=1)
    assert make_plan([MUTUAL], lab)["findings"] == []


def test_a_site_without_tls_of_its_own():
    passing = {"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [{"service": "db.data", "port": 5432}]}
    (found,) = findings([passing], trusted_proxies=1)
    assert found.startswith("edge_sites[0] (db): tls.mode PASSTHROUGH leaves TLS to the application")
