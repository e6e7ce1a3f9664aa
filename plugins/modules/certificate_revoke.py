#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_revoke
short_description: Revoke certificates of ACME authorities that others have taken the place of
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - With O(state=kept), before a renewal, keeps the certificate of each Certificate in a ConfigMap, so that a run that ends after the
    renewal loses none.
  - With O(state=revoked), after it, asks the authority to revoke what was kept, by the account that ordered it. Asks once more, to which
    the authority must answer that it is revoked. Then the ConfigMap names the two certificates and holds neither.
  - Changes nothing unless all O(names) can be revoked.
notes:
  - The key of the account is read from its Secret into the memory of this process. It is in no argument, result, log or file.
  - The host needs a way to the ACME server, whose certificate is verified by the C(caBundle) of the issuer or by what the host trusts.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  state:
    description: Which of the two steps.
    type: str
    choices: [kept, revoked]
    required: true
  namespace:
    description: Namespace of the Certificates.
    type: str
    required: true
  names:
    description: Names of the Certificates.
    type: list
    elements: str
    required: true
  serials:
    description:
      - Serial numbers of certificates among them that are revoked although they took the place of revoked ones, in hexadecimal.
      - Without it, such a certificate is left as it is, so that the same request can be made again.
    type: list
    elements: str
    default: []
  reason:
    description: Why, in the words of RFC 5280. With V(keyCompromise) the new certificate must have another key.
    type: str
    choices: [unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation]
    default: unspecified
  account_namespace:
    description: Namespace of the Secrets with account keys of ClusterIssuers.
    type: str
    default: cert-manager
  labels:
    description: Labels of the ConfigMaps. One of the same name without C(app.kubernetes.io/managed-by) of them is not overwritten.
    type: dict
    required: true
  environment:
    description: Variables for the way to the ACME server, such as C(HTTPS_PROXY).
    type: dict
    default: {}
  timeout:
    description: Seconds that one answer of the authority may take.
    type: int
    default: 30
seealso:
  - module: baremesh.edge.certificate_renew
"""

EXAMPLES = r"""
- name: Keep the certificate
  baremesh.edge.certificate_revoke:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    state: kept
    namespace: istio-ingress
    names: [app]
    reason: keyCompromise
    labels: {app.kubernetes.io/managed-by: baremesh.edge}
  register: kept

- name: Ask for another one
  baremesh.edge.certificate_renew:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    names: "{{ kept.renew }}"
  when: kept.renew | length > 0

- name: Wait for it
  baremesh.edge.certificate_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    names: [app]
    renewed_since: {app: "{{ kept.certificates[0].serial }}"}

- name: Revoke the first one
  baremesh.edge.certificate_revoke:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    state: revoked
    namespace: istio-ingress
    names: [app]
    reason: keyCompromise
    labels: {app.kubernetes.io/managed-by: baremesh.edge}
"""

RETURN = r"""
certificates:
  description: One entry per Certificate.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Certificate.
      type: str
    namespace:
      description: Its namespace.
      type: str
    state:
      description: V(kept), V(revoked), or V(done) where it was revoked by an earlier call.
      type: str
    serial:
      description: Serial number of what is or will be revoked.
      type: str
    successor:
      description: Serial number of what took its place, empty before the renewal.
      type: str
    issuer:
      description: The issuer whose account revokes, as far as it was looked for.
      type: str
    renew:
      description: Whether the Certificate has to be renewed first.
      type: bool
    changed:
      description: Whether anything was done for it, or would be in check mode.
      type: bool
renew:
  description: Names of the Certificates that have to be renewed first.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.revocation import Asked, Revocation
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import ENVIRONMENT, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.acme import REASONS
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import normal_serial, require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            state={"type": "str", "choices": ["kept", "revoked"], "required": True},
            namespace={"type": "str", "required": True},
            names={"type": "list", "elements": "str", "required": True},
            serials={"type": "list", "elements": "str", "default": []},
            reason={"type": "str", "choices": list(REASONS), "default": "unspecified"},
            account_namespace={"type": "str", "default": "cert-manager"},
            labels={"type": "dict", "required": True},
            timeout={"type": "int", "default": 30},
            **ENVIRONMENT,
        ),
        supports_check_mode=True,
    )
    module.take_environment()
    params = module.params

    def work() -> list[dict[str, Any]]:
        require_cryptography()
        serials = frozenset(map(normal_serial, params["serials"]))
        labels = {str(key): str(value) for key, value in params["labels"].items()}
        options = params["reason"], params["account_namespace"], labels, params["timeout"]
        revocation = Revocation(open_client(params)[0], Asked(params["namespace"], params["names"], serials, *options))
        if params["state"] == "kept":
            return revocation.keep(module.check_mode)
        return revocation.revoke(SystemClock(), module.check_mode)

    found = attempt(module, work)
    module.exit_json(
        changed=any(entry["changed"] for entry in found), certificates=found, renew=[entry["name"] for entry in found if entry["renew"]]
    )


if __name__ == "__main__":
    main()
