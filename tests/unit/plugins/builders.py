# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in the shape that cert-manager and the API server give them. Keys are made anew in every run."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW

NS = "istio-ingress"
DAY = 86400.0
_ONE_AT_A_TIME = threading.Lock()


def stamp(wall):
    return dt.datetime.fromtimestamp(wall, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.cache
def _made(label):
    return ec.generate_private_key(ec.SECP256R1())


def new_key(label="leaf"):
    # Probes run in several threads, of which each would get a key of its own from the cache alone.
    with _ONE_AT_A_TIME:
        return _made(label)


def key_pem(label="leaf"):
    return new_key(label).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@functools.cache
def cert_pem(
    names=("app.example.com",),
    serial=0x1001,
    start=NOW - DAY,
    end=NOW + 60 * DAY,
    key="leaf",
    issuer="Test Root",
    signer="root",
    authority=None,
):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "none")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(new_key(key).public_key())
        .serial_number(serial)
        .not_valid_before(dt.datetime.fromtimestamp(start, dt.timezone.utc))
        .not_valid_after(dt.datetime.fromtimestamp(end, dt.timezone.utc))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(new_key(signer), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def self_signed(name):
    """A certificate that is its own root, valid now on any clock, for the key of a TLS server in memory."""
    now = dt.datetime.now(dt.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(new_key("peer").public_key())
    builder = builder.serial_number(7).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(new_key("peer"), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def secret(
    name="app",
    namespace=NS,
    certificate_name="app",
    issuer=("letsencrypt", "ClusterIssuer", "cert-manager.io"),
    key="leaf",
    drop=(),
    extra=None,
    **cert,
):
    data = {"tls.crt": cert_pem(**cert), "tls.key": key_pem(key)}
    data.update(extra or {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"secret-{name}",
            "annotations": {
                "cert-manager.io/certificate-name": certificate_name,
                "cert-manager.io/issuer-name": issuer[0],
                "cert-manager.io/issuer-kind": issuer[1],
                "cert-manager.io/issuer-group": issuer[2],
            },
        },
        "data": {k: base64.b64encode(v).decode() for k, v in data.items() if k not in drop},
    }


def condition(kind, state, reason="", message="", generation=1, at=NOW):
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": stamp(at),
    }


READY = condition("Ready", "True", "Ready", "Certificate is up to date and has not expired")
MISSING = condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")
ISSUING = condition("Issuing", "True", "DoesNotExist", "Issuing certificate as Secret does not exist")


def certificate(name="app", conditions=(READY,), generation=1, uid=None, secret_name=None, dns=None, labels=None, **status):
    if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
        status.setdefault("revision", 1)
        status.setdefault("notBefore", stamp(NOW - DAY))
        status.setdefault("notAfter", stamp(NOW + 60 * DAY))
        status.setdefault("renewalTime", stamp(NOW + 40 * DAY))
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {
            "name": name,
            "namespace": NS,
            "uid": uid or f"cert-{name}",
            "generation": generation,
            "labels": labels or {},
        },
        "spec": {
            "secretName": secret_name or name,
            "dnsNames": list(dns or [f"{name}.example.com"]),
            "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"},
        },
        "status": dict(status, conditions=list(conditions)),
    }


def owned(kind, api_version, name, owner_kind, owner_uid, **more):
    found = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NS,
            "uid": f"{kind.lower()}-{name}",
            "generation": 1,
            "creationTimestamp": stamp(NOW),
            "ownerReferences": [{"kind": owner_kind, "uid": owner_uid, "controller": True}],
        },
    }
    found.update(more)
    return found


def request(certificate_name="app", revision=1, conditions=None, failure_time=None, name=None):
    found = owned(
        "CertificateRequest",
        "cert-manager.io/v1",
        name or f"{certificate_name}-{revision}",
        "Certificate",
        f"cert-{certificate_name}",
        status={
            "conditions": list(
                conditions
                if conditions is not None
                else [
                    condition("Approved", "True", "cert-manager.io", "Certificate request has been approved by cert-manager.io"),
                    condition("Ready", "False", "Pending", "Waiting on certificate issuance from order"),
                ]
            )
        },
    )
    found["metadata"]["annotations"] = {"cert-manager.io/certificate-revision": str(revision)}
    if failure_time:
        found["status"]["failureTime"] = stamp(failure_time)
    return found


def order(request_name="app-1", state="pending", reason="", name=None, authorizations=None):
    status = {"state": state} if state else {}
    if reason:
        status["reason"] = reason
    if authorizations:
        status["authorizations"] = authorizations
    return owned(
        "Order",
        "acme.cert-manager.io/v1",
        name or f"{request_name}-1234",
        "CertificateRequest",
        f"certificaterequest-{request_name}",
        spec={"issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"}},
        status=status,
    )


def challenge(order_name="app-1-1234", state="pending", reason="", dns_name="app.example.com", presented=True):
    return owned(
        "Challenge",
        "acme.cert-manager.io/v1",
        "{}-{}".format(order_name, dns_name.split(".")[0]),
        "Order",
        f"order-{order_name}",
        spec={"dnsName": dns_name, "type": "HTTP-01"},
        status={"state": state, "reason": reason, "presented": presented, "processing": True},
    )


def cluster_issuer(
    name="letsencrypt", ready="True", reason="ACMEAccountRegistered", message="The ACME account was registered", generation=1
):
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": name, "uid": f"issuer-{name}", "generation": 1},
        "spec": {"acme": {}},
        "status": {"conditions": [condition("Ready", ready, reason, message, generation)]},
    }
