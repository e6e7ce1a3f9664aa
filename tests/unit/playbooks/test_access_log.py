# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateways log of requests, from the variables of role istio. That they do is for the lab (tests/testinfra/inspected)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
SHARED = ["common/defaults/main.yml", "common/vars/main/versions.yml", "common/vars/main/provided.yml"]
FILES = [*SHARED, "istio/defaults/main.yml", "istio/vars/main.yml"]
# As in plugins/plugin_utils/_releases.py, which makes the objects that name it.
ACCESS_LOG_PROVIDER = "baremesh-edge-access-log"
OWN = {"name": "otel", "envoyOtelAls": {"service": "collector.observability.svc.cluster.local", "port": 4317}}
CASES = {
    "default": {},
    "another provider": {"istio_istiod_values": {"meshConfig": {"extensionProviders": [OWN], "accessLogFile": "/dev/stdout"}}},
    "as text": {"istio_istiod_values": "{meshConfig: {accessLogEncoding: TEXT}}"},
}
# Headers that hold no credentials.
HEADERS = {":METHOD", ":AUTHORITY", "X-REQUEST-ID", "USER-AGENT", "X-FORWARDED-FOR"}


@pytest.fixture
def mesh(play):
    """The configuration of the mesh for each case, in one run."""
    tasks = [
        {"ansible.builtin.debug": {"var": "_istio_charts[1]['values'].meshConfig"}, "name": f"Show {name}", "vars": variables}
        for name, variables in CASES.items()
    ]
    content = [{"hosts": "localhost", "gather_facts": False, "vars_files": [str(ROLES / name) for name in FILES], "tasks": tasks}]
    groups = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
    run = play(content, groups, edge_host_addresses=[], _edge_server_config={})
    assert run.status == 0, run.output
    return {name: run.result(f"Show {name}")["_istio_charts[1]['values'].meshConfig"] for name in CASES}


def test_what_is_logged(mesh):
    (provider,) = mesh["default"]["extensionProviders"]
    assert provider["name"] == ACCESS_LOG_PROVIDER
    assert provider["envoyFileAccessLog"]["path"] == "/dev/stdout"
    fields = provider["envoyFileAccessLog"]["logFormat"]["labels"]
    assert {"start_time", "authority", "path", "response_code", "duration", "downstream_remote_address"} <= set(fields)

    # No credentials: no header that is not known to be harmless, no query, no header of an answer.
    text = " ".join(fields.values())
    assert set(re.findall(r"%REQ\(([^)]+)\)", text)) == HEADERS
    assert fields["path"] == "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%"
    assert not re.search(r"%(RESP|TRAILER|DYNAMIC_METADATA|FILTER_STATE|ENVIRONMENT|PATH|COOKIE|QUERY_PARAM)\b", text)
    assert all(re.fullmatch(r"%[A-Z_]+(\([^)]+\))?%", value) for value in fields.values())


def test_settings_of_the_mesh_stay_as_they_are_given(mesh):
    assert not {"accessLogFile", "accessLogEncoding", "accessLogFormat"} & set(mesh["default"])
    assert [entry["name"] for entry in mesh["another provider"]["extensionProviders"]] == [ACCESS_LOG_PROVIDER, "otel"]
    assert mesh["another provider"]["accessLogFile"] == "/dev/stdout"
    assert mesh["as text"]["accessLogEncoding"] == "TEXT"
    assert mesh["as text"]["ingressSelector"] == "ingress"
