#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_client_info
short_description: Check whether a host can talk to the Kubernetes API
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Asks the Kubernetes API whether it is ready, and returns the reason where it is not. Never fails because of it.
  - With O(helm), checks the tools too. These are Helm, and the Python libraries that the modules of this collection use, in the Python that
    Ansible uses on this host.
  - Needs nothing on the host but Python, so that it also works where nothing is installed yet.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  helm:
    description: Path of Helm. Without it the tools are not checked.
    type: path
  tools_dir:
    description: Folder in which Helm can be installed. Helm at a path outside of it is never installed.
    type: path
    default: /opt/baremesh
  install:
    description: Whether missing tools may be installed. If not, each of them is a problem.
    type: bool
    default: true
  timeout:
    description: Seconds that the API may take to answer.
    type: int
    default: 10
seealso:
  - module: kubernetes.core.k8s_cluster_info
"""

EXAMPLES = r"""
- name: Check the API and the tools
  baremesh.edge.api_client_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    helm: /opt/baremesh/bin/helm
  register: client

- name: Stop where something is missing that cannot be installed
  ansible.builtin.assert:
    that: client.problems | length == 0
    fail_msg: "{{ client.problems | join('\n') }}"
"""

RETURN = r"""
available:
  description: Whether the API answered that it is ready.
  type: bool
  returned: always
reason:
  description: Why the API is not available, in one sentence. Empty where it is.
  type: str
  returned: always
  sample: "The Kubernetes API at https://127.0.0.1:6443 cannot be reached: connection refused"
architecture:
  description: Architecture of this host in Go's terms, as in the names of Helm's archives.
  type: str
  returned: always
  sample: amd64
os_family:
  description:
    - Family of the distribution as Ansible names it, V(Debian), V(RedHat) or V(Suse), empty for others.
  type: str
  returned: always
missing_libraries:
  description: Python libraries that are missing, by the names of their imports.
  type: list
  elements: str
  returned: always
  sample: [yaml]
helm_ready:
  description: Whether O(helm) can be executed.
  type: bool
  returned: always
problems:
  description: A sentence for each tool that is missing and cannot be installed. Empty without O(helm).
  type: list
  elements: str
  returned: always
"""


from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.api_client import probe


def main() -> None:
    """Check and return."""
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            helm={"type": "path"},
            tools_dir={"type": "path", "default": "/opt/baremesh"},
            install={"type": "bool", "default": True},
            timeout={"type": "int", "default": 10},
        ),
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **probe(module.params, open_transport))


if __name__ == "__main__":
    main()
