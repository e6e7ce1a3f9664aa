# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that users bring as files, for sites and for the mesh: the Secrets that become of them.

They are no part of the plan, which is kept in a file.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._net import tls
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import dict_finding, read_dict
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import LABELS

Object = dict[str, Any]

# In the form of an argument spec. A test compares this with the options that role certificate documents.
PROVIDED: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "certificate": {"type": "str", "required": True},
    "private_key": {"type": "str", "required": True},
}
# The same of role istio.
AUTHORITY: dict[str, dict[str, Any]] = {
    "certificate": {"type": "str", "required": True},
    "private_key": {"type": "str", "required": True},
    "root_certificate": {"type": "str", "required": True},
}


def mesh_authority(given: Any, namespace: str, now: float | None = None) -> dict[str, Any]:
    """The filter mesh_authority: the Secret by which istiod signs the certificates of pods, instead of making an authority of its own.

    Args:
        given: The value of C(istio_authority), empty for none.
        namespace: Namespace of istiod.
        now: Seconds since 1970, by default those of this moment.

    Returns:
        C(objects), the Secret, none where something is wrong; C(digest), which changes with the certificates, since istiod reads them when
        it starts; and C(findings), a sentence for everything that is wrong. None holds a value.
    """
    findings: list[str] = []
    value = read_dict(given)
    if value is None:
        findings.append(dict_finding(given, "istio_authority"))
    if not value:
        return {"objects": [], "digest": "", "findings": findings}
    fields = Fields(value, "istio_authority", findings)
    fields.only(AUTHORITY)
    pem = {key: _text(fields, key) for key in AUTHORITY}
    if all(pem.values()):
        moment = time.time() if now is None else now
        for problem in _problems(pem["certificate"], pem["private_key"], (), moment):
            fields.report(problem)
        root = pem["root_certificate"]
        chain = tls.pem_chain(f"{pem['certificate']}{root}".encode())
        for problem in _authority_problems(chain, root, moment) if not findings else ():
            fields.report(problem)
    if findings:
        return {"objects": [], "digest": "", "findings": findings}
    # https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
    blocks = [block.decode() + "\n" for block in dict.fromkeys(chain)]
    data = {"ca-cert.pem": blocks[0], "ca-key.pem": pem["private_key"], "root-cert.pem": root, "cert-chain.pem": "".join(blocks)}
    metadata = {"name": "cacerts", "namespace": namespace, "labels": {**LABELS, "app.kubernetes.io/component": "istio"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "stringData": data}
    return {"objects": [secret], "digest": hashlib.sha256(data["cert-chain.pem"].encode()).hexdigest()[:16], "findings": []}


def _authority_problems(chain: Sequence[bytes], root: str, now: float) -> Iterator[str]:
    """Yield why pods would not take certificates that an authority signs, its certificate first and the root last."""
    if len(tls.pem_chain(root.encode())) != 1:
        yield "root_certificate must be one certificate, that of the root"
        return
    for block in dict.fromkeys(chain):
        try:
            found = tls.is_authority(block)
        except tls.TlsError as error:
            yield f"certificate or root_certificate cannot be read: {error}"
            return
        if not found:
            yield f"the certificate of {tls.leaf_of_pem(block).subject} is none of an authority; basicConstraints must say CA:TRUE"
            return
    for below, above in zip(chain, chain[1:]):
        if below != above and not tls.signed_by(below, above):
            yield (
                f"the certificate of {tls.leaf_of_pem(below).subject} is not signed by that of {tls.leaf_of_pem(above).subject}; let "
                "certificate be that of the authority, with those between it and the root after it"
            )
    ended = tls.leaf_of_pem(chain[-1])
    if ended.not_after.timestamp() <= now:
        yield f"root_certificate ended at {tls.iso(ended.not_after)}"


def provided_certificates(given: Any, plan: Mapping[str, Any], now: float | None = None) -> dict[str, list[Any]]:
    """The filter provided_certificates: the Secrets of certificates that users bring, one in each namespace whose gateway serves them.

    Args:
        given: The value of C(certificate_provided).
        plan: What C(make_plan) returned.
        now: Seconds since 1970, by default those of this moment.

    Returns:
        C(objects), none where something is wrong; C(kept), what names them and holds no value; and C(findings), a sentence for everything
        that is wrong. None holds a value.
    """
    findings: list[str] = []
    found: dict[str, list[Object]] = {}
    subjects = [subject for part in plan.get("by_gateway") or () for subject in part["subjects"]]
    issued = {name for subject in subjects for name in subject["certificates"]}
    for fields in dictionaries(given, "certificate_provided", findings, "certificates", "each has name, certificate and private_key"):
        fields.only(PROVIDED)
        name = fields.object_name("name", required=True) or ""
        if name in found:
            fields.report("name is already that of another one")
        if name in issued:
            fields.report("name is that of a Certificate that cert-manager writes; use another one")
        pair = {key: _text(fields, key) for key in ("certificate", "private_key")}
        hosts = [host for subject in subjects if name in subject["secrets"] for host in subject["hosts"]]
        if name and not hosts and not plan.get("findings"):
            fields.report(f"is of no site; name it as tls.credential of a site, which is {name} there")
        if all(pair.values()):
            for problem in _problems(pair["certificate"], pair["private_key"], hosts, time.time() if now is None else now):
                fields.report(problem)
        found[name] = [_secret(name, part["namespace"], pair) for part in plan.get("by_gateway") or () if _serves(part, name)]
    made = [] if findings else [each for objects in found.values() for each in objects]
    kept = [{"kind": "Secret", "metadata": {key: each["metadata"][key] for key in ("name", "namespace")}} for each in made]
    return {"objects": made, "kept": kept, "findings": findings}


def _text(fields: Fields, key: str) -> str:
    """Return PEM as one text with an end of line; a value is in no sentence."""
    value = fields.raw.get(key)
    if value in (None, ""):
        fields.report(f"{key} is missing; give its PEM, such as that of a lookup of ansible.builtin.file")
    elif not isinstance(value, str) or "-----BEGIN " not in value:
        fields.report(f"{key} is not PEM; give the contents of the file, not its path")
    else:
        return value.strip() + "\n"
    return ""


def _serves(part: Raw, name: str) -> bool:
    return any(name in subject["secrets"] for subject in part["subjects"])


def _secret(name: str, namespace: str, pair: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(LABELS)},
        "stringData": {"tls.crt": pair["certificate"], "tls.key": pair["private_key"]},
    }


def _problems(certificate: str, key: str, hosts: Sequence[str], now: float) -> Iterator[str]:
    """Yield why clients would not take what the gateway serves of a certificate and its key."""
    chain = tls.pem_chain(certificate.encode())
    try:
        leaves = [tls.leaf_of_pem(block) for block in chain]
    except tls.TlsError as error:
        yield f"certificate cannot be read: {error}"
        return
    if not leaves:
        yield "certificate has no certificate in PEM"
        return
    try:
        if not tls.key_matches(certificate.encode(), key.encode()):
            later = any(tls.key_matches(block, key.encode()) for block in chain[1:])
            what = "is of a later certificate in the chain; let certificate begin with that of the site" if later else "is of another one"
            yield f"private_key does not belong to the first certificate: it {what}"
    except tls.TlsError as error:
        yield f"private_key: {error}; it must have no passphrase"
    leaf = leaves[0]
    if leaf.not_after.timestamp() <= now:
        yield f"certificate ended at {tls.iso(leaf.not_after)}"
    missing = [host for host in dict.fromkeys(hosts) if not _covered(leaf.dns_names, host)]
    if missing:
        yield f"certificate is for {', '.join(leaf.dns_names) or 'no DNS name'}, and not for {', '.join(missing)}"


def _covered(names: Sequence[str], host: str) -> bool:
    return host.lower() in [name.lower() for name in names] or (not host.startswith("*") and tls.covers(names, host))
