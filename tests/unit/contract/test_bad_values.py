# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad value for each variable of each role, and the sentence about it, by the code that refuses it in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from project import ROLES, ROOT, load
from test_shapes import NODE

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import secret_objects
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._plain import RULES, plain_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import site_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight_report import read
from ansible_collections.baremesh.edge.plugins.plugin_utils._renewal import renewal_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import version_findings

TABLE = load(Path(__file__).with_name("bad_values.yml"))
ROWS = [(judge, variable, *row) for judge, rows in TABLE.items() for variable, row in rows.items()]
# What Ansible refuses by the type of the argument spec.
BAD = {"bool": "maybe", "int": "many", "float": "many", "dict": "word", "list": {"a": 1}}
SPECS = {
    variable: (role.name, option)
    for role in ROLES
    for point, spec in load(role / "meta" / "argument_specs.yml")["argument_specs"].items()
    if point != "remove"
    for variable, option in (spec.get("options") or {}).items()
}
# Role common is not validated by Ansible, see its README.
BY_ANSIBLE = [
    variable for variable, (role, option) in SPECS.items() if role != "common" and (option.get("type") in BAD or "choices" in option)
]


def _preflight(variable: str, value: Any) -> list[str]:
    if variable.startswith("preflight_"):
        return read({variable.removeprefix("preflight_"): value}).findings
    return read({variable: value, "dictionaries": {} if variable == "edge_pod_networks" else {variable: value}}).findings


def _k3s(variable: str, value: Any) -> list[str]:
    key = variable.removeprefix("k3s_")
    return k3s_plan({**NODE, "kind": "agent" if key == "agent_config" else "server", key: value})["findings"]


def _versions(variable: str, value: Any) -> list[str]:
    given = {"istio_version": "1.28.1", "cert_manager_version": "v1.19.1", variable: value}
    return version_findings(NODE["version"], given["istio_version"], given["cert_manager_version"])[0]


JUDGES = {
    "plan": lambda variable, value: site_plan([], {variable: value})["findings"],
    "sites": lambda _variable, value: site_plan(value, {})["findings"],
    "k3s": _k3s,
    "preflight": _preflight,
    "plain": lambda variable, value: plain_findings({variable: value}),
    "renewal": lambda _variable, value: renewal_plan([], [], batch_size=1, within_days=value)["findings"],
    "versions": _versions,
    "secrets": lambda _variable, value: secret_objects(value, "cert-manager")[1],
}


@pytest.mark.parametrize(("judge", "variable", "value", "said"), ROWS, ids=[row[1] for row in ROWS])
def test_one_sentence_by_our_own_readers(judge, variable, value, said):
    found = [finding for finding in JUDGES[judge](variable, value) if variable in finding]
    assert len([finding for finding in found if finding.startswith(said)]) == 1, found


@pytest.mark.parametrize("variable", BY_ANSIBLE)
def test_one_sentence_by_ansible(variable):
    option = {key: value for key, value in SPECS[variable][1].items() if key in ("type", "choices", "elements")}
    value = BAD.get(option.get("type", "str"), "other")
    (said,) = ArgumentSpecValidator({variable: option}).validate({variable: value}).error_messages
    assert variable in said


# Any text is taken, or a module or a filter on the host refuses the value; a variable here has no row yet.
WITHOUT_ROW = {
    "api_client_helm_version",
    "cert_manager_chart_dir",
    "edge_api_host",
    "edge_host_addresses",
    "edge_hosts",
    "edge_kubeconfig",
    "edge_server_hosts",
    "host_ports_ports",
    "host_ports_verify",
    "istio_chart_dir",
    "istio_gateways",
    "istio_ingress_class",
    "istio_ingress_gateway",
    "k3s_airgap_dir",
    "k3s_image_archives",
    "k3s_server_host",
    "k3s_token",
    "preflight_serves_ipv6",
}


def test_each_variable_has_a_row():
    assert {row[1] for row in ROWS} | set(BY_ANSIBLE) | WITHOUT_ROW == set(SPECS)
    assert not WITHOUT_ROW & ({row[1] for row in ROWS} | set(BY_ANSIBLE))


def test_the_preflight_asks_for_every_plain_variable():
    assert set(load(ROOT / "roles/preflight/vars/main.yml")["_preflight_settings"]["plain"]) == set(RULES)


@pytest.mark.parametrize(
    "values",
    [
        {"edge_http_node_port": "30080", "edge_https_node_port": 30443, "edge_wait_timeout": "300"},
        {"edge_live_progress": "no", "edge_reset_k3s": True, "edge_allow_no_sites": "False"},
        {"edge_istio_namespace": "istio-system", "cert_manager_namespace": "", "edge_helm": None},
        {"edge_tools_dir": "/opt/edge tools", "k3s_bin_dir": "/usr/bin", "k3s_data_dir": "/srv/k3s"},
        {"k3s_release_url": "http://10.0.0.5:8080/k3s", "k3s_server_url": "https://[2001:db8::1]:6443"},
        {"istio_chart_repository": "oci://registry.example.com/charts", "api_client_helm_url": "file:///srv/mirror/helm"},
    ],
)
def test_what_people_set_is_not_refused(values):
    assert plain_findings(values) == []
