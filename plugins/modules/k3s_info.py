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
    description: A token that a node is to join with, to be compared with those of the server.
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
  description: Whether the server has a token, which it writes when it first starts.
  type: bool
  returned: success
given_token_fits:
  description: Whether O(given_token) is one of the server's; null if that is not known.
  type: bool
  returned: success
token:
  description: The token, if O(token) is true and the server has one.
  type: str
  returned: success
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.addresses import announced_address, join_url
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text

_BOOTSTRAP = re.compile(r"(^|::)[a-z0-9]{6}\.[a-z0-9]{16}$")


def read_token(data_dir: str, kind: str) -> str | None:
    """Return the token that K3s wrote for a kind of node."""
    names = ("agent-token", "node-token", "token") if kind == "agent" else ("token",)
    for name in names:
        text = read_text(os.path.join(data_dir, "server", name))
        if text and text.strip():
            return text.strip()
    return None


def token_fits(given: str, tokens: Sequence[str]) -> bool | None:
    """Return whether a token is one of some, in its short form or in the full one, which also names the cluster's CA.

    Returns C(None) for a bootstrap token, which the cluster knows and no file does, and if there is nothing to compare with.
    """
    if not tokens or _BOOTSTRAP.search(given):
        return None
    known = [token.partition("::") for token in tokens]
    prefix, mark, rest = given.strip().partition("::")
    if not mark:
        return any(entry[2].partition(":")[2] == prefix for entry in known)
    password = rest.partition(":")[2]
    return any(entry[0] == prefix and entry[2].partition(":")[2] == password for entry in known)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
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
    token = read_token(module.params["data_dir"], module.params["kind"])
    result: dict[str, Any] = {
        "changed": False,
        "address": address,
        "url": join_url(address, module.params["config"]),
        "joinable": token is not None,
        "given_token_fits": None,
    }
    if module.params["given_token"]:
        kinds = ("agent", "server") if module.params["kind"] == "agent" else ("server",)
        tokens = [found for found in (read_token(module.params["data_dir"], kind) for kind in kinds) if found]
        result["given_token_fits"] = token_fits(module.params["given_token"], tokens)
    if module.params["token"]:
        result["token"] = token
    module.exit_json(**result)


if __name__ == "__main__":
    main()
