# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of faults share: a client of the cluster, Secrets that go with the test, and runs of the module."""

from __future__ import annotations

import base64
import contextlib
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config, watch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pairs import make_pair
from waits import Wait

NAMESPACE = "istio-ingress"
GATEWAYS = ("networking.istio.io", "v1", NAMESPACE, "gateways")


class Cluster:
    """The cluster of a lab host, as its administrator sees it."""

    def __init__(self, api):
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)
        self.rights = client.RbacAuthorizationV1Api(api)
        self.custom = client.CustomObjectsApi(api)

    def pods(self, namespace, labels):
        """Pods that are not on their way out."""
        found = self.core.list_namespaced_pod(namespace, label_selector=labels).items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def scale(self, namespace, name, replicas):
        """Scale a Deployment, and return when it is so."""
        self.apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": replicas}})
        options = {"field_selector": f"metadata.name={name}", "timeout_seconds": 120}
        for event in watch.Watch().stream(self.apps.list_namespaced_deployment, namespace, **options):
            found = event["object"].status
            if (found.replicas or 0) == (found.available_replicas or 0) == replicas:
                return
        raise AssertionError(f"Deployment {name} has not {replicas} pods after two minutes")

    def primers(self):
        """Names of the primers that are there."""
        found = self.custom.list_namespaced_custom_object(*GATEWAYS, label_selector="baremesh.edge/primer=true")
        return [each["metadata"]["name"] for each in found["items"]]

    def wait_for_primer(self):
        """Return when a primer is there."""
        options = {"label_selector": "baremesh.edge/primer=true", "timeout_seconds": 30}
        for event in watch.Watch().stream(self.custom.list_namespaced_custom_object, *GATEWAYS, **options):
            if event["type"] == "ADDED":
                return event["object"]["metadata"]["name"]
        raise AssertionError("no primer was made within 30 s")


@pytest.fixture(scope="module")
def cluster(host):
    kubeconfig = host.file("/etc/rancher/k3s/k3s.yaml")
    if not kubeconfig.exists:
        pytest.skip("an agent has no kubeconfig; a server of the same run is asked")
    settings = yaml.safe_load(kubeconfig.content_string.replace("127.0.0.1", host.backend.get_variables()["ansible_host"]))
    return Cluster(config.new_client_from_config_dict(settings))


@pytest.fixture
def name():
    """Name of a credential that no Envoy has seen: it keeps a credential for a while after its last listener."""
    return f"faults-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def secret(cluster):
    """Make Secrets that are gone after the test."""
    made = []

    def make(name, pair, *, namespace=NAMESPACE, key=None, entries=None):
        data = entries or {"tls.crt": pair.certificate, "tls.key": key or pair.key}
        body = {
            "metadata": {"name": name},
            "type": "Opaque" if entries else "kubernetes.io/tls",
            "data": {k: base64.b64encode(v).decode() for k, v in data.items()},
        }
        made.append((name, namespace))
        cluster.core.create_namespaced_secret(namespace, body)

    yield make
    for each, namespace in made:
        cluster.core.delete_namespaced_secret(each, namespace)


@pytest.fixture
def credential(name, secret):
    """A credential that could be served, as the option credentials has it, and its certificate."""
    pair = make_pair(f"{name}.example.com")
    secret(name, pair)
    return {"name": name, "hosts": [f"{name}.example.com"]}, pair


@pytest.fixture
def wait(host):
    """Start runs of the module; those that still run end with the test."""
    with contextlib.ExitStack() as started:

        def start(credential, **options):
            run = Wait(host.backend.get_hostname(), credentials=[credential], **options)
            started.callback(run.end)
            return run

        yield start


@pytest.fixture
def istiod_down(cluster):
    """Scale istiod to nothing; the value starts it again, which happens after the test in any case."""

    def start():
        cluster.scale("istio-system", "istiod", 1)

    cluster.scale("istio-system", "istiod", 0)
    yield start
    start()


@pytest.fixture
def info(host):
    """What sds_secret_info returns."""

    def look(**options):
        run = Wait(host.backend.get_hostname(), module="sds_secret_info", **options)
        try:
            return run.result()
        finally:
            run.end()

    return look
