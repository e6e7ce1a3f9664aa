# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All findings of a preflight, from settings and gathered facts, as the role gets them."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.baremesh.edge.plugins.module_utils._process import identity_of
from ansible_collections.baremesh.edge.plugins.plugin_utils import _preflight_report
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight import CHECKS
from ansible_collections.baremesh.edge.plugins.plugin_utils._variables import known_variables

ROLES = Path(__file__).resolve().parents[4] / "roles"
ACME = "https://acme.example.net/dir"
SITE = {
    "name": "app",
    "hosts": ["app.example.com"],
    "issuer": "lab",
    "routes": [{"prefix": "/", "service": "web.default", "port": 3000}],
}
SETTINGS = {
    "skip": [],
    "servers": [],
    "api_host": "edge1",
    "sites": [SITE],
    "email": "ops@example.com",
    "issuers": [{"name": "lab", "type": "acme", "server": ACME}],
    "k3s_version": "v1.34.4+k3s1",
    "k3s_release_url": "https://mirror.example.com/k3s",
    "airgap_dir": "",
    "k3s_server_config": {},
    "k3s_agent_config": {},
    "istio_version": "1.31.1",
    "cert_manager_version": "v1.21.2",
    "edge_host_addresses": ["192.0.2.10"],
    "edge_addresses": ["192.0.2.10"],
    "edge_proxy_addresses": [],
    "edge_pod_networks": ["10.42.0.0/16"],
    "ports": [80, 443],
    "serves_ipv6": True,
    "hosts": ["edge1"],
    "max_clock_skew": 10.0,
}
OF_SITES = {
    "email": "edge_email",
    "issuers": "cert_manager_issuers",
    **{
        name: name
        for name in (
            "edge_addresses",
            "edge_proxy_addresses",
            "edge_trusted_proxies",
            "edge_proxy_protocol",
            "edge_gateways",
            "edge_gateway_ports",
            "certificate_certificates",
            "gateway_gateways",
        )
    },
}
SUMS = "https://mirror.example.com/k3s/v1.34.4%2Bk3s1/sha256sum-amd64.txt"
HOST = {
    "os": {"id": "debian", "like": "", "version": "12", "name": "Debian GNU/Linux 12"},
    "machine": "x86_64",
    "hostname": "edge1",
    "root": True,
    "systemd": True,
    "cgroups": {"version": 2, "memory": True, "cpuset": True},
    "memory_mib": 8000,
    "cores": 4,
    "free_mib": 90000,
    "default_route": True,
    "addresses": ["192.0.2.10", "2001:db8::10"],
    "time_offset": 0.5,
    "listeners": [],
    "active_units": [],
    "ufw": False,
}
NETWORK = {
    "resolved": {"app.example.com": {"name": "app.example.com", "a": ["192.0.2.10"], "aaaa": ["2001:db8::10"], "error": ""}},
    "fetched": {ACME: {"url": ACME, "status": 200, "error": "", "body": '{"newOrder": "x"}'}},
}
RELEASE = {SUMS: {"url": SUMS, "status": 200, "error": "", "body": f"{'a' * 64}  k3s\n{'b' * 64}  k3s-airgap-images-amd64.tar.zst\n"}}


def with_plan(settings):
    """The settings with the plan of the sites, as the role puts them together."""
    return {**settings, "plan": make_plan(settings["sites"], {OF_SITES[key]: settings[key] for key in settings if key in OF_SITES})}


def plan(settings):
    found = _preflight_report.plan(with_plan(settings))
    return {**found, **found["examine"], **found["network"]}


def report(settings, *results):
    return _preflight_report.report(with_plan(settings), *results)


def gathered(fetched=None, **changes):
    """A host that is fine but for the changes."""
    return {"host": {**copy.deepcopy(HOST), **changes}, "resolved": {}, "fetched": RELEASE if fetched is None else fetched}


def judge(settings=None, hosts=None, network=None):
    found = report(
        {**SETTINGS, **(settings or {})}, {"edge1": gathered()} if hosts is None else hosts, NETWORK if network is None else network
    )
    return found["errors"], found["warnings"]


def holder(port=80, **changes):
    return {"port": port, "address": "0.0.0.0", "pid": 812, "process": "nginx", "unit": "nginx.service", "pod": False, **changes}


def test_nothing_is_found_where_all_is_well():
    assert judge() == ([], [])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"k3s_version": "1.34.4"}, "k3s_version is '1.34.4': it must have the form vX.Y.Z+k3sN"),
        ({"sites": [{**SITE, "issuer": "letsencrypt-stagin"}]}, "issuer is 'letsencrypt-stagin'"),
        ({"sites": [SITE, {**SITE, "name": "two"}]}, "host 'app.example.com' is already served by site 'app'"),
        ({"sites": [{**SITE, "hosts": ["no_name"]}]}, "hosts has 'no_name'"),
        ({"sites": "app"}, "edge_sites is 'app'"),
        ({"k3s_server_config": {"tls-sans": []}}, "did you mean 'tls-san'?"),
        ({"k3s_agent_config": {"tls-san": []}}, "only a server takes"),
        ({"airgap_dir": "/none", "airgap_dir_exists": False}, "k3s_airgap_dir is '/none': there is no such folder"),
        ({"report_host": "web1", "report_host_exists": False}, "report_host is 'web1': it must be a host of the inventory, or localhost"),
        ({"skip": ["dsn"]}, "preflight_skip has dsn: checks are variables, "),
        ({"k3s_version": "v1.31.1+k3s1"}, "istio_version 1.31.1 does not go with k3s_version v1.31.1+k3s1"),
    ],
)
def test_what_is_wrong_with_settings(settings, said):
    errors, _warnings = judge(settings)
    assert any(said in error for error in errors), errors


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"systemd": False}, "edge1: does not run systemd: "),
        ({"root": False}, "edge1: is not managed as root: "),
        ({"machine": "riscv64"}, "edge1: has the architecture riscv64: "),
        ({"default_route": False}, "edge1: has no default route: "),
        ({"cgroups": {"version": 2, "memory": False}}, "edge1: has no memory controller in its control groups (v2): "),
        ({"cgroups": {"version": 2, "memory": True, "cpuset": False, "cpu": True}}, "edge1: has no cpuset controller in its control"),
        ({"cgroups": {"version": 2, "memory": True, "cpuset": False, "cpu": False}}, "edge1: has no cpu and cpuset controller"),
        ({"tools": {"problems": ["edge_helm is /x, which cannot be executed"]}}, "edge1: edge_helm is /x, which cannot be executed"),
        ({"missing_modules": ["vxlan"]}, "edge1: its kernel has no module vxlan: install the package"),
        ({"missing_modules": ["overlay", "vxlan"]}, "edge1: its kernel has no module overlay and vxlan"),
        (
            {"other_k3s": [{"path": "/etc/systemd/system/k3s.service", "settings": ["--data-dir"]}]},
            "this collection did not write, and would replace: /etc/systemd/system/k3s.service (with --data-dir)",
        ),
        ({"hostname": "localhost"}, "edge1: its host name is 'localhost': "),
        ({"hostname": "my_host"}, "edge1: its host name 'my_host' cannot be the name of a Node: "),
        (
            {"listeners": [holder()]},
            "edge1: port 80 on 0.0.0.0, needed for the sites, is held by nginx (pid 812, unit nginx.service): let it listen on another",
        ),
        (
            {"listeners": [holder(6443, process="haproxy", unit="")]},
            "needed for the Kubernetes API, is held by haproxy (pid 812): let it listen on another",
        ),
        ({"listeners": [holder(443, process="", unit="", pid=0)]}, "is held by a process that is not visible: "),
    ],
)
def test_what_is_wrong_with_a_host(changes, said):
    errors, _warnings = judge(hosts={"edge1": gathered(**changes)})
    assert len(errors) == 1
    assert said in errors[0]


def test_whose_ports_they_are_is_not_judged_without_root():
    unseen = holder(6443, process="", unit="", pid=0)
    (error,) = judge(hosts={"edge1": gathered(root=False, listeners=[unseen])})[0]
    assert error.startswith("edge1: is not managed as root: ")


@pytest.mark.parametrize(
    "listener", [holder(6443, unit="k3s.service"), holder(80, pod=True, unit=""), holder(10250, unit="k3s-agent.service"), holder(8080)]
)
def test_k3s_its_pods_and_other_ports_are_fine(listener):
    assert judge(hosts={"edge1": gathered(listeners=[listener])}) == ([], [])


def test_kernel_and_policy_are_asked_for_what_the_configuration_uses():
    bare = {"edge1": gathered(missing_modules=["vxlan"], selinux={"enforcing": True, "policy": False})}
    for kind in ("server", "agent"):
        servers = ["edge1"] if kind == "server" else ["other"]
        assert judge({"k3s_server_config": {"flannel-backend": "host-gw"}, "servers": servers}, bare)[0] == []
        (error,) = judge(
            {f"k3s_{kind}_config": {"selinux": True}, "servers": servers}, {"edge1": gathered(selinux=bare["edge1"]["host"]["selinux"])}
        )[0]
        assert "edge1: has selinux: true in its configuration of K3s, but no policy k3s: install k3s-selinux" in error
    fine = {"edge1": gathered(selinux={"enforcing": True, "policy": True})}
    assert judge({"k3s_server_config": {"selinux": True}}, fine)[0] == []
    assert judge({"k3s_server_config": {"selinux": True}}, {"edge1": gathered(selinux={"enforcing": False, "policy": False})})[0] == []


@pytest.mark.parametrize(("version", "warned"), [("", True), ("1.30.4-3.el8", True), ("1.32.0", False), ("1.46.0-1.el9", False)])
def test_nm_cloud_setup_is_worth_a_word_before_it_was_mended(version, warned):
    errors, warnings = judge(hosts={"edge1": gathered(active_units=["nm-cloud-setup.timer"], network_manager=version)})
    assert errors == []
    assert any("edge1: runs nm-cloud-setup, " in warning for warning in warnings) == warned


def test_a_release_out_of_support_is_a_warning():
    assert judge({"today": "2026-10-27"})[1] == []
    (warning,) = judge({"today": "2026-10-28"})[1]
    assert warning.startswith(
        "k3s_version v1.34.4+k3s1 gets no security fixes any more, its support ended on 2026-10-27: choose one of v1.35"
    )


def test_cgroup_v1_is_refused_by_new_kubelets_only():
    old = {"edge1": gathered(cgroups={"version": 1, "memory": True})}
    assert judge(hosts=old)[0] == []
    new = judge({"k3s_version": "v1.35.0+k3s1", "k3s_release_url": "", "skip": ["release", "versions"]}, old)[0]
    assert "has cgroup v1, which the kubelet of v1.35.0+k3s1 refuses" in new[0]


def test_ports_of_the_api_must_be_free_on_servers_only():
    hosts = {"edge1": gathered(listeners=[holder(6443)])}
    assert judge({"servers": ["other"]}, hosts)[0] == []
    assert len(judge({"servers": ["edge1"]}, hosts)[0]) == 1


@pytest.mark.parametrize(
    ("config", "held", "free"),
    [
        ({"https-listen-port": 7443}, [7443, 7444], [6443, 6444]),
        ({"https-listen-port": "8443"}, [8443], [6443]),
        ({"disable-cloud-controller": True}, [10257], [10258]),
        ({"disable-kube-proxy": "true", "disable-scheduler": 1}, [10250], [10249, 10256, 10259]),
        ({"disable-kube-proxy": "false", "docker": False}, [10249, 10010], []),
        ({"docker": True}, [10250], [10010]),
        ({"disable-agent": True}, [6443, 6444], [10248, 10250, 10010]),
    ],
)
def test_ports_that_are_needed_follow_from_the_configuration(config, held, free):
    for port in (*held, *free):
        listener = holder(port, process="haproxy", unit="haproxy.service")
        errors, _warnings = judge({"k3s_server_config": config, "servers": ["edge1"]}, {"edge1": gathered(listeners=[listener])})
        assert bool(errors) == (port in held), port
    assert set(held) <= set(plan({**SETTINGS, "k3s_server_config": config})["ports"])


def test_an_agent_may_move_its_load_balancer():
    changed = {"servers": ["edge1"], "k3s_agent_config": {"lb-server-port": 6545}}
    for port, wrong in ((6545, True), (6444, False)):
        hosts = {"edge2": gathered(listeners=[holder(port, process="haproxy", unit="")])}
        assert bool(judge(changed, hosts)[0]) == wrong
    assert 6545 in plan({**SETTINGS, **changed})["ports"]


def test_two_names_of_one_machine_are_named():
    hosts = {
        "edge1": gathered(identity="a/1"),
        "edge2": gathered(fetched={}, identity="a/1"),
        "edge3": gathered(hostname="c", identity="a/2"),
    }
    assert judge(hosts=hosts)[0] == [
        "edge2: is the same machine as edge1: correct its ansible_host or ansible_port, or take it out of the inventory."
    ]


@pytest.mark.parametrize("address", ["192.0.2.10", ["192.0.2.10"], "192.0.2.99, 192.0.2.10"])
def test_an_address_of_a_node_is_that_of_one_host(address):
    hosts = {"edge1": gathered(node_ip="192.0.2.10"), "edge2": gathered(fetched={}, hostname="edge2", node_ip=address)}
    (error,) = judge(hosts=hosts)[0]
    assert error == (
        "edge2: has the node-ip 192.0.2.10 of edge1 in its configuration of K3s: give each host its own in its host variables, "
        "or leave node-ip out."
    )
    hosts["edge2"]["host"]["node_ip"] = "192.0.2.11,2001:db8::11"
    assert judge(hosts=hosts)[0] == []
    assert plan({**SETTINGS, "servers": ["edge1"], "host": "edge1", "k3s_server_config": {"node-ip": "192.0.2.10"}})["node_config"] == {
        "node-ip": "192.0.2.10"
    }


@pytest.mark.parametrize(
    ("settings", "address", "network"),
    [
        ({}, "10.42.3.7", "10.42.0.0/16"),
        ({}, "10.43.200.1", "10.43.0.0/16"),
        ({"k3s_server_config": {"service-cidr": "10.96.0.0/12"}}, "10.100.0.7", "10.96.0.0/12"),
        ({"edge_pod_networks": "10.42.0.0/16, 2001:db8::/56"}, "2001:db8::7", "2001:db8::/56"),
    ],
)
def test_a_host_inside_the_networks_of_the_cluster_is_a_warning(settings, address, network):
    errors, (warning,) = judge(settings, {"edge1": gathered(addresses=["192.0.2.10", address])}, {"resolved": {}})
    assert errors == []
    assert warning.startswith(f"edge1: its address {address} is in {network}, a network of pods or Services: choose other networks")


@pytest.mark.parametrize("config", [{"flannel-backend": "none"}, {"service-cidr": "10.53.0.0/16"}])
def test_other_networks_may_be_those_of_hosts(config):
    hosts = {"edge1": gathered(addresses=["192.0.2.10", "10.43.0.7"])}
    assert judge({"k3s_server_config": config}, hosts, {"resolved": {}}) == ([], [])


SERVERS = {"servers": ["edge1"], "hosts": ["edge1", "edge2", "edge3"]}


def of_hosts(**variables):
    """What is found where hosts have variables of their own."""
    hosts = {name: gathered(hostname=name) for name in ("edge1", "edge2", "edge3")}
    found = report({**SETTINGS, **SERVERS}, hosts, NETWORK, {name: variables.get(name, {}) for name in hosts})
    return found["errors"], found["warnings"]


def test_variables_of_each_host_are_judged():
    taint, labels = {"node-taint": "a=b:NoSchedul"}, {"node-label": "edge"}
    errors, warnings = of_hosts(
        edge1={"k3s_agent_config": {"tls-san": "a"}},
        edge2={
            "edge_address": "203.0.113.7/24",
            "k3s_agent_config": taint,
            "k3s_server_config": {"nonsense": 1},
            "host_ports_verify": "maybe",
        },
        edge3={"k3s_agent_config": {**taint, **labels, "kube-proxy-arg": "nodeport-addresses=10.0.0.0/8"}},
    )
    assert errors == [
        "edge2, edge3: k3s_agent_config has 'a=b:NoSchedul' under 'node-taint': it must be a taint such as key=value:NoSchedule.",
        "edge2: edge_address has '203.0.113.7/24': each entry must be an IP address or a DNS name.",
        "edge2: host_ports_verify is 'maybe'; it must be true, false or auto.",
        "edge3: k3s_agent_config has 'edge' under 'node-label': it must be a label such as key=value.",
    ]
    assert [warning.partition(" limits")[0] for warning in warnings] == ["edge3: k3s_agent_config"]


@pytest.mark.parametrize("variable", ["k3s_start_timeout", "istio_wait_timeout", "k3s_firewall", "k3s_bin_dir", "istio_version"])
@pytest.mark.parametrize("value", ["", None])
def test_a_variable_that_a_host_has_without_a_value_is_a_finding(variable, value):
    sentence = f"edge2: {variable} is empty; give it a value, or remove it, so that its default counts."
    assert of_hosts(edge2={variable: value}) == ([sentence], [])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"edge_site": []}, "edge_sites"),
        ({"edge_trusted_proxie": 1}, "edge_trusted_proxies"),
        ({"k3s_server_configs": {}}, "k3s_server_config"),
        ({"istio_gateway_replica": 2, "istio_version": "1.31.1"}, "istio_gateway_replicas"),
        # A variable of the user's own, from which the right one is made, and those of other roles.
        ({"k3s_tokens": {"a": "b"}, "k3s_token": "b"}, None),
        (
            {"k3s_extra_server_args": "", "k3s_server_location": "/var", "edge_region": "eu", "app_sites": [], "wedge_trusted_proxies": 1},
            None,
        ),
        ({"edge_address": "192.0.2.1"}, None),
    ],
)
def test_a_variable_whose_name_is_nearly_right_is_a_warning(given, meant):
    sentence = f"edge2: {min(given)} is no variable of this collection, so that its value is not used: did you mean {meant}?"
    assert of_hosts(edge2=given) == ([], [sentence] if meant else [])


def test_a_variable_of_every_role_is_known():
    specs = [yaml.safe_load(path.read_text())["argument_specs"] for path in ROLES.glob("*/meta/argument_specs.yml")]
    declared = {name for spec in specs for entry in spec.values() for name in entry.get("options", ())}
    assert known_variables() == {*declared, "edge_address"}


def test_what_a_host_cannot_say_yet_is_left_to_its_role():
    later = {"k3s_agent_config": {"node-label": ["{{ edge_wait_timeout }}"]}, "host_ports_verify": "{{ edge_live_progress }}"}
    assert of_hosts(edge2=later) == ([], [])


def test_what_all_hosts_have_is_said_once():
    wrong = {"k3s_version": "latest", "edge_wait_timeout": 0}
    hosts = {name: gathered(hostname=name) for name in ("edge1", "edge2", "edge3")}
    errors = report({**SETTINGS, **SERVERS, "k3s_version": "latest", "plain": wrong}, hosts, NETWORK, dict.fromkeys(hosts, wrong))["errors"]
    assert [error.partition(" is")[0] for error in errors] == ["k3s_version", "edge_wait_timeout"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "edge1"), (3, "edge1, edge2, edge3"), (4, "edge1, edge2, edge3 and 1 more"), (7, "edge1, edge2, edge3 and 4 more")],
)
def test_what_many_hosts_have_names_three_of_them(count, said):
    names = [f"edge{number}" for number in range(1, count + 1)]
    hosts = {name: gathered(hostname=name) for name in [*names, "other"]}
    variables = {name: {"k3s_version": "latest"} for name in names}
    errors = report({**SETTINGS, "servers": [*names, "other"]}, hosts, NETWORK, variables)["errors"]
    assert [error.partition(": k3s_version")[0] for error in errors if "k3s_version is" in error] == [said]


@pytest.mark.parametrize(("name", "wrong"), [("edge1", True), ("edge2", False)])
def test_an_agent_is_not_judged_by_what_it_has_of_servers(name, wrong):
    hosts = {each: gathered(hostname=each) for each in ("edge1", "edge2")}
    errors = report({**SETTINGS, **SERVERS}, hosts, NETWORK, {name: {"k3s_server_config": {"nonsense": 1}}})["errors"]
    assert any("nonsense" in error for error in errors) is wrong, errors


@pytest.mark.parametrize("name", ["edge1", "edge2"])
def test_each_host_is_judged_by_its_own_version(name):
    hosts = {each: gathered(hostname=each) for each in ("edge1", "edge2")}
    errors = report({**SETTINGS, **SERVERS}, hosts, NETWORK, {name: {"k3s_version": "latest"}})["errors"]
    assert [error.partition(":")[0] for error in errors if "k3s_version is 'latest'" in error] == [name]


def test_a_host_is_judged_by_its_own_configuration():
    hosts = {
        "edge1": gathered(listeners=[holder(6443, process="haproxy", unit="")]),
        "edge2": gathered(hostname="edge2", listeners=[holder(6545, process="haproxy", unit=""), holder(6444, process="x", unit="")]),
    }
    variables = {"edge1": {"k3s_server_config": {"https-listen-port": 7443}}, "edge2": {"k3s_agent_config": {"lb-server-port": 6545}}}
    errors = report({**SETTINGS, **SERVERS}, hosts, NETWORK, variables)["errors"]
    assert [error.partition(",")[0] for error in errors] == ["edge2: port 6545 on 0.0.0.0"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"edge_environment": {"HTTPS PROXY": "hush"}}, "edge_environment has 'HTTPS PROXY': a name must be of letters"),
        ({"edge_environment": {"HTTPS_PROXY": {"a": "hush"}}}, "edge_environment has 'HTTPS_PROXY': a name must be of letters"),
        ({"edge_environment": {"HTTPS_PROXY": None}}, "edge_environment has 'HTTPS_PROXY': a name must be of letters"),
        ({"edge_environment": {"K3S_DATA_DIR": "/x"}}, "edge_environment has K3S_DATA_DIR, which the role decides itself"),
        ({"k3s_environment": {"K3S_DATA_DIR": "/x"}}, "k3s_environment has K3S_DATA_DIR, which the role decides itself"),
    ],
)
def test_an_environment_is_judged_under_the_name_that_people_gave_it(given, said):
    used = given.get("k3s_environment") or given["edge_environment"]
    (error,) = judge({"dictionaries": {"edge_environment": {}, **given}, "k3s_environment": used})[0]
    assert error.startswith(said)
    assert "hush" not in error


@pytest.mark.parametrize("given", [{"NO_PROXY": ["10.0.0.0/8", ".example.com"], "https_proxy": "http://p:3128"}, {"SSL_CERT_FILE": "/x"}])
def test_an_environment_may_hold_what_people_have(given):
    assert judge({"dictionaries": {"edge_environment": given}, "k3s_environment": given, "sites": []}) == ([], [])


def test_networks_of_pods_that_come_from_the_configuration_are_judged_once():
    (error,) = judge({"k3s_server_config": {"cluster-cidr": "ten"}, "edge_pod_networks": "ten"})[0]
    assert error.startswith("k3s_server_config has 'ten' under 'cluster-cidr'")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"os": {"id": "alpine", "version": "3.20", "name": "Alpine", "like": ""}}, "runs Alpine, which is not tested"),
        ({"memory_mib": 900}, "has 900 MiB of memory"),
        ({"memory_mib": 1990}, "K3s, Istio and cert-manager need about 4 GiB on a server"),
        ({"cores": 1}, "has 1 CPU core"),
        ({"free_mib": 100}, "has 100 MiB free"),
        ({"ufw": True}, "filters with ufw"),
        ({"active_units": ["firewalld.service"]}, "filters with firewalld"),
    ],
)
def test_what_may_matter_is_a_warning(changes, said):
    errors, warnings = judge(hosts={"edge1": gathered(**changes)})
    assert errors == []
    assert any(said in warning for warning in warnings)


@pytest.mark.parametrize("changes", [{"ufw": True}, {"active_units": ["firewalld.service"]}])
def test_a_firewall_that_the_role_opens_is_no_warning(changes):
    assert judge({"k3s_firewall": True}, {"edge1": gathered(**changes)}) == ([], [])


OPEN = ["10.0.0.4", "8.8.8.8", "2001:4860:4860::8888"]


def test_a_public_address_without_a_filter_is_a_warning():
    settings = {"node_ports": {"edge_http_node_port": 30080, "edge_https_node_port": 30443}, "k3s_firewall": True}
    _errors, (warning,) = judge(settings, {"edge1": gathered(addresses=OPEN)})
    assert warning == (
        "edge1: has the public address 8.8.8.8 and no active firewall: unless one in front of it filters, the internet reaches 10250/tcp, "
        "6443/tcp, 8472/udp, 30080/tcp, 30443/tcp too, which only the hosts of the cluster need; see docs/security.md."
    )


def test_the_warning_names_the_ports_of_the_configuration():
    config = {"flannel-backend": "wireguard-native", "https-listen-port": 7443, "cluster-init": True}
    _errors, (warning,) = judge({"k3s_server_config": config}, {"edge1": gathered(addresses=OPEN)})
    assert "reaches 10250/tcp, 7443/tcp, 2379-2380/tcp, 51820/udp, 51821/udp too" in warning
    _errors, (warning,) = judge({"servers": ["other"], "k3s_server_config": config}, {"edge1": gathered(addresses=OPEN)})
    assert "reaches 10250/tcp, 51820/udp, 51821/udp too" in warning


@pytest.mark.parametrize(
    "changes",
    [
        {"addresses": ["10.0.0.4", "fd00::4", "169.254.3.4"]},
        *(
            {"addresses": OPEN, "active_units": [f"{name}.service"]}
            for name in ("firewalld", "nftables", "netfilter-persistent", "iptables")
        ),
        {"addresses": OPEN, "ufw": True},
    ],
)
def test_private_addresses_and_filters_are_no_warning(changes):
    assert judge({"k3s_firewall": True}, {"edge1": gathered(**changes)})[1] == []


def test_hosts_are_compared_with_each_other():
    hosts = {"edge1": gathered(), "edge2": gathered(fetched={}, time_offset=42.0)}
    errors, _warnings = judge(hosts=hosts)
    assert "edge2: its clock is 42 s ahead of that of edge1: set the clocks by NTP, for example with chrony." in errors
    assert "edge2: has the host name 'edge1' like edge1: give each host its own name, or set node-name." in errors


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        ((0.0, 3600.0, 0.2), "edge2: its clock is 3600 s ahead of that of edge1"),
        ((0.0, -3600.0, 0.2), "edge2: its clock is 3600 s behind that of edge3"),
        ((0.0, 3600.0, 3600.0), "edge2: its clock is 3600 s ahead of that of edge1"),
        ((-11.0, 0.0, 0.0), "edge1: its clock is 11 s behind that of edge2"),
    ],
)
def test_the_host_whose_clock_is_wrong_is_named(offsets, said):
    hosts = {f"edge{number}": gathered(hostname=f"edge{number}", time_offset=offset) for number, offset in enumerate(offsets, 1)}
    (error,) = judge(hosts=hosts)[0]
    assert error.startswith(said)


@pytest.mark.parametrize("offset", [3600.0, -3600.0])
def test_one_host_an_hour_away_from_the_controller_is_a_warning(offset):
    errors, (warning,) = judge(hosts={"edge1": gathered(time_offset=offset)})
    assert errors == []
    assert warning.startswith(f"edge1: its clock differs by {offset:.0f} s from the controller's: set the clocks by NTP")


@pytest.mark.parametrize("changes", [{"node_name": "edge2"}, {"node_name": "edge1", "node_id": True}])
def test_hosts_of_one_name_may_have_nodes_of_their_own(changes):
    assert judge(hosts={"edge1": gathered(), "edge2": gathered(fetched={}, **changes)})[0] == []


def test_a_common_difference_to_the_controller_is_a_warning():
    errors, warnings = judge(hosts={"edge1": gathered(time_offset=-3600.0)})
    assert errors == []
    assert "differs by -3600 s from the controller's" in warnings[0]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            {"unreachable": True, "msg": "Failed to connect to the host via ssh: timed out"},
            "cannot be reached (Failed to connect to the host via ssh: timed out)",
        ),
        ({"module_stderr": "Traceback:\n  x\nImportError: y\n", "msg": "MODULE FAILURE"}, "cannot be examined (ImportError: y)"),
        (
            {"module_stderr": "pyenv: python3.13: command not found\n\nNote: See 'pyenv help global'\n      (at the same time).\n"},
            "cannot be examined (pyenv: python3.13: command not found)",
        ),
        (
            {
                "module_stdout": "/bin/sh: 1: /usr/bin/python3: not found\r\n",
                "module_stderr": "Shared connection to 192.0.2.10 closed.\r\n",
                "msg": "MODULE FAILURE",
            },
            "cannot be examined (/bin/sh: 1: /usr/bin/python3: not found)",
        ),
        (
            {"module_stdout": "", "module_stderr": "sudo: unable to resolve host edge1\nsudo: a password is required\n"},
            "cannot be examined (sudo: a password is required): set ansible_become_password of the host, or run with --ask-become-pass.",
        ),
        ({"msg": "Task failed: Incorrect sudo password"}, "(Task failed: Incorrect sudo password): set ansible_become_password"),
        ({"module_stdout": "Sorry, try again.\n", "msg": "MODULE FAILURE"}, "(Sorry, try again): set ansible_become_password"),
        ({"msg": "Task failed: Missing sudo password"}, "(Task failed: Missing sudo password): set ansible_become_password"),
        (
            {"unreachable": True, "msg": "Permission denied (publickey,password)."},
            "cannot be reached (Permission denied (publickey,password)): check ansible_host, ansible_user and the SSH key",
        ),
    ],
)
def test_a_host_that_cannot_be_examined_is_a_finding_among_others(result, said):
    errors, _warnings = judge({"k3s_version": "bad"}, {"edge1": result})
    assert len(errors) == 2
    assert said in errors[1]


CONNECTS = "ansible_host, ansible_user and the SSH key, and that the host has Python 3.9 or newer."


def test_a_host_that_ansible_left_out_since_it_cannot_be_reached_as_its_variables_say():
    variables = {"ansible_port": "{{ nope }}", "ansible_facts": "{{ nope }}", "other": "{{ nope }}", "ansible_user": "me"}
    hosts = {"edge1": {}, "edge2": {}}
    errors = report({**SETTINGS, "skip": ["variables"]}, hosts, NETWORK, {"edge1": variables, "edge2": {}})["errors"]
    assert errors == [
        "edge1: ansible_port cannot be read: what it names is undefined.",
        f"edge2: cannot be examined (no answer): check {CONNECTS}",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"a": [], "aaaa": [], "error": ""}, "has no address in DNS: create an A record that points to 192.0.2.10."),
        (
            {"a": ["198.51.100.7"], "aaaa": [], "error": ""},
            "points to 198.51.100.7 (A), which is none of the hosts: let the A record point to 192.0.2.10,",
        ),
        ({"a": ["192.0.2.10"], "aaaa": ["2001:db8::99"], "error": ""}, "points to 2001:db8::99 (AAAA)"),
        ({"a": [], "aaaa": [], "error": "Temporary failure in name resolution"}, "cannot be looked up (Temporary failure"),
    ],
)
def test_names_that_do_not_point_to_the_hosts(answer, said):
    network = {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", **answer}}}
    errors, _warnings = judge(network=network)
    assert len(errors) == 1
    assert errors[0].startswith("edge1: host app.example.com of site app ")
    assert said in errors[0]
    assert judge({"skip": ["dns"]}, network=network) == ([], [])


def pointing(*addresses):
    """A network in which the site's name has these addresses."""
    split = {"a": [one for one in addresses if ":" not in one], "aaaa": [one for one in addresses if ":" in one]}
    return {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", **split, "error": ""}}}


BEHIND_NAT = {"edge1": gathered(addresses=["192.168.1.10", "fd00::10"])}
NAT = {"edge_host_addresses": ["192.168.1.10"], "edge_addresses": ["192.168.1.10"]}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["203.0.113.7"], "if a router or load balancer forwards 203.0.113.7 to them, set edge_address of the host to it"),
        (["2001:db8::7"], "if a router or load balancer forwards 2001:db8::7 to them, set edge_address of the host to it"),
        (["203.0.113.7", "203.0.113.8"], "forwards 203.0.113.7, 203.0.113.8 to them"),
        ([], "create an A record that points to the public address that is forwarded to them, and set edge_addresses to it"),
    ],
)
def test_no_public_name_is_pointed_to_a_private_address(answer, said):
    (error,) = judge(NAT, BEHIND_NAT, pointing(*answer))[0]
    assert said in error
    assert "record point to 192.168" not in error
    assert "points to 192.168" not in error


@pytest.mark.parametrize("private", ["10.1.2.3", "172.20.0.3", "192.168.7.1", "100.64.0.9", "169.254.3.3"])
def test_every_kind_of_private_address_counts_as_one(private):
    hosts = {"edge1": gathered(addresses=[private])}
    settings = {"edge_host_addresses": [private], "edge_addresses": [private]}
    assert f"only the private {private} is known" in judge(settings, hosts, pointing("203.0.113.7"))[0][0]
    assert judge(settings, hosts, pointing(private)) == ([], [])


def test_of_public_and_private_addresses_the_public_one_is_named():
    hosts = {"edge1": gathered(addresses=["192.0.2.10", "10.0.0.10"])}
    (error,) = judge(hosts=hosts, network=pointing("203.0.113.7"))[0]
    assert "let the A record point to 192.0.2.10, or set edge_proxy_addresses" in error


@pytest.mark.parametrize(
    "settings",
    [
        {"edge_proxy_addresses": ["198.51.100.1"]},
        {"edge_addresses": ["198.51.100.1"]},
        {"edge_addresses": ["198.51.100.1"], "edge_proxy_addresses": ["lb.example.com"]},
    ],
)
@pytest.mark.parametrize("inside", ["192.168.1.10", "fd00::10"])
def test_a_resolver_inside_may_point_to_the_hosts_themselves(settings, inside):
    network = pointing(inside)
    network["resolved"]["lb.example.com"] = {"name": "lb.example.com", "a": ["198.51.100.1"], "aaaa": [], "error": ""}
    errors, (warning,) = judge({**NAT, **settings}, BEHIND_NAT, network)
    assert errors == []
    assert f"points to {inside} (" in warning
    assert "here, a private address of the hosts: outside it must point to 198.51.100.1." in warning


@pytest.mark.parametrize("elsewhere", ["192.168.1.99", "203.0.113.9"])
def test_an_address_of_no_host_is_wrong_behind_a_proxy_too(elsewhere):
    errors, warnings = judge({**NAT, "edge_proxy_addresses": ["198.51.100.1"]}, BEHIND_NAT, pointing(elsewhere))
    assert warnings == []
    assert len(errors) == 1
    assert "let the A record point to 198.51.100.1" in errors[0]


def on_two_hosts(*addresses, site=(), **settings):
    """What is said of a name of a gateway on a host of its own: errors and warnings."""
    team = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.168.1.11"]}
    sites = [{**SETTINGS["sites"][0], "gateway": "team-b"}, *site]
    hosts = {"edge1": gathered(addresses=["192.168.1.10"]), "edge2": gathered(hostname="edge2", addresses=["192.168.1.11"])}
    given = {"edge_host_addresses": ["192.168.1.10", "192.168.1.11"], "edge_addresses": ["192.168.1.10"], "hosts": ["edge1", "edge2"]}
    return judge({**given, "sites": sites, "edge_gateways": [team], **settings}, hosts, pointing(*addresses))


def test_a_name_points_to_the_addresses_of_its_gateway():
    assert on_two_hosts("192.168.1.11") == ([], [])
    errors, (warning,) = on_two_hosts("192.168.1.10")
    assert errors == []
    assert "points to 192.168.1.10 (A) here, a private address of the hosts: outside it must point to 192.168.1.11." in warning
    (error,), _warnings = on_two_hosts("203.0.113.9")
    assert "if a router or load balancer forwards 203.0.113.9" in error


def test_a_name_of_a_gateway_may_point_to_a_proxy_in_front():
    assert on_two_hosts("198.51.100.1", edge_proxy_addresses=["198.51.100.1"]) == ([], [])


def test_a_name_on_two_gateways_may_point_to_either():
    inside = [{**SETTINGS["sites"][0], "name": "inside"}]
    assert on_two_hosts("192.168.1.10", site=inside) == ([], [])
    assert on_two_hosts("192.168.1.11", site=inside) == ([], [])


def test_addresses_of_a_gateway_may_be_names():
    team = {"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["b.example.com"]}
    settings = {"edge_gateways": [team], "sites": [{**SETTINGS["sites"][0], "gateway": "team-b"}], "edge_addresses": ["192.0.2.1"]}
    assert "b.example.com" in plan({**SETTINGS, **settings})["names"]
    network = pointing("192.0.2.10")
    network["resolved"]["b.example.com"] = {"name": "b.example.com", "a": ["192.0.2.10"], "aaaa": [], "error": ""}
    assert judge(settings, network=network) == ([], [])


@pytest.mark.parametrize(
    ("process", "unit", "said"),
    [
        ("docker-proxy", "docker.service", "a container publishes this port, so publish another port of the host for it."),
        ("dockerd", "docker.service", "a container publishes this port"),
        ("conmon", "", "a container publishes this port"),
        ("tailscaled", "tailscaled.service", "leave it alone until another way to the host works"),
        ("sshd", "ssh.service", "leave it alone until another way to the host works"),
        ("systemd", "ssh.socket", "leave it alone until another way to the host works"),
        ("openvpn", "openvpn-server@main.service", "leave it alone until another way to the host works"),
        ("apache2", "apache2.service", "have the gateway forward its names to it as sites of edge_sites."),
        ("python3", "", "find out what needs it, and let it listen on another port or address."),
        ("", "", "find out what needs it, and let it listen on another port or address."),
    ],
)
def test_no_advice_about_a_held_port_cuts_anything_off(process, unit, said):
    (error,) = judge(hosts={"edge1": gathered(listeners=[holder(443, process=process, unit=unit)])})[0]
    assert said in error
    assert not any(word in error for word in ("stop", "systemctl", "disable", "kill", "remove"))


SILENT = "points to 2001:db8::10 (AAAA), where nothing will answer: the cluster has no IPv6"


def test_a_name_with_an_ipv6_address_that_the_cluster_does_not_serve():
    errors, warnings = judge({"serves_ipv6": False})
    assert warnings == []
    assert len(errors) == 1
    assert SILENT in errors[0]
    assert "remove the AAAA record" in errors[0]
    assert judge({"serves_ipv6": True}) == ([], [])


def test_an_ipv6_address_of_a_machine_in_front_is_its_own_matter():
    settings = {"serves_ipv6": False, "edge_addresses": ["192.0.2.10", "2001:db8::10"]}
    assert judge(settings) == ([], [])


def test_an_unserved_ipv6_address_is_a_warning_where_no_authority_looks():
    errors, warnings = judge({"serves_ipv6": False, "issuers": [{"name": "lab", "type": "selfsigned"}]})
    assert errors == []
    assert SILENT in warnings[0]


def test_names_matter_less_where_no_authority_looks_them_up():
    network = {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", "a": [], "aaaa": [], "error": ""}}}
    errors, warnings = judge({"issuers": [{"name": "lab", "type": "selfsigned"}]}, network=network)
    assert errors == []
    assert len(warnings) == 1


def test_given_addresses_are_the_only_ones_if_they_are_final():
    settings = {"edge_addresses": ["203.0.113.1"]}
    assert len(judge(settings)[0]) == 2
    network = {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", "a": ["203.0.113.1"], "aaaa": [], "error": ""}}}
    assert judge(settings, network=network)[0] == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 0, "error": "[Errno 111] Connection refused", "body": ""}, "does not answer ([Errno 111] Connection refused)"),
        ({"status": 0, "error": "its certificate is not trusted (self-signed)", "body": ""}, "set the ca_bundle of the issuer"),
        ({"status": 200, "error": "", "body": "<html>"}, "answers, but not with an ACME directory"),
        ({"status": 500, "error": "HTTP 500", "body": ""}, "does not answer (HTTP 500)"),
    ],
)
def test_an_acme_server_that_cannot_be_used(answer, said):
    errors, _warnings = judge(network={**NETWORK, "fetched": {ACME: {"url": ACME, **answer}}})
    assert len(errors) == 1
    assert errors[0].startswith(f"edge1: the ACME server {ACME} of issuer lab ")
    assert said in errors[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"status": 404, "error": "HTTP 404", "body": ""},
            "k3s_version v1.34.4+k3s1 is not at https://mirror.example.com/k3s (HTTP 404 for ",
        ),
        ({"status": 0, "error": "timed out", "body": ""}, "k3s_release_url https://mirror.example.com/k3s cannot be read (timed out)"),
        ({"status": 200, "error": "", "body": "a  k3s-arm64\n"}, "lists no checksum for k3s"),
    ],
)
def test_a_release_that_cannot_be_fetched(answer, said):
    errors, _warnings = judge(hosts={"edge1": gathered({SUMS: {"url": SUMS, **answer}})})
    assert len(errors) == 1
    assert said in errors[0]


def on_names(*answers, **settings):
    """What is found of hosts that the inventory knows by the names edge1, edge2 and so on."""
    names = [f"edge{number}" for number, _answer in enumerate(answers, 1)]
    known = {name: {"name": name, "a": [], "aaaa": [], "error": "", **answer} for name, answer in zip(names, answers)}
    network = {**NETWORK, "resolved": {**NETWORK["resolved"], **known}}
    return judge({"edge_host_addresses": names, "edge_addresses": names, **settings}, network=network)


@pytest.mark.parametrize(("answer", "reason"), [({"error": "Name or service not known"}, "Name or service not known"), ({}, "no record")])
def test_a_host_that_ssh_alone_knows_by_its_name_is_a_finding(answer, reason):
    (error,), warnings = on_names({"a": ["192.0.2.10"]}, answer)
    assert error == (
        f"edge1: edge2, by which the inventory knows a host, has no address here ({reason}), so that what it serves cannot be "
        "proved: set edge_address of that host (or ansible_host) to an address, or edge_addresses to those of all hosts."
    )
    assert warnings == []


def test_the_zone_of_a_host_is_looked_for_where_it_is_asked():
    settings = {"edge_host_addresses": ["fe80::1%eth0"], "edge_addresses": ["fe80::1%eth0"]}
    assert "fe80::1%eth0" in _preflight_report.plan({**SETTINGS, **settings, "plan": make_plan([SITE], {})})["network"]["names"]
    unknown = {"fe80::1%eth0": {"name": "fe80::1%eth0", "a": [], "aaaa": [], "error": "Name or service not known"}}
    errors, _warnings = judge(settings, network={**NETWORK, "resolved": {**NETWORK["resolved"], **unknown}})
    assert [error for error in errors if error.startswith("edge1: fe80::1%eth0, by which the inventory knows a host, has no address here")]


@pytest.mark.parametrize("settings", [{"edge_addresses": ["192.0.2.10", "2001:db8::10"]}, {"skip": ["dns"]}])
def test_names_of_hosts_do_not_matter_where_addresses_are_given_or_dns_is_skipped(settings):
    assert on_names({"error": "Name or service not known"}, **settings)[0] == []


@pytest.mark.parametrize("answer", [{"a": ["192.0.2.10"]}, {"aaaa": ["2001:db8::10"]}, {"a": ["127.0.1.1"]}])
def test_names_of_hosts_that_can_be_looked_up_are_fine(answer):
    assert on_names(answer) == ([], [])


def test_an_api_host_that_cannot_look_is_a_finding():
    errors, _warnings = judge(network={"unreachable": True, "msg": "timed out"})
    assert errors == ["edge1: cannot look at DNS and ACME servers (timed out): check that Ansible reaches this host."]


def test_an_api_host_that_cannot_be_examined_is_one_finding():
    failed = {"unreachable": True, "msg": "timed out"}
    (error,) = judge(hosts={"edge1": failed}, network=failed)[0]
    assert error.startswith("edge1: cannot be reached (timed out)")


def test_what_to_look_at_follows_from_the_settings():
    found = plan(SETTINGS)
    assert found["names"] == ["app.example.com"]
    assert [entry["url"] for entry in found["urls"]] == [ACME]
    assert found["release"] == "https://mirror.example.com/k3s/v1.34.4%2Bk3s1"
    assert {80, 443, 6443, 10250} <= set(found["ports"])
    assert 2379 not in found["ports"]
    assert 2379 in plan({**SETTINGS, "k3s_server_config": {"cluster-init": True}})["ports"]


def test_what_is_skipped_is_not_looked_at():
    found = plan({**SETTINGS, "skip": ["dns", "acme", "release", "ports"]})
    looks = ("names", "caa_names", "urls", "ports")
    assert {key: found[key] for key in (*looks, "release")} == {**{key: [] for key in looks}, "release": ""}


@pytest.mark.parametrize("settings", [{"k3s_version": "bad"}, {"airgap_dir": "/x"}, {"k3s_release_url": "file:///srv/k3s"}])
def test_a_release_is_not_fetched_in_vain(settings):
    assert plan({**SETTINGS, **settings})["release"] == ""


def test_only_issuers_that_sites_use_are_asked():
    issuers = [*SETTINGS["issuers"], {"name": "other", "type": "acme", "server": "https://other.example.net/dir"}]
    assert [entry["url"] for entry in plan({**SETTINGS, "issuers": issuers})["urls"]] == [ACME]
    assert plan({**SETTINGS, "sites": [{**SITE, "issuer": "letsencrypt"}]})["urls"][0]["url"].startswith(
        "https://acme-v02.api.letsencrypt.org"
    )


@pytest.mark.parametrize(
    ("environment", "values", "warned"),
    [
        ({"HTTPS_PROXY": "http://proxy.example.com:3128"}, {}, True),
        ("{https_proxy: http://me:hush@proxy.example.com:3128}", {"replicaCount": 2}, True),
        ({"HTTPS_PROXY": "http://proxy.example.com:3128"}, "{https_proxy: http://proxy.example.com:3128}", False),
        ({"NO_PROXY": "*", "LANG": "C"}, {}, False),
        ({}, {}, False),
        ("", "", False),
    ],
)
def test_a_proxy_that_cert_manager_does_not_use_is_a_warning(environment, values, warned):
    settings = {"dictionaries": {"edge_environment": environment, "cert_manager_values": values}}
    errors, warnings = judge(settings)
    assert errors == []
    assert ["cert_manager_values" in text for text in warnings] == [True] * warned
    assert "hush" not in "".join(warnings)
    for other in ({"skip": ["acme"]}, {"issuers": [{"name": "lab", "type": "selfsigned"}]}):
        assert judge({**settings, **other}) == ([], [])


def test_wildcards_are_not_looked_up():
    assert plan({**SETTINGS, "sites": [{**SITE, "hosts": ["*.example.com"]}]})["names"] == []


def test_no_finding_comes_twice():
    twin = {**SITE, "name": "two", "hosts": ["b.example.com"], "issuer": "nosuch"}
    errors, _warnings = judge({"sites": [twin, twin]})
    assert len(errors) == len(set(errors))


def test_what_is_wrong_with_proxies_is_found_with_the_rest():
    settings = dict(SETTINGS, edge_trusted_proxies="many", edge_proxy_addresses=["192.0.2.10"], k3s_version="latest")
    assert [error.split(" ", 1)[0] for error in report(settings)["errors"]] == [
        "k3s_version",
        "edge_trusted_proxies",
        "edge_proxy_addresses",
    ]


def run_on(identity, age=35):
    return {"identity": identity, "who": "process 4711 of ops@control", "age": age}


@pytest.fixture(name="process")
def _process():
    """A process that lives as long as the test."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_run_that_changes_hosts_ends_where_another_is_on(process):
    hosts = {name: gathered(hostname=name, runs=[run_on(identity_of(process.pid))]) for name in ("edge1", "edge2")}
    said = "edge1, edge2: another run is on, process 4711 of ops@control, begun 35 s ago: wait for its end, then run again."
    assert judge({"begins": True}, hosts) == ([said], [])
    assert judge({"begins": False}, hosts) == ([], [said])


def test_a_run_that_has_ended_is_none(process):
    identity = identity_of(process.pid)
    process.kill()
    process.wait()
    assert judge({"begins": True}, {"edge1": gathered(runs=[run_on(identity)])}) == ([], [])


@pytest.mark.parametrize(("age", "warned"), [(5, True), (599, True), (601, False), (86400, False)])
def test_a_run_of_another_controller_is_a_warning_for_a_while(age, warned):
    errors, warnings = judge({"begins": True}, {"edge1": gathered(runs=[run_on("another-boot/pid:[1] 7 100", age)])})
    assert errors == []
    said = f"edge1: a run on another controller, process 4711 of ops@control, began {age} s ago: if it is still on, wait for its end."
    assert warnings == [said] * warned


def test_a_plan_names_this_run():
    run = plan(SETTINGS)["run"]
    assert run["identity"] == identity_of(os.getpid())
    assert run["who"].startswith(f"process {os.getpid()} of ")


#: For each check a setting, a host or a network that it alone finds, and a word of the finding.
# An authority that takes one order in two hours, for a preflight that no run follows.
LIMITED = {
    "issuers": [{"name": "lab", "type": "acme", "server": ACME, "rate_limits": {"orders": {"count": 1, "hours": 2}}}],
    "gateway_namespace": "istio-ingress",
    "now": 1795248000.0,
    "alone": True,
}
ORDERED = {"uid": "1", "at": "2026-11-21T08:00:00Z", "server": ACME, "account": "ClusterIssuer/lab", "state": "open", "failed_names": []}
ORDERED |= {"names": ["other.example.com"], "certificate": "istio-ingress/other", "revision": 1}
FAULTS = {
    "variables": ({"k3s_agent_config": {"tls-san": []}}, {}, "which only a server takes"),
    "versions": ({"istio_version": "1.31.0", "cert_manager_version": "", "k3s_version": "v1.31.1+k3s1"}, {}, "does not go with"),
    "release": ({}, {"fetched": {"status": 404, "error": "HTTP 404", "body": ""}}, "is not at https://mirror"),
    "system": ({}, {"systemd": False}, "does not run systemd"),
    "resources": ({}, {"memory_mib": 100}, "MiB of memory"),
    "time": ({}, {"time_offset": -3600.0}, "differs by"),
    "names": ({}, {"hostname": "localhost"}, "its host name is"),
    "ports": ({}, {"listeners": [holder()]}, "is held by nginx"),
    "dns": ({}, {}, "has no address in DNS"),
    "acme": ({}, {}, "does not answer"),
    "limits": (LIMITED, {}, "limits new orders of its account"),
    "dry_run": ({}, {}, "the Kubernetes API refuses"),
}


def run_with_every_fault(skip):
    """What a run finds where everything is wrong, with the tasks that the role skips if there is nothing to look at."""
    settings = {**SETTINGS, "skip": skip}
    changes = {}
    for change, host, _word in FAULTS.values():
        settings.update(change)
        changes.update(host)
    answer = changes.pop("fetched")
    planned = plan(settings)
    sums = f"{planned['release']}/sha256sum-amd64.txt"
    hosts = {"edge1": gathered({sums: {"url": sums, **answer}} if planned["release"] else {}, **changes)}
    network = {"skipped": True, "skip_reason": "Conditional result was False", "changed": False}
    if planned["names"] or planned["urls"] or planned["objects"] or planned["orders"]:
        silent = {"status": 0, "error": "refused", "body": ""}
        network = {
            "resolved": {name: {"name": name, "a": [], "aaaa": [], "error": ""} for name in planned["names"]},
            "fetched": {entry["url"]: {"url": entry["url"], **silent} for entry in planned["urls"]},
        }
    if planned["orders"]:
        network["orders"] = {"orders": [ORDERED], "held": []}
    if planned["objects"]:
        first = planned["objects"][0]
        network["dry_run"] = {"refused": [{"kind": first["kind"], **first["metadata"], "message": "no"}], "charts": {}, "reason": ""}
    return report(settings, hosts, network)


@pytest.mark.parametrize("count", range(len(CHECKS) + 1))
def test_what_is_skipped_is_skipped_and_nothing_else_in_every_combination(count):
    assert set(FAULTS) == set(CHECKS)
    for skip in itertools.combinations(CHECKS, count):
        found = run_with_every_fault(list(skip))
        sentences = [*found["errors"], *found["warnings"]]
        seen = {check for check, (_settings, _host, word) in FAULTS.items() if any(word in sentence for sentence in sentences)}
        assert seen == set(CHECKS) - set(skip)
        assert len(sentences) == len(CHECKS) - len(skip), (skip, sentences)


@pytest.mark.parametrize("skip", ["dns,acme", "dns, acme", '["dns", "acme"]', ["acme", "dns"]])
def test_checks_to_skip_may_come_from_a_survey(skip):
    assert judge({"skip": skip}, network={"skipped": True}) == ([], [])
    assert plan({**SETTINGS, "skip": skip})["names"] == []


@pytest.mark.parametrize("variable", ["edge_addresses", "edge_proxy_addresses"])
@pytest.mark.parametrize("value", ["203.0.113.1", "203.0.113.1, lb.example.com", '["203.0.113.1", "lb.example.com"]'])
def test_addresses_may_come_from_a_survey(variable, value):
    settings = {variable: value}
    assert [name for name in plan({**SETTINGS, **settings})["names"] if len(name) == 1] == []
    network = {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", "a": ["203.0.113.1"], "aaaa": [], "error": ""}}}
    assert judge(settings, network=network) == ([], [])
    assert len(judge(settings)[0]) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edge_addresses": {"edge1": "192.0.2.10"}}, "edge_addresses is {'edge1': '192.0.2.10'}: it must be a list, or text with"),
        ({"edge_addresses": "1 9 2"}, "edge_addresses has '1': each entry must be an IP address or a DNS name."),
        # The zone of an address is that of one host, and names no address for others.
        ({"edge_addresses": ["fe80::1%eth0"]}, "edge_addresses has 'fe80::1%eth0': each entry must be an IP address or a DNS name."),
        ({"edge_proxy_addresses": "fe80::1%2"}, "edge_proxy_addresses has 'fe80::1%2': each entry must be an IP address or a DNS name."),
        ({"edge_addresses": ["[2001:db8::1]"]}, "edge_addresses has '[2001:db8::1]': each entry must be an IP address or a DNS name."),
        (
            {"edge_proxy_addresses": ["203.0.113.0/24"]},
            "edge_proxy_addresses has '203.0.113.0/24': each entry must be an IP address",
        ),
        ({"edge_pod_networks": 5}, "edge_pod_networks is 5: it must be a list, or text with the entries between commas."),
        ({"edge_pod_networks": "pods"}, "edge_pod_networks has 'pods': each entry must be a network such as 10.42.0.0/16."),
        ({"dictionaries": {"istio_base_values": "many"}}, "istio_base_values is 'many': it must be a dictionary, or text that is one in"),
        ({"dictionaries": {"cert_manager_values": [1]}}, "cert_manager_values cannot be read (its value may hold passwords and is not"),
        ({"ports": [0]}, "preflight_ports has 0: each entry must be a TCP port from 1 to 65535."),
        ({"ports": [65536]}, "preflight_ports has 65536: each entry must be a TCP port from 1 to 65535."),
        ({"ports": ["http"]}, "preflight_ports has 'http': each entry must be a TCP port from 1 to 65535."),
        ({"skip": {"dns": True}}, "preflight_skip is {'dns': True}: it must be a list, or text with the entries between commas."),
    ],
)
def test_lists_that_cannot_be_read(settings, said):
    errors, _warnings = judge(settings)
    assert any(error.startswith(said) for error in errors), errors
    assert [error for error in errors if "leads to" in error or "points to" in error] == []


@pytest.mark.parametrize("ports", [[1], [65535], "1, 65535"])
def test_every_port_may_be_named(ports):
    assert not any(error.startswith("preflight_ports") for error in judge({"ports": ports})[0])


def test_inventory_names_are_addresses_of_hosts_whatever_they_look_like():
    assert judge({"edge_host_addresses": ["edge_1"], "edge_addresses": ["edge_1"]}) == ([], [])


@pytest.mark.parametrize(
    ("settings", "silent"),
    [
        ({}, True),
        ({"k3s_server_config": {"cluster-cidr": "10.42.0.0/16,2001:db8:42::/56"}}, False),
        ({"host_ports_ports": [{"port": 443, "target_port": 443}]}, False),
        ({"host_ports_ports": [{"port": 443, "node_port": 30443}]}, True),
        ({"host_ports_ports": '[{"port": 443, "target_port": 443}]'}, False),
        ({"serves_ipv6": "true"}, False),
        ({"serves_ipv6": "false"}, True),
    ],
)
def test_whether_ipv6_is_served_follows_from_the_settings(settings, silent):
    errors, _warnings = judge({"serves_ipv6": "", **settings})
    assert any(SILENT in error for error in errors) is silent


def test_hosts_that_a_limit_leaves_out_are_not_judged():
    addresses = ["192.0.2.10", "192.0.2.11"]
    settings = {"hosts": ["edge1", "edge2"], "edge_host_addresses": addresses, "edge_addresses": addresses}
    # Names may point to the host that nothing was read from.
    network = {**NETWORK, "resolved": {"app.example.com": {"name": "app.example.com", "a": ["192.0.2.12"], "aaaa": [], "error": ""}}}
    assert judge(settings, network=network) == ([], [])
    assert len(judge(network=network)[0]) == 1


RAW = {
    "sites": [],
    "certificate_certificates": [
        {
            "metadata": {"name": "shop"},
            "spec": {"secretName": "shop", "dnsNames": ["shop.example.com"], "issuerRef": {"kind": "ClusterIssuer", "name": "lab"}},
        }
    ],
}


def test_names_and_issuers_of_raw_manifests_are_looked_at_too():
    assert plan({**SETTINGS, **RAW})["names"] == ["shop.example.com"]
    assert [entry["url"] for entry in plan({**SETTINGS, **RAW})["urls"]] == [ACME]
    network = {**NETWORK, "resolved": {"shop.example.com": {"name": "shop.example.com", "a": ["192.0.2.99"], "aaaa": [], "error": ""}}}
    (error,) = judge(RAW, network=network)[0]
    assert "shop.example.com" in error
    assert judge({**RAW, "certificate_certificates": []}, network={}) == ([], [])


def test_what_the_report_cannot_show_is_a_warning():
    server = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": ["*"],
        "tls": {"mode": "PASSTHROUGH"},
    }
    raw = {"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": [server]}}
    errors, (warning,) = judge({"gateway_gateways": [raw]})
    assert errors == []
    assert warning.startswith("gateway_gateways (raw): the report cannot show what hosts '*' serve")
    assert judge({"gateway_gateways": [raw], "skip": ["variables"]}) == ([], [])


# --- CAA records

PUBLIC = "https://acme-v02.api.letsencrypt.org/directory"
DNS01 = [{"dns01": {"cloudflare": {}}}]


def caa(*records, host="app.example.com", server=PUBLIC, solvers=(), body="", error=""):
    """Return the report on a host whose domain has these CAA records."""
    issuer = {"name": "lab", "type": "acme", "server": server, **({"solvers": list(solvers)} if solvers else {})}
    settings = {**SETTINGS, "issuers": [issuer], "sites": [{**SITE, "hosts": [host]}]}
    found = [{"critical": critical, "tag": tag, "value": value} for tag, value, critical in records]
    network = {
        "resolved": {},
        "fetched": {server: {"status": 200, "body": body or '{"newOrder": ""}', "error": ""}},
        "caa": {host: {"name": host, "at": "example.com", "records": found, "error": error}},
    }
    return report(settings, {}, network)


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (caa(("issue", "digicert.com", False)), ['(issue "digicert.com")', "letsencrypt.org", 'CAA 0 issue "letsencrypt.org"']),
        (caa(("issue", ";", False)), ['issue ";"']),
        (caa(("issue", "letsencrypt.org; validationmethods=dns-01", False)), ["http-01"]),
        (caa(("issuewild", ";", False), ("issue", "letsencrypt.org", False), host="*.example.com", solvers=DNS01), ['issuewild ";"']),
        (caa(("issue", "sectigo.com", False), host="*.example.com", solvers=DNS01), ['CAA 0 issue "letsencrypt.org"']),
        (caa(("tbs", "x", True)), ["critical property 'tbs'"]),
        (caa(("issue", "letsencrypt.org", False), body='{"newOrder": "", "meta": {"caaIdentities": ["new.example"]}}'), ["new.example"]),
    ],
)
def test_caa_records_that_forbid_an_order(given, telling):
    (error,) = [error for error in given["errors"] if "CAA" in error]
    assert "host app.example.com of site app" in error or "host *.example.com of site app" in error
    assert [part for part in telling if part not in error] == []


@pytest.mark.parametrize(
    "given",
    [
        caa(),
        caa(("issue", "letsencrypt.org", False)),
        caa(("issue", "digicert.com", False), ("issue", "LetsEncrypt.org ; accounturi=https://x/1", False)),
        caa(("issue", "letsencrypt.org;validationmethods=http-01,dns-01", True)),
        caa(("issuewild", ";", False)),
        caa(("issuewild", "letsencrypt.org", False), ("issue", ";", False), host="*.example.com", solvers=DNS01),
        caa(("iodef", "mailto:a@example.com", True)),
        caa(("issue", ";", False), server="https://ca.corp/acme/directory"),
    ],
)
def test_caa_records_that_allow_an_order(given):
    assert [text for text in given["errors"] + given["warnings"] if "CAA" in text] == []


def test_caa_records_that_cannot_be_looked_up_are_a_warning():
    found = caa(error="it failed")
    assert [text for text in found["errors"] if "CAA" in text] == []
    (warning,) = [text for text in found["warnings"] if "CAA" in text]
    assert "at example.com (it failed)" in warning


def test_only_names_for_public_authorities_are_asked_for_caa_records():
    public = {**SETTINGS, "issuers": [{"name": "lab", "type": "acme", "server": PUBLIC}]}
    assert plan(SETTINGS)["caa_names"] == []
    assert plan(public)["caa_names"] == ["app.example.com"]
    assert plan({**public, "skip": ["dns"]})["caa_names"] == []


def test_what_the_hosts_cannot_see_is_said():
    (sentence,) = caa()["unseen"]
    assert "from the internet reaches port 80 of app.example.com cannot be seen" in sentence
    assert caa(host="*.example.com", solvers=DNS01)["unseen"] == []
    assert caa(server="https://ca.corp/acme/directory")["unseen"] == []


# --- what an ACME directory asks for


@pytest.mark.parametrize(
    ("fields", "meta", "telling"),
    [
        ({"profile": "six-days"}, '{"profiles": {"classic": "x", "shortlived": "y"}}', "no profile 'six-days'"),
        ({}, '{"externalAccountRequired": true}', "set external_account"),
    ],
)
def test_what_an_acme_directory_does_not_take(fields, meta, telling):
    errors, _warnings = judge(
        {"issuers": [{**SETTINGS["issuers"][0], **fields}]},
        network={**NETWORK, "fetched": {ACME: {"status": 200, "error": "", "body": f'{{"newOrder": "x", "meta": {meta}}}'}}},
    )
    (error,) = errors
    assert telling in error


@pytest.mark.parametrize(
    ("fields", "meta"),
    [
        ({"profile": "classic"}, '{"profiles": {"classic": "x"}}'),
        ({"profile": "any"}, "{}"),
        ({"profile": "any"}, "null"),
        ({}, '{"externalAccountRequired": false, "profiles": {}}'),
        ({"external_account": {"keyID": "x", "keySecretRef": {"name": "eab", "key": "k"}}}, '{"externalAccountRequired": true}'),
    ],
)
def test_what_an_acme_directory_takes(fields, meta):
    network = {**NETWORK, "fetched": {ACME: {"status": 200, "error": "", "body": f'{{"newOrder": "x", "meta": {meta}}}'}}}
    assert judge({"issuers": [{**SETTINGS["issuers"][0], **fields}]}, network=network) == ([], [])


LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def of_contact(email, server=LETSENCRYPT, trial=False):
    """The errors about the contact of the accounts of sites, by the settings of all and of one issuer."""
    fetched = {url: {"status": 200, "error": "", "body": '{"newOrder": "x"}'} for url in (server, LETSENCRYPT)}
    issuer = {"name": "lab", "type": "acme", "server": server}
    settings = [{"email": email, "issuers": [issuer]}, {"issuers": [{**issuer, "email": email}]}]
    return [judge(each, network={**NETWORK, "fetched": fetched})[0] for each in settings]


@pytest.mark.parametrize("email", ["ops@example.com", "ops@EXAMPLE.org", "ops@localhost", "ops@b\u00fccher.de"])
def test_a_contact_that_lets_encrypt_refuses(email):
    for (error,) in of_contact(email):
        assert f"of issuer lab refuses accounts with the contact {email}: let edge_email, or email of the issuer" in error


@pytest.mark.parametrize(
    ("email", "server"),
    [
        ("ops@company.net", LETSENCRYPT),
        ("ops@sub.example.com", LETSENCRYPT),
        ("ops@localhost", ACME),
        ("a@example.com", ACME),
    ],
)
def test_a_contact_that_is_taken(email, server):
    assert of_contact(email, server) == [[], []]


# --- what the API server and its webhooks say

PLAIN = {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
RAW_GATEWAY = {"metadata": {"name": "own", "labels": {"app.kubernetes.io/instance": "chart"}}, "spec": {"servers": [PLAIN]}}
RAW_CERTIFICATE = {
    "metadata": {"name": "mail", "namespace": "mail"},
    "spec": {"secretName": "mail", "dnsNames": ["mail.example.com"], "issuerRef": {"name": "lab", "kind": "ClusterIssuer"}},
}
WITH_RAW = {"gateway_gateways": [RAW_GATEWAY], "certificate_certificates": [RAW_CERTIFICATE]}
DENIED = 'admission webhook "webhook.cert-manager.io" denied the request: spec.a: Invalid value:\n "b"'


def refusal(kind, name, namespace="istio-ingress", charts=None, message=DENIED):
    refused = [{"kind": kind, "name": name, "namespace": namespace, "message": message}]
    network = copy.deepcopy(NETWORK)
    network["resolved"]["mail.example.com"] = {**network["resolved"]["app.example.com"], "name": "mail.example.com"}
    return {**network, "dry_run": {"refused": refused, "charts": charts or {}, "reason": ""}}


@pytest.mark.parametrize(
    ("given", "place", "title"),
    [
        (("Certificate", "app"), "edge_sites (app)", "Certificate istio-ingress/app"),
        (("Gateway", "app"), "edge_sites (app)", "Gateway istio-ingress/app"),
        (("VirtualService", "app"), "edge_sites (app)", "VirtualService istio-ingress/app"),
        (("Gateway", "own"), "gateway_gateways (own)", "Gateway istio-ingress/own"),
        (("Certificate", "mail", "mail"), "certificate_certificates (mail)", "Certificate mail/mail"),
        (("ClusterIssuer", "lab", ""), "cert_manager_issuers (lab)", "ClusterIssuer lab"),
    ],
)
def test_what_the_api_refuses_is_a_finding_with_the_variable(given, place, title):
    errors, _warnings = judge(WITH_RAW, network=refusal(*given))
    assert errors == [f"{place}: the Kubernetes API refuses {title}: {' '.join(DENIED.split())}."]


@pytest.mark.parametrize("kind", ["DestinationRule", "ServiceEntry"])
def test_what_the_api_refuses_of_the_services_of_a_site(kind):
    route = {"service": "old.example.org", "port": 443}
    outside = {**SITE, "routes": [route], "backends": [{"service": "old.example.org", "external": {"port": 443}}]}
    errors, _warnings = judge({"sites": [outside]}, network=refusal(kind, "app.old.example.org"))
    assert errors == [f"edge_sites (app): the Kubernetes API refuses {kind} istio-ingress/app.old.example.org: {' '.join(DENIED.split())}."]


def test_a_rule_of_others_for_the_service_of_a_site():
    route = {"service": "web.default", "port": 80}
    site = {**SITE, "routes": [route], "backends": [{"service": "web.default", "load_balancing": "RANDOM"}]}
    host = "web.default.svc.cluster.local"
    shared = [{"namespace": "istio-ingress", "name": f"app.{host}", "host": host, "other": "theirs"}]
    (error,), _warnings = judge(
        {"sites": [site]}, network={**NETWORK, "dry_run": {"refused": [], "charts": {}, "shared": shared, "reason": ""}}
    )
    assert error == (
        f"edge_sites (app): DestinationRule istio-ingress/theirs, which others made, is for service '{host}', too, and Istio takes parts "
        "of both. Delete it, and put what it says into backends of the site; or leave the service out of backends."
    )


#: A gateway beside the first one.
TEAM = {
    "name": "team-b",
    "namespace": "team-b",
    "http_node_port": 31080,
    "https_node_port": 31443,
    "http_port": 8080,
    "https_port": 8443,
    "route_namespaces": ["team"],
}


def foreign(effect="host", kind="Gateway", name="app", namespace="team"):
    taken = {"object": f"{kind} {namespace}/x", "namespace": namespace, "kind": kind, "name": name, "effect": effect}
    dry_run = {"refused": [], "charts": {}, "shared": [], "reason": ""}
    return {**NETWORK, "dry_run": dry_run, "foreign": [{**taken, "host": "app.example.com"}]}


@pytest.mark.parametrize(
    ("effect", "kind", "text"),
    [
        (
            "host",
            "Gateway",
            "'app.example.com' at the same port of the same pods, so that istiod leaves out the server of the site. Delete",
        ),
        ("port", "Gateway", "the same port of the same pods with a protocol that cannot share it, so that istiod leaves out the server"),
        (
            "routes",
            "VirtualService",
            "'app.example.com' at the same Gateway or port, and its routes go before those of the site. Delete it",
        ),
    ],
)
def test_what_others_take_from_a_site(effect, kind, text):
    (error,), warnings = judge(network=foreign(effect, kind))
    assert error.startswith(f"edge_sites (app): {kind} team/x, which others made, is for {text}")
    assert warnings == []


@pytest.mark.parametrize("tls", [{"mode": "NONE"}, {"mode": "PASSTHROUGH"}])
def test_what_others_take_from_a_tcp_site(tls):
    hosts = {} if tls["mode"] == "NONE" else {"hosts": ["db.example.com"]}
    site = {"name": "db", "tcp_port": 5432, "tls": tls, "routes": [{"service": "db.shop", "port": 5432}], **hosts}
    ports = [{"port": 5432, "node_port": 31432}]
    (error,), _warnings = judge({"sites": [site], "edge_gateway_ports": ports}, network=foreign("port", name="db"))
    assert error.startswith("edge_sites (db): Gateway team/x, which others made, is for the same port")


def test_what_others_take_from_a_raw_manifest():
    network = {**refusal("Gateway", "own"), **foreign(name="own"), "resolved": refusal("Gateway", "own")["resolved"]}
    (error,), _warnings = judge(WITH_RAW, network=network)
    assert error.startswith("gateway_gateways (own): Gateway team/x, which others made, is for 'app.example.com'")


def test_a_name_of_others_in_a_wildcard_is_a_warning():
    errors, warnings = judge(network=foreign("part"))
    assert (errors, warnings) == (
        [],
        [
            (
                "edge_sites (app): Gateway team/x, which others made, is for 'app.example.com', "
                "so that these requests do not reach the wildcard."
            )
        ],
    )


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"gateway_route_namespaces": ["team"]}, {}),
        ({"gateway_route_namespaces": "apps, team"}, {}),
        ({"gateway_route_namespaces": ["*"]}, {"effect": "routes", "kind": "VirtualService"}),
        ({"edge_gateways": [TEAM]}, {}),
        # istiod looks at Gateways in the namespace of their pods only.
        ({"dictionaries": {"istio_istiod_values": {"env": {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"}}}}, {}),
        ({"dictionaries": {"istio_istiod_values": "{pilot: {env: {PILOT_SCOPE_GATEWAY_TO_NAMESPACE: true}}}"}}, {}),
        ({"skip": ["dry_run"]}, {}),
    ],
)
def test_those_who_may_serve_the_names_of_sites(settings, given):
    assert judge(settings, network=foreign(**given)) == ([], [])


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"gateway_route_namespaces": ["apps"]}, {}),
        ({"edge_gateways": "team"}, {}),
        ({"dictionaries": {"istio_istiod_values": {"env": {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": True}}}}, {"namespace": "istio-ingress"}),
        (
            {"dictionaries": {"istio_istiod_values": {"env": {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": True}}}},
            {"effect": "routes", "kind": "VirtualService"},
        ),
        ({"dictionaries": {"istio_istiod_values": {"pilot": "x"}}}, {}),
    ],
)
def test_those_who_may_not(settings, given):
    errors, _warnings = judge(settings, network=foreign(**given))
    assert [error for error in errors if "which others made" in error]


def test_it_is_found_beside_all_that_is_wrong_with_the_hosts():
    errors, _warnings = judge({"k3s_version": "1"}, {"edge1": gathered(root=False)}, refusal("Gateway", "app"))
    assert len(errors) == 3


@pytest.mark.parametrize(
    ("charts", "decides"),
    [
        ({}, True),  # not installed by Helm
        ({"base": "1.31.1", "istiod": "1.31.1", "cert-manager": "v1.20.0"}, True),
        ({"istiod": "v1.31.1"}, True),
        ({"base": "1.30.0", "istiod": "1.31.1"}, False),
        ({"istiod": "1.30.0"}, False),
    ],
)
def test_a_version_that_is_replaced_does_not_decide(charts, decides):
    errors, warnings = judge(network=refusal("Gateway", "app", charts=charts))
    assert len(errors) == decides
    assert [text.endswith("istio_version is 1.31.1, and 1.30.0, which runs there, has judged it.") for text in warnings] == [True] * (
        not decides
    )


@pytest.mark.parametrize(
    ("message", "decides"),
    [
        ('admission webhook "validation.istio.io" denied the request: no', False),
        ('admission webhook "rev.validation.istio.io" denied the request: no', False),
        ('Gateway.networking.istio.io "app" is invalid: spec.servers: Required value', False),
        ('admission webhook "validate.kyverno.svc-fail" denied the request: no', True),
        ('admission webhook "istio.io.example.com" denied the request: no', True),
        ("gateways.networking.istio.io is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no", True),
    ],
)
def test_rules_of_the_clusters_owners_decide_whatever_version_runs(message, decides):
    errors, warnings = judge(network=refusal("Gateway", "app", charts={"istiod": "1.30.0"}, message=message))
    assert (len(errors), len(warnings)) == (decides, not decides)


def test_objects_of_all_kinds_that_webhooks_judge_are_asked_for():
    names = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in plan({**SETTINGS, **WITH_RAW})["objects"]
    ]
    assert ("Certificate", "istio-ingress", "app") in names
    assert ("Certificate", "mail", "mail") in names
    assert ("Gateway", "istio-ingress", "own") in names
    assert {kind for kind, _namespace, _name in names} == {"Certificate", "Gateway", "VirtualService"}


def test_an_issuer_is_asked_for_where_its_solvers_are_known():
    solved = {**SETTINGS["issuers"][0], "solvers": [{"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "t", "key": "t"}}}}]}
    issuers = [solved, {"name": "inside", "type": "ca", "secret": "ca", "kind": "Issuer"}, {"name": "later", "server": ACME}]
    objects = plan({**SETTINGS, "issuers": issuers})["objects"]
    names = [(each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects if "ssuer" in each["kind"]]
    assert names == [(None, "lab"), ("istio-ingress", "inside")]


@pytest.mark.parametrize("settings", [{"skip": ["dry_run"]}, {"sites": [{**SITE, "hosts": ["no_name"]}]}])
def test_nothing_is_asked_for_where_that_is_left_out_or_the_plan_is_wrong(settings):
    assert plan({**SETTINGS, **settings})["objects"] == []


def test_a_check_that_is_left_out_finds_nothing():
    assert judge({"skip": ["dry_run"]}, network=refusal("Gateway", "app")) == ([], [])


@pytest.mark.parametrize("reason", ["", "kubeconfig is '/x', but there is no such file on this host"])
def test_without_an_api_nothing_is_found(reason):
    assert judge(network={**NETWORK, "dry_run": {"refused": [], "charts": {}, "reason": reason}}) == ([], [])


# --- ways past the sources of host ports

SOURCES = [{"port": 443, "node_port": 30443, "sources": ["192.0.2.0/24"]}]
PASSED_BY = "host_ports_ports limits 443 to sources, but every client reaches the NodePort 30443"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"host_ports_ports": SOURCES}, PASSED_BY),
        ({"host_ports_ports": json.dumps(SOURCES)}, PASSED_BY),
        ({"host_ports_ports": SOURCES, "host_ports_close_nodeports": True}, ""),
        ({"host_ports_ports": SOURCES, "host_ports_filtered_elsewhere": True}, ""),
        (
            {"host_ports_ports": SOURCES, "host_ports_close_nodeports": True, "host_ports_backend": "loadbalancer"},
            "host_ports_ports limits 443",
        ),
        ({"proxied_nodeports": [30080, 30443]}, "host_ports_ports lets every client use 80, 443"),
        ({"proxied_nodeports": [30080, 30443], "host_ports_filtered_elsewhere": True}, ""),
        ({"proxied_nodeports": [30080, 30443], "host_ports_ports": SOURCES, "host_ports_close_nodeports": True}, ""),
        # What is wrong with them is the business of their role.
        ({"host_ports_ports": [{"port": 0}]}, ""),
        ({"host_ports_ports": ["80"]}, ""),
        ({"host_ports_ports": []}, ""),
    ],
)
def test_ways_past_the_sources_are_found_before_anything_is_installed(settings, found):
    findings = _preflight_report.read(with_plan({**SETTINGS, **settings})).findings
    assert [text.startswith(found) for text in findings] == ([True] if found else [])


@pytest.mark.parametrize(
    ("system", "version", "tested"),
    [
        *(("debian", version, True) for version in ("12", "13")),
        *(("ubuntu", version, True) for version in ("22.04", "24.04")),
        *((system, version, True) for system in ("rhel", "rocky", "almalinux", "centos", "ol") for version in ("9", "9.6")),
        ("debian", "11", False),
        ("ubuntu", "20.04", False),
        ("rocky", "8.10", False),
        ("rocky", "10.0", False),
        ("fedora", "9", False),
        ("", "", False),
    ],
)
def test_systems_that_are_tested_are_no_warning(system, version, tested):
    errors, warnings = judge(hosts={"edge1": gathered(os={"id": system, "like": "", "version": version, "name": f"{system} {version}"})})
    assert errors == []
    assert len([warning for warning in warnings if "which is not tested" in warning]) == (not tested)


@pytest.mark.parametrize("machine", ["x86_64", "amd64", "aarch64", "arm64"])
def test_architectures_with_releases_are_fine(machine):
    assert judge(hosts={"edge1": gathered(machine=machine)}) == ([], [])


@pytest.mark.parametrize(
    ("servers", "field", "enough"),
    [
        (["edge1"], "memory_mib", 3600),
        (["edge2"], "memory_mib", 480),
        (["edge1"], "cores", 2),
        (["edge2"], "cores", 1),
        (["edge1"], "free_mib", 4096),
        (["edge2"], "free_mib", 4096),
    ],
)
def test_resources_are_enough_from_a_bound_on(servers, field, enough):
    for value in (enough, enough - 1):
        _errors, warnings = judge({"servers": servers}, hosts={"edge1": gathered(**{field: value})})
        assert len([warning for warning in warnings if warning.startswith("edge1: has ")]) == (value < enough)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0.0, 10.0, ""),
        (0.0, 10.1, "edge2: its clock is 10 s ahead of that of edge1: "),
        (0.0, -11.0, "edge2: its clock is 11 s behind that of edge1: "),
        (-3.0, 8.0, "edge2: its clock is 11 s ahead of that of edge1: "),
        (-8.0, 3.0, "edge1: its clock is 11 s behind that of edge2: "),
        (None, 11.0, ""),
    ],
)
def test_clocks_may_differ_by_the_given_seconds(first, second, said):
    hosts = {"edge1": gathered(time_offset=first), "edge2": gathered(time_offset=second, hostname="edge2")}
    errors, _warnings = judge(hosts=hosts)
    clocks = [error for error in errors if "its clock" in error]
    assert len(clocks) == bool(said)
    assert all(error.startswith(said) for error in clocks)


@pytest.mark.parametrize(
    ("name", "fits"),
    [("edge-1", True), ("edge1.example.com", True), ("EDGE1", True), ("-edge", False), ("edge-", False), ("a..b", False), ("", False)],
)
def test_names_of_hosts_become_names_of_nodes(name, fits):
    errors, _warnings = judge(hosts={"edge1": gathered(hostname=name)})
    assert len(errors) == (not fits)


def test_limits_of_an_authority_are_judged_where_no_run_follows():
    sites = [SITE, {**SITE, "name": "shop", "hosts": ["shop.example.com"]}]
    settings = {**SETTINGS, "sites": sites, **LIMITED}
    assert _preflight_report.plan(with_plan(settings))["network"]["orders"] == ["istio-ingress", "edge-orders"]
    for more in ({"alone": False}, {"skip": ["limits"]}, {"issuers": SETTINGS["issuers"]}):
        assert _preflight_report.plan(with_plan({**settings, **more}))["network"]["orders"] == []
    (said,) = found_of_limits(settings)
    assert said == (
        "edge1: Certificate shop: issuer 'lab' limits new orders of its account to 1 in 2 h; this cluster, with this run, has had 1, "
        "and the next is possible at 2026-11-21 10:00:00 UTC: order it then, or at another authority."
    )
    ready = {"namespace": "istio-ingress", "account": "ClusterIssuer/lab", "server": ACME, "ready": True}
    held = [{**ready, "name": name, "names": [f"{name}.example.com"]} for name in ("app", "shop")]
    assert found_of_limits(settings, {"orders": {"orders": [], "held": held}}) == []
    assert found_of_limits({**settings, "alone": False}) == []


def found_of_limits(settings, network=None):
    return [line for line in report(settings, {}, {"resolved": {}, **(network or {})})["errors"] if "limits" in line]
