#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: external_secret_wait
short_description: Wait until External Secrets has read its stores and secrets, or say why it has not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Watches any number of stores and ExternalSecrets of External Secrets, with its events, which say more than the conditions.
  - Returns as soon as all stores are ready, and all ExternalSecrets have been read as they are specified now.
  - Ends after 10 seconds of a state that a person has to mend, such as a sealed server, a permission that is denied, a path or a property
    that is not there, or a certificate that is not trusted. A server that does not answer may come back, and is waited for.
  - Names the store as the cause where that is why a secret is not ready.
notes:
  - In check mode it looks once, returns what it sees, and does not fail because something is not ready yet.
  - Where something has been mended, External Secrets may ask again only after minutes. M(baremesh.edge.external_secret_refresh) makes it
    ask at once.
  - External Secrets does not record which specification of a store it has looked at. A store whose specification has just changed counts as
    ready as long as the old one did.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  objects:
    description: What to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Its kind.
        type: str
        choices: [ExternalSecret, ClusterSecretStore, SecretStore]
        default: ExternalSecret
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace. Required unless O(objects[].kind=ClusterSecretStore).
        type: str
      before:
        description: Version of an ExternalSecret that is not enough, as M(baremesh.edge.external_secret_refresh) returns it.
        type: str
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 300
  fail_fast:
    description: Whether to give up where a person has to act.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.external_secret_refresh
  - module: baremesh.edge.ready_wait
"""

EXAMPLES = r"""
- name: Wait until the token of the DNS provider is in its Secret
  baremesh.edge.external_secret_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects:
      - {kind: ClusterSecretStore, name: openbao}
      - {name: dns-token, namespace: cert-manager}
"""

RETURN = r"""
objects:
  description: Each object in the order of O(objects).
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for a ClusterSecretStore.
      type: str
    name:
      description: Its name.
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
  description: The deepest known reason of the failure, in one sentence that begins with the object. Empty on success.
  returned: always
  type: str
  sample: "ClusterSecretStore openbao: Vault is sealed (503 from PUT https://openbao.example.com:8200/v1/auth/kubernetes/login)"
chain:
  description: The objects that were looked at to find RV(cause), as RV(baremesh.edge.certificate_wait#module:chain).
  returned: always
  type: list
  elements: dict
retry_at:
  description: Always empty, as External Secrets does not say when it tries again.
  returned: always
  type: str
"""

from functools import partial

from ansible_collections.baremesh.edge.plugins.module_utils._external_secrets.kinds import ExternalSecrets, objects_option, read_names
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, finish_wait, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import nothing_seen
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def main() -> None:
    """Wait and return."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            objects=objects_option({"before": {"type": "str"}}),
            timeout={"type": "int", "default": 300},
            fail_fast={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    params = module.params
    names = read_names(params["objects"])
    client = attempt(module, lambda: open_client(params)[0], partial(nothing_seen, objects=[]))
    before = dict(zip(names, (each["before"] or None for each in params["objects"])))
    wait = NamedWait(client, names, [ExternalSecrets(before)], params["fail_fast"])
    finish_wait(module, wait.run(Deadline(SystemClock(), params["timeout"]), once=module.check_mode))


if __name__ == "__main__":
    main()
