# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait that asks istiod what it would send: it makes nothing, keeps no key, and never says that something is served."""

from __future__ import annotations

import base64
import json

from conftest import NAMESPACE
from pairs import make_pair
from waits import first_line


def test_both_secrets_of_a_mutual_credential(credential, secret, wait, cluster):
    given, pair = credential
    authority = make_pair("clients.example.com")
    secret(f"{given['name']}-cacert", authority, entries={"ca.crt": authority.certificate})
    found = wait(given | {"mode": "MUTUAL"}, method="xds").result()
    assert not found.get("failed"), found["msg"]
    assert found["msg"] == "istiod will serve 1 credentials to 1 gateway pods; whether their Envoys serve them was not asked"
    assert [(each["state"], each["serial"], each["sni"]) for each in found["pods"]] == [("offered", pair.serial, "")]
    assert (found["method"], found["offered"], found["served"]) == ("xds", True, False)
    said = json.dumps(found)
    assert "PRIVATE" not in said
    assert base64.b64encode(pair.key)[:64].decode() not in said
    assert cluster.primers() == []


def test_what_istiod_does_not_look_at_is_looked_at_here(name, secret, wait):
    """istiod would send it, and Envoy refuse it."""
    secret(name, make_pair(f"{name}.example.com"), key=make_pair("other.example.com").key)
    found = wait({"name": name, "hosts": [f"{name}.example.com"]}, method="xds").result()
    assert found["elapsed"] < 10
    text = f"Credential {name} cannot be served: Secret {NAMESPACE}/{name}: the private key in tls.key does not belong to the certificate"
    assert first_line(found).startswith(text)


def test_another_namespace_for_istiod(credential, wait):
    given, _ = credential
    found = wait(given, method="xds", istio_namespace="default").result()
    assert found["elapsed"] < 10
    assert first_line(found) == (
        f"Credential {given['name']} is not offered by istiod: namespace default has no istiod Service of revision default, "
        "which the gateway pods belong to (it has: none); is istio_namespace right?"
    )
