#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports_info
short_description: Compare host ports with a host, and connect to them
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Shows how a host differs from the host ports that M(baremesh.edge.host_ports) would set, in live rules, files, units and firewalls, and
    who else serves these ports.
  - Fails, before anything changes, with all that makes the settings impossible on this host.
  - Connects to the ports from the host and from a pod.
extends_documentation_fragment:
  - baremesh.edge._host_ports
attributes:
  check_mode:
    support: full
    description: Changes nothing, so it does the same. O(connect=always) does not fail then because the host differs from its settings.
  platform:
    support: full
    platforms: linux
    description: Works where nft, iptables and firewalls are not installed yet, too.
options:
  backend:
    description:
      - How the ports are served.
      - V(nftables) and V(iptables) are those of M(baremesh.edge.host_ports).
      - V(loadbalancer) means Kubernetes by itself. Rules of M(baremesh.edge.host_ports) are in RV(drift) then.
      - V(auto) is V(loadbalancer) if that serves all the ports, else V(nftables). RV(backend) is the choice.
    type: str
    choices: [nftables, iptables, loadbalancer, auto]
    default: nftables
  ports:
    required: true
  files:
    description: Further files of the host ports, such as the unit that loads them; RV(files) has their digests.
    type: list
    elements: path
    default: []
  units:
    description: Systemd units that are meant to run and to be started at boot; RV(idle_units) has those that are not.
    type: list
    elements: str
    default: []
  refuse_held_ports:
    description:
      - Whether to fail if a program listens on one of the host ports, or another party serves it by NAT, unless the backend is
        V(loadbalancer). The rules would take its connections away.
    type: bool
    default: false
  refuse_bypasses:
    description:
      - Whether to fail where clients that sources leave out reach what is behind a port by another way. It is the NodePort, unless
        O(close_nodeports) is set; the port of the program, with the backend V(iptables); and every way with V(loadbalancer), which has no
        rules.
    type: bool
    default: false
  proxied_nodeports:
    description: NodePorts behind which the gateway believes what a proxy says of clients. With O(refuse_bypasses) their ports need sources.
    type: list
    elements: int
    default: []
  firewall:
    description: What has to be open in firewalld and ufw, as M(baremesh.edge.host_ports_firewall) would set it. Not compared unless given.
    type: dict
    suboptions:
      open:
        description: Whether the ports are to be open.
        type: bool
        default: true
      networks:
        description: Networks of the pods, to which ufw has to forward.
        type: list
        elements: str
        default: []
      pod_ports:
        description: TCP ports on which the pods listen. Unless set, those of O(ports) that go to a NodePort.
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
  verify:
    description:
      - Whether host ports have to answer.
      - V(true) fails if one does not, V(auto) reports a port only behind whose NodePort nothing answers yet, V(false) connects to none.
    type: str
    default: auto
  connect:
    description:
      - Whether to connect to each host port at each of O(verify_addresses) now. V(settled) does so only if the host does not differ from
        its settings, in firewalls too, so that one call serves before a change and instead of one. O(verify) is checked in any case.
      - What answers the host is tried from its pods too, until one of a few can, by a process that enters the pod's network for that
        one connection. Ports with sources are not.
      - V(always) fails if the host differs from the settings, since what differs would not survive a reboot either.
    type: str
    choices: [always, settled, never]
    default: always
  controller_address:
    description:
      - Address of this host at which the controller connects to each port in RV(answering), for RV(from_controller).
      - Silence is no failure, because what the controller reaches depends on the network between.
    type: str
  verify_addresses:
    description: Addresses of this host to connect to. Unless set, 127.0.0.1 and the host's own address of each family.
    type: list
    elements: str
    default: []
seealso:
  - module: baremesh.edge.host_ports
  - module: baremesh.edge.host_ports_firewall
"""

EXAMPLES = r"""
- name: Connect to the host ports, and fail if one does not answer
  baremesh.edge.host_ports_info:
    ports:
      - {port: 80, node_port: 30080}
      - {port: 443, node_port: 30443}
    verify: true

- name: Show what would change, and who holds the ports
  baremesh.edge.host_ports_info:
    ports:
      - {port: 80, node_port: 30080}
    connect: never
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.drift + found.holders }}"
"""

RETURN = r"""
backend:
  description: The backend, chosen if O(backend=auto).
  type: str
  returned: always
  sample: nftables
reason:
  description: Why this backend was chosen, empty unless O(backend=auto).
  type: str
  returned: always
  sample: "backend nftables, because nothing of Kubernetes serves port 80, 443 here"
host_ports:
  description: The host ports as they are meant to be, one sentence each.
  type: list
  elements: str
  returned: always
  sample: ["80/tcp -> NodePort 30080 (IPv4, IPv6)"]
drift:
  description: How the host differs from that, in live rules, in the files that hold them and in units, one sentence each.
  type: list
  elements: str
  returned: always
  sample: ["live rules: chain from_host is missing"]
leftovers:
  description: What backends that are not used have on the host, one sentence each; part of RV(drift).
  type: list
  elements: str
  returned: always
idle_units:
  description: Those of O(units) that do not run or are not enabled.
  type: list
  elements: str
  returned: always
files:
  description: C(mode), octal, and C(sha256), the digest, of those of O(files) that exist, by path.
  type: dict
  returned: always
  sample: {/etc/systemd/system/a.service: {mode: "0644", sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}
holders:
  description: Programs that listen on one of the host ports, and who serves one by NAT, such as the hostPort of a pod.
  type: list
  elements: str
  returned: always
  sample: ["port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service)"]
cluster_ports:
  description: Those of the host ports that Kubernetes serves by itself, by a Service with an address of this host or a hostPort.
  type: list
  elements: int
  returned: always
firewall:
  description: The openings in firewalld and ufw; empty unless O(firewall) is given.
  type: dict
  returned: always
  contains:
    ports:
      description: TCP ports to open towards the host.
      type: list
      elements: int
    ufw_ports:
      description: Further TCP ports to open in ufw.
      type: list
      elements: int
    pod_ports:
      description: TCP ports of pods to which ufw has to forward.
      type: list
      elements: int
    drift:
      description: What has to be opened and closed, one phrase each.
      type: list
      elements: str
      sample: ["to open: ufw allow 80/tcp"]
checks:
  description: Connections that were tried.
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
      description: NodePort or port of the host behind it.
      type: int
    state:
      description: V(works), V(pending) if nothing answers on the NodePort either, or V(fails).
      type: str
    text:
      description: What happened, in a sentence.
      type: str
    origin:
      description: Where the connection came from, V(host) or V(pod).
      type: str
answering:
  description: Host ports that answer the host and may be used by every client.
  type: list
  elements: int
  returned: always
from_controller:
  description: Whether the port answers the controller, by number of the port.
  type: dict
  returned: if O(controller_address) is given and a port answers the host
  sample: {"80": true, "443": true}
pending:
  description: Host ports that could not be proved because nothing answers on the NodePort yet, one sentence each.
  type: list
  elements: str
  returned: always
untried:
  description: Where no connection could be tried from, and why.
  type: list
  elements: str
  returned: always
missing_package:
  description: Name of the package without which the backend does not work on this host; empty if it is there.
  type: str
  returned: always
  sample: nftables
python:
  description: Path of the Python of this host, for programs that stay.
  type: str
  returned: always
  sample: /usr/bin/python3
nft:
  description: Path of nft; empty if it is not installed.
  type: str
  returned: always
  sample: /usr/sbin/nft
redirects:
  description: Paths of iptables and of the file of its rules, of ip6tables and of its file, as far as there are NAT tables here.
  type: list
  elements: str
  returned: always
  sample: [/usr/sbin/iptables, /etc/baremesh/host_ports.iptables]
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import look, model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def argument_spec() -> dict[str, dict[str, Any]]:
    """Return the module's options."""
    openings: dict[str, dict[str, Any]] = {
        "open": {"type": "bool", "default": True},
        "networks": {"type": "list", "elements": "str", "default": []},
        "pod_ports": {"type": "list", "elements": "int", "default": []},
        "zones": {"type": "list", "elements": "str", "default": []},
        "record": {"type": "path", "default": "/etc/baremesh/host_ports_firewall.json"},
    }
    return {
        **model.OPTIONS,
        "backend": {"type": "str", "choices": ["nftables", "iptables", "loadbalancer", "auto"], "default": "nftables"},
        "files": {"type": "list", "elements": "path", "default": []},
        "units": {"type": "list", "elements": "str", "default": []},
        "refuse_held_ports": {"type": "bool", "default": False},
        "refuse_bypasses": {"type": "bool", "default": False},
        "proxied_nodeports": {"type": "list", "elements": "int", "default": []},
        "firewall": {"type": "dict", "options": openings},
        "verify": {"type": "str", "default": "auto"},
        "connect": {"type": "str", "choices": ["always", "settled", "never"], "default": "always"},
        # For the action plugin, which runs where the controller does.
        "controller_address": {"type": "str"},
        "verify_addresses": {"type": "list", "elements": "str", "default": []},
    }


def main() -> None:
    """Run the module."""
    module = EdgeModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        result = look.look(module.params, Host.of(module), module.check_mode)
    except (EdgeError, OSError) as error:
        module.fail_json(msg=str(error))
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
