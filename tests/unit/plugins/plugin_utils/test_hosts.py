# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from jinja2.exceptions import UndefinedError

from ansible_collections.baremesh.edge.plugins.plugin_utils import _hosts as hosts
from ansible_collections.baremesh.edge.plugins.plugin_utils._hosts import api_host, host_addresses


def test_the_most_specific_address_wins():
    hostvars = {
        "a": {"edge_address": "203.0.113.1", "ansible_host": "10.0.0.1"},
        "b": {"ansible_host": "10.0.0.2"},
        "c": {},
        "d": {"edge_address": "", "ansible_host": "10.0.0.4"},
    }
    assert host_addresses(["d", "a", "b", "c"], hostvars) == ["10.0.0.4", "203.0.113.1", "10.0.0.2", "c"]
    assert host_addresses("d, b", hostvars) == ["10.0.0.4", "10.0.0.2"]
    assert host_addresses(["elsewhere"], hostvars) == ["elsewhere"]


HOSTS = {"all": ["edge1", "edge2", "db1"], "k3s_cluster": ["edge1", "edge2"], "server": ["edge1"], "agent": ["edge2"], "ungrouped": []}


def chosen(groups=None, hostvars=None, **settings):
    groups = HOSTS if groups is None else groups
    variables = {host: {} for host in groups.get("all", [])}
    return api_host(groups, {**variables, **(hostvars or {})}, **settings)


@pytest.mark.parametrize("scope", ["api", "cluster"])
def test_the_first_server_talks_to_the_api(scope):
    assert chosen(scope=scope) == {"findings": [], "name": "edge1", "local": False, "limited": False}


@pytest.mark.parametrize("name", ["edge2", "db1"])
def test_another_host_may_talk_to_the_api(name):
    assert chosen(name=name) == {"findings": [], "name": name, "local": False, "limited": False}
    assert chosen(hostvars={"edge1": {"edge_api_host": name}}) == {"findings": [], "name": name, "local": False, "limited": False}


def test_blanks_of_a_survey_are_no_part_of_a_name():
    assert chosen(name=" edge2\n") == {"findings": [], "name": "edge2", "local": False, "limited": False}
    assert chosen(name="localhost ")["local"] is True


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("groups", [HOSTS, {"all": [], "ungrouped": []}])
def test_the_controller_need_not_be_in_the_inventory(name, groups):
    assert chosen(groups, name=name) == {"findings": [], "name": name, "local": True, "limited": False}


def test_the_inventory_may_say_how_to_connect_to_the_controller():
    groups = {**HOSTS, "all": [*HOSTS["all"], "localhost"]}
    assert chosen(groups, name="localhost")["local"] is True
    assert chosen(groups, {"localhost": {"ansible_connection": "ssh"}}, name="localhost")["local"] is False


def test_the_controller_as_a_host_of_the_cluster_is_left_as_it_is():
    groups = {"all": ["localhost"], "k3s_cluster": ["localhost"], "server": ["localhost"]}
    assert chosen(groups, scope="cluster") == {"findings": [], "name": "localhost", "local": False, "limited": False}


@pytest.mark.parametrize("name", ["edge9", "192.0.2.1", "local", "EDGE1", ["edge1"], {"edge1": None}, True])
def test_an_api_host_that_is_not_in_the_inventory(name):
    (finding,) = chosen(name=name)["findings"]
    assert finding == (
        f"edge_api_host is {str(name)!r}: it must be a host of the inventory (edge1, edge2, db1), or localhost for the controller."
    )


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"all": ["a"], "ungrouped": ["a"]}, "The inventory has no group k3s_cluster and server; "),
        ({"all": ["a"], "master": ["a"], "node": []}, "groups that are there: master, node."),
        ({"all": [], "ungrouped": []}, "groups that are there: none."),
        (
            {"all": ["a"], "server": ["a"]},
            "The inventory has no group k3s_cluster; groups that are needed: k3s_cluster, with ",
        ),
        ({"all": ["a"], "k3s_cluster": ["a"], "master": ["a"]}, "The inventory has no group server; "),
        ({"all": [], "k3s_cluster": [], "server": []}, "The group server has no host: "),
        ({"all": ["a"], "k3s_cluster": ["a"], "server": [], "agent": ["a"]}, "The group server has no host: "),
        ({**HOSTS, "agent": ["edge1", "edge2"]}, "edge1 is in both groups server and agent: "),
        ({**HOSTS, "agent": ["edge2", "db1"]}, "db1 is in the group agent, but not in k3s_cluster: "),
        ({**HOSTS, "k3s_cluster": ["edge1", "edge2", "db1"]}, "db1 is in the group k3s_cluster, but neither in server nor in agent: "),
    ],
)
def test_groups_that_a_playbook_of_the_cluster_cannot_use(groups, said):
    (finding,) = chosen(groups, scope="cluster")["findings"]
    assert said in finding
    assert finding.endswith(".")


def test_all_is_found_at_once():
    groups = {"all": ["a", "b"], "k3s_cluster": ["a", "b"], "server": ["a", "b"], "agent": ["a", "b"]}
    assert len(chosen(groups, scope="cluster", name="c")["findings"]) == 3


@pytest.mark.parametrize("groups", [{"all": ["a"], "ungrouped": ["a"]}, {"all": ["a"], "k3s_cluster": ["a"], "master": ["a"]}])
def test_a_playbook_that_needs_the_api_only_needs_a_host_for_it(groups):
    assert chosen(groups, name="a")["findings"] == []
    assert chosen({"all": ["a"], "ungrouped": ["a"]})["findings"]


@pytest.mark.parametrize("limit", ["edge1", "edge2", "k3s_cluster", "all", "!db1", "edge*"])
def test_a_limit_may_leave_a_part_of_the_cluster(limit):
    assert chosen(scope="cluster", limit=limit)["findings"] == []


def test_a_limit_that_leaves_no_host_of_the_cluster():
    assert chosen(scope="cluster", limit="db1")["findings"] == ["--limit db1 leaves no host of k3s_cluster (edge1, edge2)."]


@pytest.mark.parametrize("name", ["edge1", "localhost"])
def test_a_limit_that_leaves_out_the_api_host(name):
    assert chosen(name=name, limit=name)["findings"] == []
    assert chosen(name=name, limit="all")["findings"] == []
    assert chosen(name=name, limit="edge2")["findings"] == [
        f"--limit edge2 leaves out {name}, the host that talks to the Kubernetes API: add it."
    ]


ONE = {"all": ["a", "b", "c"], "k3s_cluster": ["a"], "server": ["a"]}


@pytest.mark.parametrize("group", ["agents", "Agents", "k3s_agents", "k3s-nodes", "K3s_workers"])
def test_agents_in_a_group_of_another_name_are_refused(group):
    (finding,) = chosen({**ONE, group: ["b", "c"]}, scope="cluster")["findings"]
    assert finding == (
        f"The group {group} (b, c) is ignored: K3s agents belong in the group agent, a child of k3s_cluster. "
        f"If {group} is something else, define an empty group agent."
    )


@pytest.mark.parametrize(
    ("groups", "warned"),
    [
        ({**ONE, "workers": ["b"]}, "The group workers (b) is ignored: K3s agents belong in the group agent, "),
        ({**ONE, "nodes": ["b"]}, "The group nodes (b) is ignored: K3s agents belong in the group agent, "),
        ({**ONE, "kube_node": ["b"]}, "The group kube_node (b) is ignored: K3s agents belong in the group agent, "),
        ({**ONE, "agent": [], "workers": ["b"]}, "The group workers (b) is ignored: K3s agents belong in the group agent, "),
        ({**HOSTS, "agents": ["db1"]}, "The group agents (db1) is ignored: K3s agents belong in the group agent, "),
        ({**HOSTS, "servers": ["db1"]}, "The group servers (db1) is ignored: K3s servers belong in the group server, "),
        ({**HOSTS, "master": ["db1"]}, "The group master (db1) is ignored: K3s servers belong in the group server, "),
    ],
)
def test_such_a_group_beside_the_right_one_is_a_warning(groups, warned, monkeypatch):
    warnings = []
    monkeypatch.setattr(hosts.Display, "warning", lambda _self, text: warnings.append(text))
    assert chosen(groups, scope="cluster")["findings"] == []
    (warning,) = warnings
    assert warning.startswith(warned)


@pytest.mark.parametrize(
    "further",
    [
        {"databases": ["b"], "user_agents": ["b"], "node_exporter": ["b"], "webservers": ["c"], "ungrouped": ["c"]},
        {"servers": ["a", "b"], "nodes": ["a", "b", "c"]},
        {"agents": [], "workers": []},
    ],
)
def test_other_groups_are_of_no_concern(further, monkeypatch):
    monkeypatch.setattr(hosts.Display, "warning", lambda _self, text: pytest.fail(text))
    assert chosen({**ONE, **further}, scope="cluster")["findings"] == []


def test_a_playbook_that_needs_the_api_only_ignores_such_groups():
    assert chosen({**ONE, "agents": ["b"]})["findings"] == []


@pytest.mark.parametrize(
    ("limit", "limited"), [("edge2", True), ("agent", True), ("edge1", False), ("edge*", False), ("!edge1", True), ("", False)]
)
def test_whether_a_limit_leaves_out_the_api_host(limit, limited):
    assert chosen(scope="cluster", limit=limit) == {"findings": [], "name": "edge1", "local": False, "limited": limited}


class Unread(dict):
    """Variables of a host, one of which names another that is undefined."""

    def __getitem__(self, name):
        value = super().__getitem__(name)
        if isinstance(value, Exception):
            raise value
        return value


def unread(defined=(), **variables):
    return chosen(hostvars={"edge2": Unread(variables)}, defined=defined)["findings"]


NOPE = UndefinedError("'nope' is undefined")


@pytest.mark.parametrize(
    "variable", ["edge_api_host", "edge_address", "ansible_host", "ansible_connection", "ansible_port", "ansible_user"]
)
def test_a_host_that_cannot_be_found(variable):
    said = [f"edge2: {variable} cannot be read: 'nope' is undefined: define that, or give {variable} a value of its own."]
    assert unread(**{variable: NOPE}) == said
    assert unread(**{variable: AnsibleError("A marker was tripped: 'nope' is undefined")}) == said
    # The roles read the first three of all hosts, where variables of plays do not count.
    assert unread(["nope"], **{variable: NOPE}) == ([] if variable.startswith("ansible_") and variable != "ansible_host" else said)


def test_a_template_that_old_releases_of_ansible_return():
    assert unread(ansible_host="{{ nope }}", ansible_user="{{ nope }}") == [
        "edge2: ansible_host cannot be read: what it names is undefined: define that, or give ansible_host a value of its own."
    ]


def test_what_does_not_name_a_host_is_not_read():
    assert unread(ansible_become_password=NOPE, edge_sites=NOPE) == []
    assert chosen(hostvars={"db1": Unread(ansible_host=NOPE)})["findings"] == []


@pytest.mark.parametrize("given", [None, "edge1", " edge1 "])
def test_a_confirmation_that_names_the_host(given):
    assert chosen(confirmation=given)["findings"] == []


@pytest.mark.parametrize("given", ["", "edge2", 1, True])
def test_a_confirmation_that_does_not(given):
    said = f"edge_reset_confirmation is {given!r}: the reset begins only where it is the API host's name, edge1."
    assert chosen(confirmation=given)["findings"] == [said]
