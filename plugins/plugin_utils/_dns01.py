# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the short form of DNS-01 solvers, C({dns01: {provider: ..., token: ...}}), and makes cert-manager's form and a Secret of it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, entries_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._webhook_rules import TSIG

Object = dict[str, Any]

_COMMON = ("provider", "zones", "follow_cname", "token", "secret")
_DATA_KEY = "token"
_WAYS = "give token, or secret with name and key of a Secret that is there"
#: An address, with the port of DNS or none.
_SERVER = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-fA-F:.]+)\])(?::53)?")
_ZONE = re.compile(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*")


def _tsig(token: str) -> str | None:
    try:
        return None if base64.b64decode(token, validate=True) else "is empty"
    except (ValueError, binascii.Error):
        return "is not Base64, in which TSIG keys are written"


def _global_key(token: str) -> str | None:
    # https://developers.cloudflare.com/fundamentals/api/get-started/keys/
    found = re.fullmatch(r"[0-9a-f]{37}", token)
    return "is a Global API Key; create an API token that may edit DNS of the zone, and give that" if found else None


def _document(token: str, *keys: str) -> str | None:
    try:
        found = json.loads(token)
    except ValueError:
        return "is not JSON"
    missing = [key for key in keys if not (isinstance(found, dict) and found.get(key))]
    return f"has no {' and no '.join(missing)}" if missing else None


def _service_account(token: str) -> str | None:
    problem = _document(token, "client_email", "private_key")
    return f"{problem}; give the JSON key of a service account" if problem else None


def _acme_dns(token: str) -> str | None:
    problem = _document(token)
    accounts = {} if problem else json.loads(token)
    needed = ("username", "password", "fulldomain", "subdomain")
    entries = accounts.values() if isinstance(accounts, dict) else ()
    if not entries or not all(isinstance(entry, dict) and all(entry.get(key) for key in needed) for entry in entries):
        return f"{problem or 'has no accounts'}; give by domain what acme-dns returned to register: {', '.join(needed)}"
    return None


_DOCUMENTS = (_service_account, _acme_dns)


@dataclass(frozen=True)
class _Provider:
    """How a provider is written in cert-manager's form."""

    solver: str
    #: Where the reference to the Secret with the token belongs.
    reference: str = ""
    #: Fields of cert-manager by option, and the options that must be given.
    options: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    #: Whether it works without a token: hosts in a cloud may have a right of their own.
    ambient: bool = False
    #: Options that go with a token only.
    with_token: tuple[str, ...] = ()
    judge: Callable[[str], str | None] = lambda _token: None
    fixed: Mapping[str, Any] = field(default_factory=dict)


PROVIDERS: Mapping[str, _Provider] = {
    "acmedns": _Provider("acmeDNS", "accountSecretRef", {"host": "host"}, ("host",), judge=_acme_dns),
    "azuredns": _Provider(
        "azureDNS",
        "clientSecretSecretRef",
        {
            "client_id": "clientID",
            "tenant_id": "tenantID",
            "subscription_id": "subscriptionID",
            "resource_group": "resourceGroupName",
            "hosted_zone": "hostedZoneName",
            "environment": "environment",
        },
        ("subscription_id", "resource_group"),
        ambient=True,
        with_token=("client_id", "tenant_id"),
    ),
    "clouddns": _Provider(
        "cloudDNS",
        "serviceAccountSecretRef",
        {"project": "project", "hosted_zone": "hostedZoneName"},
        ("project",),
        ambient=True,
        judge=_service_account,
    ),
    "cloudflare": _Provider("cloudflare", "apiTokenSecretRef", judge=_global_key),
    "digitalocean": _Provider("digitalocean", "tokenSecretRef"),
    # The webhook that Hetzner publishes, for zones in Hetzner Console.
    "hetzner": _Provider(
        "webhook",
        "config.tokenSecretKeyRef",
        {"group_name": "groupName"},
        fixed={"groupName": "acme.hetzner.com", "solverName": "hetzner"},
    ),
    "rfc2136": _Provider(
        "rfc2136",
        "tsigSecretSecretRef",
        {"nameserver": "nameserver", "key_name": "tsigKeyName", "algorithm": "tsigAlgorithm", "protocol": "protocol"},
        ("nameserver",),
        ambient=True,
        with_token=("key_name",),
        judge=_tsig,
    ),
    "route53": _Provider(
        "route53",
        "secretAccessKeySecretRef",
        {"access_key_id": "accessKeyID", "region": "region", "role": "role", "hosted_zone_id": "hostedZoneID"},
        ambient=True,
        with_token=("access_key_id",),
    ),
    "webhook": _Provider(
        "webhook",
        options={"group_name": "groupName", "solver_name": "solverName", "config": "config"},
        required=("group_name", "solver_name"),
        ambient=True,
    ),
}


def is_short(solver: Any) -> bool:
    """Return whether a solver has the short form of DNS-01."""
    return isinstance(solver, Mapping) and isinstance(solver.get("dns01"), Mapping) and "provider" in solver["dns01"]


def expand(at: Fields, solver: Raw, word: str, name: str) -> tuple[Raw, Object | None]:
    """Return a solver in cert-manager's form, and what the Secret with its token holds.

    Args:
        at: Takes what is wrong. A solver with which something is wrong has no provider then.
        solver: A solver in the short form.
        word: Where the solver is, C(solvers[0]).
        name: How a Secret is called that is made for it.
    """
    raw, before = solver["dns01"], len(at.findings)
    dns01 = Fields(raw, f"{at.place}{at.title}: {word}.dns01" if at.place else f"{word}.dns01", at.findings)
    chosen = dns01.choice("provider", PROVIDERS) or ""
    if not raw["provider"]:
        dns01.report(f"provider is empty; allowed: {', '.join(PROVIDERS)}")
    if len(at.findings) > before:
        return {**solver, "dns01": None}, None
    made, content = _provided(dns01, chosen, name)
    zones, selector = _zones(dns01), solver.get("selector")
    if zones and isinstance(selector, Mapping) and selector.get("dnsZones"):
        dns01.report("zones is given beside selector.dnsZones; remove one of them")
    if zones and (selector is None or isinstance(selector, Mapping)):
        selector = {**(selector or {}), "dnsZones": zones}
    if dns01.boolean("follow_cname", False):
        made["cnameStrategy"] = "Follow"
    wrong = len(at.findings) > before
    return {**solver, "dns01": None if wrong else made, **({"selector": selector} if selector is not None else {})}, content


def _provided(dns01: Fields, chosen: str, name: str) -> tuple[Object, Object | None]:
    """Return what cert-manager needs of a provider, and what the Secret with its token holds."""
    provider, raw = PROVIDERS[chosen], dns01.raw
    dns01.only((*_COMMON, *provider.options, *(("token_field",) if chosen == "webhook" else ())), f"for provider {chosen}")
    for option in provider.required:
        if raw.get(option) in (None, ""):
            dns01.report(f"{option} is missing; provider {chosen} needs it")
    given = {option: key for option, key in provider.options.items() if raw.get(option) not in (None, "")}
    fields = {**provider.fixed, **{key: raw[option] if option == "config" else str(raw[option]) for option, key in given.items()}}
    if chosen == "rfc2136":
        _rfc2136(fields)
    reference, content = _token(dns01, chosen, provider, name)
    path = provider.reference or f"config.{dns01.text('token_field') or ''}"
    if reference and path == "config.":
        dns01.report("token_field is missing; name the field of config in which the webhook expects the Secret, such as apiTokenSecretRef")
    if reference:
        parent, _dot, key = path.rpartition(".")
        held = fields.get(parent)
        fields |= {parent: {**(held if isinstance(held, Mapping) else {}), key: reference}} if parent else {key: reference}
    return {provider.solver: fields}, content


def _zones(dns01: Fields) -> list[str]:
    found = []
    for text in dns01.texts("zones"):
        zone = text.lower().rstrip(".")
        if not _ZONE.fullmatch(zone):
            hint = f"; write '{zone[2:]}', which is for all names below it too" if zone.startswith("*.") else ""
            dns01.report(f"zones has '{text}', which is not the name of a zone such as example.com{hint}")
        found.append(zone)
    return found


def _rfc2136(fields: Object) -> None:
    """Write the algorithm as cert-manager does, and take the strong one where none is given: cert-manager would take MD5."""
    if "tsigAlgorithm" in fields:
        fields["tsigAlgorithm"] = fields["tsigAlgorithm"].upper().replace("-", "").rstrip(".")
    elif "tsigKeyName" in fields:
        fields["tsigAlgorithm"] = "HMACSHA256"


def _token(dns01: Fields, chosen: str, provider: _Provider, name: str) -> tuple[Object | None, Object | None]:
    """Return the reference to the Secret with the token, and what it holds where it is ours. No sentence holds the token."""
    raw = dns01.raw
    given = [key for key in ("token", "secret") if raw.get(key) is not None]
    for option in provider.with_token:
        if bool(given) != (raw.get(option) not in (None, "")):
            problem = f"is given without a token; {_WAYS}" if not given else f"is missing; provider {chosen} needs it with a token"
            dns01.report(f"{option} {problem}")
    if len(given) > 1:
        dns01.report("token and secret are given; remove one of them")
    elif not given and not provider.ambient:
        dns01.report(f"token is missing; {_WAYS}")
    if given == ["token"]:
        return {"name": name, "key": _DATA_KEY}, {"name": name, "text": _read_token(dns01, provider)}
    at = dns01.nested("secret") if given == ["secret"] else None
    if at is None:
        return None, None
    at.only(("name", "key"))
    return {"name": at.object_name("name", required=True) or "", "key": at.text("key") or _DATA_KEY}, None


def _read_token(dns01: Fields, provider: _Provider) -> str:
    token = dns01.raw["token"]
    # Ansible makes data of text that looks like it, such as a key in JSON.
    text = (json.dumps(token) if isinstance(token, (Mapping, list)) else str(token)).strip()
    if isinstance(token, bool) or not text:
        dns01.report("token is empty; where a lookup fills it, that found nothing")
        return ""
    problem = provider.judge(text)
    if not problem and provider.judge not in _DOCUMENTS and re.search(r"\s", text):
        problem = "has blanks or line breaks inside"
    if problem:
        dns01.report(f"token {problem}")
    return text


def tsig_questions(issuers: Any, shared: Any) -> list[Object]:
    """Return what to ask the name servers of solvers that sign updates: C(server), C(zone), C(key_name), C(algorithm), C(token)."""
    given = [each.get("solvers") for each in entries_of(issuers) or () if isinstance(each, Mapping)]
    found: list[Object] = []
    for solver in (solver for solvers in [*given, shared] for solver in entries_of(solvers) or () if is_short(solver)):
        wrong: list[str] = []
        expanded, token = expand(Fields({}, "", wrong), solver, "", "")
        dns01 = expanded["dns01"] or {}
        server = _SERVER.fullmatch(str((dns01.get("rfc2136") or {}).get("nameserver") or ""))
        # Where a CNAME is followed, the record is in another zone.
        if token and server and "cnameStrategy" not in dns01:
            fields, zones = dns01["rfc2136"], (expanded.get("selector") or {}).get("dnsZones") or ()
            key = {"key_name": fields["tsigKeyName"], "algorithm": fields["tsigAlgorithm"], "token": token["text"]}
            found += [{"server": server["v6"] or server["v4"], "zone": zone, **key} for zone in zones]
    return [entry for index, entry in enumerate(found) if entry not in found[:index] and entry["algorithm"] in TSIG]


def challenge_questions(challenges: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Object]:
    """Return where to look for the zones of hosts that are proved by DNS-01; nowhere where cert-manager asks what a host cannot ask."""
    given = read_list(settings.get("cert_manager_dns01_recursive_nameservers")) or []
    servers = [_SERVER.fullmatch(str(server)) for server in given]
    resolvers = [server["v6"] or server["v4"] for server in servers if server]
    only = Fields(settings, "", []).boolean("cert_manager_dns01_recursive_only", False)
    if len(resolvers) < len(given):
        return []
    return [{"name": each["host"], "follow": each["follow"], "resolvers": resolvers, "servers": not only} for each in challenges]


def expand_all(at: Fields, solvers: list[Any], word: str, issuer: str) -> tuple[list[Any], list[Object]]:
    """Return solvers in cert-manager's form, and what the Secrets of those in the short form hold."""
    found: list[Any] = []
    secrets: list[Object] = []
    for index, solver in enumerate(solvers):
        if not is_short(solver):
            found.append(solver)
            continue
        name = f"{issuer}-{str(solver['dns01']['provider']).lower()}"
        if any(secret["name"] == name for secret in secrets):
            name = f"{name}-{index}"
        expanded, secret = expand(at, solver, f"{word}[{index}]", name)
        found.append(expanded)
        secrets += [secret] if secret else []
    return found, secrets
