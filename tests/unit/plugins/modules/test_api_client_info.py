# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys

import pytest

from ansible_collections.baremesh.edge.plugins.modules import api_client_info
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run


@pytest.fixture
def venv(tmp_path):
    """An environment whose Python says what answer() told it to, and notes with which arguments it ran."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)

    def answer(verdict="", client=True, code=0):
        python.write_text(
            f'#!/bin/sh\necho "$#" >> {tmp_path}/ran\n'
            f'case "$2" in *find_spec*) exit {0 if client else 3};; esac\n'
            f"cat <<'END'\n{verdict}\nEND\nexit {code}\n"
        )
        python.chmod(0o755)
        return str(python)

    answer.home = tmp_path / "venv"
    return answer


def ask(monkeypatch, python, **options):
    return run(monkeypatch, api_client_info, python=python, **options)


def test_on_a_virgin_host_nothing_is_there_and_nothing_fails(monkeypatch, tmp_path):
    result = ask(monkeypatch, str(tmp_path / "none"), helm=str(tmp_path / "helm"), kubeconfig="/none", probe=True, requirements="x")
    assert not result["failed"]
    assert [result[key] for key in ("python_ready", "helm_ready", "available")] == [False] * 3
    assert "has no Kubernetes client" in result["reason"]


def test_an_environment_of_other_requirements_is_not_ready(monkeypatch, venv):
    python = venv()
    assert not ask(monkeypatch, python, requirements="wanted")["python_ready"], "a run died before its note"
    (venv.home / ".requirements").write_text("older\n")
    assert not ask(monkeypatch, python, requirements="wanted")["python_ready"]
    (venv.home / ".requirements").write_text("wanted\n")
    assert ask(monkeypatch, python, requirements="wanted")["python_ready"]


def test_a_python_without_the_client_is_not_ready(monkeypatch, venv):
    assert not ask(monkeypatch, venv(client=False))["python_ready"]


def test_helm_must_be_executable(monkeypatch, venv, tmp_path):
    helm = tmp_path / "helm"
    helm.write_text("")
    assert not ask(monkeypatch, venv(), helm=str(helm))["helm_ready"]
    helm.chmod(0o755)
    assert ask(monkeypatch, venv(), helm=str(helm))["helm_ready"]


def test_an_api_that_answers_is_available(monkeypatch, venv, tmp_path):
    (tmp_path / "kubeconfig").write_text("")
    result = ask(monkeypatch, venv(""), kubeconfig=str(tmp_path / "kubeconfig"), probe=True)
    assert result["available"]
    assert result["reason"] == ""


@pytest.mark.parametrize(
    ("verdict", "code", "reason"),
    [("HTTP 403 Forbidden", 0, "HTTP 403 Forbidden"), ("ConnectionError: refused", 0, "refused"), ("x", 1, "cannot run: no output")],
)
def test_why_an_api_is_not_available(monkeypatch, venv, tmp_path, verdict, code, reason):
    (tmp_path / "kubeconfig").write_text("")
    result = ask(monkeypatch, venv(verdict, code=code), kubeconfig=str(tmp_path / "kubeconfig"), probe=True)
    assert not result["available"]
    assert reason in result["reason"]


def test_a_missing_kubeconfig_is_told_without_starting_python(monkeypatch, venv, tmp_path):
    result = ask(monkeypatch, venv(), kubeconfig=str(tmp_path / "none"), probe=True)
    assert result["reason"].endswith("none does not exist")
    assert (tmp_path / "ran").read_text().count("\n") == 1, "only the look for the client"


def test_without_a_kubeconfig_the_environment_counts(monkeypatch, venv):
    monkeypatch.delenv("K8S_AUTH_HOST", raising=False)
    assert "K8S_AUTH_HOST" in ask(monkeypatch, venv(), probe=True)["reason"]
    monkeypatch.setenv("K8S_AUTH_HOST", "https://192.0.2.10:6443")
    assert ask(monkeypatch, venv(), probe=True)["available"]


def test_the_question_is_a_program(monkeypatch):
    compile(api_client_info._ASK, "ask", "exec")
    assert ask(monkeypatch, sys.executable)["can_make_venv"]
