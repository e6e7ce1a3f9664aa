# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has ordered from ACME servers, from what it holds and what was noted of it before.

cert-manager forgets: without C(revisionHistoryLimit) it keeps the CertificateRequest of the last revision alone (cert-manager 1.21,
revisionmanager_controller.go), a failed one goes when the next attempt begins (requestmanager_controller.go), and all of them go with
their Certificate. So each run that orders notes what is there. A higher limit would keep neither failed orders nor those of a Certificate
that is deleted and made again, which is how limits are met most often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import (
    REVISION_ANNOTATION,
    Json,
    annotations_of,
    condition,
    is_current,
    issuer_ref,
    name_of,
    namespace_of,
    owner_uid,
    status_of,
    uid_of,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import iso_wall, parse_time
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number

#: Seconds for which an order is remembered, a day longer than the longest limit.
KEPT = 8 * 86400.0
#: Orders in one ConfigMap, of which each takes some 400 bytes of the 1 MiB that it may have.
MOST = 2000
# How an Order has ended, for those that no longer change.
_ENDS = {"valid": "issued", "invalid": "failed"}


class Cluster:
    """Objects of a cluster that say what it has ordered."""

    def __init__(self, orders: Iterable[Json], challenges: Iterable[Json], certificates: Iterable[Json], issuers: Iterable[Json]) -> None:
        self._orders, self._certificates = list(orders), list(certificates)
        self._issuers = {_account(each["kind"], namespace_of(each), name_of(each)): each for each in issuers}
        self._failed: dict[str, list[str]] = {}
        for challenge in challenges:
            if status_of(challenge).get("state") == "invalid":
                spec = challenge.get("spec") or {}
                name = f"*.{spec.get('dnsName')}" if spec.get("wildcard") else str(spec.get("dnsName"))
                self._failed.setdefault(owner_uid(challenge), []).append(name)

    def history(self, noted: Iterable[Mapping[str, Any]], wall: float) -> list[dict[str, Any]]:
        """All orders of the last days, the first one first, with those that were noted before.

        Each has C(uid), C(at) (a time as Kubernetes writes it), C(server) (the ACME directory), C(account) (the issuer), C(names), C(state)
        (C(issued), C(failed) or C(open)), C(failed_names), C(certificate) (namespace and name) and C(revision).
        """
        known = {str(entry["uid"]): dict(entry) for entry in noted}
        for entry in filter(None, map(self._entry, self._orders)):
            # The issuer may have another server by now.
            before = known.get(entry["uid"]) or entry
            known[entry["uid"]] = {**entry, "server": before["server"]}
        for certificate in self._certificates:
            known.update((entry["uid"], entry) for entry in self._forgotten(certificate, list(known.values())))
        recent = [entry for entry in known.values() if _seconds(entry["at"]) > wall - KEPT]
        return sorted(recent, key=lambda entry: (entry["at"], entry["uid"]))[-MOST:]

    def held(self) -> list[dict[str, Any]]:
        """Certificates that were issued: C(namespace), C(name), C(server), C(names), and whether they are C(ready)."""
        found = []
        for certificate in self._certificates:
            account, ready = self._account_of(certificate), condition(certificate, "Ready") or {}
            if status_of(certificate).get("notAfter"):
                found.append(
                    {
                        "namespace": namespace_of(certificate),
                        "name": name_of(certificate),
                        "account": account,
                        "server": self._server(account),
                        "names": _names(certificate),
                        "ready": ready.get("status") == "True" and is_current(certificate, ready),
                    }
                )
        return found

    def _server(self, account: str) -> str:
        return str((((self._issuers.get(account) or {}).get("spec") or {}).get("acme") or {}).get("server") or "")

    @staticmethod
    def _account_of(found: Json) -> str:
        reference = issuer_ref(found)
        return _account(reference["kind"], namespace_of(found), reference["name"])

    def _entry(self, order: Json) -> dict[str, Any] | None:
        """What is noted of an Order; None for one that its server does not know, or whose server is not known."""
        status, account, at = status_of(order), self._account_of(order), (order.get("metadata") or {}).get("creationTimestamp")
        if not (status.get("url") and self._server(account) and parse_time(at)):
            return None
        state, annotations = _ENDS.get(str(status.get("state") or ""), "open"), annotations_of(order)
        return {
            "uid": uid_of(order),
            # A validation counts when it fails.
            "at": str(status.get("failureTime") or at) if state == "failed" else str(at),
            "server": self._server(account),
            "account": account,
            "names": _names(order),
            "state": state,
            "failed_names": (sorted(set(self._failed.get(uid_of(order), ()))) or _names(order)) if state == "failed" else [],
            "certificate": f"{namespace_of(order)}/{annotations.get('cert-manager.io/certificate-name', '')}",
            "revision": whole_number(annotations.get(REVISION_ANNOTATION)) or 0,
        }

    def _forgotten(self, certificate: Json, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Issuances that the revision of a Certificate counts and of which there is no Order, evenly between those before and after."""
        account, whose = self._account_of(certificate), f"{namespace_of(certificate)}/{name_of(certificate)}"
        server, status = self._server(account), status_of(certificate)
        last = int(status.get("revision") or 0)
        made, ended = _seconds((certificate.get("metadata") or {}).get("creationTimestamp")), _seconds(status.get("notBefore"))
        if not server:
            return []
        own = [entry for entry in known if entry["certificate"] == whose and entry["state"] == "issued" and _seconds(entry["at"]) >= made]
        times = {int(entry["revision"]): _seconds(entry["at"]) for entry in own}
        times.setdefault(1, made)
        times.setdefault(last, max(ended, *times.values()))
        seen = {int(entry["revision"]) for entry in own}
        marks = sorted(times)
        return [
            {
                "uid": f"{uid_of(certificate)}/{number}",
                "at": iso_wall(_between(number, marks, times)),
                "server": server,
                "account": account,
                "names": _names(certificate),
                "state": "issued",
                "failed_names": [],
                "certificate": whose,
                "revision": number,
            }
            # The others are older, and no history has more.
            for number in range(max(1, last + 1 - MOST), last + 1)
            if number not in seen
        ]


def _between(number: int, marks: list[int], times: Mapping[int, float]) -> float:
    """The time of a revision, as far between those of its neighbours as its number is."""
    low, high = max(mark for mark in marks if mark <= number), min(mark for mark in marks if mark >= number)
    return times[low] + (times[high] - times[low]) * (number - low) / max(1, high - low)


def _account(kind: str, namespace: str, name: str) -> str:
    return f"{kind}/{name}" if kind == "ClusterIssuer" else f"{kind}/{namespace}/{name}"


def _names(found: Mapping[str, Any]) -> list[str]:
    spec = found.get("spec") or {}
    return sorted({str(name).lower() for key in ("dnsNames", "ipAddresses") for name in spec.get(key) or ()})


def _seconds(text: Any) -> float:
    moment = parse_time(text)
    return moment.timestamp() if moment else 0.0
