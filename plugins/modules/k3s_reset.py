#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_reset
short_description: Take K3s off a host
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Stops K3s and its containers, and removes their mounts, network namespaces, interfaces, packet rules, files and data.
  - Removes only what bears a mark of K3s's own. Packet rules are taken out one by one, in one transaction for each table, instead of
    saving, filtering and restoring the whole set. Nothing below a folder that is still mounted is deleted.
  - Of O(data_dir) it removes the folders C(agent), C(data), C(server) and C(storage), then O(data_dir) itself if nothing else is in it.
    Where something else is in it, only what has a name that K3s gives is removed from these folders.
  - Persistent volumes below O(data_dir) are lost. Those on a mount or behind a link stay.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
attributes:
  diff_mode:
    support: full
options:
  bin_dir:
    description: Folder of the binary and its links.
    type: path
    default: /usr/local/bin
  data_dir:
    description:
      - K3s's data folder. A link is followed, and stays.
      - A folder that the system or other programs use, such as C(/) or C(/var/lib), is refused before anything changes.
    type: path
    default: /var/lib/rancher/k3s
  node_identity:
    description: Whether to remove the password too under which the host is known to its cluster.
    type: bool
    default: false
  node_name:
    description: Name of this host's Node, if the configuration sets one.
    type: str
"""

EXAMPLES = r"""
- name: Take K3s off this host
  baremesh.edge.k3s_reset:
"""

RETURN = r"""
removed:
  description: What was removed, or would be.
  type: list
  elements: str
  returned: success
  sample: [unit k3s.service, interface cni0, /usr/local/bin/k3s]
kept:
  description: What stays in the folders of K3s, because it lies on another mount, behind a link, or does not bear a name that K3s gives.
  type: list
  elements: str
  returned: success
  sample: [/var/lib/rancher/k3s/storage]
node_name:
  description: Name under which K3s registered this host.
  type: str
  returned: success
"""

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.nodes import own_node_name
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.reset import Reset
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "data_dir": {"type": "path", "default": "/var/lib/rancher/k3s"},
            "node_identity": {"type": "bool", "default": False},
            "node_name": {"type": "str"},
        },
        supports_check_mode=True,
    )
    node_name = own_node_name(module.params["node_name"])
    reset = Reset(module)
    try:
        reset.everything()
    except (EdgeError, OSError) as error:
        begun = "K3s is not removed completely, run again: " if reset.removed else ""
        module.fail_json(msg=f"{begun}{error}", removed=reset.removed)
    kept = sorted(reset.removal.kept)
    if kept:
        module.warn(f"These stay, as they are on another mount, behind a link or not K3s's: {', '.join(kept)}")
    module.exit_json(
        changed=bool(reset.removed),
        removed=reset.removed,
        kept=kept,
        node_name=node_name,
        diff={"before": "".join(f"{item}\n" for item in reset.removed), "after": ""},
    )


if __name__ == "__main__":
    main()
