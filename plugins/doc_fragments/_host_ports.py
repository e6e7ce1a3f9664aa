# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that describe host ports."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  ports:
    description: The host ports.
    type: list
    elements: dict
    suboptions:
      port:
        description: TCP port of the host.
        type: int
        required: true
      node_port:
        description: NodePort of the Service to which it is forwarded. Either this or O(ports[].target_port).
        type: int
      target_port:
        description: Port on which a program listens on the host itself, such as a gateway with C(hostNetwork).
        type: int
      sources:
        description:
          - Addresses and networks that may use the port; every client unless set. The others are refused as if nothing listened.
          - The host itself always may.
        type: list
        elements: str
        default: []
  prefix:
    description: Stands before the names of options in messages; a role gives the prefix of its own variables.
    type: str
    default: ""
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
      - With the backend V(iptables) the rules are beside it, with the suffixes C(.iptables) and C(.ip6tables), for
        C(iptables-restore --noflush).
    type: path
    default: /etc/baremesh/host_ports.nft
"""
