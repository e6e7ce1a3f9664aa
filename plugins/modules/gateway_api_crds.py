#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_api_crds
short_description: Install the CustomResourceDefinitions of the Gateway API where a cluster lacks them
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Fetches the definitions of a release as its project publishes them, and applies them where there are none, or older ones that this
    module applied.
  - Leaves newer ones alone, and those of others. Where those of others lack a kind that is needed, it fails and changes nothing.
  - With O(sha256) no server is trusted. A file without it is trusted on first use; it must come over HTTPS, also where a server redirects.
notes:
  - Needs the rights to list, create and patch CustomResourceDefinitions.
  - The ValidatingAdmissionPolicy in the file, which keeps others from installing other releases, is left out.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._downloads
  - baremesh.edge._downloads.servers
attributes:
  check_mode:
    support: full
    details: Fetches nothing.
  diff_mode:
    support: none
options:
  version:
    description: The release, such as V(v1.6.0).
    type: str
    required: true
  url:
    description: Address of the file. One of it and O(file) is needed.
    type: str
  file:
    description: Path of the file on the host. One of it and O(url) is needed.
    type: path
  sha256:
    description: SHA-256 of the file, with or without V(sha256:).
    type: str
  pin_name:
    description: Name of the variable that gives O(sha256), for messages.
    type: str
    default: sha256
  kinds:
    description: Kinds of C(gateway.networking.k8s.io/v1) that must be served in the end.
    type: list
    elements: str
    default: [GatewayClass, Gateway, HTTPRoute]
  owner:
    description: Labels of this installation. Definitions that are there keep those that they have.
    type: dict
    default: {}
seealso:
  - name: Gateway API
    description: What the API is, and its releases.
    link: https://gateway-api.sigs.k8s.io
"""

EXAMPLES = r"""
- name: Install the Gateway API
  baremesh.edge.gateway_api_crds:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    version: v1.6.0
    url: https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.0/standard-install.yaml
    sha256: "{{ gateway_api_digest }}"
    kinds: [GatewayClass, Gateway, HTTPRoute, TLSRoute]
"""

RETURN = r"""
applied:
  description: Names of the definitions that were made or changed; empty in check mode.
  type: list
  elements: str
  returned: success
  sample: [gateways.gateway.networking.k8s.io]
"""

import os
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_crds import GROUP, CrdError, definitions_of, is_due
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.discovery import Discovery
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Transport
from ansible_collections.baremesh.edge.plugins.module_utils._module import FETCHING, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.digests import without_password
from ansible_collections.baremesh.edge.plugins.module_utils._net.documents import read_documents
from ansible_collections.baremesh.edge.plugins.module_utils._net.fetch import place_file
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.apply import apply_objects

CRDS = "apiextensions.k8s.io/v1", "CustomResourceDefinition"


def served_kinds(discovery: Discovery, kinds: list[str]) -> list[str]:
    """Return those of the kinds that the API server serves."""
    found = []
    for kind in kinds:
        try:
            found.append(discovery.find(f"{GROUP}/v1", kind).kind)
        except ApiError as exc:
            if not exc.not_found:
                raise
    return found


def read(params: dict[str, Any], folder: str) -> list[dict[str, Any]]:
    """Return the definitions in the file, fetched if need be. Raises EdgeError."""
    path = os.path.join(folder, "gateway-api.yaml")
    source = params["file"] or params["url"]
    place_file(params, source, path)
    shown = without_password(source)
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, ValueError) as exc:
        raise CrdError(f"{shown} cannot be read: {exc}") from exc
    return definitions_of(read_documents(text, shown), params["version"], shown)


def install(params: dict[str, Any], transport: Transport, folder: str, check: bool) -> tuple[bool, list[str]]:
    """Apply the definitions where they are due; return whether they are, and the names of those that changed. Raises EdgeError."""
    discovery = Discovery(transport)
    present = KubeClient(transport).items(discovery.find(*CRDS), None, metadata_only=True)
    if not is_due(present, params["version"], params["kinds"], served_kinds(discovery, params["kinds"])):
        return False, []
    if check:
        return True, []
    done = apply_objects(transport, read(params, folder), Deadline(SystemClock(), params["timeout"]), owner=params["owner"])
    if done.failures:
        raise CrdError("\n".join(done.failures))
    return bool(done.changes), [each.name for each in done.changes]


def main() -> None:
    """Install and return."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            version={"type": "str", "required": True},
            url={"type": "str"},
            file={"type": "path"},
            sha256={"type": "str"},
            pin_name={"type": "str", "default": "sha256"},
            kinds={"type": "list", "elements": "str", "default": ["GatewayClass", "Gateway", "HTTPRoute"]},
            owner={"type": "dict", "default": {}},
            **FETCHING,
        ),
        required_one_of=[("url", "file")],
        mutually_exclusive=[("url", "file")],
        supports_check_mode=True,
    )
    module.take_environment()
    params, check = module.params, module.check_mode
    changed, applied = attempt(module, lambda: install(params, open_transport(params), module.tmpdir, check))
    module.exit_json(changed=changed, applied=applied)


if __name__ == "__main__":
    main()
