# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/tokens.md that need a cluster: a Secret that is there, OpenBao asked by Ansible, and by External Secrets."""

from __future__ import annotations

import base64
import json
import secrets
import shlex

import pytest
import runs
from authority import Authority
from external_secrets import CHARTS, TAGS, bring, put, remove
from openbao import FOLDER, NAME, PORT, OpenBao
from pods import apply, watch

SITE = {"name": "token", "hosts": ["token.shop.example"], "issuer": "lab", "routes": [{"service": "web.default", "port": 3000}]}
SECRET = ("dns-token", "cert-manager")


def command(host, text):
    return host.check_output(f"k3s kubectl {text}")


@pytest.fixture(scope="module")
def zones():
    """Addresses of the lab's name servers, and their keys."""
    return dict(line.split() for line in runs.lab("dns", "zones").splitlines())


@pytest.fixture(scope="module")
def openbao(host, zones, tmp_path_factory):
    found = OpenBao(host.backend.get_variables()["ansible_host"], tmp_path_factory.mktemp("openbao"))
    found.start()
    found.write("dns/shop", tsig=zones["edge-dns01"])
    yield found
    found.stop()


@pytest.fixture(scope="module")
def known(host, zones):
    """What the examples leave to the inventory."""
    (issuer,) = host.backend.get_variables()["cert_manager_issuers"]
    return {"dns_server": zones["first"], "acme_server": issuer["server"], "acme_ca_bundle": issuer["ca_bundle"]}


def token_in(host, name):
    found = json.loads(command(host, f"get secret {name} --namespace cert-manager --output json"))
    return base64.b64decode(found["data"]["token"]).decode()


def passed(found, token=None):
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    assert token is None or token not in found.output
    return found


def test_a_token_that_ansible_asks_an_openbao_for(host, openbao, known, zones, monkeypatch):
    monkeypatch.setenv("ANSIBLE_HASHI_VAULT_ADDR", f"https://{openbao.address}:{PORT}")
    monkeypatch.setenv("ANSIBLE_HASHI_VAULT_TOKEN", openbao.token)
    monkeypatch.setenv("VAULT_CACERT", openbao.ca)
    variables = {**runs.example("tokens/openbao"), **known}
    key = zones["edge-dns01"]
    passed(runs.run(variables, "--tags", "cert_manager", "--diff", "-vv"), key)
    assert token_in(host, "lab-rfc2136") == key
    assert passed(runs.run(variables, "--tags", "cert_manager")).changed == 0


def test_a_token_in_a_secret_that_is_there(host, known, zones):
    command(host, "create secret generic dns-token --namespace cert-manager --from-literal token=" + zones["edge-dns01"])
    passed(runs.run({**runs.example("tokens/secret"), **known}, "--tags", "cert_manager"))
    issuer = json.loads(command(host, "get clusterissuer lab --output json"))
    (solver, _http01) = issuer["spec"]["acme"]["solvers"]
    assert solver["dns01"]["rfc2136"]["tsigSecretSecretRef"] == {"name": "dns-token", "key": "token"}
    command(host, "delete secret dns-token --namespace cert-manager")


@pytest.fixture(scope="module")
def variables(openbao, known):
    return {
        **runs.example("tokens/external-secrets"),
        **known,
        "openbao_server": f"https://{NAME}:{PORT}",
        "openbao_ca": openbao.authority.pem,
        "external_secrets_chart_dir": CHARTS,
        # A run stops at the cause, and goes on with no other site.
        "edge_sites": [SITE],
        "edge_on_site_failure": "stop",
        "certificate_prune_secrets": True,
    }


@pytest.fixture(scope="module")
def first(host, openbao, variables, zones, tmp_path_factory):
    """The first run with External Secrets, whose arguments are watched."""
    bring(host)
    put("server1", runs.ROOT / "molecule/site/watch_arguments.py", f"cat > {FOLDER}/watch.py")
    openbao.trust_cluster(runs.lab("shell", "server1", "--", "cat", "/var/lib/rancher/k3s/server/tls/server-ca.crt"))
    openbao.role("external-secrets")
    command(host, "create clusterrolebinding review --clusterrole=system:auth-delegator --serviceaccount=external-secrets:external-secrets")
    runs.lab("shell", "server1", "--", "systemd-run", "--quiet", "--unit=watch-tokens", "python3", f"{FOLDER}/watch.py")
    found = runs.run(variables, "--diff", "-vv")
    runs.lab("shell", "server1", "--", "systemctl", "stop", "watch-tokens")
    yield passed(found)
    assert runs.run({**variables, "edge_external_secrets": {}, "edge_sites": []}, *TAGS).status == 0
    command(host, "delete clusterrolebinding review")


@pytest.mark.matrix
def test_the_certificate_comes_with_a_token_from_openbao(host, first, zones):
    assert token_in(host, SECRET[0]) == zones["edge-dns01"]
    ready = "wait certificate token --namespace istio-ingress --for condition=Ready --timeout 1s"
    assert "condition met" in command(host, ready)


@pytest.mark.matrix
def test_the_token_is_where_it_belongs_and_nowhere_else(host, first, zones):
    key = zones["edge-dns01"]
    places = {
        "output": first.output,
        "arguments": host.check_output("cat /run/arguments.log"),
        "journal": host.check_output("journalctl --no-pager --output cat"),
        "log": command(host, "logs --namespace external-secrets deployment/external-secrets --tail=-1"),
        "objects": command(host, "get externalsecrets,clustersecretstores,events --all-namespaces --output yaml"),
    }
    assert [place for place, text in places.items() if key in text or base64.b64encode(key.encode()).decode() in text] == []
    assert "ansible" in places["arguments"]


@pytest.mark.matrix
@pytest.mark.parametrize("arguments", [(), ("--check", "--diff")], ids=["run", "check"])
def test_a_second_run_changes_nothing(first, variables, arguments):
    found = passed(runs.run(variables, *arguments))
    assert found.changed == 0, found.output[-4000:]


def changed(variables, store=None, secret=None):
    """The variables with other fields of the store and of the secret."""
    (one,), (other,) = variables["edge_external_secrets"]["stores"], variables["edge_external_secrets"]["secrets"]
    stores = {"stores": [{**one, **(store or {})}], "secrets": [{**other, **(secret or {})}]}
    return {**variables, "edge_external_secrets": stores}


def of_key(path="dns/shop", name="tsig"):
    return {"secret": {"keys": {"token": {"path": path, "property": name}}}}


URL = f"https://{NAME}:{PORT}/v1"
READ = f"{URL}/kv/data/dns/shop"
FAILED = "ExternalSecret cert-manager/dns-token is not ready: "
STORE = "ClusterSecretStore openbao is not ready: "
LOGIN = f"{URL}/auth/kubernetes/login"
OTHER_PORT = LOGIN.replace(str(PORT), "8299")
#: What is changed in the variables, and the first line that says so.
FAULTS = {
    "path": (of_key(path="dns/none"), FAILED + "path dns/none: Secret does not exist"),
    "property": (of_key(name="none"), FAILED + 'path dns/shop: cannot find secret data for key: "none"'),
    "outside": (of_key(path="mail/smtp"), FAILED + f"path mail/smtp: permission denied (403 from GET {URL}/kv/data/mail/smtp)"),
    "role": ({"store": {"auth": {"kubernetes": {"role": "none"}}}}, f'invalid role name "none" (400 from PUT {LOGIN})'),
    "unreachable": ({"store": {"server": f"https://{NAME}:8299"}}, f'Put "{OTHER_PORT}": dial tcp '),
}


def first_line(found):
    assert found.status != 0
    (failure,) = found.failures
    assert failure.task.endswith(("Wait until the secrets are there", "Wait until the stores are ready")), failure.task
    return failure.message.splitlines()


@pytest.mark.matrix
@pytest.mark.parametrize("name", FAULTS)
def test_the_first_line_says_what_is_wrong_and_the_next_run_heals_it(first, variables, zones, name):
    fields, said = FAULTS[name]
    broken = runs.run({**changed(variables, **fields), "external_secrets_wait_timeout": 30}, *TAGS)
    line, advice, *_rest = first_line(broken)
    assert said in line, broken.failures[0].message
    assert advice
    assert zones["edge-dns01"] not in broken.output
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_a_server_whose_authority_is_another_one(first, variables, tmp_path):
    other = Authority("other", tmp_path).pem
    line = first_line(runs.run({**variables, "openbao_ca": other}, *TAGS))[0]
    assert f'Put "{LOGIN}": tls: failed to verify certificate: x509: certificate signed by unknown authority' in line
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_a_server_that_is_sealed(first, variables, openbao):
    """What was read before stays in its Secret, so that only a run that reads again fails, at the secret or at the store."""
    openbao.seal()
    try:
        lines = first_line(runs.run({**variables, "external_secrets_refresh": True}, *TAGS))
    finally:
        openbao.unseal()
    assert lines[0].startswith((FAILED, STORE))
    assert f"Vault is sealed (503 from PUT {LOGIN})" in lines[0]
    assert lines[1] == "Unseal that server (bao operator unseal), then run again."
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_a_permission_that_was_taken_away(first, variables, openbao):
    openbao.role("external-secrets", policies=["default"])
    try:
        lines = first_line(runs.run({**variables, "external_secrets_refresh": True}, *TAGS))
    finally:
        openbao.role("external-secrets")
    assert lines[0] == FAILED + f"path dns/shop: permission denied (403 from GET {READ})"
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_the_other_ways_to_log_in(host, first, variables, openbao):
    """Each reads the secret again, as the store is another one for it."""
    role, secret_id = openbao.approle()
    token = openbao.token_of()
    held = {"name": "login", "namespace": "external-secrets"}
    data = {"id": secret_id, "token": token}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "metadata": held, "stringData": data})
    ways = [{"approle": {"role_id": role, "secret": {**held, "key": "id"}}}, {"token": {"secret": held}}]
    for way in ways:
        passed(runs.run(changed(variables, store={"auth": way}), *TAGS), token)
        store = json.loads(command(host, "get clustersecretstore openbao --output json"))
        assert list(store["spec"]["provider"]["vault"]["auth"]) == [{"approle": "appRole", "token": "tokenSecretRef"}[next(iter(way))]]
    wrong = first_line(runs.run(changed(variables, store={"auth": {"token": {"secret": {**held, "key": "none"}}}}), *TAGS))
    assert 'cannot find secret data for key: "none"' in wrong[0]
    assert "Create the Secret that the store names" in wrong[1]
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_a_secret_of_others_stays_as_it_is(host, first, variables, zones):
    """External Secrets would take it over, and replace what is in it."""
    metadata = {"name": "mine", "namespace": "cert-manager"}
    apply(host, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": "of others"}})
    other = changed(variables, secret={"name": "mine"})
    for arguments in ((), ("--check",)):
        found = runs.run(other, *TAGS, *arguments)
        (failure,) = found.failures
        assert failure.message.startswith("Secret cert-manager/mine is of others, as no ExternalSecret owns it. It is left as it is: ")
        assert (found.changed, token_in(host, "mine")) == (0, "of others")
    command(host, "delete secret mine --namespace cert-manager")
    passed(runs.run(other, *TAGS))
    assert token_in(host, "mine") == zones["edge-dns01"]
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_an_external_secrets_of_others_stays_as_it_is(host, first, variables, tmp_path):
    other = {**variables, "external_secrets_values": {"replicaCount": 2}}
    label = "label namespace external-secrets app.kubernetes.io/managed-by"
    command(host, f"{label}-")
    try:
        (failure,) = runs.run(other, *TAGS).failures
        assert failure.message.startswith(
            "The Helm release external-secrets in namespace external-secrets was not made by this collection."
        )
        assert passed(runs.run({**other, "external_secrets_install": False}, *TAGS)).changed == 0
        passed(remove(variables, tmp_path))
        assert "external-secrets" in command(host, "get deployments --namespace external-secrets --output name")
    finally:
        command(host, f"{label}=baremesh.edge")
    passed(runs.run(variables, *TAGS))


@pytest.mark.matrix
def test_another_token_in_openbao_reaches_the_next_issuance(host, first, variables, openbao, zones):
    """The name server takes the new key only, so that a certificate proves who brought it."""
    old, new = zones["edge-dns01"], base64.b64encode(secrets.token_bytes(32)).decode()
    serial = serial_of(host)
    set_key(old, new)
    try:
        openbao.write("dns/shop", tsig=new)
        passed(runs.run({**variables, "external_secrets_refresh": True}, *TAGS), new)
        assert token_in(host, SECRET[0]) == new
        found = runs.run({**variables, "renewal_names": ["token"]}, playbook="baremesh.edge.renew")
        passed(found, new)
        assert serial_of(host) != serial
    finally:
        set_key(new, old)
        openbao.write("dns/shop", tsig=old)


def set_key(old, new):
    script = f"sed -i {shlex.quote(f's|{old}|{new}|')} /etc/edge-lab/named.conf && systemctl restart edge-lab-zones"
    runs.lab("shell", "infra", "--", "sh", "-c", script)


def serial_of(host):
    found = json.loads(command(host, "get certificate token --namespace istio-ingress --output json"))
    name = found["spec"]["secretName"]
    return json.loads(command(host, f"get secret {name} --namespace istio-ingress --output json"))["data"]["tls.crt"]


@pytest.mark.matrix
def test_what_is_no_longer_listed_goes_and_so_does_external_secrets(host, first, variables, tmp_path):
    without = {**variables, "edge_external_secrets": {}}
    passed(runs.run(without, *TAGS))
    assert command(host, "get externalsecrets,clustersecretstores --all-namespaces --output name") == ""
    watch(lambda: "dns-token" not in command(host, "get secrets --namespace cert-manager --output name"))
    passed(remove({**without, "external_secrets_remove_crds": True}, tmp_path))
    assert "external-secrets" not in command(host, "get namespaces,customresourcedefinitions --output name")
    assert passed(remove({**without, "external_secrets_remove_crds": True}, tmp_path)).changed == 0
