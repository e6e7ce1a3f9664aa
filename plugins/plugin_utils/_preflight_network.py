# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges what C(preflight_info) saw of the network: DNS, CAA records, ACME servers and downloads. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Union

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._masking import printable
from ansible_collections.baremesh.edge.plugins.module_utils._net.digests import checksum_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._certificate_rules import is_known_suffix
from ansible_collections.baremesh.edge.plugins.plugin_utils._preflight import Facts, Findings

_CAA_TAGS = ("issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone")

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
# Addresses that the internet does not reach.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10"),
    )
)


def is_private(address: _Address) -> bool:
    """Return whether the internet does not reach an address."""
    return any(address in network for network in _PRIVATE)


def _own_record(ours: Iterable[_Address], version: int) -> str:
    """Return where the record of a name may point to: never to a private address, which only those inside would reach."""
    chosen = sorted((address for address in ours if address.version == version), key=int)
    public = ", ".join(str(address) for address in chosen if not is_private(address))
    private = ", ".join(str(address) for address in chosen if is_private(address))
    if public or not private:
        return public or "a host (none has such an address now)"
    return f"the public address that is forwarded to them, and set edge_addresses to it (of them only the private {private} is known)"


def _advice(kind: str, wrong: Iterable[_Address], ours: Iterable[_Address], version: int) -> str:
    """Return what helps against a record that points elsewhere: what is written down here may be what is wrong."""
    elsewhere = sorted(wrong, key=int)
    known = [address for address in ours if address.version == version]
    if known and all(is_private(address) for address in known) and not any(is_private(address) for address in elsewhere):
        public, private = ", ".join(map(str, elsewhere)), ", ".join(map(str, sorted(known, key=int)))
        return (
            f"if a router or load balancer forwards {public} to them, set edge_address of the host to it (or edge_addresses; only the "
            f"private {private} is known), if a proxy does, set edge_proxy_addresses; else correct the {kind} record"
        )
    return f"let the {kind} record point to {_own_record(known, version)}, or set edge_proxy_addresses if a proxy forwards to them"


def judge_families(where: str, sites: Sequence[Facts], resolved: Mapping[str, Facts], addresses: Iterable[str], found: Findings) -> None:
    """Judge names that point to an IPv6 address of the hosts, for a cluster that has IPv4 only: nothing answers there.

    Browsers fall back to IPv4 after a while, an ACME authority does not if something refuses the connection.
    """
    ours = {ipaddress.ip_address(address) for address in addresses}
    for entry in sites:
        answer = resolved.get(entry["host"]) or {}
        silent = sorted(address for address in answer.get("aaaa", ()) if ipaddress.ip_address(address.split("%")[0]) in ours)
        if silent:
            (found.error if entry["acme"] else found.warn)(
                where,
                f"host {entry['host']} of site {entry['site']} points to {', '.join(silent)} (AAAA), where nothing will answer: the "
                "cluster has no IPv6, as cluster-cidr in k3s_server_config names none",
                "remove the AAAA record, or give cluster-cidr and service-cidr both families before K3s is installed",
            )


def judge_hosts(where: str, addresses: Iterable[str], resolved: Mapping[str, Facts], found: Findings) -> None:
    """Judge whether the hosts can be asked for their sites under the names that the inventory gives them, which SSH alone may know."""
    for name in dict.fromkeys(addresses):
        answer = resolved.get(name)
        if answer is not None and not answer["a"] and not answer["aaaa"]:
            found.error(
                where,
                f"{name}, by which the inventory knows a host, has no address here ({answer['error'] or 'no record'}), so that what it "
                "serves cannot be proved",
                "set edge_address of that host (or ansible_host) to an address, or edge_addresses to those of all hosts",
            )


def judge_dns(
    where: str,
    sites: Sequence[Facts],
    resolved: Mapping[str, Facts],
    addresses: Iterable[str],
    found: Findings,
    inside: Iterable[str] = (),
) -> None:
    """Judge whether the names of the sites point to the hosts.

    Args:
        where: Host on which they were looked up.
        sites: Entries of host, site and acme, the latter true if an authority will look the name up; with addresses where
            the gateway of the site has its own.
        resolved: What each name resolves to there.
        addresses: What names may point to where their entry has no addresses.
        found: Takes the findings.
        inside: Addresses of the hosts themselves. A resolver inside may answer with a private one of them, and with others outside.
    """
    common = frozenset(map(ipaddress.ip_address, addresses))
    # A name may be on several gateways, for clients inside and outside for example.
    allowed: dict[str, frozenset[_Address]] = {}
    for entry in sites:
        own = frozenset(map(ipaddress.ip_address, entry.get("addresses") or ()))
        allowed[entry["host"]] = allowed.get(entry["host"], frozenset()) | (own or common)
    private = {address for address in map(ipaddress.ip_address, inside) if is_private(address)}
    for entry in sites:
        answer = resolved.get(entry["host"])
        if answer is None:
            continue
        ours = allowed[entry["host"]]
        shortcuts = private - ours
        report = found.error if entry["acme"] else found.warn
        what = f"host {entry['host']} of site {entry['site']}"
        if answer["error"]:
            report(where, f"{what} cannot be looked up ({answer['error']})", "check the resolvers of this host and the name's DNS zone")
            continue
        if not answer["a"] and not answer["aaaa"]:
            report(where, f"{what} has no address in DNS", f"create an A record that points to {_own_record(ours, 4)}")
            continue
        for kind, key, version in (("A", "a", 4), ("AAAA", "aaaa", 6)):
            elsewhere = {ipaddress.ip_address(address.split("%")[0]) for address in answer[key]} - ours
            direct = ", ".join(map(str, sorted(elsewhere & shortcuts, key=int)))
            wrong = elsewhere - shortcuts
            if direct:
                found.warn(
                    where,
                    f"{what} points to {direct} ({kind}) here, a private address of the hosts",
                    f"outside it must point to {', '.join(map(str, sorted(ours, key=lambda address: (address.version, int(address)))))}",
                )
            if wrong:
                listed = ", ".join(map(str, sorted(wrong, key=int)))
                report(where, f"{what} points to {listed} ({kind}), which is none of the hosts", _advice(kind, wrong, ours, version))


def _meta(server: str, fetched: Mapping[str, Facts]) -> Facts:
    """Return what an ACME directory says of its authority, empty where it says nothing."""
    try:
        said = parse_json((fetched.get(printable(server)) or {}).get("body") or "{}")["meta"]
    except (ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, Mapping) else {}


def _identities(entry: Facts, fetched: Mapping[str, Facts]) -> list[str]:
    """Return the names by which CAA records allow an authority: what its directory says, or else what is known of it."""
    said = _meta(entry["server"], fetched).get("caaIdentities")
    return [str(name).lower() for name in said] if isinstance(said, list) and said else list(entry["identities"])


def _allows(value: str, identities: Sequence[str], methods: Sequence[str]) -> bool:
    """Return whether the value of a property names an authority, and a way that an issuer goes."""
    domain, *parameters = (part.strip() for part in value.split(";"))
    given = dict(part.partition("=")[::2] for part in parameters)
    allowed = [method.strip() for method in given.get("validationmethods", "").split(",") if method.strip()]
    return domain.lower().rstrip(".") in identities and (not allowed or not methods or bool(set(allowed) & set(methods)))


def judge_caa(where: str, entries: Sequence[Facts], seen: Mapping[str, Facts], fetched: Mapping[str, Facts], found: Findings) -> None:
    """Judge whether CAA records let the authorities issue.

    Args:
        where: Host on which they were looked up.
        entries: Names that public authorities are asked to certify: host, site, server, identities and methods.
        seen: What was found, by name.
        fetched: ACME directories, which may say by which names CAA records allow them.
        found: Takes the findings.
    """
    for entry in entries:
        answer = seen.get(entry["host"])
        if answer is None:
            continue
        what = f"host {entry['host']} of site {entry['site']}"
        if answer["error"]:
            found.warn(
                where,
                f"the CAA records that hold for {what} cannot be looked up at {answer['at']} ({answer['error']})",
                "an authority that cannot look them up either does not issue; check the name servers of that domain",
            )
            continue
        wild = [record for record in answer["records"] if record["tag"] == "issuewild"] if entry["host"].startswith("*.") else []
        asked = wild or [record for record in answer["records"] if record["tag"] == "issue"]
        critical = [record["tag"] for record in answer["records"] if record["critical"] and record["tag"] not in _CAA_TAGS]
        if critical:
            found.error(
                where,
                f"{what}: the CAA records of {answer['at']} have the critical property '{critical[0]}', which authorities do not know",
                "let its flags be 0, or remove it",
            )
        identities = _identities(entry, fetched)
        if asked and not any(_allows(record["value"], identities, entry["methods"]) for record in asked):
            values = ", ".join(f'{record["tag"]} "{record["value"]}"' for record in asked)
            found.error(
                where,
                f"{what}: the CAA records of {answer['at']} ({values}) do not let {' or '.join(identities)} issue "
                f"by {' or '.join(entry['methods']) or 'any method'}",
                f'add CAA 0 {asked[0]["tag"]} "{identities[0]}" there, or name another issuer',
            )


# What is wrong with a TSIG key, by what name servers say of it.
_REFUSED_KEYS = {
    "BADKEY": ("does not know the key by that name and algorithm", "correct key_name and algorithm of the solver, or add the key there"),
    "BADSIG": ("has another secret for that key", "correct the token of the solver"),
    "BADTIME": ("has another time", "correct the clock of this host or of the name server"),
}


def judge_dns01(where: str, answers: Iterable[Facts], found: Findings) -> None:
    """Judge whether name servers take the keys of DNS-01 solvers; what else they refuse they may take from cert-manager."""
    for answer in answers:
        what = f"name server {answer['server']} of a DNS-01 solver for zone {answer['zone']}"
        if answer["refusal"] in _REFUSED_KEYS:
            problem, helps = _REFUSED_KEYS[answer["refusal"]]
            found.error(where, f"{what} {problem} ({answer['refusal']})", helps)
        elif answer["error"]:
            found.warn(where, f"{what} cannot be asked ({answer['error']})", "let the cluster reach its port 53, by UDP and TCP")
        elif not answer["at"]:
            found.warn(where, f"{what} does not say that it has the zone", "correct nameserver or zones of the solver if it has not")
        elif answer["refusal"]:
            found.warn(
                where, f"{what} does not take an update of {answer['at']} ({answer['refusal']})", "let it take updates with that key"
            )


def judge_challenges(where: str, entries: Iterable[Facts], seen: Mapping[str, Facts], keys: Iterable[Facts], found: Findings) -> None:
    """Judge whether the TXT records of DNS-01 get where the authority looks.

    Args:
        where: Host on which their zones were looked for.
        entries: Hosts that are proved by DNS-01: host, site, whether the solver follows a CNAME, and whether it may write elsewhere anyway.
        seen: What was found, by host.
        keys: What name servers say of TSIG keys. They have zones of which others may not know.
        found: Takes the findings.
    """
    held = {str(key["at"]) for key in keys if key["at"]}
    for entry in entries:
        answer = seen.get(entry["host"])
        if answer is None:
            continue
        name = f"_acme-challenge.{entry['host']}"
        what, zone = f"{name} of site {entry['site']}", answer["zone"]
        if answer["alias"] and not (entry["follow"] or entry["elsewhere"]):
            found.warn(
                where,
                f"{what} is a CNAME to {answer['alias']}, and its solver writes at the name itself, where the authority does not look",
                "set follow_cname: true of the solver, or remove the CNAME",
            )
        if entry["elsewhere"]:
            continue
        if answer["error"]:
            found.warn(
                where,
                f"the zone of {what} cannot be found ({answer['error']})",
                "check that its parent names servers that have the zone, or set cert_manager_dns01_recursive_nameservers",
            )
            continue
        deeper = [at for at in held if f".{entry['host']}".endswith(f".{at}") and at != zone and f".{at}".endswith(f".{zone}")]
        if not zone or is_known_suffix(zone) or (deeper and not answer["alias"]):
            found.error(
                where,
                f"{what} is in no zone of yours: {zone or 'the root'} delegates none that it is in",
                f"let {zone or 'the registrar'} name the servers of {max(deeper, key=len) if deeper else 'your zone'}, or correct the host",
            )
        _judge_servers(where, zone, answer["servers"], found)


def _judge_servers(where: str, zone: str, servers: Sequence[Facts], found: Findings) -> None:
    """Judge whether all servers of a zone have it, since cert-manager waits until each shows a record."""
    for server in (server for server in servers if server["problem"]):
        found.warn(
            where,
            f"name server {server['name']}{' at ' + server['address'] if server['address'] else ''} of zone {zone}: {server['problem']}",
            "let the zone and its parent name servers that have it; cert-manager waits until each shows the record of a challenge",
        )
    serials = {server["serial"]: server["name"] for server in servers if server["serial"] is not None}
    if len(serials) > 1:
        shown = ", ".join(f"{serial} at {name}" for serial, name in sorted(serials.items()))
        found.warn(
            where,
            f"name servers of zone {zone} have different versions of it ({shown})",
            "let all follow the primary one; cert-manager waits until each shows the record of a challenge",
        )


def judge_acme(where: str, issuers: Sequence[Facts], fetched: Mapping[str, Facts], found: Findings) -> None:
    """Judge whether the ACME directories answer. C(issuers) are entries of name and server."""
    for issuer in issuers:
        answer = fetched.get(printable(issuer["server"]))
        # Without that of staging nothing is ordered, and certificates that are there are served.
        report = found.warn if issuer.get("trial") else found.error
        what = f"the ACME server {issuer['server']} of issuer {issuer['name']}"
        if answer is None or (answer["status"] == 200 and "newOrder" in answer["body"]):
            _judge_account(where, what, issuer, _meta(issuer["server"], fetched), found)
            continue
        if answer["status"] == 200:
            report(where, f"{what} answers, but not with an ACME directory", "correct the server in cert_manager_issuers")
        elif "not trusted" in answer["error"]:
            report(where, f"{what} cannot be used, {answer['error']}", "set the ca_bundle of the issuer in cert_manager_issuers")
        else:
            report(
                where,
                f"{what} does not answer ({answer['error']})",
                "let the hosts reach it, or "
                + ("set certificate_staging_first: false" if issuer.get("trial") else "correct the server in cert_manager_issuers"),
            )


def _judge_account(where: str, what: str, issuer: Facts, meta: Facts, found: Findings) -> None:
    """Judge what an ACME directory asks of accounts and orders."""
    if issuer.get("refused_email") and not issuer.get("trial"):
        found.error(
            where,
            f"{what} refuses accounts with the contact {issuer['refused_email']}",
            "let edge_email, or email of the issuer in cert_manager_issuers, be an address of yours, or leave it out",
        )
    profiles, profile = meta.get("profiles"), issuer.get("profile")
    if profile and isinstance(profiles, Mapping) and profile not in profiles:
        found.error(where, f"{what} has no profile '{profile}'", f"let profile be one of {', '.join(profiles)}, or leave it out")
    if meta.get("externalAccountRequired") is True and not issuer.get("external_account"):
        found.error(
            where,
            f"{what} takes accounts only that are bound to one of its customers",
            "set external_account of the issuer in cert_manager_issuers, with what the authority gave you",
        )


def judge_release(where: str, release: Facts, fetched: Mapping[str, Facts], found: Findings) -> None:
    """Judge whether the release of K3s can be fetched. C(release) has version, base, url and file."""
    answer = fetched.get(printable(release["url"]))
    if answer is None:
        return
    if answer["status"] == 404:
        found.error(
            where,
            f"k3s_version {release['version']} is not at {release['base']} (HTTP 404 for {release['url']})",
            "choose a version that is there, or correct k3s_release_url",
        )
    elif answer["status"] != 200:
        found.error(
            where,
            f"k3s_release_url {release['base']} cannot be read ({answer['error']})",
            "let the hosts reach it, set another k3s_release_url, or use k3s_airgap_dir",
        )
    elif checksum_of(answer["body"], str(release["file"])) is None:
        found.error(where, f"{release['url']} lists no checksum for {release['file']}", "this release does not fit the host's architecture")
