# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rate limits of ACME authorities: what they are, and whether orders would meet one.

A limit is a bucket, as in Let's Encrypt's server Boulder (ratelimits/gcra.go): it holds so many orders and is filled again at an even
rate, all of it in its period. An order for names for which there was a certificate before is a renewal. It counts among those for the same
names and asks whether validations failed, and is free of the other two limits (Boulder, ratelimits/transaction.go,
C(NewOrderLimitTransactions)). What cert-manager orders by ACME Renewal Information in the window that the authority names is free of all
limits; the runs of this collection renew outside of that window.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._certificate_rules import is_public_suffix
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import LIMITS

Record = Mapping[str, Any]

#: ConfigMap that role certificate keeps beside the gateway.
ORDERS = "edge-orders"
_ADVICE = "Orders of other clusters count too and are not known here; a certificate that is there is not ordered again."


def registered_domain(name: str) -> str:
    """Return the part of a name that its owner has registered, itself where that is not known; an address is its own."""
    labels = name.removeprefix("*.").rstrip(".").lower().split(".")
    if labels[-1].isdecimal() or ":" in name:
        return name
    for start in range(1, len(labels)):
        if is_public_suffix(".".join(labels[start:])):
            return ".".join(labels[start - 1 :])
    return ".".join(labels)


class _Bucket:
    """The orders that a limit allows, each at its time."""

    def __init__(self, limit: Mapping[str, int], used: Iterable[float], now: float) -> None:
        self._period, self._now = limit["hours"] * 3600.0, now
        self._each = self._period / limit["count"]
        self.used = sorted(used)
        self._full_at = 0.0
        for moment in self.used:
            self._spend(moment)

    def _spend(self, moment: float) -> None:
        self._full_at = max(self._full_at, moment) + self._each

    @property
    def next(self) -> float:
        """When one more is possible."""
        return self._full_at + self._each - self._period

    def take(self) -> None:
        """Count one more, now."""
        self.used.append(self._now)
        self._spend(self._now)

    @property
    def recent(self) -> int:
        """How many the last period has had."""
        return sum(moment > self._now - self._period for moment in self.used)


class _Judge:
    """What orders find at the limits of their authorities, one after the other."""

    def __init__(self, history: Sequence[Record], held: Iterable[Record], now: float) -> None:
        self._now, self._buckets = now, dict[tuple[str, ...], _Bucket]()
        self._history = [{**entry, "time": _seconds(entry["at"])} for entry in history]
        self._issued = [entry for entry in self._history if entry["state"] == "issued"]
        self._sets = {(str(entry["server"]), _key(entry["names"])) for entry in [*self._issued, *held]}
        # The first one for its names is new, unless it is a later revision of its Certificate.
        first = {(entry["server"], _key(entry["names"])): entry["uid"] for entry in reversed(self._issued)}
        new = [entry for entry in self._issued if first[entry["server"], _key(entry["names"])] == entry["uid"] and entry["revision"] < 2]
        self._new = [{**entry, "domains": {registered_domain(str(name)) for name in entry["names"]}} for entry in new]
        self._renewed = {entry["uid"] for entry in self._issued} - {entry["uid"] for entry in new}

    def order(self, issuer: Record, names: Sequence[str]) -> str:
        """Count an order; return why its authority would refuse it, empty where it would not."""
        limits, server, account = issuer["limits"], str(issuer["server"]), str(issuer["account"])
        key = _key(names)
        renews = (server, key) in self._sets
        asked: list[tuple[str, str, _Bucket]] = []
        if "same_names" in limits:
            used = (entry["time"] for entry in self._issued if entry["server"] == server and _key(entry["names"]) == key)
            asked.append(("same_names", f" ({', '.join(key)})", self._bucket(limits["same_names"], used, "same_names", server, *key)))
        if "domain" in limits and not renews:
            for domain in sorted(set(map(registered_domain, key))):
                used = (entry["time"] for entry in self._new if entry["server"] == server and domain in entry["domains"])
                asked.append(("domain", f" {domain}", self._bucket(limits["domain"], used, "domain", server, domain)))
        if "orders" in limits and not renews:
            used = (entry["time"] for entry in self._history if entry["account"] == account and entry["uid"] not in self._renewed)
            asked.append(("orders", "", self._bucket(limits["orders"], used, "orders", account)))
        for kind, what, bucket in [*asked, *self._failures(limits, account, key)]:
            if bucket.next > self._now:
                limit = limits[kind]
                return (
                    f"issuer '{issuer['name']}' limits {LIMITS[kind]}{what} to {limit['count']} in {limit['hours']} h; this cluster, with "
                    f"this run, has had {bucket.recent}, and the next is possible at {_text(bucket.next)}"
                )
        for _kind, _what, bucket in asked:
            bucket.take()
        self._sets.add((server, key))
        return ""

    def _failures(self, limits: Mapping[str, Mapping[str, int]], account: str, names: Sequence[str]) -> list[tuple[str, str, _Bucket]]:
        found = []
        for name in names if "failures" in limits else ():
            used = (entry["time"] for entry in self._history if entry["account"] == account and name in entry["failed_names"])
            found.append(("failures", f" {name}", self._bucket(limits["failures"], used, "failures", account, name)))
        return found

    def _bucket(self, limit: Mapping[str, int], used: Iterable[float], *key: str) -> _Bucket:
        if key not in self._buckets:
            self._buckets[key] = _Bucket(limit, used, self._now)
        return self._buckets[key]


def order_limits(plan: Record, due: Collection[str] | None, seen: Record | None, now: float) -> list[dict[str, Any]]:
    """The filter order_limits: the Certificates whose orders would meet a limit of their authority.

    Args:
        plan: What C(make_plan) returned.
        due: Names of the Certificates that will be ordered. None: those that are not ready for their names and their issuer.
        seen: What the module certificate_orders_info returned; None where there is no cluster yet.
        now: Seconds since 1970.

    Returns:
        An entry for each: C(namespace), C(name), C(cause), C(advice), and all of it as a C(line).
    """
    seen = seen or {"orders": [], "held": []}
    judge, found = _Judge(seen["orders"], seen["held"], now), []
    ready = {(each["namespace"], each["name"], each["account"], tuple(each["names"])) for each in seen["held"] if each["ready"]}
    for certificate in plan["certificates"]:
        metadata, spec = certificate["metadata"], certificate.get("spec") or {}
        issuer = plan["rate_limits"].get((spec.get("issuerRef") or {}).get("name"))
        names = [str(name).lower() for name in (*(spec.get("dnsNames") or ()), *(spec.get("ipAddresses") or ()))]
        if not issuer or (due is not None and metadata["name"] not in due):
            continue
        if due is None and (metadata["namespace"], metadata["name"], issuer["account"], _key(names)) in ready:
            continue
        if cause := judge.order(issuer, names):
            line = f"{metadata['name']}: {cause}. {_ADVICE}"
            found.append({"namespace": metadata["namespace"], "name": metadata["name"], "cause": cause, "advice": [_ADVICE], "line": line})
    return found


def _key(names: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({str(name).lower() for name in names}))


def _seconds(text: Any) -> float:
    return dt.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()


def _text(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
