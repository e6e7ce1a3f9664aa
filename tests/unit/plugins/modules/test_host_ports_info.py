# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with a scripted host: what differs, who serves the ports, and what connections prove."""

from __future__ import annotations

import hashlib
from unittest.mock import patch

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, look, pods, proof
from ansible_collections.baremesh.edge.plugins.modules import host_ports_info
from ansible_collections.baremesh.edge.tests.unit.plugins.port_hosts import FakeHost

NGINX = listeners.Listener(80, "0.0.0.0", 812, "nginx", "nginx.service")
HOST_PORT_OF_A_POD = "-A CNI-DN-1 -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.42.0.4:{port}\n"


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(pods, "find", list)
    return FakeHost(tmp_path, monkeypatch)


def run(host, check=False, **options):
    options.setdefault("connect", "never")
    return host.module(host_ports_info, check, **options)


def connected(host, state="works", check=False, port=80, connect="always", **options):
    """The result where each connection ends in a state."""
    with patch.object(proof, "check_all") as check_all:
        check_all.return_value = [proof.Check("192.0.2.1", port, 30080, state, "it does not")]
        return run(host, check, connect=connect, **options) | {"tried": check_all.called}


def test_a_host_that_is_as_it_should_be_has_no_drift(host):
    host.has_everything()
    result = run(host)
    assert (result["failed"], result.get("changed", False), result["drift"]) == (False, False, [])
    assert host.commands == ["/usr/sbin/iptables-save -t nat", "/usr/sbin/nft -j list", "/usr/sbin/nft -j list"]


def test_a_host_without_nft_lacks_the_package_and_the_rules(host):
    host.nft = ""
    result = run(host)
    assert (result["failed"], result["nft"], result["missing_package"]) == (False, "", "nftables")
    assert result["drift"][0] == "live rules: none, nft is not installed"
    assert not host.path.exists()


def test_files_have_their_mode_and_digest(host, tmp_path):
    unit = tmp_path / "a.service"
    unit.write_text("x\n")
    unit.chmod(0o640)
    found = {str(unit): {"mode": "0640", "sha256": hashlib.sha256(b"x\n").hexdigest()}}
    assert run(host, files=[str(unit), str(tmp_path / "gone")])["files"] == found


def test_units_are_looked_at(host):
    host.has_everything()
    host.units = (
        "Id=a.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=b.service\nActiveState=inactive\nUnitFileState=\n\n"
        "Id=c.service\nActiveState=active\nUnitFileState=disabled\n"
    )
    result = run(host, units=["a.service", "b.service", "c.service"])
    assert result["idle_units"] == ["b.service", "c.service"]
    assert result["drift"] == ["unit b.service: inactive", "unit c.service: disabled"]


def test_who_holds_a_port_is_named(host):
    host.holders = [NGINX]
    assert run(host)["holders"] == [str(NGINX)]
    result = run(host, refuse_held_ports=True, prefix="host_ports_")
    assert result["failed"]
    assert result["msg"].startswith("port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service): the host ports would take")
    assert result["msg"].endswith("(or, once nothing needs it here, set host_ports_refuse_held_ports to false)")


def test_all_findings_are_named_at_once(host):
    host.holders = [NGINX]
    result = run(host, backend="iptables", refuse_held_ports=True, verify="maybe", prefix="host_ports_")
    said = ["host_ports_verify is 'maybe'; allowed are true, false and auto", "a redirect cannot reach a NodePort", "held by nginx"]
    assert [part in result["msg"] for part in said] == [True, True, True]


@pytest.mark.parametrize("word", [True, False, "auto", "yes", "No", "TRUE", "on", "Off", "1", 0])
def test_words_of_a_survey_are_understood(host, word):
    assert run(host, verify=word)["failed"] is False


@pytest.mark.parametrize(
    ("served", "backend", "reason"),
    [
        (
            [80, 443],
            "loadbalancer",
            "backend loadbalancer, because Kubernetes serves all ports by itself: port 80 is served by",
        ),
        ([80], "nftables", "backend nftables, because nothing of Kubernetes serves port 443 here"),
    ],
)
def test_auto_leaves_ports_to_kubernetes_if_it_serves_all(host, served, backend, reason):
    host.nat = "".join(HOST_PORT_OF_A_POD.format(port=port) for port in served)
    result = run(host, backend="auto")
    assert (result["backend"], result["cluster_ports"]) == (backend, served)
    assert result["reason"].startswith(reason)


def test_auto_refuses_held_ports_only_if_it_takes_them(host):
    host.nat = HOST_PORT_OF_A_POD.format(port=80)
    assert "port 80 is served by the hostPort of a pod" in run(host, backend="auto", refuse_held_ports=True)["msg"]
    host.nat += HOST_PORT_OF_A_POD.format(port=443)
    assert run(host, backend="auto", refuse_held_ports=True)["failed"] is False


def test_rules_are_leftovers_where_kubernetes_serves_the_ports(host):
    host.has_everything()
    result = run(host, backend="loadbalancer")
    assert result["drift"] == ["live rules: table inet baremesh_host_ports", f"file {host.path}: present"]
    assert connected(host, backend="loadbalancer", check=True)["tried"] is False


def test_firewalls_are_compared_on_request(host, tmp_path):
    assert run(host)["firewall"] == {}
    record = tmp_path / "firewall.json"
    record.write_text('[["public", "port=80/tcp", true]]')
    firewall = run(host, firewall={"open": False, "record": str(record)})["firewall"]
    assert firewall == {
        "ports": [80, 443],
        "ufw_ports": [],
        "pod_ports": [80, 443],
        "drift": ["to close: firewalld zone public: 80/tcp (permanent)"],
    }


def test_ufw_sees_the_port_behind_a_redirect(host, tmp_path):
    ports = [{"port": 80, "target_port": 18080}]
    firewall = {"record": str(tmp_path / "none")}
    assert run(host, backend="iptables", ports=ports, firewall=firewall)["firewall"]["ufw_ports"] == [18080]
    found = run(host, backend="nftables", ports=ports, firewall=firewall)["firewall"]
    assert found["ufw_ports"] == found["pod_ports"] == []
    assert run(host, firewall={**firewall, "pod_ports": [8443]})["firewall"]["pod_ports"] == [8443]


def test_networks_of_pods_are_checked(host):
    result = run(host, firewall={"networks": ["pods"]}, prefix="host_ports_")
    assert result["msg"].startswith("edge_pod_networks contains 'pods'; allowed are")


def test_proof(host):
    host.has_everything()
    result = connected(host, "fails", verify_addresses=["192.0.2.1"])
    assert (result["failed"], result["msg"]) == (True, "it does not")
    assert result["checks"][0]["state"] == "fails"


def test_a_port_that_answers_is_for_the_controller_unless_it_has_sources(host):
    host.has_everything()
    assert connected(host)["answering"] == [80]
    assert connected(host, "pending")["answering"] == []
    with_sources = [{"port": 80, "node_port": 30080, "sources": ["192.0.2.0/24"]}]
    assert connected(host, check=True, backend="loadbalancer", ports=with_sources)["answering"] == []


def test_a_settled_host_is_proved_by_the_comparison(host):
    assert connected(host, connect="settled")["tried"] is False
    host.has_everything()
    assert connected(host, connect="settled")["answering"] == [80]


def test_a_host_whose_firewall_differs_is_not_settled(host, monkeypatch):
    host.has_everything()
    monkeypatch.setattr(look, "_firewall", lambda *arguments: {"drift": ["to open: ufw allow 80/tcp"]})
    assert connected(host, connect="settled")["tried"] is False


def test_no_proof_of_rules_that_are_not_there_yet(host):
    result = connected(host, check=True, verify="true")
    assert (result["failed"], result["tried"], result["checks"]) == (False, False, [])


def test_what_differs_after_a_run_fails(host):
    result = connected(host)
    assert (result["failed"], result["tried"]) == (True, False)
    assert result["msg"].startswith("the host differs from its settings: live rules: there is no table inet baremesh_host_ports; file")


def test_nothing_is_tried_where_no_answer_is_asked_for(host):
    result = connected(host, verify="false")
    assert (result["failed"], result["tried"]) == (False, False)


LIMITED = [{"port": 80, "node_port": 30080, "sources": ["192.0.2.0/24"]}]


def test_sources_that_are_passed_by_end_a_run_before_it_changes_anything(host):
    given = {"ports": LIMITED, "prefix": "host_ports_", "refuse_bypasses": True}
    assert "host_ports_ports limits 80 to sources, but every client reaches the NodePort 30080" in run(host, **given)["msg"]
    assert "with backend loadbalancer this role has no rules" in run(host, backend="loadbalancer", **given)["msg"]
    assert not run(host, close_nodeports=True, **given)["failed"]
    assert not run(host, **{**given, "refuse_bypasses": False})["failed"]


def test_a_gateway_that_believes_a_proxy_is_for_the_proxy(host):
    free = [{"port": 80, "node_port": 30080}]
    assert "ports lets every client use 80" in run(host, ports=free, refuse_bypasses=True, proxied_nodeports=["30080"])["msg"]
    assert not run(host, ports=free, proxied_nodeports=["30080"])["failed"]
