# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook in the execution environment, by ansible-runner: not as root, with the project read-only and all values as text."""

from __future__ import annotations

import json
import subprocess

import pytest
import runs
import yaml

pytestmark = pytest.mark.matrix

#: Playbooks that a job runs, as awx/objects.yml has them, without the first one, the main one and the last one.
LISTED = yaml.safe_load((runs.ROOT / "awx/objects.yml").read_text(encoding="utf-8").replace("!unsafe ", ""))["awx_playbooks"]
SINGLE = {
    entry["playbook"]: ["--check"] if entry.get("job_type") == "check" else []
    for entry in LISTED
    if entry["playbook"] not in ("preflight", "site", "revoke", "renew", "reset")
}
CANARIES = ("lab-canary-download", "lab-canary-environment", "lab-canary-secret")


@pytest.fixture(scope="module")
def answers():
    """The example's variables and others, each as text."""
    given = yaml.safe_load((runs.ROOT / "lab/demo/vars.yml").read_text(encoding="utf-8"))
    numbers = {"edge_wait_timeout": "300", "edge_gateway_port": "443", "edge_http_node_port": "30080", "edge_https_node_port": "30443"}
    switches = {"edge_allow_no_sites": "false", "edge_live_progress": "no", "edge_proxy_protocol": "false", "report_fail": "true"}
    return {**{name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}, **numbers, **switches}


@pytest.fixture(autouse=True)
def in_this_order(host):
    """Tests with a host come before those without, and the reset would not be the last one."""


def passed(job):
    assert (job.status, job.failures) == ("successful", []), job.output[-6000:]
    assert job.written == []
    assert [canary for canary in CANARIES if canary in job.kept] == []
    return job


def test_the_image_has_what_jobs_need(image):
    def run(*command):
        return subprocess.run(
            ["podman", "--runtime", "runc", "run", "--rm", "--ulimit=nofile=20000:20000", "--ulimit=nproc=30000:30000", image, *command],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert run("id", "--user").strip() == "1000"
    listed = dict(line.split() for line in run("ansible-galaxy", "collection", "list").splitlines() if line.count(".") == 3)
    pinned = yaml.safe_load((runs.ROOT / "awx/execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]["galaxy"]
    assert {entry["name"]: entry["version"] for entry in pinned["collections"]}.items() <= listed.items()
    assert "baremesh.edge.certificate_wait " in run("ansible-doc", "--type", "module", "--list", "baremesh.edge")
    (core,) = (line for line in (runs.ROOT / "requirements/python.txt").read_text(encoding="utf-8").splitlines() if "ansible-core" in line)
    assert run("ansible-playbook", "--version").startswith(f"ansible-playbook [core {core.split('==')[1]}]")
    assert run("sh", "-c", "command -v kubectl helm || echo none").strip() == "none"


def test_hosts_that_cannot_be_reached_are_findings(controller, answers):
    """Nothing listens there."""
    job = controller.job("preflight", ansible_port="1", **answers)
    assert job.status == "failed"
    assert job.failures[-1].split(": ", 1)[1].startswith("1 finding(s); nothing was changed.")
    assert len(job.artifacts["edge_artifact_findings"]) == 1


def test_the_preflight_of_bare_hosts(controller, answers):
    job = passed(controller.job("preflight", **answers))
    assert (job.changed, job.artifacts["edge_artifact_findings"]) == (0, [])


@pytest.fixture(scope="module")
def deployed(controller, answers):
    return passed(controller.job("site", **answers))


def test_a_site_job_leaves_what_is_served(deployed, host):
    (site,) = deployed.artifacts["edge_artifact_sites"]
    secret = json.loads(host.check_output("k3s kubectl get certificate app --namespace istio-ingress --output json"))
    assert (site["name"], site["served"], site["cause"]) == ("app", True, None)
    assert len(site["serials"]) == 1
    assert site["expires"] == secret["status"]["notAfter"]
    assert len(json.dumps(deployed.artifacts)) < 1000


@pytest.mark.parametrize("arguments", [(), ("--check", "--diff"), ("--limit", "server1"), ("--tags", "gateway")], ids=" ".join)
def test_a_second_job_changes_nothing(controller, answers, deployed, arguments):
    assert passed(controller.job("site", *arguments, **answers)).changed == 0


@pytest.mark.parametrize("playbook", SINGLE)
def test_single_playbooks(controller, answers, deployed, playbook):
    assert passed(controller.job(playbook, *SINGLE[playbook], **answers)).changed == 0


def test_a_status_with_the_token_of_an_account(controller, answers, deployed, host, address):
    """As AWX's credential of type "OpenShift or Kubernetes API Bearer Token" brings it."""
    host.check_output("k3s kubectl create serviceaccount awx --namespace default")
    host.check_output("k3s kubectl create clusterrolebinding awx --clusterrole=cluster-admin --serviceaccount=default:awx")
    token = host.check_output("k3s kubectl create token awx --namespace default --duration 1h")
    authority = host.check_output("cat /var/lib/rancher/k3s/server/tls/server-ca.crt")
    env = {
        "K8S_AUTH_HOST": f"https://{address}:6443",
        "K8S_AUTH_API_KEY": token,
        "K8S_AUTH_VERIFY_SSL": "True",
        "K8S_AUTH_SSL_CA_CERT": "/runner/env/authority",
    }
    job = passed(
        controller.job("status", files={"authority": authority}, env=env, edge_api_host="localhost", edge_kubeconfig="", **answers)
    )
    assert job.artifacts["edge_artifact_sites"][0]["served"]
    assert token not in job.output


def test_a_renewal_shows_another_serial(controller, answers, deployed):
    before = deployed.artifacts["edge_artifact_sites"][0]["serials"]
    assert passed(controller.job("renew", "--check", renewal_within_days="14", **answers)).changed == 0
    passed(controller.job("renew", renewal_names="app", renewal_batch_size="5", **answers))
    after = passed(controller.job("status", **answers)).artifacts["edge_artifact_sites"][0]
    assert after["served"]
    assert after["serials"] != before


def test_a_revocation(controller, answers, deployed):
    passed(controller.job("revoke", revoke_sites="app", revoke_reason="superseded", **answers))


def test_a_reset_asks_for_the_name_of_the_api_host(controller, answers, deployed, host):
    refused = controller.job("reset", edge_reset_confirmation="agent1", **answers)
    (said,) = refused.failures
    assert said.endswith("edge_reset_confirmation is 'agent1': the reset begins only where it is the API host's name, server1.")
    assert host.file("/usr/local/bin/k3s").exists
    passed(controller.job("reset", edge_reset_confirmation="server1", edge_reset_k3s="true", **answers))
    assert not host.file("/usr/local/bin/k3s").exists
