#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_wait
short_description: Wait until cert-manager Certificates are ready, or say why they are not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Waits for any number of cert-manager Certificates over one LIST and WATCH, and returns as soon as all are ready.
  - "A Certificate counts as ready if its C(Ready) condition is of its present spec, nothing but a renewal is in progress, and its Secret
    exists, belongs to it, was issued by its issuer, covers its names, is within its dates, and has a key that belongs to the certificate."
  - If one cannot become ready, the module fails at once. The first line of the message names the Certificate and the deepest reason
    that is known, found by walking from the Certificate over CertificateRequest and Order to the Challenges.
  - A Certificate that never appears is a failure, and so is a namespace, or a label, without any.
  - Trouble with the API (lost connections, C(429), C(5xx), C(410), a restarted API server) is survived within O(timeout).
    A refusal by RBAC is a failure at once.
notes:
  - Reads Certificates, Secrets and, where something is not ready, CertificateRequests, Orders, Challenges and issuers.
    At most six requests, whatever the number of Certificates; private keys never leave the host where the module runs.
  - At the end of a wait in which cert-manager said nothing, its pods and the log of its controller are looked at, where the
    credentials allow it. That costs at most two requests more.
  - Where the self check of a challenge gets a wrong answer, the module asks the name once itself when it fails, to name who answers.
  - While it waits, progress is shown on the terminal and in the job log, not in check mode and not with the variable
    C(edge_live_progress) set to V(false).
  - In check mode it looks once, says what it would wait for, and never fails because something is not there yet.
seealso:
  - module: baremesh.edge.certificate_info
  - module: baremesh.edge.certificate_renew
  - module: baremesh.edge.sds_secret_wait
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._certificates
  - baremesh.edge._attributes.read
options:
  timeout:
    description: Seconds that the wait may last.
    type: int
    default: 300
  fail_fast:
    description: Whether to fail at once when waiting cannot help. Set this to V(false) to wait for O(timeout) in any case.
    type: bool
    default: true
  settle_all:
    description:
      - Whether to wait until each is ready or cannot become so, instead of failing with the first that cannot.
      - The failure then says of all others what they are, for a run that goes on with them.
    type: bool
    default: false
  renewed_since:
    description:
      - By name of a Certificate, the revision or the serial number that must have been replaced.
      - A revision is a number; a serial number is hexadecimal text of more than nine digits.
      - RV(baremesh.edge.certificate_renew#module:renewed_since) is made for this.
    type: dict
    default: {}
  crd_grace:
    description: Seconds that cert-manager's CRDs may be missing, for a chart that is just being installed.
    type: int
    default: 15
  progress_file:
    description:
      - File on the host of the module to which a line is appended for each change of state and every ten seconds.
      - It must not exist, and is removed at the end. The action plugin of the same name uses it to show progress.
    type: path
"""

EXAMPLES = r"""
- name: A Certificate and the wait for it
  module_defaults:
    group/baremesh.edge.edge:
      kubeconfig: /etc/rancher/k3s/k3s.yaml
  block:
    - name: Ask for a certificate
      kubernetes.core.k8s:
        kubeconfig: /etc/rancher/k3s/k3s.yaml
        definition:
          apiVersion: cert-manager.io/v1
          kind: Certificate
          metadata:
            name: app
            namespace: istio-ingress
          spec:
            secretName: app
            dnsNames: [app.example.com]
            issuerRef: {kind: ClusterIssuer, name: letsencrypt}

    - name: Wait for it, or learn why it does not come
      baremesh.edge.certificate_wait:
        namespace: istio-ingress
        names: [app]
        timeout: 180
      register: issued

    - name: Say what was issued
      ansible.builtin.debug:
        msg: "{{ issued.certificates[0].serial }} until {{ issued.certificates[0].not_after }}"

# How certificates are renewed and waited for is shown by the examples of baremesh.edge.certificate_renew.
"""

RETURN = r"""
certificates:
  description: One entry per Certificate, on success and on failure alike.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the Certificate.
      type: str
    namespace:
      description: Its namespace.
      type: str
    ready:
      description: Whether it is ready in the sense of this module.
      type: bool
    state:
      description: One of C(Absent), C(New), C(Issuing), C(Failed), C(Stale), C(NotReady), C(Ready).
      type: str
    cause:
      description: The deepest known reason why it is not ready.
      type: str
    advice:
      description: What helps, a sentence each; empty where it is ready or nothing is known.
      type: list
      elements: str
    chain:
      description: The objects walked, outermost first.
      type: list
      elements: dict
    secret_name:
      description: Name of its Secret.
      type: str
    dns_names:
      description: The names it is for.
      type: list
      elements: str
    not_before:
      description: Beginning of the certificate's validity.
      type: str
    not_after:
      description: End of the certificate's validity.
      type: str
    renewal_time:
      description: When cert-manager will renew it.
      type: str
    renewal_failure:
      description: What the last attempt to renew it said, while the certificate from before is still good. None unless it failed.
      type: str
    serial:
      description: Serial number in the Secret, lower-case hexadecimal without leading zeros.
      type: str
    fingerprint_sha256:
      description: Fingerprint of the certificate in the Secret, lower-case hexadecimal.
      type: str
    issuer:
      description: Kind and name of its issuer.
      type: str
      sample: ClusterIssuer/letsencrypt
    issuer_subject:
      description: Common name of the authority that signed it.
      type: str
    revision:
      description: How many times it was issued.
      type: int
    failed_attempts:
      description: Attempts that failed in a row.
      type: int
    retry_at:
      description: When the next attempt is due after a failed one.
      type: str
ready:
  description: How many are ready.
  type: int
  returned: always
elapsed:
  description: Seconds that the wait lasted.
  type: float
  returned: always
observations:
  description: Object states that were read.
  type: int
  returned: always
requests:
  description: Requests made to the API.
  type: int
  returned: always
cause:
  description: The deepest known reason of the failure, in one sentence. Empty on success.
  type: str
  returned: always
  sample: "Challenge app.example.com: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
chain:
  description: The objects walked to find RV(cause), outermost first.
  type: list
  elements: dict
  returned: always
  contains:
    kind:
      description: Kind of the object.
      type: str
    name:
      description: Its name.
      type: str
    state:
      description: Its state in a word.
      type: str
    reason:
      description: The reason its status gives.
      type: str
    message:
      description: The message its status gives.
      type: str
retry_at:
  description: When the next attempt is due, where a back-off or a rate limit says so.
  type: str
  returned: always
"""

from functools import partial
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.certificate_wait import CertificateWait
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import parse_renewals, select, selection_options
from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_look import ChallengeLook, judge_all
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, finish_wait, open_client, progress_writer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome, nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.http01 import challenge_answer
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def wait(params: dict[str, Any], look_only: bool) -> Outcome:
    """Do what the options say. Raises ValueError and EdgeError before the first look and, with look_only, EdgeError from it."""
    if params["timeout"] < 1:
        raise ValueError(f"timeout is {params['timeout']}, it must be at least 1")
    selection = select(params)
    renewals = parse_renewals(params["renewed_since"])
    require_cryptography()
    client, _connection = open_client(params)

    def look() -> ChallengeLook:
        return ChallengeLook(client, params["namespace"])

    waiter = CertificateWait(
        client,
        ThreadFeed(),
        selection,
        Deadline(SystemClock(), params["timeout"]),
        fail_fast=params["fail_fast"],
        settle_all=params["settle_all"],
        renewals=renewals,
        crd_grace=params["crd_grace"],
        progress=progress_writer(params["progress_file"]),
        sight=lambda host: challenge_answer(host, judge=lambda seen: judge_all([seen], look)[0]),
        once=look_only,
    )
    return waiter.look() if look_only else waiter.run()


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            **selection_options(),
            timeout={"type": "int", "default": 300},
            fail_fast={"type": "bool", "default": True},
            settle_all={"type": "bool", "default": False},
            renewed_since={"type": "dict", "default": {}},
            crd_grace={"type": "int", "default": 15},
            progress_file={"type": "path"},
        ),
        supports_check_mode=True,
    )
    params = module.params
    what = ", ".join(params["names"]) or f"the Certificates of namespace {params['namespace']}"
    would = f"wait for {what}; the API cannot be asked for their state"
    nothing = partial(nothing_seen, certificates=[], ready=0)
    finish_wait(module, attempt(module, lambda: wait(params, module.check_mode), nothing, would))


if __name__ == "__main__":
    main()
