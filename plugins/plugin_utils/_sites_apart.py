# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes on with the sites that have their certificates, and leaves the others as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._gateway_api import API as GATEWAY_API
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import key_of, secrets_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import at_ports, is_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import STAGING_SUFFIX

Record = Mapping[str, Any]


def certificates_apart(
    plan: Record, probes: Iterable[Record] = (), read: Iterable[Record] = (), tried: Iterable[Record] = (), limited: Iterable[Record] = ()
) -> dict[str, list[Any]]:
    """The filter certificates_apart: what can be ordered though some orders cannot succeed.

    Args:
        plan: What C(make_plan) returned.
        probes: Probes of the module http01_probe_info, for all gateways.
        read: What is known of the Certificates.
        tried: What certificate_wait returned of those that staging authorities were asked for.
        limited: What order_limits returned.

    Returns:
        C(due), names of Certificates that have to be ordered; C(staging), what to order from staging authorities first; C(objects), what to
        apply; C(kept), Certificates that must not be deleted; and C(blocked), an entry for each Certificate that no order can bring, as of
        certificate_info, with the problem as its cause.
    """
    known = {(str(entry["namespace"]), str(entry["name"])): entry for entry in read}
    problems = {str(probe["host"]): f"{probe['host']} at {probe['address']}: {probe['problem']}" for probe in probes if probe["problem"]}
    refused = {
        (str(entry["namespace"]), str(entry["name"]).removesuffix(STAGING_SUFFIX)): {
            "cause": f"Staging: {entry['cause']}",
            "advice": list(entry["advice"]),
        }
        for entry in tried
        if not entry["ready"]
    }
    refused.update(((entry["namespace"], entry["name"]), {"cause": entry["cause"], "advice": list(entry["advice"])}) for entry in limited)
    due: list[str] = []
    kept: list[dict[str, Any]] = []
    blocked = []
    for certificate in plan["certificates"]:
        reference, key, spec = _name_of(certificate), key_of(certificate), certificate.get("spec") or {}
        entry = known.get(key)
        if entry is None or not (entry["ready"] and _same_order(entry, spec)):
            due.append(reference["name"])
        hosts = spec.get("dnsNames") or () if (spec.get("issuerRef") or {}).get("name") in plan["http01_issuers"] else ()
        causes = [{"cause": problems[host], "advice": []} for host in hosts if host in problems]
        causes += [refused[key]] if key in refused else []
        if causes:
            seen = entry or {"secret_name": spec.get("secretName")}
            blocked.append({**reference, **seen, "ready": False, "state": "Blocked", **causes[0]})
            kept.append({"kind": "Certificate", "metadata": reference})
    held = {(entry["namespace"], entry["name"]) for entry in blocked}
    asked = {f"{name}{STAGING_SUFFIX}" for name in due} - {f"{name}{STAGING_SUFFIX}" for _space, name in held}
    return {
        "due": due,
        "staging": [each for each in plan["staging"] if each["metadata"]["name"] in asked],
        "objects": [each for each in plan["certificate_objects"] if each["kind"] != "Certificate" or key_of(each) not in held],
        "kept": kept,
        "blocked": blocked,
    }


def _same_order(entry: Record, spec: Record) -> bool:
    """Return whether a Certificate that is known would be ordered from the same issuer for the same names."""
    if "dns_names" not in entry:
        return True
    reference = spec.get("issuerRef") or {}
    issuer = f"{reference.get('kind') or 'Issuer'}/{reference.get('name')}"
    return sorted(entry["dns_names"]) == sorted(spec.get("dnsNames") or ()) and entry["issuer"] == issuer


def sites_apart(plan: Record, certificates: Iterable[Record] = (), secrets: Iterable[Record] = ()) -> dict[str, Any]:
    """The filter sites_apart: what can be opened though the certificates of some sites are missing.

    Envoy holds back a listener, and with it all sites on its port, until it has the certificates of new ones. So the Gateways of a site
    whose certificate is missing stay as they are. Its routes and policies are applied: they do no harm without a Gateway, and keep out
    who may not get to it.

    Args:
        plan: What C(make_plan) returned.
        certificates: What certificate_info returned for each of them.
        secrets: What certificate_info returned for each Secret that users bring.

    Returns:
        C(objects), what to apply; C(waited), those of them for which ready_wait waits; C(kept), Gateways that must not be deleted;
        C(by_gateway), as that of the plan without what is missing; and C(left), the sites that are left as they are.
    """
    missing = {
        *((str(entry["namespace"]), str(entry.get("secret_name"))) for entry in certificates if not entry["ready"]),
        *((str(entry["namespace"]), str(entry["name"])) for entry in secrets if entry.get("problem")),
    }
    left = [gateway for gateway in plan["gateways"] if _needs(gateway) & missing]
    # What a Gateway that stays as it is serves from other Secrets is not new either.
    held = missing | {secret for gateway in left for secret in _needs(gateway)}
    held -= {secret for gateway in plan["gateways"] if gateway not in left for secret in _needs(gateway)}
    closed = {key_of(gateway) for gateway in left}
    parts = [_part(part, {name for space, name in held if space == part["namespace"]}) for part in plan["by_gateway"]]
    opened = (each for each in plan["gateway_objects"] if each["kind"] != "Gateway" or key_of(each) not in closed)
    objects = [*plan["policies"], *opened]
    return {
        "objects": objects,
        "waited": [{"kind": each["kind"], **_name_of(each)} for each in objects if _is_taken(each, closed)],
        "kept": [{"kind": "Gateway", "metadata": _name_of(gateway)} for gateway in left],
        "by_gateway": [part for part, _left in parts],
        "left": [name for _part, names in parts for name in names],
    }


def _name_of(gateway: Record) -> dict[str, str]:
    return {key: str(gateway["metadata"][key]) for key in ("name", "namespace")}


def _is_taken(made: Record, closed: Collection[tuple[str, str]]) -> bool:
    """Return whether istiod takes an object of the Gateway API, as it does where the Gateways of a route are there."""
    parents = (made.get("spec") or {}).get("parentRefs") or ()
    return bool(made["apiVersion"] == GATEWAY_API) and not any((key_of(made)[0], parent["name"]) in closed for parent in parents)


def _needs(gateway: Record) -> set[tuple[str, str]]:
    """Return the namespace and name of each Secret that a Gateway names."""
    servers = [server.get("tls") or {} for server in (gateway.get("spec") or {}).get("servers") or ()]
    return {(str(gateway["metadata"]["namespace"]), name) for tls in servers for name in secrets_of(tls)}


def _part(part: Record, held: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the part of a gateway without what these Secrets are for, and the names of its sites that are left."""
    stays: Sequence[Record] = [subject for subject in part["subjects"] if not set(subject["secrets"]) & set(held)]
    ports = at_ports(part["subjects"])
    return {
        **part,
        "subjects": list(stays),
        "credentials": [each for each in part["credentials"] if not {each["name"], *each.get("credential_names", ())} & set(held)],
        "endpoints": [entry for entry in part["endpoints"] if any(is_of(entry, subject, ports) for subject in stays)],
    }, [str(subject["name"]) for subject in part["subjects"] if subject not in stays]
