# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of sites, as the cluster gets them."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_objects as objects
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import read_sites

NS = "istio-ingress"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
ROUTE = {"prefix": "/", "service": "web.default", "port": 3000}


def parse_sites(raw):
    found, findings = read_sites(raw)
    assert findings == []
    return found


def sites(**fields):
    return parse_sites([{"name": "app", "hosts": ["app.example.com", "www.example.com"], "issuer": "lab", "routes": [ROUTE], **fields}])


def own(**tls):
    return parse_sites([{"name": "app", "hosts": ["app.example.com"], "routes": [ROUTE], "tls": tls}])


def test_the_certificate_bears_the_name_of_the_site():
    (found,) = objects.certificates(sites(), NS, {"lab": "Issuer"}, {"algorithm": "ECDSA", "size": 256, "rotation_policy": "Always"})
    assert found["metadata"]["name"] == found["spec"]["secretName"] == "app"
    assert found["metadata"]["namespace"] == NS
    assert found["spec"]["dnsNames"] == ["app.example.com", "www.example.com"]
    assert found["spec"]["issuerRef"] == {"group": "cert-manager.io", "kind": "Issuer", "name": "lab"}
    assert found["spec"]["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


def test_no_key_setting_is_no_field():
    """An empty one is null after a server-side apply, which the API server refuses."""
    (found,) = objects.certificates(sites(), NS, {}, {})
    assert "privateKey" not in found["spec"]


def test_the_secret_of_a_certificate_is_not_pruned_with_its_site():
    (found,) = objects.certificates(sites(), NS, {}, {})
    labels = found["spec"]["secretTemplate"]["labels"]
    assert labels["app.kubernetes.io/component"] != found["metadata"]["labels"]["app.kubernetes.io/component"]


REFLECTOR, REPLICATOR = "reflector.v1.k8s.emberstack.com/reflection", "replicator.v1.mittwald.de"


@pytest.mark.parametrize(
    ("by", "annotations"),
    [
        (
            "reflector",
            {
                f"{REFLECTOR}-allowed": "true",
                f"{REFLECTOR}-allowed-namespaces": "shop,team-b",
                f"{REFLECTOR}-auto-enabled": "true",
                f"{REFLECTOR}-auto-namespaces": "shop,team-b",
            },
        ),
        ("replicator", {f"{REPLICATOR}/replicate-to": "shop,team-b", f"{REPLICATOR}/strip-labels": "true"}),
    ],
)
def test_a_secret_says_who_copies_it_where(by, annotations):
    given = sites(certificate={"copies": {"namespaces": ["shop", "team-b"], "by": by}})
    (found,) = objects.certificates(given, NS, {}, {})
    assert found["spec"]["secretTemplate"]["annotations"] == annotations
    assert "annotations" not in objects.certificates(sites(), NS, {}, {})[0]["spec"]["secretTemplate"]
    # One that is tried at a staging authority is not copied.
    assert "annotations" not in objects.staging_certificate(found, "staging")["spec"]["secretTemplate"]


def test_a_site_overrides_key_and_dates():
    given = {"duration": "48h", "renew_before": "24h", "private_key": {"algorithm": "RSA"}}
    (found,) = objects.certificates(sites(certificate=given), NS, {}, {"algorithm": "ECDSA", "size": 256})
    # The size of an ECDSA key means nothing to RSA.
    assert found["spec"]["privateKey"] == {"algorithm": "RSA"}
    assert (found["spec"]["duration"], found["spec"]["renewBefore"]) == ("48h", "24h")


def test_the_share_of_a_lifetime_that_is_left_when_it_is_renewed():
    (found,) = objects.certificates(sites(certificate={"renew_before": "25%"}), NS, {}, {})
    assert found["spec"]["renewBeforePercentage"] == 25
    assert "renewBefore" not in found["spec"]


def test_the_windows_in_which_it_is_renewed():
    (site,) = sites(certificate={"renew_windows": [{"cron": "0 2 * * SUN", "duration": "4h"}]})
    (found,) = objects.certificates([site], NS, {}, {})
    window = {"cron": "0 2 * * SUN", "windowDuration": "4h", "timezone": "UTC"}
    assert found["spec"]["renewal"] == {"policy": "RenewBefore", "windows": [window]}
    assert "renewal" not in objects.certificates(sites(), NS, {}, {})[0]["spec"]


def test_a_site_with_its_own_secret_has_no_certificate():
    found = own(credential="mine")
    assert objects.certificates(found, NS, {}, {}) == []
    (gateway,) = objects.gateways(found, NS, {"istio": "ingress"})
    assert gateway["spec"]["servers"][0]["tls"] == {"mode": "SIMPLE", "credentialName": "mine"}


def test_one_server_lists_all_hosts_of_the_certificate():
    (gateway,) = objects.gateways(sites(tls={"min_version": "1.3"}), NS, {"istio": "ingress"})
    assert gateway["spec"] == {
        "selector": {"istio": "ingress"},
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": ["app.example.com", "www.example.com"],
                "tls": {"mode": "SIMPLE", "credentialName": "app", "minProtocolVersion": "TLSV1_3"},
            }
        ],
    }


def test_no_gateway_redirects_by_tls_setting():
    """It would take the path of ACME challenges along, at the first renewal."""
    assert "httpsRedirect" not in str(objects.gateways(sites(), NS, {}))


def test_the_redirect_is_a_virtual_service_of_its_own_without_any_match():
    routes, redirect = objects.virtual_services(sites(), NS, "edge-http")
    assert routes["spec"]["gateways"] == [f"{NS}/app"]
    assert redirect["spec"] == {
        "hosts": ["app.example.com", "www.example.com"],
        "gateways": [f"{NS}/edge-http"],
        "http": [{"redirect": {"scheme": "https", "redirectCode": 301}}],
    }


def test_behind_a_proxy_port_80_serves_what_was_asked_over_tls_and_redirects_the_rest():
    """And neither takes the path of challenges: rules with conditions are not put behind the solver's."""
    challenge = {":path": {"prefix": "/.well-known/acme-challenge/"}}
    secure = {"x-forwarded-proto": {"exact": "https"}}
    api = dict(ROUTE, prefix="/api/", service="api.default")
    routes, port80 = objects.virtual_services(sites(routes=[api, ROUTE]), NS, "edge-http", behind_proxy=True)
    first, second, redirect = port80["spec"]["http"]
    assert first["match"] == [{"uri": {"prefix": "/api/"}, "headers": secure, "withoutHeaders": challenge}]
    assert second["match"] == [{"uri": {"prefix": "/"}, "headers": secure, "withoutHeaders": challenge}]
    assert [rule["route"] for rule in (first, second)] == [rule["route"] for rule in routes["spec"]["http"]]
    assert redirect == {
        "match": [{"withoutHeaders": {**secure, **challenge}}],
        "redirect": {"scheme": "https", "redirectCode": 301},
    }


def test_a_route_that_takes_all_leaves_challenges_out_too():
    (rule, _redirect) = objects.virtual_services(sites(routes=[{"service": "web.default", "port": 80}]), NS, "edge-http", 443, True)[1][
        "spec"
    ]["http"]
    assert ":path" in rule["match"][0]["withoutHeaders"]


def test_a_site_may_go_without_redirect_and_without_routes():
    assert objects.virtual_services(sites(redirect=False, routes=[]), NS, "edge-http") == []
    assert len(objects.virtual_services(sites(), NS, "")) == 1


def test_a_route_with_everything():
    route = {
        "exact": "/x",
        "service": "web.default",
        "port": 80,
        "rewrite": "/y",
        "timeout": "5s",
        "headers": {"request": {"set": {"x-a": "b"}}},
        "retries": {"attempts": 2},
    }
    routes, _redirect = objects.virtual_services(sites(routes=[route]), NS, "edge-http")
    assert routes["spec"]["http"] == [
        {
            "match": [{"uri": {"exact": "/x"}}],
            "rewrite": {"uri": "/y"},
            "route": [{"destination": {"host": "web.default.svc.cluster.local", "port": {"number": 80}}}],
            "timeout": "5s",
            "headers": {"request": {"set": {"x-a": "b"}}},
            "retries": {"attempts": 2},
        }
    ]


def test_passthrough_is_routed_by_name():
    found = parse_sites(
        [{"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [{"service": "db.data", "port": 5432}]}]
    )
    (gateway,) = objects.gateways(found, NS, {})
    assert gateway["spec"]["servers"][0]["port"]["protocol"] == "TLS"
    assert gateway["spec"]["servers"][0]["tls"] == {"mode": "PASSTHROUGH"}
    routes, _redirect = objects.virtual_services(found, NS, "edge-http")
    assert routes["spec"]["tls"][0]["match"] == [{"port": 443, "sniHosts": ["db.example.com"]}]


def test_the_ca_of_clients_has_the_name_that_istio_looks_for():
    found = own(mode="MUTUAL", credential="mine", ca_certificate=PEM)
    (secret,) = objects.ca_secrets(found, NS)
    assert secret["metadata"]["name"] == "mine-cacert"
    assert base64.b64decode(secret["data"]["ca.crt"]).decode() == PEM


@pytest.mark.parametrize(
    ("hosts", "routed"),
    [
        (["*.example.com", "www.example.com"], ["*.example.com"]),
        (["www.example.com", "example.com", "*.example.com"], ["example.com", "*.example.com"]),
        (["*.example.com", "*.a.example.com", "x.a.example.com"], ["*.example.com"]),
        (["*.example.com", "wwwexample.com", "*.example.org"], ["*.example.com", "wwwexample.com", "*.example.org"]),
    ],
)
@pytest.mark.parametrize("tls", [{"credential": "mine"}, {"mode": "PASSTHROUGH"}])
def test_no_virtual_service_has_a_host_beside_a_wildcard_that_has_it(hosts, routed, tls):
    route = {"service": "web.default", "port": 80}
    found = parse_sites([{"name": "app", "hosts": hosts, "tls": tls, "routes": [route]}])
    made = objects.virtual_services(found, "istio-ingress", "edge-http")
    assert [service["spec"]["hosts"] for service in made] == [routed, routed]
    assert made[0]["spec"].get("tls", [{"match": [{"sniHosts": routed}]}])[0]["match"][0]["sniHosts"] == routed
    assert objects.gateways(found, "istio-ingress", {})[0]["spec"]["servers"][0]["hosts"] == hosts


def test_everything_that_a_site_says_of_tls_gets_into_its_server():
    """Without the names of clients each certificate of the authority would be let in."""
    tls = {
        "mode": "MUTUAL",
        "ca_certificate": PEM,
        "min_version": "1.2",
        "max_version": "1.3",
        "cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
        "subject_alt_names": ["client.example.com", "spiffe://example.com/ns/a/sa/b"],
    }
    (gateway,) = objects.gateways(sites(tls=tls), NS, {}, port=8443)
    (server,) = gateway["spec"]["servers"]
    assert server["port"] == {"number": 8443, "name": "https", "protocol": "HTTPS"}
    assert server["tls"] == {
        "mode": "MUTUAL",
        "credentialName": "app",
        "minProtocolVersion": "TLSV1_2",
        "maxProtocolVersion": "TLSV1_3",
        "cipherSuites": tls["cipher_suites"],
        "subjectAltNames": tls["subject_alt_names"],
    }


def test_everything_that_a_site_says_of_its_certificate_gets_into_it():
    given = {"common_name": "app.example.com", "usages": ["server auth", "client auth"]}
    (found,) = objects.certificates(sites(certificate=given), NS, {}, {})
    assert (found["spec"]["commonName"], found["spec"]["usages"]) == ("app.example.com", given["usages"])
    assert found["spec"]["issuerRef"]["kind"] == "ClusterIssuer"
    (plain,) = objects.certificates(sites(), NS, {}, {})
    assert plain["spec"]["usages"] == ["digital signature", "key encipherment", "server auth"]
    assert plain["spec"].keys().isdisjoint({"commonName", "duration", "renewBefore"})


def test_a_secret_with_the_authority_is_made_only_for_one_that_is_given():
    (secret,) = objects.ca_secrets(sites(tls={"mode": "MUTUAL", "ca_certificate": PEM}), NS)
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"], secret["type"]) == ("app-cacert", NS, "Opaque")
    assert "spec" not in secret
    assert objects.ca_secrets(sites(), NS) == []
    assert objects.ca_secrets(own(credential="mine"), NS) == []
