#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sds_primer
short_description: Make Istio gateway pods fetch certificates before anything public uses them
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Makes a primer, a Gateway that binds to C(127.0.0.1) inside the gateway pods on ports that no Service names. Envoy fetches a credential
    only after a listener asks for it, so without a primer the first visitors of a new site would meet a port without a certificate.
  - Before that it checks all that istiod and Envoy check, and waits for at most O(timeout) until nothing is in the way. What cannot heal by
    waiting is a failure at once.
  - A credential that every Ready pod serves on O(port) already, with the serial number that is in its Secret, gets no primer.
  - A primer outlives the module, for M(baremesh.edge.sds_secret_wait) to ask it, and for Envoy to keep the secret until the real Gateway
    is applied. Remove it then with O(state=absent). It expires after 15 minutes.
  - What dead runs have left is removed, at once if they ran on the same host and were waiting, else after it has expired.
notes:
  - Reads and watches Pods and Secrets, reads Services, creates SubjectAccessReviews and C(pods/portforward), lists, creates and deletes
    Gateways. Without the right to watch it looks every five seconds.
  - Primers have the label C(baremesh.edge/primer=true), and in annotations the time at which they expire and, if it is a process that must
    not outlive them, that process.
  - While it waits, progress is shown on the terminal and in the job log, not in check mode and not with the variable
    C(edge_live_progress) set to V(false).
  - A signal ends it, and leaves no primer.
seealso:
  - module: baremesh.edge.sds_secret_wait
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._credentials
attributes:
  check_mode:
    support: full
    details:
      - Makes the checks and asks the pods, but makes and removes nothing, and does not fail because something is not there yet.
  diff_mode:
    support: none
    details: The names that it returns say all.
options:
  state:
    description:
      - V(present) makes the primer that is needed, if one is.
      - V(absent) removes the primers named in O(primers), or all for the same O(selector), and does nothing else.
    type: str
    choices: [present, absent]
    default: present
  primers:
    description: Names of the primers to remove with O(state=absent), as RV(primers) returned them. An empty list removes none.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: A site, from its credential to its Gateway
  module_defaults:
    group/baremesh.edge.edge:
      kubeconfig: /etc/rancher/k3s/k3s.yaml
  vars:
    credentials:
      - {name: app, hosts: [app.example.com]}
      - {name: partners, hosts: [partners.example.com], mode: MUTUAL}
  block:
    - name: Make the gateway pods fetch the certificates
      baremesh.edge.sds_primer:
        credentials: "{{ credentials }}"
      register: primed

    - name: Wait until every gateway pod serves them
      baremesh.edge.sds_secret_wait:
        credentials: "{{ credentials }}"
        primers: "{{ primed.primers }}"

    - name: Open the site
      baremesh.edge.object_apply:
        objects: "{{ lookup('ansible.builtin.file', 'gateway.yml') | from_yaml_all }}"

  always:
    - name: Remove the primer
      baremesh.edge.sds_primer:
        state: absent
        primers: "{{ primed.primers | default([]) }}"
"""

RETURN = r"""
primers:
  description: Names of the primers that were made, or with O(state=absent) removed.
  type: list
  elements: str
  returned: always
pods:
  description: What the pods serve on O(port), without the credentials that need a primer, as RV(baremesh.edge.sds_secret_wait#module:pods).
  type: list
  elements: dict
  returned: always
served:
  description: Whether all pods serve all credentials on O(port) already, so that no primer was needed.
  type: bool
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
from ansible_collections.baremesh.edge.plugins.module_utils._istio.sds_primer import SdsPrimer, remove_primers
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


def make(params: dict[str, Any], look_only: bool) -> Outcome:
    """Do what O(state=present) says. Raises EdgeError before the first look and, with look_only, from it."""
    deadline = Deadline(SystemClock(), LOOK_SECONDS if look_only else params["timeout"])
    asked = parse_asked(params, deadline, progress_writer(params["progress_file"]))
    require_cryptography()
    client, connection = open_client(params)
    maker = SdsPrimer(client, PodProber(connection, asked.namespace), asked)
    return maker.look() if look_only else maker.run()


def remove(params: dict[str, Any], look_only: bool) -> list[str]:
    """Do what O(state=absent) says. Raises EdgeError."""
    # Without names there is nothing to remove, and no need for an API.
    return [] if params["primers"] == [] else remove_primers(open_client(params)[0], params, look_only)


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            **gateway_options(),
            **auth_argument_spec(),
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    work = remove if module.params["state"] == "absent" else make
    nothing = partial(nothing_seen, pods=[], served=False, primers=[], swept=[])
    would = "make a primer where one is needed; the API cannot be asked"
    raise_on_signals()
    done = attempt(module, lambda: work(module.params, module.check_mode), nothing, would, "The run was {}; it leaves no primer")
    if isinstance(done, Outcome):
        finish_wait(module, done)
    module.exit_json(changed=bool(done), **{**nothing(None), "primers": done})


if __name__ == "__main__":
    main()
