# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import issuer, solver

HTTPS = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["app.example.com"]}
CERTIFICATE = {"mode": "SIMPLE", "credentialName": "x"}
TO = {"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]}


def to(host, **fields):
    return {"destination": {"host": host}, **fields}


def findings(variable, spec):
    return make_plan([], {"edge_email": "o@example.com", variable: [{"metadata": {"name": "x"}, "spec": spec}]})["findings"]


def certificate(**spec):
    own = {"secretName": "x", "issuerRef": {"name": "own", "kind": "ClusterIssuer"}, "dnsNames": ["app.example.com"]}
    return "certificate_certificates", {**own, **spec}


def gateway(hosts=("app.example.com",), **tls):
    return "gateway_gateways", {"selector": {"istio": "ingress"}, "servers": [{**HTTPS, "hosts": list(hosts), "tls": tls}]}


def server(tls=None, name="https", protocol="HTTPS", number=443, hosts=("app.example.com",), **fields):
    found = {"port": {"number": number, "name": name, "protocol": protocol}, "hosts": list(hosts), **fields}
    return found if tls is None else {**found, "tls": tls}


def servers(*given):
    return "gateway_gateways", {"selector": {"istio": "ingress"}, "servers": list(given)}


def routes(*http, hosts=("app.example.com",), **spec):
    found = {"hosts": list(hosts), "http": list(http), **spec}
    return "gateway_virtual_services", {key: value for key, value in found.items() if value}


def sni(*names, hosts=("app.example.com",), **route):
    return "gateway_virtual_services", {"hosts": list(hosts), "tls": [{"match": [{"port": 443, "sniHosts": list(names)}], **route}]}


def rule(**spec):
    return "gateway_destination_rules", {"host": "web.default.svc.cluster.local", **spec}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (certificate(dnsNames=[]), "it has no name; one of commonName, literalSubject, dnsNames"),
        (certificate(literalSubject="CN=a", commonName="app.example.com"), "commonName is given beside literalSubject; remove one"),
        (certificate(literalSubject="CN=a", subject={"countries": ["DE"]}), "subject is given beside literalSubject; remove one"),
        (certificate(ipAddresses=["192.0.2"]), "ipAddresses has '192.0.2'; it must be an IP address"),
        (certificate(ipAddresses=["192.0.2.0/24"]), "ipAddresses has '192.0.2.0/24'; it must be an IP address"),
        (certificate(secretName="App"), "secretName is 'App'; it must have lower case letters"),
        (certificate(secretName="app_tls"), "secretName is 'app_tls'; it must have lower case letters"),
        (certificate(renewBefore="360h", renewBeforePercentage=30), "renewBefore and renewBeforePercentage are given; only one"),
        (certificate(renewBeforePercentage=100), "renewBeforePercentage is 100; it must be from 1 to 99"),
        (certificate(revisionHistoryLimit=0), "revisionHistoryLimit is 0; it must be from 1 to"),
        (certificate(issuerRef={"name": "own", "kind": "Clusterissuer"}), "issuerRef.kind is 'Clusterissuer'; allowed: Issuer, Cluster"),
        (gateway(mode="SIMPLE"), "servers[0].tls.mode is SIMPLE, and no certificate is named"),
        (gateway(mode="MUTUAL", caCertificates="/ca.crt"), "servers[0].tls.mode is MUTUAL, and no certificate is named"),
        (
            gateway(mode="SIMPLE", credentialName="x", minProtocolVersion="TLSV1_3", maxProtocolVersion="TLSV1_2"),
            "servers[0].tls.minProtocolVersion is TLSV1_3 and maxProtocolVersion TLSV1_2; no version is left",
        ),
        (gateway(["https://app.example.com"], mode="PASSTHROUGH"), "servers[0].hosts has 'https://app.example.com'; it must be a DNS name"),
        (gateway(["app.example.com:443"], mode="PASSTHROUGH"), "servers[0].hosts has 'app.example.com:443'; it must be a DNS name"),
        (routes(TO, hosts=["https://app.example.com"]), "hosts has 'https://app.example.com'; it must be a name"),
        (routes({**TO, "redirect": {"uri": "/x"}}), "http[0] has route and redirect; only one of route, redirect"),
        (routes({**TO, "directResponse": {"status": 503}}), "http[0] has route and directResponse; only one of"),
        (servers(), "servers is missing or empty"),
        (servers(server()), "servers[0].port.protocol is HTTPS, and tls is missing; give tls.mode and tls.credentialName"),
        (servers(server(CERTIFICATE, protocol="SSL")), "servers[0].port.protocol is 'SSL'; allowed: HTTPS, TLS, HTTP"),
        (servers(server(CERTIFICATE, protocol="HTTP", number=80)), "servers[0].port.protocol is HTTP, which has no TLS; write HTTPS"),
        (servers(server(CERTIFICATE, protocol="MONGO")), "servers[0].port.protocol is MONGO, which has no TLS; write HTTPS"),
        (servers(server({"credentialName": "x"})), "servers[0].tls has credentialName and no mode, so that TLS passes; write mode: SIMPLE"),
        (servers(server({"mode": "ISTIO_MUTUAL", "credentialName": "x"})), "servers[0].tls has credentialName and mode ISTIO_MUTUAL"),
        (
            servers(server({"mode": "SIMPLE", "serverCertificate": "/a"})),
            "servers[0].tls.serverCertificate is given without privateKey",
        ),
        (servers(server({**CERTIFICATE, "credentialName": "web/x"})), "servers[0].tls.credentialName is 'web/x'; Secrets are those of"),
        (servers(server(CERTIFICATE, number=0)), "servers[0].port.number is 0; it must be a number from 1 to 65535"),
        (servers(server(CERTIFICATE, number=70000)), "servers[0].port.number is 70000; it must be a number from 1 to 65535"),
        (servers(server(CERTIFICATE, bind="localhost")), "servers[0].bind is 'localhost'; it must be an IP address or unix://PATH"),
        (servers(server(CERTIFICATE, hosts=[])), "servers[0].hosts is empty"),
        (servers(server(CERTIFICATE, hosts=["a.*.com"])), "servers[0].hosts has 'a.*.com'; it must be a DNS name"),
        (servers(server(CERTIFICATE, hosts=["192.0.2.1"])), "servers[0].hosts has '192.0.2.1'; an address is not a host name"),
        (
            servers(server(CERTIFICATE, hosts=["web/a.example.com."])),
            "servers[0].hosts has 'web/a.example.com.'; write 'web/a.example.com'",
        ),
        (
            servers(server(CERTIFICATE), server(CERTIFICATE, hosts=["b.example.com"])),
            "servers has the port name 'https' 2 times; each port has a name of its own",
        ),
        (
            servers(server(CERTIFICATE), server(CERTIFICATE, name="again")),
            "servers has host 'app.example.com' 2 times on port 443; write it once",
        ),
        (routes(TO, hosts=["app.example.com:443"]), "hosts has 'app.example.com:443'; it must be a name"),
        (routes(TO, hosts=["a.*.com"]), "hosts has 'a.*.com'; it must be a name"),
        (routes(TO, hosts=["a.b", "a.b"]), "hosts has 'a.b' and 'a.b', which have names in common; remove one"),
        (routes(TO, hosts=["www.a.b", "*.a.b"]), "hosts has 'www.a.b' and '*.a.b', which have names in common; remove one"),
        (routes(TO, hosts=["*"]), "hosts has '*', and its routes are for the mesh too; give gateways without mesh"),
        (routes(TO, hosts=["*"], gateways=["mesh", "edge"]), "hosts has '*', and its routes are for the mesh too"),
        (routes(TO, hosts=[], gateways=["edge"]), "hosts is missing or empty; only a delegate has none"),
        (routes(gateways=["edge"]), "it has no routes; one of http, tls, tcp must be given"),
        (routes({"match": [{"uri": {"prefix": "/a"}}]}), "http[0] does nothing with its requests; one of route, redirect"),
        (routes({"rewrite": {"uri": "/a"}, "route": []}), "http[0] does nothing with its requests; one of route, redirect"),
        (routes({"route": [to("http://web")]}), "http[0].route[0].destination.host is 'http://web'; it must be the name of a Service"),
        (routes({"route": [to("web.default:80")]}), "http[0].route[0].destination.host is 'web.default:80'; it must be the name"),
        (routes({"route": [to("a", weight=0), to("b", weight=0)]}), "http[0].route has the weights 0, 0; none may be negative"),
        (routes({"route": [to("a", weight=-1), to("b", weight=2)]}), "http[0].route has the weights -1, 2; none may be negative"),
        (routes({"redirect": {}}), "http[0].redirect leads to the same place; give uri, authority, scheme or port"),
        (routes({"redirect": {"uri": "/a", "redirectCode": 200}}), "http[0].redirect.redirectCode is 200; it must be from 300 to 399"),
        (routes({"directResponse": {"status": 999}}), "http[0].directResponse.status is 999; it must be from 200 to 599"),
        (routes({**TO, "retries": {"attempts": -1}}), "http[0].retries.attempts is -1; it must be from 0 to"),
        (
            routes({**TO, "fault": {"abort": {"httpStatus": 500, "percentage": {"value": 150}}}}),
            "http[0].fault.abort.percentage.value is 150; it must be from 0 to 100",
        ),
        (
            routes({**TO, "rewrite": {"uri": "/a", "uriRegexRewrite": {"match": "a", "rewrite": "b"}}}),
            "http[0].rewrite has uri and uriRegexRewrite; only one of them",
        ),
        (routes(TO, exportTo=["*", "web"]), "exportTo has '*' beside others; write '*' alone"),
        (sni("b.example.com", **TO), "tls[0].match has the SNI host 'b.example.com', which hosts does not have; add it there"),
        (sni("app.example.com"), "tls[0].route is missing; name a destination"),
        (rule(host="web:80"), "host is 'web:80'; it must be the name of a Service"),
        (rule(subsets=[{"name": "a"}, {"name": "a"}]), "subsets has the name 'a' 2 times; each subset has a name of its own"),
        (rule(trafficPolicy={"tls": {"mode": "MUTUAL"}}), "trafficPolicy.tls.mode is MUTUAL, and no client certificate is named"),
        (
            rule(subsets=[{"name": "a", "trafficPolicy": {"tls": {"mode": "MUTUAL", "clientCertificate": "/a.crt"}}}]),
            "subsets[0].trafficPolicy.tls.mode is MUTUAL, and no client certificate is named",
        ),
    ],
)
def test_what_a_webhook_refuses_is_said_before_there_is_one(manifest, said):
    (found,) = findings(*manifest)
    assert found.startswith(f"{manifest[0]}[0].spec: {said}")


@pytest.mark.parametrize(
    "manifest",
    [
        certificate(dnsNames=[], ipAddresses=["192.0.2.1", "2001:DB8::1"], secretName="app.tls-2"),
        certificate(dnsNames=[], uris=["spiffe://cluster.local/ns/a/sa/b"], revisionHistoryLimit=1, renewBeforePercentage=33),
        certificate(dnsNames=[], literalSubject="CN=app,O=Example"),
        certificate(dnsNames=["*.Example.com", "localhost", "a_b.example.com"]),
        certificate(issuerRef={"name": "pca", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}),
        gateway(mode="SIMPLE", credentialNames=["rsa", "ecdsa"], minProtocolVersion="TLSV1_2", maxProtocolVersion="TLSV1_3"),
        gateway(["*/app.example.com", "./b.example.com", "~/c.example.com", "*"], mode="SIMPLE", credentialName="x"),
        gateway(["*.example.com"], mode="SIMPLE", serverCertificate="/a.crt", privateKey="/a.key", minProtocolVersion="TLS_AUTO"),
        gateway(mode="ISTIO_MUTUAL"),
        gateway(mode="AUTO_PASSTHROUGH"),
        routes({"delegate": {"name": "team", "namespace": "team"}}, hosts=["*"], gateways=["edge"]),
        routes({"directResponse": {"status": 503}}, hosts=["192.0.2.1", "2001:db8::1", "web"]),
        servers(server({"httpsRedirect": True}, name="http", protocol="HTTP", number=80, hosts=["*"]), server(CERTIFICATE)),
        servers(server({"mode": "PASSTHROUGH"}, protocol="tls"), server(CERTIFICATE, name="own", hosts=["b.example.com"])),
        servers(server(name="tcp", protocol="TCP", number=3306, hosts=["*"]), server(name="grpc", protocol="GRPC-Web", number=8080)),
        servers(server({**CERTIFICATE, "credentialName": "kubernetes://x"}, bind="127.0.0.1"), server(CERTIFICATE, "b", number=8443)),
        servers(server(CERTIFICATE), server({**CERTIFICATE, "mode": "MUTUAL"}, "web", hosts=["web/*.example.com"])),
        # Names without TLS may have several servers.
        servers(server(name="a", protocol="HTTP", number=80), server(name="b", protocol="HTTP", number=80)),
        routes(TO, gateways=["edge", "mesh"], exportTo=["."]),
        routes(TO, hosts=["a.example.com", "b.example.com", "*.example.org", "example.org"], gateways=["web/edge"]),
        routes({"route": [to("a", weight=90), to("b.default", weight=10)]}),
        routes({"redirect": {"port": 8443, "redirectCode": 308}, "match": [{"port": 80}]}, {"redirect": {"scheme": "https"}}),
        routes({**TO, "retries": {"attempts": 0}, "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 0.1}}}}),
        # A delegate has neither hosts nor gateways.
        routes(TO, hosts=[]),
        sni("b.example.com", "*.example.com", hosts=["*.example.com"], **TO),
        ("gateway_virtual_services", {"hosts": ["*"], "gateways": ["edge"], "tcp": [{"match": [{"port": 3306}], **TO}]}),
        rule(trafficPolicy={"tls": {"mode": "MUTUAL", "credentialName": "x"}}, subsets=[{"name": "a"}, {"name": "b"}]),
        rule(host="*.example.com", trafficPolicy={"tls": {"mode": "MUTUAL", "clientCertificate": "/a", "privateKey": "/b"}}),
    ],
)
def test_what_no_webhook_refuses_passes(manifest):
    assert findings(*manifest) == []


REFERENCE = {"name": "dns", "key": "token"}
AZURE = {"subscriptionID": "a", "resourceGroupName": "b"}
LOGIN = {"clientID": "c", "clientSecretSecretRef": REFERENCE, "tenantID": "t"}


def dns01(**providers):
    return {"dns01": providers}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"http01": {}, "dns01": {"cloudflare": {"apiTokenSecretRef": REFERENCE}}},
            " has http01 and dns01; cert-manager takes one",
        ),
        ({"http01": {"ingress": {}, "gatewayHTTPRoute": {}}}, ".http01 has ingress and gatewayHTTPRoute; only one of them is allowed"),
        (
            {"http01": {"ingress": {"ingressClassName": "istio", "name": "x"}}},
            ".http01.ingress has ingressClassName and name; only one of them is allowed",
        ),
        (
            {"http01": {"ingress": {"serviceType": "LoadBalancer"}}},
            ".http01.ingress.serviceType is 'LoadBalancer'; allowed: ",
        ),
        (
            dns01(),
            ".dns01 has no provider; it takes one of acmeDNS, akamai, azureDNS, cloudDNS, cloudflare, digitalocean, rfc2136, route53, web",
        ),
        (dns01(cnameStrategy="Follow"), ".dns01 has no provider; it takes one of"),
        (dns01(route53={}, digitalocean={"tokenSecretRef": REFERENCE}), ".dns01 has route53 and digitalocean; it takes one of"),
        (dns01(cloudflare={}), ".dns01.cloudflare has no token; give apiTokenSecretRef, or apiKeySecretRef with email"),
        (
            dns01(cloudflare={"apiTokenSecretRef": REFERENCE, "apiKeySecretRef": REFERENCE, "email": "a@b"}),
            ".dns01.cloudflare has apiTokenSecretRef and apiKeySecretRef; give apiTokenSecretRef",
        ),
        (dns01(cloudflare={"apiKeySecretRef": REFERENCE}), ".dns01.cloudflare has apiKeySecretRef without email; give it"),
        (dns01(rfc2136={}), ".dns01.rfc2136 has no nameserver; give its address, such as 192.0.2.53:53"),
        (dns01(rfc2136={"nameserver": "a", "tsigAlgorithm": "SHA1"}), ".dns01.rfc2136 has the tsigAlgorithm 'SHA1'; allowed: HMACMD5"),
        (dns01(rfc2136={"nameserver": "a", "tsigKeyName": "k"}), ".dns01.rfc2136 has one of tsigKeyName and tsigSecretSecretRef"),
        (dns01(rfc2136={"nameserver": "a", "tsigSecretSecretRef": REFERENCE}), ".dns01.rfc2136 has one of tsigKeyName and"),
        (dns01(azureDNS={**AZURE, "clientID": "c"}), ".dns01.azureDNS has clientID; give all of clientID, clientSecretSecretRef, tenantID"),
        (
            dns01(azureDNS={**AZURE, **LOGIN, "managedIdentity": {"clientID": "c"}}),
            ".dns01.azureDNS has clientID, clientSecretSecretRef, tenantID; give all of",
        ),
        (dns01(azureDNS={"resourceGroupName": "b"}), ".dns01.azureDNS has no subscriptionID; it is needed"),
        (dns01(azureDNS={"subscriptionID": "b"}), ".dns01.azureDNS has no resourceGroupName; it is needed"),
    ],
)
def test_what_cert_manager_refuses_of_a_solver(spec, said):
    (found,) = solver(spec)
    assert found.startswith(said)
    assert "cnameStrategy" not in found
    assert list(issuer({"acme": {"solvers": [{"http01": {}}, spec]}})) == [f".acme.solvers[1]{found}"]


@pytest.mark.parametrize(
    "spec",
    [
        {"http01": {"ingress": {"ingressClassName": "istio", "serviceType": "NodePort"}}},
        {"http01": {"gatewayHTTPRoute": {"parentRefs": []}}},
        {"http01": "x"},
        dns01(cnameStrategy="Follow", cloudflare={"apiTokenSecretRef": REFERENCE}),
        dns01(cloudflare={"apiKeySecretRef": REFERENCE, "email": "a@b"}, route53=None),
        dns01(rfc2136={"nameserver": "a", "tsigKeyName": "k", "tsigSecretSecretRef": REFERENCE, "tsigAlgorithm": "hmacsha512"}),
        dns01(rfc2136={"nameserver": "a"}),
        dns01(azureDNS={**AZURE, **LOGIN}),
        dns01(azureDNS={**AZURE, "managedIdentity": {"clientID": "c"}}),
        dns01(azureDNS=AZURE),
    ],
)
def test_what_cert_manager_takes_of_a_solver(spec):
    assert list(solver(spec)) == []


def test_an_issuer_is_one_of_its_kinds():
    assert list(issuer({"selfSigned": {}, "ca": {"secretName": "x"}, "vault": None})) == [
        " has ca and selfSigned; an issuer is one of them"
    ]
    assert list(issuer({"selfSigned": {}})) == []
