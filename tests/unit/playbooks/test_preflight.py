# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook preflight on this machine, which it only reads."""

from __future__ import annotations

import http.server
import json
import sys
import threading

import pytest
from inventories import NOWHERE

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
#: Checks whose outcome depends on the machine.
OF_THE_MACHINE = "release, system, resources, time, names, ports"


def cluster(agent=None):
    return {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": HERE}}, "agent": {"hosts": {"edge2": agent} if agent else {}}}}}


@pytest.mark.parametrize("addresses", ["192.0.2.10, edge.example.com", '["192.0.2.10"]', ["192.0.2.10"]])
def test_what_surveys_send_is_read(play, addresses):
    run = play("preflight.yml", cluster(), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", edge_addresses=addresses)
    assert run.status == 0, run.output
    assert run.result("Verify | Judge settings, hosts and network")["ansible_facts"]["preflight_report"]["errors"] == []


def test_a_host_that_cannot_be_reached_is_a_finding_among_others(play):
    run = play("preflight.yml", cluster(NOWHERE), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", k3s_version="latest")
    assert run.status != 0
    (message,) = run.messages
    first, second, third = message.splitlines()
    assert first == "2 finding(s); nothing was changed."
    assert second.startswith("k3s_version is 'latest': ")
    assert third.startswith("edge2: cannot be reached (")


def test_servers_and_agents_may_have_variables_of_their_own(play):
    agents = {"hosts": {"edge2": NOWHERE}, "vars": {"k3s_agent_config": {"node-label": "edge"}}}
    later = {"k3s_registries": "{{ edge_environment }}", "host_ports_verify": "{{ edge_reset_k3s }}"}
    servers = {"hosts": {"edge1": {**NOWHERE, **later}}, "vars": {"k3s_server_config": '{"selinux": "yes"}'}}
    groups = {"k3s_cluster": {"children": {"agent": agents, "server": servers}}}
    run = play("preflight.yml", groups, preflight_skip=f"{OF_THE_MACHINE}, dns, acme")
    assert run.status != 0
    said = [line for line in run.messages[-1].splitlines()[1:] if "cannot be reached" not in line]
    assert [line.partition("k3s_")[2] for line in said] == [
        "server_config has 'yes' under 'selinux': it must be true or false.",
        "agent_config has 'edge' under 'node-label': it must be a label such as key=value.",
    ]


@pytest.mark.parametrize("given", [{}, {"ansible_become_password": "wrong"}])
def test_a_password_that_sudo_does_not_take_is_a_finding_among_others(play, tmp_path, monkeypatch, given):
    sudo = tmp_path / "sudo"
    # As sudo does: -n takes no password, and -p says how it asks for one, again where it is wrong.
    sudo.write_text(
        '#!/bin/sh\ncase "$*" in *" -n "*) echo "sudo: a password is required" >&2; exit 1;; esac\n'
        'while [ "$1" != -p ]; do shift; done\nprintf %s "$2"\nread -r word\necho "Sorry, try again."\nprintf %s "$2"\nread -r word\n'
    )
    sudo.chmod(0o755)
    server = {**HERE, "ansible_become": True, "ansible_become_exe": str(sudo), **given}
    groups = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": server}}}}}
    monkeypatch.setenv("ANSIBLE_BECOME_ALLOW_SAME_USER", "true")
    run = play("preflight.yml", groups, preflight_skip=f"{OF_THE_MACHINE}, dns, acme", k3s_version="latest")
    assert run.status != 0
    first, second, third = run.messages[-1].splitlines()
    assert first == "2 finding(s); nothing was changed."
    assert second.startswith("k3s_version is 'latest': ")
    assert third.endswith("set ansible_become_password of the host, or run with --ask-become-pass.")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"preflight_begins_run": True}, "errors"),
        ({"preflight_begins_run": True, "gateway_gateways": "[]"}, "errors"),
        ({"preflight_begins_run": True, "edge_allow_no_sites": "true"}, None),
        ({"preflight_begins_run": True, "gateway_destination_rules": [{"metadata": {"name": "x"}, "spec": {"host": "web.default"}}]}, None),
        # Hosts may be looked at before there are sites.
        ({}, "warnings"),
    ],
)
def test_a_run_that_would_serve_nothing_is_a_finding(play, given, kind):
    run = play("preflight.yml", cluster(), preflight_skip=f"{OF_THE_MACHINE}, dns, acme", **given)
    found = run.result("Verify | Judge settings, hosts and network")["ansible_facts"]["preflight_report"]
    said = [name for name, texts in found.items() if any(text.startswith("edge_sites is empty, and so are ") for text in texts)]
    assert said == ([kind] if kind else [])
    assert (run.status == 0) is (kind != "errors")


def test_a_run_with_a_gateway_for_no_known_pods_alone_ends_before_anything_changes(play):
    """As most guides have it, for the gateway that istioctl installs."""
    server = {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["app.example.com"]}
    guide = {"selector": {"istio": "ingressgateway"}, "servers": [{**server, "tls": {"mode": "SIMPLE", "credentialName": "app"}}]}
    run = play(
        "preflight.yml",
        cluster(),
        preflight_skip=f"{OF_THE_MACHINE}, dns, acme",
        preflight_begins_run=True,
        gateway_gateways=[{"metadata": {"name": "guide"}, "spec": guide}],
    )
    assert run.status != 0
    first, second = run.messages[0].splitlines()
    assert first == "1 finding(s); nothing was changed."
    assert second.startswith("gateway_gateways (istio-ingress/guide): its selector istio=ingressgateway fits no gateway of the sites, ")


def test_an_api_host_that_cannot_be_reached_is_a_finding(play):
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "own", "routes": [{"prefix": "/", "service": "web.default", "port": 80}]}
    run = play(
        "preflight.yml",
        {**cluster(), "all": {"hosts": {"db1": NOWHERE}}},
        edge_api_host="db1",
        edge_sites=[site],
        cert_manager_issuers=[{"name": "own", "type": "selfsigned"}],
        preflight_skip=OF_THE_MACHINE,
    )
    assert run.status != 0
    assert "db1: cannot look at DNS and ACME servers (" in run.messages[0]
    assert run.messages[0].startswith("1 finding(s)")


@pytest.mark.parametrize("api_host", ["edge1", "localhost"])
def test_acme_servers_are_asked_through_the_proxy(play, api_host):
    """Also where the host that talks to the API is none of the hosts."""
    asked = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

        def do_CONNECT(self):
            asked.append(self.path)
            self.send_error(403)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        run = play(
            "preflight.yml",
            cluster(),
            edge_api_host=api_host,
            edge_environment={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"},
            edge_sites=[{**OWN, "issuer": "away"}],
            cert_manager_issuers=[{"name": "away", "type": "acme", "server": "https://acme.example.com/dir", "email": "ops@example.com"}],
            preflight_skip=f"{OF_THE_MACHINE}, dns, dry_run",
        )
        proxy.shutdown()
    assert "acme.example.com:443" in asked
    assert "the ACME server https://acme.example.com/dir of issuer away does not answer (" in run.messages[0]


@pytest.mark.parametrize(
    "given",
    [
        {"edge_sites": [{"name": "app", "hosts": ["app.{{ domain }}"]}]},
        # No facts are gathered before preflight.
        {"edge_addresses": ["{{ ansible_facts['default_ipv4']['address'] }}"]},
        {"edge_email": "{{ edge_email }}"},
        {"k3s_registries": "{{ edge_environment | no_such_filter }}"},
    ],
    ids=str,
)
def test_a_variable_that_cannot_be_read_is_named(play, given):
    groups = cluster(NOWHERE)
    groups["k3s_cluster"]["vars"] = given
    run = play("preflight.yml", groups, preflight_skip=f"{OF_THE_MACHINE}, dns, acme")
    assert run.status != 0
    (variable,) = given
    # Old releases of Ansible let the plan judge what is not defined.
    said = (f"{variable} cannot be read: ", f"{variable} is AnsibleUndefined")
    assert [message for message in run.messages if any(text in message for text in said)], run.messages
    assert "Traceback" not in run.output


def test_a_limit_leaves_out_hosts(play):
    run = play("preflight.yml", cluster(NOWHERE), "--limit", "edge1", preflight_skip=f"{OF_THE_MACHINE}, acme")
    assert run.status == 0, run.output


DENIED = 'admission webhook "webhook.cert-manager.io" denied the request: spec.duration: Invalid value'
KINDS = {"/apis/cert-manager.io/v1": {"certificates": "Certificate"}, "/apis/networking.istio.io/v1": {"gateways": "Gateway"}}


@pytest.fixture
def kubernetes(tmp_path):
    """A Kubernetes API with Certificates and Gateways, the webhook of which refuses all Certificates; and what it was asked to change."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments):
            pass

        def do_GET(self):
            kinds = KINDS.get(self.path)
            resources = [{"name": name, "kind": kind, "namespaced": True} for name, kind in (kinds or {}).items()]
            self.answer(200, {"resources": resources, "items": [], "metadata": {}})

        def do_PATCH(self):
            asked.append(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if body["kind"] == "Certificate":
                self.answer(400, {"kind": "Status", "code": 400, "reason": "BadRequest", "message": DENIED})
            else:
                self.answer(200, body)

        def answer(self, code, document):
            text = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": {}}], "current-context": "c"}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    yield str(path), asked
    server.shutdown()
    thread.join()
    server.server_close()


OWN = {
    "name": "app",
    "hosts": ["app.example.com"],
    "issuer": "own",
    "routes": [{"prefix": "/", "service": "web.default", "port": 80}],
}


@pytest.mark.parametrize(("arguments", "api_host"), [((), {}), (("--check",), {"edge_api_host": "localhost"})])
def test_what_a_webhook_refuses_is_a_finding(play, kubernetes, arguments, api_host):
    kubeconfig, asked = kubernetes
    run = play(
        "preflight.yml",
        cluster(NOWHERE),
        *arguments,
        edge_kubeconfig=kubeconfig,
        edge_sites=[OWN],
        cert_manager_issuers=[{"name": "own", "type": "selfsigned"}],
        preflight_skip=f"{OF_THE_MACHINE}, dns",
        **api_host,
    )
    refused = f"edge_sites (app): the Kubernetes API refuses Certificate istio-ingress/app: {DENIED}."
    assert run.status != 0
    (message,) = run.messages
    assert message.splitlines()[0] == "2 finding(s); nothing was changed."
    assert refused in message.splitlines()
    assert "edge2: cannot be reached (" in message
    assert [path.partition("?")[0].rsplit("/", 2)[1] for path in asked] == ["certificates", "gateways"]
    assert all("dryRun=All" in path for path in asked)


def test_the_api_is_not_asked_where_that_is_skipped(play, kubernetes):
    kubeconfig, asked = kubernetes
    run = play(
        "preflight.yml",
        cluster(),
        edge_kubeconfig=kubeconfig,
        edge_sites=[OWN],
        cert_manager_issuers=[{"name": "own", "type": "selfsigned"}],
        preflight_skip=f"{OF_THE_MACHINE}, dns, dry_run",
    )
    assert run.status == 0, run.output
    assert asked == []
