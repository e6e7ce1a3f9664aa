#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports_firewall
short_description: Open host ports in firewalld or ufw
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Where firewalld or ufw is active, opens host ports and the way to the pods in its terms, now and for later, and without a reload. Where
    neither is, nothing is done.
  - Opens only what is not open yet, and remembers what it opened. O(state=absent), or a list without a port, takes back exactly that.
  - In ufw its rules carry the comment C(baremesh.edge host_ports). What it opened in firewalld is in O(record).
  - A rule of ufw that says the contrary, such as C(ufw deny 80/tcp), is an error, because C(ufw allow 80/tcp) would overwrite it.
attributes:
  check_mode:
    support: full
    description: Returns what would be opened or closed.
  diff_mode:
    support: full
    description: Shows the openings made by this module, one a line.
  platform:
    support: full
    platforms: linux
    description: Needs nothing; firewalld 0.9 or later and ufw 0.36 or later are known.
options:
  state:
    description: V(present) makes the openings, V(absent) takes back those that were made here.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description:
      - TCP ports to open towards the host. firewalld and ufw see the host port where M(baremesh.edge.host_ports) rewrites the port.
      - What goes on to a pod is let through by firewalld anyway, because it has a DNAT.
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
  pod_ports:
    description: TCP ports of pods in O(networks) to which ufw has to forward. It forwards nothing more.
    type: list
    elements: int
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
    pod_ports: [80, 443]

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
  sample: ["firewalld zone public: 80/tcp (permanent)", "ufw route allow to 10.42.0.0/16 port 80,443 proto tcp"]
closed:
  description: What was taken back by this run, or would be.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import firewall, model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def run(params: dict[str, Any], host: Host, check_mode: bool) -> dict[str, Any]:
    """Open and close in each firewall, and return the module's result.

    Raises:
        FirewallError: a firewall fails, or has a rule that says the contrary; nothing was changed in the second case.
    """
    params = {**params, "networks": model.networks(params["networks"], "networks"), "record": Path(params["record"])}
    lists = (params[name] for name in ("ports", "ufw_ports", "networks", "pod_ports", "zones", "record"))
    openings = firewall.Openings(params["state"] == "present", *lists)
    plans = list(firewall.plans(openings, host.find, host.run))
    for plan in [] if check_mode else plans:
        plan.apply()
    opened, closed = [line for plan in plans for line in plan.opened], [line for plan in plans for line in plan.closed]
    return {
        "changed": bool(opened or closed),
        "firewalls": firewall.active(host.find, host.run),
        "opened": opened,
        "closed": closed,
        "diff": {
            "before": "".join(f"{line}\n" for plan in plans for line in plan.before),
            "after": "".join(f"{line}\n" for plan in plans for line in plan.held),
        },
    }


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "ufw_ports": {"type": "list", "elements": "int", "default": []},
            "networks": {"type": "list", "elements": "str", "default": []},
            "pod_ports": {"type": "list", "elements": "int", "default": []},
            "zones": {"type": "list", "elements": "str", "default": []},
            "record": {"type": "path", "default": "/etc/baremesh/host_ports_firewall.json"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module.params, Host.of(module), module.check_mode)
    except (EdgeError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
