# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that users bring as files."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._provided import mesh_authority, provided_certificates
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make

NS = "istio-ingress"
TEAM = {"name": "team-b", "namespace": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}
KEY = make.key_pem().decode()


def pem(*names, **options):
    return make.cert_pem(names=names or ("app.example.com",), **options).decode()


def site(name="app", hosts=("app.example.com",), credential="mine", **more):
    return {
        "name": name,
        "hosts": list(hosts),
        "tls": {"credential": credential},
        "routes": [{"service": "web.default", "port": 80}],
        **more,
    }


def provided(*entries, sites=None, **settings):
    plan = make_plan(sites or [site()], {"edge_addresses": ["192.0.2.1"], **settings})
    assert plan["findings"] == []
    return provided_certificates(list(entries), plan, make.NOW)


def entry(**changed):
    return {"name": "mine", "certificate": pem(), "private_key": KEY, **changed}


def test_a_certificate_becomes_a_secret_beside_the_gateway():
    result = provided(entry())
    assert result["findings"] == []
    (secret,) = result["objects"]
    assert (secret["type"], secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("kubernetes.io/tls", "mine", NS)
    assert secret["stringData"] == {"tls.crt": pem().strip() + "\n", "tls.key": KEY.strip() + "\n"}
    assert result["kept"] == [{"kind": "Secret", "metadata": {"name": "mine", "namespace": NS}}]


def test_each_gateway_that_serves_it_gets_one():
    sites = [site(), site("shop", ["shop.example.com"], gateway="team-b"), site("else", ["x.example.com"], "theirs")]
    given = entry(certificate=pem("*.example.com"))
    objects = provided(given, sites=sites, edge_gateways=[TEAM])["objects"]
    assert [each["metadata"]["namespace"] for each in objects] == [NS, "team-b"]


@pytest.mark.parametrize(
    ("names", "hosts"), [(["*.example.com"], ["*.example.com", "a.example.com"]), (["App.Example.com"], ["app.example.com"])]
)
def test_names_that_are_covered(names, hosts):
    assert provided(entry(certificate=pem(*names)), sites=[site(hosts=hosts)])["findings"] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"certificate": ""}, "certificate is missing"),
        ({"private_key": None}, "private_key is missing"),
        ({"certificate": "/etc/ssl/app.pem"}, "certificate is not PEM; give the contents of the file, not its path"),
        ({"private_key": {"a": "canary"}}, "private_key is not PEM"),
        ({"certificate": KEY}, "certificate has no certificate in PEM"),
        ({"certificate": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"}, "certificate cannot be read"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----"}, "private_key: its private key cannot be parsed"),
        ({"private_key": make.key_pem("foreign").decode()}, "private_key does not belong to the first certificate: it is of another one"),
        ({"certificate": pem(key="foreign") + pem()}, "it is of a later certificate in the chain"),
        ({"certificate": pem(end=make.NOW - 60)}, "certificate ended at "),
        ({"certificate": pem("other.example.com")}, "certificate is for other.example.com, and not for app.example.com"),
        ({"name": "theirs"}, "is of no site; name it as tls.credential"),
        ({"key": "x"}, "key"),
    ],
)
def test_what_clients_would_not_take_is_a_finding_without_a_value(changed, said):
    result = provided(entry(**changed))
    assert result["objects"] == []
    assert len(result["findings"]) == 1, result["findings"]
    assert said in result["findings"][0]
    assert "canary" not in result["findings"][0]


def test_a_wildcard_does_not_cover_two_labels():
    (finding,) = provided(entry(certificate=pem("*.example.com")), sites=[site(hosts=["a.b.example.com"])])["findings"]
    assert "not for a.b.example.com" in finding


def test_a_name_that_cert_manager_uses_or_that_is_twice():
    issuers = {"cert_manager_issuers": [{"name": "lab", "type": "selfsigned"}]}
    issued = {"name": "app", "hosts": ["app.example.com"], "issuer": "lab", "routes": [{"service": "web.default", "port": 80}]}
    (finding,) = provided(entry(name="app"), sites=[issued], **issuers)["findings"]
    assert "is that of a Certificate that cert-manager writes" in finding
    (finding,) = provided(entry(), entry())["findings"]
    assert "name is already that of another one" in finding


def test_where_the_plan_is_wrong_only_that_is_said():
    assert provided_certificates([entry()], make_plan([site(hosts=["no_name"])], {}), make.NOW)["findings"] == []


def authority(name, issuer, key, signer, **options):
    return make.cert_pem(names=(name,), issuer=issuer, key=key, signer=signer, authority=True, **options).decode().strip() + "\n"


ROOT = authority("root", "root", "root", "root")
MIDDLE = authority("middle", "root", "middle", "root")
LAST = authority("last", "middle", "leaf", "middle")
MESH = {"certificate": MIDDLE, "private_key": make.key_pem("middle").decode(), "root_certificate": ROOT}


def mesh(**changed):
    return mesh_authority({**MESH, **changed}, "istio-system", make.NOW)


def test_istiod_gets_the_secret_that_it_reads():
    found = mesh()
    (secret,) = found["objects"]
    assert (found["findings"], secret["metadata"]["namespace"], secret["metadata"]["name"]) == ([], "istio-system", "cacerts")
    assert secret["stringData"] == {
        "ca-cert.pem": MIDDLE,
        "ca-key.pem": MESH["private_key"].strip() + "\n",
        "root-cert.pem": ROOT,
        "cert-chain.pem": MIDDLE + ROOT,
    }


def test_a_chain_may_be_longer_and_end_with_the_root():
    (secret,) = mesh(certificate=LAST + MIDDLE + ROOT, private_key=KEY)["objects"]
    assert (secret["stringData"]["ca-cert.pem"], secret["stringData"]["cert-chain.pem"]) == (LAST, LAST + MIDDLE + ROOT)


def test_the_root_itself_may_sign():
    (secret,) = mesh(certificate=ROOT, private_key=make.key_pem("root").decode())["objects"]
    assert secret["stringData"]["cert-chain.pem"] == ROOT


def test_the_digest_changes_with_the_certificates():
    assert mesh()["digest"] != mesh(certificate=LAST + MIDDLE, private_key=KEY)["digest"]
    assert mesh_authority({}, "istio-system") == {"objects": [], "digest": "", "findings": []}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"certificate": "/root/ca.pem"}, "certificate is not PEM; give the contents of the file, not its path"),
        ({"private_key": None}, "private_key is missing"),
        ({"name": "x"}, "key 'name' is not known"),
        ({"private_key": KEY}, "private_key does not belong to the first certificate"),
        ({"certificate": pem(), "private_key": KEY}, "the certificate of CN=app.example.com is none of an authority"),
        ({"root_certificate": LAST}, "the certificate of CN=middle is not signed by that of CN=last"),
        ({"certificate": LAST, "private_key": KEY}, "the certificate of CN=last is not signed by that of CN=root"),
        ({"certificate": authority("middle", "root", "middle", "peer")}, "the certificate of CN=middle is not signed by that of CN=root"),
        ({"root_certificate": ROOT + MIDDLE}, "root_certificate must be one certificate"),
        ({"certificate": authority("middle", "root", "middle", "root", end=make.NOW - 1)}, "certificate ended at"),
        ({"root_certificate": authority("root", "root", "root", "root", end=make.NOW - 1)}, "root_certificate ended at"),
        ({"certificate": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"}, "certificate cannot be read"),
        (
            {"root_certificate": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"},
            "certificate or root_certificate cannot be read",
        ),
    ],
)
def test_an_authority_that_no_pod_would_believe_is_named(changed, said):
    found = mesh(**changed)
    assert (found["objects"], found["digest"]) == ([], "")
    (text,) = found["findings"]
    assert text.startswith(f"istio_authority: {said}"), text
    assert "PRIVATE KEY" not in text
