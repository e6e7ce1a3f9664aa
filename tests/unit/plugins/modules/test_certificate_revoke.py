# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a certificate before its renewal, and revoking it after that; a run that is killed between the two loses none."""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager import revocation
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._net.acme import AcmeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import leaf_of_pem
from ansible_collections.baremesh.edge.plugins.modules import certificate_revoke
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock

LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "revocation"}
OLD, NEW = "1001", "2002"
KEY = make.key_pem("account")


class FakeAccount:
    """An authority that remembers what it has revoked."""

    revoked: dict[str, str]
    made: list[tuple[object, ...]]
    forgets = False
    error = ""

    def __init__(self, *given):
        self.made.append(given)

    def revoke(self, certificate, reason):
        if self.error:
            raise AcmeError(self.error)
        serial = leaf_of_pem(certificate).serial
        if serial in self.revoked and not self.forgets:
            return False
        self.revoked[serial] = reason
        return True


@pytest.fixture
def authority(monkeypatch):
    class Here(FakeAccount):
        revoked, made = {}, []

    monkeypatch.setattr(revocation, "Account", Here)
    return Here


@pytest.fixture
def api(monkeypatch, authority):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(certificate_revoke, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(certificate_revoke, "SystemClock", lambda: clock)
    found.apply(kinds.CERTIFICATES, make.certificate())
    found.apply(kinds.SECRETS, make.secret())
    issuer = make.cluster_issuer()
    issuer["spec"]["acme"] = {
        "server": "https://acme.example.com/dir",
        "privateKeySecretRef": {"name": "letsencrypt-account-key"},
        "caBundle": base64.b64encode(b"bundle").decode(),
    }
    issuer["status"]["acme"] = {"uri": "https://acme.example.com/account/1"}
    found.apply(kinds.CLUSTER_ISSUERS, issuer)
    metadata = {"name": "letsencrypt-account-key", "namespace": "cert-manager", "uid": "key"}
    found.apply(kinds.SECRETS, {"metadata": metadata, "data": {"tls.key": base64.b64encode(KEY).decode()}})
    return found


def renewed(api, key="other"):
    api.apply(kinds.SECRETS, make.secret(serial=int(NEW, 16), key=key) if key == "leaf" else _with_key(key))


def _with_key(key):
    found = make.secret(key=key)
    found["data"]["tls.crt"] = base64.b64encode(make.cert_pem(serial=int(NEW, 16), key=key)).decode()
    return found


def call(monkeypatch, state, check=False, **more):
    options = {"namespace": make.NS, "names": ["app"], "labels": LABELS, **more}
    return run(monkeypatch, certificate_revoke, check=check, state=state, **options)


def note_of(api, name="app"):
    found = api.objects.get((kinds.CONFIG_MAPS.path(make.NS), f"{name}.revocation"))
    return found and found["data"]


def entry_of(found):
    (entry,) = found["certificates"]
    return {key: entry[key] for key in ("state", "serial", "successor", "renew", "changed")}


def test_the_certificate_is_kept_before_the_renewal(monkeypatch, api, authority):
    found = call(monkeypatch, "kept")
    assert found["changed"] is True
    assert found["renew"] == ["app"]
    assert entry_of(found) == {"state": "kept", "serial": OLD, "successor": "", "renew": True, "changed": True}
    assert note_of(api) == {"certificate": make.cert_pem().decode(), "issuer": "ClusterIssuer/letsencrypt"}
    again = call(monkeypatch, "kept")
    assert (again["changed"], again["renew"]) == (False, ["app"])
    assert authority.made == []


def test_the_authority_revokes_what_was_kept_and_says_so(monkeypatch, api, authority):
    call(monkeypatch, "kept")
    renewed(api)
    found = call(monkeypatch, "revoked", reason="keyCompromise")
    assert found["changed"] is True
    assert entry_of(found) == {"state": "revoked", "serial": OLD, "successor": NEW, "renew": False, "changed": True}
    assert authority.revoked == {OLD: "keyCompromise"}
    assert authority.made == [("https://acme.example.com/dir", "https://acme.example.com/account/1", KEY, "bundle", 30)]
    noted = api.requests[-1][3]
    assert noted["data"] == {"revoked": OLD, "successor": NEW, "reason": "keyCompromise", "at": make.stamp(NOW)}
    assert noted["metadata"]["labels"] == LABELS
    assert "PRIVATE KEY" not in json.dumps(found)


def finish(api):
    """What the API server makes of the last apply: fields that are not applied any more go."""
    api.apply(kinds.CONFIG_MAPS, {**api.requests[-1][3], "metadata": {**api.requests[-1][3]["metadata"], "uid": "note"}})


def revoke(monkeypatch, api):
    call(monkeypatch, "kept")
    renewed(api)
    call(monkeypatch, "revoked")
    finish(api)


def test_a_second_request_finds_nothing_to_do(monkeypatch, api, authority):
    revoke(monkeypatch, api)
    asked = len(authority.made)
    for state in ("kept", "revoked"):
        found = call(monkeypatch, state)
        assert (found["changed"], found["renew"]) == (False, [])
        assert entry_of(found) == {"state": "done", "serial": OLD, "successor": NEW, "renew": False, "changed": False}
    assert len(authority.made) == asked


def test_the_successor_is_revoked_where_its_serial_number_is_given(monkeypatch, api):
    revoke(monkeypatch, api)
    found = call(monkeypatch, "kept", serials=["00:20:02"])
    assert entry_of(found) == {"state": "kept", "serial": NEW, "successor": "", "renew": True, "changed": True}


def test_a_certificate_that_was_renewed_since_is_another_request(monkeypatch, api):
    revoke(monkeypatch, api)
    api.apply(kinds.SECRETS, make.secret(serial=0x3003))
    assert entry_of(call(monkeypatch, "kept"))["serial"] == "3003"


def test_a_run_after_one_that_was_killed_goes_on_from_there(monkeypatch, api, authority):
    call(monkeypatch, "kept")
    renewed(api)
    found = call(monkeypatch, "kept")
    assert entry_of(found) == {"state": "kept", "serial": OLD, "successor": NEW, "renew": False, "changed": False}
    authority.revoked[OLD] = "before its answer came"
    assert entry_of(call(monkeypatch, "revoked"))["state"] == "revoked"
    assert authority.revoked == {OLD: "before its answer came"}


def test_check_mode_says_what_it_would_do_and_writes_nothing(monkeypatch, api, authority):
    found = call(monkeypatch, "kept", check=True)
    assert found["changed"] is True
    assert entry_of(found)["state"] == "kept"
    assert note_of(api) is None
    call(monkeypatch, "kept")
    renewed(api)
    requests = len(api.requests)
    assert entry_of(call(monkeypatch, "revoked", check=True))["state"] == "kept"
    assert {request[0] for request in api.requests[requests:]} == {"GET"}
    assert authority.made == []


def test_what_is_served_yet_is_not_revoked(monkeypatch, api, authority):
    call(monkeypatch, "kept")
    found = call(monkeypatch, "revoked")
    assert found["msg"] == (
        "Certificate istio-ingress/app: its Secret has no other certificate than 1001 yet; renew it before that is revoked"
    )
    assert authority.made == []


def test_a_compromised_key_must_not_come_back(monkeypatch, api, authority):
    call(monkeypatch, "kept", reason="keyCompromise")
    renewed(api, key="leaf")
    found = call(monkeypatch, "revoked", reason="keyCompromise")
    assert found["msg"].startswith("Certificate istio-ingress/app: 2002 has the key of 1001, which is compromised;")
    assert authority.made == []
    assert call(monkeypatch, "revoked", reason="superseded")["changed"] is True


@pytest.mark.parametrize(("error", "forgets"), [("the authority refuses: 403", False), ("", True)])
def test_without_proof_the_certificate_stays_kept(monkeypatch, api, authority, error, forgets):
    call(monkeypatch, "kept")
    renewed(api)
    authority.error, authority.forgets = error, forgets
    found = call(monkeypatch, "revoked")
    said = error or "the authority does not say afterwards that it is revoked"
    assert found["msg"] == f"Certificate istio-ingress/app: 1001 is not revoked: {said}"
    assert "certificate" in note_of(api)


def change_issuer(api, **more):
    found = json.loads(json.dumps(api.objects[(kinds.CLUSTER_ISSUERS.path(), "letsencrypt")]))
    found.update(more)
    api.apply(kinds.CLUSTER_ISSUERS, found)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda api: change_issuer(api, spec={"ca": {"secretName": "x"}}),
            "its issuer ClusterIssuer/letsencrypt is no ACME server, so only who runs that authority can revoke what it issued",
        ),
        (lambda api: change_issuer(api, status={}), "its issuer ClusterIssuer/letsencrypt has no account at its ACME server"),
        (
            lambda api: api.remove(kinds.CLUSTER_ISSUERS, None, "letsencrypt"),
            "its issuer ClusterIssuer/letsencrypt does not exist, and with it the account that may revoke is not known",
        ),
        (
            lambda api: api.remove(kinds.SECRETS, make.NS, "app"),
            "it has no certificate to revoke: its Secret app: it has no tls.crt",
        ),
    ],
)
def test_what_cannot_be_revoked_is_named_before_anything_changes(monkeypatch, api, spoil, said):
    spoil(api)
    found = call(monkeypatch, "kept")
    assert found["msg"] == f"Certificate istio-ingress/app: {said}"
    assert note_of(api) is None


def test_all_that_is_wrong_is_said_at_once(monkeypatch, api):
    spec = make.certificate()
    spec["spec"]["privateKey"] = {"rotationPolicy": "Never"}
    api.apply(kinds.CERTIFICATES, spec)
    found = call(monkeypatch, "kept", names=["ghost", "app"], reason="keyCompromise")
    first, second = found["msg"].splitlines()
    assert first == "There is no Certificate ghost in namespace istio-ingress"
    assert second.startswith("Certificate istio-ingress/app: its rotationPolicy is Never, so a new certificate has the key")


def test_the_issuer_is_the_one_that_issued(monkeypatch, api):
    """A Certificate whose issuer has just been changed has the certificate of the other one."""
    spec = make.certificate()
    spec["spec"]["issuerRef"]["name"] = "next"
    api.apply(kinds.CERTIFICATES, spec)
    assert call(monkeypatch, "kept")["certificates"][0]["issuer"] == "ClusterIssuer/letsencrypt"


def test_a_config_map_of_others_is_not_overwritten(monkeypatch, api):
    api.apply(kinds.CONFIG_MAPS, {"metadata": {"name": "app.revocation", "namespace": make.NS, "uid": "theirs"}, "data": {"a": "b"}})
    found = call(monkeypatch, "kept")
    assert found["msg"] == "ConfigMap istio-ingress/app.revocation is not of this collection; give it another name"
    assert note_of(api) == {"a": "b"}
