#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports_firewall
short_description: Open host ports in firewalld or ufw
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Where firewalld or ufw is active, opens host ports and the way to the pods in its terms, now and for later, and without a reload. Where
    neither is, nothing is done.
  - Opens only what nobody has opened yet, and remembers what it opened. O(state=absent), or a list without a port, takes back exactly that.
  - In ufw its rules carry the comment C(baremesh.edge host_ports). What it opened in firewalld is in O(record).
  - A rule of ufw that says the contrary, such as C(ufw deny 80/tcp), is an error, because C(ufw allow 80/tcp) would overwrite it.
attributes:
  check_mode:
    support: full
    description: Tells what would be opened or closed.
  diff_mode:
    support: full
    description: Shows the openings made by this module, one a line.
  platform:
    support: full
    platforms: linux
    description: Needs nothing; firewalld 0.9 or later and ufw 0.36 or later are known.
options:
  state:
    description: Whether the openings are to be there.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description:
      - TCP ports to open towards the host. firewalld and ufw see the host port where the port is rewritten by M(baremesh.edge.host_ports).
      - What is led to a pod is let through by firewalld anyway, because it has a DNAT.
    type: list
    elements: int
    default: []
  ufw_ports:
    description: Further TCP ports to open in ufw only, which sees the port behind a redirect where firewalld lets redirected packets pass.
    type: list
    elements: int
    default: []
  networks:
    description: Networks of the pods, to which ufw has to forward.
    type: list
    elements: str
    default: []
  zones:
    description: Zones of firewalld. Unless set, the default zone, where pods are, and the zones of the interfaces with a default route.
    type: list
    elements: str
    default: []
  record:
    description: File that holds what was opened in firewalld.
    type: path
    default: /etc/baremesh/host_ports_firewall.json
seealso:
  - module: baremesh.edge.host_ports
"""

EXAMPLES = r"""
- name: Open what a gateway behind ports 80 and 443 needs
  baremesh.edge.host_ports_firewall:
    ports: [80, 443]
    networks: [10.42.0.0/16, "fd42::/56"]

- name: Take it back
  baremesh.edge.host_ports_firewall:
    state: absent
"""

RETURN = r"""
firewalls:
  description: The firewalls that are active here.
  type: list
  elements: str
  returned: success
  sample: [firewalld]
opened:
  description: What was opened by this run, or would be.
  type: list
  elements: str
  returned: success
  sample: ["firewalld zone public: 80/tcp (permanent)", "ufw route allow to 10.42.0.0/16"]
closed:
  description: What was taken back by this run, or would be.
  type: list
  elements: str
  returned: success
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.firewalld import Firewalld, Opening, uplinks
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.ufw import Ufw, rules_for


def _read(path: Path) -> list[Opening]:
    try:
        return [Opening.from_record(entry) for entry in json.loads(path.read_text(encoding="utf-8"))["firewalld"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise model.HostPortsError(f"{path} cannot be read ({error}); delete it, and close in firewalld by hand what it opened") from None


def _write(path: Path, openings: set[Opening]) -> None:
    if not openings:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others may keep files there
            path.parent.rmdir()
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    ordered = sorted(openings, key=lambda opening: (opening.zone, opening.port, opening.permanent))
    part.write_text(json.dumps({"firewalld": [opening.as_record() for opening in ordered]}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def firewalld(module: AnsibleModule, tool: Firewalld) -> dict[str, list[str]]:
    """Open and close in firewalld; what was opened, closed, and is held, in words."""
    p = module.params
    record = Path(p["record"])
    mine = set(_read(record))
    desired: set[Opening] = set()
    there: set[Opening] = set()
    if p["state"] == "present" and tool.is_active():
        for zone in p["zones"] or tool.zones(uplinks()):
            desired |= {Opening(zone, port, permanent) for port in p["ports"] for permanent in (False, True)}
            there |= tool.there(zone, p["ports"])
    elif p["state"] == "present":
        desired = mine  # it filters nothing now, and may again
        there = mine
    add, remove = sorted(desired - there, key=str), sorted(mine - desired, key=str)
    held = (mine | set(add)) - set(remove)
    if not module.check_mode and (add or remove):
        # The record first: what is in it and not open is closed in vain, what is open and not in it stays for ever.
        _write(record, mine | set(add))
        for opening in add:
            tool.add(opening)
        for opening in remove:
            tool.remove(opening)
        _write(record, held)
    return {"opened": [*map(str, add)], "closed": [*map(str, remove)], "held": sorted(map(str, held)), "before": sorted(map(str, mine))}


def ufw(module: AnsibleModule, tool: Ufw) -> dict[str, list[str]]:
    """Open and close in ufw; what was opened, closed, and is held, in words."""
    p = module.params
    mine = tool.ours()
    desired = mine
    add: list[tuple[str, ...]] = []
    if p["state"] == "absent":
        desired = []
    elif tool.is_active():
        desired = rules_for(sorted({*p["ports"], *p["ufw_ports"]}), p["networks"])
        add = tool.missing(desired)
    remove = [rule for rule in mine if rule not in desired]
    if not module.check_mode:
        for rule in remove:
            tool.delete(rule)
        for rule in add:
            tool.add(rule)
    words = {"opened": add, "closed": remove, "held": [rule for rule in mine if rule not in remove] + add, "before": mine}
    return {key: [f"ufw {' '.join(rule)}" for rule in rules] for key, rules in words.items()}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Do what is asked in each firewall and return the module's result."""

    def call(arguments: list[str]) -> tuple[int, str, str]:
        code, out, err = module.run_command(arguments, environ_update={"LC_ALL": "C"})
        return int(code), str(out), str(err)

    found = {
        name: module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]) or "" for name in ("firewall-cmd", "firewall-offline-cmd", "ufw")
    }
    firewalld_tool, ufw_tool = Firewalld(found, call), Ufw(found["ufw"], call)
    active = [name for name, tool in (("firewalld", firewalld_tool), ("ufw", ufw_tool)) if tool.is_active()]
    module.params["networks"] = list(model.networks(module.params["networks"], "networks"))
    parts = [firewalld(module, firewalld_tool), ufw(module, ufw_tool)] if found["ufw"] else [firewalld(module, firewalld_tool)]
    joined = {key: [line for part in parts for line in part[key]] for key in ("opened", "closed", "held", "before")}
    return {
        "changed": bool(joined["opened"] or joined["closed"]),
        "firewalls": active,
        "opened": joined["opened"],
        "closed": joined["closed"],
        "diff": {key: "".join(f"{line}\n" for line in joined[name]) for key, name in (("before", "before"), ("after", "held"))},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "ufw_ports": {"type": "list", "elements": "int", "default": []},
            "networks": {"type": "list", "elements": "str", "default": []},
            "zones": {"type": "list", "elements": "str", "default": []},
            "record": {"type": "path", "default": "/etc/baremesh/host_ports_firewall.json"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (model.HostPortsError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
