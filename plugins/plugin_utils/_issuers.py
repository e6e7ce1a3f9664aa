# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(cert_manager_issuers) and makes cert-manager's issuers of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils import _vault as vault
from ansible_collections.baremesh.edge.plugins.plugin_utils._dns01 import expand_all
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries, entries_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import issuer as issuer_problems
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import solver as solver_problems

Object = dict[str, Any]

TYPES = ("acme", "ca", "selfsigned", "vault", "raw")
KINDS = ("ClusterIssuer", "Issuer")
LETSENCRYPT = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
_EMAIL = re.compile(r"[^\s:,<>]+@[^\s:,<>]+")
_NO_EMAIL = "it must be an address such as ops@example.com"
#: Limits of ACME authorities, and what each counts.
LIMITS = {
    "same_names": "certificates for the same names",
    "domain": "certificates for new names under",
    "orders": "new orders of its account",
    "failures": "failed validations of",
}
#: Longest period in hours that what is noted of orders reaches back.
LONGEST_LIMIT = 168
#: Of the production directory: https://letsencrypt.org/docs/rate-limits/, after a copy of that page, and Boulder's way of counting.
#: Compare them with the page before a release.
LETSENCRYPT_LIMITS = {
    "same_names": {"count": 5, "hours": 168},
    "domain": {"count": 50, "hours": 168},
    "orders": {"count": 300, "hours": 3},
    "failures": {"count": 5, "hours": 1},
}
LABELS = {"app.kubernetes.io/managed-by": "baremesh.edge", "app.kubernetes.io/component": "issuer"}
_KEYS = {
    "acme": (
        *("server", "email", "ca_bundle", "solvers", "preferred_chain", "profile", "account_key_secret", "external_account", "staging"),
        "rate_limits",
    ),
    "ca": ("secret",),
    "selfsigned": (),
    "vault": ("server", "path", "ca_bundle", "vault_namespace", "auth"),
    "raw": ("spec",),
}
# In the form of an argument spec. A test compares this with the options that role cert_manager documents.
_REFERENCE: vault.Options = {"name": {"type": "str", "required": True}, "key": {"type": "str", "default": vault.KEY}}
_SECRET: vault.Options = {"secret": {"type": "dict", "options": _REFERENCE, "required": True}}
VAULT_AUTH: vault.Options = {
    "kubernetes": {
        "type": "dict",
        "options": {"role": {"type": "str", "required": True}, "mount": {"type": "str", "default": vault.KUBERNETES_MOUNT}},
    },
    "approle": {
        "type": "dict",
        "options": {"role_id": {"type": "str", "required": True}, "mount": {"type": "str", "default": vault.APPROLE_MOUNT}, **_SECRET},
    },
    "token": {"type": "dict", "options": _SECRET},
}
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Issuer:
    """One entry of C(cert_manager_issuers), checked."""

    name: str
    type: str
    kind: str
    namespace: str | None
    spec: Raw
    #: Names and texts of tokens for which Secrets are made.
    tokens: list[Object] = field(default_factory=list, repr=False)
    # Directory at which its authority can be tried without limits, empty for none.
    staging: str = ""
    #: How many orders its authority takes: count and hours, by what is limited.
    rate_limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """Its kind and name, and for an Issuer its namespace between them."""
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))

    @property
    def service_account(self) -> str:
        """The service account as which cert-manager logs in at a Vault, which is made with a short form. Empty for none."""
        way = (self.spec.get("vault") or {}).get("auth", {}).get("kubernetes") if self.type == "vault" else None
        return str(way["serviceAccountRef"]["name"]) if way else ""

    @property
    def acme(self) -> Raw:
        """What is said of its ACME server, empty for other issuers. In the spec of type raw it may be anything."""
        acme = self.spec.get("acme")
        return acme if isinstance(acme, Mapping) else {}

    @property
    def server(self) -> str:
        """Its ACME directory, empty if it has none."""
        return str(self.acme.get("server") or "")

    @property
    def solvers(self) -> list[Raw]:
        """Its solvers."""
        found = self.acme.get("solvers")
        return [solver for solver in found if isinstance(solver, Mapping)] if isinstance(found, (list, tuple)) else []

    @property
    def http01_only(self) -> bool:
        """Whether every solver proves names by HTTP-01, so that wildcards are impossible."""
        return bool(self.solvers) and all("dns01" not in solver for solver in self.solvers)

    @property
    def http01(self) -> bool:
        """Whether a solver proves names by HTTP-01."""
        return any("http01" in solver for solver in self.solvers)


def _host_of(server: str) -> str:
    """Return the host of a URL, empty where it is none."""
    try:
        url = urlsplit(server)
        port = url.port
    except ValueError:
        return ""
    known = url.scheme in ("http", "https") and port != 0 and not re.search(r"\s", server)
    return (url.hostname or "") if known else ""


def _filled(solver: Any, shared: Sequence[Raw]) -> Any:
    """Return a solver; http01 without a way is that of the solvers that all issuers share."""
    if not isinstance(solver, Mapping) or "http01" not in solver or solver["http01"]:
        return solver
    return {**solver, "http01": next((each["http01"] for each in shared if each.get("http01")), {})}


def _is_off(value: Any) -> bool:
    return value is False or str(value).lower() in ("", "false", "no", "off")


def _rate_limits(at: Fields) -> dict[str, dict[str, int]]:
    """Return how many orders the authority takes; the limits of Let's Encrypt are known."""
    given = at.raw.get("rate_limits")
    if given is None:
        return LETSENCRYPT_LIMITS if at.raw.get("server") == LETSENCRYPT["letsencrypt"] else {}
    limits = None if _is_off(given) else at.nested("rate_limits")
    if limits is None:
        return {}
    limits.only(tuple(LIMITS))
    found: dict[str, dict[str, int]] = {}
    for kind in (kind for kind in LIMITS if kind in limits.raw):
        if one := limits.nested(kind):
            one.only(("count", "hours"))
            # Both are read, so that all that is wrong is found.
            count, hours = one.integer("count", 1, 100_000), one.integer("hours", 1, LONGEST_LIMIT)
            for key in (key for key in ("count", "hours") if one.raw.get(key) in (None, "")):
                one.report(f"{key} is missing")
            found[kind] = {"count": count or 1, "hours": hours or 1}
    return found


def _staging(at: Fields) -> str:
    """Return the directory where orders can be tried first; that of Let's Encrypt is known."""
    server, staging = at.raw.get("server"), at.raw.get("staging")
    if staging is None:
        return LETSENCRYPT["letsencrypt-staging"] if server == LETSENCRYPT["letsencrypt"] else ""
    if _is_off(staging):
        return ""
    if not _host_of(str(staging)):
        at.report(f"staging is {staging!r}; it must be the URL of an ACME directory, or false")
    elif staging == server:
        at.report("staging is the directory in server itself; name one whose orders do not count, or false")
    return str(staging)


def staging_name(name: str) -> str:
    """Return the name of the issuer that tries the orders of another one."""
    return f"{name}-staging"


def _tried(issuer: Issuer) -> Issuer:
    """Return the issuer that tries the orders of another one: the same solvers, at the staging directory, by an account of its own."""
    name = staging_name(issuer.name)
    acme = {key: value for key, value in issuer.acme.items() if key not in ("preferredChain", "externalAccountBinding")}
    acme |= {"server": issuer.staging, "privateKeySecretRef": {"name": f"{name}-account-key"}}
    return Issuer(name, issuer.type, issuer.kind, issuer.namespace, {"acme": acme})


def _ca_bundle(at: Fields) -> str | None:
    """Return the CA in the form that cert-manager takes: Base64 of PEM."""
    found = at.pem_certificate("ca_bundle", base64_too=True)
    return None if found is None else base64.b64encode(found.encode()).decode()


def _acme(at: Fields, name: str, email: str, default_solvers: Sequence[Raw], strict: bool | None, tokens: list[Object]) -> Object:
    server = at.text("server", required=True) or ""
    host = _host_of(server)
    if server and not host:
        at.report(f"server is {server!r}; it must be the URL of an ACME directory")
    elif f".{host}".endswith(".letsencrypt.org") and server.lower() not in LETSENCRYPT.values():
        at.report(f"server is {server!r}; the directories of Let's Encrypt are {' and '.join(LETSENCRYPT.values())}")
    own = at.text("email") or ""
    contact = own or email
    if own and not _EMAIL.fullmatch(own):
        at.report(f"email is {own!r}; {_NO_EMAIL}")
    account, before = at.mapping("external_account"), len(at.findings)
    given, made = expand_all(at, at.sequence("solvers"), "solvers", name)
    tokens += made
    if not given:
        # What is wrong with them is said once, of the variable that holds them.
        default_solvers, made = expand_all(Fields({}, "", []), list(default_solvers), "", name)
        tokens += made
    if strict is not None:
        at.fits("ClusterIssuer.acme.solvers", given, strict, "solvers")
        at.fits("ClusterIssuer.acme.externalAccountBinding", account, strict, "external_account")
    solvers = [_filled(solver, default_solvers) for solver in given or default_solvers]
    for index, solver in enumerate(solvers):
        if not isinstance(solver, Mapping) or not {"http01", "dns01"} & set(solver):
            at.report(f"solvers[{index}] is {solver!r}; a solver has http01 or dns01")
        elif given and len(at.findings) == before:
            for problem in solver_problems(solver):
                at.report(f"solvers[{index}]{problem}")
    optional = {
        "email": contact,
        "caBundle": _ca_bundle(at),
        "preferredChain": at.text("preferred_chain"),
        "profile": at.text("profile"),
        "externalAccountBinding": account,
    }
    return {
        "server": server,
        "privateKeySecretRef": {"name": at.name("account_key_secret") or f"{name}-account-key"},
        "solvers": solvers,
        **{field: value for field, value in optional.items() if value},
    }


def _vault(at: Fields, name: str) -> Object:
    def kubernetes(way: Fields) -> Object:
        mount = way.text("mount") or vault.KUBERNETES_MOUNT
        account = {"name": f"vault-{name}"}
        return {"role": way.text("role", required=True), "mountPath": f"/v1/auth/{mount}", "serviceAccountRef": account}

    path = vault.path_of(at, "that of signing by a role of the engine, such as pki/sign/edge")
    if path and not re.fullmatch(r".+/(sign|sign-verbatim)/[^/]+", path) and not path.startswith("/"):
        at.report(f"path is {path!r}; it must be MOUNT/sign/ROLE, such as pki/sign/edge")
    optional = {"caBundle": _ca_bundle(at), "namespace": at.text("vault_namespace")}
    return {
        "server": vault.server_of(at),
        "path": path,
        "auth": vault.auth_of(at, VAULT_AUTH, kubernetes),
        **{field: value for field, value in optional.items() if value},
    }


def _spec(at: Fields, name: str, type_: str, email: str, default_solvers: Sequence[Raw], strict: bool | None, tokens: list[Object]) -> Raw:
    if type_ == "acme":
        return {"acme": _acme(at, name, email, default_solvers, strict, tokens)}
    if type_ == "ca":
        return {"ca": {"secretName": at.name("secret", required=True)}}
    if type_ == "selfsigned":
        return {"selfSigned": {}}
    if type_ == "vault":
        return {"vault": _vault(at, name)}
    spec = at.mapping("spec")
    if not spec:
        at.report("spec is missing; type raw takes the spec of an issuer as cert-manager documents it")
    elif strict is not None:
        before = len(at.findings)
        at.fits("ClusterIssuer", spec, strict, "spec")
        for problem in issuer_problems(spec) if len(at.findings) == before else ():
            at.report(f"spec{problem}")
    return spec or {}


def _issuer(at: Fields, email: str, solvers: Sequence[Raw], namespace: str, strict: bool | None) -> Issuer:
    if "apiVersion" in at.raw:
        name = (at.mapping("metadata") or {}).get("name") or at.raw.get("name") or "NAME"
        at.report(f"is a manifest; write {{name: {name}, kind: {at.raw.get('kind') or KINDS[0]}, type: raw, spec: ...}} with its spec")
        return Issuer(str(name), "raw", KINDS[0], None, {})
    type_ = at.choice("type", TYPES) or ("" if "type" in at.raw else "acme")
    if type_:
        at.only(("name", "type", "kind", "namespace", *_KEYS[type_]), f"for type {type_}")
    name = at.name("name", required=True) or ""
    kind = at.choice("kind", KINDS) or "ClusterIssuer"
    if kind == "ClusterIssuer" and "namespace" in at.raw:
        at.report("has a namespace, which is for kind Issuer; a ClusterIssuer has none")
    tokens: list[Object] = []
    return Issuer(
        name=name,
        type=type_ or "raw",
        kind=kind,
        namespace=(at.name("namespace") or namespace) if kind == "Issuer" else None,
        spec=_spec(at, name, type_, email, solvers, strict, tokens) if type_ else {},
        tokens=tokens,
        staging=_staging(at) if type_ == "acme" else "",
        rate_limits=_rate_limits(at) if type_ == "acme" else {},
    )


def read_issuers(
    issuers: Any, email: str = "", solvers: Sequence[Raw] = (), namespace: str = "", strict: bool | None = None
) -> tuple[dict[str, Issuer], list[str]]:
    """Return all issuers that sites may name, and a sentence for everything that is wrong with the given ones.

    Args:
        issuers: The value of C(cert_manager_issuers). Let's Encrypt's two are added unless they are in it.
        email: Contact for ACME issuers that have none of their own.
        solvers: Solvers for ACME issuers that have none of their own.
        namespace: Namespace for issuers of kind Issuer that have none of their own.
        strict: Whether the schemas are those of the cert-manager in use, see C(judge). None: they are not looked at.
    """
    findings: list[str] = []
    found: dict[str, Issuer] = {}
    if email and not _EMAIL.fullmatch(email):
        findings.append(f"edge_email is {email!r}; {_NO_EMAIL}")
    needs = "an issuer is a dictionary with name, type and what the type needs"
    for fields in dictionaries(issuers, "cert_manager_issuers", findings, "issuers", needs):
        issuer = _issuer(fields, email, solvers, namespace, strict)
        if issuer.name in found:
            findings.append(f"{fields.place}: name '{issuer.name}' is already that of another issuer")
        found[issuer.name] = issuer
    found.pop("", None)
    for name, server in LETSENCRYPT.items():
        if name not in found:
            raw = {"name": name, "type": "acme", "server": server}
            found[name] = _issuer(Fields(raw, name, findings), email, solvers, namespace, None)
    # One that users define themselves takes its place.
    tried = [_tried(issuer) for issuer in found.values() if issuer.staging]
    return found | {issuer.name: issuer for issuer in tried if issuer.name not in found}, findings


def issuer_objects(issuers: Mapping[str, Issuer], declared: Iterable[str], used: Iterable[str]) -> list[Object]:
    """Return the issuers to apply: all that were O(declared), and of the others, such as Let's Encrypt's, those that sites have O(used).

    Not always all of them, since each ACME issuer registers an account at its authority.
    """
    declared, used = list(declared), set(used)
    names = [*declared, *sorted(used.intersection(issuers).difference(declared))]
    found = []
    for name in dict.fromkeys(names):
        issuer = issuers[name]
        metadata: Object = {"name": issuer.name, "labels": dict(LABELS)}
        if issuer.namespace:
            metadata["namespace"] = issuer.namespace
        found.append({"apiVersion": "cert-manager.io/v1", "kind": issuer.kind, "metadata": metadata, "spec": dict(issuer.spec)})
    return found


def token_objects(issuers: Iterable[Issuer], namespace: str) -> list[Object]:
    """Return the Secrets with tokens of issuers; cert-manager looks for those of a ClusterIssuer in O(namespace)."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": token["name"], "namespace": issuer.namespace or namespace, "labels": dict(LABELS)},
            "stringData": {"token": token["text"]},
        }
        for issuer in issuers
        for token in issuer.tokens
    ]


def account_objects(issuers: Iterable[Issuer], namespace: str) -> list[Object]:
    """Return the service accounts as which cert-manager, in O(namespace), logs in at a Vault, and its right to ask for their tokens."""
    found: list[Object] = []
    for issuer in issuers:
        if not issuer.service_account:
            continue
        here = {"metadata": {"name": issuer.service_account, "namespace": issuer.namespace or namespace, "labels": dict(LABELS)}}
        rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [issuer.service_account], "verbs": ["create"]}
        role = {"apiGroup": RBAC, "kind": "Role", "name": issuer.service_account}
        subject = {"kind": "ServiceAccount", "name": "cert-manager", "namespace": namespace}
        found += [
            {"apiVersion": "v1", "kind": "ServiceAccount", **here},
            {"apiVersion": f"{RBAC}/v1", "kind": "Role", **here, "rules": [rule]},
            {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **here, "roleRef": role, "subjects": [subject]},
        ]
    return found


def secret_objects(secrets: Any, namespace: str) -> tuple[list[Object], list[str]]:
    """Return the Secrets that issuers refer to, and a sentence for everything that is wrong with them; never a value."""
    findings: list[str] = []
    found: list[Object] = []
    entries = entries_of(secrets)
    if entries is None:
        return [], ["cert_manager_secrets must be a list of Secrets"]
    for index, raw in enumerate(entries):
        if not isinstance(raw, Mapping) or not isinstance(raw.get("string_data"), Mapping):
            findings.append(f"cert_manager_secrets[{index}] must be a dictionary with name and string_data, which holds keys and texts")
            continue
        at = Fields({key: value for key, value in raw.items() if key != "string_data"}, f"cert_manager_secrets[{index}]", findings)
        at.only(("name", "namespace", "type"))
        metadata = {"name": at.name("name", required=True), "namespace": at.name("namespace") or namespace, "labels": dict(LABELS)}
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": raw.get("type") or "Opaque",
                "metadata": metadata,
                "stringData": {str(key): str(value) for key, value in raw["string_data"].items()},
            }
        )
    return found, findings


def cert_manager_objects(issuers: Any, settings: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the objects to apply and the issuers among them."""
    given = settings or {}
    solvers = entries_of(given.get("solvers"))
    found, findings = read_issuers(issuers, given.get("email") or "", solvers or (), given.get("issuer_namespace") or "")
    if solvers is None and given.get("solvers"):
        findings.append(f"cert_manager_solvers is {given['solvers']!r}; it must be a list")
    secrets, wrong = secret_objects(given.get("secrets") or [], given.get("secret_namespace") or "")
    if findings or wrong:
        raise AnsibleFilterError("\n".join(findings + wrong))
    made = issuer_objects(found, [issuer["name"] for issuer in entries_of(issuers) or ()], given.get("used") or ())
    names = [{"kind": each["kind"], "name": each["metadata"]["name"], "namespace": each["metadata"].get("namespace", "")} for each in made]
    used, namespace = [found[each["name"]] for each in names], given.get("secret_namespace") or ""
    return {"objects": secrets + token_objects(used, namespace) + account_objects(used, namespace) + made, "issuers": names}
