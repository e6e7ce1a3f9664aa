# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._egress import read_egress, read_settings

PARTNER = {"name": "partner", "hosts": ["api.partner.example"], "namespaces": ["app"]}
MUTUAL = {**PARTNER, "tls": {"mode": "MUTUAL", "credential": "partner"}}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SIDECAR = {**PARTNER, "gateway": False}
WILD = {"name": "wild", "hosts": ["*.wild.example"], "namespaces": ["app"], "tls": {"mode": "NONE"}, "server": "www.wild.example"}
SETTINGS = {"egress_namespace": "istio-egress", "egress_name": "istio-egress", "egress_selector": {"istio": "egress"}}


@pytest.mark.parametrize(
    "entries",
    [
        [],
        "[]",
        None or [],
        [PARTNER],
        json.dumps([PARTNER]),
        [{**PARTNER, "port": "8080", "target_port": "8443", "gateway": "yes", "mtls": "no", "server": ""}],
        [{**PARTNER, "hosts": ["a.example", "b.example"], "namespaces": ["*"]}],
        [MUTUAL],
        [{**PARTNER, "tls": {"ca_certificate": PEM, "sni": "other.example", "subject_alt_names": ["other.example"]}}],
        [{**PARTNER, "tls": {"mode": "NONE"}}],
        [WILD],
        [{**WILD, "gateway": False, "server": None}],
        [SIDECAR],
        [{**SIDECAR, "tls": {"credential": "ca"}, "workload_selector": {"app": "web"}}],
        # The same host from the sidecars of different namespaces.
        [SIDECAR, {**SIDECAR, "name": "other", "namespaces": ["other"]}],
        # One credential for two servers.
        [MUTUAL, {**MUTUAL, "name": "second", "hosts": ["second.partner.example"]}],
        # A name under a wildcard of another entry.
        [WILD, {**PARTNER, "hosts": ["api.wild.example"]}],
        # HTTP and TLS on one port in namespaces that do not meet.
        [{**SIDECAR, "port": 443}, {**SIDECAR, "name": "raw", "hosts": ["raw.example"], "namespaces": ["b"], "tls": {"mode": "NONE"}}],
    ],
)
def test_what_people_write_is_taken(entries):
    assert read_egress(entries)[1] == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("partner", ["edge_egress is 'partner'; it must be a list of destinations"]),
        (["partner"], ["edge_egress[0] is 'partner'; an entry is a dictionary with name, hosts and namespaces"]),
        (
            [{}],
            [
                "edge_egress[0]: namespaces is missing or empty; name those whose pods may go there, or '*' for all of them",
                "edge_egress[0]: name is missing",
                "edge_egress[0]: hosts is missing or empty",
            ],
        ),
        ([{**PARTNER, "Name": "x"}], ["key 'Name' is not known; did you mean 'name'?"]),
        ([{**PARTNER, "hosts": ["192.0.2.1"]}], ["hosts has '192.0.2.1'"]),
        ([{**PARTNER, "hosts": ["https://a.example"]}], ["a host name has no scheme, port or path"]),
        (
            [{**PARTNER, "hosts": ["web.default.svc.cluster.local"]}],
            ["hosts has 'web.default.svc.cluster.local', a name inside"],
        ),
        ([{**PARTNER, "namespaces": ["App"]}], ["namespaces has 'App'; each must be the name of a namespace"]),
        ([{**PARTNER, "namespaces": "app web"}], ["namespaces is 'app web'; it must be a list"]),
        ([{**PARTNER, "port": 0}], ["port is '0'; it must be a number from 1 to 65535"]),
        ([{**PARTNER, "target_port": "https"}], ["target_port is 'https'; it must be a number from 1 to 65535"]),
        ([{**PARTNER, "gateway": "perhaps"}], ["gateway is 'perhaps'; it must be true or false"]),
        ([{**PARTNER, "tls": "SIMPLE"}], ["tls is 'SIMPLE'; it must be a dictionary"]),
        ([{**PARTNER, "tls": {"mode": "ISTIO_MUTUAL"}}], ["mode is 'ISTIO_MUTUAL', which is not known"]),
        ([{**PARTNER, "tls": {"mode": "MUTUAL"}}], ["edge_egress[0].tls (partner): mode is MUTUAL, and credential is missing"]),
        ([{**PARTNER, "tls": {"mode": "NONE", "credential": "x"}}], ["credential is for the modes SIMPLE and MUTUAL; with NONE"]),
        ([{**PARTNER, "tls": {"mode": "NONE", "ca_certificate": PEM}}], ["ca_certificate is for the modes SIMPLE and MUTUAL"]),
        ([{**PARTNER, "tls": {"ca_certificate": "ca.pem"}}], ["ca_certificate is not a certificate in PEM form"]),
        ([{**PARTNER, "tls": {"sni": "192.0.2.1"}}], ["sni has '192.0.2.1'"]),
        ([{**PARTNER, "tls": {"mode": "NONE"}, "mtls": True}], ["mtls is for the modes SIMPLE and MUTUAL"]),
        ([{**PARTNER, "workload_selector": {"app": "web"}}], ["workload_selector is for pods whose own sidecar begins TLS"]),
        ([{**SIDECAR, "workload_selector": {"app": 1}}], ["workload_selector.app is 1; it must be text"]),
        ([{**SIDECAR, "workload_selector": "web"}], ["workload_selector is 'web'; it must be a dictionary"]),
        ([{**SIDECAR, "namespaces": ["*"]}], ["namespaces has '*', and gateway is false"]),
        ([{**SIDECAR, "mtls": False}], ["mtls is for the way over the egress gateway, and gateway is false"]),
        ([{**SIDECAR, "tls": {"credential": "ca"}}], ["workload_selector is missing; without it Istio would ignore credential"]),
        ([{**SIDECAR, "tls": {"ca_certificate": PEM}}], ["workload_selector is missing; without it Istio would ignore credential"]),
        ([{**PARTNER, "server": "www.wild.example"}], ["server is for a wildcard; remove it"]),
        ([{**WILD, "server": None}], ["server is missing: the egress gateway cannot look up a wildcard"]),
        ([{**WILD, "server": "*.wild"}], ["server has '*.wild'"]),
        ([{**WILD, "tls": {}}], ["hosts has a wildcard, which needs tls.mode NONE"]),
        ([{**WILD, "hosts": ["*.a.example", "b.example"]}], ["hosts has 2 names and a wildcard among them"]),
        ([PARTNER, PARTNER], ["edge_egress[1] (partner): name 'partner' is already that of another entry"]),
        ([PARTNER, {**PARTNER, "name": "b", "namespaces": ["b"]}], ["host 'api.partner.example' is already that of entry 'partner'"]),
        ([PARTNER, {**SIDECAR, "name": "b"}], ["host 'api.partner.example' is already that of entry 'partner'"]),
        (
            [{**PARTNER, "port": 443}, {**PARTNER, "name": "b", "hosts": ["b.example"], "tls": {"mode": "NONE"}}],
            ["port 443 is for HTTP or TLS here, and for the other of them in entry 'partner'"],
        ),
        (
            [
                {**MUTUAL, "tls": {**MUTUAL["tls"], "ca_certificate": PEM}},
                {**MUTUAL, "name": "b", "hosts": ["b.example"], "tls": {**MUTUAL["tls"], "ca_certificate": PEM.replace("MIIB", "MIIC")}},
            ],
            ["tls.credential 'partner' has another ca_certificate in entry 'partner'"],
        ),
    ],
)
def test_what_cannot_work_is_said(entries, said):
    findings = read_egress(entries)[1]
    assert len(findings) == len(said), findings
    for found, words in zip(findings, said):
        assert words in found


def test_all_findings_come_at_once():
    bad = {"name": "B!", "hosts": ["x y"], "namespaces": [], "port": 99999, "tls": {"mode": "no"}, "gateway": 3}
    assert len(read_egress([bad, "x"])[1]) == 7


def test_no_key_and_no_certificate_is_shown():
    key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    (found,) = read_egress([{**PARTNER, "tls": {"ca_certificate": key}}])[1]
    assert "c2VjcmV0" not in found


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("egress_namespace", "Out", "egress_namespace is 'Out'; it must be a DNS label"),
        ("egress_name", "", "egress_name is missing"),
        ("egress_selector", "egress", "egress_selector is 'egress'; it must be a dictionary"),
        ("egress_selector", {}, "egress_selector is empty"),
        ("egress_closed_namespaces", {"a": 1}, "egress_closed_namespaces is {'a': 1}: it must be a list"),
        ("egress_closed_namespaces", ["*"], "egress_closed_namespaces has '*'; name them one by one"),
        ("egress_closed_namespaces", ["A"], "egress_closed_namespaces has 'A'; each must be the name of a namespace"),
        ("egress_network_policy", "maybe", "egress_network_policy is 'maybe'; it must be true or false"),
        ("egress_allowed_networks", ["api"], "egress_allowed_networks has 'api': each entry must be a network"),
        ("egress_resources", "small", "egress_resources is 'small'; it must be a dictionary"),
        ("egress_values", [1], "egress_values is [1]; it must be a dictionary"),
    ],
)
def test_what_is_wrong_with_the_settings(variable, value, said):
    (found,) = read_settings({**SETTINGS, variable: value})[1]
    assert said in found


@pytest.mark.parametrize(("value", "read"), [(None, None), ("", None), ([], ()), ("a, b", ("a", "b")), (["a"], ("a",))])
def test_the_namespaces_to_close_may_be_left_out(value, read):
    settings, findings = read_settings({**SETTINGS, "egress_closed_namespaces": value})
    assert (settings.closed_namespaces, findings) == (read, [])
