# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host: how it differs from the desired host ports, who else serves them, and whether they answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import ensure, firewall, holders, listeners, model, pods, proof
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.backends import Iptables
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host

Result = dict[str, Any]

_VERIFY = {"auto": "auto", **dict.fromkeys(("true", "yes", "on", "1"), "always"), **dict.fromkeys(("false", "no", "off", "0"), "never")}


def verify_of(value: str, prefix: str) -> str:
    """Read whether ports have to answer: ``never`` (not tried), ``auto`` (they may be silent) or ``always``.

    Raises:
        HostPortsError: it is another word.
    """
    if value.lower() not in _VERIFY:
        raise model.HostPortsError(f"{prefix}verify is '{value}'; allowed are true, false and auto")
    return _VERIFY[value.lower()]


def choose(backend: str, ports: Sequence[int], named: Sequence[str], cluster_ports: Sequence[int]) -> tuple[str, str]:
    """Return the backend to use, and the reason where ``auto`` leaves the choice to the host."""
    if backend != "auto":
        return backend, ""
    others = [str(port) for port in ports if port not in cluster_ports]
    if others:
        return "nftables", f"backend nftables, because nothing of Kubernetes serves port {', '.join(others)} here"
    return "loadbalancer", f"backend loadbalancer, because Kubernetes serves all ports by itself: {'; '.join(named)}"


def python() -> str:
    """Return the Python for programs that stay on the host."""
    # Ansible may run in a virtual environment that goes away, and may find another interpreter next time.
    return "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable


def look(params: Mapping[str, Any], host: Host, check_mode: bool) -> Result:
    """Return the result of host_ports_info, with ``msg`` if something does not work.

    Raises:
        HostPortsError: settings are not possible on this host; the error names all of them.
    """
    prefix = params["prefix"]
    findings: list[str] = []
    verify = "never"
    with model.collected(findings):
        verify = verify_of(params["verify"], prefix)
    with model.collected(findings):
        desired = model.parse(params["ports"], params["close_nodeports"], params["nodeport_sources"], prefix)
        result, rules_differ = _compare(params, desired, host, findings)
    if findings:
        raise model.HostPortsError("; ".join(findings))
    settled = not result["drift"] and not result["firewall"].get("drift")
    if verify == "never" or params["connect"] == "never" or (params["connect"] == "settled" and not settled):
        return result
    failures: list[str] = []
    # A connection says nothing about rules that are not there, or are still there.
    if not rules_differ:
        failures = _connect(params, desired, verify == "always", result)
    if result["drift"] and not check_mode:
        failures.append(f"the host differs from its settings: {'; '.join(result['drift'])}")
    return {**result, "msg": "; ".join(failures)} if failures else result


def _compare(params: Mapping[str, Any], desired: model.HostPorts, host: Host, findings: list[str]) -> tuple[Result, bool]:
    """Return the result without connections, and whether live rules differ; what forbids a change goes to the findings."""
    prefix = params["prefix"]
    named, cluster_ports = holders.find(host, desired)
    backend, reason = choose(params["backend"], [entry.port for entry in desired.ports], named, cluster_ports)
    used, other = ensure.backends(backend, host, params["path"])
    units: dict[str, str] = {}
    if params["refuse_bypasses"]:
        findings += model.bypasses(desired, backend, params["proxied_nodeports"], prefix)
    if backend == "loadbalancer":
        found = ensure.Comparison([], {}, ensure.leftovers(used, other))
    else:
        with model.collected(findings):
            used.refuse(desired, prefix)
        with model.collected(findings):
            holders.refuse(named if params["refuse_held_ports"] else [], prefix)
        found = ensure.compare(desired, used, other)
        units = host.idle_units(params["units"])
    redirects = next(item.tools_and_files() for item in (used, other) if isinstance(item, Iptables))
    missing = {"nftables": not host.nft, "iptables": not redirects}
    result: Result = {
        "backend": backend,
        "reason": reason,
        "host_ports": desired.lines(),
        "drift": [*found.drift(), *(f"unit {unit}: {state}" for unit, state in units.items())],
        "leftovers": found.leftovers,
        "idle_units": list(units),
        "files": host.files(params["files"]),
        "holders": named,
        "cluster_ports": cluster_ports,
        "python": python(),
        "nft": host.nft,
        "redirects": redirects,
        "missing_package": backend if missing.get(backend) else "",
        "firewall": _firewall(params, desired, backend, host, findings),
        "answering": [],
        "checks": [],
        "pending": [],
        "untried": [],
    }
    return result, bool(found.leftovers if backend == "loadbalancer" else found.rules)


def _firewall(params: Mapping[str, Any], desired: model.HostPorts, backend: str, host: Host, findings: list[str]) -> Result:
    """Return the ports to open and what differs, if the module was asked for it."""
    options = params["firewall"]
    if not options:
        return {}
    ports = [entry.port for entry in desired.ports]
    # A redirect is before the filter, which sees the port behind it.
    ufw_ports = [entry.node_port for entry in desired.ports] if backend == "iptables" else []
    pod_ports = options["pod_ports"] or [entry.port for entry in desired.ports if not entry.on_host]
    drift: list[str] = []
    with model.collected(findings):
        name = "edge_pod_networks" if params["prefix"] else "firewall.networks"
        networks = model.networks(options["networks"], name)
        openings = firewall.Openings(options["open"], ports, ufw_ports, networks, pod_ports, options["zones"], Path(options["record"]))
        for plan in firewall.plans(openings, host.find, host.run):
            drift += [f"to open: {line}" for line in plan.opened] + [f"to close: {line}" for line in plan.closed]
    return {"ports": ports, "ufw_ports": ufw_ports, "pod_ports": pod_ports, "drift": drift}


def _connect(params: Mapping[str, Any], desired: model.HostPorts, required: bool, result: Result) -> list[str]:
    """Try connections, add what came of them to the result, and return what fails."""
    addresses = params["verify_addresses"]
    rewritten = result["backend"] != "loadbalancer"
    checks = proof.check_all(desired.ports, addresses or [*listeners.own_addresses(), "127.0.0.1"], rewritten=rewritten)
    # A port with sources is not for every pod, and not for every controller.
    unlimited = {entry.port for entry in desired.ports if not entry.sources}
    found = pods.find()
    from_pod = proof.from_pod(
        [check for check in checks if check.port in unlimited] if found else [], pods.connect_from_any(found, proof.connect)
    )
    result["checks"] = [check.as_result() for check in (*checks, *from_pod)]
    result["answering"] = sorted({check.port for check in checks if check.state == "works" and check.port in unlimited})
    result["pending"] = proof.pending(checks, rewritten)
    result["untried"] = [] if found else ["from a pod: no pod with a network of its own runs on this host yet"]
    return proof.failures(checks, required, bool(addresses), rewritten) + [check.text for check in from_pod if check.state == "fails"]
