# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the TXT record of a DNS-01 challenge goes: the zone as cert-manager finds it, and whether all its servers have it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import dns
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.dns import Ask, DnsError, Exchange, records_of

_MOST_ALIASES = 8


def _alias(name: str, ask: Ask) -> str:
    """Return where a name points to, empty where it points nowhere."""
    return next((record.target for record in records_of(ask, name, dns.CNAME).of(dns.CNAME) if record.name == name), "")


def _zone(name: str, ask: Ask) -> str:
    """Return the zone in which a name is: the nearest parent that has an SOA record (cert-manager, pkg/issuer/acme/dns/util/wait.go).

    Raises:
        DnsError: what was asked cannot answer.
    """
    labels = name.split(".")
    for depth in range(len(labels)):
        zone = ".".join(labels[depth:])
        answer = records_of(ask, zone, dns.SOA)
        if answer.problem:
            raise DnsError(f"the SOA record of {zone} is answered by {answer.problem}")
        # An alias is no zone, whatever it points to.
        if any(record.name == zone for record in answer.of(dns.SOA)):
            return zone
    return ""


def _serial(zone: str, soa: dns.Record) -> int:
    if len(soa.data) < 20:
        raise DnsError(f"its SOA record of {zone} cannot be read")
    return int(struct.unpack_from("!I", soa.data, len(soa.data) - 20)[0])


def _server(name: str, zone: str, ask: Ask, timeout: float, send: Exchange) -> dict[str, Any]:
    """Ask one server of a zone whether it has it."""
    result: dict[str, Any] = {"name": name, "address": "", "serial": None, "problem": ""}
    try:
        found = [record.data for record in records_of(ask, name, dns.A).of(dns.A)]
        if not found or len(found[0]) != 4:
            return {**result, "problem": "it has no IPv4 address"}
        result["address"] = ".".join(map(str, found[0]))
        answer = records_of(lambda message: send(result["address"], message, timeout), zone, dns.SOA, 0)
        held = [record for record in answer.of(dns.SOA) if record.name == zone]
        if answer.problem or not (answer.authoritative and held):
            return {**result, "problem": f"it does not have the zone{f' ({answer.problem})' if answer.problem else ''}"}
        return {**result, "serial": _serial(zone, held[0])}
    except (DnsError, OSError, struct.error) as error:
        return {**result, "problem": str(error)}


class Delegations:
    """Looks for the zones of challenges. What it has found of a zone it does not ask again."""

    def __init__(self, timeout: float, send: Exchange = dns.exchange) -> None:
        self._timeout, self._send = timeout, send
        self._servers: dict[str, list[dict[str, Any]]] = {}

    def look(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Look for the zone of a challenge.

        Args:
            asked: C(name), the host that is proved, without the asterisk of a wildcard; C(follow), whether the record goes where a CNAME
                points to; C(resolvers), addresses to ask instead of the name servers of this host; C(servers), whether to ask those of the
                zone too.

        Returns:
            C(name); C(alias), where its challenge points to, empty for nowhere; C(zone), empty for none; C(servers) of the zone, each with
            its C(name), C(address), C(serial) and C(problem); and C(error), why there is no answer.
        """
        ask = dns.resolver(self._timeout, asked["resolvers"], self._send)
        result: dict[str, Any] = {"name": asked["name"], "alias": "", "zone": "", "servers": [], "error": ""}
        name = f"_acme-challenge.{asked['name']}".lower()
        try:
            alias = result["alias"] = _alias(name, ask)
            for _step in range(_MOST_ALIASES):
                if not (alias and asked["follow"]):
                    break
                name, alias = alias, _alias(alias, ask)
            zone = result["zone"] = _zone(name, ask)
            if zone and asked["servers"]:
                if zone not in self._servers:
                    names = [record.target for record in records_of(ask, zone, dns.NS).of(dns.NS)]
                    self._servers[zone] = [_server(each, zone, ask, self._timeout, self._send) for each in names]
                result["servers"] = self._servers[zone]
        except DnsError as error:
            result["error"] = str(error)
        return result
