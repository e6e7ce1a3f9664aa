#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Report whether cert-manager Certificates are ready, and why not
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Looks once at any number of Certificates, with one LIST for each kind of object that matters.
  - Gives the same view as M(baremesh.edge.certificate_wait) and does not fail because a Certificate is not ready.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._certificates
  - baremesh.edge._attributes.read
seealso:
  - module: baremesh.edge.certificate_wait
options:
  secret_names:
    description: Secrets of O(namespace) that no Certificate writes, to be read as a gateway of Istio serves them.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at all certificates of the gateway
  baremesh.edge.certificate_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
  register: found

- name: Show the certificates that need attention
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.cause }}"
  loop: "{{ found.certificates | rejectattr('ready') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
certificates:
  description:
    - One entry per Certificate, as RV(baremesh.edge.certificate_wait#module:certificates).
    - A name that does not exist has the state C(Absent).
  type: list
  elements: dict
  returned: success
secrets:
  description: One entry per name in O(secret_names).
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the Secret.
      type: str
    namespace:
      description: Its namespace.
      type: str
    serial:
      description: Serial number of its certificate, lower-case hexadecimal without leading zeros.
      type: str
    not_after:
      description: End of the certificate's validity.
      type: str
    dns_names:
      description: The names it is for.
      type: list
      elements: str
    problem:
      description: Why there is no serial number, in words that follow the name of the Secret.
      type: str
ready:
  description: How many are ready.
  type: int
  returned: success
api_found:
  description: Whether the API server knows the kind Certificate.
  type: bool
  returned: success
elapsed:
  description: Seconds that the look took.
  type: float
  returned: success
observations:
  description: Object states that were read.
  type: int
  returned: success
requests:
  description: Requests made to the API.
  type: int
  returned: success
cause:
  description: The deepest known reason of the first one that is not ready.
  type: str
  returned: success
chain:
  description: The objects walked to find RV(cause).
  type: list
  elements: dict
  returned: success
retry_at:
  description: When the next attempt is due, where a back-off or a rate limit says so.
  type: str
  returned: success
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.certificate_wait import CertificateWait
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import select, selection_options
from ansible_collections.baremesh.edge.plugins.module_utils._istio.own_secrets import read_secrets
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.feed import ThreadFeed
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def look(params: dict[str, Any]) -> dict[str, Any]:
    """The view as result. Raises EdgeError."""
    selection = select(params)
    require_cryptography()
    client, _connection = open_client(params)
    waiter = CertificateWait(client, ThreadFeed(), selection, Deadline(SystemClock(), 30), once=True)
    secrets = read_secrets(client, params["namespace"], params["secret_names"])
    try:
        return dict(waiter.look().result(), secrets=secrets, api_found=True)
    except ApiError as exc:
        if not exc.not_found:
            raise
        return dict(waiter.nothing(str(exc)).result(), secrets=secrets, api_found=False)


def main() -> None:
    """Run the module."""
    secrets = {"type": "list", "elements": "str", "default": [], "no_log": False}
    module = EdgeModule(
        argument_spec=dict(auth_argument_spec(), **selection_options(), secret_names=secrets),
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **attempt(module, lambda: look(module.params)))


if __name__ == "__main__":
    main()
