# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a Secret in another namespace. The lab has no controller that makes them; the tests do it in its place."""

from __future__ import annotations

import json

import pytest
import runs
from pods import apply, kubectl, watch

PARTS = ("--tags", "cert_manager,certificate")
SITE = {
    "name": "copied",
    "hosts": ["copied.example.com"],
    "issuer": "own",
    "certificate": {"copies": {"namespaces": ["default"], "by": "reflector"}},
    "routes": [{"service": "web.default", "port": 3000}],
}
GIVEN = {"cert_manager_issuers": [{"name": "own", "type": "selfsigned"}], "edge_sites": [SITE], "certificate_wait_timeout": 10}


def secret(host):
    return json.loads(kubectl(host, "get secret copied --namespace istio-ingress --output json"))


def copy(host):
    """What the controller would do."""
    found = secret(host)
    metadata = {"name": "copied", "namespace": "default"}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "type": found["type"], "metadata": metadata, "data": found["data"]})


@pytest.fixture(scope="module", autouse=True)
def _as_before(host, site):
    yield
    issuers = host.backend.get_variables()["cert_manager_issuers"]
    given = {"edge_sites": [site], "cert_manager_issuers": issuers, "certificate_prune_secrets": True}
    last = runs.run(given, *PARTS)
    assert last.status == 0, last.output[-4000:]
    kubectl(host, "delete secret copied --namespace default")


def lagging():
    (failure,) = runs.run(GIVEN, *PARTS).failures
    return failure.message.splitlines()[0]


@pytest.mark.matrix
def test_a_copy_that_lags_is_named(host):
    assert lagging() == "Secret default/copied is not in step: it does not exist"
    annotations = secret(host)["metadata"]["annotations"]
    assert annotations["reflector.v1.k8s.emberstack.com/reflection-auto-namespaces"] == "default"
    copy(host)
    found = runs.run(GIVEN, *PARTS)
    assert (found.status, found.changed) == (0, 0), found.output[-4000:]
    # cert-manager issues another certificate.
    kubectl(host, "delete secret copied --namespace istio-ingress")
    watch(lambda: "copied" in kubectl(host, "get secrets --namespace istio-ingress --output name --field-selector type=kubernetes.io/tls"))
    said = lagging()
    assert said.startswith("Secret default/copied is not in step: it holds the certificate ")
    assert ", and Secret istio-ingress/copied holds " in said
    copy(host)
    assert runs.run(GIVEN, *PARTS).status == 0
