#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sds_secret_info
short_description: Tell which certificates Istio gateway pods hold and serve
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Reads from the Envoy of each gateway pod which secrets it holds, and asks its listener for the certificate of each server name.
  - What Envoy holds is no proof of what it serves. Believe RV(served).
  - Private keys are neither read nor returned; Envoy blanks them.
notes:
  - Reads Pods and creates C(pods/portforward) to Envoy's admin port 15000 and to O(port).
seealso:
  - module: baremesh.edge.sds_secret_wait
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  namespace:
    description: Namespace of the gateway pods.
    type: str
    default: istio-ingress
  selector:
    description: Labels of the gateway pods.
    type: dict
    default: {istio: ingress}
  server_names:
    description: Names to ask the listener for. Without them only RV(secrets) is read.
    type: list
    elements: str
    default: []
  port:
    description: Port of the listener in the pods.
    type: int
    default: 443
  read_secrets:
    description: Whether to read RV(secrets) too. Without it, Envoy's admin port is not asked, which is quicker.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Ask what the gateway pods serve
  baremesh.edge.sds_secret_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    selector: {istio: ingress}
    server_names: [app.example.com]
  register: gateways

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.pod }}: {{ item.sni }} {{ item.serial | default(item.detail, true) }}"
  loop: "{{ gateways.served }}"
  loop_control:
    label: "{{ item.pod }}"
"""

RETURN = r"""
secrets:
  description: Secrets that the pods' Envoys hold.
  type: list
  elements: dict
  returned: success
  contains:
    pod:
      description: Name of the pod.
      type: str
    node:
      description: Its node.
      type: str
    name:
      description: Name under which Envoy asked istiod for it.
      type: str
      sample: kubernetes://app
    state:
      description: C(active) or C(warming).
      type: str
    kind:
      description: C(certificate), or C(ca) for an authority of client certificates.
      type: str
    serial:
      description: Serial number, lower-case hexadecimal.
      type: str
    dns_names:
      description: Names of the certificate.
      type: list
      elements: str
    not_after:
      description: End of its validity.
      type: str
    last_updated:
      description: When Envoy got it.
      type: str
served:
  description: One entry per pod and server name.
  type: list
  elements: dict
  returned: success
  contains:
    pod:
      description: Name of the pod.
      type: str
    node:
      description: Its node.
      type: str
    sni:
      description: The server name asked for.
      type: str
    state:
      description: C(served), C(refused), C(reset) or C(forward_failed).
      type: str
    serial:
      description: Serial number that was served.
      type: str
    fingerprint_sha256:
      description: Fingerprint that was served.
      type: str
    issuer:
      description: Common name of the authority that signed what was served.
      type: str
    dns_names:
      description: Names of the certificate that was served.
      type: list
      elements: str
    not_after:
      description: End of its validity.
      type: str
    detail:
      description: More on a state other than C(served).
      type: str
errors:
  description: Pods that could not be asked, with the reason.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import fail, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.portforward import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_look import look


def argument_spec() -> dict[str, dict[str, Any]]:
    """The module's options."""
    spec: dict[str, dict[str, Any]] = {
        "namespace": {"type": "str", "default": "istio-ingress"},
        "selector": {"type": "dict", "default": {"istio": "ingress"}},
        "server_names": {"type": "list", "elements": "str", "default": []},
        "port": {"type": "int", "default": 443},
        "read_secrets": {"type": "bool", "default": True},
    }
    spec.update(auth_argument_spec())
    return spec


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    selector = {str(k): str(v) for k, v in params["selector"].items()}
    try:
        client, connection = open_client(params)
        prober = PodProber(connection, params["namespace"])
        result = look(client, prober, params["namespace"], selector, params["server_names"], params["port"], params["read_secrets"])
    except KubeError as exc:
        if module.check_mode:
            text = "Would ask the gateway pods; the API cannot be asked now: %s" % exc
            module.exit_json(changed=False, msg=text, secrets=[], served=[], errors=[str(exc)])
        fail(module, exc)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
