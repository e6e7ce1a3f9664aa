# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import platform

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Answer
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import api_client
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.api_client import Host, find_problems
from ansible_collections.baremesh.edge.plugins.modules import api_client_info
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

LOST = "The Kubernetes API at https://127.0.0.1:6443 cannot be reached: connection refused"
ALL = ("yaml", "cryptography")


class Transport:
    def __init__(self, answer):
        self._answer = answer

    def request(self, method, path, *_rest):
        assert (method, path) == ("GET", "/readyz")
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def ask(monkeypatch):
    def call(answer, **options):
        monkeypatch.setattr(api_client_info, "open_transport", lambda params: Transport(answer))
        return run(monkeypatch, api_client_info, **options)

    return call


def test_an_api_that_answers_is_available(ask):
    found = ask(Answer(200, {}, b"ok"))
    assert (found["available"], found["reason"], found["failed"], found["changed"]) == (True, "", False, False)
    assert found["architecture"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ConnectionLost(LOST), LOST),
        (
            Answer(500, {}, b"[-]etcd failed\nreadyz check failed"),
            "The Kubernetes API is not ready: HTTP 500 [-]etcd failed readyz check failed",
        ),
        (Answer(403, {}, b""), "The Kubernetes API is not ready: HTTP 403"),
    ],
)
def test_why_an_api_is_not_available(ask, answer, reason):
    found = ask(answer)
    assert (found["available"], found["reason"], found["failed"]) == (False, reason, False)


def test_a_kubeconfig_that_is_not_there_yet(monkeypatch, tmp_path):
    found = run(monkeypatch, api_client_info, kubeconfig=str(tmp_path / "none"))
    assert (found["available"], found["failed"]) == (False, False)
    assert found["reason"].endswith("but there is no such file on this host")


def test_the_architecture_is_gos(ask, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert ask(Answer(200, {}, b"ok"))["architecture"] == "arm64"


def test_helm_must_be_executable(ask, tmp_path):
    helm = tmp_path / "helm"
    helm.write_text("")
    assert not ask(Answer(200, {}), helm=str(helm), tools_dir=str(tmp_path))["helm_ready"]
    helm.chmod(0o755)
    found = ask(Answer(200, {}), helm=str(helm), tools_dir=str(tmp_path), install=False)
    assert (found["helm_ready"], found["missing_libraries"], found["problems"]) == (True, [], [])


@pytest.mark.parametrize(
    ("host", "install", "problem"),
    [
        (Host("/usr/bin/python3", True, ()), True, None),
        (Host("/usr/bin/python3", True, ALL), False, None),
        (Host("/usr/bin/python3", True, ("yaml",)), False, "cryptography; install the distribution's packages python3-cryptography"),
        (
            Host("/usr/bin/python3", False, ()),
            True,
            "PyYAML and cryptography; install the distribution's packages python3-yaml and python3-cryptography",
        ),
        (Host("/home/me/venv/bin/python", True, ("cryptography",)), True, "/home/me/venv/bin/python -m pip install PyYAML"),
    ],
)
def test_libraries_come_as_packages_of_the_distribution_or_not_at_all(tmp_path, host, install, problem):
    helm = tmp_path / "helm"
    helm.write_text("")
    helm.chmod(0o755)
    found = find_problems(host, install, str(helm), str(tmp_path))
    if problem is None:
        assert found == []
    else:
        assert problem in found[0]


def test_helm_outside_of_the_folder_is_for_the_user_to_install(tmp_path):
    host = Host("/usr/bin/python3", True, ALL)
    sentence = (
        "edge_helm is /usr/local/none/helm, which cannot be executed; install Helm 3 there, or leave edge_helm unset and "
        "api_client_install true"
    )
    assert find_problems(host, True, "/usr/local/none/helm", str(tmp_path)) == [sentence]
    assert find_problems(host, True, str(tmp_path / "bin/helm"), str(tmp_path)) == []
    assert len(find_problems(host, False, str(tmp_path / "bin/helm"), str(tmp_path))) == 1


def test_a_folder_that_the_user_cannot_write_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(api_client.os, "access", lambda path, mode: False)
    (problem,) = find_problems(Host("/x/python", False, ALL), True, str(tmp_path / "new/bin/helm"), str(tmp_path / "new"))
    assert problem.startswith(f"edge_tools_dir is {tmp_path}/new, in which user number ")


def test_all_problems_come_at_once(ask, monkeypatch):
    monkeypatch.setattr(api_client, "Host", lambda: Host("/x/python", False, ()))
    assert len(ask(Answer(200, {}), helm="/none/helm")["problems"]) == 2
