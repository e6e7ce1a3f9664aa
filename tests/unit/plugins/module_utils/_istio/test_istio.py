# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure parts: names, Secrets, primers, Envoy's dumps (recorded on a lab)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._istio.config_dump import (
    held_secrets,
    listener_errors,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import (
    Credential,
    resource_name,
    secret_causes,
    secret_names,
    server_leaf,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OTHER_SERIAL, GatewayPod, Seen, gateway_pod, sentence
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primer import (
    DEADLINE,
    OWNER,
    choose_ports,
    is_for,
    is_stale,
    primer_gateway,
    service_ports,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.channel import FORWARD_FAILED, REFUSED, RESET, SERVED, Probe
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import TlsError
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

DUMP = json.loads((Path(__file__).parent / "recorded" / "secrets.json").read_text(encoding="utf-8"))
MUTUAL = Credential("app", ("app.example.com",), "MUTUAL")


def test_mutual_needs_two_secrets_and_simple_one():
    assert secret_names([Credential("a", ("h",)), Credential("b", ("h",), "MUTUAL")]) == ["a", "b", "b-cacert"]
    assert secret_names([Credential("x", ("h",), "OPTIONAL_MUTUAL", ("rsa", "ec"))]) == ["rsa", "ec", "rsa-cacert"]


def test_resource_names_are_kept_byte_for_byte():
    assert resource_name("app") == "kubernetes://app"
    assert resource_name("kubernetes://app") == "kubernetes://app"


def test_a_generic_pair_hides_that_of_cert_manager_as_in_istiod():
    secret = make.secret(extra={"cert": make.cert_pem(serial=7), "key": make.key_pem()})
    assert server_leaf(secret).serial == "7"
    assert server_leaf(make.secret(extra={"cert": make.cert_pem(serial=7)})).serial == "1001"


def test_a_foreign_key_names_its_pair():
    with pytest.raises(TlsError, match=r"private key in key does not belong to the certificate in cert"):
        server_leaf(make.secret(extra={"cert": make.cert_pem(), "key": make.key_pem("foreign")}))


@pytest.mark.parametrize(
    ("own", "extra", "count"),
    [
        ({}, None, 1),
        ({"extra": {"ca.crt": make.cert_pem()}}, None, 0),
        ({}, {"ca.crt": make.cert_pem()}, 0),
        ({}, {"cacert": make.cert_pem()}, 0),
        ({}, {"other": b"x"}, 1),
        ({}, {"ca.crt": b"no certificate"}, 1),
    ],
)
def test_the_authority_of_client_certificates(own, extra, count):
    secrets = {"app": make.secret(**own), "app-cacert": None}
    if extra is not None:
        secrets["app-cacert"] = make.secret("app-cacert", drop=("tls.crt", "tls.key"), extra=extra)
    assert len(secret_causes(MUTUAL, make.NS, secrets, NOW)) == count


@pytest.mark.parametrize("holder", ["clients-cacert", "clients"])
def test_the_authority_of_client_certificates_in_a_secret_of_its_own(holder):
    credential = Credential("app", ("app.example.com",), "MUTUAL", ca_credential_name="clients-cacert")
    assert secret_names([credential]) == ["app", "clients-cacert", "clients"]
    secrets = {"app": make.secret(), holder: make.secret(holder, drop=("tls.crt", "tls.key"), extra={"ca.crt": make.cert_pem()})}
    assert secret_causes(credential, make.NS, secrets, NOW) == []
    (cause,) = secret_causes(credential, make.NS, {"app": make.secret(extra={"ca.crt": make.cert_pem()})}, NOW)
    assert "Secret clients-cacert does not exist in namespace istio-ingress, and Secret clients has no ca.crt" in cause.text


def test_both_certificates_of_a_pair_are_looked_at():
    credential = Credential("pair", ("app.example.com",), credential_names=("rsa", "ec"))
    secrets = {"rsa": make.secret("rsa"), "ec": make.secret("ec", end=NOW - 5)}
    assert [f.text for f in secret_causes(credential, make.NS, secrets, NOW)] == [
        "Secret istio-ingress/ec: its certificate expired at " + make.stamp(NOW - 5) + "; have it renewed"
    ]


def test_a_certificate_of_tomorrow():
    found = secret_causes(Credential("app", ()), make.NS, {"app": make.secret(start=NOW + 50)}, NOW)
    assert "is not valid before" in found[0].text


def test_what_a_real_envoy_holds():
    found = {s.name: s for s in held_secrets(DUMP)}
    assert set(found) == {"kubernetes://app", "kubernetes://nowhere"}
    assert found["kubernetes://app"].state == "active"
    assert found["kubernetes://app"].leaf.dns_names == ["app.example.com"]
    assert found["kubernetes://nowhere"].state == "warming"
    assert found["kubernetes://nowhere"].leaf is None


def test_a_dump_filtered_by_resource_reads_the_same():
    active = DUMP["configs"][0]["dynamic_active_secrets"]
    configs = [dict(e, **{"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump.DynamicSecret"}) for e in active]
    assert [s.name for s in held_secrets({"configs": configs})] == ["kubernetes://app"]
    assert held_secrets({}) == []


def test_listeners():
    dump = {
        "configs": [
            {"name": "127.0.0.1_20001", "warming_state": {"x": 1}},
            {"name": "0.0.0.0_443", "active_state": {"x": 1}, "error_state": {"details": "KEY_VALUES_MISMATCH"}},
        ]
    }
    assert listener_errors(dump, 443) == ["KEY_VALUES_MISMATCH"]
    assert listener_errors(dump, 20001) == []


@settings(deadline=None)
@given(taken=st.sets(st.integers(20000, 29999), max_size=50), count=st.integers(0, 20), seed=st.integers())
def test_property_ports_are_free_and_differ(taken, count, seed):
    ports = choose_ports(count, taken, random.Random(seed))
    assert len(set(ports)) == count
    assert not set(ports) & taken
    assert all(20000 <= p <= 29999 for p in ports)


def test_no_free_ports():
    with pytest.raises(ValueError, match="3 ports are needed"):
        choose_ports(3, set(range(20000, 29998)), random.Random(0))


def test_every_number_that_a_service_names_is_taken():
    ports = [{"port": 80, "targetPort": 8080, "nodePort": 30080}, {"port": 443, "targetPort": "https"}]
    assert service_ports([{"spec": {"ports": ports}}, {"spec": {}}]) == {80, 8080, 30080, 443}


def test_a_primer_with_two_names_has_credential_names():
    credential = Credential("pair", ("h.example.com",), credential_names=("rsa", "ec"))
    gateway = primer_gateway("p", make.NS, {"istio": "ingress"}, [credential], [20000], NOW, NOW + 60, "me")
    assert gateway["spec"]["servers"][0]["tls"] == {"mode": "SIMPLE", "credentialNames": ["rsa", "ec"]}
    judging = Credential("app", ("h.example.com",), "MUTUAL", ca_credential_name="clients-cacert")
    (server,) = primer_gateway("p", make.NS, {}, [judging], [20000], NOW, NOW + 60, None)["spec"]["servers"]
    assert server["tls"] == {"mode": "MUTUAL", "credentialName": "app", "caCertCredentialName": "clients-cacert"}
    assert gateway["metadata"]["annotations"][DEADLINE] == make.stamp(NOW + 60)
    assert is_for(gateway, {"istio": "ingress"})
    assert not is_for(gateway, {"istio": "egress"})


def test_primers_get_stale_after_their_deadline_and_a_margin():
    gateway = primer_gateway("p", make.NS, {}, [], [], NOW, NOW + 60, "me")

    def lives(identity):
        return False

    assert not is_stale(gateway, NOW + 60, lives)
    assert not is_stale(gateway, NOW + 179, lives)
    assert is_stale(gateway, NOW + 181, lives)
    assert is_stale({"metadata": {}}, NOW, lives)


def test_primers_get_stale_at_once_when_their_process_is_gone():
    gateway = primer_gateway("p", make.NS, {}, [], [], NOW, NOW + 60, "me")
    assert is_stale(gateway, NOW, lambda identity: identity == "me")
    gateway["metadata"]["annotations"][OWNER] = ""
    assert not is_stale(gateway, NOW, lambda identity: identity == "me")


@pytest.mark.parametrize(
    ("status", "ready", "problem"),
    [
        ({"conditions": [make.condition("Ready", "True")]}, True, ""),
        ({"conditions": [make.condition("Ready", "False", message="no")]}, False, "no"),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "x"}}}]},
            False,
            "ErrImagePull: x",
        ),
        (
            {"containerStatuses": [{"name": "istio-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
            False,
            "CrashLoopBackOff: container istio-proxy",
        ),
        ({"conditions": [make.condition("PodScheduled", "True", message="yes")]}, False, "its phase is unknown"),
        ({"phase": "Pending"}, False, "its phase is Pending"),
    ],
)
def test_pods(status, ready, problem):
    pod = gateway_pod({"metadata": {"name": "p"}, "spec": {}, "status": status})
    assert (pod.ready, pod.problem, pod.service_account) == (ready, problem, "default")


def test_a_pod_that_is_being_deleted_is_not_ready():
    pod = {"metadata": {"name": "p", "deletionTimestamp": "x"}, "status": {"conditions": [make.condition("Ready", "True")]}}
    assert gateway_pod(pod).problem == "it is being deleted"


@pytest.mark.parametrize(
    ("state", "detail", "text"),
    [
        (REFUSED, "", "gateway pod p on n does not listen for a.b"),
        (RESET, "", "gateway pod p on n ends TLS connections for a.b without a certificate"),
        (OTHER_SERIAL, "it serves 1", "gateway pod p on n answers for a.b with another certificate: it serves 1"),
        (FORWARD_FAILED, "cut", "gateway pod p on n cannot be asked: cut"),
        ("", "", "gateway pod p on n has not been asked"),
    ],
)
def test_sentences(state, detail, text):
    seen = Seen(GatewayPod("p", "n", "sa", True), Credential("c", ("a.b",)), "a.b", state, None, detail)
    assert sentence(seen) == text
    assert sentence(seen, "more") == text + "; more"


@pytest.mark.parametrize("hosts", [("*",), ("*", "app.example.com")])
def test_a_certificate_need_not_cover_all_hosts(hosts):
    """A server for all hosts serves it for whatever name has no server of its own."""
    credential = Credential("app", hosts)
    assert secret_causes(credential, make.NS, {"app": make.secret()}, NOW) == []
    assert credential.server_names[0] == "edge-check.invalid"
    (cause,) = secret_causes(Credential("app", (*hosts, "b.example.com")), make.NS, {"app": make.secret()}, NOW)
    assert cause.text.endswith("is for app.example.com, not for b.example.com")


@pytest.mark.parametrize(
    ("expected", "state", "detail"), [(["1001"], SERVED, ""), (["5", "6"], OTHER_SERIAL, "5 or 6"), ([], OTHER_SERIAL, "none")]
)
def test_a_certificate_is_served_only_if_its_serial_is_known(expected, state, detail):
    certificate = x509.load_pem_x509_certificate(make.cert_pem()).public_bytes(serialization.Encoding.DER)
    seen = Seen(gateway_pod({}), Credential("app", ("app.example.com",)), "app.example.com")
    seen.take(Probe(SERVED, certificate), expected)
    assert (seen.state, seen.serial) == (state, "1001")
    assert seen.detail == (f"it serves serial 1001, the Secret holds {detail}" if detail else "")


def test_a_certificate_that_is_none_is_no_certificate():
    seen = Seen(gateway_pod({}), Credential("app", ("app.example.com",)), "app.example.com")
    seen.take(Probe(SERVED, b"x"), ["1001"])
    assert (seen.state, seen.serial) == (RESET, None)
