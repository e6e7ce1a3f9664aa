# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of the sites: what roles apply, ask and prove."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import http01_hosts
from ansible_collections.baremesh.edge.plugins.plugin_utils._settings import MANIFESTS
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import LABELS

NS = "istio-ingress"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
ROUTE = {"prefix": "/", "service": "web.default", "port": 3000}
SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [ROUTE]}
BAD = {**SITE, "hosts": ["a_b"], "routes": [{"prefix": "/", "service": "web", "port": 3000}]}
OWN = {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "mine"}, "routes": [ROUTE]}
PASSING = {
    "name": "db",
    "hosts": ["db.example.com"],
    "tls": {"mode": "PASSTHROUGH"},
    "routes": [{"service": "db.data", "port": 5432}],
}
PORT = {"number": 443, "name": "https", "protocol": "HTTPS"}
PLAIN = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["a.b"]}
GONE = {"directResponse": {"status": 410}}
LAB = {"name": "lab", "type": "selfsigned"}
ASKED = {"server_name": "app.example.com", "lowest_tls": "1.2"}
WILDCARD = {"name": "all", "hosts": ["*.example.com"], "issuer": "lab", "routes": [ROUTE]}


def plan(*sites, **settings):
    given = {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], **settings}
    return _plan.make_plan(list(sites), given)


def fine(*sites, **settings):
    found = plan(*sites, **settings)
    assert found["findings"] == []
    return found


def gateway(credential, *hosts, name="raw", selector=None, port=443, **tls):
    tls = {"mode": "SIMPLE", "credentialName": credential} | tls
    server = {
        "port": {"number": port, "name": "https", "protocol": "HTTPS"},
        "hosts": list(hosts),
        "tls": {key: value for key, value in tls.items() if value},
    }
    return {"metadata": {"name": name}, "spec": {"selector": selector or {"istio": "ingress"}, "servers": [server]}}


def certificate(name, secret, *names, issuer="letsencrypt", kind="ClusterIssuer"):
    reference = {"kind": kind, "name": issuer}
    return {"metadata": {"name": name}, "spec": {"secretName": secret, "dnsNames": list(names), "issuerRef": reference}}


def subject(found, name):
    (entry,) = [entry for entry in found["subjects"] if entry["name"] == name]
    return entry


def test_objects_of_a_site():
    found = fine(SITE)
    kinds = {key: [entry["kind"] for entry in found[key]] for key in ("certificates", "gateways", "virtual_services", "secrets")}
    assert kinds == {
        "certificates": ["Certificate"],
        "gateways": ["Gateway"],
        "virtual_services": ["VirtualService", "VirtualService"],
        "secrets": [],
    }
    assert found["certificate_names"] == ["app"]
    assert [entry["kind"] for entry in found["gateway_objects"]] == ["Gateway", "VirtualService", "VirtualService"]


def test_what_others_need_is_applied_first():
    mutual = SITE | {"tls": {"mode": "MUTUAL", "ca_certificate": PEM}}
    found = fine(mutual, gateway_destination_rules=[{"metadata": {"name": "x"}, "spec": {"host": "x.default.svc.cluster.local"}}])
    assert [entry["kind"] for entry in found["certificate_objects"]] == ["Secret", "Certificate"]
    assert [entry["kind"] for entry in found["gateway_objects"]] == ["DestinationRule", "Gateway", "VirtualService", "VirtualService"]


def test_nothing_is_applied_of_what_is_wrong():
    found = plan(BAD, SITE | {"name": "b", "issuer": "none"})
    assert len(found["findings"]) == 3
    assert [found[key] for key in ("certificates", "gateways", "virtual_services", "credentials", "endpoints", "subjects")] == [[]] * 6
    # A preflight still looks at what can be read.
    assert [entry["host"] for entry in found["names"]] == ["app.example.com"]


def test_findings_of_issuers_come_first():
    found = plan(SITE | {"issuer": "none"}, cert_manager_issuers=[{"name": "x", "type": "y"}])["findings"]
    assert [text.partition("[")[0] for text in found] == ["cert_manager_issuers", "edge_sites"]


def test_the_kind_of_the_issuer_is_looked_up():
    issuers = [{"name": "letsencrypt", "kind": "Issuer", "server": "https://acme.example.com/dir"}]
    (found,) = fine(SITE, cert_manager_issuers=issuers)["certificates"]
    assert found["spec"]["issuerRef"]["kind"] == "Issuer"


def test_texts_of_a_survey_are_cast():
    found = fine(SITE, edge_gateway_port="8443", edge_https_port="8444", edge_trusted_proxies="0", edge_proxy_protocol="yes")
    assert found["gateways"][0]["spec"]["servers"][0]["port"]["number"] == 8443
    assert found["endpoints"] == [{"address": "192.0.2.1", "port": 8444, "proxy_protocol": True, **ASKED}]
    found = fine(SITE, edge_addresses="192.0.2.1, 192.0.2.2", edge_proxy_addresses='["192.0.2.9"]')
    assert found["addresses"] == ["192.0.2.1", "192.0.2.2"]
    assert [entry["address"] for entry in found["endpoints"]] == ["192.0.2.1", "192.0.2.2", "192.0.2.9"]


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"edge_gateway_port": "many"}, "edge_gateway_port is 'many'; it must be a number from 1 to 65535"),
        ({"edge_gateway_selector": "istio=ingress"}, "edge_gateway_selector is 'istio=ingress'; it must be a dictionary"),
        ({"edge_gateway_namespace": "Ingress"}, "edge_gateway_namespace is 'Ingress'; it must be a DNS label"),
        ({"edge_addresses": {"a": 1}}, "edge_addresses is {'a': 1}: it must be a list"),
        ({"edge_proxy_addresses": 5}, "edge_proxy_addresses is 5: it must be a list"),
        ({"certificate_private_key": {"size": 1}}, "certificate_private_key: size is '1'; it must be a number from 256 to 8192"),
        ({"certificate_private_key": 5}, "certificate_private_key is 5; it must be a dictionary"),
        ({"gateway_gateways": "raw"}, "gateway_gateways is 'raw'; it must be a list of manifests"),
        (
            {"edge_gateway_selector": {}},
            "edge_gateway_selector is empty; it must have a label of the gateway pods, such as {istio: ingress}",
        ),
        ({"edge_gateway_selector": {"istio": None}}, "edge_gateway_selector.istio is None; a label must be text, so put it in quotes"),
        ({"edge_gateway_selector": "{tier: 1}"}, "edge_gateway_selector.tier is 1; a label must be text, so put it in quotes"),
        *(
            (
                {"edge_cluster_domain": domain},
                f"edge_cluster_domain is '{domain}'; it must have lower case letters, digits, '-' and '.' only",
            )
            for domain in ("cluster.local.", "Cluster.Local", ".local", "cluster local")
        ),
        ({"edge_http_gateway": "Edge HTTP"}, "edge_http_gateway is 'Edge HTTP'; it must have lower case letters"),
        ({"edge_gateway_prot": 1}, "key 'edge_gateway_prot' is not known; did you mean 'edge_gateway_port'?"),
    ],
)
def test_settings_that_cannot_be(settings, finding):
    (found,) = plan(SITE, **settings)["findings"]
    assert found.startswith(finding)


def test_keys_are_ecdsa_unless_the_user_chooses_others():
    (found,) = fine(SITE)["certificates"]
    assert found["spec"]["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    (found,) = fine(SITE, certificate_private_key={"algorithm": "RSA", "size": "4096"})["certificates"]
    assert found["spec"]["privateKey"] == {"algorithm": "RSA", "size": 4096}


# --- who owns the certificate, and by which name it is asked


def test_a_site_with_an_issuer_is_proved_by_its_certificate():
    assert subject(fine(SITE), "app") == {
        "name": "app",
        "kind": "site",
        "hosts": ["app.example.com"],
        "server_names": ["app.example.com"],
        "mode": "SIMPLE",
        "secrets": ["app"],
        "certificates": ["app"],
        "issuer": "letsencrypt",
        "lowest_tls": "1.2",
        "port": None,
    }


def test_a_secret_of_ones_own_is_read():
    found = fine(OWN)
    assert found["own_secrets"] == ["mine"]
    assert found["certificate_names"] == []
    assert subject(found, "own")["secrets"] == ["mine"]
    assert [entry["server_name"] for entry in found["endpoints"]] == found["server_names"] == ["own.example.com"]


def test_a_secret_that_a_raw_certificate_writes_is_not_ones_own():
    found = fine(OWN, certificate_certificates=[certificate("written", "mine", "own.example.com")])
    assert found["own_secrets"] == []
    assert subject(found, "own")["certificates"] == ["written"]


def test_two_sites_may_share_a_secret_of_ones_own():
    found = fine(OWN, OWN | {"name": "two", "hosts": ["two.example.com"]})
    assert found["own_secrets"] == ["mine"]
    assert [entry["hosts"] for entry in found["credentials"]] == [["own.example.com", "two.example.com"]]


def test_passthrough_is_asked_at_host_ports_only():
    found = fine(PASSING, SITE)
    assert subject(found, "db")["secrets"] == found["own_secrets"] == []
    assert found["server_names"] == ["app.example.com"]
    assert {entry["server_name"] for entry in found["endpoints"]} == {"db.example.com", "app.example.com"}
    assert [entry["name"] for entry in found["credentials"]] == ["app"]


def test_a_wildcard_is_asked_by_a_name_under_it():
    found = fine(WILDCARD)
    assert subject(found, "all")["server_names"] == found["server_names"] == ["edge-check.example.com"]
    assert [entry["server_name"] for entry in found["endpoints"]] == ["edge-check.example.com"]


def test_a_wildcard_is_never_asked_by_a_name_of_another_site():
    found = fine(WILDCARD, OWN | {"hosts": ["edge-check.example.com"]})
    assert subject(found, "all")["server_names"] == ["edge-check-2.example.com"]
    assert subject(found, "own")["server_names"] == ["edge-check.example.com"]


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [
        (["*.a.example.com", "*.b.example.com"], ["edge-check.a.example.com", "edge-check.b.example.com"]),
        (["*.example.com", "*.shop.example.com"], ["edge-check.example.com", "edge-check.shop.example.com"]),
        (["*.example.com", "edge-check.example.com"], ["edge-check-2.example.com", "edge-check.example.com"]),
    ],
)
def test_each_wildcard_is_asked_by_a_name_of_its_own(hosts, asked):
    found = fine(WILDCARD | {"hosts": hosts})
    assert subject(found, "all")["server_names"] == asked
    assert [entry["server_name"] for entry in found["endpoints"]] == asked


def test_a_wildcard_beside_a_name():
    found = fine(WILDCARD | {"hosts": ["example.com", "*.example.com"]})
    assert subject(found, "all")["server_names"] == ["example.com", "edge-check.example.com"]
    assert [entry["host"] for entry in found["names"]] == ["example.com"]


def test_every_host_is_looked_at_at_every_address():
    found = fine(WILDCARD | {"hosts": ["app.example.com", "*.example.com"]}, edge_addresses=["192.0.2.1", "192.0.2.2"])["endpoints"]
    assert len(found) == 4
    assert found[3] == {"address": "192.0.2.2", "port": 443, "server_name": "edge-check.example.com", "lowest_tls": "1.2"}


def test_a_proxy_in_front_serves_it_too_and_the_hosts_expect_its_header():
    proxies = {"edge_proxy_protocol": True, "edge_proxy_addresses": ["192.0.2.9"], "edge_https_port": 8443}
    assert fine(SITE, **proxies)["endpoints"] == [
        {"address": "192.0.2.1", "port": 8443, "proxy_protocol": True, **ASKED},
        {"address": "192.0.2.9", "port": 443, **ASKED},
    ]


def test_a_proxy_that_ends_tls_serves_a_certificate_of_its_own():
    found = fine(SITE, edge_trusted_proxies=1, edge_proxy_addresses=["192.0.2.9"])["endpoints"]
    assert [entry["address"] for entry in found] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("tls", "lowest"),
    [
        ({}, "1.2"),
        ({"max_version": "1.2"}, "1.2"),
        ({"min_version": "1.2", "cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384"]}, "1.2"),
        ({"mode": "OPTIONAL_MUTUAL", "ca_certificate": PEM}, "1.2"),
        ({"min_version": "1.3"}, None),
        # The server wants a certificate before the client has seen all of the handshake.
        ({"mode": "MUTUAL", "ca_certificate": PEM}, None),
    ],
)
def test_the_lowest_version_that_a_site_allows_is_proved_too(tls, lowest):
    (found,) = fine(SITE | {"tls": tls})["endpoints"]
    assert found.get("lowest_tls") == lowest


@pytest.mark.parametrize(("least", "lowest"), [(None, "1.2"), ("TLSV1_0", "1.2"), ("TLSV1_2", "1.2"), ("TLSV1_3", None)])
def test_the_lowest_version_that_a_raw_gateway_allows_is_proved_too(least, lowest):
    (found,) = fine(gateway_gateways=[gateway("mine", "a.example.com", minProtocolVersion=least)])["endpoints"]
    assert found.get("lowest_tls") == lowest
    assert "lowest_tls" not in fine(PASSING)["endpoints"][0]


# --- issuers


def test_issuers_that_are_used():
    found = fine(
        SITE, WILDCARD, OWN, certificate_certificates=[certificate("mail", "mail", "mail.example.com", issuer="letsencrypt-staging")]
    )
    assert found["issuers"] == ["letsencrypt", "lab", "letsencrypt-staging"]
    assert [entry["name"] for entry in found["acme_servers"]] == ["letsencrypt", "letsencrypt-staging"]


def test_an_issuer_of_a_namespace_is_not_that_of_lets_encrypt():
    """Each ACME issuer registers an account at its authority."""
    raw = certificate("mail", "mail", "mail.example.com", kind="Issuer")
    assert fine(certificate_certificates=[raw])["issuers"] == []


def test_names_that_an_acme_server_must_reach():
    raw = [certificate("mail", "mail", "mail.example.com"), certificate("wild", "wild", "*.example.org", issuer="lab")]
    found = fine(SITE, OWN, PASSING, WILDCARD, certificate_certificates=raw)["names"]
    assert found == [
        {"host": "app.example.com", "site": "app", "acme": True},
        {"host": "own.example.com", "site": "own", "acme": False},
        {"host": "db.example.com", "site": "db", "acme": False},
        {"host": "mail.example.com", "site": "mail", "acme": True},
    ]


def test_a_wildcard_is_allowed_where_all_issuers_use_dns01():
    wildcard = SITE | {"hosts": ["*.example.com"]}
    assert len(plan(wildcard)["findings"]) == 1
    found = fine(wildcard, cert_manager_solvers=[{"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "a", "key": "b"}}}}])
    assert found["http01_issuers"] == []


TARGET = {"service": "web.default", "port": 3000}


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"prefix": "/api/*"}, "prefix '/api/*', in which '*' stands for itself; write {prefix: /api/}"),
        ({"prefix": "/api*"}, "prefix '/api*', in which '*' stands for itself; write {prefix: /api}"),
        ({"exact": "/img/*.png"}, "exact '/img/*.png', in which '*' stands for itself; write {prefix: /img/}"),
    ],
)
def test_a_star_in_a_path_is_warned_of(route, said):
    assert fine({**SITE, "routes": [{**TARGET, **route}]})["warnings"] == [f"edge_sites (app): routes[0] has {said}"]
    raw = {"metadata": {"name": "raw"}, "spec": {"hosts": ["a.example.com"], "http": [{"match": [{"uri": route}], **GONE}]}}
    assert fine(gateway_virtual_services=[raw])["warnings"] == [f"gateway_virtual_services (raw): http[0] has {said}"]


def test_a_star_in_an_expression_is_fine():
    assert fine({**SITE, "routes": [{**TARGET, "regex": "/api/.*"}]})["warnings"] == []


def test_a_gateway_that_does_not_exist():
    (found,) = plan({**SITE, "gateway": "inside"})["findings"]
    assert found.endswith("is 'inside', which is not known; Allowed: none (gateways are those of edge_gateways that are present)")


def test_the_contact_of_acme_accounts_is_checked():
    (found,) = plan(SITE, edge_email="ops")["findings"]
    assert found == "edge_email is 'ops'; it must be an address such as ops@example.com"


def test_issuers_that_prove_names_by_http01():
    assert fine()["http01_issuers"] == ["letsencrypt", "letsencrypt-staging"]


def test_hosts_whose_next_order_is_proved_by_http01():
    dns = {
        "name": "both",
        "server": "https://acme.example.com/dir",
        "solvers": [{"http01": {}}, {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "a", "key": "b"}}}}],
    }
    mixed = {"name": "mixed", "hosts": ["m.example.com", "*.m.example.com"], "issuer": "both"}
    found = fine(SITE, mixed, WILDCARD, cert_manager_issuers=[LAB, dns])
    assert http01_hosts(found, ["app", "mixed", "all"]) == ["app.example.com", "m.example.com"]
    assert http01_hosts(found, ["all"]) == []
    assert http01_hosts(found) == ["app.example.com", "m.example.com"]
    # Nothing is known that could be asked for them.
    assert http01_hosts(fine(SITE, edge_addresses=[]), ["app"]) == []


# --- raw manifests


def test_raw_objects_are_completed_and_can_be_found_again():
    raw = {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"host": "x.default.svc.cluster.local"}}
    (found,) = fine(gateway_destination_rules=[raw])["destination_rules"]
    assert found == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "x", "namespace": NS, "labels": {"a": "b", **LABELS}},
        "spec": {"host": "x.default.svc.cluster.local"},
    }


@pytest.mark.parametrize(
    ("raw", "finding"),
    [
        ({"spec": {}}, "gateway_gateways[0].metadata: name is missing"),
        ({"metadata": "x"}, "gateway_gateways[0]: metadata is 'x'; it must be a dictionary"),
        ({"kind": "Other", "metadata": {"name": "x"}}, "gateway_gateways[0]: kind is 'Other', which is not known; Allowed: Gateway"),
        ("x", "gateway_gateways[0] is 'x'; it must be a manifest"),
        ({"metadata": {"name": "x"}, "spec": {"servers": {}}}, "gateway_gateways[0].spec: servers is {}; it must be a list"),
        ({"metadata": {"name": "x"}, "spec": {"servers": ["a"]}}, "gateway_gateways[0].spec: servers[0] is 'a'; it must be a dictionary"),
    ],
)
def test_raw_objects_that_cannot_be(raw, finding):
    assert plan(gateway_gateways=[raw])["findings"] == [finding]


def test_a_raw_object_must_not_overwrite_that_of_a_site_or_another():
    assert plan(SITE, gateway_gateways=[gateway("app", "a.example.com", name="app")])["findings"] == [
        "gateway_gateways: metadata.name 'app' is already that of the Gateway of site 'app'"
    ]
    assert plan(gateway_gateways=[gateway("a", "a.example.com"), gateway("b", "b.example.com")])["findings"] == [
        f"gateway_gateways[1]: metadata.name 'raw' is already that of another one in namespace {NS}"
    ]


def test_credentials_of_gateways():
    found = fine(
        WILDCARD | {"hosts": ["app.example.com", "www.example.com"], "name": "app"},
        OWN | {"tls": {"mode": "MUTUAL", "credential": "mine", "ca_certificate": PEM}},
    )
    assert found["credentials"] == [
        {"name": "app", "hosts": ["app.example.com", "www.example.com"], "mode": "SIMPLE"},
        {"name": "mine", "hosts": ["own.example.com"], "mode": "MUTUAL"},
    ]


def test_credentials_of_raw_gateways():
    servers = [
        {"port": PORT, "hosts": ["default/a.example.com"], "tls": {"mode": "SIMPLE", "credentialNames": ["rsa", "ecdsa"]}},
        {"port": {**PORT, "name": "pass"}, "hosts": ["b.example.com"], "tls": {"mode": "PASSTHROUGH"}},
        {"hosts": ["*"], "port": {"number": 80, "name": "http", "protocol": "HTTP"}},
    ]
    assert fine(gateway_gateways=[{"metadata": {"name": "x"}, "spec": {"servers": servers}}])["credentials"] == [
        {"name": "rsa", "hosts": ["a.example.com"], "mode": "SIMPLE", "credential_names": ["rsa", "ecdsa"]}
    ]


def test_what_a_raw_gateway_serves_is_asked_like_a_site():
    raw = [certificate("shop", "shop-tls", "shop.example.com")]
    found = fine(gateway_gateways=[gateway("shop-tls", "ns/shop.example.com", "*.example.org")], certificate_certificates=raw)
    assert subject(found, "raw") == {
        "name": "raw",
        "kind": "gateway",
        "hosts": ["shop.example.com", "*.example.org"],
        "server_names": ["shop.example.com", "edge-check.example.org"],
        "mode": "SIMPLE",
        "secrets": ["shop-tls"],
        "certificates": ["shop"],
        "issuer": None,
        "lowest_tls": "1.2",
        "port": None,
    }
    assert {entry["server_name"] for entry in found["endpoints"]} == {"shop.example.com", "edge-check.example.org"}
    assert {"host": "shop.example.com", "site": "shop", "acme": True} in found["names"]


def test_a_gateway_for_all_hosts_is_asked_by_names_of_its_certificate():
    raw = [certificate("all", "all-tls", "app.example.com", "*.example.com", issuer="lab")]
    found = fine(SITE, gateway_gateways=[gateway("all-tls", "*")], certificate_certificates=raw)
    # The site has a server of its own for app.example.com.
    assert subject(found, "raw")["server_names"] == ["edge-check.example.com"]
    assert found["credentials"][1]["hosts"] == ["app.example.com", "*.example.com"]
    assert found["warnings"] == []


def test_a_gateway_for_all_hosts_whose_certificate_is_not_known():
    found = fine(gateway_gateways=[gateway("mine", "*")])
    assert subject(found, "raw")["server_names"] == ["edge-check.invalid"]
    assert [entry["server_name"] for entry in found["endpoints"]] == ["edge-check.invalid"]
    assert found["own_secrets"] == ["mine"]
    assert found["credentials"][0]["hosts"] == ["*"]
    assert found["warnings"] == []


def test_a_gateway_for_all_hosts_whose_names_all_have_servers_of_their_own():
    raw = [certificate("all", "all-tls", "app.example.com", issuer="lab")]
    found = fine(SITE | {"issuer": "lab"}, gateway_gateways=[gateway("all-tls", "*")], certificate_certificates=raw)
    assert subject(found, "raw")["server_names"] == ["edge-check.invalid"]


def test_a_gateway_for_all_hosts_beside_names_and_a_zone():
    found = fine(gateway_gateways=[gateway("mine", "shop/*", "a.example.com", "*.example.org")])
    assert subject(found, "raw")["server_names"] == ["a.example.com", "edge-check.example.org", "edge-check.invalid"]


def test_a_gateway_that_passes_all_hosts_on_is_warned_of():
    (warning,) = fine(gateway_gateways=[gateway(None, "*", mode="PASSTHROUGH")])["warnings"]
    assert warning == "gateway_gateways (raw): the report cannot show what hosts '*' serve, since TLS passes through; name the hosts"


@pytest.mark.parametrize(
    "other",
    [
        gateway("app-tls", "a.b", selector={"istio": "internal"}),
        gateway("app-tls", "a.b", port=8443),
        gateway(None, "a.b", mode="ISTIO_MUTUAL"),
        {
            "metadata": {"name": "x"},
            "spec": {"selector": {"istio": "ingress"}, "servers": [PLAIN]},
        },
    ],
)
def test_other_gateways_are_not_asked(other):
    found = fine(gateway_gateways=[other])
    assert found["subjects"] == found["endpoints"] == found["server_names"] == []


@pytest.mark.parametrize("selector", [{"istio": "ingress"}, {"app": "istio-ingress"}, {"app": "istio-ingress", "istio": "ingress"}, {}])
def test_a_gateway_may_select_its_pods_by_each_of_their_labels(selector):
    raw = gateway("app-tls", "a.example.com")
    raw["spec"]["selector"] = selector
    found = fine(gateway_gateways=[raw])
    assert (found["server_names"], [entry["name"] for entry in found["credentials"]]) == (["a.example.com"], ["app-tls"])
    assert found["warnings"] == found["nothing"] == found["unasked"] == []


def test_labels_follow_the_release_and_the_selector():
    renamed = {"edge_gateway_service": "istio-front", "edge_gateway_selector": {"app": "front"}}
    found = fine(gateway_gateways=[gateway("app-tls", "a.example.com", selector={"app": "front", "istio": "front"})], **renamed)
    assert (found["server_names"], found["warnings"]) == (["a.example.com"], [])


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        # As most guides have it, for the gateway that istioctl installs.
        ({"istio": "ingressgateway"}, "istio=ingressgateway"),
        ({"app": "istio-ingressgateway", "istio": "ingress"}, "app=istio-ingressgateway,istio=ingress"),
        ({"istio": "ingress", "region": "eu"}, "istio=ingress,region=eu"),
    ],
)
def test_a_gateway_for_pods_that_are_not_known_is_warned_of(selector, text):
    raw = gateway("app-tls", "a.example.com", selector=selector)
    found = fine(SITE, gateway_gateways=[raw])
    (warning,) = found["warnings"]
    assert warning == (
        f"gateway_gateways ({NS}/raw): its selector {text} fits no gateway of the sites, whose pods have app=istio-ingress,istio=ingress, "
        "so it opens nothing unless other pods have these labels; correct it"
    )
    assert found["unasked"] == [{"name": f"{NS}/raw", "reason": f"its selector {text} is that of other pods"}]
    # A run that has nothing else serves nothing.
    alone = fine(gateway_gateways=[raw])
    assert (found["nothing"], alone["nothing"]) == (
        [],
        [f"{alone['warnings'][0]}, or set edge_allow_no_sites to true to go on without any"],
    )
    assert fine(gateway_gateways=[raw, gateway("mine", "b.example.com", name="b")])["nothing"] == []
    # The pods of the sites would never serve it.
    assert alone["credentials"] == alone["own_secrets"] == []


def apart(namespace, secret="app-tls"):
    """A Certificate as guides have it, beside the application."""
    made = certificate("app", secret, "a.example.com")
    return {**made, "metadata": {"name": "app", "namespace": namespace}}


@pytest.mark.parametrize(
    ("given", "of"),
    [
        ({"gateway_gateways": [gateway("app-tls", "a.example.com")], "certificate_certificates": [apart("shop")]}, "raw"),
        ({"gateway_gateways": [gateway("app-tls", "*")], "certificate_certificates": [apart("shop")]}, "raw"),
        ({"certificate_certificates": [apart("shop", "mine")], "sites": [OWN]}, "own"),
    ],
)
def test_a_certificate_whose_secret_the_gateway_cannot_read_is_warned_of(given, of):
    (warning,) = fine(*given.pop("sites", ()), **given)["warnings"]
    secret = "mine" if of == "own" else "app-tls"
    assert warning == (
        f"certificate_certificates (app): its Secret shop/{secret} is the credential of {of}, whose pods read Secrets of namespace {NS} "
        f"only; let metadata.namespace be {NS}, unless something copies the Secret there"
    )


@pytest.mark.parametrize("certificates", [[apart(NS)], [apart("shop", "other")], [apart("shop"), apart(NS)]])
def test_a_certificate_that_the_gateway_reads_or_that_is_for_others_is_fine(certificates):
    assert fine(gateway_gateways=[gateway("app-tls", "a.example.com")], certificate_certificates=certificates)["warnings"] == []


def test_a_gateway_for_pods_of_another_gateway_of_the_sites_is_known():
    team = {"name": "istio-team", "namespace": "team", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}
    found = fine(
        gateway_gateways=[gateway("app-tls", "a.example.com", selector={"app": "istio-team"})],
        edge_gateways=[team],
        edge_addresses=["192.0.2.1"],
    )
    assert [part["server_names"] for part in found["by_gateway"]] == [[], ["a.example.com"]]
    assert found["warnings"] == found["nothing"] == found["unasked"] == []


def test_a_redirect_takes_challenges_by_whatever_label_it_selects_the_pods():
    raw = guide(*GUIDE_HOSTS)
    raw["spec"]["selector"] = {"app": "istio-ingress"}
    (found,) = plan(certificate_certificates=GUIDE, gateway_gateways=[raw])["findings"]
    assert NO_RENEWAL.format(", ".join(GUIDE_HOSTS)) in found


@pytest.mark.parametrize(
    ("manifest", "variable"),
    [
        (gateway("mine", "a.example.com"), "gateway_gateways"),
        (certificate("a", "a-tls", "a.example.com"), "certificate_certificates"),
        ({"metadata": {"name": "x"}, "spec": {}}, "gateway_virtual_services"),
    ],
)
def test_a_plan_of_raw_manifests_alone_is_not_empty(manifest, variable):
    assert fine(**{variable: [manifest]})["nothing"] == []
    (found,) = fine(**{variable: []})["nothing"]
    assert found.startswith("edge_sites is empty, and so are ")
    assert variable in found


def test_who_brings_manifests_has_all_of_them_asked():
    """Names, credentials and endpoints, and a Certificate that serves several Gateways."""
    raw = [certificate("shop", "shop-tls", "shop.example.com", "api.example.com")]
    gateways = [gateway("shop-tls", "shop.example.com", name="shop"), gateway("shop-tls", "api.example.com", name="api")]
    found = fine(certificate_certificates=raw, gateway_gateways=gateways)
    assert [entry["host"] for entry in found["names"]] == ["shop.example.com", "api.example.com"]
    assert [(entry["name"], entry["hosts"]) for entry in found["credentials"]] == [("shop-tls", ["shop.example.com", "api.example.com"])]
    assert [entry["server_name"] for entry in found["endpoints"]] == found["server_names"] == ["shop.example.com", "api.example.com"]
    assert found["own_secrets"] == []


# --- challenges

GUIDE_HOSTS = ["www.example.com", "api.example.com"]
WELL_KNOWN = [{"uri": {"prefix": "/.well-known/"}}]
OPEN = {"metadata": {"name": "shop", "namespace": "shop"}, "spec": {"hosts": GUIDE_HOSTS, "gateways": [f"{NS}/guide"], "http": [GONE]}}
PREFIXED = {"hosts": ["www.example.com"], "gateways": [f"{NS}/edge-http"], "http": [{"match": WELL_KNOWN, **GONE}]}
NO_RENEWAL = "so HTTP-01 challenges for {} do not reach cert-manager's solver and the certificate can never be renewed; "


def guide(*plain, redirect=True, name="guide", hosts=()):
    """The Gateway of a well-known guide: TLS for some hosts, and a redirect on port 80."""
    found = gateway("guide-tls", *(hosts or GUIDE_HOSTS), name=name)
    found["spec"]["servers"].append({**PLAIN, "hosts": list(plain), "tls": {"httpsRedirect": redirect}})
    return found


GUIDE = [certificate("guide", "guide-tls", *GUIDE_HOSTS)]


@pytest.mark.parametrize(
    ("gateways", "routes", "cause", "hosts"),
    [
        (
            [guide("*")],
            [OPEN],
            f"Gateway {NS}/guide has httpsRedirect on port 80 (VirtualService shop/shop brings the host to it)",
            GUIDE_HOSTS,
        ),
        ([guide(*GUIDE_HOSTS)], [], f"Gateway {NS}/guide has httpsRedirect on port 80", GUIDE_HOSTS),
        ([guide("www.example.com")], [], f"Gateway {NS}/guide has httpsRedirect on port 80", GUIDE_HOSTS[:1]),
        (
            [],
            [{"metadata": {"name": "pages"}, "spec": PREFIXED}],
            f"VirtualService {NS}/pages takes prefix /.well-known/ before the solver's route",
            GUIDE_HOSTS[:1],
        ),
    ],
)
def test_a_raw_manifest_that_takes_challenges_is_refused(gateways, routes, cause, hosts):
    (found,) = plan(certificate_certificates=GUIDE, gateway_gateways=gateways, gateway_virtual_services=routes)["findings"]
    assert found.startswith(f"{cause}, {NO_RENEWAL.format(', '.join(hosts))}")
    assert "edge_http_gateway" in found


def test_a_raw_redirect_for_the_host_of_a_site_is_refused_too():
    (found,) = plan(SITE, gateway_gateways=[guide("app.example.com")])["findings"]
    assert NO_RENEWAL.format("app.example.com") in found


@pytest.mark.parametrize(
    ("certificates", "gateways", "routes"),
    [
        (GUIDE, [guide("*")], []),
        (GUIDE, [guide("*", redirect=False)], [OPEN]),
        ([certificate("guide", "guide-tls", *GUIDE_HOSTS, issuer="lab")], [guide("*")], [OPEN]),
        ([certificate("guide", "guide-tls", *GUIDE_HOSTS, kind="Issuer")], [guide("*")], [OPEN]),
        ([], [guide("*")], [OPEN]),
    ],
)
def test_redirects_that_take_no_challenge_pass(certificates, gateways, routes):
    fine(certificate_certificates=certificates, gateway_gateways=gateways, gateway_virtual_services=routes)


@pytest.mark.parametrize("proxies", [0, 1])
def test_what_sites_make_leaves_challenges_to_the_solver(proxies):
    """A raw manifest beside them lets the plan look at all of them."""
    other = {"metadata": {"name": "x"}, "spec": {"hosts": ["other.example.com"], "gateways": [f"{NS}/edge-http"], "http": [GONE]}}
    routes = [ROUTE | {"prefix": "/.well-known"}, ROUTE]
    fine(SITE | {"routes": routes}, gateway_virtual_services=[other], edge_trusted_proxies=proxies, edge_proxy_addresses=["192.0.2.9"])


def test_an_issuer_that_may_prove_names_by_dns_is_only_warned_of():
    both = {
        "name": "both",
        "server": "https://acme.example.com/dir",
        "solvers": [{"http01": {}}, {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "a", "key": "b"}}}}],
    }
    raw = [certificate("guide", "guide-tls", *GUIDE_HOSTS, issuer="both")]
    (found,) = fine(cert_manager_issuers=[both], certificate_certificates=raw, gateway_gateways=[guide(*GUIDE_HOSTS)])["warnings"]
    assert NO_RENEWAL.format(", ".join(GUIDE_HOSTS)) in found


# --- what works, but not as people mean it


@pytest.mark.parametrize(
    ("prefix", "rewrite", "said", "advice"),
    [
        (
            "/api",
            "/",
            "/api/x becomes //x and /apikeys is taken too",
            "write {prefix: /api/, rewrite: /} and {exact: /api, rewrite: /}",
        ),
        ("/api/", "/v1", "/api/x becomes /v1x", "write {prefix: /api/, rewrite: /v1/} and {exact: /api, rewrite: /v1}"),
        ("/", "/app", "/x becomes /appx", "write {prefix: /, rewrite: /app/}"),
    ],
)
def test_a_rewrite_that_makes_other_paths_is_warned_of(prefix, rewrite, said, advice):
    (found,) = fine(SITE | {"routes": [ROUTE | {"prefix": prefix, "rewrite": rewrite}]})["warnings"]
    assert found == f"edge_sites (app): routes[0] replaces '{prefix}' by '{rewrite}', so {said}; {advice}"


@pytest.mark.parametrize(
    ("paths", "rewrite", "said"),
    [
        ([{"prefix": "/api"}], "/", "replaces '/api' by '/', so /api/x becomes //x and /apikeys is taken too; write {prefix: /api/, "),
        ([{"exact": "/api"}, {"prefix": "/api/"}], "/v1", "replaces '/api/' by '/v1', so /api/x becomes /v1x; write {prefix: /api/, "),
        ([{"prefix": "/"}], "/app", "replaces '/' by '/app', so /x becomes /appx; write {prefix: /, rewrite: /app/}"),
        ([{"prefix": "/api/"}, {"prefix": "/api"}], "/", None),
        ([{"prefix": "/api/"}, {"exact": "/api"}], "/", None),
        ([{"prefix": "/v1/rating"}], "/rating", None),
        ([{"regex": "/api.*"}], "/", None),
        ([{}], "/", None),
        ([{"prefix": "/api"}], None, None),
    ],
)
def test_a_raw_rewrite_that_makes_other_paths_is_warned_of(paths, rewrite, said):
    rule = {"match": [{"uri": path} if path else {"port": 443} for path in paths], "route": [{"destination": {"host": "web"}}]}
    rule |= {"rewrite": {"uri": rewrite}} if rewrite else {}
    found = fine(gateway_virtual_services=[{"metadata": {"name": "x"}, "spec": {"hosts": ["a.b"], "http": [rule]}}])["warnings"]
    assert [text.startswith(f"gateway_virtual_services (x): http[0] {said}") for text in found] == [True] * (said is not None)


@pytest.mark.parametrize(
    ("match", "rewrite"), [("prefix: /api/", "/"), ("prefix: /api", "/v1"), ("prefix: /", "/"), ("exact: /api", "/"), ("regex: /x", "/")]
)
def test_rewrites_that_keep_slashes_pass(match, rewrite):
    kind, _colon, path = match.partition(": ")
    assert fine(SITE | {"routes": [{kind: path, "service": "a.b", "port": 1, "rewrite": rewrite}]})["warnings"] == []


@pytest.mark.parametrize(
    ("sites", "settings", "said"),
    [
        ([OWN, OWN | {"name": "two", "hosts": ["two.example.com"]}], {}, "own and two share the certificate in Secret 'mine': browsers"),
        ([WILDCARD, SITE], {}, "all and app both have a certificate for app.example.com: browsers"),
        ([OWN], {"gateway_gateways": [gateway("mine", "raw.example.com")]}, "own and raw share the certificate in Secret 'mine': "),
        ([], {"gateway_gateways": [gateway("a", "*.x.org", name="a"), gateway("b", "y.x.org", name="b")]}, "a and b both have a "),
    ],
)
def test_sites_between_which_browsers_confuse_connections_are_warned_of(sites, settings, said):
    (found,) = fine(*sites, **settings)["warnings"]
    assert found.startswith(said)
    assert "answered with 404" in found


@pytest.mark.parametrize(
    "sites",
    [
        [SITE, OWN],
        [WILDCARD, PASSING],
        [WILDCARD, SITE | {"hosts": ["a.b.example.com", "example.com", "app.example.org"]}],
        [WILDCARD | {"hosts": ["*.example.com", "example.com"]}, SITE | {"hosts": ["app.example.org"]}],
    ],
)
def test_sites_with_certificates_of_their_own_pass(sites):
    assert fine(*sites)["warnings"] == []


# --- cost and robustness


# A busy machine is no fault of what is tested.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(MANIFESTS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["metadata", "spec", "name", "labels", "servers", "hosts", "tls", "port", "dnsNames", "issuerRef"]), inner
            )
        ),
        max_leaves=12,
    ),
)
def test_no_manifest_makes_it_crash(variable, raw):
    found = _plan.make_plan([SITE], {variable: [raw]})
    assert all(isinstance(text, str) for text in found["findings"])


# --- what objects take from each other


@pytest.mark.parametrize(
    ("sites", "certificates", "said"),
    [
        (
            [],
            [certificate("a", "tls", "a.example.com"), certificate("b", "tls", "b.example.com")],
            "a and b write the same Secret {NS}/tls",
        ),
        ([SITE], [certificate("b", "app", "b.example.com")], f"app and b write the same Secret {NS}/app"),
        ([SITE], [certificate("b", "app", "app.example.com", issuer="lab")], f"app and b write the same Secret {NS}/app"),
    ],
)
def test_two_certificates_with_one_secret_are_refused(sites, certificates, said):
    (found,) = plan(*sites, certificate_certificates=certificates)["findings"]
    assert found.startswith(f"certificate_certificates: Certificates {said.replace('{NS}', NS)}, and cert-manager")


def test_certificates_with_secrets_of_their_own_pass():
    other = certificate("c", "app", "c.example.com")
    other["metadata"]["namespace"] = "web"
    fine(SITE, OWN, certificate_certificates=[certificate("b", "mine", "own.example.com"), other])


def plain(*hosts, number=443, **port):
    port = {"number": number, "name": "http", "protocol": "HTTP"} | port
    spec = {"selector": {"istio": "ingress"}, "servers": [{"port": port, "hosts": list(hosts)}]}
    return {"metadata": {"name": "plain"}, "spec": spec}


TWICE = "Gateways {} have host '{}' with TLS on port 443, and Istio serves it by one of them only"
MIXED = "port {} has TLS in Gateway {} and none in Gateway {}, and Istio leaves one of them out"


@pytest.mark.parametrize(
    ("sites", "gateways", "said"),
    [
        ([SITE], [gateway("c", "app.example.com")], TWICE.format(f"{NS}/app and {NS}/raw", "app.example.com")),
        ([SITE], [gateway("c", "web/App.example.com")], TWICE.format(f"{NS}/app and {NS}/raw", "app.example.com")),
        ([PASSING], [gateway("c", "db.example.com")], TWICE.format(f"{NS}/db and {NS}/raw", "db.example.com")),
        ([], [gateway("c", "*"), gateway("d", "*", name="two")], TWICE.format(f"{NS}/raw and {NS}/two", "*")),
        ([SITE], [plain("b.example.com")], MIXED.format(443, f"{NS}/app", f"{NS}/plain")),
        ([], [gateway("c", "a.b"), plain("b.example.com", protocol="TCP")], MIXED.format(443, f"{NS}/raw", f"{NS}/plain")),
        ([], [gateway("c", "a.b", port=80)], MIXED.format(80, f"{NS}/raw", f"{NS}/edge-http")),
    ],
)
def test_what_gateways_take_from_each_other_is_refused(sites, gateways, said):
    (found,) = plan(*sites, gateway_gateways=gateways)["findings"]
    assert found.startswith(f"gateway_gateways: {said}")


@pytest.mark.parametrize(
    ("sites", "gateways"),
    [
        ([SITE], [gateway("c", "app.example.com", selector={"istio": "inside"})]),
        ([SITE], [gateway("c", "app.example.com", port=8443)]),
        (
            [SITE],
            [gateway("c", "b.example.com"), plain("app.example.com", number=80), plain("*", number=8080) | {"metadata": {"name": "o"}}],
        ),
        ([SITE], [plain("b.example.com", number=81)]),
        ([], [plain("b.example.com")]),
    ],
)
def test_gateways_side_by_side_pass(sites, gateways):
    fine(*sites, gateway_gateways=gateways)


def test_a_route_without_hosts_is_a_delegate():
    other = {"metadata": {"name": "x"}, "spec": {"http": [GONE]}}
    fine(WILDCARD, gateway_virtual_services=[other])


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_manifests_of_older_guides_are_applied_in_the_present_version(version):
    found = fine(gateway_gateways=[{**gateway("c", "a.b"), "apiVersion": f"networking.istio.io/{version}", "kind": "Gateway"}])
    assert [each["apiVersion"] for each in found["gateways"]] == ["networking.istio.io/v1"]


@pytest.mark.parametrize(
    ("variable", "change", "said"),
    [
        (
            "gateway_gateways",
            {"apiVersion": "networking.istio.io/v1alpha1"},
            ": apiVersion is 'networking.istio.io/v1alpha1', which is not",
        ),
        (
            "gateway_gateways",
            {"apiVersion": "gateway.networking.k8s.io/v1"},
            ": apiVersion is 'gateway.networking.k8s.io/v1', which is not",
        ),
        (
            "certificate_certificates",
            {"apiVersion": "cert-manager.io/v1alpha2"},
            ": apiVersion is 'cert-manager.io/v1alpha2', which is not",
        ),
        ("gateway_gateways", {"metadata": {"name": "App_TLS"}}, ".metadata: name is 'App_TLS'; it must have lower case letters"),
        ("certificate_certificates", {"metadata": {"name": "*.a.b"}}, ".metadata: name is '*.a.b'; it must have lower case letters"),
        ("gateway_gateways", {"metadata": {"name": "a", "namespace": "Web"}}, ".metadata: namespace is 'Web'; it must be a DNS label"),
    ],
)
def test_manifests_that_no_api_takes(variable, change, said):
    raw = gateway("c", "a.b") if variable == "gateway_gateways" else certificate("a", "b", "a.example.com")
    (found,) = plan(**{variable: [{**raw, **change}]})["findings"]
    assert found.startswith(f"{variable}[0]{said}")


def test_numbers_may_name_manifests():
    raw = {**gateway("c", "a.b"), "metadata": {"name": 1, "namespace": None}}
    assert fine(gateway_gateways=[raw])["gateways"][0]["metadata"] == {"name": "1", "namespace": NS, "labels": LABELS}
