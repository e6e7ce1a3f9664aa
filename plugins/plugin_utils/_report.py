# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of the sites that a person reads at the end of a run.

Private to baremesh.edge: other collections must not import it, it changes without notice.
"""

from __future__ import annotations

import typing as t

Record = t.Mapping[str, t.Any]


def _when(timestamp: str | None) -> str:
    """Return an RFC 3339 time in UTC as people read it, without seconds that are zero: C(2027-02-19 08:00 UTC)."""
    if not timestamp:
        return "unknown"
    return timestamp.replace("T", " ").replace("Z", " UTC").replace(":00 UTC", " UTC")


def _differing(records: t.Iterable[Record], serial: str, place: str) -> list[str]:
    """Say of each record that does not serve O(serial) what it does instead."""
    found = []
    for record in records:
        where = place.format(**record)
        if not record.get("serial"):
            found.append(f"{where} serves no certificate ({record.get('detail') or record.get('error') or 'no answer'})")
        elif record["serial"] != serial:
            found.append(f"{where} serves serial {record['serial']}, the Secret holds {serial}")
    return found


def site_problems(certificate: Record | None, pods: t.Sequence[Record], endpoints: t.Sequence[Record]) -> list[str]:
    """Return what keeps a site from being proved, deepest reason first; an empty list when all agree."""
    if certificate is None:
        return ["its Certificate does not exist"]
    problems = [] if certificate["ready"] else [certificate["cause"] or "its Certificate is not ready"]
    serial = certificate.get("serial")
    if not serial:
        return problems or ["its Secret holds no certificate"]
    if not pods:
        problems.append("no gateway pod answered")
    problems += _differing(pods, serial, "gateway pod {pod}")
    if not endpoints:
        problems.append("no host port was looked at")
    problems += _differing(endpoints, serial, "{address}:{port}")
    return problems


def _site_lines(site: Record, certificate: Record | None, pods: t.Sequence[Record], endpoints: t.Sequence[Record]) -> list[str]:
    problems = site_problems(certificate, pods, endpoints)
    state = "served" if not problems else "NOT PROVED"
    lines = [f"{site['name']}: {state}: {' '.join('https://%s/' % host for host in site['hosts'])}"]
    lines += [f"  problem       {problem}" for problem in problems]
    if certificate is not None and certificate.get("serial"):
        lines += [
            f"  issuer        {site['issuer']}",
            f"  serial        {certificate['serial']}",
            f"  not after     {_when(certificate.get('not_after'))}",
            f"  renewal       {_when(certificate.get('renewal_time'))}",
        ]
    lines += [f"  gateway pod   {pod['pod']} serves {pod.get('serial') or 'nothing'}" for pod in pods]
    lines += [
        f"  host port     {endpoint['address']}:{endpoint['port']} serves {endpoint.get('serial') or 'nothing'}" for endpoint in endpoints
    ]
    return lines


def site_report(
    sites: t.Sequence[Record],
    certificates: t.Sequence[Record],
    pods: t.Sequence[Record],
    endpoints: t.Sequence[Record],
) -> dict[str, t.Any]:
    """Join what was seen of each site.

    :arg sites: entries of C(edge_sites): name, hosts, issuer.
    :arg certificates: C(certificates) of M(baremesh.edge.certificate_info).
    :arg pods: C(pods) of M(baremesh.edge.sds_secret_info): pod, sni, serial, detail.
    :arg endpoints: C(endpoints) of M(baremesh.edge.served_certificate_info): address, port, server_name, serial, error.
    :returns: C(lines) for people, C(problems) as one sentence each that starts with the site's name.
    """
    by_name = {certificate["name"]: certificate for certificate in certificates}
    lines: list[str] = []
    problems: list[str] = []
    for site in sites:
        certificate = by_name.get(site["name"])
        if certificate is not None and certificate.get("state") == "Absent":
            certificate = None
        of_site = (
            certificate,
            [pod for pod in pods if pod.get("sni") in site["hosts"]],
            [endpoint for endpoint in endpoints if endpoint["server_name"] in site["hosts"]],
        )
        lines += _site_lines(site, *of_site)
        problems += [f"{site['name']}: {problem}" for problem in site_problems(*of_site)]
    return {"lines": lines, "problems": problems}


def phase_times(marks: t.Sequence[Record], end: float) -> list[str]:
    """Return a line per phase with its seconds, and one with their sum.

    :arg marks: C(phase) and C(at) (seconds since the epoch), in order; a phase lasts until the next one's mark.
    :arg end: seconds since the epoch at which the last phase ended.
    """
    if not marks:
        return []
    ends = [float(mark["at"]) for mark in marks[1:]] + [end]
    lines = [f"{mark['phase']:<14}{finish - float(mark['at']):6.1f} s" for mark, finish in zip(marks, ends, strict=True)]
    return [*lines, f"{'all':<14}{end - float(marks[0]['at']):6.1f} s"]
