# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts are compared with their digests before Helm takes them. Helm is a script that serves what a test puts into a folder."""

from __future__ import annotations

import hashlib
import sys

import pytest

HELM = """#!/bin/sh
case "$1" in
  version) echo 'version.BuildInfo{Version:"v3.21.4", GitCommit:"0", GitTreeState:"clean", GoVersion:"go1.26"}' ;;
  pull)
    chart=; destination=
    while [ $# -gt 0 ]; do
      case "$1" in
        base|istiod|gateway|cert-manager) chart=$1 ;;
        --destination=*) destination=${1#*=} ;;
        --destination|-d) destination=$2; shift ;;
      esac
      shift
    done
    cp "$FAKE_CHARTS/$chart"-*.tgz "$destination" ;;
esac
"""
BASE, ISTIOD = (hashlib.sha256(name).hexdigest() for name in (b"base", b"istiod"))


@pytest.fixture
def charts(tmp_path):
    folder = tmp_path / "charts"
    folder.mkdir()
    (folder / "base-1.31.1.tgz").write_bytes(b"base")
    (folder / "istiod-v1.31.1.tgz").write_bytes(b"istiod")
    (tmp_path / "helm").write_text(HELM, encoding="utf-8")
    (tmp_path / "helm").chmod(0o755)
    return folder


@pytest.fixture
def fetch(play, charts, tmp_path):
    """Fetch charts by digests, from a repository or a folder."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def fetch(digests, folder=""):
        role = {"name": "baremesh.edge.common", "tasks_from": "helm_charts"}
        playbook = [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "environment": {"FAKE_CHARTS": str(charts), "TMPDIR": str(temporary)},
                "vars": {
                    "_edge_helm_charts": {"repository": "https://charts.example.com", "dir": str(folder), "pin": "istio_chart_sha256"},
                    "_edge_helm_digests": digests,
                    "_edge_helm_pinned": list(digests),
                    "_edge_helm_releases": [{"chart_version": "1.31.1"}],
                    "edge_helm": str(tmp_path / "helm"),
                    "ansible_python_interpreter": sys.executable,
                },
                "tasks": [{"name": "Fetch", "ansible.builtin.include_role": role}],
            }
        ]
        return play(playbook, {"all": {"hosts": {"localhost": {}}}})

    return fetch


def test_charts_of_a_repository_with_the_digests_are_taken(fetch):
    run = fetch({"base": BASE, "istiod": ISTIOD})
    assert run.messages == []
    found = {result["stat"]["checksum"] for result in run.result("Compute the digests of the charts")["results"]}
    assert found == {BASE, ISTIOD}


@pytest.mark.parametrize("local", [False, True])
def test_a_chart_that_was_changed_is_refused(fetch, charts, local):
    (charts / "istiod-v1.31.1.tgz").write_bytes(b"malice")
    run = fetch({"base": BASE, "istiod": ISTIOD}, charts if local else "")
    assert run.status != 0
    (failed,) = [result for result in run.result("Reject charts with other digests")["results"] if result.get("failed")]
    assert f"SHA-256 {ISTIOD}, which istio_chart_sha256 has for the chart istiod. Nothing was installed." in failed["msg"]
    assert hashlib.sha256(b"malice").hexdigest() in failed["msg"]
