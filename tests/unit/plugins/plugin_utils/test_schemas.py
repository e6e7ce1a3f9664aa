# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests judged by the schemas of their CRDs, as the API server would, before anything is applied."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _schemas
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

PORT = {"number": 443, "name": "https", "protocol": "HTTPS"}
ROUTE = {"service": "web.default", "port": 3000}
TOKEN = {"apiTokenSecretRef": {"name": "cf", "key": "token"}}


def plan(*sites, **settings):
    return make_plan(list(sites), {"edge_addresses": ["192.0.2.1"], **settings})


def manifest(spec, **metadata):
    return {"metadata": {"name": "x", **metadata}, "spec": spec}


PLAIN = {"number": 80, "name": "http", "protocol": "HTTP"}


def gateway(**server):
    return {"gateway_gateways": [manifest({"servers": [{"port": PORT, "hosts": ["a.example.com"], **server}]})]}


def routes(**http):
    spec = {"hosts": ["a.example.com"], "http": [{"route": [{"destination": {"host": "web"}}], **http}]}
    return {"gateway_virtual_services": [manifest(spec)]}


def rule(**spec):
    return {"gateway_destination_rules": [manifest({"host": "web.default.svc.cluster.local", **spec})]}


def certificate(**spec):
    reference = {"name": "letsencrypt", "kind": "ClusterIssuer"}
    return {"certificate_certificates": [manifest({"secretName": "x", "dnsNames": ["a.example.com"], "issuerRef": reference, **spec})]}


def issuer(*solvers, **fields):
    return {"cert_manager_issuers": [{"name": "own", "server": "https://ca.example/dir", "solvers": list(solvers), **fields}]}


def raw_issuer(**spec):
    return {"cert_manager_issuers": [{"name": "own", "type": "raw", "spec": spec}]}


@pytest.mark.parametrize(
    ("settings", "telling"),
    [
        (gateway(port={"number": 443, "name": "https"}), ["gateway_gateways[0].spec: servers[0].port.protocol is missing"]),
        (gateway(port={**PORT, "number": "443"}), ["servers[0].port.number is '443'; it must be a whole number"]),
        (gateway(tls={"mode": "simple"}), ["servers[0].tls.mode is 'simple'; allowed: PASSTHROUGH, SIMPLE"]),
        (gateway(tls={"minProtocolVersion": "1.2"}), ["servers[0].tls.minProtocolVersion is '1.2'; allowed: TLS_AUTO"]),
        (gateway(tls={"credential_name": "x"}), ["servers[0].tls.credential_name is not known; did you mean 'credentialName'?"]),
        (gateway(tls={"credentialNames": ["a", "b", "c"]}), ["servers[0].tls.credentialNames has 3 entries; at most 2"]),
        (gateway(tls={"credentialName": "a", "credentialNames": ["b"]}), ["has credentialName and credentialNames; only one of"]),
        (gateway(hosts="a.example.com"), ["servers[0].hosts is 'a.example.com'; it must be a list"]),
        (gateway(hosts=[None]), ["servers[0].hosts[0] is empty"]),
        (gateway(tls={"httpsRedirect": "yes"}), ["servers[0].tls.httpsRedirect is 'yes'; it must be true or false"]),
        (routes(timeouts="5s"), ["gateway_virtual_services[0].spec: http[0].timeouts is not known; did you mean 'timeout'?"]),
        (routes(retries={"attempts": "3"}), ["http[0].retries.attempts is '3'; it must be a whole number"]),
        (routes(match=[{"uri": {"prefix": "/", "exact": "/"}}]), ["http[0].match[0].uri has exact and prefix; only one of"]),
        (routes(redirect={"redirectCode": -1}), ["http[0].redirect.redirectCode is -1; it must be at least 0"]),
        (rule(subsets=[{"labels": {"v": "1"}}]), ["gateway_destination_rules[0].spec: subsets[0].name is missing"]),
        (rule(trafficPolicy={"tls": {"mode": "TLS"}}), ["trafficPolicy.tls.mode is 'TLS'; allowed: DISABLE"]),
        (rule(trafficPolicy={"loadBalancer": {"simple": "RANDOMLY"}}), ["trafficPolicy.loadBalancer.simple is 'RANDOMLY'"]),
        (routes(timeout="0s"), ["http[0].timeout is '0s'; it must be a duration of at least 1ms, such as 30s, 5m or 2160h"]),
        (routes(retries={"perTryTimeout": "2 s"}), ["http[0].retries.perTryTimeout is '2 s'; it must be a duration of at least 1ms"]),
        (routes(corsPolicy={"maxAge": "1d"}), ["http[0].corsPolicy.maxAge is '1d'; it must be a duration of at least 1ms"]),
        (rule(trafficPolicy={"outlierDetection": {"interval": "5"}}), ["trafficPolicy.outlierDetection.interval is '5'; it must be"]),
        (rule(trafficPolicy={"connectionPool": {"tcp": {"connectTimeout": "100us"}}}), ["connectTimeout is '100us'; it must be"]),
        (rule(workloadSelector={"matchLabels": {"app*": "a"}}), ["workloadSelector.matchLabels has a key with '*'; a label is"]),
        (rule(workloadSelector={"matchLabels": {"app": "*"}}), ["workloadSelector.matchLabels.app is '*'; a label is compared"]),
        (rule(workloadSelector={"matchLabels": {"": "a"}}), ["workloadSelector.matchLabels has an empty key; each must be"]),
        (routes(directResponse={"status": 200, "body": {"bytes": "no base64"}}), ["body.bytes is 'no base64'; it must be base64"]),
        (raw_issuer(venafi={"zone": "a"}), ["spec.venafi has none of tpp, cloud, ngts; one of them must be given"]),
        (
            raw_issuer(
                venafi={"zone": "a", "cloud": {"apiTokenSecretRef": {"name": "t"}}, "tpp": {"url": "u", "credentialsRef": {"name": "c"}}}
            ),
            ["spec.venafi has tpp and cloud; only one of tpp, cloud, ngts is allowed"],
        ),
        (certificate(dnsName=["a.example.com"]), ["certificate_certificates[0].spec: dnsName is not known; did you mean 'dnsNames'?"]),
        (certificate(usages=["serverAuth"]), ["usages[0] is 'serverAuth'; allowed: signing"]),
        (certificate(privateKey={"algorithm": "EC"}), ["privateKey.algorithm is 'EC'; allowed: RSA, ECDSA, Ed25519"]),
        (certificate(privateKey={"rotationPolicy": "always"}), ["privateKey.rotationPolicy is 'always'; allowed: Never, Always"]),
        (certificate(isCA="no"), ["isCA is 'no'; it must be true or false"]),
        (certificate(duration=90), ["duration is 90; it must be text"]),
        (
            issuer({"http01": {"ingres": {}}}),
            ["cert_manager_issuers[0] (own): solvers[0].http01.ingres is not known; did you mean 'ingress'?"],
        ),
        (
            issuer({"dns01": {"cloudflare": {"apiTokenSecretRef": {"key": "t"}}}}),
            ["solvers[0].dns01.cloudflare.apiTokenSecretRef.name is miss"],
        ),
        (issuer({"dns01": {"cnameStrategy": "follow"}}), ["solvers[0].dns01.cnameStrategy is 'follow'; allowed: None, Follow"]),
        (
            issuer({"http01": {}, "selector": {"dnsZones": "example.com"}}),
            ["solvers[0].selector.dnsZones is 'example.com'; it must be a list"],
        ),
        (issuer({"http01": {}}, external_account={"keyID": "x"}), ["external_account.keySecretRef is missing"]),
        (raw_issuer(ca={"secret": "x"}), ["spec.ca.secretName is missing", "spec.ca.secret is not known"]),
        (raw_issuer(vault={"server": "https://v", "path": "p"}), ["spec.vault.auth is missing"]),
        (
            {"cert_manager_solvers": [{"http01": {"ingress": {"class": 5}}}]},
            ["cert_manager_solvers[0].http01.ingress.class is 5; it must be text"],
        ),
    ],
)
def test_manifests_that_the_api_server_would_refuse(settings, telling):
    found = plan(**settings)["findings"]
    assert [part for part in telling if not any(part in finding for finding in found)] == []
    assert len(found) == len(telling)


@pytest.mark.parametrize(
    ("fields", "telling"),
    [
        ({"headers": {"request": {"sets": {"a": "b"}}}}, "edge_sites[0].routes[0] (app): headers.request.sets is not known"),
        ({"headers": {"response": {"set": {"x": 1}}}}, "headers.response.set.x is 1; it must be text"),
        ({"retries": {"attempts": "three"}}, "retries.attempts is 'three'; it must be a whole number"),
        ({"timeout": "0s"}, "edge_sites[0].routes[0] (app): timeout is '0s'; it must be a duration of at least 1ms"),
        ({"retries": {"perTryTimeout": "0"}}, "retries.perTryTimeout is '0'; it must be a duration of at least 1ms"),
        ({"retries": {"perTryTimeout": 5}}, "retries.perTryTimeout is 5; it must be text"),
    ],
)
def test_what_a_site_hands_on_is_judged_too(fields, telling):
    (finding,) = plan({"name": "app", "hosts": ["a.example.com"], "issuer": "letsencrypt", "routes": [{**ROUTE, **fields}]})["findings"]
    assert telling in finding


@pytest.mark.parametrize(
    ("raw", "telling"),
    [
        ({"metadata": {"name": "x"}, "servers": []}, "gateway_gateways[0]: key 'servers' is not known in a manifest of kind Gateway"),
        (manifest({}, annotations={"a": True}), "gateway_gateways[0].metadata: annotations.a is True; it must be text"),
        (manifest({}, labels={"a": 1}), "gateway_gateways[0].metadata: labels.a is 1; it must be text"),
    ],
)
def test_what_is_around_a_spec(raw, telling):
    (finding,) = plan(gateway_gateways=[raw])["findings"]
    assert finding.startswith(telling)


AFFINITY = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}}


@pytest.mark.parametrize(
    "settings",
    [
        gateway(tls={"mode": "SIMPLE", "credentialName": "x", "minProtocolVersion": "TLSV1_2", "cipherSuites": ["AES128-SHA"]}),
        gateway(tls={"httpsRedirect": True}, port={"number": 80, "name": "http", "protocol": "HTTP"}),
        gateway(tls={"mode": "SIMPLE", "credentialNames": ["rsa", "ecdsa"]}),
        gateway(tls=None, name="first", bind="127.0.0.1", port=PLAIN),
        gateway(port={**PLAIN, "number": 80.0}),
        {
            "gateway_gateways": [
                {"apiVersion": "networking.istio.io/v1beta1", "kind": "Gateway", **gateway(port=PLAIN)["gateway_gateways"][0]}
            ]
        },
        routes(match=[{"uri": {"prefix": "/api"}, "headers": {"x": {"exact": "1"}}}], timeout="5s", retries={"attempts": 3}),
        routes(rewrite={"uri": "/"}, corsPolicy={"allowOrigins": [{"regex": ".*"}], "allowMethods": ["GET"], "maxAge": "24h"}),
        routes(fault={"delay": {"fixedDelay": "5s", "percentage": {"value": 0.1}}}, mirror={"host": "b"}),
        rule(subsets=[{"name": "v1", "labels": {"version": "v1"}}], trafficPolicy={"loadBalancer": {"simple": "LEAST_REQUEST"}}),
        rule(trafficPolicy={"loadBalancer": {"consistentHash": {"httpCookie": {"name": "u", "ttl": "0s"}}}}),
        rule(trafficPolicy={"connectionPool": {"tcp": {"maxConnections": 100}}, "outlierDetection": {"consecutive5xxErrors": 5}}),
        rule(trafficPolicy={"outlierDetection": {"interval": "1.5s", "baseEjectionTime": "1h30m"}}),
        rule(workloadSelector={"matchLabels": {"app.kubernetes.io/name": "a"}}),
        routes(timeout="1ms", retries={"attempts": 2, "perTryTimeout": ".5s"}),
        routes(route=None, directResponse={"status": 200, "body": {"bytes": "YQ==\n"}}),
        raw_issuer(venafi={"zone": "a", "cloud": {"apiTokenSecretRef": {"name": "t", "key": "k"}}}),
        certificate(privateKey={"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Always", "encoding": "PKCS8"}),
        certificate(usages=["server auth", "client auth"], subject={"organizations": ["Example"]}, duration="2160h", renewBefore="360h"),
        certificate(secretTemplate={"labels": {"a": "b"}, "annotations": {"c": "d"}}, revisionHistoryLimit=3),
        certificate(keystores={"pkcs12": {"create": True, "passwordSecretRef": {"name": "p", "key": "k"}}}),
        issuer({"http01": {"ingress": {"ingressClassName": "istio"}}}, {"dns01": {"cloudflare": TOKEN}, "selector": {"dnsZones": ["a.b"]}}),
        issuer({"http01": {"ingress": {"podTemplate": {"spec": {"nodeSelector": {"a": "b"}, "affinity": AFFINITY}}}}}),
        issuer({"dns01": {"webhook": {"groupName": "acme.example", "solverName": "x", "config": {"any": {"thing": [1, None]}}}}}),
        issuer({"dns01": {"rfc2136": {"nameserver": "192.0.2.53"}}}),
        issuer({"dns01": {"route53": {"region": "eu-central-1"}}}),
        issuer({"http01": {}}, external_account={"keyID": "x", "keySecretRef": {"name": "eab", "key": "secret"}}),
        raw_issuer(selfSigned={}),
        raw_issuer(ca={"secretName": "root"}),
        raw_issuer(vault={"server": "https://v", "path": "p", "auth": {"tokenSecretRef": {"name": "t", "key": "token"}}}),
        {"cert_manager_solvers": [{"http01": {"gatewayHTTPRoute": {"parentRefs": [{"name": "g", "namespace": "n", "kind": "Gateway"}]}}}]},
    ],
)
def test_manifests_as_people_write_them_pass(settings):
    assert plan(**settings)["findings"] == []


def test_of_another_version_only_types_are_judged():
    """Its fields and choices are not known here; what is refused might be new."""
    later = {**gateway(tls={"mode": "POST_QUANTUM", "newField": 1}), "istio_version": "1.40.0"}
    assert plan(**later)["findings"] == []
    assert len(plan(**{**later, "istio_version": "1.31.9"})["findings"]) == 2
    wrong = {**gateway(port={**PORT, "number": "443"}), "istio_version": "1.40.0"}
    assert plan(**wrong)["findings"] == ["gateway_gateways[0].spec: servers[0].port.number is '443'; it must be a whole number"]
    assert plan(**issuer({"dns02": {}, "http01": {}}), cert_manager_version="v1.30.0")["findings"] == []


def test_long_and_nested_values_are_not_repeated():
    (first, second) = _schemas.judge({"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}, {"a": {"s": "x"}, "b": "s" * 500})
    assert first == "a is a dictionary; it must be text"
    assert len(second) < 120
