# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible import constants

from ansible_collections.baremesh.edge.plugins.plugin_utils import _kept_plan, _plan

SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [{"service": "app.default", "port": 80}]}
ISSUER = {"name": "lab", "server": "https://ca.example.com/dir", "ca_bundle": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"}
CERTIFICATE = {"metadata": {"name": "raw"}, "spec": {"secretName": "raw", "dnsNames": ["a.example.org"], "issuerRef": {"name": "lab"}}}
GATEWAY = {
    "metadata": {"name": "g", "labels": {"a": "b"}},
    "spec": {
        "selector": {"istio": "ingress"},
        "servers": [{"port": {"number": 443, "name": "h", "protocol": "HTTPS"}, "hosts": ["*"], "tls": {"credentialName": "raw"}}],
    },
}
SETTINGS = {
    "cert_manager_issuers": [ISSUER],
    "certificate_certificates": [CERTIFICATE],
    "gateway_gateways": [GATEWAY],
    "edge_addresses": ["192.0.2.1"],
}


@pytest.fixture(autouse=True)
def run(monkeypatch, tmp_path):
    """A run of its own, which has derived nothing yet."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(_kept_plan, "_plans", {})
    return tmp_path


@pytest.fixture
def derived(monkeypatch):
    """What was derived."""
    found = []
    make_plan = _plan.make_plan
    monkeypatch.setattr(_plan, "make_plan", lambda *given: found.append(given) or make_plan(*given))
    return found


def another_process(monkeypatch):
    monkeypatch.setattr(_kept_plan, "_plans", {})


def test_a_task_that_names_the_plan_several_times_derives_it_once(derived):
    sites = [SITE | {"name": f"s{number}", "hosts": [f"s{number}.example.com"]} for number in range(200)]
    first = _kept_plan.site_plan(sites, {})
    assert _kept_plan.site_plan(list(sites), {}) is first
    assert _kept_plan.site_plan(sites[:-1], {}) is not first
    assert len(derived) == 2


def test_a_plan_is_not_that_of_other_sites():
    assert _kept_plan.site_plan([SITE])["certificate_names"] == ["app"]
    assert _kept_plan.site_plan([SITE], {"edge_gateway_namespace": "other"})["certificates"][0]["metadata"]["namespace"] == "other"
    assert _kept_plan.site_plan([SITE | {"name": "b"}], {})["certificate_names"] == ["b"]


@pytest.mark.parametrize("sites", [[SITE], [SITE, {"name": "Bad"}], [], "nonsense"])
def test_the_processes_of_a_run_derive_it_once_and_read_the_same(monkeypatch, derived, run, sites):
    first = _kept_plan.site_plan(sites, SETTINGS)
    another_process(monkeypatch)
    assert _kept_plan.site_plan(sites, SETTINGS) == first == _plan.make_plan(sites, SETTINGS)
    assert len(derived) == 2  # by the first process, and by this test
    (file,) = run.iterdir()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("first", [True, False])
def test_a_process_of_a_task_compiles_little_else(run, first):
    """Ansible compiles anew what a process imports. The first one imports what the others have from it."""
    _kept_plan.site_plan([SITE], SETTINGS)
    program = f"""
import json, multiprocessing, sys
from ansible import constants
constants.DEFAULT_LOCAL_TMP = {str(run)!r}

def derive():
    from ansible_collections.baremesh.edge.plugins.filter.edge import FilterModule
    FilterModule().filters()["site_plan"](*json.loads(sys.argv[1]))
    ours = [name for name in sys.modules if "edge.plugins.plugin_utils." in name or "edge.plugins.module_utils." in name]
    print([name.rpartition(".")[2] for name in ours], flush=True)

process = multiprocessing.get_context("fork").Process(target=derive)
derive() if {first} else process.start()
"""
    out = subprocess.run(
        [sys.executable, "-c", program, json.dumps([[SITE], SETTINGS])],
        check=True,
        capture_output=True,
        text=True,
        cwd=run,
        env={"PYTHONPATH": ":".join(sys.path)},
    ).stdout
    assert ("'_plan'" in out) is first
    if not first:
        assert out.strip() == "['_masking', '_numbers', '_shown', '_kept_plan']"


def test_what_a_killed_process_left_is_no_plan(monkeypatch, run):
    first = _kept_plan.site_plan([SITE], {})
    (file,) = run.iterdir()
    file.write_text(file.read_text()[:100])
    another_process(monkeypatch)
    assert _kept_plan.site_plan([SITE], {}) == first


@pytest.mark.parametrize("folder", ["gone", "file"])
def test_a_folder_that_takes_no_file_does_not_matter(monkeypatch, run, folder):
    (run / "file").touch()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(run / folder))
    assert _kept_plan.site_plan([SITE], {})["findings"] == []


def test_a_value_that_json_does_not_know_does_not_matter(monkeypatch, run):
    class Text:
        """Stands for a date in a manifest."""

    gateway = {"metadata": {"name": "g", "annotations": {}}, "spec": {}, "status": Text()}
    first = _kept_plan.site_plan([SITE], {"gateway_gateways": [gateway]})
    another_process(monkeypatch)
    assert _kept_plan.site_plan([SITE], {"gateway_gateways": [gateway]}) == first
    assert list(run.iterdir()) == []
