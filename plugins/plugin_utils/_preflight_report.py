# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the judgements of a preflight together: settings first, then hosts, then the network. Pure functions."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2.exceptions import UndefinedError

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model as host_ports
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import release
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.module_utils._text import reason_line
from ansible_collections.baremesh.edge.plugins.plugin_utils import _preflight as judge
from ansible_collections.baremesh.edge.plugins.plugin_utils import _preflight_network as network_judge
from ansible_collections.baremesh.edge.plugins.plugin_utils._dns01 import challenge_questions, tsig_questions
from ansible_collections.baremesh.edge.plugins.plugin_utils._environment import environment_findings, has_proxy, proxy_environment
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import entries_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import cluster_ports
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_settings import (
    is_true,
    own_config,
    settings_findings,
    settings_warnings,
    with_etcd,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import (
    address_list,
    dict_finding,
    is_address,
    list_finding,
    network_list,
    read_dict,
    read_list,
)
from ansible_collections.baremesh.edge.plugins.plugin_utils._order_limits import ORDERS, order_limits
from ansible_collections.baremesh.edge.plugins.plugin_utils._plain import RULES, plain_findings, read_host_ports
from ansible_collections.baremesh.edge.plugins.plugin_utils._runs import this_run
from ansible_collections.baremesh.edge.plugins.plugin_utils._variables import copied, misspelt, unreadable
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import support_warning, version_findings

Settings = Mapping[str, Any]
Result = Mapping[str, Any]

# TCP ports of a node: the port, what it is for, the key that moves it, and the keys that leave out what listens there.
_AGENT_PORTS = (
    (6444, "K3s's load balancer", "lb-server-port", ()),
    (10010, "containerd's streams", "", ("docker", "container-runtime-endpoint")),
    (10248, "the kubelet's health check", "", ()),
    (10249, "kube-proxy's metrics", "", ("disable-kube-proxy",)),
    (10250, "the kubelet", "", ()),
    (10256, "kube-proxy's health check", "", ("disable-kube-proxy",)),
)
_SERVER_PORTS = (
    (6443, "the Kubernetes API", "https-listen-port", ()),
    (10257, "the controller manager", "", ("disable-controller-manager",)),
    (10258, "the cloud controller", "", ("disable-cloud-controller",)),
    (10259, "the scheduler", "", ("disable-scheduler",)),
)
# Variables of K3s that hosts may have of their own.
_OF_HOSTS = tuple(
    f"k3s_{name}"
    for name in (
        *("version", "server_config", "agent_config", "extra_config_keys", "disable", "registries", "environment"),
        *("token", "image_archives"),
    )
)
_BECOME = re.compile(
    r"\b(sudo|su|doas|become)\b.*password|password.*\b(sudo|su|doas|become)\b|password is required|waiting for become|^sorry, try again",
    re.IGNORECASE,
)
_OFF = ("false", "f", "0")
_ETCD_PORTS = {2379: "etcd's clients", 2380: "etcd's members"}


@dataclass
class Preflight:
    """The settings, read, with what is wrong with them.

    Attributes:
        settings: Values of the variables, as the role puts them together.
        findings: A sentence for each variable that is wrong.
        warnings: A sentence for each thing about the sites that may surprise.
        skip: Checks to leave out.
        names: Names of the sites that clients look up: host, site, and whether an ACME authority looks it up.
        acme: ACME directories that sites use: name, server, ca_bundle.
        caa: Names that public authorities are asked to certify, see C(judge_caa).
        challenges: Hosts that are proved by DNS-01, see C(judge_challenges).
        addresses: Addresses that the names may point to.
        proxies: Addresses of proxies in front of the hosts.
        host_addresses: Addresses of the hosts in the inventory.
        final: Whether these were given, so that other addresses of the hosts do not count.
        ports: Ports that the sites need.
    """

    settings: Settings
    findings: list[str]
    warnings: list[str]
    skip: set[str]
    names: list[dict[str, Any]]
    acme: list[dict[str, Any]]
    caa: list[dict[str, Any]]
    challenges: list[dict[str, Any]]
    addresses: list[str]
    proxies: list[str]
    host_addresses: list[str]
    final: bool
    ports: list[int]

    def checks(self, check: str) -> bool:
        """Return whether a check is made."""
        return check not in self.skip

    def text(self, key: str) -> str:
        """Return a setting as text, empty if there is none."""
        return str(self.settings.get(key) or "")

    def dictionary(self, name: str) -> Mapping[str, Any]:
        """Return a variable that is a dictionary, empty if it cannot be read."""
        return read_dict((self.settings.get("dictionaries") or {}).get(name)) or {}

    @property
    def server_config(self) -> Mapping[str, Any]:
        """The configuration of K3s servers, empty if it is not a dictionary."""
        return read_dict(self.settings.get("k3s_server_config")) or {}

    @property
    def k3s(self) -> Mapping[str, Any]:
        """The settings of K3s by the names that its own role uses."""
        same = {key: self.settings.get(key) for key in ("servers", "cluster_domain", "node_ports", "istio_gateways", "host_ports_ports")}
        own = (self.settings.get("dictionaries") or {}).get("k3s_environment")
        same["environment_variable"] = "k3s_environment" if own else "edge_environment"
        return {**same, **{name.removeprefix("k3s_"): self.settings.get(name) for name in _OF_HOSTS}}

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects that will be applied, of the kinds that webhooks judge."""
        kinds = ("issuer_objects", "certificates", "gateway_objects") if self.checks("dry_run") else ()
        return [each for kind in kinds for each in (self.settings.get("plan") or {}).get(kind) or ()]

    @property
    def route_namespaces(self) -> set[str]:
        """Namespaces whose objects may serve the hosts of sites."""
        gateways = [each for each in read_list(self.settings.get("edge_gateways")) or () if isinstance(each, Mapping)]
        given = [self.settings.get("gateway_route_namespaces"), *(each.get("route_namespaces") for each in gateways)]
        return {str(name) for names in given for name in read_list(names) or ()}

    @property
    def scopes_gateways(self) -> bool:
        """Whether istiod looks at Gateways in the namespace of their pods only."""
        values = self.dictionary("istio_istiod_values")
        places = (values.get("env"), (read_dict(values.get("pilot")) or {}).get("env"))
        return any(is_true((read_dict(place) or {}).get("PILOT_SCOPE_GATEWAY_TO_NAMESPACE")) for place in places)

    @property
    def serves_ipv6(self) -> bool:
        """Whether something answers at IPv6 addresses: pods with such networks, or a program that listens on the host itself."""
        given = str(self.settings.get("serves_ipv6", "")).lower()
        if given:
            return is_true(given)
        ports = read_list(self.settings.get("host_ports_ports")) or []
        return ":" in str(self.server_config.get("cluster-cidr", "")) or any("target_port" in port for port in ports)

    @property
    def release_base(self) -> str:
        """Address of K3s's release, empty if hosts do not download it."""
        version = self.text("k3s_version")
        if not self.checks("release") or self.text("airgap_dir") or release.VERSION_FORM.match(version) is None:
            return ""
        base = release.asset_url(self.text("k3s_release_url"), version, "").rstrip("/")
        return base if base.lower().startswith(("http://", "https://")) else ""

    def purposes(self, server: bool) -> dict[int, str]:
        """Return which TCP ports of a host are needed, and for what."""
        own = {"https-listen-port": "6443", **own_config(self.k3s, "server" if server else "agent")}
        off = {key for key, value in own.items() if str(value) and str(value).lower() not in _OFF}
        if is_true(self.server_config.get("disable-kube-proxy", "")):
            off.add("disable-kube-proxy")
        entries = () if server and "disable-agent" in off else _AGENT_PORTS
        needed = {
            port if (given := whole_number(own.get(key))) is None else given: purpose
            for port, purpose, key, without in (*entries, *(_SERVER_PORTS if server else ()))
            if not off.intersection(without)
        }
        listens = whole_number(own["https-listen-port"])
        if server and listens is not None:
            # The API server itself listens beside it; the load balancer is for agents.
            needed.pop(6444, None)
            needed[listens + 1] = "the API server"
        if server and (is_true(self.server_config.get("cluster-init", "")) or with_etcd(self.k3s)):
            needed.update(_ETCD_PORTS)
        return {**needed, **dict.fromkeys(self.ports, "the sites")}


def _skip(settings: Settings, findings: list[str]) -> set[str]:
    entries = read_list(settings.get("skip"))
    if entries is None:
        findings.append(list_finding(settings["skip"], "preflight_skip"))
    unknown = sorted({str(entry) for entry in entries or ()} - set(judge.CHECKS))
    if unknown:
        findings.append(f"preflight_skip has {', '.join(unknown)}: checks are {', '.join(judge.CHECKS)}.")
    return {str(entry) for entry in entries or ()}


def _ports(settings: Settings, findings: list[str]) -> list[int]:
    entries = read_list(settings.get("ports"))
    if entries is None:
        findings.append(list_finding(settings["ports"], "preflight_ports"))
    ports = []
    for entry in entries or ():
        number = whole_number(entry)
        if number and number <= 65535:
            ports.append(number)
        else:
            findings.append(f"preflight_ports has {entry!r}: each entry must be a TCP port from 1 to 65535.")
    return ports


def _bypasses(settings: Settings) -> list[str]:
    """Return a sentence for each way past the sources of host ports, long before their role comes."""
    proxied = settings.get("proxied_nodeports") or []
    ports = settings.get("host_ports_ports") or [{"port": port, "node_port": to} for port, to in zip((80, 443), proxied)]
    if not ports or settings.get("host_ports_filtered_elsewhere"):
        return []
    try:
        desired = read_host_ports(ports, "host_ports_ports", bool(settings.get("host_ports_close_nodeports")))
    except (host_ports.HostPortsError, AnsibleFilterError):
        return []  # That role says what is wrong with them.
    return host_ports.bypasses(desired, str(settings.get("host_ports_backend")), proxied, "host_ports_")


def read(settings: Settings) -> Preflight:
    """Read the settings.

    Args:
        settings: Values of the variables, as the role puts them together.

    Returns:
        The settings, with a sentence for each thing that is wrong with them.
    """
    own: list[str] = []
    findings: list[str] = []
    skip, ports = _skip(settings, own), _ports(settings, own)
    sites: Mapping[str, Any] = settings.get("plan") or {}
    findings += [_sentence(finding) for finding in [*(sites.get("findings") or ()), *_bypasses(settings)]]
    hosts = [str(address) for address in read_list(settings.get("edge_host_addresses")) or ()]
    given = settings.get("edge_addresses")
    # Unless given, they are those of the inventory, whose names need not be names in DNS.
    addresses = hosts if read_list(given) == hosts else address_list(given, "edge_addresses", findings)
    proxies = address_list(settings.get("edge_proxy_addresses"), "edge_proxy_addresses", findings)
    pods = settings.get("edge_pod_networks")
    # Unless given, they are those of K3s's configuration, which is judged with the rest of it.
    if pods != (read_dict(settings.get("k3s_server_config")) or {}).get("cluster-cidr"):
        network_list(pods, "edge_pod_networks", findings)
    dictionaries = settings.get("dictionaries") or {}
    findings += [dict_finding(value, name) for name, value in dictionaries.items() if read_dict(value) is None]
    findings += environment_findings(dictionaries.get("edge_environment"), "edge_environment")
    return Preflight(
        settings=settings,
        findings=[*own, *(findings if "variables" not in skip else [])],
        skip=skip,
        names=list(sites.get("names") or ()),
        acme=list(sites.get("acme_servers") or ()),
        caa=list(sites.get("caa") or ()),
        challenges=list(sites.get("challenges") or ()),
        warnings=[_sentence(warning) for warning in sites.get("warnings") or ()],
        addresses=proxies or addresses or hosts,
        proxies=proxies,
        host_addresses=hosts,
        final=bool(proxies) or addresses not in ([], hosts),
        ports=ports,
    )


def plan(settings: Settings) -> dict[str, Any]:
    """Return what to examine.

    Returns:
        `examine`, options of C(preflight_info) for the present host: `ports`, `run` and `node_config`, what K3s's configuration says of its
        Node's name; `network`, those for the API host: `names`, `caa_names`, `dns01`, `challenges`, `urls` and `objects`;
        `release`, for one host of the cluster; and `environment`, for all hosts.
    """
    run = read(settings)
    names = [entry["host"] for entry in run.names] if run.checks("dns") else []
    if names:
        given = [*run.addresses, *(address for entry in run.names for address in entry.get("addresses") or ())]
        names += [address for address in given if not is_address(address)]
    own = own_config(run.k3s, "server" if settings.get("host") in (settings.get("servers") or ()) else "agent")
    return {
        "examine": {
            "ports": sorted({*run.purposes(server=True), *run.purposes(server=False)}) if run.checks("ports") else [],
            "run": this_run(),
            "node_config": {key: own[key] for key in ("node-name", "with-node-id", "node-ip") if key in own},
        },
        "network": {
            "names": list(dict.fromkeys(names)),
            "caa_names": list(dict.fromkeys(entry["host"] for entry in run.caa)) if run.checks("dns") else [],
            "dns01": tsig_questions(settings.get("cert_manager_issuers"), settings.get("cert_manager_solvers"))
            if run.checks("dns")
            else [],
            "challenges": challenge_questions(run.challenges, settings) if run.checks("dns") else [],
            "urls": [{"url": issuer["server"], "ca_bundle": issuer["ca_bundle"]} for issuer in run.acme] if run.checks("acme") else [],
            "objects": run.objects,
            "orders": _orders(run),
        },
        "release": run.release_base,
        "environment": proxy_environment(
            run.dictionary("edge_environment"),
            [*(read_list(settings.get("edge_host_addresses")) or ()), *(read_list(settings.get("edge_pod_networks")) or ())],
        ),
    }


def _orders(run: Preflight) -> list[str]:
    """Return where it is noted what was ordered. A run that follows judges it again with what was ordered meanwhile."""
    counted = run.checks("limits") and run.settings.get("alone") and (run.settings.get("plan") or {}).get("rate_limits")
    return [run.text("gateway_namespace"), ORDERS] if counted else []


def _judge_settings(run: Preflight, found: judge.Findings) -> None:
    settings = run.settings
    if run.checks("variables"):
        for kind in ("server", "agent"):
            found.errors += settings_findings(run.k3s, kind)
    found.errors += run.findings
    if run.checks("variables"):
        found.errors += settings.get("artefact_findings") or []
        found.errors += map(_sentence, plain_findings(settings.get("plain") or {}))
        # Hosts may be looked at before there are sites; a run that would serve nothing stops before it changes anything.
        (found.errors if settings.get("begins") else found.warnings).extend(map(_sentence, settings.get("nothing") or ()))
        found.warnings += run.warnings
        found.warnings += settings_warnings(run.k3s)
        if settings.get("airgap_dir") and not settings.get("airgap_dir_exists"):
            found.errors.append(f"k3s_airgap_dir is {settings['airgap_dir']!r}: there is no such folder on the controller.")
        if settings.get("report_host") and not settings.get("report_host_exists"):
            found.errors.append(
                f"report_host is {settings['report_host']!r}: it must be a host of the inventory, or localhost for the controller."
            )
    if run.checks("versions"):
        errors, warnings = version_findings(run.text("k3s_version"), run.text("istio_version"), run.text("cert_manager_version"))
        found.errors += errors
        found.warnings += warnings
        outdated = support_warning(run.text("k3s_version"), run.text("today")) if run.text("today") else None
        found.warnings += [outdated] if outdated else []


def _given(variables: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return those of some variables that a host has and that can be read without the defaults of roles."""
    found = {}
    for name in names:
        if name in variables:
            with contextlib.suppress(UndefinedError, AnsibleError):
                found[name] = copied(variables[name])
    return found


def _of_host(run: Preflight, variables: Mapping[str, Any], kind: str) -> Preflight:
    """Return the settings as the variables of one host have them; servers and agents often have group variables of their own."""
    # An agent knows the configuration of servers from the first of them.
    names = (name for name in _OF_HOSTS if kind == "server" or name != "k3s_server_config")
    return replace(run, settings={**run.settings, **_given(variables, names)})


def _judge_variables(run: Preflight, runs: Mapping[str, Preflight], hostvars: Mapping[str, Any], found: judge.Findings) -> None:
    """Judge what the variables of each host say beside those of the one that reports."""
    errors: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for name, own in runs.items():
        given, findings = _given(hostvars[name], ("edge_address", *RULES)), settings_findings(own.k3s, _kind(run, name))
        address_list(given.get("edge_address"), "edge_address", findings)
        surprises = [*settings_warnings(own.k3s), *misspelt(list(hostvars[name]))]
        for seen, texts in ((errors, [*findings, *map(_sentence, plain_findings(given, given=True))]), (warnings, surprises)):
            for text in texts:
                seen.setdefault(text, []).append(name)
    for judged, seen in ((found.errors, errors), (found.warnings, warnings)):
        for text, names in seen.items():
            if text not in judged:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                judged.append(f"{', '.join(names[:3])}{more}: {text}")


def _kind(run: Preflight, name: str) -> str:
    servers = run.settings.get("servers") or []
    return "server" if not servers or name in servers else "agent"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _reason(result: Result) -> str:
    # With a terminal, as ssh has it, all that a program writes is in stdout, and stderr holds the end of the session only.
    written = "\n".join(str(result.get(key) or "") for key in ("module_stdout", "module_stderr"))
    reason = reason_line(written, "") or reason_line(str(result.get("msg") or ""), "no answer")
    return re.sub(r"[.:\s]+$", "", reason)


def _judge_host(name: str, host: Mapping[str, Any], run: Preflight, found: judge.Findings) -> None:
    kind = _kind(run, name)
    server = kind == "server"
    if run.checks("system"):
        judge.judge_system(name, host, run.text("k3s_version"), is_true(run.settings.get("k3s_firewall", False)), found)
        ports = cluster_ports(run.k3s, kind, run.server_config)
        judge.judge_exposure(name, host, ports, (run.settings.get("node_ports") or {}).values(), found)
        if str(run.server_config.get("flannel-backend")) != "none":
            services = entries_of("service-cidr", run.server_config.get("service-cidr", "10.43.0.0/16"))
            judge.judge_networks(name, host, map(str, [*(read_list(run.settings.get("edge_pod_networks")) or ()), *services]), found)
        judge.judge_kernel(name, host, own_config(run.k3s, kind), run.server_config, found)
        found.errors += [f"{name}: {problem}" for problem in (host.get("tools") or {}).get("problems") or ()]
    if run.checks("resources"):
        judge.judge_resources(name, host, server, found)
    # Whose ports they are only root sees; without it everything of K3s itself would be a finding.
    if run.checks("ports") and host["root"]:
        judge.judge_ports(name, host, run.purposes(server), found)


def report(
    settings: Settings,
    gathered: Mapping[str, Result] | None = None,
    network: Result | None = None,
    hostvars: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything that would make a run fail, and what might.

    Args:
        settings: Values of the variables, as the role puts them together.
        gathered: Results of the module by name of the hosts that were looked at.
        network: Result of the module on the API host.
        hostvars: The variables of all hosts.

    Returns:
        The lists `errors` and `warnings`, a sentence for each finding, and `unseen`, what no preflight can see.
    """
    run, found = read(settings), judge.Findings()
    _judge_settings(run, found)
    runs = {name: _of_host(run, hostvars[name], _kind(run, name)) for name in gathered or {} if hostvars and name in hostvars}
    if run.checks("variables"):
        _judge_variables(run, runs, hostvars or {}, found)
    hosts: dict[str, Mapping[str, Any]] = {}
    for name, result in (gathered or {}).items():
        if result.get("host"):
            hosts[name] = result["host"]
            _judge_host(name, result["host"], runs.get(name, run), found)
            continue
        kind = "cannot be reached" if result.get("unreachable") else "cannot be examined"
        # Ansible itself leaves out a host of which it cannot read how to connect.
        variables = (hostvars or {}).get(name) or {}
        names = [] if result else [each for each in variables if each.startswith("ansible_") and each != "ansible_facts"]
        if unread := unreadable(names, variables.__getitem__):
            found.errors += [f"{name}: {text}." for text in unread]
            continue
        reason = _reason(result)
        advice = "check ansible_host, ansible_user and the SSH key, and that the host has Python 3.9 or newer"
        if _BECOME.search(reason):
            advice = "set ansible_become_password of the host, or run with --ask-become-pass"
        found.error(name, f"{kind} ({reason})", advice)
    if run.checks("time"):
        judge.judge_time(hosts, float(settings.get("max_clock_skew") or 10), found)
    if run.checks("names"):
        judge.judge_names(hosts, found)
    judge.judge_runs(hosts, bool(settings.get("begins")), found)
    _judge_release(run, gathered or {}, found)
    # Where the API host is one of those that cannot be examined, that is a finding already.
    if run.text("api_host") not in set(gathered or {}) - set(hosts):
        _judge_network(run, hosts, network or {}, found)
    return {"errors": list(dict.fromkeys(found.errors)), "warnings": list(dict.fromkeys(found.warnings)), "unseen": _unseen(run)}


def _unseen(run: Preflight) -> list[str]:
    """Return what the hosts cannot know, as they are on this side of the internet."""
    asked = list(dict.fromkeys(entry["host"] for entry in run.caa if entry["methods"] == ["http-01"]))
    if not asked:
        return []
    more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
    sentence = (
        f"Whether a request from the internet reaches port 80 of {asked[0]}{more} cannot be seen from the hosts: "
        "a firewall or a router in front may drop it, and the authority then does not issue."
    )
    return [sentence]


def _judge_release(run: Preflight, gathered: Mapping[str, Result], found: judge.Findings) -> None:
    for name, result in gathered.items():
        if not (run.release_base and result.get("host") and result.get("fetched")):
            continue
        try:
            arch = release.arch(result["host"]["machine"])
        except release.ReleaseError:
            continue  # the architecture has its own finding
        about = {
            "version": run.text("k3s_version"),
            "base": run.text("k3s_release_url"),
            "url": f"{run.release_base}/{arch.sums}",
            "file": arch.binary,
        }
        network_judge.judge_release(name, about, result["fetched"], found)


def _known(given: Iterable[str], resolved: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the addresses of what was given, those of names as they were looked up."""
    found: list[str] = []
    for address in given:
        answer = resolved.get(address) or {}
        found += [address] if is_address(address) else [*answer.get("a", ()), *answer.get("aaaa", ())]
    return found


def _judge_network(run: Preflight, hosts: Mapping[str, Mapping[str, Any]], network: Result, found: judge.Findings) -> None:
    where = run.text("api_host") or "the API host"
    if not network or network.get("skipped"):
        return
    if "resolved" not in network:
        found.error(where, f"cannot look at DNS and ACME servers ({_reason(network)})", "check that Ansible reaches this host")
        return
    # Which addresses are those of the hosts is known only if all hosts could be asked, unless they were given.
    if run.checks("dns") and (run.final or set(run.settings.get("hosts") or ()) <= set(hosts)):
        resolved = network["resolved"]
        addresses = _known(run.addresses, resolved)
        # Names of a gateway with addresses of its own may point to the proxies as well.
        names = [
            {**entry, "addresses": _known([*entry["addresses"], *run.proxies], resolved)} if entry.get("addresses") else entry
            for entry in run.names
        ]
        own = [address for host in hosts.values() for address in host["addresses"]]
        if not run.final:
            addresses += own
        known = [address for address in addresses if is_address(address)]
        inside = [address for address in (*own, *run.host_addresses) if is_address(address)]
        network_judge.judge_dns(where, names, resolved, known, found, inside)
        network_judge.judge_hosts(where, run.addresses, resolved, found)
        # Another machine may answer at addresses that were given, and a program of the host needs no network of pods.
        if not run.serves_ipv6 and not run.final:
            network_judge.judge_families(where, run.names, resolved, known, found)
    if run.checks("dns"):
        network_judge.judge_dns01(where, network.get("dns01") or (), found)
        network_judge.judge_challenges(where, run.challenges, network.get("challenges") or {}, network.get("dns01") or (), found)
        network_judge.judge_caa(where, run.caa, network.get("caa") or {}, network.get("fetched") or {}, found)
    if run.checks("dry_run") and network.get("dry_run"):
        versions = {"istio": run.text("istio_version"), "cert_manager": run.text("cert_manager_version")}
        plan = run.settings.get("plan") or {}
        judge.judge_dry_run(plan, network["dry_run"], versions, found)
        judge.judge_foreign(plan, network.get("foreign") or (), run.route_namespaces, run.scopes_gateways, found)
    # Without an answer of the API there is no cluster yet, or nothing is known of it.
    for entry in order_limits(run.settings["plan"], None, network.get("orders"), float(run.settings["now"])) if _orders(run) else ():
        found.error(where, f"Certificate {entry['name']}: {entry['cause']}", "order it then, or at another authority")
    if run.checks("acme"):
        network_judge.judge_acme(where, run.acme, network.get("fetched") or {}, found)
        _judge_way_out(where, run, found)


def _judge_way_out(where: str, run: Preflight, found: judge.Findings) -> None:
    """Judge whether cert-manager goes the way to ACME servers on which they were asked."""
    environment, values = (run.dictionary(name) for name in ("edge_environment", "cert_manager_values"))
    if run.acme and has_proxy(environment) and not values.get("https_proxy"):
        found.warn(
            where,
            "ACME servers were asked through the proxy of edge_environment, which cert-manager's pods do not use",
            "if they have no other way out, set https_proxy in cert_manager_values, and no_proxy to the networks of pods and Services",
        )
