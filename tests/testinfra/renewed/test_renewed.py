# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook renew: what it refuses, what it foretells, and a renewal that visitors do not notice."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import itertools
import json
import re
import shlex

import pytest
import runs
from cryptography import x509
from visitor import Visitor

NAMESPACE = "istio-ingress"
PLAYBOOK = "baremesh.edge.renew"
#: A second certificate, which the play gets in the long form. It is issued at once, by an issuer of its own.
SECOND = "renewed-too"
ISSUER = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Issuer",
    "metadata": {"name": SECOND, "namespace": NAMESPACE},
    "spec": {"selfSigned": {}},
}
CERTIFICATE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": SECOND, "namespace": NAMESPACE},
    "spec": {"secretName": SECOND, "dnsNames": ["too.example.com"], "issuerRef": {"kind": "Issuer", "name": SECOND}},
}
#: Shows the certificate that a pod's own address serves, without the way through Service and host port.
ASK_POD = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection((sys.argv[1], 443), timeout=10) as plain:
    with context.wrap_socket(plain, server_hostname=sys.argv[2]) as secured:
        print(ssl.DER_cert_to_PEM_cert(secured.getpeercert(True)))
"""


@dataclasses.dataclass
class Cluster:
    """What the tests ask of the cluster."""

    host: object

    def get(self, *arguments):
        """Objects as they are now."""
        command = ["k3s", "kubectl", "get", "--namespace", NAMESPACE, "--output", "json", *arguments]
        return json.loads(self.host.check_output(shlex.join(command)))

    def serial(self, name):
        """Serial number in the Secret of that name."""
        pem = base64.b64decode(self.get("secret", name)["data"]["tls.crt"])
        return x509.load_pem_x509_certificates(pem)[0].serial_number

    def revision(self, name):
        """How often the Certificate was issued, 0 for one that has only taken over the Secret of an earlier one."""
        return self.get("certificate", name)["status"].get("revision", 0)

    def pods(self):
        """By name of each gateway pod: UID, and container and restarts of each of its containers."""
        found = self.get("pods", "--selector", "istio=ingress")["items"]
        return {
            pod["metadata"]["name"]: (
                pod["metadata"]["uid"],
                [(status["containerID"], status["restartCount"]) for status in pod["status"]["containerStatuses"]],
            )
            for pod in found
        }

    def served_by_pods(self, name):
        """Serial number that each gateway pod serves for a host name."""
        found = {}
        for pod in self.get("pods", "--selector", "istio=ingress")["items"]:
            pem = self.host.check_output(shlex.join(["python3", "-c", ASK_POD, pod["status"]["podIP"], name]))
            found[pod["metadata"]["name"]] = x509.load_pem_x509_certificate(pem.encode()).serial_number
        return found


@dataclasses.dataclass
class Renewal:
    """A run of the playbook, and what was around it."""

    run: runs.Run
    visitor: Visitor
    before: dict
    pods_before: dict


def renew(variables, *arguments):
    """Run the playbook with the example's sites and the second certificate."""
    return runs.run({"certificate_certificates": [CERTIFICATE]} | variables, *arguments, playbook=PLAYBOOK)


@pytest.fixture(scope="module")
def cluster(host):
    """The cluster, with the second certificate in it."""
    if not host.file("/etc/rancher/k3s/k3s.yaml").exists:
        pytest.skip("an agent has no kubeconfig; a server of the same run is asked")
    kubectl = f"k3s kubectl --namespace {NAMESPACE}"
    manifest = shlex.quote(json.dumps({"apiVersion": "v1", "kind": "List", "items": [ISSUER, CERTIFICATE]}))
    try:
        host.check_output(f"{kubectl} apply -f - <<< {manifest}")
        host.check_output(f"{kubectl} wait --for condition=Ready --timeout 60s certificate/{SECOND}")
        yield Cluster(host)
    finally:
        host.check_output(f"{kubectl} delete --ignore-not-found certificate/{SECOND} issuer/{SECOND} secret/{SECOND}")


@pytest.fixture(scope="module")
def renewal(host, cluster, site, root_certificate):
    """All certificates, one at a time, under a stream of connections; numbers and names are text, as surveys send them."""
    before = {name: cluster.serial(name) for name in (site["name"], SECOND)}
    pods_before = cluster.pods()
    address = host.backend.get_variables()["ansible_host"]
    with Visitor(address, site["hosts"][0], root_certificate) as visitor:
        run = renew({"renewal_names": f"{SECOND}, {site['name']}", "renewal_batch_size": "1"})
    return Renewal(run, visitor, before, pods_before)


def test_everything_that_is_wrong_is_said_before_anything_changes(cluster, site):
    before = [cluster.revision(name) for name in (site["name"], SECOND)]
    run = renew({"renewal_names": f"ghost\n{site['name']}, wraith", "renewal_batch_size": "0", "renewal_within_days": "soon"})
    assert run.status != 0
    assert [failure.message.splitlines() for failure in run.failures] == [
        [
            f"renewal_names has ghost, wraith; it may have {site['name']}, {SECOND}.",
            "renewal_batch_size is '0'; it must be a number from 1 to 1000",
            "renewal_within_days is 'soon'; it must be a number of days, or empty for all.",
        ]
    ]
    assert run.changed == 0
    assert [cluster.revision(name) for name in (site["name"], SECOND)] == before


def test_check_mode_says_what_would_be_renewed_and_renews_nothing(cluster, site):
    before = [cluster.revision(name) for name in (site["name"], SECOND)]
    run = renew({"renewal_within_days": "100"}, "--check")
    assert run.status == 0, run.output[-4000:]
    # The authority's certificates are valid for years, those of the second issuer for 90 days.
    shown = re.search(r'"Would renew [^"]*"', run.output)
    assert shown, run.output[-4000:]
    assert shown[0].startswith(f'"Would renew {SECOND}. Left alone: {site["name"]} is valid for ')
    assert [cluster.revision(name) for name in (site["name"], SECOND)] == before
    assert not any(issuing(cluster, name) for name in (site["name"], SECOND))


def issuing(cluster, name):
    conditions = cluster.get("certificate", name)["status"]["conditions"]
    return any(c["type"] == "Issuing" and c["status"] == "True" for c in conditions)


def test_the_run_succeeds(renewal):
    assert renewal.run.status == 0, renewal.run.output[-8000:]


def test_all_certificates_are_new(renewal, cluster):
    after = {name: cluster.serial(name) for name in renewal.before}
    assert [name for name, serial in after.items() if serial == renewal.before[name]] == []


def test_every_gateway_pod_serves_the_new_certificate(renewal, cluster, site):
    served = cluster.served_by_pods(site["hosts"][0])
    assert served
    assert set(served.values()) == {cluster.serial(site["name"])}


def test_no_gateway_pod_was_restarted(renewal, cluster):
    assert renewal.pods_before
    assert cluster.pods() == renewal.pods_before


def test_visitors_notice_nothing_but_the_new_certificate(renewal, cluster, site):
    print(f"{len(renewal.visitor.serials)} connections, {len(renewal.visitor.failures)} failed")
    assert renewal.visitor.failures == []
    assert len(renewal.visitor.serials) > 100
    seen = [serial for serial, _same in itertools.groupby(renewal.visitor.serials)]
    assert seen[0] == renewal.before[site["name"]]
    assert seen[-1] == cluster.serial(site["name"])
    if len(renewal.pods_before) == 1:
        assert len(seen) == 2, "after the new certificate the old one was served again"


def test_the_second_batch_began_when_the_first_was_ready(renewal, cluster, site):
    """The one that expires first is renewed first, whatever the order of the names."""
    first, second = (newest_request(cluster, name) for name in (SECOND, site["name"]))
    ready = next(c for c in first["status"]["conditions"] if c["type"] == "Ready")
    assert moment(second["metadata"]["creationTimestamp"]) >= moment(ready["lastTransitionTime"])


def newest_request(cluster, name):
    found = [
        request
        for request in cluster.get("certificaterequests")["items"]
        if request["metadata"]["annotations"]["cert-manager.io/certificate-name"] == name
    ]
    return max(found, key=lambda request: int(request["metadata"]["annotations"]["cert-manager.io/certificate-revision"]))


def moment(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_the_challenge_came_through_the_redirect_which_still_stands(renewal, cluster, site, ask):
    orders = [o for o in cluster.get("orders.acme.cert-manager.io")["items"] if o["spec"]["dnsNames"] == site["hosts"]]
    assert {order["status"]["state"] for order in orders} == {"valid"}
    answer = ask("/", tls=False)
    assert (answer.status, answer.headers["location"]) == (301, f"https://{site['hosts'][0]}/")
    assert ask("/").status == 200


def test_nothing_of_it_is_left(renewal, cluster):
    assert cluster.get("challenges.acme.cert-manager.io")["items"] == []
    assert [g["metadata"]["name"] for g in cluster.get("gateways.networking.istio.io")["items"] if "primer" in g["metadata"]["name"]] == []
