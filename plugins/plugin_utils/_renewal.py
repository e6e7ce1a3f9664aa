# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewals: which certificates, how many at a time, and what was seen of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._report import place

Record = Mapping[str, Any]

DAY = 86400.0


@dataclass(frozen=True)
class Request:
    """What users ask for, read from texts of a survey or from YAML."""

    names: tuple[str, ...]
    batch_size: int
    within_days: float | None


def _names(given: Any) -> list[str]:
    """Return names from a list, or from text with commas, blanks or lines between them."""
    parts = given if isinstance(given, (list, tuple)) else [given or ""]
    return list(dict.fromkeys(name for part in parts for name in re.split(r"[\s,]+", str(part)) if name))


def read_request(names: Any, batch_size: Any, within_days: Any, known: Sequence[str]) -> tuple[Request, list[str]]:
    """Read the options of renewal_plan; returns the request, and a sentence for everything that is wrong with it."""
    findings = []
    chosen = _names(names)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        allowed = ", ".join(known) or "none, since no site has a certificate of its own"
        findings.append(f"renewal_names has {', '.join(unknown)}; it may have {allowed}.")
    size = str(batch_size).strip()
    if not re.fullmatch(r"[1-9][0-9]{0,2}|1000", size):
        findings.append(f"renewal_batch_size is '{size}'; it must be a number from 1 to 1000")
        size = "1"
    days = str("" if within_days is None else within_days).strip()
    if days and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", days):
        findings.append(f"renewal_within_days is '{days}'; it must be a number of days, or empty for all.")
        days = ""
    return Request(tuple(chosen or known), int(size), float(days) if days else None), findings


def _seconds_left(certificate: Record, now: float) -> float:
    """Return for how long a certificate is valid yet; one that was never issued is the most urgent."""
    if not certificate.get("not_after"):
        return float("-inf")
    return dt.datetime.fromisoformat(str(certificate["not_after"]).replace("Z", "+00:00")).timestamp() - now


def renewal_plan(
    names: Any,
    known: Sequence[str],
    certificates: Sequence[Record] | None = None,
    now: float = 0.0,
    batch_size: Any = 1,
    within_days: Any = "",
) -> dict[str, Any]:
    """The filter renewal_plan: which certificates are renewed, which of them together, and what is wrong with the request."""
    request, findings = read_request(names, batch_size, within_days, known)
    if certificates is None:
        summary = f"{', '.join(request.names)}, once there is a cluster." if request.names else "nothing."
        return {"findings": findings, "names": [], "batches": [], "left": [], "missing": [], "summary": summary}
    by_name = {str(certificate["name"]): certificate for certificate in certificates}
    chosen = [by_name[name] for name in request.names if name in by_name]
    due = [c for c in chosen if request.within_days is None or _seconds_left(c, now) <= request.within_days * DAY]
    order = [str(c["name"]) for c in sorted(due, key=lambda c: _seconds_left(c, now))]
    batches = [order[start : start + request.batch_size] for start in range(0, len(order), request.batch_size)]
    left = [f"{c['name']} is valid for {int(_seconds_left(c, now) // DAY)} days yet" for c in chosen if c not in due]
    kept = f" Left alone: {', '.join(left)}." if left else ""
    return {
        "findings": findings,
        "names": order,
        "batches": batches,
        "left": left,
        "missing": [str(c["name"]) for c in chosen if c.get("state") == "Absent"],
        "summary": f"{'; then '.join(map(', '.join, batches)) or 'nothing'}.{kept}",
    }


def renewal_lines(before: Sequence[Record], after: Sequence[Record], served: Sequence[Record]) -> list[str]:
    """The filter renewal_lines: for each renewed certificate its serial numbers, its expiry, and where it was seen."""
    old = {str(entry["name"]): str(entry["serial"] or "none") for entry in before}
    lines = []
    for certificate in after:
        seen = list(dict.fromkeys(place(entry) for entry in served if entry["serial"] == certificate["serial"]))
        where = f"served by {', '.join(seen)}" if seen else "no gateway serves it"
        name, until = certificate["name"], str(certificate["not_after"]).replace("T", " ").replace("Z", " UTC")
        lines.append(f"{name}: {old.get(str(name), 'none')} -> {certificate['serial']}, valid until {until}, {where}")
    return lines


def gateway_restarts(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """The filter gateway_restarts: a sentence for each gateway pod that is not the one it was, its containers not restarted."""
    now = {str(pod["name"]): pod for pod in after}
    found = []
    for pod in before:
        name = str(pod["name"])
        if name not in now or now[name]["uid"] != pod["uid"]:
            found.append(f"Gateway pod {name} was replaced or removed while certificates were renewed.")
        elif now[name]["restarts"] != pod["restarts"]:
            times = int(now[name]["restarts"]) - int(pod["restarts"])
            found.append(f"Gateway pod {name} restarted {times} time(s) while certificates were renewed; its log says why.")
    return found


def revocation_plan(plan: Record, names: Any) -> dict[str, list[str]]:
    """The filter revocation_plan: whose certificates are revoked, and what is wrong with the request."""
    known, sites = list(plan["certificate_names"]), {str(subject["name"]) for subject in plan["subjects"]}
    chosen, findings = _names(names), []
    allowed = ", ".join(known) or "none, since no site has a certificate of its own"
    if not chosen:
        findings.append(f"revoke_sites is empty; it must name whose certificates are revoked: {allowed}.")
    for name in (name for name in chosen if name not in known):
        if name in sites:
            findings.append(f"revoke_sites has {name}, whose certificate was not ordered here; only who ordered it can revoke it.")
        else:
            findings.append(f"revoke_sites has {name}; it may have {allowed}.")
    return {"findings": findings, "names": [name for name in chosen if name in known]}


def revocation_lines(certificates: Sequence[Record], reason: str) -> list[str]:
    """The filter revocation_lines: what became of each certificate, or would."""
    lines = []
    for entry in certificates:
        name, old, new = entry["name"], entry["serial"], entry["successor"]
        if entry["state"] == "revoked":
            lines.append(f"{name}: {old} is revoked ({reason}), the authority says so; {new} is served instead")
        elif entry["state"] == "done":
            lines.append(
                f"{name}: nothing to do, {old} is revoked and {new} is served instead. To revoke that as well, name it in revoke_serials"
            )
        else:
            lines.append(f"{name}: would revoke {old} ({reason}){' once another one is served' if entry['renew'] else f', {new} is there'}")
    return lines
