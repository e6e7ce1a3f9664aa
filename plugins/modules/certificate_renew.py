#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_renew
short_description: Ask cert-manager for a new issuance of Certificates
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Sets the condition C(Issuing) of Certificates to C(True) with the reason C(ManuallyTriggered), as C(cmctl renew) does.
    cert-manager then issues them anew, whatever their age, and without regard to the back-off after failed attempts.
  - Changes nothing unless all O(names) exist.
  - The old certificate stays in its Secret, and is served, until the new one is there.
  - A Certificate that is being issued already is left as it is.
notes:
  - Does not wait; give RV(renewed_since) to M(baremesh.edge.certificate_wait).
  - Every run asks for a new issuance, so the module is not idempotent. ACME servers limit how often a name is issued.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._certificates
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: baremesh.edge.certificate_wait
"""

EXAMPLES = r"""
- name: Ask for new certificates
  baremesh.edge.certificate_renew:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    label_selectors: [edge=public]
  register: asked

- name: Wait for them
  baremesh.edge.certificate_wait:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    namespace: istio-ingress
    label_selectors: [edge=public]
    renewed_since: "{{ asked.renewed_since }}"
  register: renewed

- name: Wait until the host serves it
  baremesh.edge.served_certificate_info:
    endpoints:
      - {address: 192.0.2.10, server_name: app.example.com}
    expected_serials:
      app.example.com: "{{ renewed.certificates[0].serial }}"
    timeout: 30
"""

RETURN = r"""
certificates:
  description: One entry per Certificate.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the Certificate.
      type: str
    namespace:
      description: Its namespace.
      type: str
    asked:
      description: Whether a new issuance was, or in check mode would be, asked for. V(false) where one is under way.
      type: bool
    revision:
      description: The revision before.
      type: int
    serial:
      description: The serial number before, lower-case hexadecimal; empty if the Secret holds none.
      type: str
renewed_since:
  description: For O(baremesh.edge.certificate_wait#module:renewed_since), the revision of each Certificate before.
  type: dict
  returned: success
  sample: {app: 3}
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.renewal import renew
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import select, selection_options
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock


def main() -> None:
    """Run the module."""
    module = EdgeModule(argument_spec={**auth_argument_spec(), **selection_options()}, supports_check_mode=True)

    def ask() -> list[dict[str, Any]]:
        selection = select(module.params)
        require_cryptography()
        return renew(open_client(module.params)[0], selection, SystemClock(), dry_run=module.check_mode)

    would = "ask for new certificates; the API cannot be asked for them"
    # Where it fails midway some were asked for: no list is right then.
    nothing: dict[str, Any] = {"certificates": [], "renewed_since": {}} if module.check_mode else {}
    entries = attempt(module, ask, lambda _cause: nothing, would)
    module.exit_json(
        changed=any(e["asked"] for e in entries),
        certificates=entries,
        renewed_since={e["name"]: e["revision"] for e in entries},
    )


if __name__ == "__main__":
    main()
