# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role istio asks of Ingresses. That the API server obeys it is seen on the lab (tests/testinfra/clients)."""

from __future__ import annotations

from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[3] / "roles"
SHARED = ["common/defaults/main.yml", "common/vars/main/versions.yml", "common/vars/main/provided.yml"]
FILES = [*SHARED, "istio/defaults/main.yml", "istio/vars/main.yml"]


CASES = {
    "default": {},
    "another class": {"istio_ingress_class": "edge"},
    "no class": {"istio_ingress_class": ""},
    "another annotation": {"istio_istiod_values": {"meshConfig": {"ingressClass": "mesh"}}},
    "no class needed": {"istio_istiod_values": {"meshConfig": {"ingressControllerMode": "DEFAULT"}}},
    "users": {"istio_ingress_users": ["ops"]},
    "moved": {"cert_manager_namespace": "certs"},
    "off": {"istio_ingress_policy": False},
    "off as text": {"istio_ingress_policy": "no"},
}


@pytest.fixture
def objects(play):
    """The policy of the role and what refers to it by kind, for each case. One run, since each takes its seconds."""
    tasks = [
        {"ansible.builtin.debug": {"var": "_istio_policy_objects"}, "name": f"Show {name}", "vars": variables}
        for name, variables in CASES.items()
    ]
    files = [str(ROLES / name) for name in FILES]
    content = [{"hosts": "localhost", "gather_facts": False, "vars_files": files, "tasks": tasks}]
    groups = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
    run = play(content, groups, edge_host_addresses=[], _edge_server_config={})
    assert run.status == 0, run.output
    return {name: {entry["kind"]: entry for entry in run.result(f"Show {name}")["_istio_policy_objects"]} for name in CASES}


def _conditions(found):
    return {entry["name"]: entry["expression"] for entry in found["ValidatingAdmissionPolicy"]["spec"]["matchConditions"]}


def test_what_is_asked_of_an_ingress(objects):
    found = objects["default"]
    policy, binding = found["ValidatingAdmissionPolicy"], found["ValidatingAdmissionPolicyBinding"]
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["resources"], rule["operations"]) == (["ingresses"], ["CREATE", "UPDATE"])
    assert policy["spec"]["failurePolicy"] == "Fail"
    by_user, without_tls, paths = [entry["expression"] for entry in policy["spec"]["validations"]]
    assert by_user == 'request.userInfo.username in ["system:serviceaccount:cert-manager:cert-manager"]'
    assert without_tls == "!has(object.spec.tls) || size(object.spec.tls) == 0"
    assert "startsWith('/.well-known/acme-challenge/')" in paths
    assert "!has(object.spec.defaultBackend)" in paths
    assert all("\n" not in entry["message"] for entry in policy["spec"]["validations"])

    conditions = _conditions(found)
    assert conditions["class"] == (
        "(has(object.metadata.annotations) && 'kubernetes.io/ingress.class' in object.metadata.annotations "
        "&& object.metadata.annotations['kubernetes.io/ingress.class'] in [\"istio\"]) "
        '|| (has(object.spec.ingressClassName) && object.spec.ingressClassName in ["istio"])'
    )
    assert "oldObject.spec.ingressClassName" in conditions["change"]

    # Whatever istiod takes is judged.
    for name, expected in {
        "another class": 'object.spec.ingressClassName in ["edge", "istio"]',
        "no class": 'object.spec.ingressClassName in ["istio"]',
        "another annotation": 'object.spec.ingressClassName in ["istio", "mesh"]',
        "no class needed": "|| !has(object.spec.ingressClassName)",
    }.items():
        assert expected in _conditions(objects[name])["class"]

    users = {name: objects[name]["ValidatingAdmissionPolicy"]["spec"]["validations"][0]["expression"] for name in ("users", "moved")}
    assert users["users"] == 'request.userInfo.username in ["ops"]'
    assert "system:serviceaccount:certs:cert-manager" in users["moved"]
    assert (objects["off"], objects["off as text"]) == ({}, {})
