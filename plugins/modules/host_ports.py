#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports
short_description: Lead TCP ports of a host to NodePorts
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Keeps an nftables table of its own that rewrites a host port to a NodePort before connection tracking and back after it, for IPv4
    and IPv6, for clients outside, pods, and the host itself. The client's address is kept.
  - A redirect in a nat table cannot do this, because the first nat target that matches ends the nat hook, so that the rules of
    kube-proxy are never reached.
  - Compares wanted and live rules through nft's JSON, and changes something only if they differ. The rules are replaced in one
    transaction, so established connections survive.
  - Writes the file from which a unit can load the same rules at boot.
attributes:
  check_mode:
    support: full
    description: Compares, looks for programs that hold the ports, and changes nothing. Works where nft is not installed yet.
  diff_mode:
    support: full
    description: Shows host ports in words, and what the live rules lack.
  platform:
    support: full
    platforms: linux
options:
  state:
    description: Whether the host ports are to be there. V(absent) removes the table and the file.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description: The host ports. Needed for O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: TCP port of the host.
        type: int
        required: true
      node_port:
        description: NodePort of the Service to which it leads.
        type: int
        required: true
      sources:
        description:
          - Addresses and networks that may use the port; everybody unless set. The others are refused as if nothing listened.
          - The host itself always may.
        type: list
        elements: str
        default: []
  close_nodeports:
    description: Whether to drop what is sent directly to the NodePorts of O(ports), except by the host itself.
    type: bool
    default: false
  nodeport_sources:
    description: Addresses and networks that may use the NodePorts directly in spite of O(close_nodeports).
    type: list
    elements: str
    default: []
  path:
    description: File that holds the rules for C(nft -f).
    type: path
    default: /etc/baremesh/host_ports.nft
  unit:
    description: Systemd unit that is meant to load the file; if set, RV(drift) tells whether it is active and enabled.
    type: str
  refuse_held_ports:
    description:
      - Whether to fail if a program listens on one of the host ports. The rules would take its connections away.
    type: bool
    default: true
  verify:
    description:
      - Whether to open a connection to each host port at each of O(verify_addresses).
      - With V(auto) a port behind whose NodePort nothing answers yet is reported only; with V(always) it fails.
    type: str
    choices: [never, auto, always]
    default: never
  verify_addresses:
    description: Addresses of this host to connect to. Unless set, 127.0.0.1 and the host's own address of each family.
    type: list
    elements: str
    default: []
seealso:
  - name: Host ports
    description: How the rules work and what was measured.
    link: https://github.com/baremesh/edge/blob/main/docs/host_ports.md
"""

EXAMPLES = r"""
- name: Serve HTTP and HTTPS on the host's own ports
  baremesh.edge.host_ports:
    ports:
      - {port: 80, node_port: 30080}
      - {port: 443, node_port: 30443}

- name: The same, but HTTPS for two networks only, and no way around it
  baremesh.edge.host_ports:
    ports:
      - {port: 80, node_port: 30080}
      - {port: 443, node_port: 30443, sources: [192.0.2.0/24, 2001:db8::/32]}
    close_nodeports: true
    verify: auto

- name: Remove them
  baremesh.edge.host_ports:
    state: absent
"""

RETURN = r"""
host_ports:
  description: The host ports as they are now, or would be, one sentence each.
  type: list
  elements: str
  returned: success
  sample: ["80/tcp -> NodePort 30080 (IPv4, IPv6)"]
drift:
  description: What was found different from what is wanted, in rules, file and unit, one sentence each.
  type: list
  elements: str
  returned: always
  sample: ["live rules: chain from_host is missing"]
holders:
  description: Programs that listen on one of the host ports.
  type: list
  elements: str
  returned: always
  sample: ["port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service)"]
checks:
  description: Connections that were tried, with O(verify).
  type: list
  elements: dict
  returned: always
  contains:
    address:
      description: Address of the host.
      type: str
    port:
      description: Host port.
      type: int
    node_port:
      description: NodePort behind it.
      type: int
    state:
      description: V(works), V(pending) if nothing answers on the NodePort either, or V(fails).
      type: str
    text:
      description: What happened, in a sentence.
      type: str
nft:
  description: Path of nft; empty if it is not installed.
  type: str
  returned: always
  sample: /usr/sbin/nft
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, live, model, proof, rules


class HostPorts:
    """Reads and changes what the host has; what to do with it is decided by pure functions."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.nft = module.get_bin_path("nft", opt_dirs=["/usr/sbin", "/sbin"]) or ""
        self.path = Path(module.params["path"])

    def live_table(self) -> str | None:
        """Return nft's JSON of our table; ``None`` if there is no such table.

        Raises:
            HostPortsError: nft fails for another reason.
        """
        if not self.nft:
            return None
        code, out, err = self._nft("-j", "list", "table", "inet", rules.TABLE)
        if code == 0:
            return out
        if "No such file or directory" in err:
            return None
        raise model.HostPortsError(f"`nft list table inet {rules.TABLE}` fails: {_first_line(err)}")

    def file_content(self) -> str | None:
        """Return the rule file; ``None`` if it is absent."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def unit_drift(self) -> list[str]:
        """Tell how the unit differs from a unit that brings the rules back at boot."""
        unit = self.module.params["unit"]
        systemctl = self.module.get_bin_path("systemctl")
        if not unit or not systemctl:
            return []
        _code, out, _err = self.module.run_command([systemctl, "show", "-p", "ActiveState,UnitFileState", unit], check_rc=False)
        shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        wanted = {"ActiveState": "active", "UnitFileState": "enabled"}
        return [f"unit {unit}: {shown.get(key) or 'absent'} instead of {value}" for key, value in wanted.items() if shown.get(key) != value]

    def store(self, text: str) -> None:
        """Write the rule file, after nft has accepted its text.

        Raises:
            HostPortsError: nft refuses it.
        """
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".ansible_host_ports_", dir=self.module.tmpdir)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self._load("-c", "-f", name)
        Path(name).chmod(0o644)
        self.module.atomic_move(name, str(self.path))

    def load(self) -> None:
        """Replace the live table by what the file says."""
        self._load("-f", str(self.path))

    def remove(self, table: bool) -> None:
        """Remove the table, if there is one, and the file."""
        if table:
            self._load("delete", "table", "inet", rules.TABLE)
        self.path.unlink(missing_ok=True)

    def _load(self, *arguments: str) -> None:
        code, _out, err = self._nft(*arguments)
        if code:
            raise model.HostPortsError(f"`nft {' '.join(arguments)}` fails: {_first_line(err)}")

    def _nft(self, *arguments: str) -> tuple[int, str, str]:
        code, out, err = self.module.run_command([self.nft, *arguments], environ_update={"LC_ALL": "C"})
        return int(code), str(out), str(err)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")


def _drift(host: HostPorts, output: str | None, text: str, wanted: model.Wanted) -> tuple[list[str], list[str]]:
    """Return what is wrong with the live rules, and with the file."""
    if not host.nft:
        rules_drift = ["live rules: none, nft is not installed"]
    elif output is None:
        rules_drift = [f"live rules: there is no table inet {rules.TABLE}"]
    else:
        rules_drift = [f"live rules: {line}" for line in live.differences(live.parse_table(output), rules.chains(wanted))]
    content = host.file_content()
    if content == text:
        return rules_drift, []
    return rules_drift, [f"file {host.path}: {'absent' if content is None else 'differs'}"]


def _lines(output: str | None) -> list[str]:
    found = live.parse_wanted(output) if output else None
    return found.lines() if found else []


def _diff(before: list[str], after: list[str]) -> dict[str, str]:
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def present(module: AnsibleModule, host: HostPorts) -> dict[str, Any]:
    """Bring the host ports in place and return the module's result.

    Raises:
        HostPortsError: the options contradict each other, or nft refuses the rules.
    """
    p = module.params
    wanted = model.parse(p["ports"], p["close_nodeports"], p["nodeport_sources"])
    text = rules.render(wanted)
    output = host.live_table()
    rules_drift, file_drift = _drift(host, output, text, wanted)
    holders = listeners.holders(entry.port for entry in wanted.ports)
    result: dict[str, Any] = {
        "changed": bool(rules_drift or file_drift),
        "host_ports": wanted.lines(),
        "drift": [*rules_drift, *file_drift, *host.unit_drift()],
        "holders": [str(holder) for holder in holders],
        "checks": [],
        "nft": host.nft,
        "diff": _diff([*_lines(output), *rules_drift, *file_drift], wanted.lines()),
    }
    if holders and p["refuse_held_ports"]:
        result |= {"changed": False, "msg": _held(holders), "failed": True}
        return result
    if result["changed"] and not module.check_mode:
        if not host.nft:
            raise model.HostPortsError("nft is not installed; install the package nftables")
        if file_drift:
            host.store(text)
        host.load()
    if p["verify"] != "never" and not (module.check_mode and rules_drift):
        addresses = p["verify_addresses"] or [*listeners.own_addresses(), "127.0.0.1"]
        checks = proof.check_all(wanted.ports, addresses)
        result["checks"] = [check.as_result() for check in checks]
        failures = proof.failures(checks, required=p["verify"] == "always")
        if failures:
            result |= {"msg": "; ".join(failures), "failed": True}
    return result


def _held(holders: list[listeners.Listener]) -> str:
    named = "; ".join(str(holder) for holder in holders)
    return f"{named}: the host ports would take its connections away. Stop it or give it another port (or set refuse_held_ports to false)"


def absent(module: AnsibleModule, host: HostPorts) -> dict[str, Any]:
    """Remove the host ports and return the module's result."""
    output = host.live_table()
    content = host.file_content()
    found = [f"live rules: table inet {rules.TABLE}"] * (output is not None) + [f"file {host.path}: present"] * (content is not None)
    if found and not module.check_mode:
        host.remove(table=output is not None)
    return {
        "changed": bool(found),
        "host_ports": [],
        "drift": found,
        "holders": [],
        "checks": [],
        "nft": host.nft,
        "diff": _diff([*_lines(output), *found], []),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "port": {"type": "int", "required": True},
                    "node_port": {"type": "int", "required": True},
                    "sources": {"type": "list", "elements": "str", "default": []},
                },
            },
            "close_nodeports": {"type": "bool", "default": False},
            "nodeport_sources": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "default": "/etc/baremesh/host_ports.nft"},
            "unit": {"type": "str"},
            "refuse_held_ports": {"type": "bool", "default": True},
            "verify": {"type": "str", "choices": ["never", "auto", "always"], "default": "never"},
            "verify_addresses": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    host = HostPorts(module)
    try:
        result = (present if module.params["state"] == "present" else absent)(module, host)
    except (model.HostPortsError, OSError) as error:
        module.fail_json(msg=str(error), drift=[], holders=[], checks=[], nft=host.nft)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
