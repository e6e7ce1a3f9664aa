# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary in every secret variable of every role: no output, log or argument of a process holds it, while the run lasts and after."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.server
import json
import os
import sys
import threading
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_text_values import PACKAGES, SHARED

ROOT = Path(__file__).resolve().parents[3]
C = "canary7Qz"
PROXY = {"HTTPS_PROXY": f"http://me:{C}-proxy@127.0.0.1:9", "GITHUB_TOKEN": f"{C}-variable"}
#: A value for each variable that the argument specs call secret, and for those that may hold an address with a password.
SECRETS = {
    "cert_manager_issuers": [
        {"name": "own", "type": "selfsigned"},
        {
            "name": "dns",
            "server": "https://127.0.0.1:9/dir",
            "email": "ops@example.com",
            "solvers": [{"dns01": {"provider": "cloudflare", "token": f"{C}-dns01"}}],
        },
    ],
    "cert_manager_solvers": [{"dns01": {"provider": "digitalocean", "token": f"{C}-shared-dns01"}}],
    "cert_manager_secrets": [{"name": "dns", "string_data": {"token": f"{C}-secret"}}],
    "certificate_provided": [
        {"name": "own", "certificate": f"-----BEGIN {C}-certificate", "private_key": f"-----BEGIN {C}-private-key"},
    ],
    "cert_manager_values": {"extraEnv": [{"name": "A", "value": f"{C}-cert-manager"}]},
    "external_secrets_values": {"extraEnv": [{"name": "A", "value": f"{C}-external-secrets"}]},
    "edge_environment": PROXY,
    "egress_values": {"env": {"A": f"{C}-egress"}},
    "istio_authority": {
        "certificate": f"-----BEGIN {C}-ca-certificate",
        "private_key": f"-----BEGIN {C}-ca-key",
        "root_certificate": f"-----BEGIN {C}-root",
    },
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
    "external_secrets_chart_repository": f"https://me:{C}-charts@charts.example.com",
    "istio_chart_repository": f"https://me:{C}-charts@charts.example.com",
    "istio_gateway_api_url": f"https://me:{C}-crds@crds.example.com",
    "k3s_image_archives": [{"url": f"https://me:{C}-images@a.example.com/a.tar", "checksum": f"sha256:{'0' * 64}"}],
    "k3s_release_url": f"https://me:{C}-release@k3s.example.com",
}
COMMON = {
    **{name: value for name, value in SHARED.items() if name != "edge_environment"},
    "api_client_packages": PACKAGES,
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
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
        Arguments.running = self

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


@pytest.mark.parametrize("roles", [["preflight"], ["api_client", "cert_manager", "external_secrets", "istio", "egress"]])
def test_no_canary_leaves_a_check_of_roles(watched, roles):
    watched({"roles": [f"baremesh.edge.{role}" for role in roles]}, "--check")


@pytest.mark.parametrize("kind", ["server", "agent"])
def test_no_canary_leaves_a_check_of_k3s(watched, kind):
    join = {} if kind == "server" else {"k3s_server_url": "https://192.0.2.1:6443", "k3s_server_host": "localhost"}
    run = watched({"roles": ["baremesh.edge.k3s"]}, "--check", k3s_type=kind, **join)
    result = run.result("Run | Configure and start K3s, and wait for its Node")
    assert "********" in str(result["diff"]), "the files are there, their values hidden"


def pem_pair():
    """A certificate and its key; what stands before them, readers pass over."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own.example.com")])
    now = dt.datetime.now(dt.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("own.example.com")]), critical=False).sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(form[0]).decode(), key.private_bytes(*form).decode()


@pytest.mark.parametrize(
    ("role", "task"), [("cert_manager", "issuers and their Secrets"), ("certificate", "certificates that users bring")]
)
def test_no_canary_leaves_objects_that_are_applied(watched, tmp_path, role, task):
    """The module gets the values, and fails where the API is to be: tokens of DNS providers, Secrets, and keys that users bring."""
    server = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [server], "contexts": [context], "users": [{"name": "u", "user": {}}], "current-context": "c"}
    (tmp_path / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    certificate, key = pem_pair()
    run = watched(
        {"tasks": [{"name": "Configure", "ansible.builtin.include_role": {"name": f"baremesh.edge.{role}", "tasks_from": "configure"}}]},
        edge_kubeconfig=str(tmp_path / "kubeconfig"),
        edge_sites=[
            {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "own"}, "routes": [{"service": "a.b", "port": 80}]}
        ],
        certificate_provided=[{"name": "own", "certificate": f"{C}-chain\n{certificate}", "private_key": f"{C}-key\n{key}"}],
        cert_manager_wait_timeout=1,
        _edge_api_probe={"available": True},
        edge_compared={"pending": [], "rolled_out": True},
    )
    result = run.result(f"Apply the {task}")
    assert result["failed"], result
    assert "cannot be reached" in result["msg"], result["msg"]
    assert key.splitlines()[1] not in run.output


@pytest.fixture
def apply(watched, tmp_path):
    """A function that lets role common apply Helm releases."""
    (tmp_path / "kubeconfig").write_text("{apiVersion: v1, kind: Config}", encoding="utf-8")

    def apply(given):
        pending = [
            {"name": release["name"], "action": "install", "differences": ["is missing"]} for release in given["_edge_helm_releases"]
        ]
        apply.variables = {
            **given,
            "_edge_helm_found": {"pending": pending, "broken": [], "missing_namespaces": []},
            "_edge_helm_labels": {},
            "_edge_api_probe": {"available": True},
            "edge_helm": str(watched.tools / "helm"),
            "edge_kubeconfig": str(tmp_path / "kubeconfig"),
        }
        role = {"name": "baremesh.edge.common", "tasks_from": "helm_apply"}
        apply.tasks = {"tasks": [{"name": "Apply", "ansible.builtin.include_role": role}]}
        return watched(apply.tasks, **apply.variables)

    return apply


def test_no_canary_leaves_helm(watched, apply, tmp_path):
    """Values of charts are given to Helm by a file, and what it answers is quoted without its secrets."""
    (tmp_path / "istiod-1.31.1.tgz").write_bytes(b"")
    release = {
        "name": "istiod",
        "namespace": "istio-system",
        "chart": "istiod",
        "chart_version": "1.31.1",
        "values": SECRETS["istio_istiod_values"],
    }
    given = {
        "_edge_helm_charts": {"repository": "", "dir": str(tmp_path), "sha256": {}, "pin": "istio_chart_sha256"},
        "_edge_helm_releases": [release],
        "edge_environment": {},
    }
    run = apply(given)
    assert run.status != 0
    said = run.result("Stop where Helm has failed")["msg"]
    assert 'looks like "https://********@charts.example.com" is not a valid chart repository' in said.replace("\\", "")
    assert C not in watched.helm.read_text(encoding="utf-8")


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy and, behind it, a chart repository; each has a password. It answers when the arguments of all processes were read again."""

    def do_GET(self):
        known = [self.headers.get(name) for name in ("Proxy-Authorization", "Authorization")]
        self.server.asked.append((self.path, *(base64.b64decode((each or "").rpartition(" ")[2]).decode() for each in known)))
        before = Arguments.running.samples
        while Arguments.running.samples < before + 3 and not Arguments.running.ended.wait(0.01):
            pass
        index = {"entries": {"istiod": [{"version": "1.31.1", "urls": ["istiod-1.31.1.tgz"]}]}}
        body = json.dumps(index).encode() if self.path.endswith("index.yaml") else b"istiod"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def proxy():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_canary_leaves_a_fetch_of_charts(watched, apply, proxy):
    """The passwords of the repository and of the proxy reach these two and no one else, Helm included."""
    release = {"name": "istiod", "namespace": "istio-system", "chart": "istiod", "chart_version": "1.31.1", "values": {}}
    run = apply(
        {
            "_edge_helm_charts": {
                "repository": f"http://me:{C}-charts@charts.example.com/istio",
                "dir": "",
                "sha256": {"istiod": hashlib.sha256(b"istiod").hexdigest()},
                "pin": "istio_chart_sha256",
            },
            "_edge_helm_releases": [release],
            "edge_environment": {"HTTP_PROXY": f"http://you:{C}-proxy@127.0.0.1:{proxy.server_port}"},
        }
    )
    assert proxy.asked == [
        (f"http://charts.example.com/istio/{name}", f"you:{C}-proxy", f"me:{C}-charts") for name in ("index.yaml", "istiod-1.31.1.tgz")
    ]
    helm = watched.helm.read_text(encoding="utf-8")
    assert "istiod-1.31.1.tgz" in helm, "Helm was not asked to install the chart"
    assert C not in helm
    assert "\nNO_PROXY=localhost,127.0.0.1," in helm, "the API is reached without a proxy"
    folder = Path(run.result("Create a folder for the charts")["path"])
    assert not folder.exists()


def test_a_run_says_which_release_helm_installs(apply, play, tmp_path):
    """Each by a task of its own: in a loop with C(no_log) Ansible shows no label."""
    release = {"namespace": "istio-system", "chart": "istiod", "chart_version": "1.31.1", "values": SECRETS["istio_istiod_values"]}
    given = {
        "_edge_helm_charts": {"repository": "", "dir": str(tmp_path), "sha256": {}, "pin": "istio_chart_sha256"},
        "_edge_helm_releases": [{"name": name, **release} for name in ("istiod", "istiod-canary")],
        "edge_environment": {},
    }
    (tmp_path / "istiod-1.31.1.tgz").write_bytes(b"")
    assert "Install or upgrade the Helm release istiod" in str(apply(given).results())
    groups = {"all": {"hosts": {"localhost": {**COMMON, **apply.variables}}}}
    checked = play([{"hosts": "localhost", "gather_facts": False, **apply.tasks}], groups, "--check")
    checked = checked.result("Show what Helm would install or upgrade")
    assert [result["msg"] for result in checked["results"]] == [
        "Would install Helm release istiod: is missing",
        "Would install Helm release istiod-canary: is missing",
    ]


MANAGER = """#!/usr/bin/python
import json, os, subprocess
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"name": {"type": "list"}, "state": {}, "update_cache": {"type": "bool"}})
seen = {name: os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "GITHUB_TOKEN", "PYTHONPATH")}
child = subprocess.check_output(["printenv", "HTTPS_PROXY"], text=True)
with open(os.environ["CANARY_MANAGER"], "w") as file:
    json.dump({"names": module.params["name"], "seen": seen, "child": child}, file)
module.exit_json(changed=True)
"""


def test_no_canary_leaves_the_package_manager(watched, tmp_path, monkeypatch):
    """It and what it starts get the proxy's password all the same."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "canary_manager.py").write_text(MANAGER, encoding="utf-8")
    monkeypatch.setenv("ANSIBLE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("CANARY_MANAGER", str(tmp_path / "seen.json"))
    probe = {"missing_libraries": ["yaml"], "helm_ready": True, "problems": [], "architecture": "amd64", "os_family": "", "available": True}
    facts = {"cacheable": True, "os_family": "Canary", "pkg_mgr": "ansible.legacy.canary_manager"}
    run = watched(
        {
            "tasks": [
                {"name": "Facts", "ansible.builtin.set_fact": facts},
                *(
                    {"name": phase, "ansible.builtin.include_role": {"name": "baremesh.edge.api_client", "tasks_from": phase}}
                    for phase in ("install", "verify", "verify")
                ),
            ]
        },
        _edge_api_probe=probe,
        ansible_async_dir=str(tmp_path / "jobs"),
        api_client_packages={"Canary": {"yaml": "python3-yaml"}},
        **dict.fromkeys(ADDRESSES, ""),
    )
    assert run.messages == []
    found = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert found["names"] == ["python3-yaml"]
    assert found["seen"] == {**PROXY, "https_proxy": PROXY["HTTPS_PROXY"], "PYTHONPATH": None}
    assert found["child"].strip() == PROXY["HTTPS_PROXY"]
    assert not Path(run.result("Create a folder for the environment")["path"]).exists()
    assert list((tmp_path / "jobs").iterdir()) == [], "the record of the installation is removed"
