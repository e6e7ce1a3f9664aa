#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_config_info
short_description: Report what Istio gateway pods are configured to do, and in what it differs from the objects of the cluster
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Reads from the Envoy of each gateway pod its listeners, routes, clusters with endpoints, and secrets, as C(istioctl proxy-config) does.
  - Says in RV(flags) what differs from what the Gateways, VirtualServices and Secrets of the cluster ask for. A flag is no failure.
  - Private keys are neither read nor returned; Envoy blanks them.
notes:
  - Reads Pods, Gateways, VirtualServices and Secrets, and creates C(pods/portforward) to port 15000 of the gateway pods and to port 15014
    of istiod. What may not be read is in RV(errors), and its flags are left out.
seealso:
  - module: baremesh.edge.sds_secret_info
extends_documentation_fragment:
  - baremesh.edge._gateway_pods
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  istio_namespace:
    description: Namespace of istiod.
    type: str
    default: istio-system
"""

EXAMPLES = r"""
- name: Ask the gateway pods for their configuration
  baremesh.edge.gateway_config_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    selector: {istio: ingress}
  register: config

- name: Show what differs from the objects of the cluster
  ansible.builtin.debug:
    msg: "{{ config.flags | map(attribute='text') }}"
"""

RETURN = r"""
pods:
  description: The pods that could be asked, by name.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the pod.
      type: str
    namespace:
      description: Its namespace.
      type: str
    node:
      description: Its node.
      type: str
    uid:
      description: Its UID.
      type: str
    ready:
      description: Whether it is Ready and not being deleted.
      type: bool
    restarts:
      description: How often its containers were started again, in sum.
      type: int
    listeners:
      description: Its listeners, one entry for each state that a listener has.
      type: list
      elements: dict
      contains:
        name: &name
          description: Its name.
          type: str
        state:
          description: C(active), C(warming), C(draining), or C(rejected) for one that Envoy never took.
          type: str
        address: &address
          description: Its address.
          type: str
        port: &port
          description: Its port.
          type: int
        chains:
          description:
            - What is done with connections of some server names, in C(server_names), empty for all.
            - C(secrets) are the names of what it serves, C(routes) is the RV(pods[].routes[].config) that HTTP follows, and C(clusters) is
              where TCP goes.
          type: list
          elements: dict
        last_updated: &updated
          description: When Envoy took it.
          type: str
        detail: &detail
          description: Why Envoy refused its last update, empty where it did not.
          type: str
    routes:
      description: Its routes in the order in which Envoy looks at them.
      type: list
      elements: dict
      contains:
        config:
          description: Name of the configuration that it is part of.
          type: str
        hosts:
          description: Names for which it is.
          type: list
          elements: str
        match:
          description: The condition on the path, and the headers and parameters that it looks at.
          type: str
          sample: prefix /api/
        action:
          description: C(route), C(redirect) or C(direct_response).
          type: str
        clusters:
          description: Names of the clusters that get a share of the requests.
          type: list
          elements: str
        object:
          description: The object of which istiod made it.
          type: str
          sample: VirtualService istio-ingress/app
        last_updated: *updated
        detail: *detail
    clusters:
      description: Clusters to which routes and listeners lead, and those that are not active.
      type: list
      elements: dict
      contains:
        name:
          description: Its name, with the port, the subset and the host.
          type: str
          sample: outbound|3000||web.default.svc.cluster.local
        state:
          description: C(active), C(warming) or C(rejected).
          type: str
        type:
          description: How Envoy finds its endpoints.
          type: str
          sample: EDS
        endpoints:
          description: Its endpoints.
          type: list
          elements: dict
          contains:
            address: *address
            port: *port
            healthy:
              description: Whether Envoy sends requests there.
              type: bool
            health:
              description: What Envoy says of its health.
              type: str
              sample: HEALTHY
        last_updated: *updated
        detail: *detail
    secrets:
      description: As in RV(baremesh.edge.sds_secret_info#module:secrets).
      type: list
      elements: dict
flags:
  description: What differs from what the objects of the cluster ask for.
  type: list
  elements: dict
  returned: always
  contains:
    flag:
      description:
        - C(no_pod), a Gateway of the namespace selects no pod at all; C(no_gateway), a VirtualService names a Gateway that does not exist;
          C(not_taken), istiod does not serve a Gateway or a route of the Gateway API as it is written.
        - C(no_service), requests go to a Service, port or subset that the pod does not know; C(no_endpoints), to one without healthy
          endpoints.
        - C(warming), a listener, cluster or secret waits for what istiod has not sent; C(update_rejected), Envoy refused an update;
          C(stale), the pod has not taken what istiod sent last, or is not connected.
        - C(old_secret), the pod holds another certificate than the Secret in the cluster.
      type: str
    pod:
      description: Name of the pod, empty where it is not about one.
      type: str
    object:
      description: Kind, namespace and name of the object, empty where it is not about one.
      type: str
    text:
      description: A sentence that says it.
      type: str
      sample: >-
        VirtualService istio-ingress/app of gateway pod istio-ingress-7c9f sends app.example.com to web.default.svc.cluster.local:3000, but
        it has no endpoints
errors:
  description: What could not be asked, with the reason; also that there are no pods.
  type: list
  elements: str
  returned: always
elapsed:
  description: Seconds that it took.
  type: float
  returned: always
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_look import ConfigLook
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

# Seconds for which the look puts up with an API that does not answer.
PATIENCE = 5


def look(params: dict[str, Any]) -> dict[str, Any]:
    """Do what the options say. Raises EdgeError."""
    require_cryptography()
    client, connection = open_client(params)
    namespace, istio_namespace = params["namespace"], params["istio_namespace"]
    selector = {str(key): str(value) for key, value in params["selector"].items()}
    gateway, istiod = PodProber(connection, namespace), PodProber(connection, istio_namespace)
    return ConfigLook(client, gateway, istiod, namespace, selector, istio_namespace).once(Deadline(SystemClock(), PATIENCE))


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            namespace={"type": "str", "default": "istio-ingress"},
            selector={"type": "dict", "default": {"istio": "ingress"}},
            istio_namespace={"type": "str", "default": "istio-system"},
        ),
        supports_check_mode=True,
    )

    def nothing(cause: str) -> dict[str, Any]:
        return {"pods": [], "flags": [], "errors": [cause], "elapsed": 0.0}

    would = "ask the gateway pods; the API cannot be asked"
    module.exit_json(changed=False, **attempt(module, lambda: look(module.params), nothing, would))


if __name__ == "__main__":
    main()
