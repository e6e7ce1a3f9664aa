# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/tokens.md in which Ansible reads the token without a server, and stores where there is no cluster yet."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import yaml
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "Y2FuYXJ5LWluLWEtY29hbC1taW5l"
PASSWORD = "correct horse"
GIVEN = {
    "ansible_python_interpreter": sys.executable,
    "edge_kubeconfig": "/nonexistent",
    "edge_email": "ops@example.com",
    "acme_server": "https://127.0.0.1:9/dir",
    "acme_ca_bundle": "",
    "dns_server": "192.0.2.53",
}
MADE = "{{ (_cert_manager_plan.objects | selectattr('kind', 'eq', 'Secret') | first).stringData.token | hash('sha256') }}"
STORE = {"name": "openbao", "server": "https://openbao.example.com:8200", "path": "kv", "auth": {"kubernetes": {"role": "edge"}}}
SECRET = {"name": "dns-token", "namespace": "cert-manager", "keys": {"token": {"path": "dns/shop", "property": "tsig"}}}


def example(name):
    """A file that a page of the documentation shows."""
    return yaml.safe_load((ROOT / "docs/examples" / f"{name}.yml").read_text(encoding="utf-8"))


def role(name, *tasks):
    return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"baremesh.edge.{name}"], "tasks": tasks}]


def secret_of(play, variables, *arguments):
    """Digest of the token in the Secret that would be made; the token itself is in nothing that the run shows."""
    show = {"name": "Show", "ansible.builtin.debug": {"msg": MADE}}
    run = play(role("cert_manager", show), {}, "--check", "--diff", "-vvv", *arguments, **GIVEN, **variables)
    assert run.status == 0, run.output
    assert TOKEN not in run.output
    return run.result("Show")["msg"]


DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def test_a_token_from_ansible_vault(play, tmp_path):
    vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(PASSWORD.encode()))])
    (tmp_path / "vault.yml").write_bytes(vault.encrypt(yaml.safe_dump({"vault_dns_token": TOKEN})))
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    files = ("-e", f"@{tmp_path / 'vault.yml'}", "--vault-password-file", str(tmp_path / "password"))
    assert secret_of(play, example("tokens/ansible-vault"), *files) == DIGEST


def test_a_token_from_the_environment(play, monkeypatch):
    monkeypatch.setenv("DNS_TOKEN", TOKEN)
    assert secret_of(play, example("tokens/environment")) == DIGEST


def test_an_empty_variable_of_the_environment_stops_the_run(play, monkeypatch):
    monkeypatch.delenv("DNS_TOKEN", raising=False)
    run = play(role("cert_manager"), {}, "--check", **GIVEN, **example("tokens/environment"))
    assert "token is empty; where a lookup fills it, that found nothing" in "\n".join(run.messages)


def test_everything_that_is_wrong_with_stores_is_said_at_once(play):
    wrong = {"stores": [{**STORE, "server": "http://openbao"}], "secrets": [{**SECRET, "keys": {}}]}
    run = play(role("external_secrets"), {}, **GIVEN, edge_external_secrets=wrong, external_secrets_namespace="A")
    (message,) = run.messages
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "edge_external_secrets.stores[0] (openbao)",
        "edge_external_secrets.secrets[0] (dns-token)",
        "external_secrets_namespace is 'A'; it must be a DNS label",
    ]


def test_check_mode_says_what_would_be_installed(play):
    run = play(role("external_secrets"), {}, "--check", **GIVEN, edge_external_secrets={"stores": [STORE], "secrets": [SECRET]})
    assert run.status == 0, run.output
    said = run.result("Show what would be installed")["msg"]
    assert said[1].startswith("Would install Helm release external-secrets: chart external-secrets 0.16.2")


@pytest.mark.parametrize(("variables", "runs"), [({}, False), ({"edge_external_secrets": {}}, True)])
def test_an_inventory_without_stores_runs_no_task_for_them(play, variables, runs):
    groups = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": {"ansible_connection": "local"}}}}}}
    content = [{"import_playbook": str(ROOT / "playbooks" / f"{name}.yml")} for name in ("target", "parts/external_secrets")]
    run = play(content, groups, "--check", **GIVEN, **variables)
    assert run.status == 0, run.output
    assert any("Validate stores and secrets" in task for task, _host, _result in run.results()) == runs
