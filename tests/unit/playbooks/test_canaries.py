# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary in every secret variable of every role: no output, log or argument of a process holds it, while the run lasts and after."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
import yaml
from test_text_values import PACKAGES, SHARED

ROOT = Path(__file__).resolve().parents[3]
C = "canary7Qz"
PROXY = {"HTTPS_PROXY": f"http://me:{C}-proxy@127.0.0.1:9", "GITHUB_TOKEN": f"{C}-variable"}
#: A value for each variable that the argument specs call secret, and for those that may hold an address with a password.
SECRETS = {
    "cert_manager_secrets": [{"name": "dns", "string_data": {"token": f"{C}-secret"}}],
    "cert_manager_values": {"extraEnv": [{"name": "A", "value": f"{C}-cert-manager"}]},
    "edge_environment": PROXY,
    "istio_base_values": {"global": {"x": f"{C}-base"}},
    "istio_gateway_values": {"env": {"A": f"{C}-gateway"}},
    "istio_istiod_values": {"pilot": {"env": {"A": f"{C}-istiod"}}},
    "k3s_agent_config": {"vpn-auth": f"name=tailscale,joinKey={C}-vpn"},
    "k3s_environment": PROXY,
    "k3s_registries": {
        "mirrors": {"r.example.com": {"endpoint": [f"https://me:{C}-mirror@m.example.com"]}},
        "configs": {"r.example.com": {"auth": {"username": "me", "password": f"{C}-registry"}}},
    },
    "k3s_server_config": {"datastore-endpoint": f"postgres://k3s:{C}-db@db.example.com/k3s", "etcd-s3-secret-key": f"{C}-s3"},
    "k3s_token": f"{C}-token",
}
ADDRESSES = {
    "api_client_helm_url": f"https://me:{C}-helm@get.example.com",
    "cert_manager_chart_repository": f"https://me:{C}-charts@charts.example.com",
    "istio_chart_repository": f"https://me:{C}-charts@charts.example.com",
    "k3s_image_archives": [{"url": f"https://me:{C}-images@a.example.com/a.tar", "checksum": f"sha256:{'0' * 64}"}],
    "k3s_release_url": f"https://me:{C}-release@k3s.example.com",
}
COMMON = {
    **{name: value for name, value in SHARED.items() if name != "edge_environment"},
    "api_client_packages": PACKAGES,
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "cert_manager_issuers": [{"name": "own", "type": "selfsigned"}],
    "edge_kubeconfig": "/nonexistent",
    "k3s_firewall": False,
    "host_ports_firewall": False,
    "host_ports_refuse_held_ports": False,
    "host_ports_verify": False,
    "preflight_skip": ["dns", "acme", "system", "resources", "names", "ports"],
}
#: Words that modules on this machine would write to its log.
SITECUSTOMIZE = """
import os, syslog
def write(*words):
    with open(os.environ["CANARY_LOG"], "a") as log:
        log.write(" ".join(map(str, words)) + "\\n")
syslog.syslog = write
"""
SYSTEMCTL = "#!/bin/sh\nprintf '%s\\n' LoadState=loaded ActiveState=inactive SubState=dead UnitFileState=enabled NeedDaemonReload=no\n"
HELM = """#!/bin/sh
printf '%s\\n' "$*" >> "$CANARY_HELM"
tr '\\0' '\\n' < /proc/$$/environ >> "$CANARY_HELM"
case "$1" in
  version) echo 'version.BuildInfo{Version:"v3.21.4", GitCommit:"0", GitTreeState:"clean", GoVersion:"go1.26"}' ;;
  list) echo '[]' ;;
  show) echo "{name: istiod, version: 1.31.1}" ;;
  *) echo "Error: looks like \\"https://me:{C}-charts@charts.example.com\\" is not a valid chart repository" >&2; exit 1 ;;
esac
""".replace("{C}", C)


class Arguments(threading.Thread):
    """Reads the arguments of all processes again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.found = set()
        self.samples = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            self.samples += 1
            for entry in Path("/proc").glob("[1-9]*"):
                try:
                    text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                except OSError:
                    continue
                if C in text:
                    self.found.add(text)


@pytest.fixture
def watched(play, tmp_path, monkeypatch):
    """A function that plays something as wordy as Ansible can, and returns the run once no canary was found in what it showed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, content in (("sitecustomize.py", SITECUSTOMIZE), ("systemctl", SYSTEMCTL), ("helm", HELM)):
        (tools / name).write_text(content, encoding="utf-8")
        (tools / name).chmod(0o755)
    log = tmp_path / "log"
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(tools))
    monkeypatch.setenv("CANARY_LOG", str(log))
    monkeypatch.setenv("CANARY_HELM", str(tmp_path / "helm.log"))

    def run(tasks, *arguments, **variables):
        groups = {"all": {"hosts": {"localhost": {**COMMON, **SECRETS, **ADDRESSES, **variables}}}}
        arguments_seen = Arguments()
        arguments_seen.start()
        try:
            done = play([{"hosts": "localhost", "gather_facts": False, **tasks}], groups, "-vvv", "--diff", *arguments)
        finally:
            arguments_seen.ended.set()
            arguments_seen.join()
        assert arguments_seen.samples > 10
        assert arguments_seen.found == set()
        logged = log.read_text(encoding="utf-8") if log.exists() else ""
        assert "Invoked with" in logged or "roles" not in tasks
        assert [line for line in logged.splitlines() if C in line] == []
        assert "EXEC" in done.output, "the run is not as wordy as it must be to prove something"
        assert [line[:300] for line in done.output.splitlines() if C in line] == []
        return done

    run.helm = tmp_path / "helm.log"
    run.tools = tools
    return run


def test_every_secret_variable_has_a_canary():
    specs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    points = [point for spec in specs for point in spec["argument_specs"].values()]
    found = {name for point in points for name, option in (point.get("options") or {}).items() if option.get("no_log")}
    assert found == set(SECRETS)


@pytest.mark.parametrize("roles", [["preflight"], ["api_client", "cert_manager", "istio"]])
def test_no_canary_leaves_a_check_of_roles(watched, roles):
    watched({"roles": [f"baremesh.edge.{role}" for role in roles]}, "--check")


@pytest.mark.parametrize("kind", ["server", "agent"])
def test_no_canary_leaves_a_check_of_k3s(watched, kind):
    join = {} if kind == "server" else {"k3s_server_url": "https://192.0.2.1:6443", "k3s_server_host": "localhost"}
    run = watched({"roles": ["baremesh.edge.k3s"]}, "--check", k3s_type=kind, **join)
    result = run.result("Run | Configure and start K3s, and wait for its Node")
    assert "********" in str(result["diff"]), "the files are there, their values hidden"


def test_no_canary_leaves_helm(watched, tmp_path):
    """Values of charts are given to Helm by a file, and what it answers is quoted without its secrets."""
    (tmp_path / "istiod-1.31.1.tgz").write_bytes(b"")
    (tmp_path / "kubeconfig").write_text("{apiVersion: v1, kind: Config}", encoding="utf-8")
    release = {
        "name": "istiod",
        "namespace": "istio-system",
        "chart": "istiod",
        "chart_version": "1.31.1",
        "values": SECRETS["istio_istiod_values"],
    }
    given = {
        "_edge_helm_charts": {"repository": "", "dir": str(tmp_path), "sha256": {}, "pin": "istio_chart_sha256"},
        "_edge_helm_found": {"pending": [release], "broken": [], "missing_namespaces": []},
        "_edge_helm_labels": {},
        "_edge_helm_releases": [release],
        "edge_api_available": True,
        "edge_environment": {},
        "edge_helm": str(watched.tools / "helm"),
        "edge_kubeconfig": str(tmp_path / "kubeconfig"),
    }
    role = {"name": "baremesh.edge.common", "tasks_from": "helm_apply"}
    run = watched({"tasks": [{"name": "Apply", "ansible.builtin.include_role": role}]}, **given)
    assert run.status != 0
    said = run.result("Stop where Helm has failed")["msg"]
    assert 'looks like "https://********@charts.example.com" is not a valid chart repository' in said.replace("\\", "")
    assert C not in watched.helm.read_text(encoding="utf-8")
