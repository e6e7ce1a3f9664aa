# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that the playbooks cannot work with end a run with one sentence, and what is fine is not refused."""

from __future__ import annotations

import sys

import pytest
from inventories import NOWHERE

FLAT = {"all": {"hosts": {"edge1": NOWHERE}}}
OTHER = {"all": {"children": {"master": {"hosts": {"edge1": NOWHERE}}, "node": {"hosts": {"edge2": NOWHERE}}}}}
EMPTY = {"k3s_cluster": {"children": {"server": {"hosts": {}}, "agent": {"hosts": {"edge1": NOWHERE}}}}}
TWICE = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": NOWHERE}}, "agent": {"hosts": {"edge1": NOWHERE}}}}}
CLUSTER = {
    "k3s_cluster": {"children": {"server": {"hosts": {"edge1": NOWHERE}}, "agent": {"hosts": {"edge2": NOWHERE}}}},
    "all": {"hosts": {"db1": NOWHERE}},
}
NEEDED = "groups that are needed: k3s_cluster, with the children server and agent; "


@pytest.mark.parametrize("playbook", ["site.yml", "k3s.yml", "reset.yml"])
def test_a_flat_inventory_is_refused(play, playbook):
    run = play(playbook, FLAT)
    assert run.status != 0
    assert run.messages == [f"The inventory has no group k3s_cluster and server; {NEEDED}groups that are there: none."]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (OTHER, f"The inventory has no group k3s_cluster and server; {NEEDED}groups that are there: master, node."),
        (EMPTY, "The group server has no host: it must have at least one, the K3s server."),
        (TWICE, "edge1 is in both groups server and agent: a K3s server runs pods too, so leave it in server only."),
    ],
)
def test_groups_that_do_not_make_a_cluster_are_refused(play, groups, said):
    run = play("preflight.yml", groups)
    assert run.status != 0
    assert run.messages == [said]


def test_an_empty_inventory_is_refused(play):
    run = play("preflight.yml", {})
    assert run.status != 0
    assert run.messages == [f"The inventory has no group k3s_cluster and server; {NEEDED}groups that are there: none."]


def test_a_limit_that_leaves_no_host_of_the_cluster_is_refused(play):
    run = play("preflight.yml", CLUSTER, "--limit", "db1")
    assert run.status != 0
    assert run.messages == ["--limit db1 leaves no host of k3s_cluster (edge1, edge2)."]


def test_a_limit_that_leaves_out_the_api_host_is_refused(play):
    run = play("certificate.yml", CLUSTER, "--limit", "edge2")
    assert run.status != 0
    assert run.messages == ["--limit edge2 leaves out edge1, the host that talks to the Kubernetes API: add it."]


def test_an_api_host_that_is_not_in_the_inventory_is_refused(play):
    run = play("preflight.yml", CLUSTER, edge_api_host="edge9")
    assert run.status != 0
    assert run.messages == [
        "edge_api_host is 'edge9': it must be a host of the inventory (db1, edge1, edge2), or localhost for the controller."
    ]


def with_variables(**variables):
    return {
        "k3s_cluster": {"children": {"server": {"hosts": {"edge1": {**NOWHERE, **variables}}}, "agent": {"hosts": {"edge2": NOWHERE}}}},
        "all": {"vars": {"edge_allow_no_sites": True, "edge_addresses": ["192.0.2.1"]}},
    }


@pytest.mark.parametrize("playbook", ["site.yml", "certificate.yml"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ansible_host", "{{ nope }}"),
        ("ansible_host", "edge1.{{ nope }}"),
        ("ansible_port", "{{ nope }}"),
        ("ansible_user", "{{ nope.user }}"),
        ("ansible_connection", "{{ nope }}"),
        ("edge_address", "{{ nope }}"),
        ("edge_api_host", "{{ nope }}"),
    ],
)
def test_a_host_that_is_found_by_what_is_undefined(play, playbook, variable, value):
    run = play(playbook, with_variables(**{variable: value}))
    assert run.status != 0
    assert run.messages == [f"edge1: {variable} cannot be read: 'nope' is undefined: define that, or give {variable} a value of its own."]


def test_a_user_whom_the_play_defines(play):
    imported = [{"import_playbook": "baremesh.edge.preflight", "vars": {"nope": {"user": "me"}}}]
    run = play(imported, with_variables(ansible_user="{{ nope.user }}"))
    assert "2 finding(s); nothing was changed.\nedge1: cannot be reached" in run.messages[-1]


def test_a_password_that_is_undefined(play):
    run = play("site.yml", with_variables(ansible_become_password="{{ nope }}"))
    assert run.status != 0
    assert "2 finding(s); nothing was changed.\nedge1: ansible_become_password cannot be read: 'nope' is undefined.\n" in run.messages[-1]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("edge_https_port", "9" * 5000),
        ("edge_wait_timeout", "9" * 5000),
        ("edge_trusted_proxies", "9" * 5000),
        ("edge_trusted_proxies", "\uff11"),
    ],
    ids=range(4),
)
def test_a_number_that_is_none(play, variable, value):
    run = play("site.yml", with_variables(), "-e", f"{variable}={value}")
    assert f"3 finding(s); nothing was changed.\n{variable} is '{value}'; it must be a number from " in run.messages[-1]


def test_a_number_that_is_infinite(play):
    run = play("site.yml", with_variables(edge_trusted_proxies=float("inf")))
    assert "3 finding(s); nothing was changed.\nedge_trusted_proxies is 'inf'; it must be a number from 0 to 16.\n" in run.messages[-1]


CONTROLLER = [
    {"import_playbook": "baremesh.edge.target"},
    {
        "hosts": "edge_api",
        "gather_facts": False,
        "tasks": [
            {"name": "Connect", "ansible.builtin.setup": {"gather_subset": ["!all", "!min", "python", "user"]}},
            {
                "name": "Show",
                "ansible.builtin.debug": {
                    "msg": {"connection": "{{ ansible_connection }}", "become": "{{ ansible_become }}", "tools": "{{ edge_tools_dir }}"}
                },
            },
        ],
    },
]


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("localhost", {}),
        ("localhost", {"all": {"hosts": {"localhost": None}, "vars": {"ansible_user": "root", "ansible_become": True}}}),
        ("127.0.0.1", {**CLUSTER, "all": {**CLUSTER["all"], "vars": {"ansible_python_interpreter": "/none", "ansible_connection": "ssh"}}}),
    ],
)
def test_the_controller_needs_no_entry_in_the_inventory(play, tmp_path, monkeypatch, name, groups):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run = play(CONTROLLER, groups, edge_api_host=name)
    assert run.status == 0, run.output
    assert run.result("Connect")["ansible_facts"]["ansible_python"]["executable"]
    assert run.result("Show")["msg"] == {"connection": "local", "become": False, "tools": str(tmp_path / "data/baremesh-edge")}


def test_tools_of_the_controller_lie_where_a_variable_says(play):
    run = play(CONTROLLER, {"all": {"vars": {"edge_tools_dir": "/srv/tools", "edge_api_host": "localhost"}, "hosts": {"db1": NOWHERE}}})
    assert run.status == 0, run.output
    assert run.result("Show")["msg"]["tools"] == "/srv/tools"


ALONE = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": {"ansible_connection": "local"}}}}}}


@pytest.mark.parametrize("named", [{}, {"edge_api_host": "localhost"}])
def test_a_run_that_starts_at_a_task_still_finds_the_api_host(play, named):
    run = play(
        "site.yml", ALONE, "--check", "--start-at-task", "baremesh.edge.report : Show the summary", edge_kubeconfig="/nonexistent", **named
    )
    assert run.status == 0, run.output
    assert [host for task, host, _result in run.results() if task.endswith("Show the summary")] == [named.get("edge_api_host", "edge1")]


def test_another_strategy_of_the_controller_does_not_matter(play, monkeypatch):
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    run = play("preflight.yml", OTHER)
    assert run.messages == [f"The inventory has no group k3s_cluster and server; {NEEDED}groups that are there: master, node."]
    run = play("status.yml", ALONE, "--check", edge_kubeconfig="/nonexistent")
    assert run.status == 0, run.output


@pytest.mark.parametrize(
    ("config", "networks"),
    [
        ({"cluster-cidr": "10.52.0.0/16, fd52::/56"}, ["10.52.0.0/16", "fd52::/56", "10.43.0.0/16"]),
        ("{cluster-cidr: [10.52.0.0/16], service-cidr: 10.53.0.0/16}", ["10.52.0.0/16", "10.53.0.0/16"]),
        ({}, ["10.42.0.0/16", "10.43.0.0/16"]),
    ],
)
def test_networks_follow_the_configuration_of_servers(play, config, networks):
    """Agents too open their firewalls for these, and for no others."""
    groups = {
        "server": {"hosts": {"edge1": {}}, "vars": {"k3s_server_config": config}},
        "agent": {"hosts": {"edge2": {"ansible_connection": "local"}}},
    }
    show = {"name": "Show", "ansible.builtin.debug": {"msg": "{{ _edge_cluster_networks }}"}}
    content = [{"hosts": "agent", "gather_facts": False, "roles": ["baremesh.edge.common"], "tasks": [show]}]
    assert play(content, groups, edge_server_hosts=["edge1"]).result("Show")["msg"] == networks


SITE_TAGS = "api_client, cert_manager, certificate, egress, external_secrets, gateway, host_ports, istio, k3s, mesh, preflight, report"


@pytest.mark.parametrize("playbook", ["site.yml", "../site.yml"])
def test_tags_that_match_nothing_are_refused(play, playbook):
    run = play(playbook, CLUSTER, "--tags", "k3,nosuchtag")
    assert run.status != 0
    (message,) = run.messages
    assert message.startswith("--tags k3,nosuchtag matches nothing in ")
    assert message.endswith(f"; tags that are there: {SITE_TAGS}.")


@pytest.mark.parametrize("tag", ["base", "edge"])
def test_tags_of_a_playbook_of_ones_own_pass(play, tag):
    base = {
        "hosts": "edge1",
        "gather_facts": False,
        "tags": ["base"],
        "tasks": [{"name": "Base", "ansible.builtin.debug": {"msg": "done"}}],
    }
    run = play(
        [base, {"import_playbook": "baremesh.edge.status", "tags": ["edge"]}], ALONE, "--check", "--tags", tag, edge_kubeconfig="/none"
    )
    assert run.status == 0, run.output


def test_a_tag_that_does_not_exist_beside_one_that_does_is_a_warning(play):
    run = play("status.yml", ALONE, "--check", "--tags", "report,k3", edge_kubeconfig="/nonexistent")
    assert run.status == 0, run.output
    assert "--tags k3 matches nothing in" in run.output


@pytest.mark.parametrize("playbook", ["site.yml", "preflight.yml", "k3s.yml", "host_ports.yml", "reset.yml"])
def test_agents_in_a_group_of_another_name_are_refused(play, playbook):
    run = play(playbook, {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": NOWHERE}}}}, "agents": {"hosts": {"edge2": NOWHERE}}})
    assert run.status != 0
    (message,) = run.messages
    assert message.startswith("The group agents (edge2) is ignored: K3s agents belong in the group agent, a child of k3s_cluster. ")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--limit", "edge2", "--tags", "report"], ["edge2"]),
        (["--limit", "edge2", "--tags", "gateway,host_ports,k3s", "--start-at-task", "Show why the sites were not served"], ["edge2"]),
        (["--limit", "edge2", "--tags", "preflight", "--start-at-task", "Show why the sites were not served"], []),
        (["--limit", "edge1,edge2", "--tags", "report"], []),
        (["--tags", "report"], []),
    ],
)
def test_a_limit_that_leaves_the_sites_unserved_is_said(play, arguments, shown):
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"k3s_cluster": {"children": {"server": {"hosts": {"edge1": local}}, "agent": {"hosts": {"edge2": local}}}}}
    run = play("site.yml", groups, "--check", *arguments, edge_kubeconfig="/nonexistent")
    assert run.status == 0, run.output
    said = {host: result["msg"] for task, host, result in run.results() if task == "Show why the sites were not served"}
    assert list(said) == shown
    for message in said.values():
        assert message == (
            "Istio, cert-manager and the sites were left as they are: --limit edge2 leaves out edge1, the host that talks to the "
            "Kubernetes API. To serve the sites, run again without --limit, or with --limit 'edge2,edge1'."
        )
