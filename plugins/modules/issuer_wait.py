#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: issuer_wait
short_description: Wait until cert-manager's issuers are ready, or say why they are not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Watches Issuers and ClusterIssuers until cert-manager has found each of them ready as it is specified now.
  - Ends at once when cert-manager does not try again, which is so for wrong configuration and for an account that the ACME server refuses.
notes:
  - In check mode it looks once, returns what it sees, and does not fail because something is not ready yet.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  issuers:
    description: What to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Its kind.
        type: str
        choices: [ClusterIssuer, Issuer]
        default: ClusterIssuer
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace, for O(issuers[].kind=Issuer).
        type: str
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 120
  fail_fast:
    description: Whether to give up at once when waiting cannot help.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.certificate_wait
"""

EXAMPLES = r"""
- name: Wait until the ACME account is registered
  baremesh.edge.issuer_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    issuers:
      - {name: letsencrypt-staging}
"""

RETURN = r"""
issuers:
  description: Each issuer in the order of O(issuers).
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace, empty for a ClusterIssuer.
      type: str
    ready:
      description: Whether it is ready.
      type: bool
    cause:
      description: Why not, empty when it is.
      type: str
elapsed:
  description: Seconds that the wait lasted.
  returned: always
  type: float
observations:
  description: Changes that were seen.
  returned: always
  type: int
requests:
  description: Requests made to the API.
  returned: always
  type: int
cause:
  description: The deepest known reason of the failure, in one sentence that begins with the issuer. Empty on success.
  returned: always
  type: str
  sample: "ClusterIssuer lab: Failed to register ACME account: dial tcp 10.0.0.9:443: connect: connection refused"
chain:
  description: The objects that were looked at to find RV(cause), as RV(baremesh.edge.certificate_wait#module:chain).
  returned: always
  type: list
  elements: dict
retry_at:
  description: When the next attempt is due, where a rate limit says so.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.issuer_wait import IssuerWait
from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import fail, finish_wait, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def main() -> None:
    """Wait and return."""
    issuer = {
        "kind": {"type": "str", "choices": ["ClusterIssuer", "Issuer"], "default": "ClusterIssuer"},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec=dict(
            auth_argument_spec(),
            issuers={"type": "list", "elements": "dict", "required": True, "options": issuer},
            timeout={"type": "int", "default": 120},
            fail_fast={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    params = module.params
    names = [Name(each["kind"], each.get("namespace") or "", each["name"]) for each in params["issuers"]]
    try:
        wait = IssuerWait(open_client(params)[0], names, params["fail_fast"])
    except EdgeError as exc:
        fail(module, exc, **nothing_seen(str(exc), issuers=[]))
    finish_wait(module, wait.run(Deadline(SystemClock(), params["timeout"]), once=module.check_mode))


if __name__ == "__main__":
    main()
