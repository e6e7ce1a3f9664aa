#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sds_secret_info
short_description: Report which certificates Istio gateway pods hold and serve, and wait for the right ones
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Reads from the Envoy of each gateway pod which secrets it holds, and asks its listener for the certificate of each server name.
  - What Envoy holds does not prove what it serves. Believe RV(served).
  - Private keys are neither read nor returned; Envoy blanks them.
  - With O(expected_serials) it waits for at most O(timeout) until every Ready pod serves the certificates with those serial numbers, and
    fails with the pod, the served and the expected serial number if one does not. It asks the real listener and never makes a primer,
    which is what a renewal behind an open Gateway needs.
notes:
  - Reads Pods and creates C(pods/portforward) to Envoy's admin port 15000 and to O(port).
seealso:
  - module: baremesh.edge.sds_secret_wait
extends_documentation_fragment:
  - baremesh.edge._gateway_pods
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
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
  expected_serials:
    description:
      - By entry of O(server_names), the serial number in hexadecimal that must be served. Names that are not here only have to be served.
      - Without this there is one look, at all pods, and nothing that is seen is a failure.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for O(expected_serials).
    type: int
    default: 30
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

- name: See every pod serve what was renewed
  baremesh.edge.sds_secret_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    server_names: [app.example.com]
    expected_serials:
      app.example.com: "{{ renewed.certificates[0].serial }}"
    read_secrets: false
"""

RETURN = r"""
pods:
  description: The pods, by name. C(uid) and C(restarts) show whether one was started anew since an earlier look.
  type: list
  elements: dict
  returned: always
  contains:
    name: &pod
      description: Name of the pod.
      type: str
    node: &node
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
secrets:
  description: Secrets that the pods' Envoys hold.
  type: list
  elements: dict
  returned: always
  contains:
    pod: *pod
    node: *node
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
    dns_names: &dns_names
      description: Names of the certificate.
      type: list
      elements: str
    not_after: &not_after
      description: End of its validity.
      type: str
    last_updated:
      description: When Envoy got it.
      type: str
served:
  description: One entry per pod and server name.
  type: list
  elements: dict
  returned: always
  contains:
    pod: *pod
    namespace:
      description: Its namespace.
      type: str
    node: *node
    sni:
      description: The server name asked for.
      type: str
    state:
      description:
        - C(served); C(refused), nothing listens; C(reset), the pod has no certificate for that name; or C(forward_failed), the pod could
          not be asked.
      type: str
    serial:
      description: Serial number that was served, lower-case hexadecimal.
      type: str
    fingerprint_sha256:
      description: Fingerprint that was served.
      type: str
    issuer:
      description: Common name of the authority that signed what was served.
      type: str
    dns_names: *dns_names
    not_after: *not_after
    detail:
      description: More on a state other than C(served).
      type: str
errors:
  description: Pods that could not be asked, with the reason; also that there are none.
  type: list
  elements: str
  returned: always
elapsed:
  description: Seconds that it took.
  type: float
  returned: always
cause:
  description: With O(expected_serials), the first thing that is not as it should be.
  type: str
  returned: always
  sample: gateway pod istio-ingress-7c9f on edge1 serves serial 5802745de5de040e for app.example.com, expected is 3f0a
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_look import GatewayLook, Seen
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.served import parse_expected
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

# Seconds for which one look puts up with an API that does not answer.
PATIENCE = 5


def look(params: dict[str, Any], look_only: bool) -> Seen:
    """Do what the options say. Raises ValueError with the sentence for the user, and EdgeError."""
    names = params["server_names"]
    expected = parse_expected(params["expected_serials"], names, "server_names does not")
    selector = {str(k): str(v) for k, v in params["selector"].items()}
    require_cryptography()
    client, connection = open_client(params)
    waits = bool(expected) and not look_only
    deadline = Deadline(SystemClock(), params["timeout"] if waits else PATIENCE)
    gateway = GatewayLook(client, PodProber(connection, params["namespace"]), params["namespace"], selector, params["port"], deadline)
    return gateway.wait(names, expected, params["read_secrets"]) if waits else gateway.once(names, params["read_secrets"])


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            namespace={"type": "str", "default": "istio-ingress"},
            selector={"type": "dict", "default": {"istio": "ingress"}},
            server_names={"type": "list", "elements": "str", "default": []},
            port={"type": "int", "default": 443},
            read_secrets={"type": "bool", "default": True},
            expected_serials={"type": "dict", "default": {}},
            timeout={"type": "int", "default": 30},
        ),
        supports_check_mode=True,
    )

    def nothing(cause: str) -> dict[str, Any]:
        return {"cause": cause, "errors": [cause], "pods": [], "served": [], "secrets": [], "elapsed": 0.0}

    would = "ask the gateway pods; the API cannot be asked"
    seen = attempt(module, lambda: look(module.params, module.check_mode), nothing, would)
    if seen.problems:
        module.fail_json(msg="\n".join(seen.problems[:10]), **seen.result())
    module.exit_json(changed=False, **seen.result())


if __name__ == "__main__":
    main()
