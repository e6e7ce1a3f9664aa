# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line break after a value, as YAML's C(|) leaves it, is part of the value: it is refused, and shown as what it is."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._plain import plain_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import judge

ROUTE = {"service": "web.default", "port": 80}
SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [ROUTE]}
TAILS = ("\n", "\r\n", "\nx", "\u2028")


def of_site(**fields):
    return make_plan([{**SITE, **fields}], {"edge_email": "ops@example.com"})["findings"]


def of_settings(**settings):
    return make_plan([SITE], {"edge_email": "ops@example.com", **settings})["findings"]


def of_issuer(**fields):
    return read_issuers([{"name": "own", "server": "https://acme.example.com/dir", "email": "ops@example.com", **fields}])[1]


PLACES = [
    ("app", lambda value: of_site(name=value)),
    ("app.example.com", lambda value: of_site(hosts=[value])),
    ("*.example.com", lambda value: of_site(hosts=[value], issuer="own")),
    ("web.default", lambda value: of_site(routes=[{**ROUTE, "service": value}])),
    ("30s", lambda value: of_site(routes=[{**ROUTE, "timeout": value}])),
    ("2160h", lambda value: of_site(certificate={"duration": value})),
    ("mine", lambda value: of_site(issuer=None, tls={"credential": value})),
    ("istio-ingress", lambda value: of_settings(edge_gateway_namespace=value)),
    ("own", lambda value: of_issuer(name=value)),
    ("https://acme.example.com/dir", lambda value: of_issuer(server=value)),
    ("ops@example.com", lambda value: of_issuer(email=value)),
    ("https://mirror.example.com/k3s", lambda value: plain_findings({"k3s_release_url": value})),
    ("cert-manager", lambda value: plain_findings({"cert_manager_namespace": value})),
]
PATHS = [
    ("/api/", lambda value: of_site(routes=[{**ROUTE, "prefix": value}])),
    ("/api/", lambda value: of_site(routes=[{**ROUTE, "exact": value}])),
    ("/api/", lambda value: of_site(routes=[{**ROUTE, "prefix": "/", "rewrite": value}])),
    ("/opt/k3s", lambda value: plain_findings({"k3s_data_dir": value})),
]


@pytest.mark.parametrize("tail", TAILS, ids=ascii)
@pytest.mark.parametrize(("value", "judged"), PLACES, ids=[place[0] for place in PLACES])
def test_a_value_with_a_line_break_is_refused_in_one_line(value, judged, tail):
    found = judged(value + tail)
    assert any(ascii(value + tail)[1:-1] in ascii(text).replace("\\\\", "\\") for text in found), found
    assert all(len(text.splitlines()) == 1 for text in found)


@pytest.mark.parametrize("tail", ["\n", "\t", "\x1b[2J", "\x7f"], ids=ascii)
@pytest.mark.parametrize(("value", "judged"), PATHS)
def test_a_path_has_no_control_characters(value, judged, tail):
    assert judged(value + tail)
    assert all(text.isprintable() for text in judged(value + tail))


@pytest.mark.parametrize("value", ["/", "/a b", "/caf\u00e9", "/%2f", "/a//b", "/.well-known/x"])
def test_any_other_path_is_fine(value):
    findings = []
    assert Fields({"prefix": value}, "x", findings).path("prefix") == value
    assert findings == []


def test_a_pattern_of_a_schema_ends_where_the_value_ends():
    assert list(judge({"type": "string", "pattern": "^[a-z]+$"}, "app\n", "name"))
    assert not list(judge({"type": "string", "pattern": "^$|^[a-z]+$"}, "", "name"))
    assert not list(judge({"type": "string", "pattern": "^[a-z]+$"}, "app", "name"))
