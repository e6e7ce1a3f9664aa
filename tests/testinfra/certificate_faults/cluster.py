# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of the tests, in a namespace of their own that goes with them."""

from __future__ import annotations

import datetime as dt
import json
import shlex

NAMESPACE = "certificate-faults"


class Cluster:
    """The lab's API, through a server's own kubectl."""

    def __init__(self, host):
        self.host = host
        self.address = host.backend.get_variables()["ansible_host"]

    def kubectl(self, *arguments, namespace=NAMESPACE):
        """Run kubectl and return what it printed."""
        return self.host.check_output(shlex.join(["k3s", "kubectl", "--namespace", namespace, *arguments]))

    def get(self, *arguments, namespace=NAMESPACE):
        """The object, or the list, as JSON says it."""
        return json.loads(self.kubectl("get", *arguments, "--output", "json", namespace=namespace))

    def apply(self, *objects):
        """Apply objects in one call."""
        items = [o | {"metadata": {"namespace": NAMESPACE} | o["metadata"]} for o in objects]
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.host.check_output(f"printf %s {shlex.quote(document)} | k3s kubectl apply --filename -")

    def wait(self, what, *, until, timeout=60, namespace=NAMESPACE):
        """Until kubectl sees it so."""
        self.kubectl("wait", what, f"--for={until}", f"--timeout={timeout}s", namespace=namespace)

    def scale(self, deployment, replicas):
        """Scale a part of cert-manager, and return when its pods have come or gone."""
        selector = f"--selector=app.kubernetes.io/component={deployment}"
        name = "cert-manager" if deployment == "controller" else f"cert-manager-{deployment}"
        self.kubectl("scale", "deployment", name, f"--replicas={replicas}", namespace="cert-manager")
        self.kubectl("rollout", "status", "deployment", name, "--timeout=120s", namespace="cert-manager")
        if not replicas:
            self.kubectl("wait", "pod", selector, "--for=delete", "--timeout=60s", namespace="cert-manager")

    def failed_at(self, name):
        """When the first attempt at a Certificate had failed."""
        return moment(self.get("certificaterequest", f"{name}-1")["status"]["failureTime"])

    def waits_for_issuer_since(self, name):
        """When the first request of a Certificate said so."""
        return moment(condition(self.get("certificaterequest", f"{name}-1"), "Ready")["lastTransitionTime"])


def certificate(name, *, issuer="lab", kind="ClusterIssuer", hosts=None, secret=None):
    """A Certificate; its host name is its own, as cluster DNS remembers names for 30 s."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name},
        "spec": {
            "secretName": secret or name,
            "dnsNames": hosts or [f"{name}.fault.example.com"],
            "issuerRef": {"kind": kind, "name": issuer},
        },
    }


def acme_issuer(name, url, like, *, email="ops@example.com", ingress_class="istio"):
    """An Issuer of an authority that shows the TLS certificate of that of the ClusterIssuer `like`."""
    solver = {"http01": {"ingress": {"ingressClassName": ingress_class, "serviceType": "ClusterIP"}}}
    acme = {
        "server": url,
        "email": email,
        "caBundle": like["spec"]["acme"]["caBundle"],
        "privateKeySecretRef": {"name": f"{name}-account-key"},
        "solvers": [solver],
    }
    return {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": name}, "spec": {"acme": acme}}


def condition(found, kind):
    """The condition of that type."""
    return next(c for c in found["status"]["conditions"] if c["type"] == kind)


def moment(stamp):
    """A time of the API as seconds since 1970."""
    return dt.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
