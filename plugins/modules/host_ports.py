#!/usr/bin/python

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_ports
short_description: Lead TCP ports of a host to NodePorts or to programs on it
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Keeps an nftables table of its own that rewrites a host port to a NodePort before connection tracking and back after it, for IPv4
    and IPv6, for clients outside, pods, and the host itself. The client's address is kept.
  - A redirect in a nat table cannot do this, because the first nat target that matches ends the nat hook, so that the rules of
    kube-proxy are never reached.
  - Compares desired and live rules through nft's JSON, and changes something only if they differ. The rules are replaced in one
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
    description: Needs nftables and, for IPv6 and the zones used here, a kernel as Debian 12 or RHEL 9 have it.
options:
  state:
    description:
      - Whether the host ports are to be there.
      - V(absent) removes the table, the file with its folder if that is empty then, and O(files).
    type: str
    choices: [present, absent]
    default: present
  backend:
    description:
      - How the ports are led. What the other backend has on the host is removed.
      - V(nftables) leads to NodePorts and to programs on the host.
      - V(iptables) is a redirect in the nat table, in chains of its own. It leads to programs on the host only, and refuses a NodePort,
        which a redirect cannot reach under kube-proxy.
    type: str
    choices: [nftables, iptables]
    default: nftables
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
        description: NodePort of the Service to which it leads. Either this or O(ports[].target_port).
        type: int
      target_port:
        description: Port on which a program listens on the host itself, such as a gateway with C(hostNetwork).
        type: int
      sources:
        description:
          - Addresses and networks that may use the port; everybody unless set. The others are refused as if nothing listened.
          - The host itself always may.
        type: list
        elements: str
        default: []
  ports_label:
    description: What to call O(ports) in messages; a role passes the name of its own variable.
    type: str
    default: ports
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
    description:
      - File that holds the rules for C(nft -f).
      - With V(iptables) the rules are beside it, with the suffixes C(.iptables) and C(.ip6tables), for C(iptables-restore --noflush).
    type: path
    default: /etc/baremesh/host_ports.nft
  files:
    description:
      - Further text files that belong to the rules, such as the unit that loads them. They are written and removed together with
        the rules.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where the file belongs.
        type: path
        required: true
      content:
        description: What it holds. It is not logged, because it is long.
        type: str
        default: ""
      mode:
        description: Its mode, octal.
        type: str
        default: "0644"
  units:
    description: Systemd units that are meant to run and to be started at boot; RV(idle_units) tells which are not. None is changed.
    type: list
    elements: str
    default: []
  refuse_held_ports:
    description:
      - Whether to fail if a program listens on one of the host ports, or somebody else serves it by NAT, such as K3s's ServiceLB, the
        hostPort of a pod, or a left-over redirect. The rules would take its connections away.
    type: bool
    default: true
  verify:
    description:
      - Whether to open a connection to each host port at each of O(verify_addresses).
      - What answers the host is tried from its pods too, until one of a few can, by a process that enters the pod's network for that
        one connection. Ports with sources are not.
      - With O(state=absent) too, to see whether something else serves the ports.
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
  description: What was found different from what is desired, in rules, file and unit, one sentence each.
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
idle_units:
  description: Those of O(units) that do not run or are not enabled.
  type: list
  elements: str
  returned: success
holders:
  description: Programs that listen on one of the host ports, and who serves one by NAT, such as the hostPort of a pod.
  type: list
  elements: str
  returned: success
  sample: ["port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service)"]
cluster_ports:
  description: Those of the host ports that Kubernetes serves by itself, by a Service with an address of this host or a hostPort.
  type: list
  elements: int
  returned: success
leftovers:
  description: What the other backend has left on the host, one sentence each; removed, or would be.
  type: list
  elements: str
  returned: success
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
untried:
  description: Where no connection could be tried from, and why, with O(verify).
  type: list
  elements: str
  returned: always
pending:
  description: Host ports that could not be proved because nothing answers on the NodePort yet, one sentence each.
  type: list
  elements: str
  returned: always
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

import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import ensure, model
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.backends import Iptables, Nftables
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host


def _python() -> str:
    # Ansible may run in a virtual environment that goes away, and may find another interpreter next time.
    return "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable


def _run_command(module: AnsibleModule, arguments: list[str]) -> tuple[int, str, str]:
    code, out, err = module.run_command(arguments, environ_update={"LC_ALL": "C"})
    return int(code), str(out), str(err)


def argument_spec() -> dict[str, dict[str, Any]]:
    """The module's options."""
    port: dict[str, dict[str, Any]] = {
        "port": {"type": "int", "required": True},
        "node_port": {"type": "int"},
        "target_port": {"type": "int"},
        "sources": {"type": "list", "elements": "str", "default": []},
    }
    file: dict[str, dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "default": "", "no_log": True},
        "mode": {"type": "str", "default": "0644"},
    }
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "backend": {"type": "str", "choices": ["nftables", "iptables"], "default": "nftables"},
        "ports": {"type": "list", "elements": "dict", "default": [], "options": port},
        "ports_label": {"type": "str", "default": "ports"},
        "close_nodeports": {"type": "bool", "default": False},
        "nodeport_sources": {"type": "list", "elements": "str", "default": []},
        "path": {"type": "path", "default": "/etc/baremesh/host_ports.nft"},
        "files": {"type": "list", "elements": "dict", "default": [], "options": file},
        "units": {"type": "list", "elements": "str", "default": []},
        "refuse_held_ports": {"type": "bool", "default": True},
        "verify": {"type": "str", "choices": ["never", "auto", "always"], "default": "never"},
        "verify_addresses": {"type": "list", "elements": "str", "default": []},
    }


def ensure_state(params: dict[str, Any], look_only: bool, host: Host, backends: list[ensure.Backend]) -> dict[str, Any]:
    """Do what the options say. Raises HostPortsError."""
    options = ensure.Options.of(params, look_only)
    ports, label = params["ports"], params["ports_label"]
    if params["state"] == "present":
        desired = model.parse(ports, params["close_nodeports"], params["nodeport_sources"], label)
        return ensure.present(desired, options, host, *backends)
    return ensure.absent(model.parse(ports, name=label) if options.verify != "never" else None, options, *backends)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    host = Host(
        lambda name: module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]) or "",
        lambda arguments: _run_command(module, arguments),
        module.atomic_move,
        module.tmpdir,
    )
    known: dict[str, Any] = {"nft": host.nft, "python": _python(), "checks": [], "pending": [], "untried": []}
    try:
        nftables, iptables = Nftables(host, params["path"]), Iptables(host, params["path"])
        known["redirects"] = iptables.tools_and_files()
        backends: list[ensure.Backend] = [iptables, nftables] if params["backend"] == "iptables" else [nftables, iptables]
        result = {**known, **ensure_state(params, module.check_mode, host, backends)}
    except (model.HostPortsError, OSError) as error:
        module.fail_json(msg=str(error), **known)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
