#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_orders_info
short_description: Report what a cluster has ordered from ACME servers
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Reads the Orders, Challenges and Certificates of all namespaces, and what was noted before in a ConfigMap, so that
    P(baremesh.edge.order_limits#filter) can judge whether a further order would meet a limit.
  - cert-manager keeps the Order of the last issuance of a Certificate alone. Earlier ones of which nothing was noted are derived from the
    revision of the Certificate, evenly spread over the time that is in question.
notes:
  - Where the user of the API may not list these kinds in all namespaces, those of O(namespace) are read.
  - Only what this cluster ordered is known. Others that share a domain or an account count at the authority too.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  namespace:
    description: Namespace of the ConfigMap.
    type: str
    required: true
  config_map:
    description: Name of the ConfigMap, which has RV(orders) as JSON in its key C(orders). It need not exist.
    type: str
    required: true
seealso:
  - plugin: baremesh.edge.order_limits
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read what was ordered
  baremesh.edge.certificate_orders_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    config_map: edge-orders
  register: ordered

- name: Keep it
  baremesh.edge.object_apply:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: edge-orders, namespace: istio-ingress}
        data: {orders: "{{ ordered.orders | to_json }}"}
"""

RETURN = r"""
orders:
  description: The orders of the last eight days that an ACME server knows, the first one first.
  returned: success
  type: list
  elements: dict
  contains:
    uid:
      description: UID of the Order, or that of the Certificate and a revision for one that was derived.
      type: str
    at:
      description: When it was made or, for one whose validation failed, when that was.
      type: str
      sample: "2026-11-29T07:00:00Z"
    server:
      description: Directory of the ACME server.
      type: str
    account:
      description: The issuer, C(ClusterIssuer/NAME) or C(Issuer/NAMESPACE/NAME).
      type: str
    names:
      description: Names and addresses, sorted.
      type: list
      elements: str
    state:
      description: V(issued), V(failed) or V(open).
      type: str
    failed_names:
      description: Names whose validation failed.
      type: list
      elements: str
    certificate:
      description: Namespace and name of the Certificate.
      type: str
    revision:
      description: Revision of the Certificate for which it was.
      type: int
held:
  description: Certificates that have been issued.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    account:
      description: The issuer, as that of RV(orders).
      type: str
    server:
      description: Directory of the ACME server, empty where the issuer is none.
      type: str
    names:
      description: Names and addresses, sorted.
      type: list
      elements: str
    ready:
      description: Whether it is ready for its definition.
      type: bool
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.noted_orders import read_orders
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock


def main() -> None:
    """Run the module."""
    required: dict[str, Any] = {"type": "str", "required": True}
    module = EdgeModule(
        argument_spec={**auth_argument_spec(), "namespace": required, "config_map": required},
        supports_check_mode=True,
    )
    where = module.params["namespace"], module.params["config_map"]
    module.exit_json(changed=False, **attempt(module, lambda: read_orders(open_client(module.params)[0], *where, SystemClock())))


if __name__ == "__main__":
    main()
