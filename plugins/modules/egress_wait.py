#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: egress_wait
short_description: Wait until pods can connect to servers outside of the mesh over TLS
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Checks all that istiod and Envoy check of the credentials of DestinationRules, the Secrets with their keys and dates, the right of the
    pods' ServiceAccount to list Secrets, and the pods themselves. What cannot heal by waiting is a failure at once.
  - With O(clusters) it also waits until the Envoy of every Ready pod holds the credentials, with the serial numbers of the Secrets, and
    has an address for every host. Without, nothing is applied yet that names them, and the checks are all.
  - Sends nothing to the servers.
notes:
  - Reads and watches Pods and Secrets, creates SubjectAccessReviews and C(pods/portforward) to Envoy's admin port 15000.
  - While it waits, progress is shown on the terminal and in the job log, not in check mode and not with the variable
    C(edge_live_progress) set to V(false).
  - In check mode it looks once, and never fails because something is not there yet.
seealso:
  - module: baremesh.edge.sds_secret_wait
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  namespace:
    description: Namespace of the pods, and of the Secrets.
    type: str
    required: true
  selector:
    description: Labels of the pods.
    type: dict
    required: true
  credentials:
    description: Credentials of DestinationRules.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The C(credentialName).
        type: str
        required: true
      mode:
        description:
          - V(SIMPLE) needs the authority that signs the server's certificate, C(cacert) or C(ca.crt) in the Secret of this name with
            C(-cacert) behind it, or in the Secret itself.
          - V(MUTUAL) also needs the client's certificate and key, C(tls.crt) and C(tls.key) in the Secret.
        type: str
        choices: [SIMPLE, MUTUAL]
        default: SIMPLE
  clusters:
    description: What the pods must know a way to.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The host, as ServiceEntry and DestinationRule name it.
        type: str
        required: true
      port:
        description: Its port, as applications name it.
        type: int
        required: true
  optional:
    description: Whether there may be no such pods at all.
    type: bool
    default: false
  timeout:
    description: Seconds to wait.
    type: int
    default: 120
  fail_fast:
    description: Whether to fail at once where waiting cannot help.
    type: bool
    default: true
  progress_file:
    description: File for progress, which the module appends to and removes. The action plugin sets it.
    type: path
"""

EXAMPLES = r"""
- name: Check the credential before anything uses it
  baremesh.edge.egress_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-egress
    selector: {istio: egress}
    credentials: [{name: partner, mode: MUTUAL}]

- name: Wait until the egress gateway can connect
  baremesh.edge.egress_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-egress
    selector: {istio: egress}
    credentials: [{name: partner, mode: MUTUAL}]
    clusters: [{host: api.partner.example, port: 80}]
"""

RETURN = r"""
namespace:
  description: Namespace of the pods.
  type: str
  returned: always
hosts:
  description: Hosts of O(clusters).
  type: list
  elements: str
  returned: always
pods:
  description: One entry per pod whose Envoy was asked.
  type: list
  elements: dict
  returned: always
  contains:
    pod:
      description: Name of the pod.
      type: str
    node:
      description: Its node.
      type: str
    state:
      description: C(ready) or C(waiting).
      type: str
    detail:
      description: What it lacks.
      type: str
elapsed:
  description: Seconds that the wait lasted.
  type: float
  returned: always
observations:
  description: Object states and answers of Envoy that were looked at.
  type: int
  returned: always
requests:
  description: Requests made to the API and to Envoy.
  type: int
  returned: always
cause:
  description: The deepest known reason of the failure, in one sentence. Empty on success.
  type: str
  returned: always
  sample: Secret partner does not exist in namespace istio-egress, where the pods that begin TLS run
chain:
  description: What was looked at to find RV(cause), as RV(baremesh.edge.certificate_wait#module:chain).
  type: list
  elements: dict
  returned: always
retry_at:
  description: Always empty here; a key that all waiting modules have.
  type: str
  returned: always
"""

from functools import partial
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.egress_wait import EgressWait, parse_asked
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import LOOK_SECONDS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import (
    attempt,
    finish_wait,
    open_client,
    progress_writer,
    raise_on_signals,
)
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def wait(params: dict[str, Any], look_only: bool) -> Outcome:
    """Do what the options say. Raises EdgeError before the wait and, with look_only, from it."""
    deadline = Deadline(SystemClock(), LOOK_SECONDS if look_only else params["timeout"])
    asked = parse_asked(params, deadline, progress_writer(params["progress_file"]))
    require_cryptography()
    client, connection = open_client(params)
    return EgressWait(client, PodProber(connection, asked.namespace), asked).run(look_only)


def main() -> None:
    """Run the module."""
    credential = {"name": {"type": "str", "required": True}, "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL"], "default": "SIMPLE"}}
    cluster = {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            namespace={"type": "str", "required": True},
            selector={"type": "dict", "required": True},
            credentials={"type": "list", "elements": "dict", "default": [], "options": credential},
            clusters={"type": "list", "elements": "dict", "default": [], "options": cluster},
            optional={"type": "bool", "default": False},
            timeout={"type": "int", "default": 120},
            fail_fast={"type": "bool", "default": True},
            progress_file={"type": "path"},
        ),
        supports_check_mode=True,
    )
    would = "wait until the pods can connect to servers outside; the API cannot be asked for their state"
    raise_on_signals()
    outcome = attempt(
        module,
        lambda: wait(module.params, module.check_mode),
        partial(nothing_seen, namespace=module.params["namespace"], hosts=[], pods=[]),
        would,
        "The wait was {}",
    )
    finish_wait(module, outcome)


if __name__ == "__main__":
    main()
