# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory: its groups, the addresses of its hosts, and the host that talks to the Kubernetes API."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display

from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import as_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._run_tags import tags_verdict
from ansible_collections.baremesh.edge.plugins.plugin_utils._variables import unreadable

Groups = Mapping[str, Sequence[str]]
HostVars = Mapping[str, Mapping[str, Any]]

# Names under which Ansible itself knows the controller.
LOCAL = ("localhost", "127.0.0.1", "::1")
# What every playbook reads of every host, and what Ansible alone reads, with the variables of plays. Passwords may be slow to get.
_READ = ("edge_api_host", "edge_address", "ansible_host")
_CONNECTION = ("ansible_connection", "ansible_port", "ansible_user", "ansible_python_interpreter")
_NEEDED = "groups that are needed: k3s_cluster, with the children server and agent"
# Groups that every inventory has, and those that the playbook target makes.
_GIVEN = ("all", "ungrouped", "edge_api", "edge_egress", "edge_external_secrets", "edge_mesh")
# Names that other playbooks for Kubernetes give to these groups, without a prefix like k3s_ and in the singular.
_OTHER_NAMES = {
    "server": ("server", "master", "control_plane", "controlplane", "kube_control_plane"),
    "agent": ("agent", "node", "kube_node", "worker"),
}


def host_addresses(hosts: Sequence[str], hostvars: HostVars) -> list[str]:
    """Return the address or name of each host.

    Args:
        hosts: Inventory names.
        hostvars: The variables of all hosts. `edge_address` wins over `ansible_host`, and that over the inventory name.

    Returns:
        An address or name for each host, in the same order.
    """
    # For a host that is not there Ansible's get() returns an undefined value instead of the default.
    known = {host: hostvars[host] if host in hostvars else {} for host in as_list(hosts, "edge_hosts")}  # noqa: SIM401
    return [str(variables.get("edge_address") or variables.get("ansible_host") or host) for host, variables in known.items()]


def _unreadable_hosts(groups: Groups, hostvars: HostVars, defined: Collection[str]) -> list[str]:
    """Return a sentence for each variable by which hosts are reached, and which names one that is undefined, in the play as well."""
    found = []
    for host in dict.fromkeys(host for group in ("k3s_cluster", "server", "agent") for host in groups.get(group) or ()):
        names = [name for name in (*_READ, *_CONNECTION) if name in hostvars[host]]
        for text in unreadable(names, hostvars[host].__getitem__):
            variable = text.partition(" ")[0]
            missing = re.search(r"'(\w+)' is undefined", text)
            if variable in _READ or (missing and missing[1] not in defined):
                found.append(f"{host}: {text}: define that, or give {variable} a value of its own.")
    return found


def group_findings(groups: Groups) -> list[str]:
    """Return a sentence for each thing that is wrong with the groups of a cluster."""
    cluster, servers, agents = (list(groups.get(name) or ()) for name in ("k3s_cluster", "server", "agent"))
    if "k3s_cluster" not in groups or "server" not in groups:
        there = ", ".join(sorted(name for name in groups if name not in _GIVEN)) or "none"
        missing = " and ".join(name for name in ("k3s_cluster", "server") if name not in groups)
        return [f"The inventory has no group {missing}; {_NEEDED}; groups that are there: {there}."]
    findings = []
    if not servers:
        findings.append("The group server has no host: it must have at least one, the K3s server.")
    findings += [
        f"{host} is in both groups server and agent: a K3s server runs pods too, so leave it in server only."
        for host in servers
        if host in agents
    ]
    findings += [
        f"{host} is in the group {'server' if host in servers else 'agent'}, but not in k3s_cluster: make server and agent children of it."
        for host in dict.fromkeys([*servers, *agents])
        if host not in cluster
    ]
    findings += [
        f"{host} is in the group k3s_cluster, but neither in server nor in agent: put it into one of them."
        for host in cluster
        if host not in servers and host not in agents
    ]
    return findings


def _ignored_groups(groups: Groups) -> tuple[list[str], list[str]]:
    """Return findings and warnings about groups that look like servers or agents, and of which no host is in the cluster."""
    findings, warnings = [], []
    cluster = set(groups.get("k3s_cluster") or ())
    for group, hosts in groups.items():
        singular = group.lower().replace("-", "_").removeprefix("k3s_").removesuffix("s")
        role = next((role for role, names in _OTHER_NAMES.items() if group != role and singular in names), None)
        if not role or not hosts or cluster & set(hosts):
            continue
        # Others have workers and nodes too.
        surely = role not in groups and (singular == role or group.lower().startswith("k3s"))
        sentence = f"The group {group} ({', '.join(hosts)}) is ignored: K3s {role}s belong in the group {role}, a child of k3s_cluster"
        if surely:
            findings.append(f"{sentence}. If {group} is something else, define an empty group {role}.")
        else:
            warnings.append(f"{sentence}.")
    return findings, warnings


def _reached(groups: Groups, limit: str, api_host: str) -> set[str]:
    """Return the hosts that a limit leaves, once the API host is in the inventory."""
    manager = InventoryManager(loader=DataLoader(), sources=None, parse=False)
    for group, hosts in {**groups, "all": [*(groups.get("all") or ()), api_host]}.items():
        manager.add_group(group)
        for host in hosts:
            manager.add_host(host, group=group)
    manager.subset(limit)
    return {host.name for host in manager.get_hosts("all")}


def _limit_findings(groups: Groups, limit: str, api_host: str, scope: str, reached: set[str]) -> list[str]:
    if scope == "cluster":
        cluster = groups["k3s_cluster"]
        return [] if reached & set(cluster) else [f"--limit {limit} leaves no host of k3s_cluster ({', '.join(cluster)})."]
    return [] if api_host in reached else [f"--limit {limit} leaves out {api_host}, the host that talks to the Kubernetes API: add it."]


def _named_api_host(groups: Groups, hostvars: HostVars, given: Any) -> str:
    """Return `edge_api_host`, which group variables may define for the cluster's hosts only; by default the first server."""
    if given:
        return str(given).strip()
    members = [*(groups.get("server") or ()), *(groups.get("k3s_cluster") or ())]
    named = [str(hostvars[host].get("edge_api_host") or "") for host in members]
    return next((name for name in named if name), members[0] if members else "")


def api_host(
    groups: Groups,
    hostvars: HostVars,
    scope: str = "api",
    name: str = "",
    limit: str = "",
    tags: Sequence[str] = (),
    skip_tags: Sequence[str] = (),
    defined: Collection[str] = (),
    confirmation: Any = None,
) -> dict[str, Any]:
    """Validate the inventory's groups, `--limit` and `--tags`, and choose the host that talks to the Kubernetes API.

    Args:
        groups: The inventory's groups.
        hostvars: The variables of all hosts.
        scope: `cluster` for a playbook that works on the hosts of the cluster, `api` for one that needs its API only.
        name: `edge_api_host`, as far as it is set.
        limit: The pattern of `--limit`, empty if there is none.
        tags: The tags of `--tags`.
        skip_tags: The tags of `--skip-tags`.
        defined: Names of the variables of the play.
        confirmation: `edge_reset_confirmation`, where a playbook removes things and this is set.

    Returns:
        `findings`, a sentence for each thing that is wrong; `name`, the inventory name of the host; `local`, whether it is the
        controller and neither a host of the cluster nor configured in the inventory; `limited`, whether `--limit` leaves it out.
    """
    if unread := _unreadable_hosts(groups, hostvars, defined):
        return {"findings": unread, "name": "", "local": False, "limited": False}
    chosen = _named_api_host(groups, hostvars, name)
    known = chosen in (groups.get("all") or ())
    findings = group_findings(groups) if scope == "cluster" or not chosen else []
    ignored, warnings = _ignored_groups(groups) if scope == "cluster" and not findings else ([], [])
    unknown, misspelt = tags_verdict(tags, skip_tags)
    findings += [*ignored, *unknown]
    for warning in (*warnings, *misspelt):
        Display().warning(warning)
    if chosen and not known and chosen not in LOCAL:
        there = ", ".join(groups.get("all") or ()) or "none"
        findings.append(f"edge_api_host is {chosen!r}: it must be a host of the inventory ({there}), or localhost for the controller.")
    if confirmation is not None and str(confirmation).strip() != chosen:
        findings.append(f"edge_reset_confirmation is {confirmation!r}: the reset begins only where it is the API host's name, {chosen}.")
    reached = _reached(groups, limit, chosen) if limit and not findings else {chosen}
    if limit and not findings:
        findings = _limit_findings(groups, limit, chosen, scope, reached)
    variables = hostvars[chosen] if known else {}
    local = chosen in LOCAL and chosen not in (groups.get("k3s_cluster") or ()) and "ansible_connection" not in variables
    return {"findings": findings, "name": chosen, "local": local, "limited": chosen not in reached}
