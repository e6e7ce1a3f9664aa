# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateways log, what status shows of them, and what the preflight finds of others in the cluster."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import uuid

import pytest
import runs

PLAYBOOKS = runs.ROOT / "playbooks"
INGRESS = "istio-ingress"
API = "networking.istio.io/v1"


def kubectl(host, *arguments, namespace=INGRESS):
    return host.check_output(f"k3s kubectl --namespace {namespace} " + " ".join(arguments))


@contextlib.contextmanager
def applied(host, kind, name, spec, namespace="default"):
    """Have an object of another owner in the cluster for a while."""
    manifest = {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    host.check_output("echo %s | k3s kubectl apply --filename -", json.dumps(manifest))
    try:
        yield
    finally:
        kubectl(host, f"delete {kind.lower()}.networking.istio.io {name}", namespace=namespace)


def shown(**variables):
    """Run status, and return what it shows of the gateways with its data."""
    found = runs.run(variables, playbook=PLAYBOOKS / "status.yml")
    document = json.loads(found.output[found.output.index("{") : found.output.rindex("}") + 1])
    tasks = {task["task"]["name"].rpartition(" : ")[2]: task["hosts"] for play in document["plays"] for task in play["tasks"]}
    (lines,) = (each["msg"] for each in tasks["Show what the gateways do"].values())
    (data,) = (each["results"][0] for each in tasks["Read the configuration of every gateway pod"].values())
    return lines, data


def test_a_request_is_logged_as_json_without_its_secrets(host, site, address):
    mark, secret = f"/{uuid.uuid4().hex}", uuid.uuid4().hex
    name = site["hosts"][0]
    headers = [f"Authorization: {secret}", f"Cookie: a={secret}", f"Referer: https://x.example/?t={secret}"]
    words = ["curl", "--silent", "--insecure", "--output", os.devnull, "--resolve", f"{name}:443:{address}"]
    words += [word for header in headers for word in ("--header", header)]
    subprocess.run([*words, f"https://{name}{mark}?token={secret}"], check=True)
    # The log is followed until the line is there; the command ends without it after a minute.
    follow = "k3s kubectl --namespace istio-ingress logs --follow --since 60s deployment/istio-ingress"
    line = host.check_output(f"timeout 60 {follow} | grep --max-count 1 --fixed-strings {mark}")
    entry = json.loads(line)
    assert (entry["path"], entry["authority"], entry["method"]) == (mark, name, "GET")
    assert entry["requested_server_name"] == name
    assert secret not in kubectl(host, "logs --since 120s deployment/istio-ingress")


def test_status_shows_what_the_gateway_does(site):
    lines, data = shown()
    head, *rows = [line.split() for line in lines if not line.startswith("differs:")]
    assert head == ["POD", "SITE", "PORTS", "ROUTES", "ENDPOINTS", "CERTIFICATE"]
    assert {(row[1], row[2]) for row in rows} == {(site["name"], "80,443")}
    assert (data["flags"], data["errors"]) == ([], [])
    (pod,) = data["pods"]
    assert {entry["match"] for entry in pod["routes"] if entry["action"] == "route"} == {
        f"prefix {each['prefix']}" for each in site["routes"]
    }
    assert "PRIVATE" not in json.dumps(data)
    details, _data = shown(status_details=True)
    assert len(details) > len(lines)


@pytest.mark.parametrize(
    ("kind", "spec", "flag"),
    [
        ("Gateway", {"selector": {"istio": "ingres"}, "servers": [{"port": {"number": 8081, "name": "a", "protocol": "HTTP"}}]}, "no_pod"),
        (
            "VirtualService",
            {"gateways": ["gone"], "http": [{"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]}]},
            "no_gateway",
        ),
    ],
)
def test_status_names_what_differs(host, kind, spec, flag):
    hosts = ["other.example.com"]
    spec = {**spec, "servers": [{**each, "hosts": hosts} for each in spec["servers"]]} if kind == "Gateway" else {**spec, "hosts": hosts}
    with applied(host, kind, "typo", spec, INGRESS):
        lines, data = shown()
    assert [entry["flag"] for entry in data["flags"]] == [flag]
    assert any(line.startswith(f"differs: {kind} {INGRESS}/typo") for line in lines)


def test_status_names_a_service_without_endpoints(host, site):
    kubectl(host, "scale deployment web --replicas 0", namespace="default")
    try:
        kubectl(host, "wait --for delete pod --selector app=web --timeout 120s", namespace="default")
        _lines, data = shown()
    finally:
        kubectl(host, "scale deployment web --replicas 1", namespace="default")
        kubectl(host, "rollout status deployment web --timeout 120s", namespace="default")
    assert [(entry["flag"], entry["object"]) for entry in data["flags"]] == [("no_endpoints", f"VirtualService {INGRESS}/{site['name']}")]


def test_status_names_a_pod_that_is_behind(host):
    """Its agent brings Envoy what istiod sends, and stands still for a while."""
    (pod,) = json.loads(kubectl(host, "get pods --selector istio=ingress --output json"))["items"]
    found = host.check_output(f"grep --files-with-matches {pod['metadata']['uid']} /proc/[0-9]*/cgroup || true").split()
    pids = [path.split("/")[2] for path in found]
    (agent,) = [pid for pid in pids if host.file(f"/proc/{pid}/comm").content_string.strip() == "pilot-agent"]
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["late.example.com"]}
    host.check_output(f"kill -STOP {agent}")
    try:
        with applied(host, "Gateway", "late", {"selector": {"istio": "ingress"}, "servers": [server]}):
            deadline = time.monotonic() + 60
            while "stale" not in (seen := {entry["flag"] for entry in shown()[1]["flags"]}):
                assert time.monotonic() < deadline, seen
    finally:
        host.check_output(f"kill -CONT {agent}")
    deadline = time.monotonic() + 60
    while shown()[1]["flags"]:
        assert time.monotonic() < deadline, "it stays behind"


def test_the_preflight_finds_a_gateway_of_others_for_a_new_site(host, site):
    tls = {"mode": "PASSTHROUGH"}
    server = {"port": {"number": 443, "name": "tls", "protocol": "TLS"}, "hosts": ["taken.example.com"], "tls": tls}
    new = {**site, "name": "taken", "hosts": ["taken.example.com"]}
    with applied(host, "Gateway", "taking", {"selector": {"istio": "ingress"}, "servers": [server]}):
        found = runs.run({"edge_sites": [site, new], "preflight_skip": ["dns"]}, playbook=PLAYBOOKS / "preflight.yml")
    (failure,) = found.failures
    assert "edge_sites (taken): Gateway default/taking, which others made, is for 'taken.example.com'" in failure.message
    assert found.changed == 0
