#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sds_secret_wait
short_description: Wait until every Istio gateway pod serves its certificates, before anything public uses them
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Proves, by a TLS handshake with every Ready gateway pod, that Envoy serves the certificate that is in the Secret.
  - First it checks all that istiod and Envoy check, the Secrets with their keys, dates and names, the right of the pods' ServiceAccount
    to list Secrets, and the pods themselves. What cannot heal by waiting is a failure at once.
  - Envoy fetches a credential only after a listener asks for it. So the handshakes are with the listener on O(port) for what that serves,
    and with a primer for the rest, a Gateway that binds to C(127.0.0.1) inside the pods on ports that no Service names.
  - Primers that M(baremesh.edge.sds_primer) made are given in O(primers), and stay. Without O(primers) the module makes one where one is
    needed, and removes it on success, on failure, at the end of O(timeout) and on signals.
  - Serial numbers on the wire are compared with those in the Secrets. Log lines, configuration dumps and the readiness of pods prove
    nothing.
notes:
  - Reads and watches Pods and Secrets, reads Gateways and Services, creates SubjectAccessReviews and C(pods/portforward).
    Without O(primers) it also creates and deletes Gateways. Without the right to watch it looks every five seconds.
  - Where no pod has the labels, also lists Pods, Deployments, DaemonSets and StatefulSets of O(namespace), to distinguish a rollout that
    has only begun from a wrong O(selector).
  - What it makes is scaffolding and no change of the system, so C(changed) is always V(false).
  - While it waits, progress is shown on the terminal and in the job log, not in check mode and not with the variable
    C(edge_live_progress) set to V(false).
  - In check mode only the checks are made.
seealso:
  - module: baremesh.edge.certificate_wait
  - module: baremesh.edge.sds_primer
  - module: baremesh.edge.sds_secret_info
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._credentials
attributes:
  check_mode:
    support: full
    details: Makes the checks but no primer, and never fails because something is not there yet.
  diff_mode:
    support: N/A
    details: Nothing that it makes outlives it or its expiry.
options:
  primers:
    description:
      - Names of the primers to ask, as RV(baremesh.edge.sds_primer#module:primers) returned them. They stay.
      - An empty list makes nothing and waits for the listener on O(port) alone.
      - Without it one is made for the time of the wait, where one is needed.
    type: list
    elements: str
"""

EXAMPLES = r"""
# How to open a site behind this proof without a gap is shown by the examples of baremesh.edge.sds_primer.
- name: Prove that the gateway pods will serve new credentials
  baremesh.edge.sds_secret_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    selector: {istio: ingress}
    credentials:
      - {name: app, hosts: [app.example.com]}
      - {name: partners, hosts: [partners.example.com], mode: MUTUAL}
    timeout: 120
"""

RETURN = r"""
pods:
  description: One entry per pod, credential and name asked for.
  type: list
  elements: dict
  returned: always
  contains:
    pod:
      description: Name of the pod.
      type: str
    namespace:
      description: Its namespace.
      type: str
    node:
      description: Its node.
      type: str
    credential:
      description: Name of the credential.
      type: str
    sni:
      description: The server name asked for.
      type: str
    serial:
      description: Serial number that was served, lower-case hexadecimal.
      type: str
    state:
      description: C(served), C(refused), C(reset), C(other_serial), C(forward_failed) or C(unknown).
      type: str
    detail:
      description: More on a state other than C(served).
      type: str
served:
  description: Whether all of them serve what the Secrets hold.
  type: bool
  returned: always
method:
  description: What was asked, the real C(listener) or a C(primer).
  type: str
  returned: always
swept:
  description: Names of the expired primers that were removed.
  type: list
  elements: str
  returned: always
elapsed:
  description: Seconds that the wait lasted.
  type: float
  returned: always
observations:
  description: Object states and handshakes that were looked at.
  type: int
  returned: always
requests:
  description: Requests made to the API, handshakes included.
  type: int
  returned: always
cause:
  description: The deepest known reason of the failure, in one sentence. Empty on success.
  type: str
  returned: always
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

from ansible_collections.baremesh.edge.plugins.module_utils._istio.options import gateway_options
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_wait import SdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._istio.serving import LOOK_SECONDS, parse_asked
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
    waiter = SdsWait(client, PodProber(connection, asked.namespace), asked, params["primers"])
    return waiter.preflight() if look_only else waiter.run()


def main() -> None:
    """Run the module."""
    module = EdgeModule(argument_spec={**gateway_options(), **auth_argument_spec()}, supports_check_mode=True)
    nothing = partial(nothing_seen, pods=[], served=False, method="listener", swept=[])
    would = "wait until the gateway pods serve the credentials; the API cannot be asked for their state"
    raise_on_signals()
    finish_wait(
        module, attempt(module, lambda: wait(module.params, module.check_mode), nothing, would, "The wait was {}; its primer is removed")
    )


if __name__ == "__main__":
    main()
