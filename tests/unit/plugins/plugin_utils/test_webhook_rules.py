# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

HTTPS = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["app.example.com"]}
TO = {"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]}


def findings(variable, spec):
    return site_plan([], {"edge_email": "o@example.com", variable: [{"metadata": {"name": "x"}, "spec": spec}]})["findings"]


def certificate(**spec):
    own = {"secretName": "x", "issuerRef": {"name": "own", "kind": "ClusterIssuer"}, "dnsNames": ["app.example.com"]}
    return "certificate_certificates", {**own, **spec}


def gateway(hosts=("app.example.com",), **tls):
    return "gateway_gateways", {"selector": {"istio": "ingress"}, "servers": [{**HTTPS, "hosts": list(hosts), "tls": tls}]}


def routes(*http, hosts=("app.example.com",)):
    return "gateway_virtual_services", {"hosts": list(hosts), "http": list(http)}


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
        routes({"delegate": {"name": "team", "namespace": "team"}}, hosts=["*"]),
        routes({"directResponse": {"status": 503}}, hosts=["192.0.2.1", "2001:db8::1", "web"]),
    ],
)
def test_what_no_webhook_refuses_passes(manifest):
    assert findings(*manifest) == []
