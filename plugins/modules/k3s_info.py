#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_info
short_description: Read what a host needs to join a K3s server
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Reads, on a K3s server, the address under which other nodes reach it and, if wished, the join token that K3s wrote.
  - The address is the one that K3s itself announces. The keys C(advertise-address), C(node-external-ip), C(node-ip) and C(flannel-iface)
    of the configuration decide, in this order, or else the default route.
  - Returns a token only if O(token) is true. Use C(no_log) on the task then.
  - An agent gets the token of agents and never that of servers, with which it could read the keys of the cluster. Where the server has
    one token for both kinds, there is none for agents; K3s's key C(agent-token) or C(agent-token-file) gives them one of their own.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  data_dir:
    description: K3s's data folder.
    type: path
    default: /var/lib/rancher/k3s
  config:
    description: Contents of the server's configuration file, as far as known.
    type: dict
    default: {}
  token:
    description: Whether to return the token for O(kind).
    type: bool
    default: false
  given_token:
    description: A token that was given for the node, to be compared with those of the server.
    type: str
  kind:
    description: Which kind of node is to join.
    type: str
    choices: [agent, server]
    default: agent
"""

EXAMPLES = r"""
- name: Read what agents need to join
  baremesh.edge.k3s_info:
    token: true
  delegate_to: edge1
  no_log: true
  register: join
"""

RETURN = r"""
address:
  description: Address of the server; empty if it has no default route and none is configured.
  type: str
  returned: success
  sample: 192.0.2.10
url:
  description: Address to put into C(server) of another node's configuration.
  type: str
  returned: success
  sample: https://192.0.2.10:6443
joinable:
  description: Whether the server has a token for O(kind). It writes them when it starts.
  type: bool
  returned: success
given_token_fits:
  description: Whether O(given_token) is one of the server's; null if that is not known.
  type: bool
  returned: success
token:
  description: The token for O(kind), if O(token) is true and the server has one.
  type: str
  returned: success
agent_token:
  description: For O(kind=server), what the server has in C(agent-token-file), if O(token) is true and agents have a token of their own.
  type: str
  returned: success
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.addresses import announced_address, join_url
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.tokens import Tokens, password
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "data_dir": {"type": "path", "default": "/var/lib/rancher/k3s"},
            "config": {"type": "dict", "default": {}},
            "token": {"type": "bool", "default": False, "no_log": False},
            "given_token": {"type": "str", "no_log": True},
            "kind": {"type": "str", "choices": ["agent", "server"], "default": "agent"},
        },
        supports_check_mode=True,
    )
    address = announced_address(module.params["config"])
    tokens, kind, given = Tokens(module.params["data_dir"]), module.params["kind"], module.params["given_token"]
    result: dict[str, Any] = {
        "changed": False,
        "address": address,
        "url": join_url(address, module.params["config"]),
        "joinable": bool(tokens.of(kind)),
        "given_token_fits": tokens.fits(given, kind) if given else None,
    }
    if module.params["token"]:
        result["token"] = tokens.of(kind) or None
        if kind == "server":
            result["agent_token"] = password(tokens.agent) or None
        module.returned_secrets = ("token", "agent_token")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
