# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables given as `-e name=value`, which sends text whatever the variable holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "own", "routes": [{"service": "web.default", "port": 80}]}
SHARED = {
    "edge_allow_no_sites": False,
    "edge_sites": [SITE],
    "edge_addresses": ["192.0.2.1"],
    "edge_environment": {"HTTPS_PROXY": "http://proxy.example.com:3128"},
    "edge_gateway_port": 443,
    "edge_egress": [{"name": "partner", "hosts": ["partner.example.org"], "namespaces": ["shop"], "tls": {"mode": "SIMPLE"}}],
    "edge_external_secrets": {
        "stores": [{"name": "own", "server": "https://openbao.example.com", "path": "kv", "auth": {"kubernetes": {"role": "edge"}}}],
        "secrets": [{"name": "dns", "namespace": "cert-manager", "keys": {"token": {"path": "dns"}}}],
    },
    "edge_gateway_ports": [{"port": 5432, "node_port": 31432}],
    "edge_gateway_selector": {"istio": "ingress"},
    "edge_gateways": [{"name": "team-b", "http_node_port": 31080, "https_node_port": 31443, "addresses": ["192.0.2.2"]}],
    "edge_host_addresses": ["192.0.2.1"],
    "edge_hosts": ["localhost"],
    "edge_http_node_port": 30080,
    "edge_https_node_port": 30443,
    "edge_https_port": 443,
    "edge_live_progress": False,
    "edge_mesh": [{"namespace": "till", "mtls": "STRICT", "allow_from": ["istio-ingress"]}],
    "edge_pod_networks": ["10.42.0.0/16"],
    "edge_proxy_addresses": [],
    "edge_proxy_protocol": False,
    "edge_reset_k3s": True,
    "edge_server_hosts": ["localhost"],
    "edge_trusted_proxies": 0,
    "edge_wait_timeout": 5,
}
PACKAGES = {"Debian": {"yaml": "python3-yaml", "cryptography": "python3-cryptography"}}
ROLES = {
    "api_client": {"api_client_helm_sha256": {"amd64": "a" * 64}, "api_client_install": True, "api_client_packages": PACKAGES},
    "cert_manager": {
        "cert_manager_chart_sha256": {"cert-manager": "a" * 64},
        "cert_manager_dns01_recursive_nameservers": ["192.0.2.53:53"],
        "cert_manager_dns01_recursive_only": True,
        "cert_manager_issuers": [{"name": "own", "type": "selfsigned"}],
        "cert_manager_remove_crds": True,
        "cert_manager_renewal_information": True,
        "cert_manager_secrets": [],
        "cert_manager_solvers": [{"http01": {"ingress": {"ingressClassName": "istio"}}}],
        "cert_manager_used_issuers": ["own"],
        "cert_manager_values": {"replicaCount": 2},
        "cert_manager_wait_timeout": 5,
    },
    "certificate": {
        "certificate_certificates": [],
        "certificate_fail_fast": True,
        "certificate_http01_preflight": False,
        "certificate_private_key": {"algorithm": "RSA", "size": 2048, "rotation_policy": "Always"},
        "certificate_prune_secrets": False,
        "certificate_provided": [],
        "certificate_staging_first": False,
        "certificate_wait_timeout": 5,
    },
    "gateway": {
        "gateway_destination_rules": [],
        "gateway_gateways": [],
        "gateway_route_namespaces": ["apps"],
        "gateway_virtual_services": [],
        "gateway_wait_for_credentials": True,
        "gateway_wait_timeout": 5,
    },
    "host_ports": {
        "host_ports_close_nodeports": True,
        "host_ports_filtered_elsewhere": False,
        "host_ports_firewall": False,
        "host_ports_firewalld_zones": [],
        "host_ports_nodeport_sources": ["10.0.0.0/8"],
        "host_ports_packages": [],
        "host_ports_pod_ports": [80],
        "host_ports_ports": [{"port": 80, "node_port": 30080}],
        "host_ports_refuse_held_ports": False,
        "host_ports_verify": False,
        "host_ports_verify_addresses": ["127.0.0.1"],
    },
    "istio": {
        "istio_access_log": True,
        "istio_authority": {},
        "istio_base_values": {},
        "istio_connection_settings": {"profile": "EDGE"},
        "istio_chart_sha256": {"base": "a" * 64},
        "istio_gateway_api_sha256": {"standard-install.yaml": "a" * 64},
        "istio_gateway_replicas": 1,
        "istio_gateway_values": {"podAnnotations": {"a": "b"}},
        "istio_gateways": [{"name": "one", "ports": [{"name": "https", "port": 443}]}],
        "istio_ingress_gateway": {
            "name": "one",
            "namespace": "istio-ingress",
            "selector": {"istio": "one"},
            "connection_settings": "{profile: EDGE}",
        },
        "istio_ingress_policy": True,
        "istio_ingress_users": ["system:serviceaccount:cert-manager:cert-manager"],
        "istio_istiod_values": {"meshConfig": {"accessLogFile": "/dev/stdout"}},
        "istio_remove_crds": True,
        "istio_wait_timeout": 5,
    },
    "egress": {
        "egress_allowed_networks": ["192.0.2.0/24"],
        "egress_closed_namespaces": ["shop"],
        "egress_network_policy": True,
        "egress_replicas": 2,
        "egress_resources": {"requests": {"cpu": "100m"}},
        "egress_selector": {"istio": "egress"},
        "egress_values": {"podAnnotations": {"a": "b"}},
        "egress_wait_timeout": 5,
    },
    "external_secrets": {
        "external_secrets_chart_sha256": {"external-secrets": "a" * 64},
        "external_secrets_install": True,
        "external_secrets_refresh": True,
        "external_secrets_remove_crds": True,
        "external_secrets_values": {"replicaCount": 2},
        "external_secrets_wait_timeout": 5,
    },
    "mesh": {},
    "preflight": {
        "preflight_begins_run": False,
        "k3s_agent_config": {"node-label": ["a=b"]},
        "k3s_server_config": {"tls-san": ["a.example.com"]},
        "preflight_max_clock_skew": 10,
        "preflight_ports": [80, 443],
        "preflight_serves_ipv6": True,
        "preflight_skip": ["dns", "acme", "system", "resources", "names", "ports", "release"],
        "preflight_timeout": 2,
    },
    "renewal": {"renewal_batch_size": 10, "renewal_http01_preflight": False, "renewal_names": ["app"], "renewal_wait_timeout": 5},
    "report": {"report_fail": True},
    "revoke": {"revoke_serials": ["1a2b"], "revoke_sites": ["app"]},
}
#: Read by the filter k3s_plan alone, whose test has them; the role itself needs a host with systemd.
OF_K3S = "k3s"


def options(role, entry):
    specs = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name for name, option in specs.get(entry, {}).get("options", {}).items() if option.get("type", "str") != "str"}


def test_every_variable_that_is_not_text_is_tried():
    roles = {path.parent.parent.name for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")} - {"common", OF_K3S}
    handed_over = {"report_seen"}  # by the playbook, from results of the same run
    assert {role: options(role, "main") - set(ROLES[role]) - handed_over for role in roles} == {role: set() for role in roles}
    assert options("preflight", "edge") == set(SHARED)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_takes_all_of_its_variables_as_text(play, role):
    content = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"baremesh.edge.{role}"]}]
    values = {**SHARED, **ROLES["cert_manager"], **ROLES[role]}
    arguments = [word for name, value in values.items() for word in ("-e", f"{name}='{json.dumps(value)}'")]
    run = play(content, {}, "--check", *arguments, ansible_python_interpreter=sys.executable, edge_kubeconfig="/nonexistent")
    assert run.status == 0, run.output
    assert "could not parse environment" not in run.output


@pytest.mark.parametrize(
    ("role", "variable", "value", "said"),
    [
        ("host_ports", "host_ports_ports", "80, 443", "host_ports_ports[0] is '80': it must be a dictionary."),
        # Ranges, where no preflight came before the role.
        ("certificate", "certificate_wait_timeout", "-5", "certificate_wait_timeout is '-5'; it must be a number from 1 to 86400"),
        ("cert_manager", "cert_manager_wait_timeout", 0, "cert_manager_wait_timeout is '0'; it must be a number from 1 to 86400"),
        ("certificate", "certificate_private_key", "RSA", "certificate_private_key is 'RSA'; it must be a dictionary"),
        ("preflight", "istio_istiod_values", "many", "istio_istiod_values is 'many': it must be a dictionary, or text that is one in YAML"),
        ("preflight", "edge_environment", "http://me:secret@proxy", "edge_environment cannot be read (its value may hold passwords"),
    ],
)
def test_text_that_stands_for_nothing_is_named(play, role, variable, value, said):
    content = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"baremesh.edge.{role}"]}]
    given = {**SHARED, **ROLES[role], variable: value}
    run = play(content, {}, "--check", **given, ansible_python_interpreter=sys.executable, edge_kubeconfig="/nonexistent")
    assert run.status != 0
    assert any(said in message for message in run.messages), run.output
