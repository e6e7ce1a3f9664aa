# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SECURITY.md says what the code does."""

from __future__ import annotations

import re

import jinja2
import pytest
from project import ROLES, ROOT, load

from ansible_collections.baremesh.edge.plugins.plugin_utils._artefacts import ARTEFACTS
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import SERVER_KEYS
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import cluster_ports

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
DEFAULTS = {name: value for role in ROLES for name, value in (load(role / "defaults/main.yml") or {}).items()}


def row(artefact):
    """The line of the table about an artefact."""
    source = f"`{artefact.source}`" if artefact.source in DEFAULTS else artefact.source
    pin = f"`{artefact.pin}`, by {artefact.keys}" if artefact.pin in DEFAULTS else artefact.pin
    return f"| {artefact.what} | {source} | {pin} | {artefact.otherwise} |"


def test_each_artefact_is_in_the_table_and_nothing_else():
    table = TEXT[TEXT.index("| artefact |") :].split("\n\n", maxsplit=1)[0].splitlines()
    assert table[2:] == [row(artefact) for artefact in ARTEFACTS]


def test_each_address_of_a_download_is_in_the_table():
    addresses = {name for name, value in DEFAULTS.items() if re.search(r"^https?://", str(value)) or name == "k3s_release_url"}
    assert addresses == {artefact.source for artefact in ARTEFACTS if artefact.keys}


@pytest.mark.parametrize("artefact", [each for each in ARTEFACTS if each.keys], ids=lambda each: each.source)
def test_each_pin_is_a_variable_and_is_checked(artefact):
    assert artefact.pin in DEFAULTS
    asked = load(ROOT / "roles/common/vars/main/artefacts.yml")["_edge_artefacts"]
    assert {artefact.source, artefact.pin} <= set(asked)


def tasks(node):
    """Every task in a file, blocks unfolded."""
    for task in node or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_nothing_is_fetched_by_a_module_that_follows_redirects_to_http(role):
    """get_url, uri and unarchive of an address know no digest that is not from the network, and follow redirects to HTTP."""
    for path in (role / "tasks").glob("*.yml"):
        for task in tasks(load(path)):
            used = set(task) & {"ansible.builtin.get_url", "ansible.builtin.uri", "ansible.builtin.pip"}
            assert not used, f"{path.name}: {task['name']}"
            assert "://" not in str((task.get("ansible.builtin.unarchive") or {}).get("src", "")), path.name


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_helm_installs_what_was_fetched_before(role):
    """Seen with Helm 3.21: it follows a redirect from HTTPS to HTTP; and the password of a repository is one of its arguments."""
    for path in (role / "tasks").glob("*.yml"):
        for task in tasks(load(path)):
            assert not set(task) & {"kubernetes.core.helm_pull", "kubernetes.core.helm_repository"}, f"{path.name}: {task['name']}"
            assert "chart_repo_url" not in (task.get("kubernetes.core.helm") or {}), f"{path.name}: {task['name']}"


def test_no_password_is_in_the_keyword_environment():
    """Ansible makes it an argument of the shell that starts a module, which all users of a host can read."""
    files = [path for role in ROLES for path in (role / "tasks").glob("*.yml")]
    found = {task["name"]: task["environment"] for path in files for task in tasks(load(path)) if "environment" in task}
    assert found == {
        "Install packages of the distribution": {
            "PYTHONPATH": "{{ _api_client_python_path }}",
            "PYTHONDONTWRITEBYTECODE": "{{ '1' if _api_client_python_path else '' }}",
        },
        "Install or upgrade the Helm release {{ _edge_helm_name }}": "{{ _edge_helm_environment }}",
    }
    assert (
        "selectattr('key', 'in', ['NO_PROXY', 'no_proxy'])" in load(ROOT / "roles/common/vars/main/artefacts.yml")["_edge_helm_environment"]
    )
    assert [path.name for path in (ROOT / "playbooks").rglob("*.yml") if re.search(r"\benvironment:", path.read_text("utf-8"))] == []


def test_the_ingress_gateway_has_no_node_port_but_its_two():
    ports = DEFAULTS["istio_ingress_gateway"]["ports"]
    assert [port["name"] for port in ports if "node_port" not in port] == []


PROTECTIONS = {
    **dict.fromkeys(
        (
            *("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules"),
            *("ProtectKernelLogs", "ProtectControlGroups", "ProtectClock", "ProtectHostname", "RestrictNamespaces", "RestrictRealtime"),
            *("RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute"),
        ),
        "yes",
    ),
    "ProtectSystem": "strict",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
@pytest.mark.parametrize("unit", ["baremesh-host-ports", "baremesh-host-ports-watch"])
def test_the_units_of_host_ports_may_do_no_more_than_they_need(unit, backend):
    loader = jinja2.FileSystemLoader(ROOT / "roles/host_ports/templates")
    environment = jinja2.Environment(loader=loader, trim_blocks=True, keep_trailing_newline=True)
    text = environment.get_template(f"{unit}.service.j2").render(_host_ports_backend=backend)
    service = text[text.index("[Service]") :].split("\n[", maxsplit=1)[0]
    found = dict(line.split("=", 1) for line in service.splitlines() if "=" in line and not line.startswith("#"))
    assert found.items() >= PROTECTIONS.items()
    assert found["CapabilityBoundingSet"] == {"nftables": "CAP_NET_ADMIN", "iptables": "CAP_NET_ADMIN CAP_NET_RAW"}[backend]
    assert ("ReadWritePaths" in found) == (backend == "iptables")
    assert text.endswith("\n")


PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
#: Names in code that are no variables of ours: keys of K3s, fields of a site, and words of Kubernetes.
OTHER_NAMES = SERVER_KEYS | {
    "tls",
    "mode",
    "min_version",
    "subject_alt_names",
    "ca_certificate",
    "client_ca",
    "sources",
    "accounturi",
    "vxlan",
    "edit",
}


def test_the_page_names_only_what_there_is():
    named = {name for code in re.findall(r"`([^`]+)`", PAGE) for name in re.findall(r"\b[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+\b", code)}
    assert sorted(named - set(DEFAULTS) - OTHER_NAMES - {"wireguard-native"}) == []
    assert {artefact.pin for artefact in ARTEFACTS if artefact.keys} <= named


@pytest.mark.parametrize("port", ["6443/tcp", "10250/tcp", "8472/udp"])
def test_ports_that_the_role_opens_between_hosts_are_said_to_be_open_without_a_firewall(port):
    ports = cluster_ports({}, "server", {})
    assert port in [f"{number}/{protocol}" for protocol, numbers in ports.items() for number in numbers]
    assert port in TEXT
    assert port in PAGE


def test_both_pages_name_every_such_port():
    ports = cluster_ports({}, "server", {})
    assert {f"{number}/{protocol}" for protocol, numbers in ports.items() for number in numbers} == {"6443/tcp", "10250/tcp", "8472/udp"}
