# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_plan, k3s_service_options

SETTINGS = {
    "kind": "server",
    "host": "edge1",
    "server_host": "edge1",
    "server_url": "",
    "token": "",
    "version": "v1.34.4+k3s1",
    "server_config": {},
    "agent_config": {},
    "first_server_config": {},
    "data_dir": "/var/lib/rancher/k3s",
    "disable": ["traefik", "servicelb"],
    "registries": {},
    "environment": {},
    "join": {},
}
JOIN = {"url": "https://192.0.2.10:6443", "token": "K10a::node:b"}
TEXTS = {"config": "c\n", "unit": "u\n", "registries": "r\n", "environment": "e\n"}


def derive(**changes):
    return k3s_plan({**SETTINGS, **changes})


def agent(**changes):
    return derive(**{"kind": "agent", "host": "edge2", "join": JOIN, **changes})


def paths(node):
    found = k3s_service_options(node, TEXTS)
    return [file["path"] for file in found["configuration"]], found["absent"]


def test_the_first_server():
    node = derive()
    assert node["config"] == {
        "agent-token-file": "/etc/rancher/k3s/agent-token",
        "disable": ["traefik", "servicelb"],
        "write-kubeconfig-mode": "0600",
    }
    assert (node["unit"], node["unit_path"], node["joins"], node["name"]) == ("k3s", "/etc/systemd/system/k3s.service", False, "")
    assert node["findings"] == node["join_findings"] == []
    assert node["kubeconfig"] == "/etc/rancher/k3s/k3s.yaml"
    assert paths(node) == (
        ["/etc/rancher/k3s/config.yaml", "/etc/systemd/system/k3s.service", "/etc/rancher/k3s/agent-token"],
        ["/etc/rancher/k3s/registries.yaml", "/etc/systemd/system/k3s.service.env"],
    )


def test_a_server_with_a_given_token():
    node = derive(token="hush")
    assert node["config"]["token-file"] == "/etc/rancher/k3s/token"
    assert {"path": "/etc/rancher/k3s/token", "secret": "hush"} in k3s_service_options(node, TEXTS)["configuration"]


def test_another_server_joins_the_first():
    node = derive(host="edge3", join=JOIN)
    assert node["joins"]
    assert node["config"] == {
        "disable": ["traefik", "servicelb"],
        "server": "https://192.0.2.10:6443",
        "token-file": "/etc/rancher/k3s/token",
        "write-kubeconfig-mode": "0600",
    }


def test_an_agent():
    node = agent(data_dir="/data", agent_config={"node-name": "Edge-2", "node-label": ["a=b"]})
    assert node["config"] == {
        "data-dir": "/data",
        "node-label": ["a=b"],
        "node-name": "Edge-2",
        "server": "https://192.0.2.10:6443",
        "token-file": "/etc/rancher/k3s/token",
    }
    assert (node["unit"], node["name"], node["token"]) == ("k3s-agent", "Edge-2", "K10a::node:b")
    assert node["kubeconfig"] == "/data/agent/kubelet.kubeconfig"
    assert "/etc/systemd/system/k3s-agent.service.env" in node["files_at_start"]
    assert "/etc/default/k3s-agent" in node["files_at_start"]


def test_what_is_given_wins_over_what_the_server_says():
    node = agent(server_url="https://k3s.example.com:6443", token="hush")
    assert node["config"]["server"] == "https://k3s.example.com:6443"
    assert node["token"] == "hush"


def test_own_keys_win():
    assert derive(server_config={"write-kubeconfig-mode": "0640"})["config"]["write-kubeconfig-mode"] == "0640"


def test_parts_to_leave_out_may_come_from_a_survey():
    assert derive(disable="traefik, servicelb")["config"]["disable"] == ["traefik", "servicelb"]
    assert "disable" not in derive(disable=[])["config"]
    assert "disable" not in agent()["config"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "1.34.4"}, "k3s_version is '1.34.4': it must have the form vX.Y.Z+k3sN or vX.Y.Z-rcN+k3sN, for example v1.34.4+k3s1."),
        ({"disable": {"traefik": True}}, "k3s_disable is {'traefik': True}: it must be a list, or text with the entries between commas."),
        ({"server_config": ["tls-san"]}, "k3s_server_config is ['tls-san']: it must be a dictionary of K3s's configuration keys."),
    ],
)
def test_what_is_wrong_with_variables(changes, said):
    assert derive(**changes)["findings"] == [said]


def test_all_findings_come_at_once_and_those_of_the_other_kind_do_not():
    assert len(derive(version="latest", disable=5, server_config={"tls-sans": []}, agent_config={"a": 1})["findings"]) == 3


def test_a_token_that_the_server_would_refuse():
    said = "k3s_token of edge2 is not a token of edge1: correct it, or leave it empty so that the role reads it on the server."
    assert agent(token="other", join={"url": "u", "given_token_fits": False})["join_findings"] == [said]
    assert agent(token="abcdef.0123456789abcdef", join={"url": "u", "given_token_fits": None})["join_findings"] == []
    # The address may be that of another cluster than the one in the inventory.
    assert agent(token="other", server_url="https://x:6443", join={"given_token_fits": False})["join_findings"] == []


@pytest.mark.parametrize("server_host", ["edge1", "edge2"])
def test_a_server_that_has_not_started(server_host):
    (finding,) = agent(join={"url": "u", "token": None}, server_host=server_host)["join_findings"]
    assert finding == (
        f"{server_host} has no token for agents in /var/lib/rancher/k3s/server/agent-token: run the role k3s there first (in a play or "
        "batch of its own, as `serial: 1` does), or set k3s_server_url and k3s_token."
    )


def test_an_agent_is_never_given_the_token_of_servers():
    # k3s_token in the variables of all hosts is that of servers, whose form a person does not see.
    asked = {"url": "u", "given_token_fits": True}
    assert agent(token="hush", join={**asked, "token": "K10a::node:b"})["token"] == "K10a::node:b"
    assert agent(token="hush", join={**asked, "token": "K10a::node:b"}, server_url="https://vip:6443")["token"] == "K10a::node:b"
    for join in ({**asked, "token": None}, {"url": "u", "given_token_fits": None, "token": None}):
        node = agent(token="hush", join=join)
        assert node["token"] == ""
        assert "hush" not in json.dumps(k3s_service_options(node, TEXTS))
        assert len(node["join_findings"]) == 1


def test_an_agent_takes_a_token_of_its_own():
    asked = {"url": "u", "given_token_fits": None, "token": "K10a::node:b"}
    assert agent(token="abcdef.0123456789abcdef", join=asked)["token"] == "abcdef.0123456789abcdef"
    assert agent(token=f"K10{'a' * 64}::abcdef.0123456789abcdef", join=asked)["token"].endswith("abcdef.0123456789abcdef")
    elsewhere = agent(token="theirs", server_host="edge2", server_url="https://x:6443", join={"skipped": True})
    assert (elsewhere["token"], elsewhere["join_findings"]) == ("theirs", [])


AGENT_TOKEN = "/etc/rancher/k3s/agent-token"


def test_the_first_server_makes_the_token_of_agents():
    for node in (derive(), derive(token="hush"), derive(server_url="https://vip:6443")):
        assert {"path": AGENT_TOKEN, "random": True} in k3s_service_options(node, TEXTS)["configuration"]
        assert AGENT_TOKEN in node["files_at_start"]


def test_servers_that_join_get_the_same_token_of_agents():
    node = derive(host="edge3", join={**JOIN, "agent_token": "b"})
    assert node["config"]["agent-token-file"] == AGENT_TOKEN
    assert {"path": AGENT_TOKEN, "secret": "b\n"} in k3s_service_options(node, TEXTS)["configuration"]


@pytest.mark.parametrize("key", ["agent-token", "agent-token+", "agent-token-file"])
def test_a_token_of_agents_that_the_user_gives_stays(key):
    node = derive(server_config={key: "mine"})
    assert node["config"][key] == "mine"
    assert node["agent_token"] is None
    assert AGENT_TOKEN in k3s_service_options(node, TEXTS)["absent"]


def test_agents_hold_no_token_of_servers_in_any_file():
    node = agent(join={**JOIN, "agent_token": "x"})
    assert "agent-token-file" not in node["config"]
    assert AGENT_TOKEN not in str(k3s_service_options(node, TEXTS))


@pytest.mark.parametrize("key", ["token", "agent-token", "datastore-endpoint", "datastore-endpoint+", "etcd-s3-secret-key", "vpn-auth"])
def test_a_configuration_with_secrets_is_a_secret(key):
    node = derive(server_config={key: "hush"})
    config = k3s_service_options(node, TEXTS)["configuration"][0]
    assert config["secret"] == "c\n"
    assert "content" not in config
    assert key.removesuffix("+") in config["hide"]


def test_what_is_not_secret_is_shown():
    config = k3s_service_options(derive(server_config={"tls-san": ["a"]}), TEXTS)["configuration"][0]
    assert (config["content"], "secret" in config) == ("c\n", False)


def test_registries_and_environment_are_written_where_they_are_set():
    node = derive(registries={"mirrors": {}}, environment={"HTTP_PROXY": "http://u:hush@proxy"})
    found = k3s_service_options(node, TEXTS)
    assert found["absent"] == []
    assert {"path": "/etc/systemd/system/k3s.service.env", "secret": "e\n"} in found["configuration"]
    (registries,) = [file for file in found["configuration"] if file["path"] == "/etc/rancher/k3s/registries.yaml"]
    assert registries["secret"] == "r\n"
    assert {"auth", "password"} <= set(registries["hide"])


def test_only_what_tells_the_address_is_sent_to_the_first_server():
    config = {"node-ip": "192.0.2.10", "https-listen-port": 6444, "datastore-endpoint": "mysql://u:hush@db/k", "tls-san": ["a"]}
    assert agent(first_server_config=config)["address_config"] == {"node-ip": "192.0.2.10", "https-listen-port": 6444}


def test_all_that_holds_lists_or_dictionaries_may_come_as_text():
    given = {
        "server_config": {"tls-san": ["edge.example.com"]},
        "first_server_config": {"https-listen-port": 7443},
        "disable": ["traefik"],
        "registries": {"mirrors": {"docker.io": {"endpoint": ["https://mirror.example.com"]}}},
        "environment": {"HTTPS_PROXY": "http://proxy.example.com:3128"},
    }
    assert derive(**{key: json.dumps(value) for key, value in given.items()}) == derive(**given)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server_config": "tls-san"}, "k3s_server_config is 'tls-san': it must be a dictionary of K3s's configuration keys."),
        ({"registries": "hush"}, "k3s_registries cannot be read (its value may hold passwords and is not shown): "),
        ({"environment": ["hush"]}, "k3s_environment cannot be read (its value may hold passwords and is not shown): "),
    ],
)
def test_text_that_stands_for_nothing_is_a_finding(changes, said):
    (finding,) = derive(**changes)["findings"]
    assert finding.startswith(said)
    assert "hush" not in finding


SERVERS = ["edge1", "edge2", "edge3"]


def test_the_first_of_several_servers_begins_an_etcd_cluster():
    assert derive(servers=SERVERS)["config"]["cluster-init"] is True
    assert "cluster-init" not in derive(servers=SERVERS, host="edge2", join=JOIN)["config"]
    assert "cluster-init" not in derive(servers=["edge1"])["config"]
    assert "cluster-init" not in derive(servers=SERVERS, server_config={"datastore-endpoint": "mysql://db"})["config"]
    assert "cluster-init" not in derive(servers=SERVERS, server_url="https://other:6443")["config"]


def test_files_and_names_that_other_parts_rely_on():
    node = derive(server_config={"write-kubeconfig": "/root/k.yaml"})
    assert node["kubeconfig"] == "/root/k.yaml"
    assert agent(first_server_config={"write-kubeconfig": "/root/k.yaml"})["server_kubeconfig"] == "/root/k.yaml"
    assert agent()["server_kubeconfig"] == "/etc/rancher/k3s/k3s.yaml"
    assert derive(cluster_domain="corp.local")["config"]["cluster-domain"] == "corp.local"
    assert "cluster-domain" not in derive(cluster_domain="cluster.local")["config"]
    assert "cluster-domain" not in agent(cluster_domain="corp.local")["config"]


def test_a_log_file_does_not_keep_lines_from_the_journal():
    assert derive(server_config={"log": "/var/log/k3s.log"})["config"]["alsologtostderr"] is True
    assert agent(agent_config={"log": "/l", "alsologtostderr": False})["config"]["alsologtostderr"] is False


def test_keys_of_the_address_are_those_that_k3s_takes_it_from():
    config = {"flannel-iface": "wg0", "node-external-ip": "198.51.100.7", "supervisor-port": 9345, "debug": True}
    assert agent(first_server_config=config)["address_config"] == {
        "flannel-iface": "wg0",
        "node-external-ip": "198.51.100.7",
        "supervisor-port": 9345,
    }


@pytest.mark.parametrize(("value", "has_node"), [(True, False), ("true", False), (False, True), (None, True)])
def test_a_server_may_have_no_node(value, has_node):
    config = {} if value is None else {"disable-agent": value}
    assert derive(server_config=config)["has_node"] is has_node


HOSTS, NETWORKS = ["192.0.2.10", "192.0.2.11"], ["10.42.0.0/16", "10.43.0.0/16"]


@pytest.mark.parametrize(
    ("kind", "server_config", "opened"),
    [
        ("server", {}, {"tcp": ["10250", "6443"], "udp": ["8472"]}),
        ("agent", {}, {"tcp": ["10250"], "udp": ["8472"]}),
        ("server", {"https-listen-port": 7443, "cluster-init": True}, {"tcp": ["10250", "7443", "2379-2380"]}),
        ("server", {"flannel-backend": "wireguard-native"}, {"udp": ["51820", "51821"]}),
        ("agent", {"flannel-backend": "none", "embedded-registry": True}, {"tcp": ["10250", "5001"], "udp": []}),
        # Without a tunnel a host reaches pods of another under its own address.
        ("agent", {"flannel-backend": "host-gw"}, {"udp": [], "networks": NETWORKS + HOSTS}),
        ("server", {"flannel-backend": "host-gw"}, {"udp": [], "networks": NETWORKS + HOSTS}),
    ],
)
def test_what_hosts_need_of_each_other_is_opened_for_them(kind, server_config, opened):
    node = derive(kind=kind, server_config=server_config, first_server_config=server_config, firewall_sources=HOSTS, networks=NETWORKS)
    asked = {"sources": HOSTS, "networks": NETWORKS, **opened}
    assert {key: node["firewall"][key] for key in asked} == asked


def test_firewalls_may_be_left_alone():
    assert derive(firewall="no")["firewall"] is None
