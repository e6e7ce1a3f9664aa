# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoking certificates that others have taken the place of, so that a run that ends between the two steps loses none.

Before the renewal a ConfigMap of each Certificate keeps the certificate, which is public. After it the authority is asked to revoke that,
and once more, to which it must answer that it has; then the ConfigMap says which certificate was revoked and which took its place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Json, issuer_ref, status_of
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.readiness import SecretFacts, secret_facts
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import MANAGER, KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import (
    CERTIFICATES,
    CLUSTER_ISSUERS,
    CONFIG_MAPS,
    ISSUERS,
    SECRETS,
    Resource,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.acme import Account, AcmeError
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso_wall, leaf_of_pem, same_key
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Clock

SUFFIX = ".revocation"
_OURS = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Asked:
    """What is to be revoked.

    Attributes:
        namespace: Namespace of the Certificates.
        names: Their names.
        serials: Serial numbers that are meant though the certificates are those with which others were replaced.
        reason: A key of C(REASONS).
        account_namespace: Where keys of ClusterIssuers are.
        labels: Labels of the ConfigMaps.
        timeout: Seconds that one answer of the authority may take.
    """

    namespace: str
    names: Sequence[str]
    serials: frozenset[str]
    reason: str
    account_namespace: str
    labels: Mapping[str, str]
    timeout: float


@dataclass(frozen=True)
class _Subject:
    """A Certificate, what its Secret holds, and what was noted of its revocation."""

    name: str
    certificate: Json
    secret: SecretFacts
    pem: str
    noted: Mapping[str, str]

    @property
    def serial(self) -> str:
        return self.secret.leaf.serial if self.secret.leaf else ""

    @property
    def took_place(self) -> bool:
        """Whether what it holds took the place of a certificate that is revoked."""
        return "revoked" in self.noted and self.noted.get("successor") == self.serial


class Revocation:
    """The two steps for some Certificates of one namespace."""

    def __init__(self, client: KubeClient, asked: Asked) -> None:
        self._client, self._asked = client, asked

    def keep(self, dry_run: bool) -> list[dict[str, Any]]:
        """Note the certificates before they are renewed. Raises ValueError with a line for each obstacle; then nothing has changed."""
        subjects, findings = self._subjects()
        entries = []
        for subject in subjects:
            if subject.took_place and subject.serial not in self._asked.serials:
                entries.append(self._view(subject, "done", serial=subject.noted["revoked"], successor=subject.serial))
                continue
            issuer = subject.noted.get("issuer") or _issuer_of(subject)
            findings += [f"Certificate {self._asked.namespace}/{subject.name}: {problem}" for problem in self._problems(subject, issuer)]
            entries.append(self._view(subject, "kept", issuer=issuer))
        if findings:
            raise ValueError("\n".join(findings))
        for subject, entry in zip(subjects, entries):
            if entry["state"] == "kept" and not subject.noted.get("certificate"):
                entry["changed"] = True
                self._note(subject.name, {"certificate": subject.pem, "issuer": entry["issuer"]}, dry_run)
        return entries

    def revoke(self, clock: Clock, dry_run: bool) -> list[dict[str, Any]]:
        """Revoke what was kept, and prove it. Raises ValueError, KubeError, AcmeError and TlsError; those before are revoked then."""
        subjects, findings = self._subjects()
        if findings:
            raise ValueError("\n".join(findings))
        return [self._revoke_one(subject, clock, dry_run) for subject in subjects]

    def _revoke_one(self, subject: _Subject, clock: Clock, dry_run: bool) -> dict[str, Any]:
        noted, where = subject.noted, f"Certificate {self._asked.namespace}/{subject.name}"
        if not noted.get("certificate"):
            return self._view(subject, "done", serial=noted.get("revoked", ""), successor=noted.get("successor", ""))
        pem = noted["certificate"].encode()
        old = leaf_of_pem(pem).serial
        if dry_run:
            return self._view(subject, "kept")
        if subject.serial == old or not subject.serial:
            raise ValueError(f"{where}: its Secret has no other certificate than {old} yet; renew it before that is revoked")
        if self._asked.reason == "keyCompromise" and same_key(pem, subject.pem.encode()):
            raise ValueError(f"{where}: {subject.serial} has the key of {old}, which is compromised; set its rotationPolicy to Always")
        try:
            account = self._account(noted["issuer"])
            fresh = account.revoke(pem, self._asked.reason)
            if fresh and account.revoke(pem, self._asked.reason):
                raise AcmeError("the authority does not say afterwards that it is revoked")
        except AcmeError as exc:
            raise AcmeError(f"{where}: {old} is not revoked: {exc}") from exc
        done = {"revoked": old, "successor": subject.serial, "reason": self._asked.reason, "at": iso_wall(clock.wall())}
        self._note(subject.name, done, dry_run)
        return dict(self._view(subject, "revoked", serial=old, successor=subject.serial), changed=True)

    def _view(self, subject: _Subject, state: str, issuer: str = "", serial: str = "", successor: str = "") -> dict[str, Any]:
        kept = subject.noted.get("certificate")
        old = serial or (leaf_of_pem(kept.encode()).serial if kept else subject.serial)
        return {
            "name": subject.name,
            "namespace": self._asked.namespace,
            "state": state,
            "serial": old,
            "successor": successor or (subject.serial if subject.serial != old else ""),
            "issuer": issuer,
            "renew": state == "kept" and subject.serial == old,
            "changed": False,
        }

    def _subjects(self) -> tuple[list[_Subject], list[str]]:
        found, findings = [], []
        for name in self._asked.names:
            certificate = self._get(CERTIFICATES, self._asked.namespace, name)
            if certificate is None:
                findings.append(f"There is no Certificate {name} in namespace {self._asked.namespace}")
                continue
            secret = self._get(SECRETS, self._asked.namespace, str(certificate["spec"].get("secretName"))) or {"metadata": {}}
            found.append(_Subject(name, certificate, secret_facts(secret), _pem(secret), self._noted(name)))
        return found, findings

    def _problems(self, subject: _Subject, issuer: str) -> list[str]:
        """What forbids that the certificate of a Certificate is replaced and revoked."""
        found = []
        if not subject.serial and not subject.noted.get("certificate"):
            secret = subject.certificate["spec"].get("secretName")
            found.append(f"it has no certificate to revoke: its Secret {secret}: {subject.secret.problem}")
        rotation = (subject.certificate["spec"].get("privateKey") or {}).get("rotationPolicy")
        if self._asked.reason == "keyCompromise" and rotation == "Never":
            found.append(
                "its rotationPolicy is Never, so a new certificate has the key that is compromised; set rotation_policy of "
                "certificate_private_key to Always, and run the playbook baremesh.edge.certificate"
            )
        try:
            self._issuer(issuer)
        except KubeError as exc:
            found.append(str(exc))
        return found

    def _issuer(self, issuer: str) -> Json:
        """The issuer, C(KIND/NAME), with an account of an ACME server. Raises KubeError."""
        kind, _slash, name = issuer.partition("/")
        resource = CLUSTER_ISSUERS if kind == "ClusterIssuer" else ISSUERS
        found = self._get(resource, None if kind == "ClusterIssuer" else self._asked.namespace, name)
        if found is None:
            raise KubeError(f"its issuer {issuer} does not exist, and with it the account that may revoke is not known")
        if not (found.get("spec") or {}).get("acme"):
            raise KubeError(f"its issuer {issuer} is no ACME server, so only who runs that authority can revoke what it issued")
        if not (status_of(found).get("acme") or {}).get("uri"):
            raise KubeError(f"its issuer {issuer} has no account at its ACME server")
        return found

    def _account(self, name: str) -> Account:
        issuer = self._issuer(name)
        acme, reference = issuer["spec"]["acme"], issuer["spec"]["acme"]["privateKeySecretRef"]
        namespace = self._asked.namespace if name.startswith("Issuer/") else self._asked.account_namespace
        secret = self._client.get(SECRETS, namespace, reference["name"])
        try:
            key = base64.b64decode((secret.get("data") or {}).get(reference.get("key") or "tls.key") or "")
            bundle = base64.b64decode(acme.get("caBundle") or "").decode()
        except (binascii.Error, ValueError):
            raise AcmeError(f"Secret {namespace}/{reference['name']} or the caBundle of {name} is not Base64") from None
        return Account(str(acme["server"]), str(issuer["status"]["acme"]["uri"]), key, bundle or None, self._asked.timeout)

    def _noted(self, name: str) -> Mapping[str, str]:
        found = self._get(CONFIG_MAPS, self._asked.namespace, name + SUFFIX)
        if found is None:
            return {}
        if ((found.get("metadata") or {}).get("labels") or {}).get(_OURS) != self._asked.labels.get(_OURS):
            raise KubeError(f"ConfigMap {self._asked.namespace}/{name}{SUFFIX} is not of this collection; give it another name")
        return found.get("data") or {}

    def _note(self, name: str, data: Mapping[str, str], dry_run: bool) -> None:
        metadata = {"name": name + SUFFIX, "namespace": self._asked.namespace, "labels": dict(self._asked.labels)}
        body = {"apiVersion": CONFIG_MAPS.api_version, "kind": CONFIG_MAPS.kind, "metadata": metadata, "data": dict(data)}
        if not dry_run:
            self._client.apply(CONFIG_MAPS, body, MANAGER)

    def _get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        try:
            return self._client.get(resource, namespace, name)
        except ApiError as exc:
            if exc.not_found:
                return None
            raise


def _issuer_of(subject: _Subject) -> str:
    """The issuer of what the Secret holds, which may be another one than that which the Certificate names now."""
    annotations, named = subject.secret.annotations, issuer_ref(subject.certificate)
    name = annotations.get("cert-manager.io/issuer-name")
    return f"{annotations.get('cert-manager.io/issuer-kind') or 'Issuer'}/{name}" if name else f"{named['kind']}/{named['name']}"


def _pem(secret: Json) -> str:
    try:
        return base64.b64decode((secret.get("data") or {}).get("tls.crt") or "").decode()
    except (binascii.Error, ValueError):
        return ""
