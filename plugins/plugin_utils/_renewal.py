# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewals: which certificates, how many at a time, where they must be served afterwards, and what was seen of it.

Private to baremesh.edge: other collections must not import it, it changes without notice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import server_name

Record = t.Mapping[str, t.Any]

DAY = 86400.0


@dataclasses.dataclass(frozen=True)
class Wish:
    """What users ask for, read from strings of a survey or from YAML."""

    names: tuple[str, ...]
    batch_size: int
    within_days: float | None


def _names(given: t.Any) -> list[str]:
    """Return names from a list, or from text with commas, blanks or lines between them."""
    parts = given if isinstance(given, (list, tuple)) else [given or ""]
    return list(dict.fromkeys(name for part in parts for name in re.split(r"[\s,]+", str(part)) if name))


def read_wish(names: t.Any, batch_size: t.Any, within_days: t.Any, known: t.Sequence[str]) -> tuple[Wish, list[str]]:
    """Return the wish, and a sentence for everything that is wrong with it.

    :arg known: names of the Certificates that may be renewed; all of them without O(names).
    """
    findings = []
    wanted = _names(names)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        allowed = ", ".join(known) or "none, since no site has a certificate of its own"
        findings.append(f"renewal_names has {', '.join(unknown)}; it may have {allowed}.")
    size = str(batch_size).strip()
    if not re.fullmatch(r"[1-9]\d*", size):
        findings.append(f"renewal_batch_size is '{size}'; it must be a whole number from 1.")
        size = "1"
    days = str("" if within_days is None else within_days).strip()
    if days and not re.fullmatch(r"\d+(\.\d+)?", days):
        findings.append(f"renewal_within_days is '{days}'; it must be a number of days, or empty for all.")
        days = ""
    return Wish(tuple(wanted or known), int(size), float(days) if days else None), findings


def renewal_findings(names: t.Any, known: t.Sequence[str], batch_size: t.Any = 1, within_days: t.Any = "") -> list[str]:
    """Return a sentence for everything that is wrong with what users ask for."""
    return read_wish(names, batch_size, within_days, known)[1]


def _seconds_left(certificate: Record, now: float) -> float:
    """Return for how long a certificate is valid yet; one that was never issued is the most urgent."""
    if not certificate.get("not_after"):
        return float("-inf")
    return dt.datetime.fromisoformat(str(certificate["not_after"]).replace("Z", "+00:00")).timestamp() - now


def renewal_plan(
    names: t.Any, certificates: t.Sequence[Record], now: float, batch_size: t.Any = 1, within_days: t.Any = ""
) -> dict[str, t.Any]:
    """Return which certificates are renewed together, the most urgent first, and which are left alone.

    :arg certificates: C(certificates) of M(baremesh.edge.certificate_info), all that may be renewed.
    :arg now: seconds since the epoch.
    """
    by_name = {str(certificate["name"]): certificate for certificate in certificates}
    wish, _findings = read_wish(names, batch_size, within_days, list(by_name))
    chosen = [by_name[name] for name in wish.names if name in by_name]
    due = [c for c in chosen if wish.within_days is None or _seconds_left(c, now) <= wish.within_days * DAY]
    order = [str(c["name"]) for c in sorted(due, key=lambda c: _seconds_left(c, now))]
    return {
        "names": order,
        "batches": [order[start : start + wish.batch_size] for start in range(0, len(order), wish.batch_size)],
        "left": [f"{c['name']} is valid for {int(_seconds_left(c, now) // DAY)} days yet" for c in chosen if c not in due],
        "missing": [str(c["name"]) for c in chosen if c.get("state") == "Absent"],
    }


def renewal_proof(
    gateways: t.Sequence[Record],
    certificates: t.Sequence[Record],
    selector: Record,
    port: int,
    addresses: t.Sequence[str],
    address_port: int = 443,
    proxy_protocol: bool = False,
    proxies: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return what must be served after a renewal, and where.

    :arg gateways: manifests of the Gateways; those for other pods or on other ports are not looked at.
    :arg certificates: C(certificates) of M(baremesh.edge.certificate_wait).
    :arg proxy_protocol: whether the gateway expects a PROXY header at the addresses.
    :arg proxies: addresses of proxies in front that pass TLS on.
    :returns: C(serials) by server name, and C(endpoints): every server name at every address.
    """
    issued = {str(c["secret_name"]): str(c["serial"]) for c in certificates if c.get("serial")}
    serials: dict[str, str] = {}
    for gateway in gateways:
        spec = gateway.get("spec") or {}
        if dict(spec.get("selector") or {}) != dict(selector):
            continue
        for server in spec.get("servers") or []:
            name = (server.get("tls") or {}).get("credentialName")
            if name in issued and int((server.get("port") or {}).get("number") or 0) == port:
                serials.update({server_name(host): issued[name] for host in server.get("hosts") or []})
    direct = {"port": address_port, "proxy_protocol": True} if proxy_protocol else {"port": address_port}
    places = [{"address": address, **direct} for address in addresses] + [{"address": proxy, "port": 443} for proxy in proxies]
    return {"serials": serials, "endpoints": [{**place, "server_name": name} for name in serials for place in places]}


def _endpoint(record: Record) -> str:
    address = f"[{record['address']}]" if ":" in str(record["address"]) else str(record["address"])
    return f"{address}:{record['port']}"


def renewal_lines(before: t.Sequence[Record], after: t.Sequence[Record], served: t.Sequence[Record]) -> list[str]:
    """Return a line for each renewed certificate: serial number before and after, expiry, and where it was seen.

    :arg before: C(certificates) of M(baremesh.edge.certificate_renew).
    :arg after: C(certificates) of M(baremesh.edge.certificate_wait).
    :arg served: C(served) of M(baremesh.edge.sds_secret_info) and C(endpoints) of M(baremesh.edge.served_certificate_info).
    """
    old = {str(entry["name"]): str(entry["serial"] or "none") for entry in before}
    lines = []
    for certificate in after:
        places = [s for s in served if s["serial"] == certificate["serial"]]
        seen = [f"gateway pod {name}" for name in dict.fromkeys(str(s["pod"]) for s in places if "pod" in s)]
        seen += list(dict.fromkeys(_endpoint(s) for s in places if "address" in s))
        where = f"served by {', '.join(seen)}" if seen else "no gateway serves it"
        name, until = certificate["name"], str(certificate["not_after"]).replace("T", " ").replace("Z", " UTC")
        lines.append(f"{name}: {old.get(str(name), 'none')} -> {certificate['serial']}, valid until {until}, {where}")
    return lines


def gateway_restarts(before: t.Sequence[Record], after: t.Sequence[Record]) -> list[str]:
    """Return a sentence for each gateway pod that is not the one it was, its containers not restarted.

    :arg before: C(pods) of M(baremesh.edge.sds_secret_info), at the beginning.
    :arg after: the same, at the end. A pod that came meanwhile is no restart.
    """
    now = {str(pod["name"]): pod for pod in after}
    found = []
    for pod in before:
        name = str(pod["name"])
        if name not in now or now[name]["uid"] != pod["uid"]:
            found.append(f"Gateway pod {name} was replaced or removed while certificates were renewed.")
        elif now[name]["restarts"] != pod["restarts"]:
            times = int(now[name]["restarts"]) - int(pod["restarts"])
            found.append(f"Gateway pod {name} restarted {times} time(s) while certificates were renewed; its log tells why.")
    return found
