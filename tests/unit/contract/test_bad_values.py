# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad value for each variable of each role, and the sentence about it, by the code that refuses it in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from project import ROLES, ROOT, load, specs_of
from test_shapes import NODE

from ansible_collections.baremesh.edge.plugins.plugin_utils._artefacts import artefact_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._egress_plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._external_secrets import make_plan as external_secrets_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._hosts import api_host
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import secret_objects
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._mesh_plan import make_plan as mesh_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._plain import RULES, plain_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight_report import read, report
from ansible_collections.baremesh.edge.plugins.plugin_utils._provided import mesh_authority, provided_certificates
from ansible_collections.baremesh.edge.plugins.plugin_utils._renewal import renewal_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import version_findings

TABLE = load(Path(__file__).with_name("bad_values.yml"))
ROWS = [(judge, variable, *row) for judge, rows in TABLE.items() for variable, row in rows.items()]
# What Ansible refuses by the type of the argument spec.
BAD = {"bool": "maybe", "int": "many", "float": "many", "dict": "word", "list": {"a": 1}}
SPECS = {
    variable: (role.name, option)
    for role in ROLES
    for point, spec in specs_of(role).items()
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
    kind = "agent" if key == "agent_config" else "server"
    return k3s_plan({**NODE, "kind": kind, "server_known": key != "server_host", key: value})["findings"]


def _inventory(variable: str, value: Any) -> list[str]:
    groups = {"all": ["edge1"], "k3s_cluster": ["edge1"], "server": ["edge1"], "agent": []}
    return api_host(groups, {"edge1": {}}, **{"name" if variable == "edge_api_host" else "confirmation": value})["findings"]


def _report(variable: str, value: Any) -> list[str]:
    return report({variable.removeprefix("k3s_"): value})["errors"]


def _versions(variable: str, value: Any) -> list[str]:
    given = {"istio_version": "1.28.1", "cert_manager_version": "v1.19.1", variable: str(value)}
    return version_findings(NODE["version"], given["istio_version"], given["cert_manager_version"])[0]


JUDGES = {
    "plan": lambda variable, value: site_plan([], {variable: value})["findings"],
    "sites": lambda _variable, value: site_plan(value, {})["findings"],
    "k3s": _k3s,
    "inventory": _inventory,
    "report": _report,
    "preflight": _preflight,
    "artefacts": lambda variable, value: artefact_findings({variable: value}),
    "plain": lambda variable, value: plain_findings({variable: value}),
    "renewal": lambda _variable, value: renewal_plan([], [], batch_size=1, within_days=value)["findings"],
    "versions": _versions,
    "egress": lambda variable, value: (
        make_plan(value, {})["findings"] if variable == "edge_egress" else make_plan([], {variable: value})["findings"]
    ),
    "authority": lambda _variable, value: mesh_authority(value, "istio-system")["findings"],
    "provided": lambda _variable, value: provided_certificates(value, {})["findings"],
    "external_secrets": lambda _variable, value: external_secrets_plan(value)["findings"],
    "mesh": lambda _variable, value: mesh_plan(value, {})["findings"],
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


def test_each_variable_has_a_row():
    assert {row[1] for row in ROWS} | set(BY_ANSIBLE) == set(SPECS)


# Ansible refuses these by their types where their roles begin, which is after K3s was installed.
@pytest.mark.parametrize("variable", [name for name in BY_ANSIBLE if name in RULES])
def test_one_sentence_before_any_change(variable):
    (said,) = plain_findings({variable: BAD.get(SPECS[variable][1].get("type", "str"), "other")})
    assert said.startswith(f"{variable} is ")


@pytest.mark.parametrize("value", [0, -1, "abc", 1.5, "1.5", True, [1], {"a": 1}, " ", 10**9])
@pytest.mark.parametrize("variable", [name for name in SPECS if name.endswith(("_timeout", "_replicas", "_batch_size"))])
def test_ranges(variable, value):
    said = plain_findings({variable: value})
    assert said == [] if value == " " else len(said) == 1
    assert all(sentence.startswith(f"{variable} is '{value}'; it must be a number from 1 to ") for sentence in said)


def test_the_preflight_asks_for_every_plain_variable():
    assert load(ROOT / "roles/preflight/vars/main.yml")["_preflight_plain_names"] == sorted(RULES)


@pytest.mark.parametrize("value", ["/run/k3s", "/var/run/k3s/data", "/dev/shm/k3s"])
def test_data_must_outlive_a_boot(value):
    assert plain_findings({"k3s_data_dir": value}) == [f"k3s_data_dir is {value!r}, which a boot empties; it must be a folder of its own"]


@pytest.mark.parametrize("sources", [5, {"a": 1}, True])
def test_sources_that_cannot_be_read_are_not_every_client(sources):
    (said,) = plain_findings({"host_ports_ports": [{"port": 80, "node_port": 30080, "sources": sources}]})
    assert said.startswith("host_ports_ports[0].sources contains ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("k3s_server_url", "http://lb.example.com:6443"),
        ("k3s_server_url", "https://lb.example.com:6443/v1"),
        ("k3s_server_url", "https://lb.example.com:6443?a=b"),
        ("k3s_release_url", "ftp://mirror.example.com/k3s"),
        ("api_client_helm_url", "oci://mirror.example.com/helm"),
        ("istio_chart_repository", "git://example.com/charts"),
    ],
)
def test_an_address_has_a_scheme_that_its_reader_knows(variable, value):
    (said,) = plain_findings({variable: value})
    assert said.startswith(f"{variable} is {value!r}; it must be an address with its scheme")


@pytest.mark.parametrize("value", ["/", "//", "/var/lib/", "/usr/../etc", "/home/alice"])
def test_k3s_has_a_data_folder_of_its_own(value):
    assert plain_findings({"k3s_data_dir": value})[0].startswith(f"k3s_data_dir is '{value}', but /")


@pytest.mark.parametrize("variable", sorted(RULES))
@pytest.mark.parametrize("value", ["", None])
def test_what_a_survey_leaves_empty_is_refused_where_the_roles_need_a_value(variable, value):
    """Ansible refuses an empty number or switch when its role comes; an empty text would reach what the role runs."""
    role, option = SPECS[variable]
    default = load(ROOT / "roles" / role / "defaults" / "main.yml")[variable]
    # The roles hand on an empty edge_kubeconfig as none.
    optional = default == "" or isinstance(default, list) or variable in ("edge_kubeconfig", "istio_connection_settings")
    said = [f"{variable} is empty; give it a value, or remove it, so that its default counts"]
    assert plain_findings({variable: value}, given=True) == ([] if optional or option.get("type") == "list" else said)
    assert plain_findings({variable: value}) == plain_findings({}, given=True) == []


@pytest.mark.parametrize(
    "values",
    [
        {"edge_http_node_port": "30080", "edge_https_node_port": 30443, "edge_wait_timeout": "300"},
        {"edge_live_progress": "no", "edge_reset_k3s": True, "edge_allow_no_sites": "False"},
        {"edge_kubeconfig": "~/.kube/config"},
        {"edge_kubeconfig": "~deploy/.kube/config"},
        {"edge_istio_namespace": "istio-system", "cert_manager_namespace": "", "edge_helm": None},
        {"edge_tools_dir": "/opt/edge tools", "k3s_bin_dir": "/usr/bin", "k3s_data_dir": "/srv/k3s"},
        {"k3s_data_dir": "/data"},
        {"k3s_release_url": "http://10.0.0.5:8080/k3s", "k3s_server_url": "https://[2001:db8::1]:6443"},
        {"edge_kubeconfig": "/root/.kube/config", "cert_manager_chart_dir": "/srv/charts", "istio_ingress_class": "istio.example.com"},
        {"edge_hosts": ["edge1", "edge2"], "edge_server_hosts": "edge1,edge2", "edge_host_addresses": "192.0.2.10 edge_2"},
        {"host_ports_ports": [{"port": "80", "node_port": 30080, "sources": "192.0.2.0/24,2001:db8::/32"}], "host_ports_verify": True},
        {"host_ports_ports": "[{port: 443, target_port: 8443}]", "host_ports_verify": "auto", "host_ports_nodeport_sources": "10.0.0.0/8"},
        {"istio_gateways": [{"name": "a"}, {"name": "b", "ports": "[{name: https, port: 443}]"}], "istio_gateway_replicas": "2"},
        {"istio_connection_settings": {"profile": "EDGE", "httpRequestTimeout": "0s"}, "istio_ingress_users": "ops, admin"},
        {"istio_connection_settings": "{profile: SIDECAR}", "istio_ingress_policy": "no", "host_ports_filtered_elsewhere": "yes"},
        {"istio_access_log": "yes", "report_gateways": "all"},
        {"istio_ingress_gateway": "{name: istio-ingress, replicas: 2}", "preflight_serves_ipv6": "no", "preflight_max_clock_skew": "2.5"},
        {"api_client_helm_version": "v3.22.0-rc.1", "k3s_firewall_sources": "", "renewal_names": "app, api", "k3s_wait": "yes"},
        {"host_ports_verify": "on", "host_ports_pod_ports": "80, 8443", "host_ports_verify_addresses": ["::1", "edge1.example.com"]},
        {
            "k3s_firewall_sources": ["10.0.0.0/8", "edge1", "fe80::1%eth0"],
            "host_ports_firewalld_zones": "public,dmz_1",
            "host_ports_packages": [],
        },
        {"k3s_server_url": "https://lb.example.com", "api_client_helm_url": "https://user:word@mirror.example.com:8443/helm/"},
        {"host_ports_ports": "[{port: 80, node_port: 30080, sources: '10.0.0.0/8 192.0.2.1'}]"},
        {"istio_chart_repository": "oci://registry.example.com/charts", "api_client_helm_url": "file:///srv/mirror/helm"},
    ],
)
def test_what_people_set_is_not_refused(values):
    assert plain_findings(values) == []
