#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports
short_description: Forward host TCP ports to NodePorts or to programs on the host
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Keeps an nftables table of its own that rewrites a host port to a NodePort before connection tracking and back after it, for IPv4
    and IPv6, for clients outside, pods, and the host itself. The client's address is kept.
  - A redirect in a nat table cannot do this, because the first nat target that matches ends the nat hook, so that the packet never
    reaches the rules of kube-proxy.
  - Compares desired and live rules through nft's JSON, and changes something only if they differ. The rules are replaced in one
    transaction, so established connections survive.
  - Writes the file from which a unit can load the same rules at boot.
extends_documentation_fragment:
  - baremesh.edge._host_ports
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
    description: Needs nftables and, for IPv6 and the zones used here, a kernel as Debian 12 or RHEL 9 have it.
options:
  state:
    description:
      - V(present) forwards the host ports.
      - V(absent) removes the rules of both backends, and their files with the folder if that is empty then.
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - How the ports are forwarded. What the other backend has on the host is removed.
      - V(nftables) forwards to NodePorts and to programs on the host.
      - V(iptables) is a redirect in the nat table, in chains of its own. It forwards to programs on the host only, and refuses a NodePort,
        which a redirect cannot reach under kube-proxy.
    type: str
    choices: [nftables, iptables]
    default: nftables
  ports:
    description: The host ports. Needed for O(state=present).
    default: []
  refuse_held_ports:
    description:
      - Whether to fail if a program listens on one of the host ports, or another party serves it by NAT, such as K3s's ServiceLB, the
        hostPort of a pod, or a left-over redirect. The rules would take its connections away.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.host_ports_info
  - module: baremesh.edge.host_ports_firewall
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

- name: Redirect to a gateway that listens on the host itself
  baremesh.edge.host_ports:
    backend: iptables
    ports:
      - {port: 80, target_port: 18080}

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
  description: What differed, in live rules and in the files that hold them, one sentence each.
  type: list
  elements: str
  returned: success
  sample: ["live rules: chain from_host is missing"]
files_written:
  description: Files that were written, or would be.
  type: list
  elements: str
  returned: success
  sample: [/etc/baremesh/host_ports.nft]
leftovers:
  description: What the other backend had left on the host, one sentence each; removed, or would be.
  type: list
  elements: str
  returned: success
holders:
  description: Programs that listen on one of the host ports, and who serves one by NAT, such as the hostPort of a pod.
  type: list
  elements: str
  returned: success
  sample: ["port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service)"]
"""

from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import ensure, holders, model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def argument_spec() -> dict[str, dict[str, Any]]:
    """Return the module's options."""
    return {
        **model.OPTIONS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "backend": {"type": "str", "choices": ["nftables", "iptables"], "default": "nftables"},
        "ports": {**model.OPTIONS["ports"], "required": False, "default": []},
        "refuse_held_ports": {"type": "bool", "default": True},
    }


def run(params: dict[str, Any], host: Host, check_mode: bool) -> dict[str, Any]:
    """Return the module's result.

    Raises:
        HostPortsError: the settings contradict each other, others serve a port, or the rules are refused.
    """
    backend, other = ensure.backends(params["backend"], host, params["path"])
    if params["state"] == "absent":
        return {**ensure.absent(Path(params["path"]).parent, [backend, other], check_mode), "holders": []}
    desired = model.parse(params["ports"], params["close_nodeports"], params["nodeport_sources"], params["prefix"])
    backend.refuse(desired, params["prefix"])
    named = holders.find(host, desired)[0]
    holders.refuse(named if params["refuse_held_ports"] else [], params["prefix"])
    return {**ensure.present(desired, host, backend, other, check_mode), "holders": named}


def main() -> None:
    """Run the module."""
    module = EdgeModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        result = run(module.params, Host.of(module), module.check_mode)
    except (EdgeError, OSError) as error:
        module.fail_json(msg=str(error), changed=False)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
