# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_settings import settings_findings, settings_warnings

SETTINGS = {
    "version": "v1.35.6+k3s1",
    "servers": ["edge1"],
    "cluster_domain": "cluster.local",
    "node_ports": {"edge_http_node_port": 30080, "edge_https_node_port": 30443},
}
THREE = ["edge1", "edge2", "edge3"]


def found(kind="server", **changes):
    return settings_findings({**SETTINGS, **changes}, kind)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server_config": {"cluster-domain": "corp.local"}}, "edge_cluster_domain is 'cluster.local': make them equal."),
        ({"server_config": {"kubelet-arg": ["cluster-domain=corp.local"]}}, "has cluster-domain 'corp.local', but edge_cluster_domain"),
        ({"server_config": {"service-node-port-range": "40000-50000"}}, "edge_http_node_port is 30080, which is not in"),
        ({"server_config": {"kube-apiserver-arg": ["service-node-port-range=31000-32000"]}}, "edge_http_node_port is 30080"),
        ({"server_config": {"kube-apiserver-arg+": "service-node-port-range=30000+99"}}, "edge_https_node_port is 30443"),
        ({"server_config": {"service-node-port-range": "50000-40000"}}, "it must have the form 30000-32767."),
        (
            {"node_ports": {"edge_gateway_ports (5432).node_port": 5432}},
            "edge_gateway_ports (5432).node_port is 5432, which is not in service-node-port-range 30000-32767 (the default): choose",
        ),
        ({"node_ports": {"edge_gateways (team-b).https_node_port": "29999"}}, "edge_gateways (team-b).https_node_port is 29999"),
        ({"node_ports": {"edge_http_node_port": 32768}}, "edge_http_node_port is 32768"),
        (
            {"istio_gateways": [{"name": "mail", "ports": [{"name": "smtp", "port": 25, "node_port": 2525}]}]},
            "istio_gateways (mail).ports (25).node_port is 2525, which is not in service-node-port-range 30000-32767 (the default)",
        ),
        (
            {"istio_gateways": "[{name: mail, values: {service: {ports: [{name: smtp, port: 25, nodePort: '2525'}]}}}]"},
            "istio_gateways (mail).values.service.ports (25).nodePort is 2525",
        ),
        ({"host_ports_ports": [{"port": 25, "node_port": 2525}]}, "host_ports_ports (25).node_port is 2525"),
        ({"host_ports_ports": '[{"port": 25, "node_port": 32768}]'}, "host_ports_ports (25).node_port is 32768"),
        (
            {"server_config": {"cluster-cidr": "10.42.0.0/16,2001:db8:42::/56"}},
            "has cluster-cidr 10.42.0.0/16, 2001:db8:42::/56 and service-cidr 10.43.0.0/16 (the default): both must be IPv4, IPv6 or",
        ),
        (
            {"server_config": {"cluster-cidr": "2001:db8:42::/56", "service-cidr": "10.96.0.0/12"}},
            "both must be IPv4, IPv6 or one of each.",
        ),
        (
            {
                "server_config": {
                    "node-ip": "192.0.2.1",
                    "cluster-cidr": ["10.42.0.0/16", "fd00::/56"],
                    "service-cidr": "10.43.0.0/16,fd01::/112",
                }
            },
            "but node-ip 192.0.2.1: it must have an address of each family.",
        ),
        (
            {"server_config": {"cluster-cidr": "10.43.0.0/16"}},
            "and service-cidr 10.43.0.0/16 (the default), which overlap: choose networks",
        ),
        (
            {"server_config": {"service-cidr": "10.42.128.0/17"}},
            "has cluster-cidr 10.42.0.0/16 (the default) and service-cidr 10.42.128.0/17",
        ),
        ({"server_config": {"service-cidr": "10.0.0.0/8", "cluster-cidr": "172.16.0.0/16"}}, "its prefix must be at least /12."),
        (
            {"server_config": {"cluster-cidr": "fd00:42::/56", "service-cidr": "fd00:43::/64", "node-ip": "fd00::1"}},
            "has service-cidr fd00:43::/64: its prefix must be at least /108.",
        ),
        (
            {"server_config": {"service-cidr": "10.53.0.0/16", "cluster-dns": "10.43.0.10"}},
            "has cluster-dns 10.43.0.10, which is not in service-cidr 10.53.0.0/16: choose an address there, or remove the key.",
        ),
        ({"server_config": {"cluster-dns": "10.96.0.10"}}, "which is not in service-cidr 10.43.0.0/16 (the default)"),
        ({"server_config": {"cluster-init": False}, "servers": THREE}, "other servers cannot join SQLite."),
        ({"registries": {"mirror": {"docker.io": {}}}}, "k3s_registries has the key 'mirror', which K3s ignores: did you mean 'mirrors'?"),
        ({"registries": {"mirrors": {"docker.io": {"endpoints": []}}}}, "k3s_registries.mirrors.docker.io has the key 'endpoints'"),
        (
            {"registries": {"mirrors": {"docker.io": {"endpoint": "https://r"}}}},
            "k3s_registries.mirrors.docker.io.endpoint cannot be read: it must be a list",
        ),
        ({"registries": {"mirrors": {"docker.io": "https://r"}}}, "k3s_registries.mirrors.docker.io is 'https://r'"),
        ({"registries": {"configs": {"r:5000": {"auth": {"user": "a"}}}}}, "k3s_registries.configs.r:5000.auth has the key 'user'"),
        ({"registries": {"configs": {"r:5000": {"tls": {"insecure": True}}}}}, "k3s_registries.configs.r:5000.tls has the key 'insecure'"),
        ({"registries": {"configs": {"r:5000": {"auth": "hush"}}}}, "k3s_registries.configs.r:5000.auth must be a dictionary"),
        ({"registries": {"mirrors": ["docker.io"]}}, "k3s_registries.mirrors is ['docker.io']: it must be a dictionary with names of"),
        ({"registries": {"mirrors": {"https://docker.io": None}}}, "has the registry 'https://docker.io', which no image names: write"),
        ({"registries": {"mirrors": {"https://docker.io:": {}}}}, "has the registry 'https://docker.io:', which no image names: write"),
        ({"registries": {"mirrors": {"docker.io/library": None}}}, "has the registry 'docker.io/library', which no image names: write"),
        ({"registries": {"mirrors": {"registry:port": None}}}, "has the registry 'registry:port', which no image names: write"),
        ({"registries": {"configs": {"http://r:5000": {}}}}, "k3s_registries.configs has the registry 'http://r:5000', which no"),
        ({"registries": {"mirrors": {"docker.io": {"endpoint": ["ftp://r"]}}}}, "endpoint has 'ftp://r': each entry must be an address"),
        ({"registries": {"mirrors": {"docker.io": {"endpoint": ["https//r"]}}}}, "endpoint has 'https//r': each entry must be an"),
        ({"registries": {"mirrors": {"docker.io": {"endpoint": ["https:r"]}}}}, "endpoint has 'https:r': each entry must be an address"),
        ({"registries": {"mirrors": {"docker.io": {"endpoint": ["https://"]}}}}, "endpoint has 'https://': each entry must be an"),
        ({"registries": {"mirrors": {"docker.io": {"rewrite": ["a"]}}}}, "k3s_registries.mirrors.docker.io.rewrite must be a dictionary"),
        (
            {"registries": {"configs": {"r": {"tls": {"insecure_skip_verify": "yes"}}}}},
            "k3s_registries.configs.r.tls.insecure_skip_verify must be true or false, without quotes.",
        ),
        (
            {"registries": {"configs": {"r": {"auth": {"password": ["hush"]}}}}},
            "k3s_registries.configs.r.auth.password must be text (its value is not shown).",
        ),
        ({"registries": {"configs": {"r": {"tls": {"ca_file": {"a": 1}}}}}}, "k3s_registries.configs.r.tls.ca_file must be text"),
        ({"image_archives": {"a": 1}}, "k3s_image_archives is {'a': 1}: it must be a list"),
        ({"image_archives": ["https://m/i.tar"]}, "k3s_image_archives[0] is 'https://m/i.tar': it must be a dictionary with url and"),
        ({"image_archives": [{"url": "https://m/i.tar"}]}, "k3s_image_archives[0].checksum is None: it must be sha256: and 64 hex digits."),
        ({"image_archives": [{"url": "/i.tar", "checksum": "a" * 64}]}, "k3s_image_archives[0].url is '/i.tar': it must be an address"),
        ({"token": "K10abc::server:hush"}, "k3s_token cannot be a token (its value is not shown): it must be a password, or K10<hash"),
        ({"disable": ["traefik", {"servicelb": True}]}, "k3s_disable has {'servicelb': True}: each entry must be a name."),
        ({"extra_config_keys": [None]}, "k3s_extra_config_keys has None: each entry must be a name."),
        ({"environment": {"NO_PROXY": [{"a": "hush"}]}}, "k3s_environment has 'NO_PROXY': a name must be of letters"),
        ({"token": ["hush"]}, "k3s_token cannot be a token (its value is not shown)"),
        ({"server_config": {"token": "K10hush"}}, "k3s_server_config.token cannot be a token (its value is not shown)"),
        ({"server_host": "edge9", "server_known": False}, "k3s_server_host is 'edge9': it must be a host of the inventory."),
        (
            {"registries": ["docker.io"]},
            "k3s_registries cannot be read (its value may hold passwords",
        ),
        ({"registries": {"mirrors": {"docker.io": {"rewrite": {"(": "x"}}}}}, "docker.io.rewrite has '(': it must be a regular expression"),
        ({"environment": {"HTTP PROXY": "hush"}}, "k3s_environment has 'HTTP PROXY': a name must be of letters, digits and '_'"),
        ({"environment": {"A": {"b": "hush"}}}, "k3s_environment has 'A': a name must be of letters"),
        ({"environment": {"A": "hush\nB=c"}}, "k3s_environment has 'A': a name must be of letters"),
        ({"environment": {"A": None}}, "k3s_environment has 'A': a name must be of letters"),
        ({"environment": {"K3S_DATA_DIR": "/x"}}, "k3s_environment has K3S_DATA_DIR, which the role decides itself: use k3s_data_dir."),
        ({"server_config": {"agent-token": "hush"}, "token": "hush"}, "k3s_server_config has agent-token with the value of k3s_token"),
        (
            {"server_config": {"agent-token": "hush"}, "token": f"K10{'a' * 64}::server:hush"},
            "agents must not know the token of servers.",
        ),
        (
            {"environment": ["HTTP_PROXY=x"]},
            "k3s_environment cannot be read (its value may hold passwords",
        ),
    ],
)
def test_what_would_not_work_is_one_sentence(changes, said):
    sentences = found(**changes)
    assert any(said in sentence for sentence in sentences), sentences
    assert len(sentences) <= 2
    assert all(sentence.endswith(".") for sentence in sentences)
    assert "hush" not in "".join(sentences)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"server_config": {"cluster-domain": "corp.local"}, "cluster_domain": "corp.local"},
        {"server_config": {"service-node-port-range": "80-32767"}},
        {"node_ports": {"edge_http_node_port": 30000, "edge_https_node_port": "32767"}},
        {"server_config": {"service-node-port-range": "1000-40000"}, "node_ports": {"edge_gateway_ports (5432).node_port": 5432}},
        {"server_config": {"cluster-cidr": "10.42.0.0/16, 2001:db8:42::/56", "service-cidr": "10.43.0.0/16, 2001:db8:43::/112"}},
        {"server_config": {"cluster-cidr": "2001:db8:42::/56"}},
        {"server_config": {"node-ip": "2001:db8::1", "cluster-cidr": "2001:db8:42::/56"}},
        {"server_config": {"node-ip": "192.0.2.1,2001:db8::1", "cluster-cidr+": ["10.52.0.0/16"], "cluster-dns": "10.43.0.53"}},
        {"server_config": {"cluster-cidr": "10.0.0.0/15", "service-cidr": "10.96.0.0/12", "cluster-dns": ["10.96.0.10"]}},
        {"server_config": {"cluster-dns": "fd00:43::a"}},
        {"istio_gateways": [{"name": "mail", "ports": [{"name": "smtp", "port": 25, "node_port": 30025}, {"name": "http", "port": 80}]}]},
        {"istio_gateways": [{"name": "mail"}, "mail", None, ["x"], {"ports": "smtp", "values": "none"}], "host_ports_ports": ["x"]},
        {"host_ports_ports": [{"port": 25, "target_port": 2525}, {"port": 80, "node_port": 30080}]},
        {"server_config": {"service-node-port-range": "1000-40000"}, "host_ports_ports": [{"port": 25, "node_port": 2525}]},
        {"environment": {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ["10.0.0.0/8", ".example.com"]}},
        {"server_config": {"service-node-port-range": "30000+2767", "cluster-init": True}},
        {"server_config": {"kube-apiserver-arg": ["service-node-port-range=30000-32767", "v=2"]}},
        {"server_config": {"cluster-init": False, "datastore-endpoint": "postgres://db"}, "servers": THREE},
        {"server_config": {"cluster-init": "true"}, "servers": THREE},
        {"server_config": {"write-kubeconfig": "/root/k.yaml", "log": "/var/log/k3s.log", "with-node-id": True}},
        {"registries": {"mirrors": {"*": None, "docker.io": {"endpoint": ["https://r:5000/v2"], "rewrite": {"^a/(.*)": "b/$1"}}}}},
        {"registries": {"mirrors": {"docker.io": {}, "reg:5000": {"endpoint": ["http://reg:5000"]}}}},
        {"registries": {"configs": {"r:5000": {"auth": {"username": "u", "password": "p"}, "tls": {"insecure_skip_verify": True}}}}},
        {"registries": {"configs": {"r:5000": {"auth": {"identity_token": "t"}, "tls": {"ca_file": "/a", "key_file": "/b"}}}}},
        {"registries": {"mirrors": {"localhost:5000": {"endpoint": ["localhost:5000", "HTTP://[2001:db8::1]:5000/v2/hub"]}}}},
        {"registries": {"mirrors": {"[2001:db8::1]:5000": None, "my_registry": {"endpoint": ["https://user@r/v2"]}}}},
        {"registries": {"configs": {"*": {"auth": {"username": "u", "password": 12345}}, "r": {"tls": None}}, "auths": {"https://r": {}}}},
        {"image_archives": [{"url": "https://m/i.tar", "checksum": f"sha256:{'a' * 64}", "name": "i.tar"}], "server_known": True},
        {"image_archives": f"[{{url: 'https://m/i.tar', checksum: {'A' * 64}}}]", "token": f"K10{'0' * 64}::server:p"},
        {"token": "K10::server:p", "server_config": {"token": f"K10{'0' * 64}::abcdef.0123456789abcdef"}},
        {"token": "any words, even: these\n"},
        {"environment": {"HTTP_PROXY": "http://p:3128", "NO_PROXY": "10.0.0.0/8", "K3S_NODE_NAME": "edge-1", "GOMEMLIMIT": "1GiB"}},
        {"environment": {"http_proxy": "http://u:p@h", "GOGC": 50, "_X1": "", "K3S_DEBUG": True}},
        {"environment": {"CONTAINERD_HTTPS_PROXY": "http://p:3128", "K3S_TOKEN": "t"}},
    ],
)
def test_what_people_configure_is_accepted(changes):
    assert found(**changes) == []


def test_keys_of_servers_are_no_matter_of_agents():
    assert found("agent", server_config={"cluster-domain": "corp.local", "nonsense": 1}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"servers": ["a", "b"]}, "there are 2 servers: etcd needs more than half of them"),
        ({"servers": ["a", "b", "c", "d"]}, "use an odd number."),
        ({"disable": ["traefik", "local-path"]}, "k3s_disable has 'local-path', which is no part that K3s packages (coredns, servicelb,"),
        ({"disable": "Traefik"}, "write 'traefik'."),
        ({"disable": ["metrics_server"]}, "write 'metrics-server'."),
        ({"disable": "servicelb, network-policy"}, "set disable-network-policy: true in k3s_server_config."),
        ({"disable": ["flannel"]}, "set flannel-backend: none in k3s_server_config."),
        ({"server_config": {"disable-kube-proxy": True}}, "k3s_server_config has disable-kube-proxy"),
        ({"server_config": {"kube-proxy-arg": ["nodeport-addresses=10.0.0.0/8"]}}, "limits NodePorts to 10.0.0.0/8"),
        (
            {"server_config": {"kube-proxy-arg": "nodeport-addresses=10.0.0.0/8,192.0.2.0/24"}},
            "limits NodePorts to 10.0.0.0/8,192.0.2.0/24",
        ),
        ({"agent_config": {"kube-proxy-arg": ["--nodeport-addresses=primary"]}}, "k3s_agent_config limits NodePorts to primary"),
        ({"registries": {"mirrors": {"docker.io": {"endpoint": ["r.example.com"]}}}}, "write https://r.example.com or the address"),
    ],
)
def test_what_may_surprise_is_a_warning(changes, said):
    (warning,) = settings_warnings({**SETTINGS, **changes})
    assert said in warning


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"servers": THREE},
        {"servers": ["a", "b"], "server_config": {"datastore-endpoint": "mysql://db"}},
        {"server_config": {"kube-proxy-arg": ["nodeport-addresses=10.0.0.0/8,0.0.0.0/0"], "disable-kube-proxy": "false"}},
        {"registries": {"mirrors": {"docker.io": {"endpoint": ["https://r.example.com", "http://[2001:db8::1]:5000"]}}}},
        {"server_config": {"kube-proxy-arg": "nodeport-addresses=10.0.0.0/8,0.0.0.0/0"}},
        {"disable": "traefik servicelb,metrics-server\nlocal-storage"},
        {"disable": ["coredns", "my-manifest"]},
    ],
)
def test_what_is_usual_is_no_warning(changes):
    assert settings_warnings({**SETTINGS, **changes}) == []


@pytest.mark.parametrize("name", ["K3S_TOKEN", "K3S_TOKEN_FILE"])
def test_agents_get_no_token_by_the_environment(name):
    assert found("agent", environment={name: "hush"}) == [f"k3s_environment has {name}, which the role decides itself: use k3s_token."]
    assert found("server", environment={name: "hush"}) == []
