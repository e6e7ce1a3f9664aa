# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that make gateway pods serve credentials."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  credentials:
    description: What the pods must serve, at least one.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The C(credentialName), exactly as the Gateway will have it.
        type: str
        required: true
      hosts:
        description:
          - The hosts, which the certificate must cover. For a wildcard one name that it covers is tried.
          - V(*) is for whatever name clients ask for, so the certificate need not cover it.
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
      ca_credential_name:
        description:
          - The C(caCertCredentialName) of the Gateway, where the authority of clients is in a Secret of its own.
          - Istio takes it for that of an authority if it ends in C(-cacert). The Secret may have the name without this end.
        type: str
      port:
        description: Port in the pods on which its listener is, or will be, unless it is O(port).
        type: int
  namespace:
    description: Namespace of the gateway pods. Istio serves Secrets of that namespace only.
    type: str
    default: istio-ingress
  selector:
    description: Labels of the gateway pods, as in the Gateway's C(selector).
    type: dict
    default: {istio: ingress}
  port:
    description: Port in the pods on which the real listener is, or will be. V(0) says that it is not to be asked.
    type: int
    default: 443
  primer_port:
    description: First port of a primer that is made, from V(1024). By default free ports from 20000 to 29999 that differ from run to run.
    type: int
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
