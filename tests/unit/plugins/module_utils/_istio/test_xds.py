# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of xDS: against bytes that the documentation of protocol buffers gives, and against an answer of the lab's istiod."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._istio import control_plane, xds
from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.offers import judge, resource_names
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import GatewayPod, Seen, gateway_pod
from ansible_collections.baremesh.edge.plugins.module_utils._istio.protobuf import ProtobufError, decode, encode, inner, text
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import Offer
from ansible_collections.baremesh.edge.plugins.module_utils._tls import leaf_of_pem
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make

RECORDED = Path(__file__).parent / "recorded"
POD = GatewayPod("gw", "n", "ingress", ready=True, address="10.42.0.7", cluster="c1", version="1.31.1")


def recorded(name):
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def test_the_documented_bytes():
    assert encode([(1, 150)]) == bytes.fromhex("089601")
    assert encode([(2, "testing")]) == bytes.fromhex("120774657374696e67")
    assert encode([(3, encode([(1, 150)]))]) == bytes.fromhex("1a03089601")


def test_fields_of_other_kinds_are_passed_over():
    fixed = bytes.fromhex("0d01020304110102030405060708")
    assert decode(fixed + encode([(3, "x")]))[3] == [b"x"]


@pytest.mark.parametrize("data", ["08", "0896", "120774657374", "0b", "08" + "ff" * 11, "0d0102"])
def test_bytes_that_are_no_message(data):
    with pytest.raises(ProtobufError):
        decode(bytes.fromhex(data))


def test_numbers_are_no_text():
    with pytest.raises(ProtobufError, match="field 1 is a number"):
        text(decode(encode([(1, 5)])), 1)
    with pytest.raises(ProtobufError, match="field 1 is not text"):
        text(decode(encode([(1, b"\xff")])), 1)
    with pytest.raises(ProtobufError, match="negative"):
        encode([(1, -1)])


@given(st.lists(st.tuples(st.integers(1, 2**20), st.one_of(st.integers(0, 2**63 - 1), st.binary(max_size=300)))))
def test_property_what_was_encoded_is_decoded(fields):
    wanted = {}
    for number, value in fields:
        wanted.setdefault(number, []).append(value)
    assert decode(encode(fields)) == wanted


@given(st.binary(max_size=200))
def test_property_any_bytes_are_a_message_or_an_error(data):
    with contextlib.suppress(ProtobufError):
        xds.response(data)


def test_a_request_says_who_asks_for_what():
    asker = control_plane.node(POD, "istio-ingress", "probe-1")
    message = decode(xds.request(asker, ["kubernetes://app", "kubernetes://app-cacert"]))
    assert message[3] == [b"kubernetes://app", b"kubernetes://app-cacert"]
    assert text(message, 4) == xds.SECRET_TYPE
    assert 1 not in message
    assert 5 not in message
    sent = inner(message, 2)
    assert text(sent, 1) == "router~10.42.0.7~probe-1.istio-ingress~istio-ingress.svc.cluster.local"
    fields = {text(decode(e), 1): text(inner(decode(e), 2), 3) for e in inner(sent, 3)[1]}
    assert fields == {"NAMESPACE": "istio-ingress", "SERVICE_ACCOUNT": "ingress", "CLUSTER_ID": "c1", "ISTIO_VERSION": "1.31.1"}


def test_an_acknowledgement_has_version_and_nonce_and_no_node():
    message = decode(xds.request(None, ["a"], "v1", "n1"))
    assert (text(message, 1), text(message, 5)) == ("v1", "n1")
    assert 2 not in message


def test_an_answer_of_istiod():
    """Recorded on the lab; in place of the private key there are as many letters k."""
    data = base64.b64decode(recorded("discovery_response")["response"])
    assert b"k" * 200 in data
    found = xds.response(data)
    assert found.version
    assert found.nonce
    assert list(found.offers) == ["kubernetes://app"]
    assert leaf_of_pem(found.offers["kubernetes://app"].chain).dns_names == ["app.example.com"]
    # The key is in none of what was read.
    assert b"kkkk" not in found.offers["kubernetes://app"].chain + found.offers["kubernetes://app"].authority


def test_the_pod_says_whose_it_is():
    found = gateway_pod(recorded("gateway_pod"))
    assert (found.service_account, found.cluster, found.revision, found.version) == ("istio-ingress", "Kubernetes", "default", "1.31.1")
    assert found.address.startswith("10.42.")


def service(name, revision, port=15012, **labels):
    ports = [{"port": 443, "targetPort": 15017}, {"port": port, "targetPort": 15012}]
    return {
        "metadata": {"name": name, "labels": {"app": "istiod", "istio.io/rev": revision, **labels}},
        "spec": {"ports": ports, "selector": {"app": "istiod", "istio.io/rev": revision}},
    }


def test_the_istiod_of_the_lab():
    found = control_plane.choose(recorded("istiod_services"), "istio-system", "default")
    assert (found.server_name, found.selector, found.port) == ("istiod.istio-system.svc", "app=istiod,istio=pilot", 15012)


@pytest.mark.parametrize(("revision", "name"), [("canary", "istiod-canary"), ("default", "istiod")])
def test_the_istiod_of_a_revision(revision, name):
    tag = service("istiod-revision-tag-prod", "canary", **{"istio.io/tag": "prod"})
    found = control_plane.choose([service("istiod-canary", "canary"), service("istiod", "default"), tag], "istio-system", revision)
    assert found.server_name == f"{name}.istio-system.svc"


def test_the_only_istiod_is_taken_whatever_its_revision():
    assert control_plane.choose([service("istiod-1-31", "1-31")], "i", "").server_name == "istiod-1-31.i.svc"


@pytest.mark.parametrize(
    ("services", "there"), [([], "none"), ([service("a", "one"), service("b", "two")], "one, two"), ([service("a", "x", port=1)], "none")]
)
def test_no_istiod_of_that_revision(services, there):
    with pytest.raises(ValueError, match=f"no istiod Service of revision other, .* .it has: {there}.; is istio_namespace right"):
        control_plane.choose(services, "istio-system", "other")


def judged(credential, serials, **offers):
    seen = Seen(POD, credential, "")
    judge(seen, {f"kubernetes://{name.replace('_', '-')}": offer for name, offer in offers.items()}, serials)
    return seen.state, seen.serial, seen.detail


APP = Credential("app", ("app.example.com",))
MUTUAL = Credential("app", ("app.example.com",), "MUTUAL")
PAIR = Credential("pair", ("app.example.com",), credential_names=("rsa", "ec"))
CHAIN = Offer(chain=make.cert_pem())


def test_what_is_asked_for():
    assert resource_names([MUTUAL, APP, PAIR]) == ["kubernetes://app", "kubernetes://app-cacert", "kubernetes://rsa", "kubernetes://ec"]


def test_what_is_offered_is_compared():
    assert judged(APP, ["1001"], app=CHAIN) == ("offered", "1001", "")
    assert judged(APP, ["77"], app=CHAIN) == ("other_serial", "1001", "it sends serial 1001, the Secret holds 77")
    assert judged(APP, [], app=CHAIN)[2] == "it sends serial 1001, the Secret holds none that can be served"
    assert judged(APP, ["1001"]) == ("withheld", None, "istiod has not sent kubernetes://app")
    assert judged(APP, ["1001"], app=Offer(chain=b"x"))[0] == "withheld"
    assert judged(MUTUAL, ["1001"], app=CHAIN) == ("withheld", "1001", "istiod has not sent kubernetes://app-cacert")
    assert judged(MUTUAL, ["1001"], app=CHAIN, app_cacert=Offer(authority=b"x")) == ("offered", "1001", "")
    assert judged(PAIR, ["1001"], rsa=CHAIN) == ("withheld", "1001", "istiod has not sent kubernetes://ec")
    assert judged(PAIR, ["1001"], rsa=CHAIN, ec=CHAIN)[0] == "offered"
