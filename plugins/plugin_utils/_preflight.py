# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges what was gathered of the hosts and the cluster: everything that is wrong, one sentence each. Pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.existing import refusal
from ansible_collections.baremesh.edge.plugins.module_utils._process import lives
from ansible_collections.baremesh.edge.plugins.plugin_utils._held_ports import advice_about
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import entries_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import is_network
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import FIRST_WITHOUT_CGROUP_V1, minor_of

Facts = Mapping[str, Any]

CHECKS = ("variables", "versions", "release", "system", "resources", "time", "names", "ports", "dns", "acme", "limits", "dry_run")

_MACHINES = ("x86_64", "amd64", "aarch64", "arm64")
_TESTED_SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
_EL = ("rhel", "rocky", "almalinux", "centos", "ol")
# Seconds within which a run that cannot be seen may still be on.
_RECENT_RUN = 600
# NetworkManager whose nm-cloud-setup leaves routes of pods alone.
_NM_FIXED = (1, 32)
# Where users write an object, by its kind, and the charts of those that judge it.
_ISTIO, _CERT_MANAGER = ("istio", ("base", "istiod")), ("cert_manager", ("cert-manager",))
_ORIGINS = {
    "ClusterIssuer": ("cert_manager_issuers", *_CERT_MANAGER),
    "Issuer": ("cert_manager_issuers", *_CERT_MANAGER),
    "Certificate": ("certificate_certificates", *_CERT_MANAGER),
    "Gateway": ("gateway_gateways", *_ISTIO),
    "VirtualService": ("gateway_virtual_services", *_ISTIO),
    "DestinationRule": ("gateway_destination_rules", *_ISTIO),
    "ServiceEntry": ("edge_sites", *_ISTIO),
}
# Units of those who filter.
_FILTERS = ("firewalld.service", "nftables.service", "netfilter-persistent.service", "iptables.service")
# Those that judge by rules of the cluster's owners, whatever versions run there.
_OTHER_JUDGES = re.compile(r'ValidatingAdmissionPolicy|admission webhook "(?!\S*\b(istio|cert-manager)\.io")')
_OWN_UNITS = ("k3s.service", "k3s-agent.service")


class Findings:
    """What was found: errors, which stop a run, and warnings, which do not."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def error(self, where: str, what: str, advice: str) -> None:
        """Note something that stops the run."""
        self.errors.append(f"{where}: {what}: {advice}.")

    def warn(self, where: str, what: str, advice: str) -> None:
        """Note something that may matter."""
        self.warnings.append(f"{where}: {what}: {advice}.")


def judge_system(name: str, host: Facts, k3s_version: str, opens: bool, found: Findings) -> None:
    """Judge operating system, architecture, control groups, routes and firewalls of a host."""
    system = host["os"]
    major = str(system["version"]).split(".", maxsplit=1)[0]
    tested = system["version"] in _TESTED_SYSTEMS.get(system["id"], ()) or (system["id"] in _EL and major == "9")
    if not tested:
        found.warn(
            name,
            f"runs {system['name'] or 'an unknown system'}, which is not tested",
            "Debian 12 and 13, Ubuntu 22.04 and 24.04 and EL 9 are",
        )
    if not host["systemd"]:
        found.error(name, "does not run systemd", "K3s is run by a systemd unit, use a host that was booted with systemd")
    if not host["root"]:
        found.error(name, "is not managed as root", "set ansible_user to root, or ansible_become to true")
    if host["machine"] not in _MACHINES:
        found.error(name, f"has the architecture {host['machine']}", "use amd64 or arm64 hosts, for which all parts have releases")
    if not host["default_route"]:
        found.error(name, "has no default route", "add one, K3s does not start without; a dummy interface will do")
    _judge_cgroups(name, host["cgroups"], k3s_version, found)
    _judge_filters(name, host, opens, found)


def _judge_cgroups(name: str, groups: Facts, k3s_version: str, found: Findings) -> None:
    if not groups["memory"]:
        found.error(
            name,
            f"has no memory controller in its control groups (v{groups['version']})",
            "boot with cgroup_enable=memory (on a Raspberry Pi also cgroup_memory=1)",
        )
    lacking = [name for name in ("cpu", "cpuset") if groups.get(name) is False]
    if groups["version"] == 2 and lacking:
        found.error(
            name,
            f"has no {' and '.join(lacking)} controller in its control groups (v2)",
            "boot with a kernel that has them and without cgroup_disable; in a container or a small virtual machine, delegate them",
        )
    kubernetes = minor_of(k3s_version)
    if groups["version"] == 1 and kubernetes is not None and kubernetes[1] >= FIRST_WITHOUT_CGROUP_V1:
        found.error(
            name,
            f"has cgroup v1, which the kubelet of {k3s_version} refuses",
            "boot with systemd.unified_cgroup_hierarchy=1, or choose a k3s_version before v1.35",
        )


def _judge_filters(name: str, host: Facts, opens: bool, found: Findings) -> None:
    if any(unit.startswith("nm-cloud-setup") for unit in host["active_units"]):
        version = minor_of(host.get("network_manager") or "")
        if version is None or version < _NM_FIXED:
            found.warn(
                name,
                "runs nm-cloud-setup, which breaks pod networks with NetworkManager before 1.32",
                "update NetworkManager, or disable nm-cloud-setup.service and .timer and reboot if nothing else needs them",
            )
    for active, what in (("firewalld.service" in host["active_units"], "firewalld"), (host["ufw"], "ufw")):
        if active and not opens:
            found.warn(
                name,
                f"filters with {what}, and k3s_firewall is false",
                "let 6443/tcp, 10250/tcp and 8472/udp in from the other hosts of the cluster only, and everything from the networks of "
                "pods and Services (10.42.0.0/16, 10.43.0.0/16), or set k3s_firewall to true",
            )


def judge_exposure(name: str, host: Facts, ports: Mapping[str, Sequence[str]], node_ports: Iterable[Any], found: Findings) -> None:
    """Warn of a host that the internet may reach at more than the ports of the sites. A firewall in front of it cannot be seen.

    Args:
        name: Name of the host.
        host: What was gathered there.
        ports: Ports of the cluster by protocol.
        node_ports: NodePorts of the gateway.
        found: Takes the warning.
    """
    public = [address for address in host["addresses"] if ipaddress.ip_address(address).is_global]
    if not public or host["ufw"] or any(unit in _FILTERS for unit in host["active_units"]):
        return
    open_ports = [f"{port}/{protocol}" for protocol, listed in ports.items() for port in listed] + [f"{port}/tcp" for port in node_ports]
    found.warn(
        name,
        f"has the public address {public[0]} and no active firewall",
        f"unless one in front of it filters, the internet reaches {', '.join(open_ports)} too, which only the hosts of the cluster need; "
        "see docs/security.md",
    )


def judge_kernel(name: str, host: Facts, config: Facts, server_config: Facts, found: Findings) -> None:
    """Judge what the configuration of K3s needs of the kernel and its policies, and whether another K3s is there."""
    others = host.get("other_k3s") or []
    if others:
        found.errors.append(f"{name}: {refusal(others)}")
    missing = list(host.get("missing_modules") or ())
    if str(server_config.get("flannel-backend") or "vxlan") != "vxlan":
        missing = [module for module in missing if module != "vxlan"]
    if missing:
        found.error(
            name,
            f"its kernel has no module {' and '.join(missing)}",
            "install the package with the kernel's further modules (Ubuntu: linux-modules-extra-raspi on a Raspberry Pi, else "
            "linux-modules-extra of the running kernel), and boot the kernel that they belong to",
        )
    selinux = host.get("selinux") or {}
    if selinux.get("enforcing") and not selinux.get("policy") and str(config.get("selinux", "")).lower() in ("true", "yes", "on", "1"):
        found.error(
            name,
            "has selinux: true in its configuration of K3s, but no policy k3s",
            "install k3s-selinux for this release of the system (https://docs.k3s.io/advanced#selinux-support), or leave the key out",
        )


def judge_networks(name: str, host: Facts, networks: Iterable[str], found: Findings) -> None:
    """Warn of an address of a host in the networks of pods and Services, to which the host would route past its neighbours."""
    inner = [ipaddress.ip_network(network, strict=False) for network in networks if is_network(network)]
    for address in map(ipaddress.ip_address, host["addresses"]):
        found_in = [str(network) for network in inner if address.version == network.version and address in network]
        if found_in:
            found.warn(
                name,
                f"its address {address} is in {found_in[0]}, a network of pods or Services",
                "choose other networks by cluster-cidr and service-cidr in k3s_server_config and edge_pod_networks before K3s is installed",
            )


def judge_resources(name: str, host: Facts, server: bool, found: Findings) -> None:
    """Judge memory, cores and disk of a host; K3s also starts with less."""
    # A machine with 4 GiB reports a little less.
    memory, cores = (3600, 2) if server else (480, 1)
    kind = "server" if server else "agent"
    if host["memory_mib"] < memory:
        needed = "K3s, Istio and cert-manager need about 4 GiB on a server" if server else "K3s asks for 512 MiB on an agent"
        found.warn(name, f"has {host['memory_mib']} MiB of memory", needed)
    if host["cores"] < cores:
        found.warn(name, f"has {host['cores']} CPU core", f"K3s asks for {cores} on a {kind}")
    if host["free_mib"] < 4096:
        found.warn(name, f"has {host['free_mib']} MiB free for K3s's data", "images and logs need about 4 GiB")


def judge_ports(name: str, host: Facts, purposes: Mapping[int, str], found: Findings) -> None:
    """Judge who holds the ports that are needed. K3s's own processes and pods may."""
    for holder in host["listeners"]:
        if holder["pod"] or holder["unit"] in _OWN_UNITS or holder["port"] not in purposes:
            continue
        if holder["process"]:
            unit = f", unit {holder['unit']}" if holder["unit"] else ""
            who = f"{holder['process']} (pid {holder['pid']}{unit})"
        else:
            who = "a process that is not visible"
        found.error(
            name,
            f"port {holder['port']} on {holder['address']}, needed for {purposes[holder['port']]}, is held by {who}",
            advice_about(holder["process"], holder["unit"]),
        )


def judge_time(hosts: Mapping[str, Facts], allowed: float, found: Findings) -> None:
    """Judge how far the clocks are apart. Certificates made on a host ahead are not valid yet on one behind."""
    offsets = {name: host["time_offset"] for name, host in hosts.items() if host.get("time_offset") is not None}
    if not offsets:
        return
    first = min(offsets, key=lambda name: offsets[name])
    last = max(offsets, key=lambda name: offsets[name])
    apart = offsets[last] - offsets[first]
    if apart > allowed:
        # The one that is farther from the controller's is wrong, as far as can be known.
        is_ahead = abs(offsets[last]) >= abs(offsets[first])
        wrong, other, how = (last, first, "ahead of") if is_ahead else (first, last, "behind")
        found.error(wrong, f"its clock is {apart:.0f} s {how} that of {other}", "set the clocks by NTP, for example with chrony")
    elif max(abs(offset) for offset in offsets.values()) > max(allowed, 60):
        found.warn(
            first,
            f"its clock differs by {offsets[first]:.0f} s from the controller's",
            "set the clocks by NTP; certificates are valid by the clock",
        )


def judge_names(hosts: Mapping[str, Facts], found: Findings) -> None:
    """Judge host names: they become names of Nodes."""
    holders: dict[str, str] = {}
    machines: dict[str, str] = {}
    node_ips: dict[str, str] = {}
    for name, host in hosts.items():
        first = machines.setdefault(host.get("identity") or name, name)
        if first != name:
            found.error(
                name, f"is the same machine as {first}", "correct its ansible_host or ansible_port, or take it out of the inventory"
            )
            continue
        for address in entries_of("node-ip", host.get("node_ip") or []):
            first = node_ips.setdefault(str(address), name)
            if first != name:
                what = f"has the node-ip {address} of {first} in its configuration of K3s"
                found.error(name, what, "give each host its own in its host variables, or leave node-ip out")
        node = str(host.get("node_name") or host["hostname"]).lower()
        if node in ("", "localhost", "localhost.localdomain"):
            found.error(
                name, f"its host name is {node or 'empty'!r}", "set a host name, or node-name in k3s_server_config or k3s_agent_config"
            )
        elif not all(part and part.strip("-") == part and part.replace("-", "").isalnum() for part in node.split(".")):
            found.error(
                name, f"its host name {node!r} cannot be the name of a Node", "use letters, digits, '-' and '.' only, or set node-name"
            )
        elif host.get("node_id"):
            continue  # K3s appends something of the host's own
        elif node in holders:
            found.error(name, f"has the host name {node!r} like {holders[node]}", "give each host its own name, or set node-name")
        holders.setdefault(node, name)


def judge_runs(hosts: Mapping[str, Facts], begins: bool, found: Findings) -> None:
    """Judge whether another run works on the hosts: each would undo and wait for what the other does.

    Of a run on another controller nothing is known but when it began, so that it is a warning, and only for a while.
    """
    seen: dict[str, list[str]] = {}
    runs = {}
    for name, host in hosts.items():
        for other in host.get("runs") or ():
            seen.setdefault(other["identity"], []).append(name)
            runs[other["identity"]] = other
    for identity, other in runs.items():
        alive = lives(identity)
        where = ", ".join(seen[identity])
        if alive:
            report = found.error if begins else found.warn
            report(where, f"another run is on, {other['who']}, begun {other['age']} s ago", "wait for its end, then run again")
        elif alive is None and other["age"] < _RECENT_RUN:
            found.warn(
                where, f"a run on another controller, {other['who']}, began {other['age']} s ago", "if it is still on, wait for its end"
            )


def _placed(plan: Facts, kind: str, name: str) -> str:
    """Return the site, or the variable of raw manifests, that an object of the plan is from."""
    made = {
        (each["kind"], each["metadata"]["name"]): (each["metadata"].get("labels") or {}).get("app.kubernetes.io/instance")
        for each in (*(plan.get("certificates") or ()), *(plan.get("gateway_objects") or ()))
    }
    site = made.get((kind, name))
    # Every site has a Gateway of its name. Raw manifests may have the label, with the name of their chart.
    return f"edge_sites ({site})" if site and made.get(("Gateway", site)) == site else f"{_ORIGINS[kind][0]} ({name})"


# What an object of others is for, by what it takes from one of the plan.
_TAKEN = {
    "host": "'{host}' at the same port of the same pods, so that istiod leaves out the server of the site. Delete it or take the name out "
    "of it, or take the name out of the site.",
    "port": "the same port of the same pods with a protocol that cannot share it, so that istiod leaves out the server for '{host}'. "
    "Delete it, or choose another port there.",
    "routes": "'{host}' at the same Gateway or port, and its routes go before those of the site. Delete it or take the name out of it, or "
    "write its routes into the site.",
    "part": "'{host}', so that these requests do not reach the wildcard.",
}


def judge_foreign(plan: Facts, foreign: Iterable[Facts], allowed: Collection[str], scoped: bool, found: Findings) -> None:
    """Judge what others have in the cluster that takes names or routes from sites.

    Args:
        plan: The plan of the sites.
        foreign: What C(preflight_info) returns as C(foreign).
        allowed: Namespaces whose objects may serve the hosts of sites; C(*) for all.
        scoped: Whether istiod looks at Gateways in the namespace of their pods only.
        found: Where findings go.
    """
    spaces = {gateway["namespace"] for gateway in plan.get("by_gateway") or ()}
    for each in foreign:
        if {each["namespace"], "*"} & set(allowed) or (scoped and each["kind"] == "Gateway" and each["namespace"] not in spaces):
            continue
        place = _placed(plan, each["kind"], each["name"])
        text = f"{place}: {each['object']}, which others made, is for {_TAKEN[each['effect']].format(host=each['host'])}"
        (found.warnings if each["effect"] == "part" else found.errors).append(text)


def judge_dry_run(plan: Facts, seen: Facts, versions: Mapping[str, str], found: Findings) -> None:
    """Judge what the API server and its webhooks refuse.

    Args:
        plan: The plan of the sites.
        seen: C(refused) objects, installed C(charts) and C(shared) DestinationRules, as C(preflight_info) returns them.
        versions: Versions that the run installs, by component. The webhooks of another one do not decide.
        found: Where findings go.
    """
    for each in seen.get("refused") or ():
        _variable, component, charts = _ORIGINS[each["kind"]]
        place = _placed(plan, each["kind"], each["name"])
        title = f"{each['kind']} {each['namespace']}/{each['name']}".replace(" /", " ")
        text = f"{place}: the Kubernetes API refuses {title}: {' '.join(each['message'].split()).rstrip('.')}."
        installed = {str(version) for chart, version in (seen.get("charts") or {}).items() if chart in charts}
        other = [version for version in installed if version.lstrip("v") != versions[component].lstrip("v")]
        if other and not _OTHER_JUDGES.search(text):
            found.warnings.append(f"{text} {component}_version is {versions[component]}, and {other[0]}, which runs there, has judged it.")
        else:
            found.errors.append(text)
    for each in seen.get("shared") or ():
        place = _placed(plan, "DestinationRule", each["name"])
        found.errors.append(
            f"{place}: DestinationRule {each['namespace']}/{each['other']}, which others made, is for service '{each['host']}', too, and "
            "Istio takes parts of both. Delete it, and put what it says into backends of the site; or leave the service out of backends."
        )
