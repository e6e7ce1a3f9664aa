# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster and its ports as the tests of the proxy see them, from the machine that the lab stands on."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import socket
import ssl
import subprocess
from pathlib import Path

import yaml
from cryptography import x509
from runs import ROOT, lab, run

NAMESPACE = "istio-ingress"


def inventory():
    """Folder of the lab's inventory."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab"


def hosts():
    """Addresses of the cluster's hosts, servers first, by name."""
    groups = yaml.safe_load((inventory() / "hosts.yml").read_text(encoding="utf-8"))["k3s_cluster"]["children"]
    listed = {**groups["server"]["hosts"], **((groups.get("agent") or {}).get("hosts") or {})}
    return {name: settings["ansible_host"] for name, settings in listed.items()}


def kubectl(*arguments):
    """What the cluster says."""
    return json.loads(lab("shell", "server1", "--", "k3s", "kubectl", "--namespace", NAMESPACE, *arguments, "--output", "json"))


@dataclasses.dataclass(frozen=True)
class Pods:
    """The gateway's pods: revision of their Deployment, and their identities."""

    revision: int
    uids: frozenset[str]


def gateway_pods():
    """Those that run now."""
    deployment = kubectl("get", "deployment", "istio-ingress")
    listed = kubectl("get", "pods", "--selector", "istio=ingress")["items"]
    running = [pod for pod in listed if not pod["metadata"].get("deletionTimestamp")]
    revision = deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    return Pods(int(revision), frozenset(pod["metadata"]["uid"] for pod in running))


def site_run(variables, *arguments, **options):
    """A run that must succeed, of site.yml unless the options name another playbook; returns how it ended."""
    found = run(variables, *arguments, **options)
    assert found.status == 0, "\n".join(f"{failure.host}: {failure.task}: {failure.message}" for failure in found.failures) or found.output
    return found


def module(name, arguments, host="server1"):
    """Result of one of the collection's modules on a host."""
    command = ["ansible", "--inventory", str(inventory()), host, "--module-name", f"baremesh.edge.{name}", "--args", json.dumps(arguments)]
    settings = {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOG_PATH": ""}
    result = subprocess.run(
        command,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    document = json.loads(result.stdout[result.stdout.index("{") :])
    return document["plays"][0]["tasks"][0]["hosts"][host]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a port said to a request; fields are the lines in which the backend shows what reached it."""

    status: int
    headers: dict[str, str]
    backend: str
    fields: dict[str, str]
    serial: str
    client: str


class _To(http.client.HTTPConnection):
    def __init__(self, connected, name):
        super().__init__(name)
        self.sock = connected


def ask(address, name, path, *, tls, headers=None, cafile=None):
    """One request to port 443 or 80 of an address. With cafile the certificate must be valid for the name."""
    with socket.create_connection((address, 443 if tls else 80), timeout=10) as plain:
        if not tls:
            return _exchange(plain, name, path, headers)
        context = ssl.create_default_context(cafile=cafile)
        if cafile is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=name) as secured:
            served = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
            return _exchange(secured, name, path, headers, f"{served.serial_number:x}")


def _exchange(connected, name, path, headers, serial=""):
    client = connected.getsockname()[0]
    connection = _To(connected, name)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    backend, _, rest = answer.read().decode(errors="replace").partition("\n")
    fields = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
    lower = {key.lower(): value for key, value in answer.getheaders()}
    return Answer(answer.status, lower, backend, fields, serial, client)


def renew(name):
    """Have the certificate issued anew, and return its serial number."""
    access = {"kubeconfig": "/etc/rancher/k3s/k3s.yaml", "namespace": NAMESPACE, "names": [name]}
    asked = module("certificate_renew", access)
    assert asked.get("changed"), asked
    waited = module("certificate_wait", {**access, "renewed_since": asked["renewed_since"], "timeout": 120})
    assert not waited.get("failed"), waited["msg"]
    return waited["certificates"][0]["serial"]


def forget(name):
    """Delete everything that there is of a site."""
    for kinds, names in (("gateway,virtualservice", [name, f"{name}-redirect"]), ("certificate,secret", [name])):
        delete = ["k3s", "kubectl", "--namespace", NAMESPACE, "delete", kinds, *names, "--ignore-not-found"]
        lab("shell", "server1", "--", *delete)


def example_site():
    """The site of the example: its name, host names and routes."""
    return yaml.safe_load((ROOT / "lab/demo/vars.yml").read_text(encoding="utf-8"))["edge_sites"][0]
