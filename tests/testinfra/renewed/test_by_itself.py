# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cert-manager renews by itself, twice within a minute, while visitors connect to two gateway pods as fast as they can."""

from __future__ import annotations

import contextlib
import json
import shlex
import statistics
import tempfile
from pathlib import Path

import pytest
import runs
from test_renewed import NAMESPACE, Cluster
from visitor import Visitor

pytestmark = pytest.mark.matrix

SECONDS, VISITORS = 75, 3
SITE = {
    "name": "short",
    "hosts": ["short.example.com"],
    "issuer": "short-ca",
    "certificate": {"duration": "1h", "renew_before": "30m"},
    "routes": [{"service": "web.default", "port": 3000}],
}
#: Signs the authority of the issuer, which is in a Secret of cert-manager's namespace.
AUTHORITY = [
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": "short-root"},
        "spec": {"selfSigned": {}},
    },
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "short-ca", "namespace": "cert-manager"},
        "spec": {
            "secretName": "short-ca",
            "isCA": True,
            "commonName": "short",
            "issuerRef": {"kind": "ClusterIssuer", "name": "short-root"},
        },
    },
]
#: A certificate is old 25 seconds after it was issued.
OFTEN = {"spec": {"renewBefore": "59m35s"}}


def kubectl(host, *arguments, data=None):
    command = shlex.join(["k3s", "kubectl", *arguments])
    return host.check_output(f"{command} <<< {shlex.quote(json.dumps(data))}" if data else command)


@pytest.fixture(scope="module")
def observed(host, site):
    """What visitors and an observer on the server saw of the renewals."""
    if not host.file("/etc/rancher/k3s/k3s.yaml").exists:
        pytest.skip("an agent has no kubeconfig; a server of the same run is asked")
    cluster, variables = Cluster(host), host.backend.get_variables()
    kubectl(host, "apply", "--filename", "-", data={"apiVersion": "v1", "kind": "List", "items": AUTHORITY})
    kubectl(host, "wait", "--namespace", "cert-manager", "--for", "condition=Ready", "--timeout", "60s", "certificate/short-ca")
    issuers = [*variables["cert_manager_issuers"], {"name": "short-ca", "type": "ca", "secret": "short-ca"}]
    try:
        run = runs.run({"edge_sites": [site, SITE], "cert_manager_issuers": issuers, "istio_gateway_replicas": 2})
        assert run.status == 0, run.output[-4000:]
        authority = kubectl(
            host,
            "get",
            "secret",
            "short-ca",
            "--namespace",
            "cert-manager",
            "--output",
            'go-template={{index .data "tls.crt" | base64decode}}',
        )
        before = cluster.pods()
        assert len(before) == 2
        addresses = [pod["status"]["podIP"] for pod in cluster.get("pods", "--selector", "istio=ingress")["items"]]
        kubectl(host, "patch", "certificate", "short", "--namespace", NAMESPACE, "--type", "merge", "--patch", json.dumps(OFTEN))
        script = (Path(__file__).parent / "observer.py").read_text(encoding="utf-8")
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file, contextlib.ExitStack() as crowd:
            file.write(authority)
            file.flush()
            given = (variables["ansible_host"], SITE["hosts"][0], file.name)
            visitors = [crowd.enter_context(Visitor(*given, rate=None)) for _number in range(VISITORS)]
            arguments = shlex.join([str(SECONDS), NAMESPACE, "short", SITE["hosts"][0], *addresses])
            seen = json.loads(host.check_output(f"python3 - {arguments} << 'EOF'\n{script}\nEOF"))
        yield {"visitors": visitors, "pods_before": before, "pods_after": cluster.pods(), **seen}
    finally:
        last = runs.run({"edge_sites": [site], "istio_gateway_replicas": 1, "certificate_prune_secrets": True})
        named = "certificate/short-ca secret/short-ca clusterissuer/short-root clusterissuer/short-ca"
        kubectl(host, "delete", "--ignore-not-found", "--namespace", "cert-manager", *named.split())
        assert last.status == 0, last.output[-4000:]


def test_no_connection_fails(observed):
    visits = [len(visitor.serials) for visitor in observed["visitors"]]
    print(f"{sum(visits)} new TLS connections in {SECONDS} s")
    assert [failure for visitor in observed["visitors"] for failure in visitor.failures] == []
    assert min(visits) > SECONDS


def test_every_pod_serves_each_new_certificate_and_none_twice(observed):
    issued = [digest for _when, digest in observed["secret"]]
    assert len(issued) >= 3, "fewer than two renewals were seen"
    delays = []
    for changes in observed["pods"].values():
        served = [digest for _when, digest in changes]
        assert len(set(served)) == len(served), "a certificate was served again after a newer one"
        # The last one may have come as the observer left.
        assert served[: len(issued) - 1] == issued[: len(issued) - 1]
        times = {digest: when for when, digest in changes}
        delays += [times[digest] - when for when, digest in observed["secret"][1:] if digest in times]
    print(f"{len(issued) - 1} renewals; seconds from Secret to pod: median {statistics.median(delays):.2f}, most {max(delays):.2f}")


def test_no_pod_was_restarted(observed):
    assert observed["pods_after"] == observed["pods_before"]
