#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: external_secret_refresh
short_description: Ask External Secrets to read stores and secrets again
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Sets the annotation C(force-sync) of stores and ExternalSecrets, at which External Secrets asks their servers at once. Otherwise it asks
    when the refresh interval is over, and after failures in intervals that grow to minutes.
  - What is not there is left out.
notes:
  - Does not wait; M(baremesh.edge.external_secret_wait) does.
  - With O(only_failed=false) every run asks again, so the module is not idempotent then.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  objects:
    description: What to read again.
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
  only_failed:
    description: Whether to leave out those that are ready.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.external_secret_wait
"""

EXAMPLES = r"""
- name: Read the token anew after it was changed in the store
  baremesh.edge.external_secret_refresh:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects: [{name: dns-token, namespace: cert-manager}]
    only_failed: false
  register: asked

- name: Wait until it has been read
  baremesh.edge.external_secret_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    objects: "{{ asked.objects }}"
"""

RETURN = r"""
objects:
  description:
    - The objects that were, or in check mode would be, asked for. O(baremesh.edge.external_secret_wait#module:objects) takes them.
  returned: success
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
    before:
      description: Version of an ExternalSecret that was read last, empty for a store.
      type: str
"""

from dataclasses import asdict

from ansible_collections.baremesh.edge.plugins.module_utils._external_secrets.kinds import objects_option, read_names, refresh
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec=dict(auth_argument_spec(), objects=objects_option(), only_failed={"type": "bool", "default": True}),
        supports_check_mode=True,
    )
    params = module.params
    names = read_names(params["objects"])

    def ask() -> dict[Name, str]:
        stamp = str(round(SystemClock().wall(), 3))
        return refresh(open_client(params)[0], names, params["only_failed"], stamp, module.check_mode)

    would = "ask External Secrets to read again; the API cannot be asked for what is not ready"
    asked = attempt(module, ask, lambda _cause: {"objects": []} if module.check_mode else {}, would)
    module.exit_json(changed=bool(asked), objects=[{**asdict(name), "before": before} for name, before in asked.items()])


if __name__ == "__main__":
    main()
