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


def test_status_writes_what_is_served_to_files_that_stay_the_same(host, site, tmp_path):
    endings = {"report_html": "html", "report_json": "json", "report_metrics": "prom"}
    paths = {variable: tmp_path / "edge" / f"status.{ending}" for variable, ending in endings.items()}
    first, second = (runs.run({name: str(path) for name, path in paths.items()}, playbook=PLAYBOOKS / "status.yml") for _run in range(2))
    # The folder and the files.
    assert (first.status, first.changed, second.status, second.changed) == (0, 2, 0, 0), first.output + second.output
    report = json.loads(paths["report_json"].read_text(encoding="utf-8"))
    (seen,) = report["sites"]
    assert (report["problems"], seen["name"], seen["state"], seen["hosts"]) == ([], site["name"], "served", site["hosts"])
    (held,) = seen["certificates"]
    pem = kubectl(
        host, f"get secret {held['secret']} --output 'jsonpath={{.data.tls\\.crt}}' | base64 --decode | openssl x509 -noout -serial"
    )
    assert pem.strip().partition("=")[2].lstrip("0").lower() == held["serial"]
    assert {(each["serial"], each["right"]) for each in (*seen["pods"], *seen["host_ports"])} == {(held["serial"], True)}
    assert {port["node_port"] for port in seen["host_ports"]} == {30443}
    services = {f"{each['service']}.svc.cluster.local:{each['port']}" for each in site["routes"]}
    assert {(each["service"], each["healthy"] > 0) for each in seen["backends"]} == {(service, True) for service in services}
    assert f"<h3>{site['name']}</h3>" in paths["report_html"].read_text(encoding="utf-8")
    assert f'baremesh_edge_site_served{{site="{site["name"]}",namespace="{INGRESS}"}} 1' in paths["report_metrics"].read_text("utf-8")
    assert not [path for path in paths.values() if "PRIVATE" in path.read_text("utf-8")]


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


def test_status_names_a_service_without_endpoints(host, site, tmp_path):
    kubectl(host, "scale deployment web --replicas 0", namespace="default")
    try:
        kubectl(host, "wait --for delete pod --selector app=web --timeout 120s", namespace="default")
        _lines, data = shown(report_json=str(tmp_path / "status.json"))
    finally:
        kubectl(host, "scale deployment web --replicas 1", namespace="default")
        kubectl(host, "rollout status deployment web --timeout 120s", namespace="default")
    assert [(entry["flag"], entry["object"]) for entry in data["flags"]] == [("no_endpoints", f"VirtualService {INGRESS}/{site['name']}")]
    report = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert [each["service"] for each in report["sites"][0]["backends"] if not each["healthy"]] == ["web.default.svc.cluster.local:3000"]
    assert report["differs"] == [entry["text"] for entry in data["flags"]]


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
