# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the judgements of a preflight together: settings first, then hosts, then the network. Pure functions.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import release
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line
from ansible_collections.baremesh.edge.plugins.plugin_utils import _preflight as judge
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer, read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import config_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._proxies import proxy_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import Site, read_sites
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import version_findings

Settings = Mapping[str, Any]

_AGENT_PORTS = {
    6444: "K3s's load balancer",
    10248: "the kubelet's health check",
    10249: "kube-proxy's metrics",
    10250: "the kubelet",
    10256: "kube-proxy's health check",
}
_SERVER_PORTS = {
    6443: "the Kubernetes API",
    10257: "the controller manager",
    10259: "the scheduler",
}
_ETCD_PORTS = {2379: "etcd's clients", 2380: "etcd's members"}


def _sites_and_issuers(settings: Settings) -> tuple[list[Site], dict[str, Issuer], list[str]]:
    solvers: list[dict[str, Any]] = [{"http01": {"ingress": {}}}]
    issuers, issuer_findings = read_issuers(settings.get("issuers") or [], settings.get("email") or "", solvers)
    sites, site_findings = read_sites(settings.get("sites") or [], issuers)
    return sites, issuers, [*issuer_findings, *site_findings]


def _used_acme(sites: Sequence[Site], issuers: Mapping[str, Issuer]) -> list[dict[str, Any]]:
    used = []
    for name in dict.fromkeys(site.issuer for site in sites if site.issuer in issuers):
        acme = issuers[str(name)].spec.get("acme")
        if isinstance(acme, Mapping) and acme.get("server"):
            used.append({"name": name, "server": str(acme["server"]), "ca_bundle": acme.get("caBundle")})
    return used


def _site_hosts(sites: Sequence[Site], issuers: Mapping[str, Issuer]) -> list[dict[str, Any]]:
    entries = []
    for site in sites:
        issuer = issuers.get(site.issuer or "")
        acme = issuer is not None and issuer.type == "acme" and issuer.http01_only
        entries += [{"host": host, "site": site.name, "acme": acme} for host in site.hosts if not host.startswith("*.")]
    return entries


def purposes(settings: Settings, server: bool) -> dict[int, str]:
    """Return which TCP ports of a host are needed, and for what."""
    needed = dict(_AGENT_PORTS)
    if server:
        needed.update(_SERVER_PORTS)
        if settings.get("etcd"):
            needed.update(_ETCD_PORTS)
    needed.update({int(port): "the sites" for port in settings.get("host_ports") or ()})
    return needed


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def plan(settings: Settings) -> dict[str, Any]:
    """Return what to look at: C(names) and C(urls) on the API host, C(release) on a host of the cluster, C(ports) everywhere."""
    skip = settings.get("skip") or ()
    sites, issuers, _findings = _sites_and_issuers(settings)
    names = [] if "dns" in skip else [entry["host"] for entry in _site_hosts(sites, issuers)]
    if names:
        names += [address for address in settings.get("addresses") or () if not _is_address(address)]
    urls = [] if "acme" in skip else [{"url": issuer["server"], "ca_bundle": issuer["ca_bundle"]} for issuer in _used_acme(sites, issuers)]
    return {
        "names": list(dict.fromkeys(names)),
        "urls": urls,
        "release": _release_base(settings) if _release_is_fetched(settings) else "",
        "ports": [] if "ports" in skip else sorted(purposes(settings, server=True)),
    }


def _release_is_fetched(settings: Settings) -> bool:
    return (
        "release" not in (settings.get("skip") or ())
        and not settings.get("airgap_dir")
        and release.VERSION_FORM.match(str(settings.get("k3s_version"))) is not None
    )


def _release_base(settings: Settings) -> str:
    return release.asset_url(str(settings.get("k3s_release_url")), str(settings.get("k3s_version")), "").rstrip("/")


def _judge_settings(settings: Settings, found: judge.Findings) -> tuple[list[Site], dict[str, Issuer]]:
    skip = settings.get("skip") or ()
    sites, issuers, findings = _sites_and_issuers(settings)
    unknown = sorted(set(skip) - set(judge.CHECKS))
    if unknown:
        found.errors.append(f"preflight_skip has {', '.join(unknown)}: checks are {', '.join(judge.CHECKS)}.")
    if "variables" not in skip:
        version = str(settings.get("k3s_version"))
        if release.VERSION_FORM.match(version) is None:
            found.errors.append(f"k3s_version is {version!r}: it must have the form {release.VERSION_HELP}.")
        found.errors += [_sentence(finding) for finding in findings]
        hosts = settings.get("host_addresses") or ()
        found.errors += [_sentence(finding) for finding in proxy_findings(settings.get("proxies") or {}, hosts, sites)]
        for kind in ("server", "agent"):
            found.errors += config_findings(settings.get(f"k3s_{kind}_config") or {}, kind)
        if settings.get("airgap_dir") and not settings.get("airgap_dir_exists"):
            found.errors.append(f"k3s_airgap_dir is {settings['airgap_dir']!r}: there is no such folder on the controller.")
    if "versions" not in skip:
        errors, warnings = version_findings(
            str(settings.get("k3s_version")), str(settings.get("istio_version") or ""), str(settings.get("cert_manager_version") or "")
        )
        found.errors += errors
        found.warnings += warnings
    return sites, issuers


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _reason(result: Mapping[str, Any]) -> str:
    # With a terminal, as ssh has it, all that a program writes is in stdout, and stderr holds the end of the session only.
    written = "\n".join(str(result.get(key) or "") for key in ("module_stdout", "module_stderr"))
    reason = reason_line(written, "") or reason_line(str(result.get("msg") or ""), "no answer")
    return re.sub(r"[.:\s]+$", "", reason)


def _judge_host(name: str, host: Mapping[str, Any], settings: Settings, found: judge.Findings) -> None:
    skip = settings.get("skip") or ()
    servers = settings.get("servers") or []
    server = not servers or name in servers
    if "system" not in skip:
        judge.judge_system(name, host, str(settings.get("k3s_version")), found)
    if "resources" not in skip:
        judge.judge_resources(name, host, server, found)
    if "ports" not in skip:
        judge.judge_ports(name, host, purposes(settings, server), found)


def report(settings: Settings, gathered: Mapping[str, Any] | None = None, network: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return everything that would make a run fail, and what might.

    Args:
        settings: Values of the variables, as the role puts them together.
        gathered: Results of the module by host name.
        network: Result of the module on the API host.
    """
    found = judge.Findings()
    skip = settings.get("skip") or ()
    sites, issuers = _judge_settings(settings, found)
    hosts: dict[str, Mapping[str, Any]] = {}
    for name, result in (gathered or {}).items():
        if result.get("host"):
            hosts[name] = {**result["host"], "node_name": (settings.get("node_names") or {}).get(name)}
            _judge_host(name, result["host"], settings, found)
        else:
            kind = "cannot be reached" if result.get("unreachable") else "cannot be examined"
            found.error(
                name,
                f"{kind} ({_reason(result)})",
                "check ansible_host, ansible_user and the SSH key, and that the host has Python 3.9 or newer",
            )
    if "time" not in skip:
        judge.judge_time(hosts, float(settings.get("max_clock_skew") or 10), found)
    if "names" not in skip:
        judge.judge_names(hosts, found)
    _judge_release(settings, gathered or {}, found)
    _judge_network(settings, gathered or {}, network or {}, hosts, sites, issuers, found)
    return {"errors": list(dict.fromkeys(found.errors)), "warnings": list(dict.fromkeys(found.warnings))}


def _judge_release(settings: Settings, gathered: Mapping[str, Any], found: judge.Findings) -> None:
    if not _release_is_fetched(settings):
        return
    for name, result in gathered.items():
        if not (result.get("host") and result.get("fetched")):
            continue
        try:
            arch = release.arch(result["host"]["machine"])
        except release.ReleaseError:
            continue  # the architecture has its own finding
        base = _release_base(settings)
        judge.judge_release(
            name,
            {"version": settings["k3s_version"], "base": settings["k3s_release_url"], "url": f"{base}/{arch.sums}", "file": arch.binary},
            result["fetched"],
            found,
        )


def _judge_network(
    settings: Settings,
    gathered: Mapping[str, Any],
    network: Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    sites: Sequence[Site],
    issuers: Mapping[str, Issuer],
    found: judge.Findings,
) -> None:
    skip, where = settings.get("skip") or (), str(settings.get("api_host") or "the API host")
    if "resolved" not in network:
        if network:
            found.error(where, f"cannot look at DNS and ACME servers ({_reason(network)})", "check that Ansible reaches this host")
        return
    resolved = network["resolved"]
    # Which addresses are those of the hosts is known only if all hosts could be asked, unless they were given.
    if "dns" not in skip and (settings.get("addresses_are_final") or all(result.get("host") for result in gathered.values())):
        addresses = list(settings.get("addresses") or ())
        for name in [address for address in addresses if not _is_address(address)]:
            answer = resolved.get(name) or {}
            addresses += [*answer.get("a", ()), *answer.get("aaaa", ())]
        if not settings.get("addresses_are_final"):
            addresses += [address for host in hosts.values() for address in host["addresses"]]
        known = [address for address in addresses if _is_address(address)]
        judge.judge_dns(where, _site_hosts(sites, issuers), resolved, known, found)
        # Another machine may answer at addresses that were given, and a program of the host needs no network of pods.
        if settings.get("serves_ipv6") is False and not settings.get("addresses_are_final"):
            judge.judge_families(where, _site_hosts(sites, issuers), resolved, known, found)
    if "acme" not in skip:
        judge.judge_acme(where, _used_acme(sites, issuers), network.get("fetched") or {}, found)
