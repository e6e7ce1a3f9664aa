#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sds_secret_wait
short_description: Wait until every Istio gateway pod serves its certificates, before anything public uses them
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Proves, by a TLS handshake with every Ready gateway pod, that Envoy serves the certificate that is in the Secret.
  - First it checks all that istiod and Envoy check, the Secrets with their keys, dates and names, the right of the pods' ServiceAccount
    to list Secrets, and the pods themselves. What cannot heal by waiting is a failure at once.
  - If the pods serve the certificates on O(port) already, that is the proof, and nothing is created.
  - Otherwise it makes a primer, a Gateway that binds to C(127.0.0.1) inside the pods on ports that no Service names. Envoy fetches
    a credential only after a listener asks for it. The primer is removed on success, on failure, at the end of O(timeout) and on signals.
  - Serial numbers on the wire are compared with those in the Secrets. Log lines, configuration dumps and the readiness of pods prove
    nothing.
notes:
  - Reads and watches Pods and Secrets, reads Services, creates SubjectAccessReviews and C(pods/portforward), lists, creates, patches and
    deletes Gateways. Without the right to watch it looks every five seconds.
  - Primers have the label C(baremesh.edge/primer=true), and in annotations the process that made them and the time at which they expire.
    What a killed run left behind is removed by the next run on the same host at once, by one on another host after it has expired.
  - Where no pod has the labels, also lists Pods, Deployments, DaemonSets and StatefulSets of O(namespace), to tell a rollout that has
    only begun from a wrong O(selector).
  - Primers are scaffolding and no change of the system, so C(changed) is always V(false).
  - While it waits, progress is shown on the terminal and in the job log, not in check mode and not with the variable
    C(edge_live_progress) set to V(false).
  - In check mode only the checks are made.
seealso:
  - module: baremesh.edge.certificate_wait
  - module: baremesh.edge.sds_secret_info
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
    details:
      - Makes the checks but no primer, and never fails because something is not there yet.
  diff_mode:
    support: N/A
    details:
      - Nothing that it makes outlives it or its expiry.
options:
  credentials:
    description: What the pods must serve. Required unless O(primer=absent).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The C(credentialName), exactly as the Gateway will have it.
        type: str
        required: true
      hosts:
        description: The hosts, which the certificate must cover. For a wildcard one name that it covers is tried.
        type: list
        elements: str
        required: true
      mode:
        description: TLS mode. The mutual modes also need the Secret C(<name>-cacert), or a C(ca.crt) in the Secret itself.
        type: str
        choices: [SIMPLE, MUTUAL, OPTIONAL_MUTUAL]
        default: SIMPLE
      credential_names:
        description: The C(credentialNames) of the Gateway, an RSA and an ECDSA Secret, where it has those instead of one name.
        type: list
        elements: str
        default: []
  namespace:
    description: Namespace of the gateway pods. Istio serves Secrets of that namespace only.
    type: str
    default: istio-ingress
  selector:
    description: Labels of the gateway pods, as in the Gateway's C(selector).
    type: dict
    default: {istio: ingress}
  port:
    description: Port in the pods on which the real listener is, or will be. Set this to V(0) to look at primers only.
    type: int
    default: 443
  primer_port:
    description: First port of the primer, from V(1024). By default free ports from 20000 to 29999 that differ from run to run.
    type: int
  primer:
    description:
      - What becomes of the primer.
      - With V(removed) it is gone when the module ends.
      - With V(kept) it stays after a success, so that Envoy does not drop the secret before the real Gateway is applied. Remove it then by
        V(absent). It expires 15 minutes after the end of the module, and any later run sweeps it.
      - With V(absent) the module does nothing but remove the primers named in O(primer_names), or all for the same O(selector).
    type: str
    choices: [removed, kept, absent]
    default: removed
  primer_names:
    description: Primers to remove with O(primer=absent), as RV(primers) returned them.
    type: list
    elements: str
  timeout:
    description: Seconds that the wait may last.
    type: int
    default: 120
  fail_fast:
    description: Whether to fail at once when waiting cannot help. Set this to V(false) to wait for O(timeout) in any case.
    type: bool
    default: true
  progress_file:
    description:
      - File on the host of the module to which a line is appended for each change of state and every ten seconds.
      - It must not exist, and is removed at the end. The action plugin of the same name uses it to show progress.
    type: path
"""

EXAMPLES = r"""
- name: A site, from its credential to its Gateway
  module_defaults:
    group/baremesh.edge.edge:
      kubeconfig: /etc/rancher/k3s/k3s.yaml
  block:
    - name: Wait until the gateway pods serve the certificates
      baremesh.edge.sds_secret_wait:
        namespace: istio-ingress
        selector: {istio: ingress}
        credentials:
          - {name: app, hosts: [app.example.com]}
          - {name: partners, hosts: [partners.example.com], mode: MUTUAL}
        primer: kept
      register: primed

    - name: Open the site
      kubernetes.core.k8s:
        kubeconfig: /etc/rancher/k3s/k3s.yaml
        src: gateway.yml

  always:
    - name: Take the scaffolding down
      baremesh.edge.sds_secret_wait:
        namespace: istio-ingress
        primer: absent
        primer_names: "{{ primed.primers | default([]) }}"
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
primers:
  description: Names of the primers that were kept, or with O(primer=absent) removed.
  type: list
  elements: str
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
  description: What was looked at to find RV(cause).
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
      description: What there is to say of it.
      type: str
retry_at:
  description: Always empty here; a key that all waiting modules have.
  type: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._istio.options import parse_credentials
from ansible_collections.baremesh.edge.plugins.module_utils._istio.primers import Primers
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_base import Wanted
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_outcome import SdsOutcome
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_wait import SdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import (
    InterruptedRunError,
    fail,
    finish_wait,
    open_client,
    progress_writer,
    raise_on_signals,
)
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock

EMPTY_RESULT: dict[str, Any] = {
    "pods": [],
    "served": False,
    "method": "listener",
    "primers": [],
    "swept": [],
    "elapsed": 0.0,
    "observations": 0,
    "requests": 0,
    "chain": [],
    "retry_at": None,
}


def argument_spec() -> dict[str, dict[str, Any]]:
    """The module's options."""
    credential: dict[str, dict[str, Any]] = {
        "name": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"], "default": "SIMPLE"},
        "credential_names": {"type": "list", "elements": "str", "default": []},
    }
    spec: dict[str, dict[str, Any]] = {
        "credentials": {"type": "list", "elements": "dict", "default": [], "options": credential},
        "namespace": {"type": "str", "default": "istio-ingress"},
        "selector": {"type": "dict", "default": {"istio": "ingress"}},
        "port": {"type": "int", "default": 443},
        "primer_port": {"type": "int"},
        "primer": {"type": "str", "choices": ["removed", "kept", "absent"], "default": "removed"},
        "primer_names": {"type": "list", "elements": "str"},
        "timeout": {"type": "int", "default": 120},
        "fail_fast": {"type": "bool", "default": True},
        "progress_file": {"type": "path"},
    }
    spec.update(auth_argument_spec())
    return spec


def remove_primers(params: dict[str, Any], look_only: bool) -> dict[str, Any]:
    """Do what primer=absent says. Raises EdgeError."""
    if params["primer_names"] == []:
        return dict(EMPTY_RESULT, cause=None)
    require_cryptography()
    client, _connection = open_client(params)
    primers = Primers(client, params["namespace"], params["selector"], SystemClock())
    names = params["primer_names"] if params["primer_names"] is not None else primers.find(stale_only=False)
    problems = [] if look_only else primers.remove(names)
    if problems:
        raise EdgeError(problems[0])
    return dict(EMPTY_RESULT, primers=names, requests=client.requests, cause=None)


def wait(params: dict[str, Any], look_only: bool) -> SdsOutcome:
    """Do what the options say. Raises EdgeError before the wait and, with look_only, from it."""
    credentials = parse_credentials(params["credentials"])
    require_cryptography()
    client, connection = open_client(params)
    deadline = Deadline(SystemClock(), 5 if look_only else params["timeout"])
    selector = {str(k): str(v) for k, v in params["selector"].items()}
    waiter = SdsWait(
        client,
        PodProber(connection, params["namespace"]),
        Wanted(credentials, params["namespace"], selector, deadline, params["fail_fast"], progress_writer(params["progress_file"])),
        port=params["port"],
        primer_port=params["primer_port"],
        keep_primer=params["primer"] == "kept",
    )
    return waiter.preflight() if look_only else waiter.run()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    raise_on_signals()
    try:
        if module.params["primer"] == "absent":
            module.exit_json(changed=False, **remove_primers(module.params, module.check_mode))
        outcome = wait(module.params, module.check_mode)
    except ValueError as exc:
        module.fail_json(msg=str(exc), cause=str(exc), **EMPTY_RESULT)
    except InterruptedRunError as exc:
        module.fail_json(msg="The wait was %s; its primer is removed" % exc, cause=str(exc), **EMPTY_RESULT)
    except EdgeError as exc:
        if module.check_mode:
            text = "Would wait until the gateway pods serve the credentials; the API cannot tell their state now: %s" % exc
            module.exit_json(changed=False, msg=text, cause=str(exc), **EMPTY_RESULT)
        fail(module, exc, cause=str(exc), **EMPTY_RESULT)
    finish_wait(module, outcome.good, outcome.warnings, outcome.message, outcome.result())


if __name__ == "__main__":
    main()
