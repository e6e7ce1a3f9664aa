#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_copies_wait
short_description: Wait until copies of TLS Secrets hold the certificates of their sources
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Watches Secrets of type C(kubernetes.io/tls) and their copies of the same name in other namespaces, whoever makes them, such as
    Reflector or kubernetes-replicator.
  - Returns as soon as each copy holds the certificate with the serial number of its source, and the key that belongs to it.
  - Names each copy that lags, with both serial numbers. No certificate or key is returned.
notes:
  - In check mode it looks once, returns what it sees, and does not fail because a copy lags. It does fail where a Secret of others is in
    the place of a copy.
  - The module lists the TLS Secrets of all namespaces.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  secrets:
    description: The sources.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Secret, and of its copies.
        type: str
        required: true
      namespace:
        description: Namespace of the source.
        type: str
        required: true
      copies:
        description: Namespaces of the copies.
        type: list
        elements: str
        required: true
      owner:
        description:
          - Kind of the object that owns each copy, such as V(ExternalSecret).
          - A Secret without such an owner is of others, and ends the wait at once.
        type: str
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 60
seealso:
  - module: baremesh.edge.certificate_wait
"""

EXAMPLES = r"""
- name: Wait until two namespaces have the renewed certificate
  baremesh.edge.secret_copies_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    secrets:
      - {name: apps, namespace: istio-ingress, copies: [shop, team-b]}
"""

RETURN = r"""
objects:
  description: Each copy.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Always V(Secret).
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    ready:
      description: Whether it holds the certificate of its source.
      type: bool
    cause:
      description: Why not, empty when it is.
      type: str
lagging:
  description: Those of them that are not in step. O(baremesh.edge.external_secret_refresh#module:objects) takes them.
  returned: always
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
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
  description: Why the first copy that lags does, in one sentence that begins with the copy. Empty on success.
  returned: always
  type: str
  sample: "Secret shop/apps: it holds the certificate 1a2b, and Secret istio-ingress/apps holds 3c4d"
chain:
  description: That copy, as RV(baremesh.edge.certificate_wait#module:chain).
  returned: always
  type: list
  elements: dict
retry_at:
  description: Always empty.
  returned: always
  type: str
"""

from functools import partial

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.copies import KIND, Copies
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, finish_wait, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name, NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def main() -> None:
    """Wait and return."""
    each = {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "copies": {"type": "list", "elements": "str", "required": True},
        "owner": {"type": "str"},
    }
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            secrets={"type": "list", "elements": "dict", "required": True, "options": each, "no_log": False},
            timeout={"type": "int", "default": 60},
        ),
        supports_check_mode=True,
    )
    secrets = module.params["secrets"]
    made = [(Name(KIND, space, secret["name"]), secret) for secret in secrets for space in secret["copies"]]
    sources = {copy: Name(KIND, secret["namespace"], secret["name"]) for copy, secret in made}
    copies = Copies(sources, {copy: secret["owner"] for copy, secret in made if secret["owner"]})

    def wait() -> NamedWait:
        require_cryptography()
        return NamedWait(open_client(module.params)[0], list(sources), [copies])

    found = attempt(module, wait, partial(nothing_seen, objects=[], lagging=[]))
    outcome = found.run(Deadline(SystemClock(), module.params["timeout"]), once=module.check_mode)
    lagging = [{key: each[key] for key in ("namespace", "name")} for each in outcome.found["objects"] if not each["ready"]]
    outcome.found["lagging"] = lagging
    if copies.foreign:
        module.fail_json(changed=False, **outcome.result(), msg=outcome.message)
    finish_wait(module, outcome)


if __name__ == "__main__":
    main()
