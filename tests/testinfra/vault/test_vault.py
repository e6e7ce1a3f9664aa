# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/authorities.md that has OpenBao as its authority, and what a run says where OpenBao does not sign."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
import runs
from authority import Authority
from openbao import NAME, PORT, OpenBao
from pods import apply, kubectl

PARTS = ("--tags", "cert_manager,certificate")
HOST = "intranet.example.com"
URL = f"https://{NAME}:{PORT}/v1"
LOGIN, SIGN = f"{URL}/auth/kubernetes/login", f"{URL}/pki/sign/edge"
CA = "/var/lib/rancher/k3s/server/tls/server-ca.crt"
REVIEWER = "--namespace kube-system create"


@pytest.fixture(scope="module")
def openbao(host, tmp_path_factory):
    found = OpenBao(host.backend.get_variables()["ansible_host"], tmp_path_factory.mktemp("openbao"))
    found.start()
    found.root = found.sign()
    kubectl(host, f"{REVIEWER} serviceaccount openbao")
    kubectl(host, "create clusterrolebinding openbao --clusterrole=system:auth-delegator --serviceaccount=kube-system:openbao")
    reviewer = kubectl(host, f"{REVIEWER} token openbao --duration 2h").strip()
    found.trust_cluster(runs.lab("shell", "server1", "--", "cat", CA), reviewer)
    found.let_in = lambda **given: found.role(
        "cert-manager",
        **{"account": "vault-inside", "policies": ("pki",), "namespace": "cert-manager", "audience": "vault://inside", **given},
    )
    found.let_in()
    yield found
    kubectl(host, "delete clusterrolebinding openbao")
    kubectl(host, "--namespace kube-system delete serviceaccount openbao")
    found.stop()


@pytest.fixture(scope="module")
def variables(openbao):
    return {
        **runs.example("authorities/vault"),
        "openbao_server": f"https://{NAME}:{PORT}",
        "openbao_ca": openbao.authority.pem,
        # A run stops at the cause, and goes on with no other site.
        "edge_on_site_failure": "stop",
        "certificate_prune_secrets": True,
        "certificate_wait_timeout": 60,
        "cert_manager_wait_timeout": 60,
    }


@pytest.fixture(scope="module")
def first(host, site, variables):
    issuers = host.backend.get_variables()["cert_manager_issuers"]
    yield passed(runs.run(variables))
    passed(runs.run({"edge_sites": [site], "cert_manager_issuers": issuers, "certificate_prune_secrets": True}))
    kubectl(host, "delete clusterissuer inside")


def passed(found):
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    return found


def test_the_site_is_served_with_a_certificate_of_openbao(first, openbao, address):
    context = ssl.create_default_context(cadata=openbao.root)
    with (
        socket.create_connection((address, 443), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=HOST) as secured,
    ):
        assert dict(each[0] for each in secured.getpeercert()["issuer"]) == {"commonName": "OpenBao root"}


@pytest.mark.parametrize("arguments", [(), pytest.param(("--check", "--diff"), marks=pytest.mark.matrix)], ids=["run", "check"])
def test_a_second_run_changes_nothing(first, variables, arguments):
    found = passed(runs.run(variables, *arguments))
    assert found.changed == 0, found.output[-4000:]


def test_its_account_may_ask_for_no_other_token_and_no_other_may_ask_for_its(host, first):
    def may(who, what):
        return host.run(f"k3s kubectl auth can-i create {what} --namespace cert-manager --as {who}").stdout.strip()

    controller = "system:serviceaccount:cert-manager:cert-manager"
    assert may(controller, "serviceaccounts/vault-inside --subresource token") == "yes"
    assert may(controller, "serviceaccounts/default --subresource token") == "no"
    assert may("system:serviceaccount:cert-manager:vault-inside", "serviceaccounts/vault-inside --subresource token") == "no"


def with_issuer(variables, **fields):
    (issuer,) = variables["cert_manager_issuers"]
    return {**variables, "cert_manager_issuers": [{**issuer, **fields}]}


def with_host(variables, name):
    """Another order, since what is issued already stays."""
    (site,) = variables["edge_sites"]
    return {**variables, "edge_sites": [site, {**site, "name": "late", "hosts": [name]}]}


ISSUER = "ClusterIssuer inside is not ready: "
CLIENT = "Failed to initialize Vault client: "
KUBERNETES = CLIENT + "while requesting a Vault token using the Kubernetes auth: error calling Vault server: "
REQUEST = "Certificate istio-ingress/late is not ready: CertificateRequest late-1: "
WAITING = REQUEST + KUBERNETES.replace(CLIENT, "Failed to initialise vault client for signing: ")
SIGNING = REQUEST + "Vault failed to sign certificate: failed to sign certificate by vault: "


def either(reason):
    """First lines of a run that meets the issuer, or the order, when cert-manager tries to log in: whichever it does first."""
    return [f"{ISSUER}{KUBERNETES}{reason}", f"{WAITING}{reason}"]


def first_lines(run):
    assert run.status != 0
    (failure,) = run.failures
    return failure.message.splitlines()


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("fields", "line", "helps"),
    [
        (
            {"auth": {"kubernetes": {"role": "none"}}},
            f'{ISSUER}{KUBERNETES}invalid role name "none" (400 from POST {LOGIN})',
            "Create that role in the auth method",
        ),
        (
            {"auth": {"token": {"secret": {"name": "none"}}}},
            f'{ISSUER}{CLIENT}secrets "none" not found',
            "Create the Secret that auth of the issuer names",
        ),
        (
            {"auth": {"kubernetes": {"role": "cert-manager", "mount": "none"}}},
            f"{ISSUER}{KUBERNETES}permission denied (403 from POST {URL}/auth/none/login)",
            "The server does not let cert-manager in",
        ),
    ],
    ids=["role", "secret", "mount"],
)
def test_an_issuer_that_cannot_log_in(first, variables, fields, line, helps):
    lines = first_lines(runs.run(with_issuer(variables, **fields), *PARTS))
    assert lines[0] == line
    assert lines[1].startswith(helps)
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_an_account_that_the_role_does_not_name(first, variables, openbao):
    openbao.let_in(account="other")
    try:
        lines = first_lines(runs.run(with_host(variables, "late.example.com"), *PARTS))
    finally:
        openbao.let_in()
    assert lines[0] in either(f"service account name not authorized (403 from POST {LOGIN})")
    assert lines[1].startswith("Add the service account vault-ISSUER")
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_a_server_of_another_authority(first, variables, tmp_path):
    lines = first_lines(runs.run({**variables, "openbao_ca": Authority("other", tmp_path).pem}, *PARTS))
    assert lines[0].startswith(f'{ISSUER}{KUBERNETES}Post "{LOGIN}": tls: failed to verify certificate: x509: ')
    assert lines[1].startswith("The cluster must reach the server of that issuer, and trust its certificate")
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_a_server_that_does_not_answer(first, variables):
    wrong = {**variables, "openbao_server": f"https://{NAME}:8299", "cert_manager_wait_timeout": 15}
    lines = first_lines(runs.run(wrong, *PARTS))
    assert lines[0].startswith(f'{ISSUER}{KUBERNETES}Post "{LOGIN.replace(str(PORT), "8299")}": dial tcp ')
    assert lines[-1] == "Waited 15 s."
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_a_server_that_is_sealed(first, variables, openbao):
    openbao.seal()
    try:
        lines = first_lines(runs.run(with_host(variables, "late.example.com"), *PARTS))
    finally:
        openbao.unseal()
    assert lines[0] in either(f"Vault is sealed (503 from POST {LOGIN})")
    assert lines[1] == "Unseal that server (bao operator unseal); cert-manager goes on by itself."
    passed(runs.run(variables, *PARTS))


@pytest.mark.parametrize(
    ("fields", "name", "line", "helps"),
    [
        (
            {},
            "late.other.test",
            f"{SIGNING}subject alternate name late.other.test not allowed by this role (400 from POST {SIGN})",
            "Let that role of the engine issue these names",
        ),
        pytest.param(
            {"path": "pki/sign/none"},
            "late.example.com",
            f"{SIGNING}permission denied (403 from POST {URL}/pki/sign/none)",
            "The policy of cert-manager's role or token does not allow it, or the token has expired",
            marks=pytest.mark.matrix,
        ),
    ],
    ids=["name", "policy"],
)
def test_a_request_that_is_not_signed(first, variables, fields, name, line, helps):
    lines = first_lines(runs.run(with_host(with_issuer(variables, **fields), name), *PARTS))
    assert lines[0] == line
    assert any(each.startswith(helps) for each in lines), lines
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_a_role_of_the_engine_that_is_not_there(first, variables, openbao):
    openbao.call("PUT", "sys/policies/acl/pki", {"policy": 'path "pki/sign/*" { capabilities = ["update"] }'})
    changed = with_issuer(variables, path="pki/sign/none")
    lines = first_lines(runs.run(with_host(changed, "late.example.com"), *PARTS))
    assert lines[0] == f"{SIGNING}unknown role: none (400 from POST {URL}/pki/sign/none)"
    assert any(each.startswith("Create that role of the engine") for each in lines), lines
    passed(runs.run(variables, *PARTS))


@pytest.mark.matrix
def test_a_token_that_was_revoked(host, first, variables, openbao):
    token = openbao.token_of("pki")
    openbao.call("POST", "auth/token/revoke", {"token": token})
    held = {"name": "vault-revoked", "namespace": "cert-manager"}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "metadata": held, "stringData": {"token": token}})
    changed = with_issuer(variables, auth={"token": {"secret": {"name": "vault-revoked"}}})
    found = runs.run(with_host(changed, "late.example.com"), *PARTS)
    assert first_lines(found)[0] == f"{SIGNING}permission denied (403 from POST {SIGN})"
    assert token not in found.output
    passed(runs.run(variables, *PARTS))
    kubectl(host, "delete secret vault-revoked --namespace cert-manager")


@pytest.mark.matrix
def test_the_other_ways_to_log_in(host, first, variables, openbao):
    role, secret_id = openbao.approle("pki")
    held = {"name": "vault-login", "namespace": "cert-manager"}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "metadata": held, "stringData": {"id": secret_id, "token": openbao.token_of("pki")}})
    ways = [{"approle": {"role_id": role, "secret": {"name": "vault-login", "key": "id"}}}, {"token": {"secret": {"name": "vault-login"}}}]
    for way in ways:
        passed(runs.run(with_host(with_issuer(variables, auth=way), "late.example.com"), *PARTS))
        ready = json.loads(kubectl(host, "get certificate late --namespace istio-ingress --output json"))["status"]["conditions"]
        assert {each["type"]: each["status"] for each in ready}["Ready"] == "True"
        passed(runs.run(variables, *PARTS))
    kubectl(host, "delete secret vault-login --namespace cert-manager")
