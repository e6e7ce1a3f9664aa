# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as files: a page for people, JSON, and metrics for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from ansible_collections.baremesh.edge.plugins.plugin_utils._report import moment, when

Record = Mapping[str, Any]
_Sample = tuple[str, dict[str, Any], float]

_TEMPLATE = Path(__file__).with_name("_report_page.html.j2")
# Names and meanings by the conventions of Prometheus; all are gauges.
METRICS = {
    "report_timestamp_seconds": "When the report was made.",
    "problems": "How many things are not as they should be.",
    "site_served": "Whether everything serves what the Secrets of a site hold, or takes connections where TLS passes through.",
    "certificate_expiry_timestamp_seconds": "When the certificate in a Secret of a site ends.",
    "certificate_renewal_timestamp_seconds": "When cert-manager will renew the certificate in a Secret of a site.",
    "gateway_pod_served": "Whether a gateway pod serves what the Secrets of a site hold.",
    "host_port_served": "Whether a host port serves what the Secrets of a site hold, or takes connections where TLS passes through.",
    "backend_endpoints": "Endpoints of a Service to which requests for a site go.",
    "backend_endpoints_healthy": "Those of them to which the gateway sends requests.",
    "way_out_open": "Whether all ways out of a namespace are open.",
}
# Bars of the time line, the last of which holds all that comes later, and the longest time that it shows.
_BARS = 30
_LONGEST = timedelta(days=360)


def report_files(facts: Record, html: str = "", json_file: str = "", metrics: str = "") -> dict[str, Any]:
    """The filter report_files: what to write where, and a digest that stands in each file and changes with all but the time."""
    digest = hashlib.sha256(json.dumps({**facts, "seen_at": ""}, sort_keys=True).encode()).hexdigest()
    made = {html: _page, json_file: _json, metrics: _metrics}
    return {"digest": digest, "contents": {path: make(facts, f"sha256:{digest}") for path, make in made.items() if path}}


def _json(facts: Record, digest: str) -> str:
    return json.dumps({**facts, "digest": digest}, indent=1) + "\n"


def _samples(facts: Record) -> Iterator[_Sample]:
    yield "report_timestamp_seconds", {}, _seconds(facts["seen_at"]) or 0
    yield "problems", {}, len(facts["problems"])
    for site in facts["sites"]:
        labels = {"site": site["name"], "namespace": site["namespace"]}
        yield "site_served", labels, not site["problems"]
        for held in site["certificates"]:
            for name, key in (("expiry", "not_after"), ("renewal", "renewal_time")):
                seconds = _seconds(held[key])
                if seconds is not None:
                    yield f"certificate_{name}_timestamp_seconds", {**labels, "secret": held["secret"]}, seconds
        for pod in site["pods"]:
            yield "gateway_pod_served", {**labels, "pod": pod["pod"], "server_name": pod["server_name"]}, pod["right"]
        for port in site["host_ports"]:
            place = {key: port[key] for key in ("address", "port", "server_name")}
            yield "host_port_served", {**labels, **place}, port["right"]
        for backend in site["backends"] or ():
            service = {**labels, "service": backend["service"]}
            yield "backend_endpoints", service, len(backend["endpoints"])
            yield "backend_endpoints_healthy", service, backend["healthy"]
    for way in facts["ways_out"]:
        yield "way_out_open", {"namespace": way["namespace"]}, not way["cause"]


def _seconds(text: Any) -> int | None:
    found = moment(text)
    return int(found.timestamp()) if found else None


def _metrics(facts: Record, digest: str) -> str:
    """Return the text format of Prometheus. Subjects of one name, such as servers of a raw Gateway, are one series: the worst counts."""
    series: dict[str, dict[str, float]] = {name: {} for name in METRICS}
    for name, labels, value in _samples(facts):
        text = ",".join(f'{key}="{_label(each)}"' for key, each in labels.items())
        series[name][text] = min(value, series[name].get(text, value))
    lines = [f"# baremesh.edge {digest}"]
    for name, values in series.items():
        lines += [f"# HELP baremesh_edge_{name} {METRICS[name]}", f"# TYPE baremesh_edge_{name} gauge"] if values else []
        lines += [f"baremesh_edge_{name}{f'{{{text}}}' if text else ''} {int(value)}" for text, value in values.items()]
    return "\n".join([*lines, ""])


def _label(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _page(facts: Record, digest: str) -> str:
    # Ansible's own templates do not escape, and names and causes come from outside.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    now = moment(facts["seen_at"]) or datetime.now(timezone.utc)
    environment.filters.update(
        when=when,
        bare=lambda service: re.sub(r"\.svc\.[^:]*", "", str(service)),
        left=lambda text: _left(text, now),
        life=lambda held: _life(held, now),
        short=lambda serial: f"\u2026{str(serial)[-8:]}" if len(str(serial)) > 9 else str(serial),
        linked=lambda address: str(address).startswith("https://") and "*" not in str(address),
    )
    sites = sorted(enumerate(facts["sites"]), key=lambda each: not each[1]["problems"])
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        facts, digest=digest, numbered=sites, time_line=_time_line(facts["sites"], now)
    )
    # Right whatever a server says of its encoding.
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _left(text: Any, now: datetime) -> str:
    """Return how long it is until then, in words."""
    end = moment(text)
    if end is None:
        return ""
    hours = int(abs(end - now).total_seconds() // 3600)
    size = f"{hours // 24} days" if hours >= 48 else "1 hour" if hours == 1 else f"{hours} hours"
    return f"ended {size} ago" if end <= now else f"{size} left"


def _life(held: Record, now: datetime) -> dict[str, float] | None:
    """Return how much of the life of a certificate has gone, and when in it the renewal comes, in percent."""
    start, end, renewal = (moment(held[key]) for key in ("not_before", "not_after", "renewal_time"))
    if not start or not end or start >= end:
        return None
    gone, renewed = (round(100 * min(max((at - start) / (end - start), 0), 1), 1) for at in (now, renewal or end))
    return {"gone": gone, "renewal": renewed}


def _time_line(sites: Sequence[Record], now: datetime) -> dict[str, Any]:
    """Return the bars of what ends and what is renewed when, in percent of the width and of the height, and the days of the axis."""
    held = {(site["namespace"], each["secret"]): each for site in sites for each in site["certificates"]}
    times = {key: [at for each in held.values() if (at := moment(each[key]))] for key in ("not_after", "renewal_time")}
    if not times["not_after"]:
        return {}
    span = max(min(max(times["not_after"]) - now, _LONGEST), timedelta(days=1)) * 1.0001
    counts = {key: Counter(min(max(int((at - now) / span * _BARS), 0), _BARS - 1) for at in found) for key, found in times.items()}
    most = max(count for each in counts.values() for count in each.values())
    step = 100 / _BARS
    days = [(now + span * number / 4).strftime("%Y-%m-%d") for number in range(5)]
    if max(times["not_after"]) > now + span:
        days[-1] = "later"
    return {
        "bars": {
            key: [(round(place * step, 2), count, round(46 * count / most, 1)) for place, count in sorted(found.items())]
            for key, found in counts.items()
        },
        "width": round(step * 0.8, 2),
        "days": [(25 * number, day) for number, day in enumerate(days)],
        "first": min(times["not_after"]).strftime("%Y-%m-%d"),
        "count": len(times["not_after"]),
    }
